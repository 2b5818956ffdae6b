"""How the exercises of lesson 2.3, Schemas that evolve, are judged."""

from __future__ import annotations

import math
import operator
from functools import lru_cache

from helpers.exercises.kit import Proto, exercise
from helpers.exercises.rules import function, table
from helpers.exercises.signs import CONSTANT, Sign, number, truth, unless, where, whole


def _terms(values=None, mass=1.0, low=None, high=None, present=1.0):
    return {"values": values, "mass": mass, "low": low, "high": high, "present": present}


_CHANGES = [
    ((_terms(["EWR", "JFK"]), _terms(["JFK", "EWR"])), False,
     "Terms that did not change narrow nothing; the order of a list says nothing either."),
    ((_terms(["ALB", "ATL"]), _terms(["ALB", "ATL", "BGR"])), False,
     "A value was added to the list: which batch that passed before would be refused now?"),
    ((_terms(["ACK", "ATL"]), _terms(["ATL"])), True,
     "A value was taken out of the list. The months in which it occurred were good before."),
    ((_terms(["ACK", "ATL"]), _terms(["ATL", "BGR"])), True,
     "One value came and another went: as many as before, and still something is refused that was not. "
     "Compare members, not lengths."),
    ((_terms(), _terms(["ATL"])), True,
     "Where anything went, only a list is allowed now. `None` is the widest list there is."),
    ((_terms(["ATL"]), _terms()), False,
     "The list was dropped, so anything goes: what could be refused?"),
    ((_terms(["ATL", "BOS"], 0.98), _terms(["ATL", "BOS"], 1.0)), True,
     "The same list, closed: what version 2 of the flights did. Two per cent strangers passed before."),
    ((_terms(["ATL", "BOS"], 1.0), _terms(["ATL", "BOS"], 0.98)), False,
     "The same list, opened a little: more passes than before, not less."),
    ((_terms(["ATL"], 0.98), _terms(None, 1.0)), False,
     "Without a list its `mass` says nothing, however it is set."),
    ((_terms(None, 1.0), _terms(["ATL"], 0.98)), True,
     "A list where there was none: even an open one refuses batches full of strangers."),
    ((_terms(["ATL", "BOS"], 0.98), _terms(["ATL", "BGR", "BOS"], 1.0)), True,
     "One value was added, and the list was closed at the same time: strangers other than that "
     "one passed before."),
    ((_terms(["ACK", "ATL"], 1.0), _terms(["ATL"], 0.98)), True,
     "A lower `mass` does not make up for a value that is gone: think of a batch that holds "
     "nothing but that value."),
    ((_terms(low=17, high=6000), _terms(low=25, high=6000)), True,
     "The lower limit went up. The range below it passed before."),
    ((_terms(low=25, high=6000), _terms(low=17, high=6000)), False,
     "The lower limit went down: that is a wider range."),
    ((_terms(low=0, high=160), _terms(low=0, high=120)), True,
     "The upper limit came down. What lay above it passed before."),
    ((_terms(low=0, high=120), _terms(low=0, high=160)), False,
     "The upper limit went up: that is a wider range."),
    ((_terms(high=100), _terms(low=0, high=100)), True,
     "A lower limit of 0 where there was none is a limit. Beware of 0 being false in Python."),
    ((_terms(low=-50), _terms(low=-50, high=0)), True,
     "An upper limit where there was none: `None` allows everything."),
    ((_terms(low=0, high=100), _terms()), False,
     "Both limits are gone. Nothing is refused for them any more."),
    ((_terms(low=0, high=100), _terms(low=-10, high=100)), False,
     "From 0 down to -10 the range only grew."),
    ((_terms(low=0, high=100), _terms(low=-20, high=80)), True,
     "The range moved: wider on one side does not make up for narrower on the other."),
    ((_terms(present=0.95), _terms(present=1.0)), True,
     "A higher share must be present than before: a batch with gaps may fail now."),
    ((_terms(present=1.0), _terms(present=0.95)), False,
     "Fewer values are demanded than before: gaps that failed pass now."),
    ((_terms(["ATL"], present=0.9), _terms(["ATL", "BGR"], present=0.98)), True,
     "The list grew, and the presence demanded went up as well. One term that narrows is enough."),
]

_NARROWS = [narrows for _, narrows, _ in _CHANGES]

table(
    "2.3a", "narrows", _CHANGES,
    odd={"The answer must be `True` or `False`, for every pair of terms.": unless(truth)},
    read=bool,
    mistakes={
        "Your function says the same of every change, whatever it is.": CONSTANT,
        "It is the wrong way round: you say `True` of what widens.":
             # of the first pair both ways say the same
            whole(lambda outputs, _: all(map(operator.ne, outputs[1:], _NARROWS[1:]))),
        "You say `True` of every change. A version may change and still accept all that passed.":
            whole(lambda outputs, _: all(outputs[1:])),
    },
    said="One thing refused that passed before is enough; and a term that is absent refuses nothing.",
    hints=(
        "Go term by term, and ask each time: does a batch exist that passes the old term and fails the new "
        "one? One is enough.",
        'For lists: `set(old["values"]) - set(new["values"])` are the values that were taken out. '
        "First see to `None` on either side.",
        "For limits: `is not None`, since 0 is a limit and counts as false.",
    ),
)


_AT = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]
_ALARMS, _MISSES = [12.0, 8.0, 3.0, 1.0, 0.2, 0.0], [0.0, 0.02, 0.1, 0.35, 0.8, 1.0]


def _among(answer, thresholds):
    return any(math.isclose(answer, threshold, rel_tol=1e-9) for threshold in thresholds)


def _best(cost, thresholds, alarms, misses, *prices):
    """The thresholds of least cost, by a formula of alarms, share missed, price of an
    alarm, of a miss, and faults."""
    costs = [cost(a, m, *prices) for a, m in zip(alarms, misses, strict=True)]
    return [t for t, c in zip(thresholds, costs, strict=True) if c <= min(costs) + 1e-6]


def _year(alarms, misses, false_alarm, missed, faults):
    return alarms * false_alarm + faults * misses * missed


def _by(cost):
    """A sign: each output is one of the thresholds that this formula finds best."""
    return Sign(
        lambda answer: all(
            _among(t, _best(cost, *x)) for t, x in zip(answer.outputs, answer.inputs, strict=True)
        ),
        lambda right: lambda *given: _best(cost, *given)[0],
    )


function(
    "2.3b", "cheapest", [
        (_AT, _ALARMS, _MISSES, 500.0, 5000.0, 0.5), (_AT, _ALARMS, _MISSES, 100.0, 20000.0, 0.5),
        (_AT, _ALARMS, _MISSES, 100.0, 20000.0, 4.0), (_AT, _ALARMS, _MISSES, 900.0, 1000.0, 0.1),
        (_AT, _ALARMS, _MISSES, 200.0, 6000.0, 2.0), (_AT, _ALARMS, _MISSES, 1000.0, 1500.0, 8.0),
        (_AT, _ALARMS, _MISSES, 500.0, 5000.0, 0.0), (_AT, _ALARMS, _MISSES, 0.0, 5000.0, 1.0),
        ([0.02, 0.05, 0.2], [2.0, 0.0, 0.0], [0.0, 0.0, 0.5], 500.0, 5000.0, 1.0),
        ([0.3, 0.1, 0.05], [0.0, 1.0, 2.0], [0.9, 0.1, 0.0], 10.0, 10000.0, 1.0),
        ([0.01, 0.02, 0.04, 0.08], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.4], 500.0, 5000.0, 1.0),
        ([0.08, 0.04, 0.02, 0.01], [0.0, 0.0, 0.0, 1.0], [0.4, 0.0, 0.0, 0.0], 500.0, 5000.0, 1.0),
        ([0.05], [3.0], [0.5], 500.0, 5000.0, 0.5),
    ],
    odd={
        "The answer must be a number each time: one of the thresholds.": unless(number),
        "That is a position in the list. Return the threshold that stands there.":
            whole(lambda outputs, inputs: all(t in range(len(x[0])) for t,
                x in zip(outputs, inputs, strict=True))),
        "What you return is not one of the thresholds given. Is it the cost itself?":
            where(lambda output, thresholds, *rest: not _among(output, thresholds)),
    },
    rule=lambda *given: _best(_year, *given)[0],
    said="Prices choose the threshold; where faults are rare or cheap, that may be none at all.",
    mistakes={
        "Each time a cheapest one; but where several cost the same you give the last in the list.":
            lambda *given: _best(_year, *given)[-1],
        "Each time a cheapest one; but where several cost the same you give the lowest, and not the first in "
        "the list. The list may run downwards.": lambda *given: min(_best(_year, *given)),
        "Each time a cheapest one; but where several cost the same you give the highest, and not the "
        "first in the list.": lambda *given: max(_best(_year, *given)),
        "The number of faults must weigh the misses, and the misses alone: false alarms come by the "
        "year, faults or not.": _by(lambda a, m, alarm, miss, faults: a * alarm + m * miss),
        "The number of faults weighs your false alarms as well. Those come by the year, whether there "
        "are faults or not.": _by(lambda a, m, alarm, miss, faults: faults * (a * alarm + m * miss)),
        "The faults that are caught cost nothing here; it is the missed ones that do.":
            _by(lambda a, m, alarm, miss, faults: a * alarm + faults * (1 - m) * miss),
        "One of the two errors is counted for a month, the other for a year. Both are given by the year.":
            _by(lambda a, m, alarm, miss, faults: a / 12 * alarm + faults * m * miss),
        "Counts of alarms and faults are added up as if both cost the same.":
            _by(lambda a, m, alarm, miss, faults: a + faults * m),
        "The prices are exchanged: each error has its own.":
            _by(lambda a, m, alarm, miss, faults: a * miss + faults * m * alarm),
        "That is the dearest threshold, not the one with the least cost.":
            _by(lambda a, m, alarm, miss, faults: -(a * alarm + faults * m * miss)),
        "Only false alarms count in your choice. Silence is cheap until a fault is missed.":
            _by(lambda a, m, *prices: a),
        "Only misses count in your choice. Each alarm costs somebody a morning.":
            _by(lambda a, m, *prices: m),
    },
    otherwise="A threshold of the list each time, but for some prices another one costs less.",
    hints=(
        "Per threshold, two amounts a year: what its false alarms cost, and what the faults "
        "cost that it misses.",
        "Of `faults` faults a year a share of `misses` is missed, and each of those costs `missed`.",
        "Then find the position of the smallest sum, the first if it stands there twice, and return the "
        "threshold at that position.",
    ),
)


_LAST, _MONTHS = 7, range(2, 7)  # days of a month that a fault takes; the months that are tried
_FAULTS = {
    "codes": lambda rows: rows.dest.where(rows.carrier != "B6", "K" + rows.dest),
    "misrouted": lambda rows: rows.dest.replace("ATL", "ORD"),
}


@lru_cache(maxsize=1)
def _kept():
    """TFDV's statistics of `dest`, January to June: by kind of batch and month."""
    import tensorflow_data_validation as tfdv

    from helpers.flights import examples

    def statistics(column):
        return tfdv.generate_statistics_from_dataframe(column.to_frame("dest").reset_index(drop=True))

    kept = {}
    for month, rows in examples.table(range(1, 7)).groupby("month"):
        day = rows.time_hour.dt.tz_convert("America/New_York").dt.day
        kept["healthy", month] = statistics(rows.dest)
        kept["half", month] = statistics(rows.dest.iloc[::2])
        for fault, change in _FAULTS.items():
            kept[fault, month] = statistics(change(rows).where(day > day.max() - _LAST, rows.dest))
    return kept


@lru_cache(maxsize=1)
def _whole():
    """TFDV's statistics of all columns of the healthy months, for comparators on other
    features than `dest`."""
    import tensorflow_data_validation as tfdv

    from helpers.flights import examples

    return {
        month: tfdv.generate_statistics_from_dataframe(rows.drop(columns=["time_hour", "tailnum"]))
        for month, rows in examples.table(range(1, 7)).reset_index(drop=True).groupby("month")
    }


def _ringing(features):
    """The names of those features whose drift comparators ring in a healthy month."""
    import tensorflow_data_validation as tfdv
    from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

    terms, rung, name = schema_pb2.Schema(feature=features), set(), anomalies_pb2.AnomalyInfo.Type.Name
    for month in _MONTHS if features else ():
        found = tfdv.validate_statistics(_whole()[month], terms, previous_statistics=_whole()[month - 1])
        rung |= {
            feature
            for feature, info in found.anomaly_info.items()
            if {_L, _JS} & {name(reason.type) for reason in info.reason}
        }
    return sorted(rung)


def _drill(contract):
    """What TFDV finds with the contract's terms for `dest` and the number of rows:
    texts by kind of batch and month."""
    import tensorflow_data_validation as tfdv
    from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

    terms = schema_pb2.Schema()
    terms.CopyFrom(contract)
    others = [feature for feature in contract.feature if feature.name != "dest"]
    for feature in others:
        terms.feature.remove(feature)
    name = anomalies_pb2.AnomalyInfo.Type.Name
    compared = [feature for feature in others if feature.HasField("drift_comparator")]
    seen = {
        "elsewhere": [feature.name for feature in compared],
        "rings elsewhere": _ringing(compared),
        "skew": ["set" for feature in terms.feature if feature.HasField("skew_comparator")],
        "drift": [
            distance.name for feature in terms.feature for distance,
            _ in feature.drift_comparator.ListFields()
        ],
        "rows": [constraint.name for constraint, _ in contract.dataset_constraints.ListFields()],
    }
    for (kind, month), statistics in _kept().items():
        if month in _MONTHS:
            found = tfdv.validate_statistics(
                statistics, terms, previous_statistics=_kept()["healthy", month - 1]
            )
            seen[f"{kind} {month}"] = sorted(
                name(reason.type)
                for info in [*found.anomaly_info.values(), found.dataset_anomaly_info]
                for reason in info.reason
            )
    return seen


_ROWS, _L, _JS = (
    "DATASET_LOW_NUM_EXAMPLES",
    "COMPARATOR_L_INFTY_HIGH",
    "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
)


@exercise(
    "2.3c",
    contract=Proto("tensorflow_metadata.proto.v0.schema_pb2:Schema", look=_drill),
    said="TFDV was silent in the five healthy months and rang in each of them for the codes, for the wrong "
    "join and for half of the rows.",
    hints=(
        "Three rules are missing. Two belong to `dest`, and each distance hears another of the two faults; "
        "the third belongs to the whole data set.",
        "A threshold lies between what healthy months reach and what the fault makes: `chosen.threshold` "
        "has such ones, from your own function. Half of the largest month must be too few rows, and the "
        "smallest month enough.",
        '`tfdv.get_feature(contract, "dest").drift_comparator.jensen_shannon_divergence.threshold = …`, the '
        "same for `infinity_norm`, and `contract.dataset_constraints.min_examples_count = …`.",
    ),
)
def what_one_distance_cannot_see(contract):
    def of(kind):
        """The findings of each month's batch of a kind."""
        return [contract.get(f"{kind} {month}") or [] for month in _MONTHS]

    def said(key):
        return contract.get(key) or []

    healthy = [finding for findings in of("healthy") for finding in findings]
    if "SCHEMA_NEW_COLUMN" in healthy:
        yield (
            "`dest` is no longer in the contract. Start from version 1, and change nothing but what is asked."
        )
    if "ENUM_TYPE_UNEXPECTED_STRING_VALUES" in healthy:
        yield (
            "A list of destinations refuses healthy months, in which new ones come. It would see the codes, "
            "but the examples' contract leaves `dest` open: say it with a distance."
        )
    if _ROWS in healthy:
        yield (
            "A healthy month is refused for having too few rows: February is short. Demand "
            "no more than it has."
        )
    if _L in healthy and _JS in healthy:
        yield "Both distances ring in healthy months: each threshold lies below what a healthy month reaches."
    if _L in healthy:
        yield (
            "L∞ rings in a healthy month: some destination's share moves by more than your "
            "threshold in spring."
        )
    if _JS in healthy:
        yield (
            "Jensen–Shannon rings in a healthy month: its threshold lies below what a change of "
            "the schedule makes."
        )
    if healthy:
        yield "A healthy month is refused, and not for a distance or its rows. Change only what is asked."
    if said("drift") and said("rings elsewhere"):
        yield (
            "Another feature that you compare rings in a healthy month. Only `dest` was asked for; "
            "the others follow."
        )
    if not said("drift") and said("skew"):
        yield "That is the comparator for skew. It waits for serving statistics; the month before is `drift`."
    if not said("drift") and said("elsewhere"):
        yield "You compare another feature; the faults are in `dest`, and no other column moves."
    if not said("drift"):
        yield "Nothing compares `dest` with the month before: it has no distance with a threshold."
    if not all(_L in f or _JS in f for f in of("codes")) and "jensen_shannon_divergence" not in said("drift"):
        yield (
            "JetBlue's codes pass in some month. Many destinations change by a little each, and your "
            "distance looks at the one that changes most."
        )
    if not all(_L in f or _JS in f for f in of("codes")):
        yield (
            "JetBlue's codes pass in some month: the distance that hears them has a threshold it can't reach."
        )
    if not all(_L in f or _JS in f for f in of("misrouted")) and "infinity_norm" not in said("drift"):
        yield (
            "The week of ATL as ORD passes in some month. Two large shares move, and your distance weighs "
            "that lightly: no threshold of it parts this fault from healthy months."
        )
    if not all(_L in f or _JS in f for f in of("misrouted")):
        yield (
            "The week of ATL as ORD passes in some month: the threshold lies above the change of "
            "the largest share."
        )
    if said("rows") and "min_examples_count" not in said("rows"):
        yield (
            "You compare the number of rows with the month before. The second of two short months would pass."
        )
    if not said("rows"):
        yield (
            "Half of a month passes: its shares are those of the whole, and nothing says how many "
            "rows there must be."
        )
    if not all(_ROWS in findings for findings in of("half")):
        yield (
            "Half of a month passes: the largest months have so many rows that half of them is "
            "still enough for you."
        )


table(
    "2.3d", "may_pass", [
        (({"train": 1, "eval": 1}, {"train": 900, "eval": 90}, ["train", "eval"]), True,
         "Both splits passed and have rows, and your gate stays shut."),
        (({"march": 1}, {"march": 1}, ["march"]), True,
         "The only split passed, with a single row, and your gate stays shut."),
        (({"train": 1, "eval": 0}, {"train": 900, "eval": 90}, ["train", "eval"]), False,
         "One split has anomalies. Every split must be good."),
        (({"train": 0, "eval": 1}, {"train": 900, "eval": 90}, ["train", "eval"]), False,
         "The first split has anomalies, the last has none: do not let the last one speak for all."),
        (({"train": 0, "eval": 0}, {"train": 900, "eval": 90}, ["train", "eval"]), False, "No split passed."),
        (({"july_june": 2}, {"july_june": 28000}, ["july_june"]), False,
         "A verdict of 2 means nothing was compared. Not known to be bad is not known to be good."),
        (({"train": 1}, {"train": 900, "eval": 90}, ["train", "eval"]), False,
         "A split that was asked for has no verdict at all, and your gate opens. "
         "Go through `splits`, not through `verdicts`."),
        (({"train": 1, "eval": 1}, {"train": 900, "eval": 0}, ["train", "eval"]), False,
         "The validator blessed a split of 0 rows, and your gate opens."),
        (({"train": 1, "eval": 1}, {"train": 0, "eval": 90}, ["train", "eval"]), False,
         "The first split has 0 rows, the last has some, and your gate opens: each must have its own."),
        (({"train": 1, "eval": 1}, {"train": 900}, ["train", "eval"]), False,
         "Of a split that is blessed nobody knows how many rows it had, and your gate opens."),
        (({}, {"train": 900, "eval": 90}, ["train", "eval"]), False,
         "No verdict is there: the validator crashed, and your gate opens."),
        (({}, {}, []), False,
         "Nothing was named and nothing was checked. `all([])` is true in Python; a gate must not be."),
        (({"train": 1}, {"train": 900}, []), False,
         "No split was named, so none is known to be wanted: a gate with an empty list of "
         "demands demands nothing."),
        (({"train": 1, "eval": 1, "old": 0}, {"train": 900, "eval": 90, "old": 0}, ["train", "eval"]), True,
         "A split that was not asked for has anomalies and no rows; the ones that were asked for passed."),
    ],
    odd={"The answer must be `True` or `False`, in every case.": unless(truth)},
    read=bool,
    mistakes={"A gate that always says the same is a wall, or a hole in one.": CONSTANT},
    said="It opens only for what is known to be good: a report that is missing keeps it shut.",
    hints=(
        "List what can go wrong: a 0, a 2, a split without a verdict, one without rows, no verdicts, no "
        "splits. In each of these the gate stays shut.",
        "`verdicts.get(split)` gives `None` where a verdict is missing, and `None == 1` is false. "
        "`rows.get(split, 0)` gives 0 where a count is missing.",
    ),
)
