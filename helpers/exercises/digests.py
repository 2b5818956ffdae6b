"""Exercises whose answer is a digest: a text that is the same where the inputs are, in what counts, and another where they are not."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import json
import re
from collections.abc import Callable
from typing import Any

from helpers.exercises.plain import plain, strict
from helpers.exercises.probes import call
from helpers.exercises.rules import function
from helpers.exercises.signs import Answer, Read, Rule, Same, Sign


@dataclasses.dataclass(frozen=True)
class Digests(Answer):
    """What a learner's digest gave: its outputs say which inputs are the same, and nothing else."""

    def follows(
        self,
        rule: Rule,
        *,
        read: Read | None = None,
        same: Same | None = None,
        place: Any = None,
        on: Rule | None = None,
    ) -> bool:
        return not self._broken_by(rule)

    @functools.cached_property
    def broken(self) -> list[tuple[list, list]]:
        """The pairs of probes that share an output though the right rule parts them, or the reverse."""
        return self._broken_by(self.rule)

    def _broken_by(self, rule: Rule) -> list[tuple[list, list]]:
        kept = [self.of(rule, given) for given in self.inputs]
        pairs = itertools.combinations(zip(self.inputs, self.outputs, kept, strict=True), 2)
        return [(one[0], other[0]) for one, other in pairs if (one[1] == other[1]) != (one[2] == other[2])]

    def failure(self, name: str) -> str:
        one, other = min(self.broken, key=lambda pair: len(repr(pair)))
        parted = self.of(self.rule, one) == self.of(self.rule, other)
        said = "two texts that differ" if parted else "the same text"
        return f"For `{call(name, one)[0]}` and `{call(name, other)[0]}` yours gives {said}."


def digest(
    exercise_id: str,
    name: str,
    inputs: list | Callable[[], list],
    *,
    kept: Rule,
    mistakes: dict[str, Sign],
    said: str,
    hints: tuple[str, ...],
    odd: dict[str, Sign],
    otherwise: str,
) -> None:
    """An exercise answered by a function from an input to a text: the same text where `kept` gives the same, another where it does not.

    The probes are the inputs, and what the mistakes known by `between` are shown by. Where no mistake is found, the smallest pair
    of inputs that fails is shown.
    """

    def probes() -> list[tuple]:
        found = list(inputs() if callable(inputs) else inputs)
        for sign in mistakes.values():
            known = set(map(_exactly, found))
            found += [x for x in (sign.inputs if type(sign) is Between else ()) if _exactly(x) not in known]
        return [(x,) for x in found]

    function(
        exercise_id, name, probes, rule=hashed(kept), said=said, hints=hints, odd=odd, mistakes=mistakes,
        otherwise=otherwise, kind=Digests,
    )  # fmt: skip


def hashed(kept: Rule) -> Rule:
    """The digest of what `kept` gives."""
    return lambda given: hashlib.sha256(_exactly(kept(given)).encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class Between(Sign):
    """How a mistake in a digest is known, with the inputs that show it."""

    inputs: tuple = ()


def between(*inputs: Any, kept: Rule | None = None) -> Between:
    """Some two of these inputs share a text and should not, or the reverse. `kept`: what is digested by who makes this mistake."""
    these = set(map(_exactly, inputs))

    def shown(answer: Answer) -> bool:
        assert isinstance(answer, Digests)
        return any({_exactly(one), _exactly(other)} <= these for (one,), (other,) in answer.broken)

    return Between(shown, kept and (lambda right: hashed(kept)), inputs)


def own_hash(texts: list[str]) -> bool:
    """Whether each could be Python's own `hash` written as text: 64 bits with their sign, another number in each process.

    So could a short checksum; the judge decides by their lengths.
    """
    return all(re.fullmatch("-?([0-9]{1,19}|0x[0-9a-f]{1,16})", text) for text in texts)


def _exactly(data: Any) -> str:
    """Plain data as text, the order of a dict included."""
    return json.dumps(strict(plain(data)))
