"""How the exercises of lesson 1.2, Scoping a project, are judged."""

from __future__ import annotations

import functools
import json
import re
from statistics import median

from helpers import ROOT
from helpers.exercises.kit import Form, Names, exercise, right, wrong
from helpers.exercises.plain import Blank, NotData, plain, strict
from helpers.exercises.rules import function
from helpers.exercises.signs import CONSTANT, NEVER, NOTHING, follows, number, optional, some, unless, where

function(
    "1.2a", "break_even",
    [
        (70, -30, 0, 0),
        (60, -20, -50, 0),
        (-10, -30, -200, 0),
        (40, -15, -20, 5),
        (90, -60, 10, -4),
        (55, -8, -12, -2),
    ],
    odd={
        "For some prices your function gives nothing back. Does every path `return` a number?": NOTHING,
        "Asked is a single number, a probability.": unless(number),
    },
    rule=lambda tp, fp, fn, tn: (tn - fp) / (tn - fp + tp - fn),
    said="Only the two differences matter, what an alert changes if late and what it changes if on time; "
    "adding the same amount to both cells of a column changes nothing.",
    mistakes={
        "You leave out `missed`: where silence already costs money on a late flight, an alert is worth more.":
            lambda tp, fp, fn, tn: (tn - fp) / (tn - fp + tp),
        "You leave out `silent`: what an alert costs on a punctual flight is the difference "
        "to staying silent.":
            lambda tp, fp, fn, tn: -fp / (-fp + tp - fn),
        "You use the row of the alert alone. The row of silence is not zero in general.":
            lambda tp, fp, fn, tn: -fp / (tp - fp),
        "That is the probability of being on time at the break-even; asked is that of being late.":
            lambda tp, fp, fn, tn: (tp - fn) / (tn - fp + tp - fn),
        "Those are odds, late against on time. A probability is odds divided by one plus odds.":
            lambda tp, fp, fn, tn: (tn - fp) / (tp - fn),
        "Those are odds, cost over gain, and cells of the table are missing in them. A probability is odds "
        "divided by one plus odds; what an alert costs and gains are differences to silence.": follows(
            lambda tp, fp, fn, tn: -fp / tp, lambda tp, fp, fn, tn: -fp / (tp - fn),
            lambda tp, fp, fn, tn: (tn - fp) / tp,
        ),
        "You add a cell of the row of silence where it has to be taken off: what an alert "
        "changes is a difference.":
            follows(
                lambda tp, fp, fn, tn: (-fp - tn) / (-fp - tn + tp - fn),
                lambda tp, fp, fn, tn: (tn - fp) / (tn - fp + tp + fn),
            ),
        "Your probability is rounded. Give it as it comes: a threshold is compared with "
        "chances of many digits.":
            follows(*(
                lambda tp, fp, fn, tn, digits=digits: round((tn - fp) / (tn - fp + tp - fn), digits)
                for digits in (2, 3, 4)
            )),
        "In percent? A probability lies between nought and one.":
            lambda tp, fp, fn, tn: 100 * (tn - fp) / (tn - fp + tp - fn),
        "The sign of one difference is turned round: costs are negative numbers here.":
            lambda tp, fp, fn, tn: (fp - tn) / (fp - tn + tp - fn),
        "You compare the two cells of a column the wrong way: the late flight with the late one, the "
        "punctual with the punctual.": lambda tp, fp, fn, tn: (fn - fp) / (fn - fp + tp - tn),
        "Your function gives the same answer whatever the prices.": CONSTANT,
    },
    otherwise="At your probability alert and silence are not worth the same. Put it into both expected "
    "values and compare.",
    hints=(
        "Write down two expected values, one for an alert and one for silence, each with probability p for "
        "late and 1 − p for on time. Where are they equal?",
        "Only differences count: what an alert changes when the flight is late, and what it changes when the "
        "flight is on time.",
        "p · (gain if late) = (1 − p) · (loss if on time). Solve for p.",
    ),
)


def _departures():
    import pandas as pd

    nan = float("nan")
    usual = [(600, 0.0), (610, 30.0), (620, 5.0), (640, 30.0), (650, -5.0)]
    early = [(600, 4.0), (640, -15.0), (700, 3.0)]
    edge = [(600, 30.0), (600, 29.0), (560, 1.0)]
    gaps = [(500, nan), (510, 12.0), (520, nan), (525, 90.0), (530, 8.0)]
    none = [(700, 10.0), (690, nan)]
    stuck = [(480, 200.0), (481, 190.0), (300, 7.0)]
    probes = [(usual, 630), (early, 630), (edge, 630), (gaps, 600), (none, 600), (stuck, 660), (usual, 700)]
    return [(pd.DataFrame(rows, columns=["scheduled", "dep_delay"]), moment) for rows, moment in probes]


def _mean(values):
    return sum(values) / len(values) if values else 0.0


def _left(rule=lambda at, late, now: at + late < now, finish=_mean, cancelled=None):
    """A rule: what `finish` makes of the delays of flights for which `rule` holds.

    Cancelled ones count with a delay, if given.
    """

    def recent_delay(flights, moment):
        delays = [
            (row["scheduled"], cancelled if row["dep_delay"] is None else row["dep_delay"]) for row in flights
        ]
        return finish([late for at, late in delays if late is not None and rule(at, late, moment)])

    return recent_delay


function(
    "1.2b", "recent_delay", _departures,
    odd={
        "Your function gives nothing back. Does it `return` the mean?": NEVER,
        "Asked is one number, in minutes.": unless(optional(number)),
    },
    rule=_left(),
    said="What counts is when a flight really left: a flight that is still at the gate has a delay "
    "that nobody knows yet.",
    mistakes={
        "You take the flights that were *scheduled* before the moment. Some still stand at the gate then, "
        "and how late they will leave is not known: a leak.": _left(lambda at, late, now: at < now),
        "A flight that leaves at the moment itself has not left *before* it.":
            _left(lambda at, late, now: at + late <= now),
        "You leave out flights that left early: scheduled after the moment, gone before it. Their "
        "departure has been seen.": _left(lambda at, late, now: at < now and at + late < now),
        "You count only flights that left late. Those that left early or to the minute belong to the mean.":
            follows(
                _left(lambda at, late, now: late > 0 and at + late < now),
                _left(lambda at, late, now: late >= 0 and at + late < now),
            ),
        "A flight that left early counts for you as one that left to the minute. Early is negative, "
        "and lowers the mean.": _left(finish=lambda delays: _mean([max(late, 0) for late in delays])),
        "You drop the signs. A flight that left early makes up for one that left late.":
            _left(finish=lambda delays: _mean(list(map(abs, delays)))),
        "Your minutes are whole ones. Give the mean as it comes.":
            follows(_left(finish=lambda delays: int(_mean(delays))),
                _left(finish=lambda delays: round(_mean(delays)))),
        "That is how many flights have left. Asked is their mean delay.": _left(finish=len),
        "Those are the flights that have *not* left yet: their delay is the future.":
            _left(lambda at, late, now: at + late > now),
        "You subtract the delay from the schedule. A positive delay means later than planned.":
            _left(lambda at, late, now: at - late < now),
        "You average over all flights of the table, whatever the moment.": _left(lambda at, late, now: True),
        "That is the sum of the delays; asked is their mean.": _left(finish=sum),
        "That is a median; asked is the mean.": _left(finish=lambda values: median(values or [0.0])),
        "A cancelled flight counts for you as one that left to the minute. It never leaves.":
            _left(cancelled=0),
        "For some tables your function gives NaN or nothing: what if no flight has left yet?":
            some(lambda output: output is None),
    },
    otherwise="For some tables that is not the mean delay of those that have left. Try one by hand, with a "
    "cancelled flight in it.",
    hints=(
        "When has a flight really left? At the scheduled minute plus its delay.",
        'Columns add up like numbers: `flights["scheduled"] + flights["dep_delay"]`. A comparison '
        'with NaN is False.',
        "The mean of nothing is NaN. Treat that case by itself.",
    ),
)


def _curves():
    import pandas as pd

    names = ["threshold", "money", "alerts", "precision", "recall"]
    usual = pd.DataFrame(
        [
            (0.1, 1300.0, 0.8, 0.25, 0.95),
            (0.2, 5200.0, 0.5, 0.38, 0.8),
            (0.3, 5000.0, 0.25, 0.5, 0.55),
            (0.4, 4100.0, 0.15, 0.6, 0.4),
            (0.5, 2500.0, 0.08, 0.7, 0.25),
        ],
        columns=names,
    )
    silent = pd.DataFrame(
        [(0.7, -40.0, 0.02, 0.28, 0.1), (0.8, -10.0, 0.01, 0.3, 0.01), (0.9, 0.0, 0.0, float("nan"), 0.0)],
        columns=names,
    )
    mixed = usual.iloc[[3, 0, 4, 1, 2]]
    return [
        (usual, 1.0, 0.0), (usual, 0.3, 0.0), (usual, 1.0, 0.55), (usual, 0.25, 0.5), (usual, 0.2, 0.65),
        (usual, 0.05, 0.9), (mixed, 0.2, 0.4), (silent, 0.5, 0.0), (mixed, 0.15, 0.5),
    ]


def _both(row, most, least):
    return row["alerts"] <= most and row["precision"] >= least


def _best(allowed=_both, worth="money", give="threshold", sign=1, gaps=False):
    """A rule: of the rows that are allowed the one of the highest worth; those without
    a precision only with `gaps`."""

    def operating_point(curve, most, least):
        rows = [
            row for row in curve
            if (gaps if row["precision"] is None else allowed(row, most, least))
        ]
        return max(rows, key=lambda row: sign * row[worth])[give] if rows else None

    return operating_point


def _best_then_check(curve, most, least):
    """The best earner of all, if it meets the limits."""
    row = max(curve, key=lambda row: row["money"])
    return row["threshold"] if row["precision"] is not None and _both(row, most, least) else None


def _mixed_up(wrongly):
    """A rule that looks up `wrongly(label of the best row, its position among the
    allowed)` in the whole table."""

    def operating_point(curve, most, least):
        rows = [row for row in curve if row["precision"] is not None and _both(row, most, least)]
        if not rows:
            return None
        best = max(rows, key=lambda row: row["money"])
        in_order = sorted(row["threshold"] for row in curve)  # the labels count them, in `_curves`
        return wrongly(curve, in_order, in_order.index(best["threshold"]), rows.index(best))

    return operating_point


function(
    "1.2c", "operating_point", _curves,
    odd={
        "Your function never gives a threshold. Does it `return` one?": NEVER,
        "Asked is one threshold, a number; your function gives a whole row or table.":
            some(lambda output: type(output) in (list, dict)),
        "Asked is a threshold, a number, or None.": unless(optional(number)),
    },
    rule=_best(),
    said="Money is maximised, the limits are only met: that is one optimizing metric and "
    "two satisficing ones.",
    mistakes={
        "That is the money at the best threshold; asked is the threshold itself.": _best(give="money"),
        "You maximise money and forget both limits.": _best(lambda row, most, least: True),
        "Your choice may send more alerts than the desk can take.":
            _best(lambda row, most, least: row["precision"] >= least),
        "Your choice may be wrong more often than the desk will bear: the precision is not looked at.":
            follows(
                _best(lambda row, most, least: row["alerts"] <= most),
                _best(lambda row, most, least: row["alerts"] <= most, gaps=True),
            ),
        "You hold the recall against the limit of the precision.": follows(
            _best(lambda row, most, least: row["alerts"] <= most and row["recall"] >= least),
            lambda curve, most, least: _best(lambda row, *limits: row["alerts"] <= most
                and row["recall"] >= least)(
                [row | {"precision": row["precision"] or 0} for row in curve], most, least
            ),
        ),
        "Meeting one limit is enough for your function. Both must hold.": follows(
            _best(lambda row, most, least: row["alerts"] <= most or row["precision"] >= least),
            _best(lambda row, most, least: row["alerts"] <= most or row["precision"] >= least, gaps=True),
        ),
        "You take the best earner of all and then look at its limits. If it breaks one, the "
        "next may meet both.":
            _best_then_check,
        "A row that meets a limit exactly is allowed: *at most*, *at least*.": follows(
            _best(lambda row, most, least: row["alerts"] < most and row["precision"] > least),
            _best(lambda row, most, least: row["alerts"] < most and row["precision"] >= least),
            _best(lambda row, most, least: row["alerts"] <= most and row["precision"] > least),
        ),
        "You refuse thresholds that lose money. Of those within the limits the best is asked, even so.":
            _best(lambda row, most, least: _both(row, most, least) and row["money"] > 0),
        "Within the limits you take the highest threshold, which is the most precise. Money decides.":
            _best(worth="precision"),
        "Within the limits you take the lowest threshold, which has the most alerts. Money decides.":
            _best(worth="threshold", sign=-1),
        "Where the rows stand in another order your function reads a wrong one: `idxmax` gives a label (use "
        "`loc`), `argmax` gives a position in the table it is asked of.": follows(
            _mixed_up(lambda curve, in_order, label, position: curve[label]["threshold"]),
            _mixed_up(lambda curve, in_order, label, position: curve[position]["threshold"]),
            _mixed_up(lambda curve, in_order, label, position: in_order[position]),
        ),
        "A row without alerts has no precision (NaN) and does not count; yours can win.": _best(gaps=True),
        "Where no threshold meets both limits, your function still gives one.":
            where(lambda output, *given: output is not None and _best()(*given) is None),
    },
    otherwise="For some curves there is a threshold within both limits that earns more, or yours breaks one. "
    "Try a small table by hand.",
    hints=(
        "First throw out the rows that break a limit, then look at the money of the rest.",
        'Two conditions on columns are joined by `&`, each in brackets: `curve[(curve["alerts"] <= '
        'most_alerts) & (…)]`.',
        "`idxmax()` gives the label of the largest value, and fails on an empty table: treat that case "
        "first.",
    ),
)


@exercise(
    "1.2d",
    ask_first=Names(),
    hints=(
        "The longest bars of the tornado stand at its top.",
        'The column `swing` in the table says how far an assumption moves the net value in all. Copy the '
        'names as they stand under "assumption".',
    ),
    said="Whoever can move the result most is asked first; an assumption with a short bar may stay a guess, "
    "however large the price looks in the table.",
)
def which_assumptions_to_ask_about_first(ask_first, given):
    low, high, base = given["low"], given["high"], given["base"]
    swing = {name: max(low[name], high[name], base) - min(low[name], high[name], base) for name in low}
    if unknown := [name for name in ask_first if name not in swing]:
        yield f"`{unknown[0][:40]}` is not an assumption of the tornado. Copy the names from its table."
    if "season" in ask_first:
        yield (
            "Nobody can tell you the weather of next year: the question to `season` has no addressee. Plan "
            "for both ends of it."
        )
    if len(ask_first) != 2:
        yield "There are two appointments: give two names."
    swing.pop("season", None)
    missed = [name for name in swing if name not in ask_first]
    if min(swing[name] for name in ask_first) >= max(swing[name] for name in missed):
        return
    order = sorted(swing, key=swing.get)
    if set(ask_first) == set(order[:2]):
        yield "Those have the shortest bars: whatever you learn about them, the result stays."
    upward = sorted(swing, key=lambda n: max(low[n], high[n]) - base)[-2:]
    if set(ask_first) == set(upward):
        yield (
            "You look at what could go better. The length of a bar has two sides, and bad "
            "news matters as much."
        )
    if order[-1] in ask_first:
        yield "One of them is right; of the other, some assumption not in your answer moves more."
    if order[-2] in ask_first:
        yield "The one assumption that moves most of all is missing."
    yield "At least two assumptions have longer bars than yours. Length is what counts, not position."


# ------------------------------------------------------------------------------------------------ the
# scoping sheet

_KNOWN_HOURS_BEFORE = {
    **dict.fromkeys(["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"], 1),
    "recent": 1,
    **dict.fromkeys(["forecast_wind", "forecast_snow"], 24),
    "cancelled_so_far": 12,
    **dict.fromkeys(
        ["carrier", "origin", "dest", "distance", "weekday", "day_minute", "flight", "year", "month", "day"],
        1000,
    ),
    **dict.fromkeys(["hour", "minute", "time_hour", "sched_dep_time", "sched_arr_time"], 1000),
}
_HOURS, _COST, _SAVED, _CANCELLED = 12, 400, 8000, 0.025  # of the briefing
_FLIGHTS = 336_776  # a year, as section 1 has them


class Sheet(Form):
    """YAML text, or the dict it stands for, read as a dict."""

    asks = "a scoping sheet: YAML text between three quotes"

    def read(self, value):
        if type(value) is str:
            value = self.loaded(value)
        data = self.shape(strict(plain(value)))
        if data and all(leaf in ("...", None) for leaf in _leaves(data)):
            raise Blank("")
        return data

    def loaded(self, text: str):
        import yaml

        if len(text) > 20_000:
            raise NotData("is longer than a page.")
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f" Look at line {mark.line + 1}." if mark else ""
            raise NotData(
                f"is not YAML: a colon, quote or bracket is out of place.{where} Text with a colon "
                "in it needs quotes."
            ) from None

    def shape(self, data):
        if type(data) is not dict:
            raise self.refuse(data)
        return data


def _leaves(data):
    if type(data) in (dict, list):
        for item in data.values() if type(data) is dict else data:
            yield from _leaves(item)
    else:
        yield data


@functools.cache
def _validator():
    from jsonschema import Draft202012Validator

    path = ROOT / "data" / "flights" / "scoping.schema.json"
    return Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))


def _broken(sheet) -> list[tuple[str, str]]:
    """(where, what to write) for each broken rule of the schema, in the order of the sheet."""
    if place := _split_by_comma(sheet):
        return [(place, _COMMA)]
    found, order = [], list(_validator().schema["properties"])
    for error in _validator().iter_errors(sheet):
        place, rule = [str(step) for step in error.absolute_path], error.schema
        if error.validator == "required":
            name = next(name for name in error.validator_value if f"'{name}'" in error.message)
            place, rule = [*place, name], rule["properties"][name]
        teach = rule["teach"]
        if error.validator == "type" and rule["type"] == "number" and type(error.instance) is str:
            teach += " As a bare number: no thousands comma, no unit, no quotes."
        rank = order.index(place[0]) if place and place[0] in order else len(order)
        found.append((rank, ".".join(place), teach))
    return [(place, teach) for _, place, teach in sorted(set(found))]


_COMMA = (
    "A comma between braces starts a new field. Put a text that holds one in quotes, and write numbers "
    "without."
)


def _split_by_comma(sheet) -> str:
    """Where a text between braces was cut at its comma, which leaves an unknown field
    without a value; else ''."""
    known = _validator().schema["properties"]
    for name, part in sheet.items():
        rule = known.get(name, {})
        rule = rule.get("items", rule)
        for item in part if type(part) is list else [part]:
            if type(item) is dict and any(
                value is None and key not in rule.get("properties", {}) for key, value in item.items()
            ):
                return name
    return ""


def _open_fields(schema, place="") -> list[str]:
    """The fields that only a person can grade."""
    own = [place] if schema.get("open") else []
    parts = [*schema.get("properties", {}).items()]
    inner = [name for key, part in parts for name in _open_fields(part, f"{place}.{key}" if place else key)]
    return own + inner + (_open_fields(schema["items"], place) if "items" in schema else [])


@exercise(
    "1.2e",
    my_sheet=Sheet(),
    hints=(
        "Start from the example and change it line by line: the fields are the same, the product is another.",
        "The prices are net. If the flight is cancelled, the desk saves what the briefing says, and has "
        "still paid for calling.",
        "Go through the inputs with the clock of this product: what is known as many hours before departure "
        "as the desk calls? And what does a gap in `tailnum` mean?",
    ),
)
def whether_the_sheet_holds(my_sheet):
    if broken := _broken(my_sheet):
        place, teach = broken[0]
        more = f" ({len(broken) - 1} more after this.)" if len(broken) > 1 else ""
        return wrong(f"`{place[:60]}`: {teach}{more}" if place else teach)
    if my_sheet["decision"]["hours_before"] != _HOURS:
        return wrong("`decision.hours_before`: the briefing says when the desk calls.")
    if said := _prices(my_sheet["prices"]["true_alert"], my_sheet["prices"]["false_alert"]):
        return wrong(f"`prices`: {said}")
    gain, loss = my_sheet["prices"]["true_alert"], my_sheet["prices"]["false_alert"]
    given = my_sheet["break_even"]
    if abs(given - -loss / gain) < 2e-4:
        return wrong(
            "`break_even`: that is cost over net gain, which are odds. At the break-even both expected "
            "values are equal, as in 1.2a."
        )
    if abs(given - -loss / (gain - loss)) > 2e-4:
        return wrong(
            "`break_even`: it does not follow from the two prices above it. You have a function "
            "for that, from 1.2a."
        )
    if said := _inputs(my_sheet["inputs"]):
        return wrong(f"`inputs`: {said}")
    kinds = {candidate["name"]: candidate["kind"] for candidate in my_sheet["candidates"]}
    if my_sheet["baseline"] not in kinds:
        return wrong("`baseline`: no candidate has this name. Copy it from `candidates`, letter by letter.")
    if kinds[my_sheet["baseline"]] == "model":
        return wrong(
            "`baseline`: it is a model itself. Compare with what could be done tomorrow without one."
        )
    if said := _value(**my_sheet["value"]):
        return wrong(f"`value`: {said}")
    if len(kinds) < len(my_sheet["candidates"]):
        return wrong("`candidates`: two of them have one name, and the verdict on one can't be "
        "told from the other's.")
    fields = ", ".join(f"`{name}`" for name in _open_fields(_validator().schema))
    return right(
        "Everything a program can see is in place, and the numbers agree with each other and with the "
        f"briefing. For a person to grade, and best for somebody who disagrees with you: {fields}."
    )


def _prices(gain: float, loss: float) -> str | None:
    """What is wrong with the two prices of the sheet, if anything."""
    if gain == _SAVED:
        return "the true alert is gross. A call is paid for whether the flight is cancelled or not."
    if gain == _SAVED + _COST:
        return (
            "a call costs money on a cancelled flight as well; you have added its price where it "
            "has to be taken off."
        )
    if loss == -_SAVED:
        return "the false alert costs a call, not hotels and claims: the flight leaves."
    if (gain, loss) != (_SAVED - _COST, -_COST):
        return (
            "they do not follow from the briefing. "
            "What does a call bring if the flight is cancelled, and what if it leaves?"
        )
    return None


def _value(unit: str, low: float, high: float) -> str | None:
    """What is wrong with the interval of the sheet, if anything. Nobody can save more
    than all that is cancelled."""
    if low > high:
        return "the low end is above the high end."
    if low == high:
        return "both ends are one number. An interval says what you do not know."
    per_flight = re.search(r"(per|a|each) flight\b", unit)
    flights = 1 if per_flight else 1000 if re.search(r"\b1[ ,.]?000\b|thousand", unit) else _FLIGHTS
    if high > flights * _CANCELLED * (_SAVED - _COST):
        return (
            "the high end is more than a perfect forecast could bring. How many of the flights in your unit "
            "are cancelled, and what is each of them worth at most?"
        )
    if low < -flights * _COST:
        return "the low end is less than calling on every single flight could lose."
    return None


def _inputs(names: list[str]) -> str | None:
    """What is wrong with the inputs of the sheet, if anything."""
    if "tailnum" in names:
        return (
            "`tailnum` has gaps for cancelled flights alone: the gap *is* the outcome, written down "
            "afterwards. A model that sees it is perfect offline and useless at the desk."
        )
    for name in names:
        if name not in _KNOWN_HOURS_BEFORE:
            return (
                f"`{name[:40]}` is not in the briefing. Write each column as it stands there; "
                "those of the timetable are listed in section 3."
            )
        if _KNOWN_HOURS_BEFORE[name] < _HOURS:
            return (
                f"`{name}` is observed shortly before departure. When the desk calls, that hour is "
                "still to come."
            )
    return None
