"""Judges of lesson 3.8, Model analysis with TFMA."""

import functools
import math
import operator
import random
from collections.abc import Callable

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
    "You divide by the pairs of a rainy and a dry flight; an AUC is made of pairs of a late and an on-time one.": lambda lr, our, ld, od: (
        (lr * od + ld * our) / ((lr + our) * (ld + od))
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
    if not all(0 <= record["output"] <= 1 for record in share_across):
        return wrong(
            "For some counts it returns something that is no share, which lies between 0 and 1. Do the brackets say that "
            "the whole sum is divided?"
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


_SLICES = [
    ("JFK", -0.004, 900, 2600),
    ("LGA", -0.031, 700, 2400),
    ("HA", -0.210, 6, 25),
    ("AS", 0.120, 7, 55),
    ("night", -0.050, 300, 12),
    ("storm", -0.044, 380, 30),
    ("FL", -0.010, 80, 168),
    ("VX", -0.025, 50, 400),
    ("YV", -0.027, 49, 800),
    ("OO", -0.060, 30, 21),
    ("MQ", 0.034, 500, 1500),
    ("9E", 0.004, 410, 49),
]


def _gates() -> list[tuple]:
    draw = random.Random(38)
    drawn = [
        (name, draw.randint(-60, 60) / 1000, draw.randint(0, 90), draw.randint(0, 250)) for name in "ABCDEFGH"
    ]
    return [(_SLICES, 0.01, 50), (_SLICES, 0.03, 10), (_SLICES, 0.0, 50), (drawn, 0.02, 30), ([], 0.01, 50)]


def _gate(
    slices: list,
    allowed: float,
    least: int,
    size: Callable = min,
    lost: Callable = lambda change, allowed: change < -allowed,
    enough: Callable = operator.ge,
) -> list[list[str]]:
    small = [name for name, _, late, on_time in slices if not enough(size(late, on_time), least)]
    return [[name for name, change, *_ in slices if name not in small and lost(change, allowed)], small]


def _everything_refuses(slices: list, allowed: float, least: int) -> list[list[str]]:
    return [[name for name, change, *_ in slices if change < -allowed], _gate(slices, allowed, least)[1]]


def _small_if_lost(slices: list, allowed: float, least: int) -> list[list[str]]:
    refusing, small = _gate(slices, allowed, least)
    return [refusing, [name for name, change, *_ in slices if name in small and change < -allowed]]


def _with(**other: Callable) -> Callable:
    return functools.partial(_gate, **other)


_GATES = {
    "The two lists are swapped: first those that refuse.": lambda *given: _gate(*given)[::-1],
    "It counts all flights of a slice. A large slice can still hold next to none of one class.": _with(
        size=lambda late, on_time: late + on_time
    ),
    "It looks at the late flights alone. Where nearly all are late, the others are the rare ones.": _with(
        size=lambda late, on_time: late
    ),
    "It looks at the flights on time alone, which are seldom the rare ones.": _with(
        size=lambda late, on_time: on_time
    ),
    "It takes the more frequent class; a pair needs one of each.": _with(size=max),
    "A slice with exactly the least number is large enough: “at least” includes it.": _with(
        enough=operator.gt
    ),
    "A slice that can't be judged can't refuse either: some names stand in both lists.": _everything_refuses,
    "The second list is to name every slice too small, those without a loss included.": _small_if_lost,
    "It makes no use of `allowed`: a small loss is tolerated.": _with(
        lost=lambda change, allowed: change < 0
    ),
    "A loss of exactly what is allowed does not refuse; only a larger one does.": _with(
        lost=lambda change, allowed: change <= -allowed
    ),
    "The sign of the limit is turned round: a loss is a negative change.": _with(
        lost=lambda change, allowed: change < allowed
    ),
    "It refuses slices that gained: a loss is a negative change.": _with(
        lost=lambda change, allowed: change > allowed
    ),
    "It takes the size of the change without its sign; a gain is no reason to refuse.": _with(
        lost=lambda change, allowed: abs(change) > allowed
    ),
}


@exercise(
    "3.8d",
    gate=Function(_gates),
    hints=(
        "Sort out the slices that can't be judged first. What is left can refuse.",
        "Which of the two numbers is the rarer class? It need not be the late ones.",
        "A loss of more than `allowed` is a change below `-allowed`.",
    ),
)
def refusing_and_small(gate: list[dict]) -> Verdict:
    answers = [_two_lists(record["output"]) for record in gate]
    if any(_whole_slices(record["output"]) for record in gate):
        return wrong("The two lists are to hold the names alone, not the whole slices.")
    if None in answers:
        return wrong("It must return two lists of names: those that refuse, and those that can't be judged.")

    def does(formula: Callable) -> bool:
        return all(
            answer == [sorted(names) for names in formula(*record["input"])]
            for record, answer in zip(gate, answers, strict=True)
        )

    if does(_gate):
        return right("Too small is a third answer beside good and bad, and it is reported, not hidden.")
    if not any(refusing for refusing, _ in answers):
        return wrong("No slice ever refuses, not even a large one with a large loss.")
    if not any(small for _, small in answers):
        return wrong("No slice is ever too small to judge.")
    for reason, formula in _GATES.items():
        if does(formula):
            return wrong(reason)
    for record, (refusing, small) in zip(gate, answers, strict=True):
        slices, allowed, least = record["input"]
        for name, change, late, on_time in slices:
            judged = [[name] if name in names else [] for names in (refusing, small)]
            if judged != _gate([(name, change, late, on_time)], allowed, least):
                return wrong(
                    f"With an allowed loss of {allowed} and at least {least} flights asked for, look at a slice with a change of "
                    f"{change:+.3f}, {late} late and {on_time} on time: it stands in the wrong list, or is missing from one."
                )
    return wrong("It names slices that were not given, or one more than once.")


def _two_lists(output: object) -> list[list[str]] | None:
    """Both lists sorted; None where it is something else."""
    if type(output) is not list or len(output) != 2 or any(type(names) is not list for names in output):
        return None
    if any(type(name) is not str for names in output for name in names):
        return None
    return [sorted(names) for names in output]


def _whole_slices(output: object) -> bool:
    """Whether it is lists that hold lists, as the slices themselves are."""
    return type(output) is list and any(
        type(names) is list and any(type(name) is list for name in names) for names in output
    )
