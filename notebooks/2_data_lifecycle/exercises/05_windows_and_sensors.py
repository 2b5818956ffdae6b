"""How the exercises of lesson 2.5, Windows and sensors, are judged."""

from __future__ import annotations

import math

from helpers.exercises.rules import function, names
from helpers.exercises.signs import (
    NOTHING, NO_NAME, STRANGE, Named, each, follows, has, lacks_only, listed, number, optional, some, unless,
    where, whole,
)


def _carry(values, limit, first_age=0):
    """Pairs of the newest value and its age; (None, None) where it is older than `limit`."""
    pairs, newest, age = [], None, math.inf
    for value in values:
        newest, age = (value, first_age) if value is not None else (newest, age + 1)
        pairs.append([newest, age] if age <= limit and newest is not None else [None, None])
    return pairs


def _backwards(values, limit):
    return _carry(values[::-1], limit)[::-1]


def _first_filled_from_behind(values, limit):
    forward, backward = _carry(values, limit), _backwards(values, limit)
    return [pair if pair[0] is not None else other for pair, other in zip(forward, backward, strict=True)]


def _age_kept(values, limit):
    forever = _carry(values, math.inf)
    return [[value if age is not None and age <= limit else None, age] for value, age in forever]


def _value_kept(values, limit):
    return [
        [everlasting[0], pair[1]]
        for pair, everlasting in zip(_carry(values, limit), _carry(values, math.inf), strict=True)
    ]


def _age_before_the_first(values, limit):
    """Counts from 0 at the start, as if something had come just before."""
    first = next((i for i, value in enumerate(values) if value is not None), len(values))
    return [[None, i + 1] if i < min(first, limit) else pair for i, pair in enumerate(_carry(values, limit))]


def _age_never_reset(values, limit):
    """Counts every gap of the list into the age."""
    pairs, newest, age = [], None, 0
    for value in values:
        newest, age = (newest, age + 1) if value is None else (value, age)
        pairs.append([newest, age] if newest is not None and age <= limit else [None, None])
    return pairs


def _whole_gap_or_nothing(values, limit):
    """Fills a gap only if all of it is short enough, which nobody knows while it lasts."""
    pairs, result = _carry(values, math.inf), []
    for i, (value, age) in enumerate(pairs):
        rest = next((k for k, v in enumerate(values[i:]) if v is not None), len(values) - i)
        result.append(
            [value, age] if age is not None and (age == 0 or age + rest - 1 <= limit) else [None, None]
        )
    return result


def _by_the_value(values, limit):
    """Looks for the newest value, not for its place: the first hour that has the same
    one is taken for its own."""
    pairs = _carry(values, math.inf)
    ages = [None if value is None else hour - values.index(value) for hour, (value, _) in enumerate(pairs)]
    return [
        [value, age] if age is not None and age <= limit else [None, None]
        for (value, _), age in zip(pairs, ages, strict=True)
    ]


def _since_a_change(values, limit):
    """Counts the age from the hour in which the value changed."""
    held = [None, *(value for value, _ in _carry(values, math.inf))]
    return _carry([None if value == old else value for value, old in zip(values, held, strict=False)], limit)


def _of_the_hours_before(values, limit):
    return _carry([None, *values[:-1]], limit)


def _of_the_hours_before_with_age(values, limit):
    return [
        [value, None if age is None else age + 1] for value, age in _of_the_hours_before(values, limit - 1)
    ]


def _invented(pairs, values, limit):
    """Whether some hour holds a value that came later, or never."""
    sent = [set(values[: i + 1]) - {None} for i in range(len(values))]
    return any(
        value is not None and value not in known for (value, _), known in zip(pairs, sent, strict=True)
    )


def _is_two_lists(outputs, inputs):
    """Whether every output is a list of values and one of ages, each as long as the hours."""
    return all(
        len(out) == 2 and all(type(part) is list and len(part) == len(values) for part in out)
        for out, (values, _) in zip(outputs, inputs, strict=True)
    )


function(
    "2.5a", "carried",
    [
        ([1.5, None, 3.0, None, None, None, None, 8.0], 2),
        ([None, None, 4.0, None, 0.0, None, None, None], 1),
        ([7.0, None, None, None, None, 2.0, None, 0.0, None], 3),
        ([None, 5.0, 6.0, 7.0], 2),
        ([0.0, None, None, 1.0, None, None, None, 9.0], 0),
        ([None, None, None], 4),
        ([2.5, None, None, None, None, None, None, None], 5),
        ([4.0, None, 4.0, None, None, 6.0, 6.0, None, 4.0, None], 2),
    ],
    odd={
        "Your function gives nothing back. Does it `return` the list?": NOTHING,
        "Asked is a list with a pair for each hour.": unless(listed(lambda _: True)),
        "Those are two lists. Asked is one, of pairs: `zip` makes it from yours.": whole(_is_two_lists),
        "The list must have an entry for every hour, also for those in which nothing is known.":
            where(lambda pairs, values, limit: len(pairs) != len(values)),
        "Every entry should be a pair, the value and its age.":
            unless(listed(lambda pair: type(pair) is list and len(pair) == 2)),
        "A pair holds two numbers, or `None` twice.": unless(listed(listed(optional(number)))),
    },
    rule=_carry,
    said="Every value comes from its own hour or an earlier one, and says how old it is: that can be "
    "computed live, hour by hour.",
    mistakes={
        "You carry values on without end. After `limit` hours the gap must stay a gap.":
            lambda v, n: _carry(v, math.inf),
        "A value that is exactly `limit` hours old may still be used; yours ends an hour early.":
            lambda v, n: _carry(v, n - 1),
        "You carry a value on for an hour too long.": lambda v, n: _carry(v, n + 1),
        "The age of a value sent in the hour itself is 0; yours counts from 1.":
            lambda v, n: [[value, None if age is None else age + 1] for value, age in _carry(v, n)],
        "Your ages start at 1, and so the limit is reached an hour early.": lambda v, n: _carry(v, n, 1),
        "You fill from the hours after. At serving time they have not happened yet.": _backwards,
        "The first hours, before anything was sent, are filled with what came later. Nobody knew it then.":
            _first_filled_from_behind,
        "A measured 0 is a value, not a gap: compare with `is None` instead of asking whether it is true.":
            lambda v, n: _carry([value or None for value in v], n),
        "Where the value is too old, the age is `None` as well.": _age_kept,
        "Before anything was sent there is no age either: it is `None` until the first value.":
            _age_before_the_first,
        "Your age counts all gaps so far. A new value sets it back to 0.": _age_never_reset,
        "Value and age have changed places in your pairs.":
            lambda v, n: [pair[::-1] for pair in _carry(v, n)],
        "The age says that the value is too old, yet you still hand it out.": _value_kept,
        "The age must grow with every hour without a value; yours stays at 1.":
            lambda v, n: [[value, None if age is None else min(age, 1)] for value, age in _carry(v, n)],
        "You look at how long the whole gap is before you fill it. In its first hour nobody knows that.":
            _whole_gap_or_nothing,
        "You leave every gap unfilled: that is `limit = 0`, whatever is asked.": lambda v, n: _carry(v, 0),
        "Your limit is 3 hours, whatever is asked.": lambda v, n: _carry(v, 3),
        "A sensor may send the same number twice. The second is a new value, of age 0; you "
        "take it for the first.":
            follows(_by_the_value, _since_a_change),
        "What was sent in an hour is known at its end: you use only the hours before.":
            follows(_of_the_hours_before, _of_the_hours_before_with_age),
        "For some hour you give a value that no sensor had sent by then. Only values up to "
        "that hour may be used.":
            where(_invented),
        "You never count: every age in your pairs is 0.":
            each(lambda pairs: all(age in (0, None) for _, age in pairs)),
    },
    otherwise="For some hours value or age is not that of the newest value. Write a list of five hours by "
    "hand, with a gap of two, and compare.",
    hints=(
        "Walk through the hours with two variables: the newest value so far, and how long ago it came.",
        "In an hour with a value the age is set to 0; in an hour without one it grows by 1. Before the first "
        "value there is no age.",
        "Decide at the end of each step: age at most `limit` → `(newest, age)`, else `(None, None)`. A gap "
        "is `value is None`; 0.0 is none.",
    ),
)


def _cut(v, n, h, shift=None, stride=1, shorter=0):
    """Windows from each start, with the value `shift` after the start; `shorter` drops windows at the end."""
    shift = n + h - 1 if shift is None else shift
    starts = range(0, len(v) - max(shift, n - 1) - shorter, stride)
    return [[v[i : i + n], v[i + shift]] for i in starts]


def _count(v, n, h):
    """How many windows have a target."""
    return max(len(v) - n - h + 1, 0)


def _or_stopped(rule):
    """A mistake that may stop where the right windows end."""
    return follows(rule, lambda *given: rule(*given)[: _count(*given)])


function(
    "2.5b", "windows_with_targets",
    [
        ([10, 11, 12, 13, 14, 15, 16, 17], 3, 2),
        ([5.0, 3.5, 8.25, 1.0, 9.0, 2.0, 7.5], 2, 1),
        (list(range(100, 114)), 4, 3),
        ([4, 8, 15, 16, 23, 42], 1, 4),
        ([4, 8, 15, 16, 23, 42], 4, 2),
        ([1.0, 2.0, 3.0], 3, 2),
        ([6, 7, 9, 12, 16, 21, 27, 34, 42], 2, 5),
    ],
    odd={
        "Your function gives nothing back. Does it `return` the list?": NOTHING,
        "Asked is a list of pairs.": unless(listed(lambda _: True)),
    },
    rule=_cut,
    said="Each target stands `horizon` hours behind the last hour the model sees, and the last window is the "
    "one whose target is the last value.",
    mistakes={
        "Your horizon counts from the start of the window, so that targets lie inside it or too near. Count "
        "from its last value.": _or_stopped(lambda v, n, h: _cut(v, n, h, h)),
        "Your targets are one hour too late: the last value of the window that starts at `i` is "
        "at `i + length - 1`.":
            _or_stopped(lambda v, n, h: _cut(v, n, h, n + h)),
        "Your targets are one hour too early. With `horizon = 1` the target is the value "
        "right after the window.":
            _or_stopped(lambda v, n, h: _cut(v, n, h, n + h - 2)),
        "The target is always the value right after the window: `horizon` plays no part.":
            _or_stopped(lambda v, n, h: _cut(v, n, h, n)),
        "Your last window is missing: its target is the very last value, which is there.":
            lambda v, n, h: _cut(v, n, h, shorter=1),
        "Your windows do not overlap: there should be one for every hour, not every `length` hours.":
            lambda v, n, h: _cut(v, n, h, stride=n),
        "Your windows move on by `horizon` hours; there should be one for every hour.":
            lambda v, n, h: _cut(v, n, h, stride=h),
        "Your target is a list with one value in it. Take the value itself, by its index.":
            lambda *given: [[window, [target]] for window, target in _cut(*given)],
        "Window and target are joined to one list. Asked is a pair of the two.":
            lambda *given: [[*window, target] for window, target in _cut(*given)],
        "Those are two lists. Asked is one, of pairs: `zip` makes it from yours.":
            _or_stopped(lambda *given: [[pair[i] for pair in _cut(*given)] for i in (0, 1)]),
        "Your windows have a value too few.":
            lambda *given: [[window[:-1], target] for window, target in _cut(*given)],
        "Your windows have a value too many: the slice runs one further than the last hour.":
            lambda v, n, h: [[v[i : i + n + 1], v[i + n + h - 1]] for i in range(_count(v, n, h))],
        "The target is one value, that at the horizon, not all values up to it.":
            lambda v, n, h: [[v[i : i + n], v[i + n : i + n + h]] for i in range(_count(v, n, h))],
        "Window and target have changed places in your pairs.":
            lambda *given: [pair[::-1] for pair in _cut(*given)],
        "You keep windows whose target lies beyond the end; they have nothing to be compared with.":
            lambda v, n, h: [[v[i : i + n], (v + [None] * h)[i + n - 1 + h]] for i in range(len(v) - n + 1)],
        "Those are the windows without their targets.": lambda *given: [window for window, _ in _cut(*given)],
        "Those are the targets without their windows.": lambda *given: [target for _, target in _cut(*given)],
        "Asked are pairs `(window, target)`; yours are dicts.":
            some(lambda pairs: any(type(pair) is dict for pair in pairs)),
        "The windows stand in reverse order of time.": lambda *given: _cut(*given)[::-1],
        "For some list you give more windows than have a target.":
            where(lambda pairs, *given: len(pairs) > _count(*given)),
        "For some list a window that has a target is missing.":
            where(lambda pairs, *given: len(pairs) < _count(*given)),
    },
    otherwise="The number of windows is right, and some window or target is not. Try a list of counters, "
    "where values are their own index.",
    hints=(
        "The window that starts at `i` is `values[i : i + length]`. At which index is its last value?",
        "Its target stands `horizon` behind that index. Test with a list of counters: the difference of "
        "target and last value must be `horizon`.",
        "The last start `i` is the one whose target is the last value of the list. How many "
        "starts are there, then?",
    ),
)


def _purged(back, on):
    """A rule: windows that end at least `back` hours before the test block's first, or
    `on` after its last."""
    return lambda hours, first, last, n, h: [
        t for t in hours if t <= first - back(n, h) or t >= last + on(n, h)
    ]


def _one(n, h):
    return 1


def _length(n, h):
    return n


def _horizon(n, h):
    return h


def _both(n, h):
    return n + h


_trainable = _purged(_both, _both)


def _without_the_hours_between(hours, first, last, n, h):
    """Compares the windows' own hours and the hours of the targets, and not those between the two."""

    def held(t):
        return {*range(t - n + 1, t + 1), t + h}

    block = set().union(*map(held, range(first, last + 1)))
    return [t for t in hours if not held(t) & block]


def _lost(after):
    """Whether the first window that may be used and is missing stands after the block, or before it."""

    def test(kept, hours, first, *rest):
        lost = set(_trainable(hours, first, *rest)) - set(kept)
        return bool(lost) and (min(lost) >= first) is after

    return test


function(
    "2.5c", "trainable",
    [
        (list(range(3, 40)), 15, 20, 4, 2),
        (list(range(23, 150)), 80, 95, 24, 6),
        (list(range(2, 30)), 2, 8, 3, 1),
        (list(range(4, 40)), 30, 39, 5, 3),
        (list(range(0, 25, 2)), 10, 14, 2, 2),
        (list(range(6, 31)), 12, 12, 7, 1),
        (list(range(3, 45)), 22, 23, 2, 6),
    ],
    odd={
        "Your function gives nothing back. Does it `return` the list?": NOTHING,
        "Asked is a list of the last hours of those windows.": unless(listed(lambda _: True)),
        "That is True or False for each window. Use it to pick the windows.":
            some(lambda kept: bool in map(type, kept)),
        "The list should hold hours, as numbers.": unless(listed(number)),
    },
    rule=_trainable,
    read=sorted,
    said="No hour, as input or as target, is then on both sides. López de Prado calls it purging.",
    mistakes={
        "You leave out the test windows alone. Their neighbours share all but a few of their hours.":
            _purged(_one, _one),
        "You purge before the block only. Windows after it look back into its hours.": _purged(_both, _one),
        "You purge after the block only. Windows before it have targets within its hours.":
            _purged(_one, _both),
        "You keep the hours of the windows apart and forget the targets, which reach further.":
            _purged(_length, _length),
        "You keep targets apart and forget that a window reaches back over all its hours.":
            _purged(_horizon, _horizon),
        "Before the block you count the targets, after it you count the windows' hours. On both sides a "
        "window's hours meet a target's, so both count.": _purged(_horizon, _length),
        "Before the block you count the windows' hours, after it the targets. On both sides both count.":
            _purged(_length, _horizon),
        "You compare with `first` and `last` alone. They are last hours: the block's windows reach back, and "
        "its targets ahead.": _purged(lambda n, h: h + 1, _length),
        "Your windows still touch: at the edge one hour is shared by a training window and a test window.":
            _purged(lambda n, h: n + h - 1, lambda n, h: n + h - 1),
        "You drop one window more than needed on each side: the first that shares no hour may be used.":
            _purged(lambda n, h: n + h + 1, lambda n, h: n + h + 1),
        "Those are the windows that may not be used.":
            lambda hours, *rest: [t for t in hours if t not in _trainable(hours, *rest)],
        "Nothing after the block is used. Here the folds are those of cross-validation: training "
        "lies on both sides.":
            _purged(_both, lambda n, h: math.inf),
        "Nothing before the block is used. Training lies on both sides of it.":
            _purged(lambda n, h: math.inf, _both),
        "A window holds the hours between its last one and that of its target as well.":
            _without_the_hours_between,
        "Those are positions in the list. Asked are the hours that stand there.":
            lambda hours, *rest: [i for i, t in enumerate(hours) if t in _trainable(hours, *rest)],
        "Some of your training windows are test windows.":
            where(lambda kept, hours, first, last, n, h: any(first <= t <= last for t in kept)),
        "Some training window before the block still shares an hour with a test window: by its target, or by "
        "the hours the test windows look back.":
            where(lambda kept, hours, first, last, n, h: any(first - n - h < t < first for t in kept)),
        "Some training window after the block still shares an hour with a test window: by the hours it looks "
        "back, or by the test windows' targets.":
            where(lambda kept, hours, first, last, n, h: any(last < t < last + n + h for t in kept)),
        "Some hours of your answer are not in the list you were given.":
            where(lambda kept, hours, *rest: not set(kept) <= set(hours)),
        "Some window before the block is missing, though it shares no hour with it.":
            where(_lost(after=False)),
        "Some window after the block is missing, though it shares no hour with it.": where(_lost(after=True)),
    },
    otherwise="Every window that may be used should stand in the list once.",
    hints=(
        "Write down which hours a window that ends at t holds: its first, its last, and the "
        "hour of its target.",
        "The test block as a whole holds the hours from the first of its first window to the target of its "
        "last. A training window must end before that, target included, or begin after it.",
        "Before: `t + horizon < first - length + 1`. Write the mirror image for the other side.",
    ),
)

_AHEAD = {
    "smooth": "one with `center=True` takes its mean from hours on both sides",
    "bridged": "one draws a line to a value that comes after the gap",
    "turn": "one takes a difference with a negative step: what is subtracted lies ahead",
    "rain_day":
        "one sums over the whole calendar day, evening included, and stands in the morning's rows as well",
    "scaled":
        "one uses a mean and a deviation over all hours of the series, later ones included. It is a weak "
        "leak, and still one",
}
_BEHIND = {
    "mean_3h": "is a rolling mean that ends in its own hour: pandas looks backwards unless told otherwise",
    "carried_on": "is a forward fill: it takes what was sent before",
    "trend": "is the change since three hours ago: both ends are past",
    "rain_so_far": "is a running sum: in each row it holds the day's rain up to that hour",
    "yesterday": "takes the value of 24 hours before",
    "faded": "is an exponentially weighted mean. Its weights run backwards from each hour",
}

names(
    "2.5d", "look_ahead",
    belong=_AHEAD,
    others=_BEHIND,
    reasons={
        "`{}` is not a feature of the table. Copy the names from it.": STRANGE,
        "None? Then every one of them could be computed live, hour by hour. Some cannot.": NO_NAME,
        **{f"`{name}` {why}. It can be computed live.": has(name) for name, why in sorted(_BEHIND.items())},
        "That one is right, and it is not alone: the future comes in by more than one door.":
            Named(lambda x: len(x.given) == 1, lambda belong: [{name} for name in belong]),
        **{f"One is missing: {why}.": lacks_only(name) for name, why in _AHEAD.items()},
        "Those are right, and {} more look ahead. Ask of each other line which rows it reads.":
            Named(lambda x: str(len(x.missing)), lambda belong: [belong - {"smooth", "turn"}]),
    },
    said="Each of these changes when the hours after it are torn off. The others are the same with "
    "and without a future.",
    hints=(
        "For each line ask: standing in hour t, with the rows after t torn off, could I compute it, and "
        "would I get the same?",
        "A direction can hide in an argument (`center`, a negative number), and in what a function does by "
        "itself (`interpolate`).",
        "`transform` with a sum gives every row of a group the sum of the whole group; `cumsum` gives each "
        "row the sum so far. And what is in `mean()` without a window?",
    ),
)
