"""Judges of lesson 3.8, Model analysis with TFMA."""

import itertools
import math
import random

from helpers.exercises.kit import Choice, Function, Verdict, exercise, right, wrong
from helpers.exercises.outputs import agrees

_INTERVALS = [
    (-0.056, -0.015, 0.01),
    (-0.004, 0.014, 0.01),
    (-0.03, 0.01, 0.01),
    (-0.03, -0.005, 0.01),
    (-0.2, -0.1, 0.25),
    (-0.01, 0.02, 0.01),
    (-0.02, -0.01, 0.01),
    (0.001, 0.006, 0.0),
    (-0.006, -0.001, 0.0),
    (-0.005, 0.004, 0.0),
    (0.02, 0.05, 0.01),
    (0.002, 0.03, 0.01),
]


def _decision(low: float, high: float, allowed: float) -> str:
    if high < -allowed:
        return "worse"
    return "fine" if low >= -allowed else "can't tell"


@exercise(
    "3.8a",
    decide=Function(_INTERVALS),
    hints=(
        "Draw the interval and the limit `-allowed` on a line. The interval can lie left of it, right of it, or across.",
        "Only one end matters for each of the first two answers: which end must be left of the limit, for all of it to be?",
        "The limit is negative: a loss of 0.005 is within an allowance of 0.01.",
    ),
)
def three_answers(decide: list[dict]) -> Verdict:
    answers = [(*record["input"], record["output"]) for record in decide]
    known = {"worse", "fine", "can't tell"}
    if any(not isinstance(answer, str) or answer not in known for *_, answer in answers):
        return wrong(
            "It returns something else than the three texts of the task; they are meant to the letter."
        )
    if all(answer != "can't tell" for *_, answer in answers):
        return wrong("It knows two answers only. An interval across the limit allows both readings.")
    if all(answer == "can't tell" for *_, answer in answers):
        return wrong("It never decides, even where the whole interval lies on one side of the limit.")
    missed = [
        (low, high, allowed, answer)
        for low, high, allowed, answer in answers
        if answer != _decision(low, high, allowed)
    ]
    if not missed:
        return right("The value does not decide, the interval does; and the third answer is one to plan for.")
    low, high, allowed, answer = missed[0]
    shown = f"For the interval [{low:+.3f}, {high:+.3f}] with an allowed loss of {allowed:.3f}"
    if all(answer == _decision(low, high, 0.0) for low, high, _, answer in answers):
        return wrong(f"{shown} the limit is not zero: it makes no use of what is allowed.")
    if all(answer == _decision(low, high, -allowed) for low, high, allowed, answer in answers):
        return wrong(f"{shown} the sign of the limit is turned round: a loss is a negative difference.")
    if {answer for *_, answer in missed} == {"worse"}:
        return wrong(f"{shown} it says “worse” although part of the interval is within the limit.")
    if {answer for *_, answer in missed} == {"fine"}:
        return wrong(
            f"{shown} it says “fine” although part of the interval, or all of it, is beyond the limit."
        )
    if all(low == -allowed or high == -allowed for low, high, allowed, _ in missed):
        return wrong(f"{shown} an end lies exactly on the limit; read once more which side that belongs to.")
    return wrong(f"{shown} it says “{answer}”, which does not follow from where the two ends lie.")


def _counts() -> list[tuple]:
    draw = random.Random(38)
    return [(1, 1, 1, 1), (50, 30, 200, 700), (5, 0, 0, 5), (0, 5, 5, 0), (3, 4, 0, 9), (7, 2, 11, 0)] + [
        tuple(draw.randint(1, 900) for _ in range(4)) for _ in range(6)
    ]


def _across(lr: float, our: float, ld: float, od: float) -> float:
    return (lr * od + ld * our) / ((lr + ld) * (our + od))


_MISTAKES = {
    "Two of the four products are pairs within a slice; you returned their share, not that of the pairs across.": lambda lr, our, ld, od: (
        1 - _across(lr, our, ld, od)
    ),
    "There are two kinds of pairs across: late in rain and on time in dry, and the other way round. You count the first only.": lambda lr, our, ld, od: (
        lr * od / ((lr + ld) * (our + od))
    ),
    "There are two kinds of pairs across, and you count only those late in dry and on time in rain.": lambda lr, our, ld, od: (
        ld * our / ((lr + ld) * (our + od))
    ),
    "That is the number of pairs across; asked is their share of all pairs.": lambda lr, our, ld, od: (
        lr * od + ld * our
    ),
    "You divide by the pairs within the slices; the share is of all pairs.": lambda lr, our, ld, od: (
        (lr * od + ld * our) / (lr * our + ld * od)
    ),
    "You divide by all pairs of any two flights; an AUC is made only of pairs of one late and one on-time flight.": lambda lr, our, ld, od: (
        (lr * od + ld * our) / math.comb(lr + our + ld + od, 2)
    ),
    "You pair flights in the rain with flights in the dry whatever became of them; a pair is one late and one on-time flight.": lambda lr, our, ld, od: (
        (lr + our) * (ld + od) / ((lr + ld) * (our + od))
    ),
}


@exercise(
    "3.8b",
    share_across=Function(_counts),
    hints=(
        "A pair takes one flight from the late ones and one from those on time. How many pairs are there in all?",
        "There are two ways to be across: the late flight is the one in the rain, or the one in the dry.",
        "Each kind of pair is a product of two of the four counts.",
    ),
)
def pairs_across(share_across: list[dict]) -> Verdict:
    for record in share_across:
        output = record["output"]
        if isinstance(output, bool) or not isinstance(output, (int, float)) or not math.isfinite(output):
            return wrong("It must return one number, a share of pairs.")
    if agrees(share_across, _across, abs_=1e-9):
        return right(
            "Every one of these pairs counts for the total and for no slice: there the gain was hidden."
        )
    if agrees(share_across, lambda *counts: 100 * _across(*counts), abs_=1e-9):
        return wrong("That is a percentage; a share lies between 0 and 1.")
    positive = [record for record in share_across if all(record["input"])]
    for reason, formula in _MISTAKES.items():
        if agrees(positive, formula, abs_=1e-9):
            return wrong(reason)
    counts = share_across[1]["input"]
    if not all(0 <= record["output"] <= 1 for record in share_across):
        return wrong(
            f"For the counts {counts} it returns something that is no share: a share lies between 0 and 1."
        )
    return wrong(
        "Count pairs as products of a number of late and a number of on-time flights, once for those across and "
        "once for all, and check your answer on four flights, one of each kind."
    )


_WAYS = {
    "A": "A random sample of the training months shares their storms with the training data, so it flatters both models; "
    "and the total would hide the slice as before.",
    "C": "Shifting a slice's scores moves the pairs across and nothing else. The model would still not know one rainy flight "
    "from another.",
    "D": "That would have seen this loss, but it throws the total away, which the product lives on, and it leaves the model "
    "as blind in the rain as it is.",
    "E": "Three networks instead of one average out some of the accident in the rain. None of the three has seen rain, and the "
    "mean of three guesses is a steadier guess.",
}


@exercise(
    "3.8c",
    way_out=Choice("A", "B", "C", "D", "E"),
    hints=(
        "Ask of each: would the model rank two flights in the same rain any better afterwards?",
        "A metric can show the damage. Only one of the five repairs it and keeps watching.",
    ),
)
def the_way_out(way_out: str) -> Verdict:
    if way_out in _WAYS:
        return wrong(_WAYS[way_out])
    return right(
        "The data that were removed are those the slice needs; and the gate stays, for the next good intention."
    )


_SLICES = list(itertools.product([0, 30, 50, 51, 400], [0, 30, 50, 51, 400], [50])) + [
    (9, 800, 10),
    (10, 11, 10),
]


@exercise(
    "3.8d",
    judgeable=Function(_SLICES),
    hints=(
        "A slice of a thousand flights of which two were late says next to nothing about ranking late flights.",
        "Which of the two numbers is the rarer class? It need not be the late ones.",
    ),
)
def large_enough(judgeable: list[dict]) -> Verdict:
    cases = [(*record["input"], record["output"]) for record in judgeable]
    if any(not isinstance(answer, bool) for *_, answer in cases):
        return wrong("It must return `True` or `False`, nothing else.")
    if all(answer == (min(late, on_time) >= least) for late, on_time, least, answer in cases):
        return right("What limits a ranking metric is the rarer class, not the number of rows.")
    if len({answer for *_, answer in cases}) == 1:
        return wrong("It gives the same answer for every slice.")
    if all(answer == (late + on_time >= least) for late, on_time, least, answer in cases):
        return wrong("It counts all flights. A large slice can still hold next to none of one class.")
    if all(answer == (late >= least) for late, on_time, least, answer in cases):
        return wrong(
            "It looks at the late flights alone. In a slice where nearly all are late, the others are the rare ones."
        )
    if all(answer == (on_time >= least) for late, on_time, least, answer in cases):
        return wrong("It looks at the flights on time alone, which are seldom the rare ones.")
    if all(answer == (max(late, on_time) >= least) for late, on_time, least, answer in cases):
        return wrong("It takes the more frequent class; a pair needs one of each.")
    if all(answer == (min(late, on_time) > least) for late, on_time, least, answer in cases):
        return wrong("A slice with exactly the least number is large enough: “at least” includes it.")
    if all(answer != (min(late, on_time) >= least) for late, on_time, least, answer in cases):
        return wrong("It says the opposite throughout: `True` means that the slice can be judged.")
    late, on_time, least, answer = next(case for case in cases if case[3] != (min(case[:2]) >= case[2]))
    return wrong(
        f"With {late} late and {on_time} on time, and at least {least} asked for, it returns `{answer}`. Compare the "
        "rarer class with the number."
    )
