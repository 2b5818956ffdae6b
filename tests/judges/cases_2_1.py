"""Answers to the exercises of lesson 2.1."""

import pandas as pd

from helpers import datasets
from helpers.exercises import every

from .harness import cases


def _known(events, moment):
    return sorted(event for event in events if event[1] <= moment)


def _in_a_loop(events, moment):
    best = None
    for _, known, value in sorted(events):
        if known <= moment:
            best = value
    return best


def _sorted_by_the_hour_alone(events, moment):
    known = sorted((event for event in events if event[1] <= moment), key=lambda event: event[0])
    return known[-1][2] if known else None


def _newest_of_latest(events, moment):
    table = pd.DataFrame(_known(events, moment), columns=["happened", "known", "value"])
    last = table[table.happened == table.happened.max()].sort_values("known")
    return None if last.empty else last.value.iloc[-1]


def _mean_of_latest(events, moment):
    table = pd.DataFrame(_known(events, moment), columns=["happened", "known", "value"])
    return table[table.happened == table.happened.max()].value.mean()


def _window_with_pandas(artifacts, spans):
    table = pd.DataFrame(artifacts).sort_values(["span", "version"])
    return table[table.span > table.span.max() - spans].groupby("span").id.last()


def _delivered(artifacts, spans):
    table = pd.DataFrame(artifacts).sort_values(["span", "version"])
    return table.groupby("span").id.last().tail(spans)


LEAKS = next(answers["leaks"] for _, answers in every()["2.1b"].examples())

_flights = datasets.flights()
_arrived = _flights[_flights.arr_delay.notna()]
_sizes = _arrived.carrier.value_counts()
_cancelled = int(_flights.dep_delay.isna().sum())
CARD = {
    "unit": "flight that arrived",
    "rows": len(_arrived),
    "left out": len(_flights) - len(_arrived),
    "late": (_arrived.arr_delay > 15).mean(),
    "small carriers": set(_sizes[_sizes < 1000].index),
    "licence": "CC0 1.0",
    "tailnum": "quasi-identifier",
}


def _card(**lines):
    return CARD | {name.replace("_", " "): value for name, value in lines.items()}


CASES = {
    "2.1a": cases(
        "known_value",
        right=[_in_a_loop, _newest_of_latest],
        wrong={
            "the value is another": _mean_of_latest,
            "whole events": _known,
            "sort by the hour alone": _sorted_by_the_hour_alone,
            "A value of 0 is a value": lambda events, moment: _in_a_loop(events, moment) or None,
            "Before the first report nothing is known": lambda events, moment: (
                _known(events, moment) or sorted(events)
            )[-1][2],
        },
    ),
    "2.1b": cases("leaks", right=[sorted(LEAKS)], wrong={"``: no such column": {*LEAKS, ""}}),
    "2.1c": cases(
        "training_window",
        right=[_window_with_pandas],
        wrong={
            "was never delivered": _delivered,
            "the window is another": lambda a, n: [one["id"] for one in a if one["version"] == 1],
            "whole artifacts": lambda a, n: a[-n:],
            "Asked is a list": lambda a, n: len(a),
            "which are numbers": lambda a, n: [str(one["id"]) for one in a],
        },
    ),
    "2.1d": cases(
        "my_card",
        right=[
            CARD,
            _card(
                late=round(CARD["late"], 3),
                licence="Creative Commons CC0 1.0",
                small_carriers=sorted(CARD["small carriers"]),
            ),
        ],
        wrong={
            "row per scheduled flight": _card(unit="scheduled flight"),
            "the table is not about planes": _card(unit="plane"),
            "are numbers.": _card(rows=f"{len(_arrived):,}"),
            "counts the whole timetable": _card(rows=len(_flights)),
            "all flights that left": _card(rows=len(_flights) - _cancelled),
            "count the flights that have a label": _card(rows=len(_arrived) - 1),
            "those are the cancelled ones": _card(left_out=_cancelled),
            "diverted ones alone": _card(left_out=CARD["left out"] - _cancelled),
            "must make up the timetable": _card(left_out=0),
            "counts as on time": _card(late=(_flights.arr_delay > 15).mean()),
            "in per cent": _card(late=100 * CARD["late"]),
            "too few digits": _card(late=round(CARD["late"], 2)),
            "*more than* 15": _card(late=(_arrived.arr_delay >= 15).mean()),
            "the mean of the label": _card(late=(_arrived.arr_delay > 0).mean()),
            "a set of carrier codes": _card(small_carriers=2),
            "there are more": _card(small_carriers={"OO"}),
            "1,000 rows or more": _card(small_carriers=CARD["small carriers"] | {"FL"}),
            "its name alone": _card(licence="CC0 is not it; MIT"),
            "no name, true": _card(tailnum="harmless"),
            "takes a second table": _card(tailnum="identifies a person"),
        },
    ),
}
