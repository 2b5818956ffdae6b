"""How the exercises of lesson 2.3, Schemas that evolve, are judged."""

from __future__ import annotations

import math
import operator

from helpers.exercises.rules import function, names, table
from helpers.exercises.signs import (
    CONSTANT, NO_NAME, STRANGE, Sign, has, lacks, number, only, truth, unless, where, whole,
)


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
     "One value was added, and the list was closed at the same time: strangers other than that one passed before."),
    ((_terms(["ACK", "ATL"], 1.0), _terms(["ATL"], 0.98)), True,
     "A lower `mass` does not make up for a value that is gone: think of a batch that holds nothing but that value."),
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
        "It is the wrong way round: you say `True` of what widens.":  # of the first pair both ways say the same
            whole(lambda outputs, _: all(map(operator.ne, outputs[1:], _NARROWS[1:]))),
        "You say `True` of every change. A version may change and still accept all that passed.":
            whole(lambda outputs, _: all(outputs[1:])),
    },
    said="One thing refused that passed before is enough; and a term that is absent refuses nothing.",
    hints=(
        "Go term by term, and ask each time: does a batch exist that passes the old term and fails the new one? "
        "One is enough.",
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
    """The thresholds of least cost, by a formula of alarms, share missed, price of an alarm, of a miss, and faults."""
    costs = [cost(a, m, *prices) for a, m in zip(alarms, misses, strict=True)]
    return [t for t, c in zip(thresholds, costs, strict=True) if c <= min(costs) + 1e-6]


def _by(cost):
    """A sign: each output is one of the thresholds that this formula finds best."""
    return Sign(
        lambda answer: all(_among(t, _best(cost, *x)) for t, x in zip(answer.outputs, answer.inputs, strict=True)),
        lambda right: lambda *given: _best(cost, *given)[0],
    )


function(
    "2.3b", "cheapest", [
        (_AT, _ALARMS, _MISSES, 500.0, 5000.0, 0.5), (_AT, _ALARMS, _MISSES, 100.0, 20000.0, 0.5),
        (_AT, _ALARMS, _MISSES, 100.0, 20000.0, 4.0), (_AT, _ALARMS, _MISSES, 900.0, 1000.0, 0.1),
        (_AT, _ALARMS, _MISSES, 200.0, 6000.0, 2.0), (_AT, _ALARMS, _MISSES, 1000.0, 1500.0, 8.0),
        ([0.02, 0.05, 0.2], [2.0, 0.0, 0.0], [0.0, 0.0, 0.5], 500.0, 5000.0, 1.0),
        ([0.3, 0.1, 0.05], [0.0, 1.0, 2.0], [0.9, 0.1, 0.0], 10.0, 10000.0, 1.0),
        ([0.01, 0.02, 0.04], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0], 500.0, 5000.0, 1.0),
    ],
    odd={
        "The answer must be a number each time: one of the thresholds.": unless(number),
        "That is a position in the list. Return the threshold that stands there.":
            whole(lambda outputs, inputs: all(t in range(len(x[0])) for t, x in zip(outputs, inputs, strict=True))),
        "What you return is not one of the thresholds given. Is it the cost itself?":
            where(lambda output, thresholds, *rest: not _among(output, thresholds)),
    },
    rule=lambda *given: _best(lambda a, m, alarm, miss, faults: a * alarm + faults * m * miss, *given)[0],
    read=lambda threshold: 0.02 if threshold == 0.04 else threshold,  # in the last probe these two cost the same
    said="Prices choose the threshold; where faults are rare or cheap, that may be none at all.",
    mistakes={
        "The number of faults must weigh the misses, and the misses alone: false alarms come by the year, faults or "
        "not.": _by(lambda a, m, alarm, miss, faults: a * alarm + m * miss),
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
        "Only misses count in your choice. Each alarm costs somebody a morning.": _by(lambda a, m, *prices: m),
    },
    otherwise="A threshold of the list each time, but for some prices another one costs less.",
    hints=(
        "Per threshold, two amounts a year: what its false alarms cost, and what the faults cost that it misses.",
        "Of `faults` faults a year a share of `misses` is missed, and each of those costs `missed`.",
        "Then find the position of the smallest sum, and return the threshold at that position.",
    ),
)


_SEEN = {
    "utc": "The whole day moves by hours, so flights appear at times of the night that training never saw.",
    "celsius": "A week of July as cold as winter makes a second hump in the distribution, where there was nothing.",
    "kmh": "A week of winds multiplied by 1.6 stretches the upper end of the distribution; "
           "the table above says how few such weeks a threshold misses.",
}

names(
    "2.3c", "invisible", belong={"yesterday", "shuffled"}, others=_SEEN,
    read=str.casefold,
    reasons={
        "Then each of the five would change the distribution of some feature. Try each in turn.": NO_NAME,
        "`{}` is a feature. The five faults have names of their own, listed in the exercise.":
            has("carrier", "origin", "dest", "distance", "day_minute", "temp", "wind_speed"),
        "`{}` is none of the five faults.": STRANGE,
        "It is the other way round: these are the ones that leave traces.": only(*_SEEN),
        "All five? Some of them put values where training had none.": only("yesterday", "shuffled", *_SEEN),
        **{f"`{name}` can be seen. {why}": has(name) for name, why in _SEEN.items()},
        "What you name keeps its heap of values. "
        "Is there another fault with the same weather as the month has, but for a day?": lacks("yesterday"),
        "What you name is hidden, but it is not alone. Look for another that hands the same values to other flights.":
            lacks("shuffled"),
    },
    said="Both give (nearly) the same values to other flights: each distribution stays, and nearly every row is wrong.",
    hints=(
        "Take all values of one column over the month, and forget which flight each belongs to. "
        "Does the fault change that heap?",
        "Some faults change values; others change which flight a value goes to.",
    ),
)


table(
    "2.3d", "may_pass", [
        (({"train": 1, "eval": 1}, ["train", "eval"]), True, "Both splits passed, and your gate stays shut."),
        (({"march": 1}, ["march"]), True, "The only split passed, and your gate stays shut."),
        (({"train": 1, "eval": 0}, ["train", "eval"]), False,
         "One split has anomalies. Every split must be good."),
        (({"train": 0, "eval": 1}, ["train", "eval"]), False,
         "The first split has anomalies, the last has none: do not let the last one speak for all."),
        (({"train": 0, "eval": 0}, ["train", "eval"]), False, "No split passed."),
        (({"july_june": 2}, ["july_june"]), False,
         "A verdict of 2 means nothing was compared. Not known to be bad is not known to be good."),
        (({"train": 1}, ["train", "eval"]), False,
         "A split that was asked for has no verdict at all, and your gate opens. "
         "Go through `splits`, not through `verdicts`."),
        (({}, ["train", "eval"]), False, "No verdict is there: the validator crashed, and your gate opens."),
        (({}, []), False,
         "Nothing was named and nothing was checked. `all([])` is true in Python; a gate must not be."),
        (({"train": 1}, []), False,
         "No split was named, so none is known to be wanted: a gate with an empty list of demands demands nothing."),
        (({"train": 1, "eval": 1, "old": 0}, ["train", "eval"]), True,
         "A split that was not asked for has anomalies; the ones that were asked for passed."),
    ],
    odd={"The answer must be `True` or `False`, in every case.": unless(truth)},
    read=bool,
    mistakes={"A gate that always says the same is a wall, or a hole in one.": CONSTANT},
    said="It opens only for what is known to be good: a report that is missing keeps it shut.",
    hints=(
        "List what can go wrong: a 0, a 2, a split without a verdict, no verdicts, no splits. "
        "In each of these the gate stays shut.",
        "`verdicts.get(split)` gives `None` where a verdict is missing, and `None == 1` is false.",
    ),
)
