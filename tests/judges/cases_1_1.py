"""Answers to the exercises of lesson 1.1."""

import numpy as np
import pandas as pd

from .harness import cases


def _gain_by_cases(chance, saved, spent):
    return chance * (saved - spent) + (1 - chance) * (0 - spent)


def _gap(table):
    return (table["predicted"] - table["late"]).abs()


def _months_in_a_loop(table, tolerance):
    return [
        int(row.month)
        for row in table.itertuples()
        if max(row.late, row.predicted) - min(row.late, row.predicted) > tolerance
    ]


def _months_that_return_too_early(table, tolerance):
    for row in table.itertuples():
        if abs(row.predicted - row.late) > tolerance:
            return [row.month]
    return None


def _gate_by_steps(low, by_origin, allowed):
    if low <= 0:
        return False
    return all(difference >= -allowed for difference in by_origin.values())


def _gate_by_the_worst(low, by_origin, allowed):
    worst = min(by_origin, key=by_origin.get)
    return np.bool_(low > 0) & np.bool_(by_origin[worst] + allowed >= 0)


ALL = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}

CASES = {
    "1.1a": cases(
        "expected_gain",
        right=[_gain_by_cases],
        wrong={
            "decides whether to send": lambda chance, saved, spent: chance * saved > spent,
            "prices of its own": lambda chance, saved, spent: chance * 100 - 30,
            "every path": lambda chance, saved, spent: chance * saved - spent if chance > 0.3 else None,
            "a single number": lambda chance, saved, spent: [saved - spent, -spent],
            "Add up two cases": lambda chance, saved, spent: chance * saved - spent + 1,
        },
    ),
    "1.1b": cases(
        "afterwards",
        right=[sorted(ALL, reverse=True) + ["dep_time"], tuple(ALL), pd.Index(sorted(ALL))],
        wrong={
            "not a column": ALL | {""},
            "known at the same time": ALL - {"dep_time"},
        },
    ),
    "1.1c": cases(
        "months_with_alarm",
        right=[
            _months_in_a_loop,
            lambda table, tolerance: set(table["month"][_gap(table) > tolerance]),
            lambda table, tolerance: table.query("abs(predicted - late) > @tolerance").month.to_numpy(),
        ],
        wrong={
            "quiet months": lambda t, most: t.month[_gap(t) < most].tolist(),
            "relative to a share": lambda t, most: t.month[(t.late / t.predicted - 1).abs() > most].tolist(),
            "True or False for each": lambda t, most: _gap(t) > most,
            "whole table": lambda t, most: t[_gap(t) > most],
            "positions of rows": lambda t, most: np.flatnonzero(_gap(t) > most),
            "before its end": _months_that_return_too_early,
            "something else": lambda t, most: int((_gap(t) > most).sum()),
            "as numbers": lambda t, most: [f"month {m}" for m in t.month],
            "Try a table by hand": lambda t, most: t.month[_gap(t) ** 2 > most].tolist(),
        },
    ),
    "1.1d": cases(
        "promote",
        right=[
            _gate_by_steps,
            _gate_by_the_worst,
            lambda low, by, allowed: int(low > 0 and max(-x for x in by.values()) <= allowed),
        ],
        wrong={
            "says nothing": lambda low, by, allowed: True if _gate_by_steps(low, by, allowed) else None,
            "something else": lambda low, by, allowed: "yes" if _gate_by_steps(low, by, allowed) else "no",
            "join them": lambda low, by, allowed: low > 10 and min(by.values()) >= -allowed and allowed > 60,
        },
    ),
}
