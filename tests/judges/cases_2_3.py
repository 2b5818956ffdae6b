"""Answers to the exercises of lesson 2.3."""

import math

import numpy as np

from .harness import cases


def _narrows(old, new):
    def limits(terms):
        low = -math.inf if terms["low"] is None else terms["low"]
        return low, math.inf if terms["high"] is None else terms["high"]

    (low, high), (new_low, new_high) = limits(old), limits(new)
    listed = new["values"] is not None and (
        old["values"] is None or not set(new["values"]) >= set(old["values"]) or new["mass"] > old["mass"]
    )
    return int(listed or new_low > low or new_high < high or new["present"] > old["present"])


def _by_length(old, new):
    if old["values"] and new["values"] and len(old["values"]) == len(new["values"]):
        return _narrows({**old, "values": new["values"]}, new)
    return _narrows(old, new)


def _zero_is_none(old, new):
    return _narrows({**old, "low": old["low"] or None}, {**new, "low": new["low"] or None})


def _mass_decides(old, new):
    if old["values"] and new["values"] and new["mass"] != old["mass"]:
        return new["mass"] > old["mass"]
    return _narrows(old, new)


def _without(term, value):
    return lambda old, new: _narrows({**old, term: value}, {**new, term: value})


def _last_of_the_cheapest(thresholds, false_alarms, misses, false_alarm, missed, faults):
    costs = np.array(false_alarms) * false_alarm + faults * np.array(misses) * missed
    return np.array(thresholds)[np.flatnonzero(np.isclose(costs, costs.min()))[-1]]


def _gate(verdicts, splits):
    if len(splits) == 0:
        return False
    return not any(split not in verdicts or verdicts[split] != 1 for split in splits)


CASES = {
    "2.3a": cases(
        "narrows",
        right=[_narrows],
        wrong={
            "wrong way round": lambda old, new: not _narrows(old, new),
            "A version may change": lambda old, new: sorted(str(old)) != sorted(str(new)),
            "`True` or `False`": lambda old, new: "narrows",
            "Compare members": _by_length,
            "0 being false": _zero_is_none,
            "nothing but that value": _mass_decides,
            "its `mass` says nothing": lambda old, new: _narrows(old, new) or new["mass"] > old["mass"],
            "what version 2 of the flights did": _without("mass", 1.0),
            "was taken out of the list": _without("values", None),
            "What lay above it": _without("high", None),
        },
    ),
    "2.3b": cases(
        "cheapest",
        right=[_last_of_the_cheapest],
        wrong={
            "must be a number": lambda *given: "0.01",
            "position in the list": lambda thresholds, *given: np.argmin(given[0]),
            "Is it the cost itself": lambda thresholds, alarms, misses, *prices: min(alarms) + 0.5,
            "another one costs less": lambda thresholds, *given: thresholds[len(thresholds) // 2],
            "Only misses count": lambda thresholds, alarms, misses, *prices: thresholds[np.argmin(misses)],
        },
    ),
    "2.3c": cases("invisible", right=[["Shuffled", "yesterday", "yesterday"]], wrong={}),
    "2.3d": cases(
        "may_pass",
        right=[_gate],
        wrong={
            "`True` or `False`": lambda verdicts, splits: "yes",
            "One split has anomalies": lambda verdicts, splits: _gate(verdicts, splits[:1]),
            "do not let the last one": lambda verdicts, splits: _gate(verdicts, splits[-1:]),
            "A verdict of 2": lambda verdicts, splits: bool(splits) and all(map(verdicts.get, splits)),
            "has no verdict at all": lambda verdicts, splits: _gate(
                verdicts, [s for s in splits if s in verdicts]
            ),
            "`all([])` is true": lambda verdicts, splits: all(verdicts.get(s) == 1 for s in splits),
            "that was not asked for": lambda verdicts, splits: _gate(
                verdicts, splits and [*verdicts, *splits]
            ),
        },
    ),
}
