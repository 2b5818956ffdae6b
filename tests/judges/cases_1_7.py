"""Answers to the exercises of lesson 1.7."""

import math

import numpy as np

from .harness import cases


def _expected_in_a_loop(late, q):
    hits = total = 0
    for y, p in zip(late, q, strict=True):
        hits, total = hits + y * p / (1 - p), total + p / (1 - p)
    return hits / total


def _average(weights):
    """An answer to 1.7a: numpy's average with weights made of the array `q`."""
    return lambda late, q: np.average(late, weights=weights(np.asarray(q)))


def _limit_by_counting(calm, allowed):
    return min(value for value in calm if sum(other > value for other in calm) <= allowed)


def _share_by_walking(day, worse, steps, length):
    plan = [step for step in steps for _ in range(length)]
    share = plan[day] if day < len(plan) else steps[-1]
    return share * (worse is None or day <= worse)


def _share_by_arrays(day, worse, steps, length):
    allowed = day <= (math.inf if worse is None else worse)
    return np.array(steps)[min(day // length, len(steps) - 1)] * int(allowed)


def _share_until_the_list_ends(day, worse, steps, length):
    plan = np.repeat(steps, length)
    return plan[day] if day < len(plan) and (worse is None or day <= worse) else 0


CASES = {
    "1.7a": cases(
        "expected_late",
        right=[_expected_in_a_loop, _average(lambda q: q / (1 - q))],
        wrong={
            "turned round": _average(lambda q: 1 / q - 1),
            "You keep only": lambda late, q: np.asarray(late)[np.asarray(q) >= 0.5].mean(),
            "for all the flights together": lambda late, q: list(q),
            "Try it by hand": lambda late, q: 0.5,
        },
    ),
    "1.7b": cases(
        "limit",
        right=[_limit_by_counting, lambda calm, allowed: np.sort(calm)[-1 - allowed]],
        wrong={
            "gives nothing": lambda calm, allowed: None if allowed else max(calm),
            "one value of the list, a number": lambda calm, allowed: sorted(calm)[-allowed - 1 :],
            "higher than it need be": lambda calm, allowed: sorted(calm)[-max(allowed, 1)],
            "pick a day": lambda calm, allowed: float(np.quantile(calm, 1 - allowed / len(calm))),
            "whether a smaller": lambda calm, allowed: min(calm),
        },
    ),
    "1.7c": cases(
        "share_today",
        right=[_share_by_walking, _share_by_arrays],
        wrong={
            "gives nothing back": lambda *given: _share_by_walking(*given) or None,
            "one number from 0 to 1": lambda day, worse, steps, length: steps,
            "to the first step": lambda *given: _share_by_walking(*given) or given[2][0],
            "you stop serving": _share_until_the_list_ends,
            "on paper": lambda *given: 1.0,
        },
    ),
    "1.7d": cases(
        "bad_share",
        right=[lambda bg, cg, bb, cb: (cg - bg) / (cg - bg - cb + bb)],
        wrong={
            "a share of all releases": lambda bg, cg, bb, cb: [bg, cg],
            "don't earn the same": lambda bg, cg, bb, cb: 0.1,
        },
    ),
}
