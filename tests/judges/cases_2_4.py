"""Right and wrong answers to the exercises of lesson 2.4."""

import bisect
import math

import numpy as np

from .harness import Cases

CASES = {}

# ---------------------------------------------------------------------------------------------------- 2.4a

PASS = {"distance_capped", "warmth", "carrier_hour", "rare"}

CASES["2.4a"] = Cases(
    right=[{"needs_pass": PASS}, {"needs_pass": sorted(PASS, reverse=True)}],
    wrong={
        "computed from the text itself": {"needs_pass": PASS | {"route_hashed"}},
        "made of arithmetic": {"needs_pass": PASS - {"carrier_hour"}},
        "a person chose": {"needs_pass": PASS | {"fog"}},
        "not a scaling by the data": {"needs_pass": PASS | {"rain"}},
        "asks for no other row": {"needs_pass": PASS | {"spread"}},
        "list of two weekdays": {"needs_pass": PASS | {"weekend"}},
        "counting takes all rows": {"needs_pass": PASS - {"rare"}},
        "other flights of its airport": {"needs_pass": PASS - {"warmth"}},
        "cuts at a value": {"needs_pass": PASS - {"distance_capped"}},
        "Turned round": {"needs_pass": {"fog", "rain", "spread", "route_hashed", "weekend"}},
        "not in the table": {"needs_pass": PASS | {"hour"}},
        "without having seen the data": {"needs_pass": set()},
    },
)

# ---------------------------------------------------------------------------------------------------- 2.4b


def no_last_bucket(value, edges):
    for number, edge in enumerate(edges):
        if value < edge:
            return number
    return None


CASES["2.4b"] = Cases(
    right=[
        {"bucket": lambda value, edges: sum(edge <= value for edge in edges)},
        {"bucket": lambda value, edges: bisect.bisect_right(edges, value)},
        {"bucket": lambda value, edges: np.digitize(value, edges)},
        {"bucket": lambda value, edges: np.searchsorted(edges, [value], side="right")[0]},
    ],
    wrong={
        "closed on the right": {"bucket": lambda value, edges: bisect.bisect_left(edges, value)},
        "has the number 0": {"bucket": lambda value, edges: 1 + bisect.bisect_right(edges, value)},
        "one too low": {"bucket": lambda value, edges: bisect.bisect_right(edges, value) - 1},
        "one more bucket than": {
            "bucket": lambda value, edges: min(bisect.bisect_right(edges, value), len(edges) - 1)
        },
        "from the top": {"bucket": lambda value, edges: sum(edge > value for edge in edges)},
        "nearest edge": {
            "bucket": lambda value, edges: int(np.argmin([abs(edge - value) for edge in edges]))
        },
        "only tell above from below": {"bucket": lambda value, edges: int(value >= edges[0])},
        "right for the edges of the table": {
            "bucket": lambda value, edges: 0 if value < 600 else 1 if value < 900 else 2
        },
        "gives nothing back": {"bucket": no_last_bucket},
        "gives something else": {"bucket": lambda value, edges: [edge <= value for edge in edges]},
    },
)

# ---------------------------------------------------------------------------------------------------- 2.4c


def in_a_loop(share, sure):
    n, hidden = 0, 1.0
    while 1 - hidden < sure:
        n, hidden = n + 1, hidden * (1 - share)
    return n


def needed(share, sure):
    return math.log(1 - sure) / math.log(1 - share)


CASES["2.4c"] = Cases(
    right=[
        {"rows_needed": lambda share, sure: int(np.ceil(np.log(1 - sure) / np.log(1 - share)))},
        {"rows_needed": in_a_loop},
        {"rows_needed": lambda share, sure: np.ceil(np.log1p(-sure) / np.log1p(-share))},
    ],
    wrong={
        "round down or to the nearest": {"rows_needed": lambda share, sure: int(needed(share, sure))},
        "to the nearest is sometimes too few": {
            "rows_needed": lambda share, sure: round(needed(share, sure))
        },
        "not a whole number": {"rows_needed": needed},
        "*expected* once": {"rows_needed": lambda share, sure: math.ceil(1 / share)},
        "Expected faults are not": {"rows_needed": lambda share, sure: math.ceil(sure / share)},
        "shortcut for rare faults": {
            "rows_needed": lambda share, sure: math.ceil(-math.log(1 - sure) / share)
        },
        "You divided the chances": {"rows_needed": lambda share, sure: math.ceil((1 - sure) / (1 - share))},
        "One row too many": {"rows_needed": lambda share, sure: int(needed(share, sure)) + 2},
        "to stay hidden with": {
            "rows_needed": lambda share, sure: math.ceil(math.log(sure) / math.log(1 - share))
        },
        "that a row is clean": {
            "rows_needed": lambda share, sure: math.ceil(math.log(1 - sure) / math.log(share))
        },
    },
)

# ---------------------------------------------------------------------------------------------------- 2.4d


def alone(values, buckets):
    return (1 - 1 / buckets) ** (values - 1)


def used(values, buckets):
    return buckets * (1 - (1 - 1 / buckets) ** values)


CASES["2.4d"] = Cases(
    right=[
        {"expected_sharing": lambda values, buckets: values * (1 - alone(values, buckets))},
        {
            "expected_sharing": lambda values, buckets: (
                values - values * ((buckets - 1) / buckets) ** (values - 1)
            )
        },
    ],
    wrong={
        "probability for one value": {"expected_sharing": lambda values, buckets: 1 - alone(values, buckets)},
        "expected to be alone": {"expected_sharing": lambda values, buckets: values * alone(values, buckets)},
        "collide with itself": {
            "expected_sharing": lambda values, buckets: values * (1 - (1 - 1 / buckets) ** values)
        },
        "counts pairs": {"expected_sharing": lambda values, buckets: values * (values - 1) / (2 * buckets)},
        "excluded one another": {"expected_sharing": lambda values, buckets: values * (values - 1) / buckets},
        "need not be whole": {
            "expected_sharing": lambda values, buckets: round(values * (1 - alone(values, buckets)))
        },
        "holds on average": {"expected_sharing": lambda values, buckets: values / buckets},
        "values minus buckets": {"expected_sharing": lambda values, buckets: max(0, values - buckets)},
        "number of buckets in use": {"expected_sharing": used},
        "taken already": {"expected_sharing": lambda values, buckets: values - used(values, buckets)},
    },
)
