"""Judges of lesson 1.1, The whole loop."""

from __future__ import annotations

from helpers.exercises.kit import Function, Names, exercise, right, wrong
from helpers.exercises.outputs import agrees, number, truths


@exercise(
    "1.1a",
    expected_gain=Function(
        [(0.5, 100, 30), (0.1, 100, 30), (0.9, 250, 45), (0.0, 50, 10), (1.0, 80, 90), (0.25, 40, 10)]
    ),
    hints=(
        "An expected value is a sum over the cases, here late and on time: probability times what you earn in that case.",
        'Read the first row of the table in "1 Scope": acting costs money in both columns.',
        "Test your function at the ends: with `chance=0` it must give the pure cost, with `chance=1` the saving less the cost.",
    ),
)
def what_an_alert_earns_on_average(expected_gain):
    if any(r["output"] is None for r in expected_gain):
        return wrong("For some inputs your function gives nothing back. Does every path `return` a number?")
    if all(type(r["output"]) is bool for r in expected_gain):
        return wrong(
            "That decides whether to send the alert. Asked is what it earns if it is sent, in dollars."
        )
    if not all(number(r["output"]) for r in expected_gain):
        return wrong("Your function does not give a single number for a single flight.")
    mistakes = {
        "That counts the saving and forgets the price of acting.": lambda p, saved, spent: p * saved,
        "You pay for acting only when the flight is late. The desk can't know: it acts, and pays, on every alert.": lambda p, saved, spent: (
            p * (saved - spent)
        ),
        "You pay for acting only when the alert was false. The desk pays on every alert, true ones included.": lambda p, saved, spent: (
            p * saved - (1 - p) * spent
        ),
        "That is what a late flight earns, whatever its probability: `chance` plays no part.": lambda p, saved, spent: (
            saved - spent
        ),
        "You pay twice on a late flight: acting costs the same, late or not.": lambda p, saved, spent: (
            p * (saved - spent) - spent
        ),
        "On time you add the cost as if it were earned. In that column of the table the desk only pays.": lambda p, saved, spent: (
            p * (saved - spent) + (1 - p) * spent
        ),
        "That is the chance from which on an alert pays. The function gives dollars, for the chance it gets.": lambda p, saved, spent: (
            spent / saved
        ),
        "`chance` lies between 0 and 1. It is not a percentage.": lambda p, saved, spent: (
            p / 100 * saved - spent
        ),
        "The sign is turned round: that is what an alert costs on average, not what it earns.": lambda p, saved, spent: (
            spent - p * saved
        ),
        "A chance below the break-even is a loss, and your function hides it: an alert is sent here, so its gain can be negative.": lambda p, saved, spent: (
            max(0.0, p * saved - spent)
        ),
        "That is per dollar spent; asked are dollars per alert.": lambda p, saved, spent: (
            (p * saved - spent) / spent
        ),
        "`chance` is the probability of being late, not that of being on time.": lambda p, saved, spent: (
            (1 - p) * saved - spent
        ),
    }
    if agrees(expected_gain, lambda p, saved, spent: p * saved - spent):
        return right(
            "The cost is certain and the saving has probability `chance`, so the gain is zero where chance equals "
            "cost divided by saving."
        )
    for reason, formula in mistakes.items():
        if agrees(expected_gain, formula):
            return wrong(reason)
    first, second = ((r["input"][0], r["output"]) for r in expected_gain[:2])  # at the same prices
    slope = (first[1] - second[1]) / (first[0] - second[0])
    if slope and agrees(expected_gain, lambda p, saved, spent: first[1] + slope * (p - first[0])):
        return wrong(
            "Your function has prices of its own. It should use the `saved` and `spent` that it is given."
        )
    return wrong(
        "Add up two cases: late, with probability `chance`, and on time, with the rest. What does the alert earn in each?"
    )


_AFTER = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}
_BEFORE = {
    "sched_dep_time",
    "sched_arr_time",
    "carrier",
    "flight",
    "tailnum",
    "origin",
    "dest",
    "distance",
    "time_hour",
    "year",
    "month",
    "day",
    "hour",
    "minute",
}


@exercise(
    "1.1b",
    afterwards=Names(),
    hints=(
        "Go through the table row by row and ask: an hour before departure, could a person write this value down?",
        "A schedule is known months ahead. What a clock measures at the gate or in the air is not.",
        "There are columns of two kinds: moments that were measured, and differences or durations computed from them.",
    ),
)
def what_is_known_only_afterwards(afterwards):
    given = set(afterwards)
    if unknown := given - _AFTER - _BEFORE:
        return wrong(f"`{min(unknown)}` is not a column of the table. Copy the names from it.")
    if planned := given & {"sched_dep_time", "sched_arr_time"}:
        return wrong(f"`{min(planned)}` is a time, but a planned one: it stands in the timetable.")
    if "time_hour" in given:
        return wrong(
            "`time_hour` is the scheduled hour: it is how the weather is looked up, and it is known long before."
        )
    if "tailnum" in given:
        return wrong(
            "`tailnum`, the aircraft, is assigned before the flight. It may still be swapped, which is worth a thought "
            "(2.1 gives it one), but it is not measured afterwards."
        )
    if planned := given & _BEFORE:
        return wrong(f"`{min(planned)}` belongs to the plan of the flight and is known months ahead.")
    if not given:
        return wrong(
            "None at all? Then everything in the table would be known before the aircraft has moved."
        )
    missing = _AFTER - given
    if not missing:
        return right(
            "These are read off clocks once the flight is under way; the schedule and the plane's assignment are known before."
        )
    if "arr_delay" in missing:
        return wrong(
            "One column that is missing says directly what the alert is to predict. It is the label, so it can't be an input."
        )
    if missing == {"air_time"}:
        return wrong(
            "One is missing, and it is not a time of day: a duration is measured too, and wind decides it."
        )
    if not given & {"dep_time", "dep_delay"}:
        return wrong(
            "You have what is known after landing. But the alert goes out before the aircraft leaves the gate, too."
        )
    return wrong(
        "All of these are right, and something is missing: a moment and its difference from the schedule are known at the same time."
    )


def _tables():
    import pandas as pd

    usual = pd.DataFrame(
        {"month": [4, 5, 6, 7], "late": [0.28, 0.22, 0.31, 0.31], "predicted": [0.15, 0.19, 0.11, 0.30]}
    )
    above = pd.DataFrame({"month": [8, 9, 10], "late": [0.24, 0.13, 0.17], "predicted": [0.25, 0.27, 0.30]})
    edge = pd.DataFrame({"month": [1, 2], "late": [0.25, 0.5], "predicted": [0.375, 0.75]})
    calm = pd.DataFrame({"month": [2, 3], "late": [0.23, 0.04], "predicted": [0.22, 0.05]})
    return [(usual, 0.1), (above, 0.1), (edge, 0.125), (calm, 0.05), (usual, 0.02)]


@exercise(
    "1.1c",
    months_with_alarm=Function(_tables),
    hints=(
        'Columns subtract like numbers: `table["predicted"] - table["late"]` is the gap of every month.',
        "A gap of −0.2 is as alarming as one of +0.2. `.abs()` drops the sign.",
        'A column of True and False picks rows: `table["month"][mask].tolist()`.',
    ),
)
def which_months_raise_the_alarm(months_with_alarm):
    outputs = [r["output"] for r in months_with_alarm]
    if all(output is None for output in outputs):
        return wrong("Your function gives nothing back. Does it `return` the list?")
    if any(output is None for output in outputs):
        return wrong("For some tables nothing comes back. Does a loop `return` before its end?")
    if any(type(output) is not list for output in outputs):
        return wrong("Asked is a list of months; your function gives something else.")
    if any(type(item) is bool for output in outputs for item in output):
        return wrong("That is True or False for each month. Use it to pick the months themselves.")
    if any(type(item) is dict for output in outputs for item in output):
        return wrong("That is the whole table of alarming rows. Only the months are asked for.")
    if not all(number(item) for output in outputs for item in output):
        return wrong("The list should hold months, as numbers.")

    def same(alarm) -> bool:
        expected = [
            [row["month"] for row in r["input"][0] if alarm(row["predicted"], row["late"], r["input"][1])]
            for r in months_with_alarm
        ]
        return [sorted(output) for output in outputs] == expected

    if same(lambda p, o, t: abs(p - o) > t):
        return right(
            "The alarm looks at both sides: predicting too little costs missed alerts, predicting too much costs false ones."
        )
    if same(lambda p, o, t: o - p > t):
        return wrong(
            "You find the months where the prediction is too low. It can be too high as well, and that costs money too."
        )
    if same(lambda p, o, t: p - o > t):
        return wrong(
            "You find the months where the prediction is too high. The summer's trouble was on the other side."
        )
    if same(lambda p, o, t: abs(p - o) >= t):
        return wrong("A gap that equals the tolerance is still within it: more than is asked.")
    if same(lambda p, o, t: abs(p - o) < t) or same(lambda p, o, t: abs(p - o) <= t):
        return wrong("Those are the quiet months, where the gap stays within the tolerance.")
    if same(lambda p, o, t: abs(p - o) > t * o) or same(lambda p, o, t: abs(p - o) > t * p):
        return wrong(
            "You measure the gap relative to a share. The tolerance is in shares itself, so compare the difference."
        )
    if same(lambda p, o, t: True):
        return wrong(
            "Every month raises your alarm, however small its gap. Are gap and tolerance both fractions of 1?"
        )
    if same(lambda p, o, t: False):
        return wrong("No month raises your alarm, in any table. Are gap and tolerance both fractions of 1?")
    if same(lambda p, o, t: abs(p - o) > 0.1):
        return wrong("Your function uses a tolerance of its own, not the one it is given.")
    if any(
        output and max(output) < min(row["month"] for row in r["input"][0])
        for output, r in zip(outputs, months_with_alarm, strict=True)
    ):
        return wrong("You give positions of rows, or gaps. The months stand in the column `month`.")
    return wrong(
        "For some tables the months are not those whose two shares lie further apart than the tolerance. Try a table by hand."
    )


@exercise(
    "1.1d",
    promote=Function(
        [
            (12.5, {"EWR": 20.0, "JFK": 3.0, "LGA": 15.0}, 100),
            (-3.0, {"EWR": 20.0, "JFK": 3.0, "LGA": 15.0}, 100),
            (12.5, {"EWR": 400.0, "JFK": -250.0, "LGA": 380.0}, 100),
            (12.5, {"EWR": 40.0, "JFK": -60.0, "LGA": 90.0}, 100),
            (12.5, {"EWR": 40.0, "JFK": -60.0, "LGA": 90.0}, 50),
            (-8.0, {"EWR": -250.0, "JFK": 10.0, "LGA": 20.0}, 100),
            (5.0, {"EWR": -250.0, "JFK": -300.0, "LGA": -180.0}, 100),
            (0.5, {"EWR": -10.0, "JFK": 900.0, "LGA": -101.0}, 100),
            (-2.0, {"EWR": 40.0, "JFK": -60.0, "LGA": 90.0}, 100),
            (6.0, {"EWR": -400.0, "JFK": 50.0, "LGA": 20.0}, 100),
            (0.5, {"EWR": 10.0, "JFK": 5.0, "LGA": -1.0}, 1),
            (9.0, {"EWR": 300.0, "JFK": 150.0, "LGA": 200.0}, 100),
            (4.0, {"EWR": 30.0, "JFK": -90.0, "LGA": -80.0}, 100),
            (7.0, {"EWR": -120.0, "JFK": 300.0, "LGA": 20.0}, 100),
            (-150.0, {"EWR": 20.0, "JFK": 30.0, "LGA": 10.0}, 100),
        ]
    ),
    hints=(
        "Two questions, and both answers must be yes: is the gain beyond luck? Is the worst airport spared?",
        "An interval that lies above zero has its lower end above zero.",
        "`min(by_origin.values())` is the worst airport. A loss is negative, and `allowed` is positive.",
    ),
)
def whether_the_candidate_may_go_out(promote):
    if any(r["output"] is None for r in promote):
        return wrong("For some inputs your gate says nothing. It has to decide every time.")
    answers = truths(promote)
    if answers is None:
        return wrong("A gate says `True` or `False`; yours says something else.")

    def same(gate) -> bool:
        return answers == [gate(*r["input"]) for r in promote]

    if same(lambda low, by, allowed: low > 0 and min(by.values()) >= -allowed):
        return right(
            "The average must win beyond luck, and no airport may pay for it: that is a gate with a guard on its slices."
        )
    mistakes = {
        "Your gate looks at the average alone. One of the tested candidates ruins an airport and goes out.": lambda low, by, allowed: (
            low > 0
        ),
        "Your gate looks at the airports alone. A candidate whose gain may be luck goes out.": lambda low, by, allowed: (
            min(by.values()) >= -allowed
        ),
        "One condition is enough for your gate. Both must hold.": lambda low, by, allowed: (
            low > 0 or min(by.values()) >= -allowed
        ),
        "A loss is a negative number, and `allowed` is a positive one: compare with its negative.": lambda low, by, allowed: (
            low > 0 and min(by.values()) >= allowed
        ),
        "Your gate lets no airport lose anything. A small loss, up to `allowed`, is accepted.": lambda low, by, allowed: (
            low > 0 and min(by.values()) >= 0
        ),
        "A loss of exactly `allowed` may still be taken: only more than that is too much.": lambda low, by, allowed: (
            low > 0 and min(by.values()) > -allowed
        ),
        "One spared airport is enough for your gate. Every airport has to be spared, so the worst one decides.": lambda low, by, allowed: (
            low > 0 and max(by.values()) >= -allowed
        ),
        "You average over the airports. A good one then hides a bad one.": lambda low, by, allowed: (
            low > 0 and sum(by.values()) / len(by) >= -allowed
        ),
        "Your gate stops at the first airport. Does a loop `return` before it has seen them all?": lambda low, by, allowed: (
            low > 0 and next(iter(by.values())) >= -allowed
        ),
        "You add up the airports. A good one then hides a bad one.": lambda low, by, allowed: (
            low > 0 and sum(by.values()) >= -allowed
        ),
        "An airport that gains much is held back by your gate. Only a loss can be too large.": lambda low, by, allowed: (
            low > 0 and all(abs(gain) <= allowed for gain in by.values())
        ),
        "`allowed` is for a single airport. Over all flights the candidate must win.": lambda low, by, allowed: (
            low >= -allowed and min(by.values()) >= -allowed
        ),
        "Your gate is turned round: it lets out those it should keep.": lambda low, by, allowed: (
            not (low > 0 and min(by.values()) >= -allowed)
        ),
    }
    for reason, gate in mistakes.items():
        if same(gate):
            return wrong(reason)
    if len(set(answers)) == 1:
        return wrong("Your gate gives the same answer to every candidate.")
    return wrong(
        "Some candidates are decided otherwise than the two conditions demand. Write down both, then join them."
    )
