"""Answers to the exercises of lesson 1.2."""

import copy

import numpy as np
import yaml

from .harness import Cases, cases, quoted


def _break_even_by_search(true_alert, false_alert, missed, silent):
    low, high = 0.0, 1.0
    for _ in range(60):
        p = (low + high) / 2
        better = p * true_alert + (1 - p) * false_alert > p * missed + (1 - p) * silent
        low, high = (low, p) if better else (p, high)
    return np.float64(high)


def _recent(flights, moment):
    left = flights["scheduled"] + flights["dep_delay"] < moment
    return float(flights["dep_delay"][left].mean()) if left.any() else 0.0


def _recent_in_a_loop(flights, moment):
    seen = [row.dep_delay for row in flights.dropna().itertuples() if row.scheduled < moment - row.dep_delay]
    return sum(seen) / max(1, len(seen))


def _recent_or_nan(flights, moment):
    return flights["dep_delay"][flights["scheduled"] + flights["dep_delay"] < moment].mean()


def _recent_over_all(flights, moment):
    late = flights["dep_delay"].fillna(0)
    return late[flights["scheduled"] + late < moment].sum() / len(flights)


def _within(curve, most, least):
    return (curve["alerts"] <= most) & (curve["precision"] >= least)


def _point(curve, most_alerts, least_precision):
    allowed = curve[_within(curve, most_alerts, least_precision)]
    return None if allowed.empty else float(allowed["threshold"][allowed["money"].idxmax()])


def _point_by_sorting(curve, most_alerts, least_precision):
    for row in curve.sort_values("money", ascending=False).itertuples():
        if row.alerts <= most_alerts and row.precision >= least_precision:
            return row.threshold
    return None


def _point_by_label_as_position(curve, most, least):
    money = curve["money"][_within(curve, most, least)]
    return None if money.empty else float(curve["threshold"].iloc[money.idxmax()])


TORNADO = {
    "low": {
        "crew on call": -900.0,
        "claims saved": -620.0,
        "season": -700.0,
        "time saved": -300.0,
        "cost of the model": -250.0,
        "desk time": -90.0,
        "needless moves": -100.0,
        "desks act on": -470.0,
    },
    "high": {
        "crew on call": -60.0,
        "claims saved": -20.0,
        "season": 170.0,
        "time saved": 200.0,
        "cost of the model": 150.0,
        "desk time": -60.0,
        "needless moves": -60.0,
        "desks act on": -440.0,  # both ends on one side: a short distance between them, and a long way from the base
    },
    "base": -80.0,
}

SHEET = yaml.safe_load(quoted("1.2e"))


def _sheet(**changes):
    """The solution's sheet with some fields replaced; `None` removes a field."""
    sheet = copy.deepcopy(SHEET)
    for path, value in changes.items():
        at = sheet
        *way, last = path.split("__")
        for step in way:
            at = at[int(step) if step.isdigit() else step]
        if value is None:
            del at[last]
        else:
            at[int(last) if last.isdigit() else last] = value
    return {"my_sheet": sheet}


OTHER = _sheet(
    title="Will it fly?",
    inputs=["forecast_snow", "month", "origin"],
    baseline="waiver of fees in storms",
    value={"unit": "dollars a year above the waiver", "low": -1, "high": 5},
)

CASES = {
    "1.2a": cases(
        "break_even",
        right=[_break_even_by_search],
        wrong={
            "not worth the same": lambda tp, fp, fn, tn: abs(fp) / (abs(tp) + abs(fp) + abs(fn)),
            "gives nothing back": lambda tp, fp, fn, tn: None if fn else 0.3,
            "single number": lambda tp, fp, fn, tn: [0.3, 0.7],
        },
    ),
    "1.2b": cases(
        "recent_delay",
        right=[_recent, _recent_in_a_loop],
        wrong={
            "gives NaN or nothing": _recent_or_nan,
            "left to the minute. It never leaves": lambda flights, now: _recent(flights.fillna(0), now),
            "That is a median": lambda flights, now: np.nan_to_num(
                flights["dep_delay"][flights["scheduled"] + flights["dep_delay"] < now].median()
            ),
            "Try one by hand": _recent_over_all,
            "in minutes": lambda flights, now: list(flights["dep_delay"].dropna()),
        },
    ),
    "1.2c": cases(
        "operating_point",
        right=[_point, _point_by_sorting],
        wrong={
            "gives a label (use": _point_by_label_as_position,
            "does not count; yours can win": lambda curve, *limits: _point(curve.fillna(1.0), *limits),
            "still gives one": lambda *given: _point(*given) or 0.3,
            "whole row": lambda curve, *limits: curve[_within(curve, *limits)].head(1),
            "never gives": lambda *given: print("", end=""),
            "a number, or None": lambda *given: "0.3",
            "earns more": lambda *given: _point(*given) and _point(*given) + 0.05,
        },
    ),
    "1.2d": Cases(
        right=[
            {"ask_first": {"crew on call", "claims saved"}},
            {"ask_first": ["claims saved", "crew on call"]},
        ],
        wrong={
            "shortest bars": {"ask_first": {"desk time", "needless moves"}},
            "no addressee": {"ask_first": {"crew on call", "season"}},
            "two appointments": {"ask_first": {"crew on call"}},
            "is not an assumption": {"ask_first": {"crew on call", "weather"}},
            "One of them is right": {"ask_first": {"crew on call", "time saved"}},
            "what could go better": {"ask_first": {"cost of the model", "time saved"}},
            "most of all is missing": {"ask_first": {"claims saved", "desk time"}},
            "have longer bars": {"ask_first": {"cost of the model", "desk time"}},
        },
        given=TORNADO,
    ),
    "1.2e": Cases(
        right=[
            {"my_sheet": yaml.safe_dump(SHEET)},
            OTHER,
        ],
        wrong={
            "`title`": _sheet(title="..."),
            "not yet a problem": _sheet(problem="We need a model"),
            "one where nothing is learned": _sheet(
                candidates=[c | {"kind": "model"} for c in SHEET["candidates"]]
            ),
            "a bare no as false": _sheet(candidates__1__verdict=False),
            "it is measured once the flight": _sheet(inputs=["carrier", "dep_delay"]),
            "the gap *is* the outcome": _sheet(inputs=["carrier", "tailnum"]),
            "that hour is still to come": _sheet(inputs=["carrier", "visib"]),
            "is not in the briefing": _sheet(inputs=["carrier", "horoscope"]),
            "when the desk calls.": _sheet(decision__hours_before=1),
            "true alert is gross": _sheet(prices__true_alert=8000),
            "has to be taken off": _sheet(prices__true_alert=8400),
            "do not follow from the briefing": _sheet(prices__true_alert=5000),
            "not hotels and claims": _sheet(prices__false_alert=-8000),
            "which are odds": _sheet(break_even=0.0526),
            "from 1.2a.": _sheet(break_even=0.3),
            "no candidate has this name": _sheet(baseline="the old rule"),
            "a model itself": _sheet(baseline="chance of a cancellation"),
            "low end is above": _sheet(value__low=2e6),
            "both ends are one number": _sheet(value__low=9e5),
            "more than a perfect forecast": _sheet(value__unit="dollars per 1,000 flights", value__high=2e5),
            "calling on every single flight": _sheet(value__low=-9e8),
            "two of them have one name": _sheet(candidates__2__name="chance of a cancellation"),
            "hides what you do not know": _sheet(value=300000),
            "agreed after, an excuse": _sheet(harms__0__limit="not too many"),
            "with a number in it": _sheet(milestones__2__go_if="the desk is content"),
            "nobody will want to": _sheet(stop_if=None),
            "work of the first week": _sheet(questions=["What does a call really cost?"]),
            "is not part of the sheet": _sheet(deadline="soon"),
            "A comma between braces": {
                "my_sheet": yaml.safe_dump(SHEET | {"value": None}).replace(
                    "value: null", "value: {unit: dollars per 1,000 flights, low: 10, high: 20}"
                )
            },
            "save the project. As a bare number": _sheet(prices__true_alert="7,600"),
        },
        invalid={"Look at line 1": {"my_sheet": "title: {a: b: c}"}},
    ),
}
