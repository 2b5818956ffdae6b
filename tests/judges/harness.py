"""What every judge must do, checked on its Cases. `faults` lists in words what it fails; an empty list is a good judge.

In a module such as cases_2_2.py, `from .harness import Cases` and bind CASES, a dict from exercise id to Cases.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import functools
import itertools
import json
import math
import random
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import hypothesis
from hypothesis import strategies as st

from helpers.exercises import kit, sandbox, source
from helpers.exercises.kit import INVALID, NOT_ATTEMPTED, RIGHT, WRONG, Exercise, Verdict
from helpers.exercises.plain import Blank, NotData, plain, strict
from helpers.exercises.worlds import Worlds

FEWEST_RIGHT, FEWEST_WRONG = 2, 4


@dataclasses.dataclass(frozen=True)
class Cases:
    """Answers to an exercise, each a dict from name to answer as a learner would give it (functions as functions).

    They add what the exercise's own examples can't have. `right`: other right ways. `wrong`: by a fragment that only this
    answer's reason contains, mistakes that nobody foresaw, or that are more than a line. With the examples there are two right
    answers at least, and four wrong ones. `invalid`: in the same way, what can't be judged. `given`: the context that the
    lesson passes to the check.
    """

    right: list[dict[str, Any]]
    wrong: dict[str, dict[str, Any]]
    given: dict[str, Any] | None = None
    invalid: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)


def cases(name: str, right: list[Any], wrong: dict[str, Any], given: Any = None, invalid: Any = ()) -> Cases:
    """Cases of an exercise with one answer, whose name is said once."""
    wrong, invalid = ({why: {name: x} for why, x in dict(of).items()} for of in (wrong, invalid))
    return Cases([{name: answer} for answer in right], wrong, given, invalid)


def quoted(exercise_id: str) -> str:
    """The text in triple quotes that the lesson's own solution binds, for cases that change a piece of it."""
    return next(code for tags, code in source.of(exercise_id) if "solution" in tags).split('"""')[1]


FUNCTIONS = (kit.Function, kit.Program)  # answered by a function
RECORDS = (kit.Function, kit.Query, Worlds)  # read as what came of each probe


def _blank(*args: Any) -> Any:
    """A starter that was not touched."""


def _raises(*args: Any) -> Any:
    raise RuntimeError("unfinished")


class _Hostile:
    """An object that raises whatever is done to it."""

    def _fail(self, *args: Any) -> Any:
        raise RuntimeError("hostile")

    __eq__ = __len__ = __repr__ = __str__ = __iter__ = __bool__ = __getattr__ = __float__ = _fail
    __hash__ = None


def _endless() -> Iterator[int]:
    while True:
        yield 0


def garbage() -> list[Any]:
    """Answers that are nothing: of no type that is asked for, empty, not finite, huge, hostile. Fresh at each call."""
    loop: list[Any] = []
    loop.append(loop)
    return [
        None,
        float("nan"),
        float("inf"),
        -1e308,
        10**400,
        "",
        "x" * 300_000,
        "\ud800",
        b"\xff",
        [],
        {},
        set(),
        [None],
        [[]],
        {"": {}},
        {1: 2},
        object(),
        _Hostile(),
        loop,
        range(10**12),
        _endless(),
        Ellipsis.__class__,
        _raises,
        _blank,
        [float("nan")],
        list(range(200_000)),
        True,
    ]


# These functions are ours and end; a process for each would take minutes
in_this_process = mock.patch.object(sandbox, "FORKS", False)

# What a form reads of an answer of ours is kept: it may play a world of seconds, and is asked for dozens of times.
# `_on_right` reads once more without. By identity, for which the answer is kept as well: it may be an array or a message.
READ: dict[int, tuple[Any, dict[kit.Form, Any]]] = {}
_taken = kit.Form.taken


@functools.cache
def _examples(of: Callable[[], Iterable]) -> list[tuple[str, dict[str, Any]]]:
    """An exercise's own examples, made once, so that what is read of them is kept."""
    return list(of())


def _ours(task: Exercise, cases: Cases) -> list[tuple[str, dict[str, Any]]]:
    """The exercise's own examples; what is read of them and of its cases is kept from now on."""
    examples = _examples(task.examples)
    told = [answers for _, answers in examples]
    for answers in [*told, *cases.right, *cases.wrong.values(), *cases.invalid.values()]:
        for value in answers.values():
            READ.setdefault(id(value), (value, {}))
    return examples


def _kept(form: kit.Form, value: Any) -> Any:
    if id(value) not in READ:  # made up
        return _taken(form, value)
    _, kept = READ[id(value)]
    if form not in kept:
        try:
            kept[form] = _taken(form, value)
        except (NotData, Blank) as error:
            kept[form] = error
    if isinstance(kept[form], Exception):
        raise kept[form]
    return copy.deepcopy(kept[form])


read_once = mock.patch.object(kit.Form, "taken", _kept)


@in_this_process
@read_once
def faults(task: Exercise, cases: Cases, examples: int = 60) -> list[str]:
    """What is wrong with the exercise's judge or its cases, one sentence each."""
    found, own = [], []
    for reason, answers in _ours(task, cases):
        verdict = kit.assess(task, answers, cases.given)
        if not re.fullmatch(".*".join(map(re.escape, reason.split("{}"))), verdict.reason):
            found.append(f"the example of {reason!r} is {verdict.status}: {verdict.reason}")
        own.append((verdict, answers))
    cases = dataclasses.replace(cases, right=[a for v, a in own if v.status == RIGHT] + cases.right)
    mistakes = len({v.reason for v, _ in own if v.status == WRONG}) + len(cases.wrong)
    found += [f"has {len(cases.right)} right answers, fewer than {FEWEST_RIGHT}"] * (
        len(cases.right) < FEWEST_RIGHT
    )
    found += [f"has {mistakes} wrong answers, fewer than {FEWEST_WRONG}"] * (mistakes < FEWEST_WRONG)
    found += _on_right(task, cases)
    if not found:  # the rest compares with the right answers
        made_up = [functools.partial(_on_made_up, examples=examples)] * (examples > 0)
        found += [
            f"the reason shows the expected value {value}: {verdict.reason}"
            for verdict, answers in own
            if verdict.status == WRONG
            for value in leaks(task, cases, kit.collect(task, answers), verdict.reason)
        ]
        for part in (_on_wrong, _on_invalid, _on_unattempted, _on_garbage, *made_up):
            try:
                found += part(task, cases)
            except Exception as error:  # noqa: BLE001 - a judge that raises is a finding, whatever it raises
                found.append(f"raises {type(error).__name__}: {error}")
    return found


@in_this_process
@read_once
def unsaid(book: Path, tasks: dict[str, Exercise], cases: dict[str, Cases]) -> list[str]:
    """The sentences in a book of exercises that no example, no case and no garbage gets to hear."""
    heard = []
    for name, task in tasks.items():
        examples = [answers for _, answers in _ours(task, cases[name])]
        first = [*examples, *cases[name].right][0]
        garbled = [{**first, form: junk} for form in task.forms for junk in garbage()]
        case = cases[name]
        for answers in [*examples, *case.right, *case.wrong.values(), *case.invalid.values(), *garbled]:
            heard.append(kit.assess(task, answers, case.given).reason)
        heard += [*task.hints, *(form.asks for form in task.forms.values())]
        heard += [leaf for leaf in _leaves(kit.collect(task, first)) if isinstance(leaf, str)]
    return [text for text in _sentences(book) if not any(text in said for said in heard)]


def _sentences(book: Path) -> list[str]:
    """Texts of three words and more in a Python file, but for docstrings; cut at `{}`, for which something else is said."""
    tree = ast.parse(book.read_text(encoding="utf8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef))
        and isinstance(node.body[0], ast.Expr)
    }
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]
    return [part.strip() for text in texts for part in text.split("{}") if len(part.split()) >= 3]


def _on_right(task: Exercise, cases: Cases) -> list[str]:
    found = []
    for number, answers in enumerate(cases.right):
        data = kit.collect(task, answers)
        if isinstance(data, Verdict):
            found.append(f"right answer {number} is {data.status}: {data.reason}")
            continue
        with mock.patch.object(kit.Form, "taken", _taken):
            if kit.collect(task, answers) != data:
                found.append(f"right answer {number} is read differently the second time")
        before = copy.deepcopy(data)
        verdict = kit.decide(task, data, cases.given)
        if verdict.status != RIGHT:
            found.append(f"right answer {number} is {verdict.status}: {verdict.reason}")
        if data != before:
            found.append("changes the data it judges")
        if kit.decide(task, json.loads(json.dumps(before, allow_nan=False)), cases.given) != verdict:
            found.append("judges the same answer differently the second time, or after a trip through JSON")
    return found


def _on_wrong(task: Exercise, cases: Cases) -> list[str]:
    found, reasons = [], {}
    for fragment, answers in cases.wrong.items():
        verdict = kit.assess(task, answers, cases.given)
        reasons[fragment] = verdict.reason
        if verdict.status != WRONG:
            found.append(f"the wrong answer {fragment!r} is {verdict.status}: {verdict.reason}")
        elif fragment not in verdict.reason:
            found.append(f"the wrong answer {fragment!r} gets another reason: {verdict.reason}")
        if kit.assess(task, answers, cases.given) != verdict:
            found.append(f"judges the wrong answer {fragment!r} differently the second time")
        found += [
            f"the reason of {fragment!r} shows the expected value {value}: {verdict.reason}"
            for value in leaks(task, cases, kit.collect(task, answers), verdict.reason)
        ]
    found += [
        f"the fragment {one!r} is also in the reason of {other!r}: the mistakes need reasons of their own"
        for one in reasons
        for other, reason in reasons.items()
        if one != other and one in reason
    ]
    return found


def _on_invalid(task: Exercise, cases: Cases) -> list[str]:
    found = []
    for fragment, answers in cases.invalid.items():
        verdict = kit.assess(task, answers, cases.given)
        if verdict.status != INVALID or fragment not in verdict.reason:
            found.append(f"the invalid answer {fragment!r} is {verdict.status}: {verdict.reason}")
    return found


def _on_unattempted(task: Exercise, cases: Cases) -> list[str]:
    found = []
    for name, form in task.forms.items():
        for blank in [..., _blank] if isinstance(form, FUNCTIONS) else [...]:
            verdict = kit.assess(task, {**cases.right[0], name: blank}, cases.given)
            if verdict.status != NOT_ATTEMPTED:
                found.append(f"a blank `{name}` is {verdict.status}")
    if kit.assess(task, {}, cases.given).status != INVALID:
        found.append("a check without answers is not called invalid")
    return found


def _on_garbage(task: Exercise, cases: Cases) -> list[str]:
    found = []
    for name in task.forms:
        for number, junk in enumerate(garbage()):
            verdict = kit.assess(task, {**cases.right[0], name: junk}, cases.given)
            if verdict.status == RIGHT and not _equal(task, name, junk, cases):
                found.append(f"garbage number {number} as `{name}` is right")
            if verdict.status == WRONG:
                data = kit.collect(task, {**cases.right[0], name: junk})
                found += [
                    f"the reason for garbage number {number} as `{name}` shows the expected value {value}"
                    for value in leaks(task, cases, data, verdict.reason, names=(name,))
                ]
    return found


def _on_made_up(task: Exercise, cases: Cases, examples: int) -> list[str]:
    """JSON of any kind, and right answers with one place replaced by JSON of any kind."""
    shipped = kit.collect(task, cases.right[0])
    free = [name for name, form in task.forms.items() if not _looked_at(form)]

    def any_json(name: str, junk: Any, chance: random.Random) -> None:
        answer = (lambda *args: junk) if isinstance(task.forms[name], FUNCTIONS) else junk
        verdict = kit.assess(task, {**cases.right[0], name: answer}, cases.given)
        assert verdict.status != RIGHT or _equal(task, name, answer, cases) or _guessable(task.forms[name]), (
            "is right"
        )

    def one_place_replaced(name: str, junk: Any, chance: random.Random) -> None:
        path = chance.choice(_places(shipped[name], isinstance(task.forms[name], RECORDS)))
        try:
            data = {**shipped, name: strict(task.forms[name].shape(_replaced(shipped[name], path, junk)))}
        except NotData:
            return
        verdict = kit.decide(task, data, cases.given)
        assert verdict == kit.decide(task, data, cases.given), "is judged differently the second time"

    found = []
    for trial, names in ((any_json, list(task.forms)), (one_place_replaced, free)):
        chance = random.Random(task.id)
        for junk in made_up(examples) if names else ():
            try:
                trial(chance.choice(names), copy.deepcopy(junk), chance)
            except Exception as error:  # noqa: BLE001 - whatever the judge raised is the finding
                found.append(f"on made-up JSON ({trial.__name__}), {junk!r}: {type(error).__name__}: {error}")
    return found


PLAIN = [
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
]
JSON = st.recursive(
    st.one_of(PLAIN),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
KINDS = [*PLAIN, st.lists(JSON, max_size=4), st.dictionaries(st.text(max_size=6), JSON, max_size=4)]


@functools.cache
def made_up(count: int) -> list[Any]:
    """So many different pieces of JSON by Hypothesis, as many of one kind as of another, as far as there are.

    For each exercise it would make much the same, and take longer than most judges: once is enough.
    """
    made: list[dict[str, Any]] = [{} for _ in KINDS]

    @hypothesis.settings(max_examples=count, derandomize=True, database=None, deadline=None)
    @hypothesis.given(st.tuples(*KINDS))
    def note(pieces: tuple) -> None:
        for of_its_kind, junk in zip(made, pieces, strict=True):
            of_its_kind.setdefault(repr(junk), junk)

    note()
    in_turn = itertools.zip_longest(*(of_its_kind.items() for of_its_kind in made))
    return [one[1] for turn in in_turn for one in turn if one][:count]


def leaks(
    task: Exercise, cases: Cases, data: Any, reason: str, names: tuple[str, ...] | None = None
) -> list[str]:
    """The expected values that a reason shows. What the learner gave, what the lesson gave and the probes' inputs may be named."""
    reason = reason.partition(" For `")[0]  # a probe, and what the learner's function gave on it
    open_ = [*_leaves(cases.given or {}), *(_leaves(data) if isinstance(data, dict) else [])]
    expected = []
    for answers in cases.right:
        for name, value in kit.collect(task, answers).items():
            if isinstance(task.forms[name], RECORDS):
                open_ += [leaf for record in value for leaf in _leaves(record["input"])]
                value = [record.get("output") for record in value]
            if names is None or name in names:
                expected += [
                    leaf
                    for leaf in _leaves(value)
                    if not (isinstance(task.forms[name], RECORDS) and leaf in (0, 1))
                ]
    open_ = set(open_)
    numbers = [
        (float(text.replace(",", "")), len(text.partition(".")[2]))
        for text in re.findall(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?", re.sub(r",(?!\d{3})", " ", reason))
    ]
    shown = set()
    for leaf in set(expected):
        if leaf in open_ or any(_same(leaf, other) for other in open_):
            continue
        if isinstance(leaf, str):
            pattern = (
                rf"[`\"']{re.escape(leaf)}[`\"']" if len(leaf) <= 3 else rf"(?<!\w){re.escape(leaf)}(?!\w)"
            )
            if leaf.strip() and re.search(pattern, reason, re.IGNORECASE):
                shown.add(repr(leaf))
        elif any(
            abs(number - scale * leaf) <= 0.5 * 10.0**-places * (places > 0) + 1e-9
            for number, places in numbers
            for scale in (1, 100)
        ):
            shown.add(repr(leaf))
    return sorted(shown)


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and (
        one == other or (isinstance(one, float) and math.isclose(one, other))
    )


def _leaves(data: Any) -> list[Any]:
    """Texts and numbers in plain data."""
    return list(_walk(plain(data)))


def _walk(data: Any) -> Iterator[Any]:
    if isinstance(data, (dict, list)):
        for value in data.values() if isinstance(data, dict) else data:
            yield from _walk(value)
    elif type(data) in (str, int, float):
        yield float(data) if type(data) is int else data


def _places(data: Any, is_function: bool) -> list[tuple]:
    """Paths to every part of plain data; of a function's records, only to and into the outputs."""
    if is_function:
        return [
            (i, "output", *path)
            for i, record in enumerate(data)
            if "output" in record
            for path in _places(record["output"], False)
        ] or [()]
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [(), *((key, *path) for key, value in inner for path in _places(value, False))]


def _replaced(data: Any, path: tuple, junk: Any) -> Any:
    if not path:
        return junk
    data = copy.copy(data)
    data[path[0]] = _replaced(data[path[0]], path[1:], junk)
    return data


def _equal(task: Exercise, name: str, answer: Any, cases: Cases) -> bool:
    """Whether an answer, once collected, is that of a right case."""
    data = kit.collect(task, {**cases.right[0], name: answer})
    return any(data == kit.collect(task, {**cases.right[0], name: right[name]}) for right in cases.right)


def _looked_at(form: kit.Form) -> bool:
    """Whether code of ours makes the data, so that it has its shape."""
    return isinstance(form, (kit.Made, kit.Program)) or (
        isinstance(form, kit.Proto) and form.look is not None
    )


def _guessable(form: kit.Form) -> bool:
    return isinstance(form, (kit.Choice, kit.Integer))
