"""Answers to the exercises of lesson 2.6."""

import numpy as np

from .harness import Cases


def _fits(direction, columns, keep, folds):
    if direction == "forward":
        return folds * sum(range(columns - keep + 1, columns + 1))
    return folds * sum(range(keep + 1, columns + 1))


def _fits_in_closed_form(direction, columns, keep, folds):
    if direction == "forward":
        return folds * keep * (2 * columns - keep + 1) / 2
    return folds * (columns * (columns + 1) - keep * (keep + 1)) / 2


def _searching(forward, backward):
    return lambda direction, columns, keep, folds: (forward if direction == "forward" else backward)(
        columns, keep, folds
    )


def _forward(c, k, f):
    return _fits("forward", c, k, f)


def _backward(c, k, f):
    return _fits("backward", c, k, f)


def _stability(chosen):
    chosen = np.array(chosen)
    kept = chosen.mean()
    return 1 - chosen.var(axis=0, ddof=1).mean() / (kept * (1 - kept))


def _stability_in_loops(chosen):
    runs, columns = len(chosen), len(chosen[0])
    total, kept = 0, 0
    for place in range(columns):
        share = sum(row[place] for row in chosen) / runs
        total += runs / (runs - 1) * share * (1 - share)
        kept += sum(row[place] for row in chosen)
    kept = kept / runs
    return 1 - (total / columns) / (kept / columns * (1 - kept / columns))


def _jaccard(chosen):
    sets = [set(np.flatnonzero(row)) for row in chosen]
    pairs = [(a, b) for i, a in enumerate(sets) for b in sets[i + 1 :]]
    return sum(len(a & b) / len(a | b) for a, b in pairs) / len(pairs)


def _plain(chosen, ddof=1):
    return 1 - np.var(chosen, axis=0, ddof=ddof).mean()


def _population(chosen):
    kept = np.mean(chosen)
    return 1 - np.var(chosen, axis=0).mean() / (kept * (1 - kept))


def _of(chosen, over=np.mean, kept=0.5):
    return 1 - over(np.var(chosen, axis=0, ddof=1)) / (kept * (1 - kept))


def _by_column(chosen):
    share = np.mean(chosen, axis=0)
    with np.errstate(all="ignore"):
        return 1 - np.mean(np.var(chosen, axis=0, ddof=1) / (share * (1 - share)))


def _leanest(table, margin):
    return min((columns for columns, _, low, _ in table if low >= -margin), default=None)


def _leanest_by_sorting(table, margin):
    for columns, _difference, low, _high in sorted(table):
        if low >= -margin:
            return float(columns)
    return None


def _passing(passes, choose=min):
    return lambda table, margin: choose((r[0] for r in table if passes(*r[1:], margin)), default=None)


CASES = {
    "2.6a": Cases(
        right=[{"fits": _fits}, {"fits": _fits_in_closed_form}],
        wrong={
            "a mean over the folds": {"fits": lambda d, c, k, f: _fits(d, c, k, 1)},
            "the steps of a forward one": {"fits": _searching(_forward, _forward)},
            "Both searches are greedy": {"fits": lambda d, c, k, f: f * 2**c},
            "one model per step": {"fits": _searching(lambda c, k, f: f * k, lambda c, k, f: f * (c - k))},
            "out of the race": {
                "fits": _searching(lambda c, k, f: f * c * k, lambda c, k, f: f * c * (c - k))
            },
            "One step too few": {
                "fits": _searching(
                    lambda c, k, f: _forward(c, k - 1, f), lambda c, k, f: _backward(c, k + 1, f)
                )
            },
            "One step too many": {
                "fits": _searching(
                    lambda c, k, f: _forward(c, k + 1, f), lambda c, k, f: _backward(c, k - 1, f)
                )
            },
            "Forward is right. Follow": {
                "fits": _searching(_forward, lambda c, k, f: f * (1 + sum(range(k + 1, c + 1))))
            },
            "Backward is right.": {"fits": _searching(lambda c, k, f: f * sum(range(k, c)), _backward)},
            "search is RFE": {"fits": _searching(_forward, lambda c, k, f: f * (c - k))},
            "off at its ends": {"fits": _searching(_forward, lambda c, k, f: f * sum(range(k, c + 1)))},
            "both ways": {"fits": lambda d, c, k, f: f * c * k},
            "gives nothing back": {"fits": lambda d, c, k, f: _forward(c, k, f) if d == "forward" else None},
            "one number of fits": {"fits": lambda d, c, k, f: [_fits(d, c, k, f)]},
            "Write the steps down": {"fits": lambda d, c, k, f: f * (c - k) + 7},
        },
    ),
    "2.6b": Cases(
        right=[{"stability": _stability}, {"stability": _stability_in_loops}],
        wrong={
            "which divides by M − 1": {"stability": _population},
            "almost nothing": {"stability": _plain},
            "Chance is missing, and": {"stability": lambda chosen: _plain(chosen, ddof=0)},
            "mean Jaccard index": {"stability": _jaccard},
            "the instability": {"stability": lambda chosen: 1 - _stability(chosen)},
            "divide column by column": {"stability": _by_column},
            "needs the share of them": {
                "stability": lambda chosen: _of(chosen, kept=np.sum(chosen, axis=1).mean())
            },
            "by p twice": {"stability": lambda chosen: _of(chosen, kept=np.mean(chosen) / len(chosen[0]))},
            "Asked is their mean": {"stability": lambda chosen: _of(chosen, np.sum, np.mean(chosen))},
            "larger than 1": {"stability": lambda chosen: 1 + np.mean(chosen)},
            "wrong axis": {"stability": lambda chosen: _stability(np.transpose(chosen))},
            "gives nothing back": {"stability": lambda chosen: print(end="")},
            "a single number": {"stability": lambda chosen: np.var(chosen, axis=0).tolist()},
            "by hand": {"stability": lambda chosen: float(np.mean(chosen))},
        },
    ),
    "2.6c": Cases(
        right=[{"honest": {"B", "C"}}, {"honest": ["c", "b"]}],
        wrong={
            "A is not among": {"honest": {"A", "B", "C"}},
            "D is not among": {"honest": {"B", "D"}},
            "E is not among": {"honest": {"C", "E"}},
            "keeps a second period back": {"honest": {"C"}},
            "not wrong in itself": {"honest": {"B"}},
            "None?": {"honest": set()},
            "All five?": {"honest": list("ABCDE")},
            "not one of the five": {"honest": {"B", "F"}},
        },
    ),
    "2.6d": Cases(
        right=[{"leanest": _leanest}, {"leanest": _leanest_by_sorting}],
        wrong={
            "the difference alone": {"leanest": _passing(lambda d, lo, hi, m: d >= -m)},
            "Not significantly worse": {"leanest": _passing(lambda d, lo, hi, m: hi >= 0)},
            "The interval holds zero": {"leanest": _passing(lambda d, lo, hi, m: lo <= 0 <= hi)},
            "*better* than all": {"leanest": _passing(lambda d, lo, hi, m: lo > 0)},
            "Asked is the smallest": {"leanest": _passing(lambda d, lo, hi, m: lo >= -m, max)},
            "optimistic end": {"leanest": _passing(lambda d, lo, hi, m: hi >= -m)},
            "exactly −margin": {"leanest": _passing(lambda d, lo, hi, m: lo > -m)},
            "both sides": {"leanest": _passing(lambda d, lo, hi, m: lo >= -m and hi <= m)},
            "compare with its negative": {"leanest": _passing(lambda d, lo, hi, m: lo >= m)},
            "turned round": {"leanest": _passing(lambda d, lo, hi, m: lo < -m)},
            "without its sign": {"leanest": _passing(lambda d, lo, hi, m: abs(lo) <= m)},
            "the best of the sets that pass": {
                "leanest": lambda t, m: max(((r[1], r[0]) for r in t if r[2] >= -m), default=(0, None))[1]
            },
            "the answer is `None`": {"leanest": lambda t, m: _leanest(t, m) or 27},
            "a whole row": {"leanest": lambda t, m: min(r for r in t)},
            "never gives a number": {"leanest": lambda t, m: print(end="")},
            "no particular order": {"leanest": lambda t, m: t[0][0]},
        },
    ),
}
