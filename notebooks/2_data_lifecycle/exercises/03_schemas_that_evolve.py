"""Judges of lesson 2.3, Schemas that evolve."""

import math

from helpers.exercises.kit import Function, Names, Verdict, exercise, right, wrong
from helpers.exercises.outputs import number, truths

# ------------------------------------------------------------------------------------------------ 2.3a narrows


def _terms(values=None, mass=1.0, low=None, high=None, present=1.0) -> dict:
    return {"values": values, "mass": mass, "low": low, "high": high, "present": present}


_CASES = {  # case: (old, new, whether it narrows, what to ask whoever says otherwise)
    "same": (
        _terms(["EWR", "JFK"], 1.0, None, None, 1.0),
        _terms(["JFK", "EWR"], 1.0, None, None, 1.0),
        False,
        "Terms that did not change narrow nothing; the order of a list says nothing either.",
    ),
    "value added": (
        _terms(["ALB", "ATL"]),
        _terms(["ALB", "ATL", "BGR"]),
        False,
        "A value was added to the list: which batch that passed before would be refused now?",
    ),
    "value removed": (
        _terms(["ACK", "ATL"]),
        _terms(["ATL"]),
        True,
        "A value was taken out of the list. The months in which it occurred were good before.",
    ),
    "value swapped": (
        _terms(["ACK", "ATL"]),
        _terms(["ATL", "BGR"]),
        True,
        "One value came and another went: as many as before, and still something is refused that was not. Compare members, not lengths.",
    ),
    "list from nothing": (
        _terms(None),
        _terms(["ATL"]),
        True,
        "Where anything went, only a list is allowed now. `None` is the widest list there is.",
    ),
    "nothing from list": (
        _terms(["ATL"]),
        _terms(None),
        False,
        "The list was dropped, so anything goes: what could be refused?",
    ),
    "mass up": (
        _terms(["ATL", "BOS"], 0.98),
        _terms(["ATL", "BOS"], 1.0),
        True,
        "The same list, closed: what version 2 of the flights did. Two per cent strangers passed before.",
    ),
    "mass down": (
        _terms(["ATL", "BOS"], 1.0),
        _terms(["ATL", "BOS"], 0.98),
        False,
        "The same list, opened a little: more passes than before, not less.",
    ),
    "mass without list": (
        _terms(["ATL"], 0.98),
        _terms(None, 1.0),
        False,
        "Without a list its `mass` says nothing, however it is set.",
    ),
    "mass of a list that was not there": (
        _terms(None, 1.0),
        _terms(["ATL"], 0.98),
        True,
        "A list where there was none: even an open one refuses batches full of strangers.",
    ),
    "value added, list closed": (
        _terms(["ATL", "BOS"], 0.98),
        _terms(["ATL", "BGR", "BOS"], 1.0),
        True,
        "One value was added, and the list was closed at the same time: strangers other than that one passed before.",
    ),
    "value removed, list opened": (
        _terms(["ACK", "ATL"], 1.0),
        _terms(["ATL"], 0.98),
        True,
        "A lower `mass` does not make up for a value that is gone: think of a batch that holds nothing but that value.",
    ),
    "low up": (
        _terms(low=17, high=6000),
        _terms(low=25, high=6000),
        True,
        "The lower limit went up. The range below it passed before.",
    ),
    "low down": (
        _terms(low=25, high=6000),
        _terms(low=17, high=6000),
        False,
        "The lower limit went down: that is a wider range.",
    ),
    "high down": (
        _terms(low=0, high=160),
        _terms(low=0, high=120),
        True,
        "The upper limit came down. What lay above it passed before.",
    ),
    "high up": (
        _terms(low=0, high=120),
        _terms(low=0, high=160),
        False,
        "The upper limit went up: that is a wider range.",
    ),
    "new low": (
        _terms(high=100),
        _terms(low=0, high=100),
        True,
        "A lower limit of 0 where there was none is a limit. Beware of 0 being false in Python.",
    ),
    "new high": (
        _terms(low=-50),
        _terms(low=-50, high=0),
        True,
        "An upper limit where there was none: `None` allows everything.",
    ),
    "limits dropped": (
        _terms(low=0, high=100),
        _terms(),
        False,
        "Both limits are gone. Nothing is refused for them any more.",
    ),
    "from zero": (
        _terms(low=0, high=100),
        _terms(low=-10, high=100),
        False,
        "From 0 down to -10 the range only grew.",
    ),
    "range shifted": (
        _terms(low=0, high=100),
        _terms(low=-20, high=80),
        True,
        "The range moved: wider on one side does not make up for narrower on the other.",
    ),
    "present up": (
        _terms(present=0.95),
        _terms(present=1.0),
        True,
        "A higher share must be present than before: a batch with gaps may fail now.",
    ),
    "present down": (
        _terms(present=1.0),
        _terms(present=0.95),
        False,
        "Fewer values are demanded than before: gaps that failed pass now.",
    ),
    "wider and emptier": (
        _terms(["ATL"], present=0.9),
        _terms(["ATL", "BGR"], present=0.98),
        True,
        "The list grew, and the presence demanded went up as well. One term that narrows is enough.",
    ),
}


@exercise(
    "2.3a",
    narrows=Function([(old, new) for old, new, _, _ in _CASES.values()]),
    hints=(
        "Go term by term, and ask each time: does a batch exist that passes the old term and fails the new one? One is enough.",
        'For lists: `set(old["values"]) - set(new["values"])` are the values that were taken out. First see to `None` on either side.',
        "For limits: `is not None`, since 0 is a limit and counts as false.",
    ),
)
def does_it_narrow(narrows: list) -> Verdict:
    answers = truths(narrows)
    if answers is None:
        return wrong("The answer must be `True` or `False`, for every pair of terms.")
    given = dict(zip(_CASES, answers, strict=True))
    if len(set(given.values())) == 1:
        return wrong("Your function says the same of every change, whatever it is.")
    if all(given[case] != expected for case, (_, _, expected, _) in _CASES.items() if case != "same"):
        return wrong("It is the wrong way round: you say `True` of what widens.")
    changed = [case for case in _CASES if case != "same"]
    if all(given[case] for case in changed):
        return wrong("You say `True` of every change. A version may change and still accept all that passed.")
    for case, (_, _, expected, question) in _CASES.items():
        if given[case] != expected:
            return wrong(question)
    return right("One thing refused that passed before is enough; and a term that is absent refuses nothing.")


# ----------------------------------------------------------------------------------------- 2.3b the cheapest threshold

_ALARMS, _MISSES = [12.0, 8.0, 3.0, 1.0, 0.2, 0.0], [0.0, 0.02, 0.1, 0.35, 0.8, 1.0]
_AT = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]
_PROBES = [
    (_AT, _ALARMS, _MISSES, 500.0, 5000.0, 0.5),
    (_AT, _ALARMS, _MISSES, 100.0, 20000.0, 0.5),
    (_AT, _ALARMS, _MISSES, 100.0, 20000.0, 4.0),
    (_AT, _ALARMS, _MISSES, 900.0, 1000.0, 0.1),
    (_AT, _ALARMS, _MISSES, 200.0, 6000.0, 2.0),
    (_AT, _ALARMS, _MISSES, 1000.0, 1500.0, 8.0),
    ([0.02, 0.05, 0.2], [2.0, 0.0, 0.0], [0.0, 0.0, 0.5], 500.0, 5000.0, 1.0),
    ([0.3, 0.1, 0.05], [0.0, 1.0, 2.0], [0.9, 0.1, 0.0], 10.0, 10000.0, 1.0),
    ([0.01, 0.02, 0.04], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0], 500.0, 5000.0, 1.0),
]


def _cheapest(costs_of) -> list[set[float]]:
    """Per probe the thresholds of least cost, by a formula of (alarms, share missed, and the three prices)."""
    best = []
    for thresholds, alarms, misses, *prices in _PROBES:
        costs = [costs_of(a, m, *prices) for a, m in zip(alarms, misses, strict=True)]
        best.append({t for t, c in zip(thresholds, costs, strict=True) if c <= min(costs) + 1e-6})
    return best


_RIGHT = _cheapest(lambda a, m, false_alarm, missed, faults: a * false_alarm + faults * m * missed)
_MISTAKES = [
    (
        _cheapest(lambda a, m, false_alarm, missed, faults: a * false_alarm + m * missed),
        "The number of faults must weigh the misses, and the misses alone: false alarms come by the year, faults or not.",
    ),
    (
        _cheapest(lambda a, m, false_alarm, missed, faults: a * false_alarm + faults * (1 - m) * missed),
        "The faults that are caught cost nothing here; it is the missed ones that do.",
    ),
    (
        _cheapest(lambda a, m, false_alarm, missed, faults: a / 12 * false_alarm + faults * m * missed),
        "One of the two errors is counted for a month, the other for a year. Both are given by the year.",
    ),
    (
        _cheapest(lambda a, m, false_alarm, missed, faults: a + faults * m),
        "Counts of alarms and faults are added up as if both cost the same.",
    ),
    (
        _cheapest(lambda a, m, false_alarm, missed, faults: a * missed + faults * m * false_alarm),
        "The prices are exchanged: each error has its own.",
    ),
    (
        _cheapest(lambda a, m, false_alarm, missed, faults: -(a * false_alarm + faults * m * missed)),
        "That is the dearest threshold, not the one with the least cost.",
    ),
    (
        _cheapest(lambda a, m, false_alarm, missed, faults: a),
        "Only false alarms count in your choice. Silence is cheap until a fault is missed.",
    ),
    (
        _cheapest(lambda a, m, false_alarm, missed, faults: m),
        "Only misses count in your choice. Each alarm costs somebody a morning.",
    ),
]


@exercise(
    "2.3b",
    cheapest=Function(_PROBES),
    hints=(
        "Per threshold, two amounts a year: what its false alarms cost, and what the faults cost that it misses.",
        "Of `faults` faults a year a share of `misses` is missed, and each of those costs `missed`.",
        "Then find the position of the smallest sum, and return the threshold at that position.",
    ),
)
def choose_by_cost(cheapest: list) -> Verdict:
    answers = [record["output"] for record in cheapest]
    if not all(number(answer) and math.isfinite(answer) for answer in answers):
        return wrong("The answer must be a number each time: one of the thresholds.")

    def among(answer, thresholds):
        return any(math.isclose(answer, t, rel_tol=1e-9) for t in thresholds)

    if all(among(a, best) for a, best in zip(answers, _RIGHT, strict=True)):
        return right("Prices choose the threshold; where faults are rare or cheap, that may be none at all.")
    if not all(among(a, probe[0]) for a, probe in zip(answers, _PROBES, strict=True)):
        whole = all(
            float(a).is_integer() and 0 <= a < len(p[0]) for a, p in zip(answers, _PROBES, strict=True)
        )
        if whole:
            return wrong("That is a position in the list. Return the threshold that stands there.")
        return wrong("What you return is not one of the thresholds given. Is it the cost itself?")
    for best, reason in _MISTAKES:
        if all(among(a, b) for a, b in zip(answers, best, strict=True)):
            return wrong(reason)
    return wrong("A threshold of the list each time, but for some prices another one costs less.")


# ------------------------------------------------------------------------------------------ 2.3c what can't be seen

_SEEN = {
    "utc": "The whole day moves by hours, so flights appear at times of the night that training never saw.",
    "celsius": "A week of July as cold as winter makes a second hump in the distribution, where there was nothing.",
    "kmh": "A week of winds multiplied by 1.6 stretches the upper end of the distribution; the table above says how few such weeks a threshold misses.",
}
_UNSEEN = {"yesterday", "shuffled"}
_FEATURES = {"carrier", "origin", "dest", "distance", "day_minute", "temp", "wind_speed"}


@exercise(
    "2.3c",
    invisible=Names(),
    hints=(
        "Take all values of one column over the month, and forget which flight each belongs to. Does the fault change that heap?",
        "Some faults change values; others change which flight a value goes to.",
    ),
)
def what_distributions_hide(invisible: list[str]) -> Verdict:
    given = {name.casefold() for name in invisible}
    if not given:
        return wrong("Then each of the five would change the distribution of some feature. Try each in turn.")
    if features := sorted(given & _FEATURES):
        return wrong(
            f"`{features[0]}` is a feature. The five faults have names of their own, listed in the exercise."
        )
    if unknown := sorted(given - _UNSEEN - set(_SEEN)):
        return wrong(f"`{unknown[0][:40]}` is none of the five faults.")
    if given == set(_SEEN):
        return wrong("It is the other way round: these are the ones that leave traces.")
    if given == _UNSEEN | set(_SEEN):
        return wrong("All five? Some of them put values where training had none.")
    for name, reason in _SEEN.items():
        if name in given:
            return wrong(f"`{name}` can be seen. {reason}")
    if given == {"shuffled"}:
        return wrong(
            "What you name keeps its heap of values. Is there another fault with the same weather as the month has, but for a day?"
        )
    if _UNSEEN - given:
        return wrong(
            "What you name is hidden, but it is not alone. Look for another that hands the same values to other flights."
        )
    return right(
        "Both give (nearly) the same values to other flights: each distribution stays, and nearly every row is wrong."
    )


# ------------------------------------------------------------------------------------------- 2.3d a gate that fails closed

_VERDICTS = {  # case: (verdicts, splits, whether it may pass, what to say otherwise)
    "good": (
        {"train": 1, "eval": 1},
        ["train", "eval"],
        True,
        "Both splits passed, and your gate stays shut.",
    ),
    "one": ({"march": 1}, ["march"], True, "The only split passed, and your gate stays shut."),
    "bad": (
        {"train": 1, "eval": 0},
        ["train", "eval"],
        False,
        "One split has anomalies. Every split must be good.",
    ),
    "bad first": (
        {"train": 0, "eval": 1},
        ["train", "eval"],
        False,
        "The first split has anomalies, the last has none: do not let the last one speak for all.",
    ),
    "all bad": ({"train": 0, "eval": 0}, ["train", "eval"], False, "No split passed."),
    "no baseline": (
        {"july_june": 2},
        ["july_june"],
        False,
        "A verdict of 2 means nothing was compared. Not known to be bad is not known to be good.",
    ),
    "missing": (
        {"train": 1},
        ["train", "eval"],
        False,
        "A split that was asked for has no verdict at all, and your gate opens. Go through `splits`, not through `verdicts`.",
    ),
    "crashed": (
        {},
        ["train", "eval"],
        False,
        "No verdict is there: the validator crashed, and your gate opens.",
    ),
    "nothing asked": (
        {},
        [],
        False,
        "Nothing was named and nothing was checked. `all([])` is true in Python; a gate must not be.",
    ),
    "nothing asked, something there": (
        {"train": 1},
        [],
        False,
        "No split was named, so none is known to be wanted: a gate with an empty list of demands demands nothing.",
    ),
    "more than asked": (
        {"train": 1, "eval": 1, "old": 0},
        ["train", "eval"],
        True,
        "A split that was not asked for has anomalies; the ones that were asked for passed.",
    ),
}


@exercise(
    "2.3d",
    may_pass=Function([(verdicts, splits) for verdicts, splits, _, _ in _VERDICTS.values()]),
    hints=(
        "List what can go wrong: a 0, a 2, a split without a verdict, no verdicts, no splits. In each of these the gate stays shut.",
        "`verdicts.get(split)` gives `None` where a verdict is missing, and `None == 1` is false.",
    ),
)
def gate_that_fails_closed(may_pass: list) -> Verdict:
    answers = truths(may_pass)
    if answers is None:
        return wrong("The answer must be `True` or `False`, in every case.")
    given = dict(zip(_VERDICTS, answers, strict=True))
    if len(set(given.values())) == 1:
        return wrong("A gate that always says the same is a wall, or a hole in one.")
    for case, (_, _, expected, reason) in _VERDICTS.items():
        if given[case] != expected:
            return wrong(reason)
    return right("It opens only for what is known to be good: a report that is missing keeps it shut.")
