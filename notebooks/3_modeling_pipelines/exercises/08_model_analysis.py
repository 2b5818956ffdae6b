"""How the exercises of lesson 3.8, Model analysis with TFMA, are judged."""

from __future__ import annotations

import functools
import math
import operator
import random

from helpers.exercises.kit import Choice, Function, exercise, right, wrong
from helpers.exercises.rules import function
from helpers.exercises.signs import close, each, follows, listed, number, right_but, some, unless, whole

_INTERVALS = [
    (-0.056, -0.015, 0.01), (-0.004, 0.014, 0.01), (-0.03, 0.01, 0.01), (-0.03, -0.005, 0.01),
    (-0.2, -0.1, 0.25),
    (-0.01, 0.02, 0.01), (-0.02, -0.01, 0.01), (0.001, 0.006, 0.0), (-0.006, -0.001, 0.0),
    (-0.005, 0.004, 0.0),
    (0.02, 0.05, 0.01), (0.002, 0.03, 0.01), (-0.004, 0.0, 0.0), (0.0, 0.004, 0.0),
]


_TURNED = {"fine": "worse", "worse": "fine"}


def _decision(low, high, limit):
    if high < limit:
        return "worse"
    return "fine" if low >= limit else "can't tell"


@exercise(
    "3.8a", decide=Function(_INTERVALS),
    hints=(
        "Draw the interval and the limit `-allowed` on a line. The interval can lie left of it, "
        "right of it, or across.",
        "Only one end matters for each of the first two answers: which end must be left of the limit, "
        "for all of it to be?",
        "The limit is negative: a loss of 0.005 is within an allowance of 0.01.",
    ),
)
def three_answers(decide):
    said = [record["output"] for record in decide]
    if any(answer not in ("worse", "fine", "can't tell") for answer in said):
        return wrong("It returns something else than the three texts of the task; they are "
        "meant to the letter.")
    if "can't tell" not in said:
        return wrong("It knows two answers only. An interval across the limit allows both readings.")
    if set(said) == {"can't tell"}:
        return wrong("It never decides, even where the whole interval lies on one side of the limit.")

    def missed(limit):
        """The probes, each with its answer, that are decided otherwise than by this limit."""
        rows = [(*record["input"], record["output"]) for record in decide]
        return [row for row in rows if row[3] != _decision(*row[:2], limit(row[2]))]

    def as_by(rule):
        """Whether every answer is this rule's."""
        return all(answer == rule(*record["input"]) for record, answer in zip(decide, said, strict=True))

    failed = missed(operator.neg)
    if not failed:
        return right("The value does not decide, the interval does; and the third answer is one to plan for.")
    low, high, allowed, answer = failed[0]
    answers = {row[3] for row in failed}
    reasons = {
        "the limit is not zero: it makes no use of what is allowed.": not missed(lambda allowed: 0),
        "the sign of the limit is turned round: a loss is a negative difference.":
            not missed(lambda allowed: allowed),
        "“fine” and “worse” have changed places.":
            as_by(lambda low, high, allowed: _TURNED.get(right := _decision(low, high, -allowed), right)),
        "a gain is never too large: the limit lies on one side.":
            as_by(lambda low, high, allowed: _decision(low, high, -allowed) if high <= allowed else "can't "
            "tell"),
        "the loss is read as a positive number; the ends are those of a difference, where it is negative.":
            as_by(lambda low, high, allowed: _decision(-high, -low, -allowed)),
        "zero decides, not the limit: an interval that holds zero may lie within what is allowed.":
            as_by(lambda low, high, allowed:
                  "can't tell" if low <= 0 <= high else "worse" if high < -allowed else "fine"),
        "a loss that is allowed is fine as well: it need not be a gain.":
            as_by(lambda low, high, allowed: "worse" if high < -allowed else "fine" if low > 0 else "can't "
            "tell"),
        "it says “worse” although part of the interval is within the limit.": answers == {"worse"},
        "it says “fine” although part of the interval, or all of it, is beyond the limit.":
            answers == {"fine"},
        "an end lies exactly on the limit; read once more which side that belongs to.":
            all(-allowed in (low, high) for low, high, allowed, _ in failed),
        f"it says “{answer}”, which does not follow from where the two ends lie.": True,
    }
    reason = next(reason for reason, holds in reasons.items() if holds)
    return wrong(f"For the interval [{low:+.3f}, {high:+.3f}] with an allowed loss of {allowed:.3f} {reason}")


def _counts():
    draw = random.Random(38)
    return [
        (1, 1, 1, 1), (50, 30, 200, 700), (5, 0, 0, 5), (0, 5, 5, 0), (3, 4, 0, 9), (7, 2, 11, 0),
        *[tuple(draw.randint(1, 900) for _ in range(4)) for _ in range(6)],
    ]


# Of late in rain, on time in rain, late in dry, on time in dry: how many pairs of each kind there are
def _pairs(lr, our, ld, od):
    return (lr + ld) * (our + od)


def _across(lr, our, ld, od):
    return lr * od + ld * our


def _within(lr, our, ld, od):
    return lr * our + ld * od


def _rainy_and_dry(lr, our, ld, od):
    return (lr + our) * (ld + od)


def _any_two(*counts):
    return math.comb(sum(counts), 2)


def _square(*counts):
    return sum(counts) ** 2


def _over(top, *bottoms):
    """The outputs are a share of one of these where all four kinds of flights occur: a
    mistake may divide by zero."""
    rules = [lambda *counts, below=below: top(*counts) / below(*counts) for below in bottoms or [_pairs]]
    return follows(*rules, on=lambda *counts: all(counts))


function(
    "3.8b", "share_across", _counts,
    odd={"It must return one number, a share of pairs.": unless(number)},
    rule=lambda *counts: _across(*counts) / _pairs(*counts),
    same=functools.partial(close, abs_=1e-9),
    said="Every one of these pairs counts for the total and for no slice: there the gain was hidden.",
    mistakes={
        "That is a percentage; a share lies between 0 and 1.":
            lambda *counts: 100 * _across(*counts) / _pairs(*counts),
        "Two of the four products are pairs within a slice; you returned their share, not that "
        "of the pairs across.":
            _over(_within),
        "There are two kinds of pairs across: late in rain and on time in dry, and the other way round. You "
        "count the first only.": _over(lambda lr, our, ld, od: lr * od),
        "There are two kinds of pairs across, and you count only those late in dry and on time in rain.":
            _over(lambda lr, our, ld, od: ld * our),
        "That is the number of pairs across; asked is their share of all pairs.":
            _over(_across, lambda *counts: 1),
        "You divide by the pairs within the slices; the share is of all pairs.": _over(_across, _within),
        "You divide by all pairs of any two flights; an AUC is made only of pairs of one late and "
        "one on-time flight.":
            _over(_across, _any_two, _square, lambda *counts: 2 * _any_two(*counts)),
        "You divide by the pairs of a rainy and a dry flight; an AUC is made of pairs of a late "
        "and an on-time one.":
            _over(_across, _rainy_and_dry),
        "You pair flights in the rain with flights in the dry whatever became of them; a pair is one late "
        "and one on-time flight.": _over(
            _rainy_and_dry, _pairs, _any_two, _square, lambda *counts: _square(*counts) / 2,
        ),
        "A pair is one late and one on-time flight. You multiply late flights by late ones.":
            _over(lambda lr, our, ld, od: lr * ld + our * od),
        "You take the mean of the two kinds of pairs across. They are different pairs: add them.":
            _over(lambda *counts: _across(*counts) / 2),
        "`//` cuts off all that stands behind the point.":
            lambda *counts: _across(*counts) // _pairs(*counts),
        "Almost: don't round.": right_but(
            lambda right: lambda *counts: round(right(*counts), 2),
                same=functools.partial(close, rel=0, abs_=0.0051)
        ),
        "For some counts it returns something that is no share, which lies between 0 and 1. Do the brackets "
        "say that the whole sum is divided?": some(lambda output: not 0 <= output <= 1),
    },
    otherwise="Count pairs as products of a number of late and a number of on-time flights, once for those "
    "across and once for all, and check your answer on four flights, one of each kind.",
    hints=(
        "A pair takes one flight from the late ones and one from those on time. How many "
        "pairs are there in all?",
        "There are two ways to be across: the late flight is the one in the rain, or the one in the dry.",
        "Each kind of pair is a product of two of the four counts.",
    ),
)

_WAYS = {
    "A":
        "A random sample of the training months shares their storms with the training data, so it flatters "
        "both models; and the total would hide the slice as before.",
    "C":
        "Shifting a slice's scores moves the pairs across and nothing else. The model would still not know "
        "one rainy flight from another.",
    "D":
        "That would have seen this loss, but it throws the total away, which the product lives on, and it "
        "leaves the model as blind in the rain as it is.",
    "E":
        "Three networks instead of one average out some of the accident in the rain. None of the three has "
        "seen rain, and the mean of three guesses is a steadier guess.",
}


@exercise(
    "3.8c", way_out=Choice("A", "B", "C", "D", "E"),
    hints=(
        "Ask of each: would the model rank two flights in the same rain any better afterwards?",
        "A metric can show the damage. Only one of the five repairs it and keeps watching.",
    ),
)
def the_way_out(way_out):
    if way_out in _WAYS:
        return wrong(_WAYS[way_out])
    return right(
        "The data that were removed are those the slice needs; and the gate stays, for the "
        "next good intention."
    )


_SLICES = [
    ("JFK", -0.004, 900, 2600), ("LGA", -0.031, 700, 2400), ("HA", -0.210, 6, 25), ("AS", 0.120, 7, 55),
    ("night", -0.050, 300, 12), ("storm", -0.044, 380, 30), ("FL", -0.010, 80, 168), ("VX", -0.025, 50, 400),
    ("YV", -0.027, 49, 800), ("OO", -0.060, 30, 21), ("MQ", 0.034, 500, 1500), ("9E", 0.004, 410, 49),
    ("AX", 0.0, 0, 31),
]


def _gates():
    draw = random.Random(38)
    drawn = [
        (name, draw.randint(-60, 60) / 1000, draw.randint(0, 90), draw.randint(0, 250)) for name in "ABCDEFGH"
    ]
    # One slice at a time: where nothing else fits a wrong answer, this is what it is shown on
    alone = [([one], 0.01, 50) for one in _SLICES]
    return [
        (_SLICES, 0.01, 50),
        (_SLICES, 0.03, 10),
        (_SLICES, 0.0, 50),
        (drawn, 0.02, 30),
        ([], 0.01, 50),
        *alone,
    ]


def _gate(
    size=min,
    enough=operator.ge,
    loses=lambda change, allowed: change < -allowed,
    lists=lambda lost, small: (lost - small, small),
):
    """A rule: two lists made of the slices that lost and of those whose size is not enough."""

    def gate(slices, allowed, least):
        lost = {name for name, change, *_ in slices if loses(change, allowed)}
        small = {name for name, _, late, on_time in slices if not enough(size(late, on_time), least)}
        return lists(lost, small)

    return gate


def _others(slices, *lists):
    """The names of the slices that stand in none of these."""
    return {name for name, *_ in slices}.difference(*lists)


def _whole_slices(output):
    return type(output) is list and any(type(part) is list and list in map(type, part) for part in output)


def _two_lists(output):
    return listed(listed(lambda name: type(name) is str))(output) and len(output) == 2


def _right_but_for_other_names(outputs, inputs):
    """Whether each slice that was given is named where it should be; so what is wrong is more than that."""
    return all(
        _gate()(*given) == tuple({name for name, *_ in given[0]} & set(names) for names in lists)
        for lists, given in zip(outputs, inputs, strict=True)
    )


function(
    "3.8d", "gate", _gates,
    odd={
        "The two lists are to hold the names alone, not the whole slices.": some(_whole_slices),
        "It must return two lists of names: those that refuse, and those that can't be judged.":
            unless(_two_lists),
    },
    rule=_gate(),
    read=lambda lists: [sorted(names) for names in lists],
    said="Too small is a third answer beside good and bad, and it is reported, not hidden.",
    mistakes={
        "No slice ever refuses, not even a large one with a large loss.": each(lambda lists: not lists[0]),
        "No slice is ever too small to judge.": each(lambda lists: not lists[1]),
        "The two lists are swapped: first those that refuse.":
            _gate(lists=lambda lost, small: (small, lost - small)),
        "Not more than one slice ever refuses. Go on after the first.":
            each(lambda lists: len(lists[0]) <= 1),
        "It counts all flights of a slice. A large slice can still hold next to none of one class.":
            follows(_gate(size=operator.add), _gate(size=lambda late, on_time: (late + on_time) / 2)),
        "It looks at the late flights alone. Where nearly all are late, the others are the rare ones.":
            _gate(size=lambda late, on_time: late),
        "It looks at the flights on time alone, which are seldom the rare ones.":
            _gate(size=lambda late, on_time: on_time),
        "It takes the more frequent class; a pair needs one of each.": _gate(size=max),
        "A slice with exactly the least number is large enough: “at least” includes it.":
            _gate(enough=operator.gt),
        "A slice with no flight at all of one class is the smallest there is: it can't be judged either.":
            _gate(enough=lambda size, least: size == 0 or size >= least),
        "A slice that can't be judged can't refuse either: some names stand in both lists.":
            _gate(lists=lambda lost, small: (lost, small)),
        "The second list is to name every slice too small, those without a loss included.":
            _gate(lists=lambda lost, small: (lost - small, lost & small)),
        "It makes no use of `allowed`: a small loss is tolerated.":
            _gate(loses=lambda change, allowed: change < 0),
        "A loss of exactly what is allowed does not refuse; only a larger one does.":
            _gate(loses=lambda change, allowed: change <= -allowed),
        "The sign of the limit is turned round: a loss is a negative change.": _gate(loses=operator.lt),
        "It refuses slices that gained: a loss is a negative change.": _gate(loses=operator.gt),
        "It takes the size of the change without its sign; a gain is no reason to refuse.":
            _gate(loses=lambda change, allowed: abs(change) > allowed),
        "The first list names the slices that pass. Asked are those that refuse.":
            lambda slices, *limits: (_others(slices, *_gate()(slices, *limits)), _gate()(slices, *limits)[1]),
        "The second list names slices that can be judged. Asked are those that can't.": follows(
            lambda slices, *limits: (
                _gate()(slices, *limits)[0],
                _others(slices, _gate()(slices, *limits)[1]),
            ),
            lambda slices, *limits: (
                _gate()(slices, *limits)[0],
                _others(slices, _gate()(slices, *limits)[0]),
            ),
        ),
        "It names slices that were not given, or one more than once.": whole(_right_but_for_other_names),
    },
    otherwise="Some slice stands in the wrong list, or is missing from one.",
    hints=(
        "Sort out the slices that can't be judged first. What is left can refuse.",
        "Which of the two numbers is the rarer class? It need not be the late ones.",
        "A loss of more than `allowed` is a change below `-allowed`.",
    ),
)
