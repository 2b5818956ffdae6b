"""Answers to the exercises of lesson 1.7."""

import inspect
import math
import textwrap

import numpy as np
import pandas as pd

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


def _by_walking(past, steps, length):
    """1.7c in a loop, which leaves at the first morning that is worse."""
    total = variance = counted = 0
    for record in past:
        if record["difference"] is None:
            continue
        counted += 1
        total += record["difference"]
        variance += record["variance"]
        if total < -3 * math.sqrt(variance):
            return 0
    return steps[min(counted // length, len(steps) - 1)]


def _by_frame(past, steps, length):
    """1.7c with pandas, where None becomes NaN."""
    days = pd.DataFrame(past, columns=["difference", "variance"]).astype(float).dropna().cumsum()
    if (days.difference < -3 * days.variance**0.5).any():
        return 0.0
    return np.repeat(steps, length)[min(len(days), len(steps) * length - 1)]


def _changed(line, by):
    """1.7c as in the loop, with one line written otherwise."""
    space = {"math": math}
    source = textwrap.dedent(inspect.getsource(_by_walking))
    assert source.count(line) == 1, line
    exec(source.replace(line, by), space)
    return space["_by_walking"]


def _by_calendar(past, steps, length):
    """The first version of 1.7c: it climbs by the calendar, whatever could be compared."""
    return _by_walking(past, [1.0], 1) and steps[min(len(past) // length, len(steps) - 1)]


def _restarts(past, steps, length):
    """It forgets all that lies before the newest step began."""
    seen = [record for record in past if record["difference"] is not None]
    new = seen[len(seen) // length * length :]
    bad = sum(r["difference"] for r in new) < -3 * math.sqrt(sum(r["variance"] for r in new))
    return 0 if bad else steps[min(len(seen) // length, len(steps) - 1)]


CASES = {
    "1.7a": cases(
        "expected_late",
        right=[_expected_in_a_loop, _average(lambda q: q / (1 - q))],
        wrong={
            "turned round": _average(lambda q: 1 / q - 1),
            "You keep only": lambda late, q: np.asarray(late)[np.asarray(q) >= 0.5].mean(),
            "for all the flights together": lambda late, q: list(q),
            "Try it by hand": lambda late, q: 0.5,
            "it needs brackets": lambda late, q: ((q / 1 - q) * late).sum() / (q / 1 - q).sum(),
            "leave them their weight": _average(lambda q: q.clip(0.01, 0.99) / (1 - q.clip(0.01, 0.99))),
            "`late` is 1": lambda late, q: 1 - _expected_in_a_loop(late, q),
        },
    ),
    "1.7b": cases(
        "limit",
        right=[_limit_by_counting, lambda calm, allowed: np.sort(calm)[-1 - allowed]],
        wrong={
            "gives nothing": lambda calm, allowed: None if allowed else max(calm),
            "one value of the list, a number": lambda calm, allowed: sorted(calm)[-allowed - 1 :],
            "higher than it need be": lambda calm, allowed: sorted(calm)[-max(allowed, 1)],
            "Off by one": lambda calm, allowed: np.sort(calm)[::-1][allowed - 1],
            "the largest value that breaks": lambda calm, allowed: max(
                [v for v in calm if (calm > v).sum() > allowed] or [calm.min()]
            ),
            "pick a day": lambda calm, allowed: float(np.quantile(calm, 1 - allowed / len(calm))),
            "whether a smaller": lambda calm, allowed: min(calm),
        },
    ),
    "1.7c": cases(
        "share_today",
        right=[_by_walking, _by_frame],
        wrong={
            "gives nothing back": lambda *given: _by_walking(*given) or None,
            "nothing for nobody": lambda past, steps, length: _by_walking(
                past, [100 * s for s in steps], length
            ),
            "back to the first step": lambda *given: _by_walking(*given) or given[1][0],
            "stop the very good": _changed("total <", "-abs(total) <"),
            "strictly below it": _changed("total <", "total <="),
            "never stop": _changed("total <", "total < -1e9 and total <"),
            "take the root": _changed("math.sqrt(variance)", "variance"),
            "a noisy start": _changed("-3 *", "-1.96 *"),
            "Variances add up": _changed(
                'variance += record["variance"]',
                'variance = (variance**0.5 + record["variance"] ** 0.5) ** 2',
            ),
            "moved your rollout on": _by_calendar,
            "Outcomes that come after": lambda past, steps, length: (
                _changed("total <", "False and total <")(past, steps, length)
                if sum(r["difference"] or 0 for r in past)
                >= -3 * math.sqrt(sum(r["variance"] or 0 for r in past))
                else 0
            ),
            "a day early": _changed("counted // length", "(counted + 1) // length"),
            "Go through the mornings of this world": _restarts,
        },
        invalid={
            "NoneType": _changed('if record["difference"] is None:', "if False:"),
            "list index out of range": _changed(
                "min(counted // length, len(steps) - 1)", "counted // length"
            ),
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
