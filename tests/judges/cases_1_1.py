"""Answers to the exercises of lesson 1.1."""

import numpy as np
import pandas as pd

from .harness import Cases


def _gain(chance, saved, spent):
    return chance * (saved - spent) + (1 - chance) * (0 - spent)


def _earned(late, alert):
    """The lesson's function, with the prices of its parameters cell."""
    return alert * (100 * late - 30)


def _months(table, tolerance):
    gap = (table["predicted"] - table["late"]).abs()
    return table["month"][gap > tolerance].tolist()


def _months_in_a_loop(table, tolerance):
    return [
        int(row.month)
        for row in table.itertuples()
        if max(row.late, row.predicted) - min(row.late, row.predicted) > tolerance
    ]


def _months_by_position(table, tolerance):
    found = []
    for i in range(len(table)):
        if abs(table["predicted"][i] - table["late"][i]) > tolerance:
            found.append(table["month"][i])
    return found


def _months_that_return_too_early(table, tolerance):
    for row in table.itertuples():
        if abs(row.predicted - row.late) > tolerance:
            return [row.month]
    return None


def _gate(low, by_origin, allowed):
    return low > 0 and min(by_origin.values()) >= -allowed


def _gate_by_steps(low, by_origin, allowed):
    if low <= 0:
        return False
    return all(difference >= -allowed for difference in by_origin.values())


def _gate_by_the_worst(low, by_origin, allowed):
    worst = min(by_origin, key=by_origin.get)
    return np.bool_(low > 0) & np.bool_(by_origin[worst] + allowed >= 0)


def _gate_that_returns_too_early(low, by_origin, allowed):
    first, *_ = by_origin.values()
    return low > 0 and first >= -allowed


ALL = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}

CASES = {
    "1.1a": Cases(
        right=[
            {"expected_gain": _gain},
            {"expected_gain": lambda chance, saved, spent: chance * saved - spent},
        ],
        wrong={
            "forgets the price of acting": {"expected_gain": lambda chance, saved, spent: chance * saved},
            "pay for acting only when the flight is late": {
                "expected_gain": lambda chance, saved, spent: chance * (saved - spent)
            },
            "only when the alert was false": {
                "expected_gain": lambda chance, saved, spent: chance * saved - (1 - chance) * spent
            },
            "whatever its probability": {"expected_gain": lambda chance, saved, spent: saved - spent},
            "sign is turned round": {"expected_gain": lambda chance, saved, spent: spent - chance * saved},
            "hides it": {"expected_gain": lambda chance, saved, spent: max(0, chance * saved - spent)},
            "decides whether to send": {"expected_gain": lambda chance, saved, spent: chance * saved > spent},
            "pay twice": {"expected_gain": lambda chance, saved, spent: chance * (saved - spent) - spent},
            "as if it were earned": {
                "expected_gain": lambda chance, saved, spent: chance * (saved - spent) + (1 - chance) * spent
            },
            "from which on an alert pays": {"expected_gain": lambda chance, saved, spent: spent / saved},
            "not a percentage": {"expected_gain": lambda chance, saved, spent: chance / 100 * saved - spent},
            "prices of its own": {"expected_gain": lambda chance, saved, spent: _earned(chance, 1)},
            "per dollar spent": {
                "expected_gain": lambda chance, saved, spent: (chance * saved - spent) / spent
            },
            "not that of being on time": {
                "expected_gain": lambda chance, saved, spent: (1 - chance) * saved - spent
            },
            "every path": {
                "expected_gain": lambda chance, saved, spent: chance * saved - spent if chance > 0.3 else None
            },
            "a single number": {"expected_gain": lambda chance, saved, spent: [saved - spent, -spent]},
            "Add up two cases": {"expected_gain": lambda chance, saved, spent: chance * saved - spent + 1},
        },
    ),
    "1.1b": Cases(
        right=[
            {"afterwards": ALL},
            {"afterwards": sorted(ALL, reverse=True) + ["dep_time"]},
            {"afterwards": tuple(ALL)},
            {"afterwards": pd.Index(sorted(ALL))},
        ],
        wrong={
            "stands in the timetable": {"afterwards": ALL | {"sched_arr_time"}},
            "how the weather is looked up": {"afterwards": ALL | {"time_hour"}},
            "assigned before the flight": {"afterwards": ALL | {"tailnum"}},
            "plan of the flight": {"afterwards": ALL | {"distance"}},
            "not a column of the table": {"afterwards": ALL | {"departure_delay"}},
            "None at all": {"afterwards": set()},
            "It is the label": {"afterwards": {"dep_delay"}},
            "wind decides": {"afterwards": ALL - {"air_time"}},
            "leaves the gate": {"afterwards": {"arr_time", "arr_delay", "air_time"}},
            "known at the same time": {"afterwards": ALL - {"dep_time"}},
        },
    ),
    "1.1c": Cases(
        right=[
            {"months_with_alarm": _months},
            {"months_with_alarm": _months_in_a_loop},
            {"months_with_alarm": _months_by_position},
            {"months_with_alarm": lambda table, tolerance: set(_months(table, tolerance))},
            {
                "months_with_alarm": lambda table, tolerance: table.query(
                    "abs(predicted - late) > @tolerance"
                ).month.to_numpy()
            },
        ],
        wrong={
            "prediction is too low": {
                "months_with_alarm": lambda t, x: t.month[t.late - t.predicted > x].tolist()
            },
            "prediction is too high": {
                "months_with_alarm": lambda t, x: t.month[t.predicted - t.late > x].tolist()
            },
            "still within it": {
                "months_with_alarm": lambda t, x: t.month[(t.predicted - t.late).abs() >= x].tolist()
            },
            "quiet months": {
                "months_with_alarm": lambda t, x: t.month[(t.predicted - t.late).abs() <= x].tolist()
            },
            "relative to a share": {
                "months_with_alarm": lambda t, x: t.month[(t.predicted / t.late - 1).abs() > x].tolist()
            },
            "Every month raises": {
                "months_with_alarm": lambda t, x: t.month[(100 * (t.predicted - t.late)).abs() > x].tolist()
            },
            "No month raises": {
                "months_with_alarm": lambda t, x: t.month[(t.predicted - t.late).abs() > 100 * x].tolist()
            },
            "tolerance of its own": {
                "months_with_alarm": lambda t, x: t.month[(t.predicted - t.late).abs() > 0.1].tolist()
            },
            "True or False for each": {"months_with_alarm": lambda t, x: (t.predicted - t.late).abs() > x},
            "whole table": {"months_with_alarm": lambda t, x: t[(t.predicted - t.late).abs() > x]},
            "positions of rows": {
                "months_with_alarm": lambda t, x: [
                    i for i, g in enumerate((t.predicted - t.late).abs()) if g > x
                ]
            },
            "gives nothing back": {"months_with_alarm": lambda t, x: print(end="")},
            "before its end": {"months_with_alarm": _months_that_return_too_early},
            "something else": {
                "months_with_alarm": lambda t, x: int((t.predicted - t.late).abs().gt(x).sum())
            },
            "as numbers": {"months_with_alarm": lambda t, x: [f"month {m}" for m in t.month]},
            "Try a table by hand": {
                "months_with_alarm": lambda t, x: t.month[
                    (t.predicted - t.late).abs().round(1) > round(x, 1)
                ].tolist()
            },
        },
    ),
    "1.1d": Cases(
        right=[
            {"promote": _gate},
            {"promote": _gate_by_steps},
            {"promote": _gate_by_the_worst},
            {
                "promote": lambda low, by_origin, allowed: int(
                    low > 0 and max(-x for x in by_origin.values()) <= allowed
                )
            },
        ],
        wrong={
            "average alone": {"promote": lambda low, by, allowed: low > 0},
            "airports alone": {"promote": lambda low, by, allowed: min(by.values()) >= -allowed},
            "One condition is enough": {
                "promote": lambda low, by, allowed: low > 0 or min(by.values()) >= -allowed
            },
            "compare with its negative": {
                "promote": lambda low, by, allowed: low > 0 and min(by.values()) >= allowed
            },
            "small loss": {"promote": lambda low, by, allowed: low > 0 and min(by.values()) >= 0},
            "of exactly": {"promote": lambda low, by, allowed: low > 0 and min(by.values()) > -allowed},
            "worst one decides": {
                "promote": lambda low, by, allowed: low > 0 and any(x >= -allowed for x in by.values())
            },
            "You average over": {
                "promote": lambda low, by, allowed: low > 0 and sum(by.values()) / 3 >= -allowed
            },
            "stops at the first airport": {"promote": _gate_that_returns_too_early},
            "You add up": {"promote": lambda low, by, allowed: low > 0 and sum(by.values()) >= -allowed},
            "gains much is held back": {
                "promote": lambda low, by, allowed: low > 0 and all(abs(x) <= allowed for x in by.values())
            },
            "for a single airport": {
                "promote": lambda low, by, allowed: low >= -allowed and min(by.values()) >= -allowed
            },
            "turned round": {"promote": lambda low, by, allowed: not _gate(low, by, allowed)},
            "says nothing": {"promote": lambda low, by, allowed: True if _gate(low, by, allowed) else None},
            "something else": {
                "promote": lambda low, by, allowed: "yes" if _gate(low, by, allowed) else "no"
            },
            "same answer to every": {"promote": lambda low, by, allowed: False},
            "join them": {
                "promote": lambda low, by, allowed: low > 10 and min(by.values()) >= -allowed and allowed > 60
            },
        },
    ),
}
