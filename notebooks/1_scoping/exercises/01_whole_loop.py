"""How the exercises of lesson 1.1, The whole loop, are judged."""

from __future__ import annotations

from helpers.exercises.rules import function, names
from helpers.exercises.signs import (
    CONSTANT, NEVER, NOTHING, NO_NAME, STRANGE, close, each, follows, has, lacks, lacks_all, lacks_only,
    listed, number, some, truth, unless, where, whole,
)


def _of_its_own(outputs, inputs):
    """Whether the gain rises with the chance on one straight line, whatever the prices."""
    chances = [chance for chance, _, _ in inputs]
    # the first two probes have the same prices
    slope = (outputs[0] - outputs[1]) / (chances[0] - chances[1])
    return slope and close(outputs, [outputs[0] + slope * (chance - chances[0]) for chance in chances])


function(
    "1.1a", "expected_gain",
    [
        (0.5, 100, 30),
        (0.1, 100, 30),
        (0.9, 250, 45),
        (0.0, 50, 10),
        (1.0, 80, 90),
        (0.25, 40, 10),
        (0.37, 110, 31),
    ],
    odd={
        "For some inputs your function gives nothing back. Does every path `return` a number?": NOTHING,
        "That decides whether to send the alert. Asked is what it earns if it is sent, in dollars.":
            each(lambda output: type(output) is bool),
        "Your function does not give a single number for a single flight.": unless(number),
    },
    rule=lambda p, saved, spent: p * saved - spent,
    said="The cost is certain and the saving has probability `chance`, so the gain is zero where chance "
    "equals cost divided by saving.",
    mistakes={
        "That counts the saving and forgets the price of acting.": lambda p, saved, spent: p * saved,
        "You pay for acting only when the flight is late. The desk can't know: it acts, and "
        "pays, on every alert.":
            lambda p, saved, spent: p * (saved - spent),
        "You pay for acting only when the alert was false. The desk pays on every alert, true ones included.":
            lambda p, saved, spent: p * saved - (1 - p) * spent,
        "That is what a late flight earns, whatever its probability: `chance` plays no part.":
            lambda p, saved, spent: saved - spent,
        "You pay twice on a late flight: acting costs the same, late or not.":
            lambda p, saved, spent: p * (saved - spent) - spent,
        "On time you add the cost as if it were earned. In that column of the table the desk only pays.":
            lambda p, saved, spent: p * (saved - spent) + (1 - p) * spent,
        "That is the chance from which on an alert pays. The function gives dollars, for the chance it gets.":
            lambda p, saved, spent: spent / saved,
        "`chance` lies between 0 and 1. It is not a percentage.": follows(
            lambda p, saved, spent: p / 100 * saved - spent, lambda p, saved, spent: 100 * p * saved - spent
        ),
        "Your dollars are rounded. Give the mean as it comes; rounding is for showing.": follows(
            lambda p, saved, spent: round(p * saved - spent), lambda p, saved, spent: int(p * saved - spent)
        ),
        "On time you take off the saving as well. Nobody had it there: the desk only pays.": follows(
            lambda p, saved, spent: p * (saved - spent) - (1 - p) * saved,
            lambda p, saved, spent: p * saved - spent - (1 - p) * saved,
        ),
        "You let `chance` decide how the flight ends, and give what it earns then. It only "
        "weighs the two ends.":
            follows(
                lambda p, saved, spent: saved - spent if p > spent / saved else 0,
                lambda p, saved, spent: saved - spent if p >= 0.5 else -spent,
            ),
        "The sign is turned round: that is what an alert costs on average, not what it earns.":
            lambda p, saved, spent: spent - p * saved,
        "A chance below the break-even is a loss, and your function hides it: an alert is sent here, so its "
        "gain can be negative.": lambda p, saved, spent: max(0.0, p * saved - spent),
        "That is per dollar spent; asked are dollars per alert.":
            lambda p, saved, spent: (p * saved - spent) / spent,
        "`chance` is the probability of being late, not that of being on time.":
            lambda p, saved, spent: (1 - p) * saved - spent,
        "Your function has prices of its own. It should use the `saved` and `spent` that it is given.":
            whole(_of_its_own),
    },
    otherwise="Add up two cases: late, with probability `chance`, and on time, with the rest. What does the "
    "alert earn in each?",
    hints=(
        "An expected value is a sum over the cases, here late and on time: probability times what you "
        "earn in that case.",
        'Read the first row of the table in "1 Scope": acting costs money in both columns.',
        "Test your function at the ends: with `chance=0` it must give the pure cost, with `chance=1` the "
        "saving less the cost.",
    ),
)


_PLAN = [
    "sched_dep_time", "sched_arr_time", "time_hour", "tailnum",
    "carrier", "flight", "origin", "dest", "distance", "year", "month", "day", "hour", "minute",
]

names(
    "1.1b", "afterwards",
    belong=["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"],
    others=_PLAN,
    reasons={
        "`{}` is not a column of the table. Copy the names from it.": STRANGE,
        "`{}` is a time, but a planned one: it stands in the timetable.":
            has("sched_dep_time", "sched_arr_time"),
        "`time_hour` is the scheduled hour: it is how the weather is looked up, and it is known long before.":
            has("time_hour"),
        "`tailnum`, the aircraft, is assigned before the flight. It may still be swapped, which is worth a "
        "thought (2.1 gives it one), but it is not measured afterwards.": has("tailnum"),
        "`{}` belongs to the plan of the flight and is known months ahead.": has(*_PLAN[4:]),
        "None at all? Then everything in the table would be known before the aircraft has moved.": NO_NAME,
        "One column that is missing says directly what the alert is to predict. It is the label, so it "
        "can't be an input.": lacks("arr_delay"),
        "One is missing, and it is not a time of day: a duration is measured too, and wind decides it.":
            lacks_only("air_time"),
        "You have what is known after landing. But the alert goes out before the aircraft "
        "leaves the gate, too.":
            lacks_all("dep_time", "dep_delay"),
    },
    otherwise="All of these are right, and something is missing: a moment and its difference from the "
    "schedule are known at the same time.",
    said="These are read off clocks once the flight is under way; the schedule and the plane's "
    "assignment are known before.",
    hints=(
        "Go through the table row by row and ask: an hour before departure, could a person "
        "write this value down?",
        "A schedule is known months ahead. What a clock measures at the gate or in the air is not.",
        "There are columns of two kinds: moments that were measured, and differences or durations "
        "computed from them.",
    ),
)


def _tables():
    import pandas as pd

    def table(month, late, predicted):
        return pd.DataFrame({"month": month, "late": late, "predicted": predicted})

    usual = table([4, 5, 6, 7], [0.28, 0.22, 0.31, 0.31], [0.15, 0.19, 0.11, 0.30])
    above = table([8, 9, 10], [0.24, 0.13, 0.17], [0.25, 0.27, 0.30])
    edge = table([1, 2], [0.25, 0.5], [0.375, 0.75])
    calm = table([2, 3], [0.23, 0.04], [0.22, 0.05])
    close_by = table([11, 12], [0.1, 0.3], [0.204, 0.3])
    return [(usual, 0.1), (above, 0.1), (edge, 0.125), (calm, 0.05), (usual, 0.02), (close_by, 0.1)]


def _months(alarm):
    """A rule: the months of the rows for which alarm(predicted, late, tolerance) holds."""
    return lambda table, tolerance: [
        row["month"] for row in table if alarm(row["predicted"], row["late"], tolerance)
    ]


def _alarms(table, tolerance):
    return [row for row in table if abs(row["predicted"] - row["late"]) > tolerance]


def _worst(table, tolerance):
    """The month of the widest gap, if it raises the alarm."""
    widest = max(table, key=lambda row: abs(row["predicted"] - row["late"]))
    return [row["month"] for row in _alarms([widest], tolerance)]


def _holds(kind):
    """A sign: an item of this type in some list."""
    return some(lambda output: any(type(item) is kind for item in output))


function(
    "1.1c", "months_with_alarm", _tables,
    odd={
        "Your function gives nothing back. Does it `return` the list?": NEVER,
        "For some tables nothing comes back. Does a loop `return` before its end?":
            some(lambda output: output is None),
        "Asked is a list of months; your function gives something else.":
            unless(lambda output: type(output) is list),
        "That is True or False for each month. Use it to pick the months themselves.": _holds(bool),
        "That is the whole table of alarming rows. Only the months are asked for.": _holds(dict),
        "The list should hold months, as numbers.": unless(listed(number)),
    },
    read=sorted,
    rule=_months(lambda p, late, most: abs(p - late) > most),
    said="The alarm looks at both sides: predicting too little costs missed alerts, predicting too "
    "much costs false ones.",
    mistakes={
        "You find the months where the prediction is too low. It can be too high as well, and "
        "that costs money too.":
            _months(lambda p, late, most: late - p > most),
        "You find the months where the prediction is too high. The summer's trouble was on the other side.":
            _months(lambda p, late, most: p - late > most),
        "A gap that equals the tolerance is still within it: more than is asked.":
            _months(lambda p, late, most: abs(p - late) >= most),
        "Those are the quiet months, where the gap stays within the tolerance.":
            follows(
                _months(lambda p, late, most: abs(p - late) <= most),
                _months(lambda p, late, most: abs(p - late) < most),
            ),
        "You measure the gap relative to a share. The tolerance is in shares itself, so "
        "compare the difference.":
            follows(
                _months(lambda p, late, most: abs(p - late) > most * late),
                _months(lambda p, late, most: abs(p - late) > most * p),
            ),
        "Every month raises your alarm, however small its gap. Are gap and tolerance both fractions of 1?":
            _months(lambda *row: True),
        "No month raises your alarm, in any table. Are gap and tolerance both fractions of 1?":
            _months(lambda *row: False),
        "You round the gap before you compare it, and so lose one that is hardly above the tolerance.":
            follows(
            _months(lambda p, late, most: round(abs(p - late), 2) > most),
            _months(lambda p, late, most: round(abs(p - late), 1) > most),
        ),
        "You give the first alarming month alone. Does the loop `return` before its end?":
            lambda table, tolerance: [row["month"] for row in _alarms(table, tolerance)][:1],
        "You give the month of the widest gap alone. Every month above the tolerance raises the alarm.":
            _worst,
        "Your function uses a tolerance of its own, not the one it is given.":
            _months(lambda p, late, most: abs(p - late) > 0.1),
        "You give positions of rows, or gaps. The months stand in the column `month`.":
            where(lambda output, table, most: output and max(output) < min(row["month"] for row in table)),
    },
    otherwise="For some tables the months are not those whose two shares lie further apart than the "
    "tolerance. Try a table by hand.",
    hints=(
        'Columns subtract like numbers: `table["predicted"] - table["late"]` is the gap of every month.',
        "A gap of −0.2 is as alarming as one of +0.2. `.abs()` drops the sign.",
        'A column of True and False picks rows: `table["month"][mask].tolist()`.',
    ),
)


def _if_won(spared):
    """A rule: the gain is beyond luck, and spared(gains by airport, allowed) holds."""
    return lambda low, by, allowed: low > 0 and spared(list(by.values()), allowed)


def _by(*gains):
    return dict(zip(("EWR", "JFK", "LGA"), gains, strict=True))


function(
    "1.1d", "promote",
    [
        (12.5, _by(20.0, 3.0, 15.0), 100), (-3.0, _by(20.0, 3.0, 15.0), 100),
        (12.5, _by(400.0, -250.0, 380.0), 100),
        (12.5, _by(40.0, -60.0, 90.0), 100), (12.5, _by(40.0, -60.0, 90.0), 50),
        (-8.0, _by(-250.0, 10.0, 20.0), 100),
        (5.0, _by(-250.0, -300.0, -180.0), 100), (0.5, _by(-10.0, 900.0, -101.0), 100),
        (-2.0, _by(40.0, -60.0, 90.0), 100), (6.0, _by(-400.0, 50.0, 20.0), 100),
        (0.5, _by(10.0, 5.0, -1.0), 1),
        (9.0, _by(300.0, 150.0, 200.0), 100), (4.0, _by(30.0, -90.0, -80.0), 100),
        (7.0, _by(-120.0, 300.0, 20.0), 100),
        (-150.0, _by(20.0, 30.0, 10.0), 100), (0.0, _by(20.0, 3.0, 15.0), 100),
        (150.0, _by(200.0, 130.0, 110.0), 100),
    ],
    odd={
        "For some inputs your gate says nothing. It has to decide every time.": NOTHING,
        "A gate says `True` or `False`; yours says something else.": unless(truth),
    },
    read=bool,
    rule=_if_won(lambda gains, allowed: min(gains) >= -allowed),
    said="The average must win beyond luck, and no airport may pay for it: that is a gate with a "
    "guard on its slices.",
    mistakes={
        "Your gate looks at the average alone. One of the tested candidates ruins an airport and goes out.":
            _if_won(lambda gains, allowed: True),
        "Your gate looks at the airports alone. A candidate whose gain may be luck goes out.":
            lambda low, by, allowed: min(by.values()) >= -allowed,
        "One condition is enough for your gate. Both must hold.":
            lambda low, by, allowed: low > 0 or min(by.values()) >= -allowed,
        "A loss is a negative number, and `allowed` is a positive one: compare with its negative.":
            _if_won(lambda gains, allowed: min(gains) >= allowed),
        "Your gate lets no airport lose anything. A small loss, up to `allowed`, is accepted.":
            _if_won(lambda gains, allowed: min(gains) >= 0),
        "A loss of exactly `allowed` may still be taken: only more than that is too much.":
            _if_won(lambda gains, allowed: min(gains) > -allowed),
        "One spared airport is enough for your gate. Every airport has to be spared, so the "
        "worst one decides.":
            _if_won(lambda gains, allowed: max(gains) >= -allowed),
        "You average over the airports. A good one then hides a bad one.":
            _if_won(lambda gains, allowed: sum(gains) / len(gains) >= -allowed),
        "Your gate looks at the first airport alone. Does a loop `return` before it has seen them all?":
            _if_won(lambda gains, allowed: gains[0] >= -allowed),
        "Your gate looks at the last airport alone. Does a loop forget what it has seen before?":
            _if_won(lambda gains, allowed: gains[-1] >= -allowed),
        "You add up the losses. Each airport may lose up to `allowed` by itself.":
            _if_won(lambda gains, allowed: sum(min(gain, 0) for gain in gains) >= -allowed),
        "A loss is a negative number: the larger it is, the more surely it lies below `allowed`.":
            _if_won(lambda gains, allowed: min(gains) <= allowed),
        "`allowed` is what one airport may lose, not what the candidate has to win: beyond "
        "luck is above zero.":
            lambda low, by, allowed: low > allowed and min(by.values()) >= -allowed,
        "A mean above zero may be luck. Whether the gain is beyond it, the lower end of its interval says.":
            lambda low, by, allowed: sum(by.values()) > 0 and min(by.values()) >= -allowed,
        "You add up the airports. A good one then hides a bad one.":
            _if_won(lambda gains, allowed: sum(gains) >= -allowed),
        "An airport that gains much is held back by your gate. Only a loss can be too large.":
            _if_won(lambda gains, allowed: max(map(abs, gains)) <= allowed),
        "An interval that begins at zero does not lie above it: the gain may still be none.":
            lambda low, by, allowed: low >= 0 and min(by.values()) >= -allowed,
        "`allowed` is for a single airport. Over all flights the candidate must win.":
            lambda low, by, allowed: low >= -allowed and min(by.values()) >= -allowed,
        "Your gate is turned round: it lets out those it should keep.":
            lambda low, by, allowed: low <= 0 or min(by.values()) < -allowed,
        "Your gate gives the same answer to every candidate.": CONSTANT,
    },
    otherwise="Some candidates are decided otherwise than the two conditions demand. Write down "
    "both, then join them.",
    hints=(
        "Two questions, and both answers must be yes: is the gain beyond luck? Is the worst airport spared?",
        "An interval that lies above zero has its lower end above zero.",
        "`min(by_origin.values())` is the worst airport. A loss is negative, and `allowed` is positive.",
    ),
)
