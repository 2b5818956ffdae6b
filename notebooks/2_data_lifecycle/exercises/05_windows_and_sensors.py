"""Judges of lesson 2.5, Windows and sensors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from helpers.exercises.kit import Function, Names, exercise, right, wrong
from helpers.exercises.outputs import number

# ------------------------------------------------------------------------------------------------- 2.5a


def _carry(values: list, limit: float, first_age: int = 0) -> list:
    """Pairs of the newest value and its age; (None, None) where it is older than `limit`."""
    pairs, newest, age = [], None, math.inf
    for value in values:
        newest, age = (value, first_age) if value is not None else (newest, age + 1)
        pairs.append([newest, age] if age <= limit and newest is not None else [None, None])
    return pairs


def _backwards(values: list, limit: int) -> list:
    return _carry(values[::-1], limit)[::-1]


def _falsy(values: list, limit: int) -> list:
    return _carry([value or None for value in values], limit)


def _first_filled_from_behind(values: list, limit: int) -> list:
    forward, backward = _carry(values, limit), _backwards(values, limit)
    return [pair if pair[0] is not None else other for pair, other in zip(forward, backward, strict=True)]


def _age_kept(values: list, limit: int) -> list:
    forever = _carry(values, math.inf)
    return [[value if age is not None and age <= limit else None, age] for value, age in forever]


def _value_kept(values: list, limit: int) -> list:
    return [
        [everlasting[0], pair[1]]
        for pair, everlasting in zip(_carry(values, limit), _carry(values, math.inf), strict=True)
    ]


def _age_before_the_first(values: list, limit: int) -> list:
    """Counts from 0 at the start, as if something had come just before."""
    first = next((i for i, value in enumerate(values) if value is not None), len(values))
    return [[None, i + 1] if i < min(first, limit) else pair for i, pair in enumerate(_carry(values, limit))]


def _age_never_reset(values: list, limit: int) -> list:
    """Counts every gap of the list into the age."""
    pairs, newest, age = [], None, 0
    for value in values:
        newest, age = (newest, age + 1) if value is None else (value, age)
        pairs.append([newest, age] if newest is not None and age <= limit else [None, None])
    return pairs


def _changed_places(values: list, limit: int) -> list:
    return [pair[::-1] for pair in _carry(values, limit)]


def _age_since_fill(values: list, limit: int) -> list:
    return [[value, None if age is None else min(age, 1)] for value, age in _carry(values, limit)]


def _whole_gap_or_nothing(values: list, limit: int) -> list:
    """Fills a gap only if all of it is short enough, which nobody knows while it lasts."""
    pairs, result = _carry(values, math.inf), []
    for i, (value, age) in enumerate(pairs):
        rest = next((k for k, v in enumerate(values[i:]) if v is not None), len(values) - i)
        result.append(
            [value, age] if age is not None and (age == 0 or age + rest - 1 <= limit) else [None, None]
        )
    return result


_FILL_MISTAKES = {
    "You carry values on without end. After `limit` hours the gap must stay a gap.": lambda v, n: _carry(
        v, math.inf
    ),
    "A value that is exactly `limit` hours old may still be used; yours ends an hour early.": lambda v, n: (
        _carry(v, n - 1)
    ),
    "You carry a value on for an hour too long.": lambda v, n: _carry(v, n + 1),
    "The age of a value sent in the hour itself is 0; yours counts from 1.": lambda v, n: [
        [value, None if age is None else age + 1] for value, age in _carry(v, n)
    ],
    "Your ages start at 1, and so the limit is reached an hour early.": lambda v, n: _carry(v, n, 1),
    "You fill from the hours after. At serving time they have not happened yet.": _backwards,
    "The first hours, before anything was sent, are filled with what came later. Nobody knew it then.": _first_filled_from_behind,
    "A measured 0 is a value, not a gap: compare with `is None` instead of asking whether it is true.": _falsy,
    "Where the value is too old, the age is `None` as well.": _age_kept,
    "Before anything was sent there is no age either: it is `None` until the first value.": _age_before_the_first,
    "Your age counts all gaps so far. A new value sets it back to 0.": _age_never_reset,
    "Value and age have changed places in your pairs.": _changed_places,
    "The age says that the value is too old, yet you still hand it out.": _value_kept,
    "The age must grow with every hour without a value; yours stays at 1.": _age_since_fill,
    "You look at how long the whole gap is before you fill it. In its first hour nobody knows that.": _whole_gap_or_nothing,
    "You leave every gap unfilled: that is `limit = 0`, whatever is asked.": lambda v, n: _carry(v, 0),
}


def _tidy(pairs: list) -> list:
    return [
        [None if item is None else float(item), None if age is None else float(age)] for item, age in pairs
    ]


@exercise(
    "2.5a",
    carried=Function(
        [
            ([1.5, None, 3.0, None, None, None, None, 8.0], 2),
            ([None, None, 4.0, None, 0.0, None, None, None], 1),
            ([7.0, None, None, None, None, 2.0, None, 0.0, None], 3),
            ([None, 5.0, 6.0, 7.0], 2),
            ([0.0, None, None, 1.0, None, None, None, 9.0], 0),
            ([None, None, None], 4),
            ([2.5, None, None, None, None, None, None, None], 5),
        ]
    ),
    hints=(
        "Walk through the hours with two variables: the newest value so far, and how long ago it came.",
        "In an hour with a value the age is set to 0; in an hour without one it grows by 1. Before the first value there is no age.",
        "Decide at the end of each step: age at most `limit` → `(newest, age)`, else `(None, None)`. A gap is `value is None`; 0.0 is none.",
    ),
)
def what_is_known_and_how_old_it_is(carried):
    outputs = [r["output"] for r in carried]
    if any(output is None for output in outputs):
        return wrong("Your function gives nothing back. Does it `return` the list?")
    if any(type(output) is not list for output in outputs):
        return wrong("Asked is a list with a pair for each hour.")
    if all(len(output) == 2 and all(type(part) is list for part in output) for output in outputs):
        lengths = [len(r["input"][0]) for r in carried]
        if all([len(part) for part in r["output"]] == [n, n] for r, n in zip(carried, lengths, strict=True)):
            return wrong("Those are two lists. Asked is one, of pairs: `zip` makes it from yours.")
    if any(len(r["output"]) != len(r["input"][0]) for r in carried):
        return wrong("The list must have an entry for every hour, also for those in which nothing is known.")
    if any(type(pair) is not list or len(pair) != 2 for output in outputs for pair in output):
        return wrong("Every entry should be a pair, the value and its age.")
    if any(item is not None and not number(item) for output in outputs for pair in output for item in pair):
        return wrong("A pair holds two numbers, or `None` twice.")
    given = [_tidy(output) for output in outputs]

    def same(rule: Callable[[list, int], list]) -> bool:
        return given == [_tidy(rule(*r["input"])) for r in carried]

    if same(_carry):
        return right(
            "Every value comes from its own hour or an earlier one, and says how old it is: that can be computed live, hour by hour."
        )
    for reason, rule in _FILL_MISTAKES.items():
        if same(rule):
            return wrong(reason)
    for r, pairs in zip(carried, given, strict=True):
        for i, (value, _) in enumerate(pairs):
            sent = [float(v) for v in r["input"][0][: i + 1] if v is not None]
            if value is not None and value not in sent:
                return wrong(
                    "For some hour you give a value that no sensor had sent by then. Only values up to that hour may be used."
                )
    return wrong(
        "For some hours value or age is not that of the newest value. Write a list of five hours by hand, with a gap of two, and compare."
    )


# ------------------------------------------------------------------------------------------------- 2.5b


def _cut(
    values: list, length: int, horizon: int, shift: int, stride: int = 1, shorter: int = 0
) -> list[list]:
    """Windows from each start, with the value `shift` after the start; `shorter` drops windows at the end."""
    starts = range(0, len(values) - max(shift, length - 1) - shorter, stride)
    return [[values[i : i + length], values[i + shift]] for i in starts]


_CUT_MISTAKES = {
    "Your horizon counts from the start of the window, so that targets lie inside it or too near. Count from its last value.": lambda v, n, h: (
        _cut(v, n, h, h)
    ),
    "Your targets are one hour too late: the last value of the window that starts at `i` is at `i + length - 1`.": lambda v, n, h: (
        _cut(v, n, h, n + h)
    ),
    "Your targets are one hour too early. With `horizon = 1` the target is the value right after the window.": lambda v, n, h: (
        _cut(v, n, h, n + h - 2)
    ),
    "The target is always the value right after the window: `horizon` plays no part.": lambda v, n, h: _cut(
        v, n, h, n
    ),
    "Your last window is missing: its target is the very last value, which is there.": lambda v, n, h: _cut(
        v, n, h, n + h - 1, shorter=1
    ),
    "Your windows do not overlap: there should be one for every hour, not every `length` hours.": lambda v, n, h: (
        _cut(v, n, h, n + h - 1, stride=n)
    ),
    "Your windows move on by `horizon` hours; there should be one for every hour.": lambda v, n, h: _cut(
        v, n, h, n + h - 1, stride=h
    ),
    "Your target is a list with one value in it. Take the value itself, by its index.": lambda v, n, h: [
        [window, [target]] for window, target in _cut(v, n, h, n + h - 1)
    ],
    "Window and target are joined to one list. Asked is a pair of the two.": lambda v, n, h: [
        [*window, target] for window, target in _cut(v, n, h, n + h - 1)
    ],
    "Those are two lists. Asked is one, of pairs: `zip` makes it from yours.": lambda v, n, h: [
        [window for window, _ in _cut(v, n, h, n + h - 1)],
        [target for _, target in _cut(v, n, h, n + h - 1)],
    ],
    "Your windows have a value too few.": lambda v, n, h: [
        [window[:-1], target] for window, target in _cut(v, n, h, n + h - 1)
    ],
    "Your windows have a value too many: the slice runs one further than the last hour.": lambda v, n, h: [
        [v[i : i + n + 1], v[i + n + h - 1]] for i in range(len(v) - n - h + 1)
    ],
    "The target is one value, that at the horizon, not all values up to it.": lambda v, n, h: [
        [v[i : i + n], v[i + n : i + n + h]] for i in range(len(v) - n - h + 1)
    ],
    "Window and target have changed places in your pairs.": lambda v, n, h: [
        [target, window] for window, target in _cut(v, n, h, n + h - 1)
    ],
    "You keep windows whose target lies beyond the end; they have nothing to be compared with.": lambda v, n, h: [
        [v[i : i + n], v[i + n - 1 + h] if i + n - 1 + h < len(v) else None] for i in range(len(v) - n + 1)
    ],
    "Those are the windows without their targets.": lambda v, n, h: [
        window for window, _ in _cut(v, n, h, n + h - 1)
    ],
    "Those are the targets without their windows.": lambda v, n, h: [
        target for _, target in _cut(v, n, h, n + h - 1)
    ],
    "The windows stand in reverse order of time.": lambda v, n, h: _cut(v, n, h, n + h - 1)[::-1],
}


@exercise(
    "2.5b",
    windows_with_targets=Function(
        [
            ([10, 11, 12, 13, 14, 15, 16, 17], 3, 2),
            ([5.0, 3.5, 8.25, 1.0, 9.0, 2.0, 7.5], 2, 1),
            (list(range(100, 114)), 4, 3),
            ([4, 8, 15, 16, 23, 42], 1, 4),
            ([4, 8, 15, 16, 23, 42], 4, 2),
            ([1.0, 2.0, 3.0], 3, 2),
            ([6, 7, 9, 12, 16, 21, 27, 34, 42], 2, 5),
        ]
    ),
    hints=(
        "The window that starts at `i` is `values[i : i + length]`. At which index is its last value?",
        "Its target stands `horizon` behind that index. Test with a list of counters: the difference of target and last value must be `horizon`.",
        "The last start `i` is the one whose target is the last value of the list. How many starts are there, then?",
    ),
)
def windows_and_the_value_ahead(windows_with_targets):
    outputs = [r["output"] for r in windows_with_targets]
    if any(output is None for output in outputs):
        return wrong("Your function gives nothing back. Does it `return` the list?")
    if any(type(output) is not list for output in outputs):
        return wrong("Asked is a list of pairs.")

    counts = [max(len(r["input"][0]) - sum(r["input"][1:]) + 1, 0) for r in windows_with_targets]

    def same(rule: Callable[[list, int, int], list]) -> bool:
        """Whether the rule gives the answer, or does so when it stops where the right windows end."""
        try:
            expected = [rule(*r["input"]) for r in windows_with_targets]
        except IndexError:
            return False
        stopped = [pairs[:count] for pairs, count in zip(expected, counts, strict=True)]
        return outputs in (expected, stopped)

    if same(lambda v, n, h: _cut(v, n, h, n + h - 1)):
        return right(
            "Each target stands `horizon` hours behind the last hour the model sees, and the last window is the one whose target is the last value."
        )
    for reason, rule in _CUT_MISTAKES.items():
        if same(rule):
            return wrong(reason)
    if any(len(output) > count for output, count in zip(outputs, counts, strict=True)):
        return wrong("For some list you give more windows than have a target.")
    if any(len(output) < count for output, count in zip(outputs, counts, strict=True)):
        return wrong("For some list a window that has a target is missing.")
    return wrong(
        "The number of windows is right, and some window or target is not. Try a list of counters, where values are their own index."
    )


# ------------------------------------------------------------------------------------------------- 2.5c


def _purged(last_hours: list, first: int, last: int, length: int, horizon: int, back: int, on: int) -> list:
    """Windows that end at least `back` before the test block's first, or `on` after its last."""
    return [t for t in last_hours if t <= first - back or t >= last + on]


def _both(v: list, a: int, b: int, n: int, h: int) -> list:
    return _purged(v, a, b, n, h, n + h, n + h)


_PURGE_MISTAKES: dict[str, Callable[..., Any]] = {
    "You leave out the test windows alone. Their neighbours share all but a few of their hours.": lambda v, a, b, n, h: (
        _purged(v, a, b, n, h, 1, 1)
    ),
    "You purge before the block only. Windows after it look back into its hours.": lambda v, a, b, n, h: (
        _purged(v, a, b, n, h, n + h, 1)
    ),
    "You purge after the block only. Windows before it have targets within its hours.": lambda v, a, b, n, h: (
        _purged(v, a, b, n, h, 1, n + h)
    ),
    "You keep the hours of the windows apart and forget the targets, which reach further.": lambda v, a, b, n, h: (
        _purged(v, a, b, n, h, n, n)
    ),
    "You keep targets apart and forget that a window reaches back over all its hours.": lambda v, a, b, n, h: (
        _purged(v, a, b, n, h, h, h)
    ),
    "Before the block you count the targets, after it you count the windows' hours. On both sides a window's hours meet a target's, so both count.": lambda v, a, b, n, h: (
        _purged(v, a, b, n, h, h, n)
    ),
    "Before the block you count the windows' hours, after it the targets. On both sides both count.": lambda v, a, b, n, h: (
        _purged(v, a, b, n, h, n, h)
    ),
    "You compare with `first` and `last` alone. They are last hours: the block's windows reach back, and its targets ahead.": lambda v, a, b, n, h: (
        _purged(v, a, b, n, h, h + 1, n)
    ),
    "Your windows still touch: at the edge one hour is shared by a training window and a test window.": lambda v, a, b, n, h: (
        _purged(v, a, b, n, h, n + h - 1, n + h - 1)
    ),
    "You drop one window more than needed on each side: the first that shares no hour may be used.": lambda v, a, b, n, h: (
        _purged(v, a, b, n, h, n + h + 1, n + h + 1)
    ),
    "Those are the windows that may not be used.": lambda v, a, b, n, h: [
        t for t in v if t not in _both(v, a, b, n, h)
    ],
    "Nothing after the block is used. Here the folds are those of cross-validation: training lies on both sides.": lambda v, a, b, n, h: [
        t for t in v if t <= a - n - h
    ],
    "Nothing before the block is used. Training lies on both sides of it.": lambda v, a, b, n, h: [
        t for t in v if t >= b + n + h
    ],
}


@exercise(
    "2.5c",
    trainable=Function(
        [
            (list(range(3, 40)), 15, 20, 4, 2),
            (list(range(23, 150)), 80, 95, 24, 6),
            (list(range(2, 30)), 2, 8, 3, 1),
            (list(range(4, 40)), 30, 39, 5, 3),
            (list(range(0, 25, 2)), 10, 14, 2, 2),
            (list(range(6, 31)), 12, 12, 7, 1),
        ]
    ),
    hints=(
        "Write down which hours a window that ends at t holds: its first, its last, and the hour of its target.",
        "The test block as a whole holds the hours from the first of its first window to the target of its last. A training window must end before that, target included, or begin after it.",
        "Before: `t + horizon < first - length + 1`. Write the mirror image for the other side.",
    ),
)
def which_windows_may_be_trained_on(trainable):
    outputs = [r["output"] for r in trainable]
    if any(output is None for output in outputs):
        return wrong("Your function gives nothing back. Does it `return` the list?")
    if any(type(output) is not list for output in outputs):
        return wrong("Asked is a list of the last hours of those windows.")
    if any(type(item) is bool for output in outputs for item in output):
        return wrong("That is True or False for each window. Use it to pick the windows.")
    if not all(number(item) for output in outputs for item in output):
        return wrong("The list should hold hours, as numbers.")
    given = [sorted(output) for output in outputs]

    def same(rule: Callable[..., list]) -> bool:
        return given == [rule(*r["input"]) for r in trainable]

    if same(_both):
        return right(
            "No hour, as input or as target, is then on both sides. López de Prado calls it purging."
        )
    for reason, rule in _PURGE_MISTAKES.items():
        if same(rule):
            return wrong(reason)
    for r, kept in zip(trainable, given, strict=True):
        _, first, last, length, horizon = r["input"]
        if any(first <= t <= last for t in kept):
            return wrong("Some of your training windows are test windows.")
        if any(first - length - horizon < t < first for t in kept):
            return wrong(
                "Some training window before the block still shares an hour with a test window: by its target, or "
                "by the hours the test windows look back."
            )
        if any(last < t < last + length + horizon for t in kept):
            return wrong(
                "Some training window after the block still shares an hour with a test window: by the hours it looks "
                "back, or by the test windows' targets."
            )
    for r, kept in zip(trainable, given, strict=True):
        if not set(kept) <= set(r["input"][0]):
            return wrong("Some hours of your answer are not in the list you were given.")
        first = r["input"][1]
        if lost := set(_both(*r["input"])) - set(kept):
            where = "before" if min(lost) < first else "after"
            return wrong(f"Some window {where} the block is missing, though it shares no hour with it.")
    return wrong("Every window that may be used should stand in the list once.")


# ------------------------------------------------------------------------------------------------- 2.5d

_AHEAD = {
    "smooth": "one with `center=True` takes its mean from hours on both sides",
    "bridged": "one draws a line to a value that comes after the gap",
    "turn": "one takes a difference with a negative step: what is subtracted lies ahead",
    "rain_day": "one sums over the whole calendar day, evening included, and stands in the morning's rows as well",
    "scaled": "one uses a mean and a deviation over all hours of the series, later ones included. It is a weak leak, and still one",
}
_BEHIND = {
    "mean_3h": "`mean_3h` is a rolling mean that ends in its own hour: pandas looks backwards unless told otherwise.",
    "carried_on": "`carried_on` is a forward fill: it takes what was sent before.",
    "trend": "`trend` is the change since three hours ago: both ends are past.",
    "rain_so_far": "`rain_so_far` is a running sum: in each row it holds the day's rain up to that hour.",
    "yesterday": "`yesterday` takes the value of 24 hours before.",
    "faded": "`faded` is an exponentially weighted mean. Its weights run backwards from each hour.",
}


@exercise(
    "2.5d",
    look_ahead=Names(),
    hints=(
        "For each line ask: standing in hour t, with the rows after t torn off, could I compute it, and would I get the same?",
        "A direction can hide in an argument (`center`, a negative number), and in what a function does by itself (`interpolate`).",
        "`transform` with a sum gives every row of a group the sum of the whole group; `cumsum` gives each row the sum so far. And what is in `mean()` without a window?",
    ),
)
def which_features_look_ahead(look_ahead):
    given = set(look_ahead)
    if unknown := given - set(_AHEAD) - set(_BEHIND):
        return wrong(f"`{min(unknown)}` is not a feature of the table. Copy the names from it.")
    if not given:
        return wrong("None? Then every one of them could be computed live, hour by hour. Some cannot.")
    if blamed := given & set(_BEHIND):
        return wrong(_BEHIND[min(blamed)] + " It can be computed live.")
    missing = set(_AHEAD) - given
    if not missing:
        return right(
            "Each of these changes when the hours after it are torn off. The others are the same with and without a future."
        )
    if len(given) == 1:
        return wrong("That one is right, and it is not alone: the future comes in by more than one door.")
    if len(missing) > 1:
        return wrong(
            f"Those are right, and {len(missing)} more look ahead. Ask of each other line which rows it reads."
        )
    return wrong(f"One is missing: {_AHEAD[min(missing)]}.")
