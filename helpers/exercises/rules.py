"""Exercises told as data: probes, the right rule, the usual mistakes with their reasons. The kit judges, and the tests are derived.

An exercise book, `notebooks/<course>/exercises/NN_name.py`, calls `function`, `table`, `digest`, `names` and `choices`, once for each
exercise:

    function(
        "1.2a", "break_even", [(70, -30, 0, 0), (60, -20, -50, 0)],
        odd={"Asked is a single number.": unless(number)},
        rule=lambda tp, fp, fn, tn: (tn - fp) / (tn - fp + tp - fn),
        said="Only the two differences matter.",
        mistakes={"Those are odds, late against on time.": lambda tp, fp, fn, tn: (tn - fp) / (tp - fn)},
        otherwise="At your probability alert and silence are not worth the same.",
        hints=("…", "…"),
    )

Reasons are asked in the order in which they stand. Beside each stands a rule (what somebody who makes this mistake would answer)
or a sign (`some`, `each`, `unless`, `where`, `whole`, `at`, …), by which the mistake is known. Rules and signs see plain data: a DataFrame
is a list of dicts, an array a list, a gap None. What does not fit is a judge by `kit.exercise`, a function.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import hashlib
import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from helpers.exercises import register
from helpers.exercises.kit import Exercise, Function, Mapping, Names, Verdict, right, wrong
from helpers.exercises.plain import clean, plain, strict

Rule = Callable[..., Any]
Read = Callable[[Any], Any]
Same = Callable[[Any, Any], bool]


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


# ---- an answer and what is found in it ---------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a learner's function gave on the probes, and how it is compared with a rule."""

    inputs: list[list]
    outputs: list
    rule: Rule
    read: Read
    same: Same

    def follows(
        self, rule: Rule, *, read: Read | None = None, same: Same | None = None, place: Any = None
    ) -> bool:
        """Whether the outputs are this rule's (in one place of each, if given)."""
        return all(
            self._agree(output, self.of(rule, given), read or self.read, same or self.same, place)
            for given, output in zip(self.inputs, self.outputs, strict=True)
        )

    def of(self, rule: Rule, given: list) -> Any:
        """What the rule gives for a probe, as if a learner's function had given it."""
        return strict(plain(rule(*copy.deepcopy(given))))

    def smallest_failure(self) -> tuple[list, Any] | None:
        """The shortest probe on which the output is not the rule's, with that output."""
        failed = [
            (given, output)
            for given, output in zip(self.inputs, self.outputs, strict=True)
            if not self._agree(output, self.of(self.rule, given), self.read, self.same, None)
        ]
        return min(failed, key=lambda one: len(repr(one[0])), default=None)

    def _agree(self, one: Any, other: Any, read: Read, same: Same, place: Any) -> bool:
        one, other = read(one), read(other)
        return same(one, other) if place is None else same(one[place], other[place])


@dataclasses.dataclass(frozen=True)
class Digests(Answer):
    """What a learner's digest gave: its outputs say which inputs are the same, and nothing else."""

    def follows(self, rule: Rule, *, read: Read | None = None, place: Any = None) -> bool:
        return not self.broken(rule)

    def broken(self, rule: Rule | None = None) -> list[tuple[list, list]]:
        """The pairs of probes that share an output though the rule (the right one, if none is given) parts them, or the reverse."""
        kept = [self.of(rule or self.rule, given) for given in self.inputs]
        pairs = itertools.combinations(zip(self.inputs, self.outputs, kept, strict=True), 2)
        return [(one[0], other[0]) for one, other in pairs if (one[1] == other[1]) != (one[2] == other[2])]

    def failure(self, name: str) -> str:
        one, other = min(self.broken(), key=lambda pair: len(repr(pair)))
        parted = self.of(self.rule, one) == self.of(self.rule, other)
        said = "yours gives two that differ" if parted else "yours gives the same for both"
        return f"Try `{call(name, one)}` and `{call(name, other)}`: {said}."


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


def follows(*rules: Rule, read: Read | None = None, same: Same | None = None) -> Sign:
    """The outputs are those of one of these rules, compared by another `read` or `same` than the exercise's if given."""
    return Sign(
        lambda answer: any(answer.follows(rule, read=read, same=same) for rule in rules),
        lambda right: rules[0],
    )


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


# ---- forms of exercises ------------------------------------------------------------------------------------------


def function(
    exercise_id: str,
    name: str,
    probes: list[tuple] | Callable[[], list[tuple]],
    *,
    rule: Rule,
    said: str,
    hints: tuple[str, ...],
    otherwise: str,
    odd: dict[str, Sign] | None = None,
    mistakes: dict[str, Rule | Sign] | list[tuple[str, Rule | Sign]] = (),
    read: Read = lambda output: output,
    same: Same = close,
    kind: type[Answer] = Answer,
) -> None:
    """An exercise answered by a function that does what `rule` does.

    odd: what an output must not be, before it is compared. read: makes an output, and the rule's, comparable (`set`, `sorted`).
    same: when two are the same; by default numbers to six digits. mistakes: asked when the rule is not followed.
    otherwise: said where none is found; the smallest probe that fails is shown with it, and the learner's own output.
    """
    signs = [(reason, sign if isinstance(sign, Sign) else follows(sign)) for reason, sign in _pairs(mistakes)]

    def judge(**answers: Any) -> Verdict:
        (records,) = answers.values()
        answer = kind([r["input"] for r in records], [r["output"] for r in records], rule, read, same)
        for reason, sign in _pairs(odd or {}):
            if sign.shown(answer):
                return wrong(reason)
        if answer.follows(rule):
            return right(said)
        for reason, sign in signs:
            if sign.shown(answer):
                return wrong(reason)
        return wrong(" ".join(filter(None, [otherwise, answer.failure(name)])))

    def examples() -> Iterator[tuple[str, dict[str, Any]]]:
        yield said, {name: _on_plain(rule)}
        for reason, sign in [*_pairs(odd or {}), *signs]:
            if sign.example:
                yield reason, {name: _on_plain(sign.example(rule))}

    _register(exercise_id, judge, {name: Function(probes)}, hints, examples)


def table(
    exercise_id: str,
    name: str,
    cases: list[tuple[tuple, Any, str]],
    *,
    said: str,
    hints: tuple[str, ...],
    odd: dict[str, Sign],
    mistakes: dict[str, Rule | Sign] | None = None,
    read: Read = lambda output: output,
) -> None:
    """An exercise answered by a function that decides cases: (arguments, expected, the reason if it decides otherwise).

    Mistakes are asked first, then the cases in their order; one without a reason is decided rightly if the others are.
    """
    inputs = [strict(plain(list(given))) for given, _, _ in cases]

    def rule(*given: Any) -> Any:
        return cases[inputs.index(list(given))][1]

    def missed(number: int, expected: Any) -> Sign:
        others = [other for _, other, _ in cases if other != expected]

        def example(right: Rule) -> Rule:
            return lambda *given: others[0] if list(given) == inputs[number] else right(*given)

        return Sign(lambda answer: read(answer.outputs[number]) != read(expected), example)

    signs = [(reason, missed(i, expected)) for i, (_, expected, reason) in enumerate(cases) if reason]
    function(
        exercise_id, name, [given for given, _, _ in cases], rule=rule, said=said, hints=hints, odd=odd, read=read,
        mistakes=[*_pairs(mistakes or {}), *signs], otherwise="Some case is decided otherwise.",
    )  # fmt: skip


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

    def shown(answer: Digests) -> bool:
        return any({_exactly(one), _exactly(other)} <= these for (one,), (other,) in answer.broken())

    return Between(shown, kept and (lambda right: hashed(kept)), inputs)


def own_hash(texts: list[str]) -> bool:
    """Whether each could be Python's own `hash` written as text: 64 bits with their sign, another number in each process.

    So could a short checksum; the judge decides by their lengths.
    """
    return all(re.fullmatch("-?([0-9]{1,19}|0x[0-9a-f]{1,16})", text) for text in texts)


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


def names(
    exercise_id: str,
    name: str,
    *,
    belong: Iterable[str],
    others: Iterable[str],
    reasons: dict[str, Named],
    said: str,
    hints: tuple[str, ...],
    otherwise: str = "",
    read: Callable[[str], str] = str,
) -> None:
    """An exercise answered by a set of names. `others` are known and don't belong; `read` makes a name one of the known."""
    belong, known = set(belong), {*belong, *others}

    def judge(**answers: Any) -> Verdict:
        given = {read(item) for item in next(iter(answers.values()))}
        if given == belong:
            return right(said)
        found = Set(given, belong - given, given - known)
        for reason, sign in reasons.items():
            place = sign.shown(found)
            if place is not None and place is not False:  # a name may be empty
                return wrong(reason.replace("{}", clean(str(place), 40)))
        return wrong(otherwise)

    def examples() -> Iterator[tuple[str, dict[str, Any]]]:
        yield said, {name: belong}
        for reason, sign in reasons.items():
            for example in sign.examples(belong):
                yield reason, {name: example}

    _register(exercise_id, judge, {name: Names()}, hints, examples)


def choices(
    exercise_id: str,
    name: str,
    cases: dict[str, tuple[str, str | dict[str, str]]],
    *,
    odd: str,
    said: str,
    hints: tuple[str, ...],
    unknown: str = "",
    read: Callable[[str], str] = lambda word: word.strip().casefold(),
) -> None:
    """An exercise answered by a dict from each case to one of a few words.

    cases: the word that holds, and the reason for another word (one for all, or by word). odd: said of a word that is none of
    the words, with `{}` for the case; unknown: of a case that is none, where that matters.
    """
    words = {word for word, _ in cases.values()}
    for _, reasons in cases.values():
        words |= set(reasons) if type(reasons) is dict else set()

    def judge(**answers: Any) -> Verdict:
        (given,) = answers.values()
        if unknown and (strange := sorted(set(given) - set(cases))):
            return wrong(unknown.replace("{}", clean(strange[0], 40)))
        for case, (word, reasons) in cases.items():
            chosen = read(given[case]) if type(given[case]) is str else None
            if chosen not in words:
                return wrong(odd.replace("{}", case))
            if chosen != word:
                return wrong(reasons if type(reasons) is str else reasons[chosen])
        return right(said)

    def examples() -> Iterator[tuple[str, dict[str, Any]]]:
        holds = {case: word for case, (word, _) in cases.items()}
        yield said, {name: holds}
        yield odd, {name: {**holds, next(iter(cases)): "zz top"}}
        if unknown:
            yield unknown, {name: {**holds, "zz top": "zz top"}}
        for case, (word, reasons) in cases.items():
            for other in words - {word} if type(reasons) is str else reasons:
                yield reasons if type(reasons) is str else reasons[other], {name: {**holds, case: other}}

    _register(exercise_id, judge, {name: Mapping(*cases)}, hints, examples)


# ---- inside ------------------------------------------------------------------------------------------------------


def _pairs(reasons: dict | list) -> list[tuple]:
    return list(reasons.items()) if isinstance(reasons, dict) else list(reasons)


def _exactly(data: Any) -> str:
    """Plain data as text, the order of a dict included."""
    return json.dumps(strict(plain(data)))


def _on_plain(rule: Rule) -> Rule:
    """The rule as a learner's function, which is given the lesson's objects."""
    return lambda *given: rule(*strict(plain(list(given))))


def _shown(name: str, answer: Answer) -> str:
    """The smallest probe that fails, in words; nothing where the outputs are right one by one. Tables stand below the call."""
    failure = answer.smallest_failure()
    if failure is None:
        return ""
    given, output = failure
    tables = [item for item in given if _is_table(item)]
    names = ["table"] if len(tables) == 1 else [f"table {i + 1}" for i in range(len(tables))]
    words = [names[tables.index(item)] if item in tables else clean(repr(item), 60) for item in given]
    below = "".join(f"\n`{_drawn(rows)}`" for rows in tables)
    gives = clean(repr(output), 80).replace("`", "'")
    return f"Try `{name}({', '.join(words)})`: yours gives `{gives}`, which is not it.{below}"


def _is_table(item: Any) -> bool:
    """Whether it is a DataFrame's data, small enough to be shown."""
    return listed(lambda row: type(row) is dict)(item) and 0 < len(item) <= 8 and len(item[0]) <= 6


def _drawn(rows: list[dict]) -> str:
    """Rows in columns, for a font of one width."""
    cells = [list(rows[0]), *([str(row.get(name, "")) for name in rows[0]] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells
    )


def _register(
    exercise_id: str, judge: Callable, forms: dict, hints: tuple[str, ...], examples: Callable
) -> None:
    register(Exercise(exercise_id, forms, hints, judge, takes_given=False, examples=examples))
