"""What an answer is known by: rules, and signs of mistakes. Both see plain data: a DataFrame is a list of dicts, an array a list, a gap None."""

from __future__ import annotations

import copy
import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

from helpers.exercises.plain import plain, strict
from helpers.exercises.probes import call, short

Rule = Callable[..., Any]
Read = Callable[[Any], Any]
Same = Callable[[Any, Any], bool]


# ---- what an output may be ---------------------------------------------------------------------------------------


def close(one: Any, other: Any, rel: float = 1e-6, abs_: float = 1e-6) -> bool:
    """Whether two pieces of plain data are the same but for rounding."""
    near = functools.partial(close, rel=rel, abs_=abs_)
    if number(one) and number(other):
        return math.isclose(one, other, rel_tol=rel, abs_tol=abs_)
    if type(one) is list and type(other) is list:
        return len(one) == len(other) and all(map(near, one, other))
    if type(one) is dict and type(other) is dict:
        return one.keys() == other.keys() and all(near(one[key], other[key]) for key in one)
    return one == other


def number(value: Any) -> bool:
    """Whether it is a number; True and False are none."""
    return type(value) in (int, float)


def truth(value: Any) -> bool:
    """Whether it is True or False, or 1 or 0, which numpy makes of them."""
    return type(value) in (bool, int, float) and value in (0, 1)


def optional(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Whether it is None or passes the test."""
    return lambda value: value is None or test(value)


def listed(item: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Whether it is a list of such items."""
    return lambda value: type(value) is list and all(map(item, value))


# ---- what a function gave ----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a learner's function gave on the probes, and how it is compared with a rule."""

    inputs: list[list]
    outputs: list
    rule: Rule
    read: Read
    same: Same

    def follows(
        self,
        rule: Rule,
        *,
        read: Read | None = None,
        same: Same | None = None,
        place: Any = None,
        on: Rule | None = None,
    ) -> bool:
        """Whether the outputs are this rule's: in one place of each, if given; on the probes for which `on` holds, if given."""
        return all(
            self._agree(output, self.of(rule, given), read or self.read, same or self.same, place)
            for given, output in zip(self.inputs, self.outputs, strict=True)
            if on is None or on(*given)
        )

    def of(self, rule: Rule, given: list) -> Any:
        """What the rule gives for a probe, as if a learner's function had given it."""
        return strict(plain(rule(*copy.deepcopy(given))))

    def failure(self, name: str) -> str:
        """The smallest probe that fails, in words; nothing where the outputs are right one by one. Tables stand below the call."""
        failed = [
            (given, output)
            for given, output in zip(self.inputs, self.outputs, strict=True)
            if not self._agree(output, self.of(self.rule, given), self.read, self.same, None)
        ]
        if not failed:
            return ""
        given, output = self.smallest(failed)
        said, below = self.called(name, given)
        return f"For `{said}` yours gives `{short(output, 80)}`, which is not it.{below}"

    def smallest(self, failed: list) -> Any:
        return min(failed, key=lambda one: len(repr(one[0])))

    def called(self, name: str, given: list) -> tuple[str, str]:
        return call(name, given)

    def _agree(self, one: Any, other: Any, read: Read, same: Same, place: Any) -> bool:
        one, other = read(one), read(other)
        return same(one, other) if place is None else same(one[place], other[place])


@dataclasses.dataclass(frozen=True)
class Sign:
    """How a mistake is known. `example` makes a function that shows it out of the right rule; None where no rule can."""

    shown: Callable[[Answer], bool]
    example: Callable[[Rule], Rule] | None = None


def some(test: Callable[[Any], bool]) -> Sign:
    """Some output passes the test."""
    return Sign(lambda answer: any(map(test, answer.outputs)))


def each(test: Callable[[Any], bool]) -> Sign:
    """Every output passes the test."""
    return Sign(lambda answer: all(map(test, answer.outputs)))


def unless(test: Callable[[Any], bool]) -> Sign:
    """Some output fails the test."""
    return Sign(lambda answer: not all(map(test, answer.outputs)))


def where(test: Callable[..., bool]) -> Sign:
    """For some probe, test(output, *inputs) holds."""
    return Sign(
        lambda answer: any(
            test(out, *given) for given, out in zip(answer.inputs, answer.outputs, strict=True)
        )
    )


def whole(test: Callable[[list, list], bool]) -> Sign:
    """test(outputs, inputs) holds."""
    return Sign(lambda answer: test(answer.outputs, answer.inputs))


def follows(*rules: Rule, read: Read | None = None, on: Rule | None = None) -> Sign:
    """The outputs are those of one of these rules, compared by another `read` than the exercise's, or only where on(*inputs) holds."""
    return Sign(
        lambda answer: any(answer.follows(rule, read=read, on=on) for rule in rules),
        lambda right: lambda *given: (rules[0] if on is None or on(*given) else right)(*given),
    )


def right_but(
    example: Callable[[Rule], Rule] | None = None, *, same: Same | None = None, on: Rule | None = None
) -> Sign:
    """The outputs are the right rule's if they are compared less strictly, or only where on(*inputs) holds."""
    return Sign(lambda answer: answer.follows(answer.rule, same=same, on=on), example)


def unlike(same: Same, read: Read | None = None) -> Sign:
    """Some output is not the right rule's, if they are compared in this way: `same(the output, what is due)`."""
    return Sign(lambda answer: not answer.follows(answer.rule, read=read, same=same))


def at(place: Any, rule: Rule) -> Sign:
    """In one place of each output (an index, a key) stands what this rule gives there for the whole; the rest is not asked."""

    def example(right: Rule) -> Rule:
        def function(*given: Any) -> Any:
            output = plain(right(*copy.deepcopy(given)))
            output[place] = rule(*given)
            return output

        return function

    def shown(answer: Answer) -> bool:
        return all(
            answer.same(output[place], answer.of(rule, given))
            for given, output in zip(answer.inputs, answer.outputs, strict=True)
        )

    return Sign(shown, example)


def off(place: Any) -> Sign:
    """In one place of some output stands another thing than the right rule gives."""
    return Sign(lambda answer: not answer.follows(answer.rule, place=place))


NOTHING = Sign(lambda answer: None in answer.outputs, lambda right: lambda *given: None)
NEVER = Sign(lambda answer: all(out is None for out in answer.outputs), lambda right: lambda *given: None)


def _same_throughout(answer: Answer) -> bool:
    first, *others = map(answer.read, answer.outputs)
    return all(answer.same(first, other) for other in others)


def _of_the_first_probe(right: Rule) -> Rule:
    first: list = []

    def function(*given: Any) -> Any:
        first.append(right(*given))
        return first[0]

    return function


CONSTANT = Sign(_same_throughout, _of_the_first_probe)


# ---- what a set of names holds -----------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Set:
    """A set of names: those given, those that belong and are not given, those that are none of the known."""

    given: set[str]
    missing: set[str]
    strange: set[str]


@dataclasses.dataclass(frozen=True)
class Named:
    """How a mistake in a set of names is known: the name that `{}` in its reason stands for, True, or nothing.

    `examples` makes sets that show it, out of the right one.
    """

    shown: Callable[[Set], Any]
    examples: Callable[[set[str]], list[set[str]]]


def has(*names: str) -> Named:
    """One of these is given."""
    return Named(
        lambda x: min(x.given & set(names), default=None), lambda belong: [belong | {n} for n in names]
    )


def lacks(*names: str) -> Named:
    """One of these is missing: the first is named."""
    return Named(
        lambda x: next((n for n in names if n in x.missing), None),
        lambda belong: [belong - {n} for n in names],
    )


def lacks_all(*names: str) -> Named:
    """All of these are missing."""
    return Named(lambda x: x.missing >= set(names), lambda belong: [belong - set(names)])


def lacks_only(*names: str) -> Named:
    """These are missing, and no others."""
    return Named(lambda x: x.missing == set(names), lambda belong: [belong - set(names)])


def only(*names: str) -> Named:
    """These are given, and no others."""
    return Named(lambda x: x.given == set(names), lambda belong: [set(names)])


NO_NAME = only()
STRANGE = Named(lambda x: min(x.strange, default=None), lambda belong: [belong | {"zz top"}])
