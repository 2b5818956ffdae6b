"""Answers to the exercises of lesson 2.3."""

import math

import numpy as np
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from helpers import ROOT

from .harness import cases

SCHEMAS = ROOT / "data" / "flights" / "schema"


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


def _with_arrays(thresholds, false_alarms, misses, false_alarm, missed, faults):
    costs = np.array(false_alarms) * false_alarm + faults * np.array(misses) * missed
    return np.array(thresholds)[np.argmin(costs)]


def _by_pairs(thresholds, false_alarms, misses, false_alarm, missed, faults):
    return min(
        zip(false_alarms, misses, thresholds, strict=True),
        key=lambda row: row[0] * false_alarm + row[1] * missed * faults,
    )[2]


def _contract(l_infinity=0.01, jensen_shannon=0.0126, rows=20_000, kind="drift_comparator", feature="dest"):
    """Version 1 of the examples' contract with what a learner adds; None leaves it out."""
    schema = text_format.Parse((SCHEMAS / "examples.v1.pbtxt").read_text("utf-8"), schema_pb2.Schema())
    [asked] = [one for one in schema.feature if one.name == feature]
    comparator = getattr(asked, kind)
    if l_infinity is not None:
        comparator.infinity_norm.threshold = l_infinity
    if jensen_shannon is not None:
        comparator.jensen_shannon_divergence.threshold = jensen_shannon
    if rows is not None:
        schema.dataset_constraints.min_examples_count = rows
    return schema


def _changed(change):
    """The right contract, changed by a function of it and of its `dest`."""
    schema = _contract()
    change(schema, next(feature for feature in schema.feature if feature.name == "dest"))
    return schema


def _also(schema, threshold):
    """A comparator on the temperature as well, which steps by up to 0.35 from month to month."""
    [temp] = [feature for feature in schema.feature if feature.name == "temp"]
    temp.drift_comparator.jensen_shannon_divergence.threshold = threshold


def _fraction(schema, dest):
    schema.ClearField("dataset_constraints")
    schema.dataset_constraints.num_examples_drift_comparator.min_fraction_threshold = 0.6


def _closed(schema, dest):
    dest.ClearField("drift_comparator")
    dest.string_domain.value.extend(["ATL", "BOS", "ORD"])


def _gate(verdicts, rows, splits):
    if len(splits) == 0:
        return False
    return not any(split not in verdicts or verdicts[split] != 1 or not rows.get(split) for split in splits)


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
        right=[_with_arrays, _by_pairs],
        wrong={
            "must be a number": lambda *given: "0.01",
            "position in the list": lambda thresholds, *given: np.argmin(given[0]),
            "Is it the cost itself": lambda thresholds, alarms, misses, *prices: min(alarms) + 0.5,
            "another one costs less": lambda thresholds, *given: thresholds[len(thresholds) // 2],
            "Only misses count": lambda thresholds, alarms, misses, *prices: thresholds[np.argmin(misses)],
            "give the lowest": lambda thresholds, alarms, misses, alarm, missed, faults: min(
                zip(thresholds, alarms, misses, strict=True),
                key=lambda row: (row[1] * alarm + row[2] * missed * faults, row[0]),
            )[0],
            "the last in the list": lambda *given: _by_pairs(*(each[::-1] for each in given[:3]), *given[3:]),
        },
    ),
    "2.3c": cases(
        "contract",
        right=[
            _contract(),
            str(_contract()),
            # the boundary: at what a healthy month reaches TFDV is silent; it rings above
            _contract(l_infinity=0.0129, jensen_shannon=0.0231, rows=23_611),
            _contract(l_infinity=0.0089, jensen_shannon=0.0063, rows=14_065),
            _changed(lambda schema, dest: dest.skew_comparator.CopyFrom(dest.drift_comparator)),
            _changed(lambda schema, dest: _also(schema, 0.464)),
        ],
        wrong={
            "no longer in the contract": _changed(lambda schema, dest: schema.feature.remove(dest)),
            "A list of destinations": _changed(_closed),
            "February is short": _contract(rows=23_612),
            "Both distances ring": _contract(l_infinity=0.0, jensen_shannon=0.0),
            "L∞ rings in a healthy month": _contract(l_infinity=0.005),
            "Jensen–Shannon rings in a healthy month": _contract(jensen_shannon=0.004),
            "not for a distance": _changed(lambda schema, dest: setattr(dest, "type", schema_pb2.INT)),
            "Another feature that you compare": _changed(lambda schema, dest: _also(schema, 0.1)),
            "the comparator for skew": _contract(kind="skew_comparator"),
            "another feature": _contract(feature="carrier"),
            "no distance with a threshold": _contract(None, None),
            "the one that changes most": _contract(jensen_shannon=None),
            "a threshold it can't reach": _contract(jensen_shannon=0.05),
            "weighs that lightly": _contract(l_infinity=None),
            "the change of the largest share": _contract(l_infinity=0.02),
            "how many rows there must be": _contract(rows=None),
            "two short months": _changed(_fraction),
            "half of them is still enough": _contract(rows=12_000),
        },
        invalid={"it should be": {"dest": 0.01}},
    ),
    "2.3d": cases(
        "may_pass",
        right=[_gate],
        wrong={
            "`True` or `False`": lambda verdicts, rows, splits: "yes",
            "One split has anomalies": lambda verdicts, rows, splits: _gate(verdicts, rows, splits[:1]),
            "do not let the last one": lambda verdicts, rows, splits: _gate(verdicts, rows, splits[-1:]),
            "A verdict of 2": lambda verdicts, rows, splits: (
                bool(splits) and all(verdicts.get(split) and rows.get(split) for split in splits)
            ),
            "has no verdict at all": lambda verdicts, rows, splits: _gate(
                verdicts, rows, [s for s in splits if s in verdicts]
            ),
            "blessed a split of 0 rows": lambda verdicts, rows, splits: _gate(
                verdicts, dict.fromkeys(splits, 1), splits
            ),
            "each must have its own": lambda verdicts, rows, splits: _gate(
                verdicts, dict.fromkeys(splits, rows.get(splits[-1]) if splits else 0), splits
            ),
            "nobody knows how many rows": lambda verdicts, rows, splits: (
                bool(splits) and all(verdicts.get(s) == 1 and rows.get(s, 1) > 0 for s in splits)
            ),
            "`all([])` is true": lambda verdicts, rows, splits: all(
                verdicts.get(s) == 1 and rows.get(s, 0) > 0 for s in splits
            ),
            "that was not asked for": lambda verdicts, rows, splits: _gate(
                verdicts, rows, splits and [*verdicts, *splits]
            ),
            "with a single row": lambda verdicts, rows, splits: (
                bool(splits) and all(verdicts.get(s) == 1 and rows.get(s, 0) > 1 for s in splits)
            ),
        },
    ),
}
