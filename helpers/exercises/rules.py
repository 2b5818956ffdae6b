"""Exercises told as data: probes, the right rule, the usual mistakes with their reasons. The kit judges, and the tests are derived.

A book of exercises, `notebooks/<course>/exercises/NN_name.py`, calls `function`, `table`, `names` and `choices` (`digests.py` has a
fifth form), once for each exercise:

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
or a sign, by which the mistake is known (`signs.py`). Rules and signs see plain data: a DataFrame is a list of dicts, an array a
list, a gap None. What does not fit is a judge by `kit.exercise`, a function.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from helpers.exercises import kit, register
from helpers.exercises.kit import Exercise, Form, Function, Names, Query, Verdict, right, wrong
from helpers.exercises.plain import clean, plain, strict
from helpers.exercises.queries import ByRule
from helpers.exercises.signs import Answer, Named, Read, Rule, Same, Set, Sign, close, follows
from helpers.exercises.worlds import Lived, Worlds

Reasons = (
    Mapping[str, Rule] | Mapping[str, Sign] | Mapping[str, Rule | Sign] | Mapping[str, Rule | Sign | str]
)


def function(
    exercise_id: str,
    name: str,
    probes: list[tuple] | Callable[[], list[tuple]] | None = None,
    *,
    rule: Rule | str,
    said: str,
    hints: tuple[str, ...],
    otherwise: str,
    odd: Mapping[str, Sign] | None = None,
    mistakes: Reasons | None = None,
    read: Read | None = None,
    same: Same = close,
    kind: Callable[..., Answer] = Answer,
    form: Function | Query | Worlds | None = None,
) -> None:
    """An exercise answered by a function that does what `rule` does; or, with `form`, by a query, or by a program in worlds.

    A Query has its own probes; `rule` and mistakes may then be SQL text, too, and rows are compared in any order unless it is
    `ordered`. In Worlds, `rule` and mistakes are programs, and what comes of them is compared (`worlds.py`).

    odd: what an output must not be, before it is compared. read: makes an output, and the rule's, comparable (`set`, `sorted`).
    same: when two are the same; by default numbers to six digits. mistakes: asked when the rule is not followed.
    otherwise: said where none is found; the smallest probe that fails is shown with it, and the learner's own output.
    """
    form = form or Function(probes or [])
    query = form if isinstance(form, Query) else None
    rule = _told(rule, query)
    reads = read or (query.comparable if query else lambda output: output)
    acts: Callable[[Rule], Any] = ByRule if query else _on_plain
    if isinstance(form, Worlds):
        kind, acts = functools.partial(Lived, worlds=form), lambda program: program
    before = dict(odd or {})
    after = {
        why: sign if isinstance(sign, Sign) else follows(_told(sign, query))
        for why, sign in (mistakes or {}).items()
    }

    def judge(**answers: Any) -> Verdict:
        (records,) = answers.values()
        answer = kind([r["input"] for r in records], [r["output"] for r in records], rule, reads, same)
        for reason, sign in before.items():
            if sign.shown(answer):
                return wrong(reason)
        if answer.follows(rule):
            return right(said)
        for reason, sign in after.items():
            if sign.shown(answer):
                return wrong(reason)
        return wrong(" ".join(filter(None, [otherwise, answer.failure(name)])))

    def examples() -> Iterator[tuple[str, dict[str, Any]]]:
        yield said, {name: acts(rule)}
        for reason, sign in {**before, **after}.items():
            if sign.example:
                yield reason, {name: acts(sign.example(rule))}

    _register(exercise_id, judge, {name: form}, hints, examples)


def table(
    exercise_id: str,
    name: str,
    cases: list[tuple[tuple, Any, str]],
    *,
    said: str,
    hints: tuple[str, ...],
    odd: Mapping[str, Sign],
    mistakes: Reasons | None = None,
    read: Read = lambda output: output,
) -> None:
    """An exercise answered by a function that decides cases: (arguments, expected, the reason if it decides otherwise).

    Mistakes are asked first, then the cases in their order; one without a reason is decided rightly if the others are.
    """
    inputs = [strict(plain(list(given))) for given, _, _ in cases]
    decisions = [strict(plain(expected)) for _, expected, _ in cases]

    def rule(*given: Any) -> Any:
        return decisions[inputs.index(list(given))]

    def missed(numbers: list[int]) -> Sign:
        def shown(answer: Answer) -> bool:
            return not all(answer.same(read(answer.outputs[i]), read(decisions[i])) for i in numbers)

        def example(right: Rule) -> Rule:
            first = numbers[0]
            other = next(decision for decision in decisions if decision != decisions[first])
            return lambda *given: other if list(given) == inputs[first] else right(*given)

        return Sign(shown, example)

    numbers: dict[str, list[int]] = {}
    for number, (_, _, reason) in enumerate(cases):
        if reason:
            numbers.setdefault(reason, []).append(number)
    signs = {reason: missed(those) for reason, those in numbers.items()}
    function(
        exercise_id, name, [given for given, _, _ in cases], rule=rule, said=said, hints=hints, odd=odd, read=read,
        mistakes={**(mistakes or {}), **signs}, otherwise="Some case is decided otherwise.",
    )  # fmt: skip


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
                return wrong(reasons if isinstance(reasons, str) else reasons[chosen])
        return right(said)

    def examples() -> Iterator[tuple[str, dict[str, Any]]]:
        holds = {case: word for case, (word, _) in cases.items()}
        yield said, {name: holds}
        yield odd, {name: {**holds, next(iter(cases)): "zz top"}}
        if unknown:
            yield unknown, {name: {**holds, "zz top": "zz top"}}
        for case, (word, reasons) in cases.items():
            for other in words - {word} if isinstance(reasons, str) else reasons:
                yield reasons if isinstance(reasons, str) else reasons[other], {name: {**holds, case: other}}

    _register(exercise_id, judge, {name: kit.Mapping(*cases)}, hints, examples)


def _told(rule: Rule | str, query: Query | None) -> Rule:
    """The rule, where it may be told in SQL."""
    if not isinstance(rule, str):
        return rule
    if query is None:
        raise ValueError(f"A rule of a function is a function, not {rule!r}.")
    return query.rule(rule)


def _on_plain(rule: Rule) -> Rule:
    """The rule as a learner's function, which is given the lesson's objects."""
    return lambda *given: rule(*strict(plain(list(given))))


def _register(
    exercise_id: str, judge: Callable, forms: dict[str, Form], hints: tuple[str, ...], examples: Callable
) -> None:
    register(Exercise(exercise_id, forms, hints, judge, examples=examples))
