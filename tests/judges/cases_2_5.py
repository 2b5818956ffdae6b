"""Answers to the exercises of lesson 2.5 that their own examples can't have."""

from .harness import cases


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


def _from_behind(values, limit):
    return _carried(values[::-1], limit)[::-1]


def _both_ways(values, limit):
    return [
        pair if pair[0] is not None else other
        for pair, other in zip(_carried(values, limit), _from_behind(values, limit), strict=True)
    ]


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


def _all_gaps_counted(values, limit):
    pairs, newest, gaps = [], None, 0
    for value in values:
        if value is None:
            gaps += 1
        else:
            newest = value
        pairs.append((newest, gaps) if newest is not None and gaps <= limit else (None, None))
    return pairs


def _age_by_index(values, limit):
    pairs = _carried(values, len(values))
    ages = [None if value is None else i - values.index(value) for i, (value, _) in enumerate(pairs)]
    return [
        (value, age) if age is not None and age <= limit else (None, None)
        for (value, _), age in zip(pairs, ages, strict=True)
    ]


def _interpolated(values, limit):
    import pandas as pd

    filled = pd.Series(values, dtype="float64").interpolate(limit=limit or None, limit_area="inside")
    return [(None, None) if pd.isna(value) else (value, 0) for value in filled]


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


def _trainable(last_hours, first, last, length, horizon):
    begins, ends = first - length + 1, last + horizon
    return [t for t in last_hours if t + horizon < begins or t - length + 1 > ends]


def _trainable_by_sets(last_hours, first, last, length, horizon):
    def held(t):
        return set(range(t - length + 1, t + horizon + 1))

    tested = set().union(*(held(t) for t in range(first, last + 1)))
    return [t for t in last_hours if not held(t) & tested]


CASES = {
    "2.5a": cases(
        "carried",
        right=[_carried, _carried_by_pandas, _carried_by_looking_back],
        wrong={
            "The first hours, before anything was sent": _both_ways,
            "counts all gaps so far": _all_gaps_counted,
            "how long the whole gap is": _short_gaps_only,
            "that no sensor had sent by then": _interpolated,
            "Those are two lists": lambda *given: tuple(map(list, zip(*_carried(*given), strict=True))),
            "a pair for each hour": lambda values, limit: "known",
            "an entry for every hour": lambda *given: [
                pair for pair in _carried(*given) if pair[0] is not None
            ],
            "Every entry should be a pair": lambda *given: [value for value, _ in _carried(*given)],
            "or `None` twice": lambda *given: [(str(value), age) for value, age in _carried(*given)],
            "every age in your pairs is 0": lambda values, limit: [
                (value, 0) if value is not None else (None, None) for value, _ in _carried(values, limit)
            ],
            "The second is a new value": _age_by_index,
            "Write a list of five hours": lambda *given: [(v, a and a * 2) for v, a in _carried(*given)],
        },
    ),
    "2.5b": cases(
        "windows_with_targets",
        right=[_pairs, _pairs_by_their_end, _pairs_by_numpy],
        wrong={
            "Asked is a list of pairs": lambda values, length, horizon: dict(enumerate(values)),
            "lies beyond the end": lambda values, length, horizon: [
                (
                    values[i : i + length],
                    values[i + length - 1 + horizon] if i + length - 1 + horizon < len(values) else None,
                )
                for i in range(len(values) - length + 1)
            ],
            "more windows than": lambda *given: [*_pairs(*given), ([], 0)],
            "that has a target is missing": lambda *given: _pairs(*given)[1:],
            "yours are dicts": lambda *given: [dict(zip("ab", pair, strict=True)) for pair in _pairs(*given)],
            "Try a list of counters": lambda *given: [
                (window[::-1], target) for window, target in _pairs(*given)
            ],
        },
    ),
    "2.5c": cases(
        "trainable",
        right=[_trainable, _trainable_by_sets, lambda *given: set(_trainable(*given))],
        wrong={
            "last hours of those windows": lambda hours, *rest: len(hours),
            "hours, as numbers": lambda *given: [str(t) for t in _trainable(*given)],
            "True or False": lambda hours, *rest: [t in _trainable(hours, *rest) for t in hours],
            "are test windows": lambda hours, first, *rest: [first, *_trainable(hours, first, *rest)],
            "Some training window before": lambda hours, first, last, n, h: [
                t for t in hours if t <= first - h - 1 or t >= last + n + h
            ],
            "Some training window after": lambda hours, first, last, n, h: [
                t for t in hours if t <= first - n - h or t >= last + h + 1
            ],
            "not in the list you were given": lambda *given: [*_trainable(*given), 1000],
            "window before the block is missing": lambda hours, first, last, n, h: [
                t for t in hours if t < first - n - h or t >= last + n + h
            ],
            "window after the block is missing": lambda hours, first, *rest: [
                t for t in _trainable(hours, first, *rest) if t < first or t < hours[-1]
            ],
            "in the list once": lambda *given: _trainable(*given) * 2,
        },
    ),
    "2.5d": cases("look_ahead", right=[["turn", "bridged", "smooth", "scaled", "rain_day"]], wrong={}),
}
