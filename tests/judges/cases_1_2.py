"""Answers to the exercises of lesson 1.2."""

import copy

import numpy as np
import yaml

from helpers.exercises import source

from .harness import Cases


def _break_even(true_alert, false_alert, missed, silent):
    if_late, if_on_time = true_alert - missed, silent - false_alert
    return if_on_time / (if_late + if_on_time)


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


def _recent_where(rule, finish=lambda delays: delays.mean()):
    def function(flights, moment):
        flights = flights.dropna()
        delays = flights["dep_delay"][rule(flights["scheduled"], flights["dep_delay"], moment)]
        return finish(delays) if len(delays) else 0.0

    return function


def _point(curve, most_alerts, least_precision):
    allowed = curve[(curve["alerts"] <= most_alerts) & (curve["precision"] >= least_precision)]
    return None if allowed.empty else float(allowed["threshold"][allowed["money"].idxmax()])


def _point_by_sorting(curve, most_alerts, least_precision):
    for row in curve.sort_values("money", ascending=False).itertuples():
        if row.alerts <= most_alerts and row.precision >= least_precision:
            return row.threshold
    return None


def _point_where(allowed, by="money", give="threshold", best="idxmax"):
    def function(curve, most_alerts, least_precision):
        rows = curve[curve["precision"].notna() & allowed(curve, most_alerts, least_precision)]
        return None if rows.empty else rows[give][getattr(rows[by], best)()]

    return function


def _point_by_label_as_position(curve, most, least):
    money = curve["money"][_within(curve, most, least)]
    return None if money.empty else float(curve["threshold"].iloc[money.idxmax()])


def _within(curve, most, least):
    return (curve["alerts"] <= most) & (curve["precision"] >= least)


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

SHEET = yaml.safe_load(next(text for tags, text in source.of("1.2e") if "solution" in tags).split('"""')[1])


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
    "1.2a": Cases(
        right=[{"break_even": _break_even}, {"break_even": _break_even_by_search}],
        wrong={
            "leave out `missed`": {"break_even": lambda tp, fp, fn, tn: (tn - fp) / (tn - fp + tp)},
            "leave out `silent`": {"break_even": lambda tp, fp, fn, tn: -fp / (-fp + tp - fn)},
            "row of the alert alone": {"break_even": lambda tp, fp, fn, tn: -fp / (tp - fp)},
            "probability of being on time": {
                "break_even": lambda tp, fp, fn, tn: (tp - fn) / ((tn - fp) + (tp - fn))
            },
            "Those are odds": {"break_even": lambda tp, fp, fn, tn: (tn - fp) / (tp - fn)},
            "In percent": {"break_even": lambda tp, fp, fn, tn: 100 * _break_even(tp, fp, fn, tn)},
            "turned round": {"break_even": lambda tp, fp, fn, tn: (fp - tn) / ((fp - tn) + (tp - fn))},
            "the wrong way": {"break_even": lambda tp, fp, fn, tn: (fn - fp) / ((fn - fp) + (tp - tn))},
            "whatever the prices": {"break_even": lambda tp, fp, fn, tn: 0.5},
            "not worth the same": {
                "break_even": lambda tp, fp, fn, tn: abs(fp) / (abs(tp) + abs(fp) + abs(fn))
            },
            "gives nothing back": {"break_even": lambda tp, fp, fn, tn: None if fn else 0.3},
        },
    ),
    "1.2b": Cases(
        right=[{"recent_delay": _recent}, {"recent_delay": _recent_in_a_loop}],
        wrong={
            "*scheduled* before": {"recent_delay": _recent_where(lambda at, late, now: at < now)},
            "has not left *before* it": {
                "recent_delay": _recent_where(lambda at, late, now: at + late <= now)
            },
            "leave out flights that left early": {
                "recent_delay": _recent_where(lambda at, late, now: (at < now) & (at + late < now))
            },
            "only flights that left late": {
                "recent_delay": _recent_where(lambda at, late, now: (late > 0) & (at + late < now))
            },
            "*not* left yet": {"recent_delay": _recent_where(lambda at, late, now: at + late > now)},
            "subtract the delay": {"recent_delay": _recent_where(lambda at, late, now: at - late < now)},
            "whatever the moment": {"recent_delay": lambda flights, now: flights["dep_delay"].mean()},
            "sum of the delays": {
                "recent_delay": _recent_where(
                    lambda at, late, now: at + late < now, lambda delays: delays.sum()
                )
            },
            "gives NaN or nothing": {
                "recent_delay": lambda flights, now: flights["dep_delay"][
                    flights["scheduled"] + flights["dep_delay"] < now
                ].mean()
            },
            "left to the minute. It never leaves": {
                "recent_delay": lambda flights, now: _recent(flights.fillna(0), now)
            },
            "Try one by hand": {
                "recent_delay": lambda flights, now: (
                    flights["dep_delay"]
                    .fillna(0)[flights["scheduled"] + flights["dep_delay"].fillna(0) < now]
                    .sum()
                    / len(flights)
                )
            },
        },
    ),
    "1.2c": Cases(
        right=[{"operating_point": _point}, {"operating_point": _point_by_sorting}],
        wrong={
            "forget both limits": {"operating_point": _point_where(lambda c, most, least: c["alerts"] >= 0)},
            "more alerts than the desk": {
                "operating_point": _point_where(lambda c, most, least: c["precision"] >= least)
            },
            "precision is not looked at": {
                "operating_point": _point_where(lambda c, most, least: c["alerts"] <= most)
            },
            "one limit is enough": {
                "operating_point": _point_where(
                    lambda c, most, least: (c["alerts"] <= most) | (c["precision"] >= least)
                )
            },
            "meets a limit exactly": {
                "operating_point": _point_where(
                    lambda c, most, least: (c["alerts"] < most) & (c["precision"] > least)
                )
            },
            "the highest threshold": {"operating_point": _point_where(_within, by="threshold")},
            "gives a label (use": {"operating_point": _point_by_label_as_position},
            "does not count; yours can win": {
                "operating_point": lambda curve, most, least: _point(curve.fillna(1.0), most, least)
            },
            "the lowest threshold": {"operating_point": _point_where(_within, by="threshold", best="idxmin")},
            "the money at the best": {"operating_point": _point_where(_within, give="money")},
            "still gives one": {
                "operating_point": lambda curve, most, least: _point(curve, most, least) or 0.3
            },
            "whole row": {
                "operating_point": lambda curve, most, least: curve[_within(curve, most, least)].head(1)
            },
            "never gives": {"operating_point": lambda curve, most, least: print("", end="")},
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
    ),
}
