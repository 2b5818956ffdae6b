"""Answers to the exercises of lesson 2.5."""

from .harness import Cases

# ------------------------------------------------------------------------------------------------- 2.5a


def _carried(values, limit):
    pairs, newest, age = [], None, None
    for value in values:
        if value is not None:
            newest, age = value, 0
        elif age is not None:
            age += 1
        pairs.append((newest, age) if age is not None and age <= limit else (None, None))
    return pairs


def _carried_by_pandas(values, limit):
    import numpy as np
    import pandas as pd

    series = pd.Series(values, dtype="float64")
    hour = pd.Series(np.arange(len(series), dtype="float64")).where(series.notna()).ffill()
    age = np.arange(len(series)) - hour
    kept = age <= limit
    return [
        (value, int(old)) if good else (None, None)
        for value, old, good in zip(series.ffill(), age, kept, strict=True)
    ]


def _carried_by_looking_back(values, limit):
    result = []
    for i in range(len(values)):
        back = [k for k in range(min(i, limit) + 1) if values[i - k] is not None]
        result.append([values[i - back[0]], back[0]] if back else [None, None])
    return result


def _without_limit(values, limit):
    return _carried(values, len(values))


def _strictly_younger(values, limit):
    return _carried(values, limit - 1)


def _one_too_long(values, limit):
    return _carried(values, limit + 1)


def _ages_from_one(values, limit):
    return [(value, None if age is None else age + 1) for value, age in _carried(values, limit)]


def _from_behind(values, limit):
    return _carried(values[::-1], limit)[::-1]


def _both_ways(values, limit):
    return [
        pair if pair[0] is not None else other
        for pair, other in zip(_carried(values, limit), _from_behind(values, limit), strict=True)
    ]


def _truth_of_zero(values, limit):
    return _carried([value if value else None for value in values], limit)


def _keeps_the_age(values, limit):
    pairs, newest, age = [], None, None
    for value in values:
        newest, age = (value, 0) if value is not None else (newest, None if age is None else age + 1)
        pairs.append((newest if age is not None and age <= limit else None, age))
    return pairs


def _keeps_the_value(values, limit):
    everlasting = _carried(values, len(values))
    return [(value, age if age is not None and age <= limit else None) for value, age in everlasting]


def _age_stays_one(values, limit):
    return [(value, age and 1) for value, age in _carried(values, limit)]


def _short_gaps_only(values, limit):
    pairs = _carried(values, len(values))
    result = []
    for i, (value, age) in enumerate(pairs):
        left = 0
        while i + left < len(values) and values[i + left] is None:
            left += 1
        result.append(
            (value, age) if age is not None and (age == 0 or age + left - 1 <= limit) else (None, None)
        )
    return result


def _clock_from_the_start(values, limit):
    pairs, newest, age = [], None, 0
    for value in values:
        newest, age = (value, 0) if value is not None else (newest, age + 1)
        pairs.append((newest, age) if age <= limit else (None, None))
    return pairs


def _all_gaps_counted(values, limit):
    pairs, newest, gaps = [], None, 0
    for value in values:
        if value is None:
            gaps += 1
        else:
            newest = value
        pairs.append((newest, gaps) if newest is not None and gaps <= limit else (None, None))
    return pairs


def _interpolated(values, limit):
    import pandas as pd

    filled = pd.Series(values, dtype="float64").interpolate(limit=limit or None, limit_area="inside")
    return [(None, None) if pd.isna(value) else (value, 0) for value in filled]


# ------------------------------------------------------------------------------------------------- 2.5b


def _pairs(values, length, horizon):
    starts = range(len(values) - length - horizon + 1)
    return [(values[i : i + length], values[i + length - 1 + horizon]) for i in starts]


def _pairs_by_their_end(values, length, horizon):
    result = []
    for end in range(length - 1, len(values)):
        if end + horizon < len(values):
            result.append([list(values[end - length + 1 : end + 1]), values[end + horizon]])
    return result


def _pairs_by_numpy(values, length, horizon):
    import numpy as np

    series = np.array(values)
    if len(series) < length + horizon:
        return []
    windows = np.lib.stride_tricks.sliding_window_view(series[: len(series) - horizon], length)
    return list(zip(windows, series[length - 1 + horizon :], strict=True))


def _aimed(shift):
    """As many windows as is right, each with the value `shift` behind its start."""

    def rule(values, length, horizon):
        starts = range(len(values) - length - horizon + 1)
        return [(values[i : i + length], values[i + shift(length, horizon)]) for i in starts]

    return rule


def _shifted(values, length, shift, stride=1):
    return [
        (values[i : i + length], values[i + shift])
        for i in range(0, len(values), stride)
        if i + max(shift, length - 1) < len(values)
    ]


# ------------------------------------------------------------------------------------------------- 2.5c


def _trainable(last_hours, first, last, length, horizon):
    begins, ends = first - length + 1, last + horizon
    return [t for t in last_hours if t + horizon < begins or t - length + 1 > ends]


def _trainable_by_sets(last_hours, first, last, length, horizon):
    def held(t):
        return set(range(t - length + 1, t + horizon + 1))

    tested = set().union(*(held(t) for t in range(first, last + 1)))
    return [t for t in last_hours if not held(t) & tested]


def _far(back, on):
    def rule(last_hours, first, last, length, horizon):
        return [
            t for t in last_hours if t <= first - back(length, horizon) or t >= last + on(length, horizon)
        ]

    return rule


def both(n, h):
    return n + h


LEAKS = {"smooth", "bridged", "turn", "rain_day", "scaled"}

CASES = {
    "2.5a": Cases(
        right=[
            {"carried": _carried},
            {"carried": _carried_by_pandas},
            {"carried": _carried_by_looking_back},
        ],
        wrong={
            "without end": {"carried": _without_limit},
            "yours ends an hour early": {"carried": _strictly_younger},
            "for an hour too long": {"carried": _one_too_long},
            "yours counts from 1": {"carried": _ages_from_one},
            "fill from the hours after": {"carried": _from_behind},
            "The first hours, before anything was sent": {"carried": _both_ways},
            "A measured 0 is a value": {"carried": _truth_of_zero},
            "the age is `None` as well": {"carried": _keeps_the_age},
            "still hand it out": {"carried": _keeps_the_value},
            "yours stays at 1": {"carried": _age_stays_one},
            "Before anything was sent there is no age": {"carried": _clock_from_the_start},
            "counts all gaps so far": {"carried": _all_gaps_counted},
            "Value and age have changed places": {
                "carried": lambda values, limit: [pair[::-1] for pair in _carried(values, limit)]
            },
            "Those are two lists": {
                "carried": lambda values, limit: tuple(
                    list(part) for part in zip(*_carried(values, limit), strict=True)
                )
            },
            "how long the whole gap is": {"carried": _short_gaps_only},
            "that no sensor had sent by then": {"carried": _interpolated},
            "leave every gap unfilled": {"carried": lambda values, limit: _carried(values, 0)},
            "an entry for every hour": {
                "carried": lambda values, limit: [
                    pair for pair in _carried(values, limit) if pair[1] is not None
                ]
            },
            "Every entry should be a pair": {
                "carried": lambda values, limit: [value for value, _ in _carried(values, limit)]
            },
        },
    ),
    "2.5b": Cases(
        right=[
            {"windows_with_targets": _pairs},
            {"windows_with_targets": _pairs_by_their_end},
            {"windows_with_targets": _pairs_by_numpy},
        ],
        wrong={
            "counts from the start of the window": {"windows_with_targets": _aimed(lambda n, h: h)},
            "one hour too late": {
                "windows_with_targets": lambda values, length, horizon: _shifted(
                    values, length, length + horizon
                )
            },
            "one hour too early": {"windows_with_targets": _aimed(lambda n, h: n + h - 2)},
            "`horizon` plays no part": {"windows_with_targets": _aimed(lambda n, h: n)},
            "a list with one value in it": {
                "windows_with_targets": lambda values, length, horizon: [
                    (window, [target]) for window, target in _pairs(values, length, horizon)
                ]
            },
            "joined to one list": {
                "windows_with_targets": lambda values, length, horizon: [
                    [*window, target] for window, target in _pairs(values, length, horizon)
                ]
            },
            "Those are two lists": {
                "windows_with_targets": lambda values, length, horizon: (
                    [window for window, _ in _pairs(values, length, horizon)],
                    [target for _, target in _pairs(values, length, horizon)],
                )
            },
            "Your last window is missing": {
                "windows_with_targets": lambda values, length, horizon: _pairs(values, length, horizon)[:-1]
            },
            "do not overlap": {
                "windows_with_targets": lambda values, length, horizon: _shifted(
                    values, length, length + horizon - 1, stride=length
                )
            },
            "not all values up to it": {
                "windows_with_targets": lambda values, length, horizon: [
                    (values[i : i + length], values[i + length : i + length + horizon])
                    for i in range(len(values) - length - horizon + 1)
                ]
            },
            "have changed places": {
                "windows_with_targets": lambda values, length, horizon: [
                    (target, window) for window, target in _pairs(values, length, horizon)
                ]
            },
            "lies beyond the end": {
                "windows_with_targets": lambda values, length, horizon: [
                    (
                        values[i : i + length],
                        values[i + length - 1 + horizon] if i + length - 1 + horizon < len(values) else None,
                    )
                    for i in range(len(values) - length + 1)
                ]
            },
            "without their targets": {
                "windows_with_targets": lambda values, length, horizon: [
                    window for window, _ in _pairs(values, length, horizon)
                ]
            },
        },
    ),
    "2.5c": Cases(
        right=[
            {"trainable": _trainable},
            {"trainable": _trainable_by_sets},
            {"trainable": lambda *args: set(_trainable(*args))},
        ],
        wrong={
            "leave out the test windows alone": {"trainable": _far(lambda n, h: 1, lambda n, h: 1)},
            "purge before the block only": {"trainable": _far(both, lambda n, h: 1)},
            "purge after the block only": {"trainable": _far(lambda n, h: 1, both)},
            "forget the targets": {"trainable": _far(lambda n, h: n, lambda n, h: n)},
            "reaches back over all its hours": {"trainable": _far(lambda n, h: h, lambda n, h: h)},
            "You compare with `first` and `last` alone": {
                "trainable": _far(lambda n, h: h + 1, lambda n, h: n)
            },
            "windows still touch": {"trainable": _far(lambda n, h: n + h - 1, lambda n, h: n + h - 1)},
            "one window more than needed": {
                "trainable": _far(lambda n, h: n + h + 1, lambda n, h: n + h + 1)
            },
            "after it you count the windows' hours": {"trainable": _far(lambda n, h: h, lambda n, h: n)},
            "Some training window before the block": {"trainable": _far(lambda n, h: h + 1, both)},
            "Some training window after the block": {"trainable": _far(both, lambda n, h: h + 1)},
            "window before the block is missing": {
                "trainable": lambda hours, first, last, n, h: [
                    t for t in hours if t + h < first - n + 1 and t - n + 1 > last + h
                ]
            },
            "window after the block is missing": {"trainable": _far(both, lambda n, h: n + h + 1)},
            "that may not be used": {
                "trainable": lambda hours, *args: [t for t in hours if t not in _trainable(hours, *args)]
            },
            "Nothing after the block is used": {
                "trainable": lambda hours, first, last, n, h: [t for t in hours if t <= first - n - h]
            },
            "True or False": {
                "trainable": lambda hours, *args: [t in _trainable(hours, *args) for t in hours]
            },
        },
    ),
    "2.5d": Cases(
        right=[{"look_ahead": LEAKS}, {"look_ahead": sorted(LEAKS, reverse=True)}],
        wrong={
            "`center=True`": {"look_ahead": LEAKS - {"smooth"}},
            "after the gap": {"look_ahead": LEAKS - {"bridged"}},
            "a negative step": {"look_ahead": LEAKS - {"turn"}},
            "the whole calendar day": {"look_ahead": LEAKS - {"rain_day"}},
            "It is a weak leak": {"look_ahead": LEAKS - {"scaled"}},
            "more look ahead": {"look_ahead": {"smooth", "turn", "rain_day", "scaled"} - {"scaled", "turn"}},
            "it is not alone": {"look_ahead": {"smooth"}},
            "a running sum": {"look_ahead": LEAKS | {"rain_so_far"}},
            "run backwards from each hour": {"look_ahead": LEAKS | {"faded"}},
            "both ends are past": {"look_ahead": LEAKS | {"trend"}},
            "it takes what was sent before": {"look_ahead": LEAKS | {"carried_on"}},
            "the value of 24 hours before": {"look_ahead": (LEAKS | {"yesterday"}) - {"scaled"}},
            "pandas looks backwards": {"look_ahead": LEAKS | {"mean_3h"}},
            "not a feature of the table": {"look_ahead": LEAKS | {"pressure"}},
            "None?": {"look_ahead": set()},
        },
    ),
}
