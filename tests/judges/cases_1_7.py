"""Answers to the exercises of lesson 1.7."""

import math

import numpy as np

from .harness import Cases


def _expected(late, q):
    weights = np.asarray(q) / (1 - np.asarray(q))
    return float((weights * late).sum() / weights.sum())


def _expected_in_a_loop(late, q):
    hits = total = 0
    for y, p in zip(late, q, strict=True):
        hits, total = hits + y * p / (1 - p), total + p / (1 - p)
    return hits / total


def _limit(calm, allowed):
    return sorted(calm, reverse=True)[allowed]


def _limit_by_counting(calm, allowed):
    return min(value for value in calm if sum(other > value for other in calm) <= allowed)


def _share(day, worse, steps, length):
    if worse is not None and day > worse:
        return 0.0
    return steps[min(day // length, len(steps) - 1)]


def _share_by_walking(day, worse, steps, length):
    plan = [step for step in steps for _ in range(length)]
    share = plan[day] if day < len(plan) else steps[-1]
    return share * (worse is None or day <= worse)


def _bad(bold_good, careful_good, bold_bad, careful_bad):
    premium, averted = bold_good - careful_good, careful_bad - bold_bad
    return premium / (premium + averted)


CASES = {
    "1.7a": Cases(
        right=[
            {"expected_late": _expected},
            {"expected_late": _expected_in_a_loop},
            {"expected_late": lambda late, q: np.average(late, weights=np.array(q) / (1 - np.array(q)))},
        ],
        wrong={
            "weigh by `q` itself": {"expected_late": lambda late, q: np.average(late, weights=q)},
            "turned round": {"expected_late": lambda late, q: np.average(late, weights=1 / np.array(q) - 1)},
            "one more than the odds": {
                "expected_late": lambda late, q: np.average(late, weights=1 / (1 - np.array(q)))
            },
            "look like *training*": {
                "expected_late": lambda late, q: np.average(late, weights=1 - np.array(q))
            },
            "divide by the number": {
                "expected_late": lambda late, q: np.mean(np.array(late) * np.array(q) / (1 - np.array(q)))
            },
            "plain share": {"expected_late": lambda late, q: np.mean(late)},
            "weighted number": {
                "expected_late": lambda late, q: np.sum(np.array(late) * np.array(q) / (1 - np.array(q)))
            },
            "You keep only": {
                "expected_late": lambda late, q: np.mean(
                    [y for y, p in zip(late, q, strict=True) if p >= 0.5] or [0]
                )
            },
            "gives nothing back": {"expected_late": lambda late, q: print(end="")},
            "for all the flights together": {"expected_late": lambda late, q: list(q)},
            "Try it by hand": {"expected_late": lambda late, q: 0.5},
        },
    ),
    "1.7b": Cases(
        right=[
            {"limit": _limit},
            {"limit": _limit_by_counting},
            {"limit": lambda calm, allowed: np.sort(calm)[-1 - allowed]},
        ],
        wrong={
            "One too many": {
                "limit": lambda calm, allowed: sorted(calm, reverse=True)[min(allowed + 1, len(calm) - 1)]
            },
            "higher than it need be": {"limit": lambda calm, allowed: sorted(calm)[-max(allowed, 1)]},
            "from the smallest": {"limit": lambda calm, allowed: sorted(calm)[allowed]},
            "whatever is allowed": {"limit": lambda calm, allowed: max(calm)},
            "your index is `-0`": {"limit": lambda calm, allowed: sorted(calm)[-allowed]},
            "not sorted": {"limit": lambda calm, allowed: calm[allowed]},
            "drop repeats": {
                "limit": lambda calm, allowed: sorted(set(calm), reverse=True)[
                    min(allowed, len(set(calm)) - 1)
                ]
            },
            "pick a day": {"limit": lambda calm, allowed: float(np.quantile(calm, 1 - allowed / len(calm)))},
            "gives nothing": {"limit": lambda calm, allowed: None if allowed else max(calm)},
            "one value of the list, a number": {
                "limit": lambda calm, allowed: sorted(calm, reverse=True)[: allowed + 1]
            },
            "whether a smaller": {"limit": lambda calm, allowed: min(calm)},
        },
    ),
    "1.7c": Cases(
        right=[
            {"share_today": _share},
            {"share_today": _share_by_walking},
            {
                "share_today": lambda day, worse, steps, length: (
                    np.array(steps)[min(day // length, len(steps) - 1)]
                    * int(day <= (math.inf if worse is None else worse))
                )
            },
        ],
        wrong={
            "never roll back": {"share_today": lambda d, w, s, n: s[min(d // n, len(s) - 1)]},
            "on the very day": {
                "share_today": lambda d, w, s, n: 0 if w is not None and d >= w else _share(d, None, s, n)
            },
            "a day late: what day 4": {
                "share_today": lambda d, w, s, n: 0 if w is not None and d > w + 1 else _share(d, None, s, n)
            },
            "from the start": {
                "share_today": lambda d, w, s, n: 0 if w is not None else _share(d, None, s, n)
            },
            "`worse` may be 0": {
                "share_today": lambda d, w, s, n: 0 if w and d > w else _share(d, None, s, n)
            },
            "climb every day": {"share_today": lambda d, w, s, n: _share(d, w, s, 1)},
            "to the first step": {"share_today": lambda d, w, s, n: _share(d, w, s, n) or s[0]},
            "you stop serving": {
                "share_today": lambda d, w, s, n: 0 if d // n >= len(s) else _share(d, w, s, n)
            },
            "start again": {
                "share_today": lambda d, w, s, n: 0 if w is not None and d > w else s[(d // n) % len(s)]
            },
            "climb a day late": {
                "share_today": lambda d, w, s, n: (
                    0 if w is not None and d > w else _share(max(d - 1, 0), None, s, n)
                )
            },
            "gives nothing back": {"share_today": lambda d, w, s, n: _share(d, w, s, n) or None},
            "one number from 0 to 1": {"share_today": lambda d, w, s, n: s},
            "on paper": {"share_today": lambda d, w, s, n: 1.0},
        },
    ),
    "1.7d": Cases(
        right=[
            {"bad_share": _bad},
            {"bad_share": lambda bg, cg, bb, cb: (cg - bg) / (cg - bg - cb + bb)},
        ],
        wrong={
            "per *good* one": {"bad_share": lambda bg, cg, bb, cb: (bg - cg) / (cb - bb)},
            "share of *good* releases": {"bad_share": lambda bg, cg, bb, cb: 1 - _bad(bg, cg, bb, cb)},
            "bold with doing nothing": {"bad_share": lambda bg, cg, bb, cb: bg / (bg - bb)},
            "*careful* pattern breaks even": {
                "bad_share": lambda bg, cg, bb, cb: cg / (cg - cb) if cg != cb else 0.0
            },
            "as free": {"bad_share": lambda bg, cg, bb, cb: (bg - cg) / (bg - cg - bb)},
            "A sign": {
                "bad_share": lambda bg, cg, bb, cb: (
                    (bg - cg) / (bg - cg - cb + bb) if bg - cg != cb - bb else 0.0
                )
            },
            "in per cent": {"bad_share": lambda bg, cg, bb, cb: 100 * _bad(bg, cg, bb, cb)},
            "gives nothing back": {"bad_share": lambda bg, cg, bb, cb: print(end="")},
            "a share of all releases": {"bad_share": lambda bg, cg, bb, cb: [bg, cg]},
            "is negative": {"bad_share": lambda bg, cg, bb, cb: -_bad(bg, cg, bb, cb)},
            "don't earn the same": {"bad_share": lambda bg, cg, bb, cb: 0.1},
        },
    ),
}
