"""Answers to the exercises of lesson 2.4 that their own examples can't have."""

import bisect
import math

import numpy as np

from .harness import cases


def no_last_bucket(value, edges):
    for number, edge in enumerate(edges):
        if value < edge:
            return number
    return None


def in_a_loop(share, sure):
    n, hidden = 0, 1.0
    while 1 - hidden < sure:
        n, hidden = n + 1, hidden * (1 - share)
    return n


CASES = {
    "2.4a": cases(
        "needs_pass", right=[["warmth", "rare", "distance_capped", "carrier_hour", "rare"]], wrong={}
    ),
    "2.4b": cases(
        "bucket",
        right=[
            lambda value, edges: bisect.bisect_right(edges, value),
            lambda value, edges: np.digitize(value, edges),
            lambda value, edges: np.searchsorted(edges, [value], side="right")[0],
        ],
        wrong={
            "closed on the right": lambda value, edges: bisect.bisect_left(edges, value),
            "nearest edge": lambda value, edges: int(np.argmin([abs(edge - value) for edge in edges])),
            "right for the edges of the table": lambda value, edges: (
                0 if value < 600 else 1 if value < 900 else 2
            ),
            "gives nothing back": no_last_bucket,
            "gives something else": lambda value, edges: [edge <= value for edge in edges],
            "Go through the table": lambda value, edges: int(value > 0),
            "on the last edge": lambda value, edges: max(
                int(np.histogram([value], bins=[-np.inf, *edges])[0].argmax()),
                len(edges) * (value > edges[-1]),
            ),
            "there a value that equals": lambda value, edges: 0 if value <= 600 else 1 if value <= 900 else 2,
        },
    ),
    "2.4c": cases(
        "rows_needed",
        right=[
            lambda share, sure: int(np.ceil(np.log(1 - sure) / np.log(1 - share))),
            in_a_loop,
            lambda share, sure: np.ceil(np.log1p(-sure) / np.log1p(-share)),
        ],
        wrong={
            "n − 1 not?": lambda share, sure: math.ceil(1.96**2 * share * (1 - share) / 0.05**2),
            "rule of thumb": lambda share, sure: 3 / share,
            "expected* once": lambda share, sure: 1 / share,
            "not negative": lambda share, sure: math.ceil(-math.log(1 - sure) / math.log(1 - share)),
            "gives something else": lambda share, sure: str(3 / share),
        },
    ),
    "2.4d": cases(
        "expected_sharing",
        right=[lambda values, buckets: values - values * ((buckets - 1) / buckets) ** (values - 1)],
        wrong={
            "probability for one value": lambda n, m: 100 * (1 - (1 - 1 / m) ** (n - 1)),
            "approximation by e": lambda n, m: n * (1 - math.exp(-n / m)),
            "count by hand": lambda values, buckets: values * values / buckets**2,
            "gives something else": lambda values, buckets: {values},
        },
    ),
}
