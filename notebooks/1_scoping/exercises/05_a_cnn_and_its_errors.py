"""How the exercises of lesson 1.5, A CNN and its errors, are judged."""

from __future__ import annotations

import functools

from helpers.exercises.kit import Text, exercise
from helpers.exercises.rules import function
from helpers.exercises.signs import (
    NEVER, NOTHING, close, each, follows, listed, number, right_but, some, unless, where,
)


def _nearly(share):
    """The right number, but for rounding; a chance may be off by 0.01, and by this share."""
    near = functools.partial(close, rel=share, abs_=0.01)
    return right_but(lambda right: lambda *given: round(right(*given), 2), same=near)


def _doubts():
    import numpy as np

    third = 1 / 3
    usual = np.array([0, 0, 0, 0, third, third, 2 * third, 1, 1, 1.0])
    few, edge, sure = np.array([0.1, 0.4, 0.9]), np.array([0.25, 0.6]), np.array([1.0, 1.0])
    return [(usual, 0.5), (usual, 0.2), (usual, 0.8), (few, 0.3), (edge, 0.25), (sure, 0.5)]


def _mean(chance):
    """A rule: the mean over all cells of a chance that follows from the probability and the cut."""
    return lambda cells, cut: sum(chance(p, cut) for p in cells) / len(cells)


_wrong_label = _mean(lambda p, cut: 1 - p if p > cut else p)

function(
    "1.5a", "mislabelled", _doubts,
    odd={
        "Your function gives nothing back. Does it `return` the share?": NEVER,
        "For some arrays your function gives nothing, or NaN: the mean of no cells. Perhaps no cell is on "
        "one side of the cut.": some(lambda output: output is None),
        "That is not a single number. Asked is one share for all cells together.": unless(number),
    },
    rule=_wrong_label,
    said="A label defective is wrong with 1 − p, a label sound with p; a cut at one half takes the smaller "
    "of the two for every cell.",
    mistakes={
        "That is the number of cells. Divide by how many there are.":
            lambda cells, cut: _wrong_label(cells, cut) * len(cells),
        "That is the share labelled defective. Some of these labels are right, and some of "
        "the others are wrong.":
            _mean(lambda p, cut: p > cut),
        "That is a percentage. A share lies between 0 and 1.":
            lambda cells, cut: 100 * _wrong_label(cells, cut),
        "The two cases are exchanged: you count the labels that are right.":
            lambda cells, cut: 1 - _wrong_label(cells, cut),
        "That is the share whose label another cut would change. Being wrong is a matter of chances, "
        "not of another cut.": _mean(lambda p, cut: (p > cut) != (p > 0.5)),
        "That is the expected share of defective cells. It does not use the cut at all.":
            _mean(lambda p, cut: p),
        "You count wrong labels among the cells called sound only. Cells called defective can be sound.":
            _mean(lambda p, cut: 0 if p > cut else p),
        "You count wrong labels among the cells called defective only. Cells called sound can be defective.":
            _mean(lambda p, cut: 1 - p if p > cut else 0),
        "Your function takes the better label for every cell, whatever the cut says.":
            _mean(lambda p, cut: min(p, 1 - p)),
        "You count every doubtful cell as a wrong label. A cell of 1/3 called sound is wrong in "
        "one case of three.":
            _mean(lambda p, cut: 0 < p < 1),
        "A cell exactly at the cut is not above it.": _mean(lambda p, cut: 1 - p if p >= cut else p),
        "That is the mean distance from the cut. Asked are chances of being wrong.":
            _mean(lambda p, cut: abs(p - cut)),
        "You leave out the cells of which the experts are sure. They count, with a chance of 0.":
            lambda cells, cut: _wrong_label([p for p in cells if 0 < p < 1] or [0], cut),
        "You divide by the cells called defective alone. The share is that of all cells.":
            lambda cells, cut: (lambda called: sum(called) / max(len(called), 1))(
                [1 - p for p in cells if p > cut]
            ),
        "You square the distance between label and probability. The distance itself is the "
        "chance of being wrong.":
            _mean(lambda p, cut: ((p > cut) - p) ** 2),
        "You compare two shares of defective cells. A wrong label on the one side then makes up "
        "for one on the other.":
            lambda cells, cut: abs(
                _mean(lambda p, cut: p)(cells, cut) - _mean(lambda p, cut: p > cut)(cells, cut)
            ),
        "Nearly: your share is rounded. Give it as it comes.": _nearly(0.01),
    },
    otherwise="Add up, over all cells, the chance that the label is wrong, then divide by their number.",
    hints=(
        "Two cases. A cell labelled defective is wrongly labelled if it is sound: with which chance?",
        "`np.where(probability > cut, …, …)` gives every cell the chance of its own case.",
        "The expected share is the mean of these chances.",
    ),
)

function(
    "1.5b", "threshold", [(1, 3), (2, 3), (2.2, 3), (5, 1), (0.5, 4), (10, 10), (3, 7)],
    odd={
        "For some inputs your function gives nothing back. Does every path `return` a number?": NOTHING,
        "A threshold is a single number.": unless(number),
    },
    rule=lambda weight, missed: weight / (weight + missed),
    said="Weights multiply the odds, so the threshold moves with them; a weight equal to the price of a miss "
    "puts it at one half.",
    mistakes={
        "That is the break-even of a model without weights. The weighted one states higher chances.":
            lambda w, m: 1 / (1 + m),
        "That is a percentage. A threshold for chances lies between 0 and 1.": lambda w, m: 100 * w / (w + m),
        "That takes a miss at three false alarms for granted. `missed` may be another price.":
            lambda w, m: w / (w + 3),
        "The price of a miss lowers the threshold; yours rises with it.": lambda w, m: w * m / (1 + w * m),
        "Chance times weight is no odds yet, and you take it for odds. Turn the chance into odds "
        "first, then multiply.":
            lambda w, m: w / (1 + m + w),
        "You divide the chance by the weight. Weighted, the model states higher chances, so "
        "the threshold rises.":
            lambda w, m: 1 / (w * (1 + m)),
        "A chance times the weight can exceed 1, and you cut it there. The weight multiplies the odds: then "
        "nothing has to be cut.": lambda w, m: min(1, w / (1 + m)),
        "Those are odds. A chance is odds / (1 + odds).": lambda w, m: w / m,
        "You multiply the chance by the weight. The weight multiplies the odds, so that a "
        "chance stays below 1.":
            lambda w, m: w / (1 + m),
        "You divide the odds by the weight. Weighted, the model states higher chances, so "
        "the threshold rises.":
            lambda w, m: 1 / (1 + w * m),
        "That is the complement: the chance of being sound at the break-even.": lambda w, m: m / (w + m),
        "That forgets the price of a miss: it is the threshold that undoes the weight alone.":
            lambda w, m: w / (w + 1),
        "The weight enters what you divide by, and not what is divided.": lambda w, m: 1 / (w + m),
        "Those are the odds of the break-even, and the weight plays no part in them.": lambda w, m: 1 / m,
        "That is the complement of the break-even, and the weight plays no part in it.":
            lambda w, m: m / (1 + m),
        "One half is right for one weight alone: the one that equals the price of a miss.": lambda w, m: 0.5,
        "Some of your thresholds are no chances: they lie outside 0 to 1.":
            some(lambda output: not 0 <= output <= 1),
        "Nearly: your threshold is rounded. Give it as it comes.": _nearly(0.02),
    },
    otherwise="Go by odds: 1 : missed at the break-even, times the weight, and back to a chance.",
    hints=(
        "Odds are chance / (1 − chance). The break-even, without weights, is at odds of 1 : missed.",
        "The weighted model's odds are `weight` times the unweighted ones: weight : missed at the "
        "break-even.",
        "Odds of a : b are a chance of a / (a + b).",
    ),
)


def _plans():
    import pandas as pd

    def plan(rows):
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=["frequency", "headroom", "ease"])
        return frame.rename_axis("tag").assign(points=100 * frame.frequency * frame.headroom)

    first = {
        "grain": (0.6, 0.2, 0.1),
        "dim": (0.1, 0.5, 0.5),
        "rare": (0.01, 0.9, 0.9),
        "blur": (0.1, 0.3, 0.2),
    }
    second = {"a": (0.5, 0.10, 0.5), "b": (0.2, 0.4, 0.2), "c": (0.9, 0.01, 0.9), "d": (0.05, 0.8, 0.5)}
    third = {"x": (0.3, 0.3, 0.0), "y": (0.02, 0.2, 1.0), "z": (0.2, 0.1, 0.5)}
    cheap = {"p": (0.02, 0.2, 0.9), "q": (0.05, 0.2, 0.2), "s": (0.03, 0.3, 0.35), "v": (0.1, 0.3, 0.11)}
    return [(plan(rows),) for rows in (first, second, third, cheap)]


def _tags(table):
    return [row["tag"] for row in table]


def _by(worth):
    """A rule: the tags in the order of what frequency, headroom and ease are worth, the most first."""

    def ranked(table):
        rows = sorted(table, key=lambda row: -worth(row["frequency"], row["headroom"], row["ease"]))
        return _tags(rows)

    return ranked


function(
    "1.5c", "ranked", _plans,
    odd={
        "Your function gives nothing back. Does it `return` the list?": NOTHING,
        "That is one tag. Asked are all of them, in order.": each(lambda output: type(output) is str),
        "Asked is a list of tags, as texts; your function gives something else. The tags of a sorted table "
        "or Series are its index.": unless(listed(lambda tag: type(tag) is str)),
        "Some tags are missing from your list, or it holds what is no tag.":
            where(lambda tags, table: set(tags) != set(_tags(table))),
        "A tag stands in your list twice.": where(lambda tags, table: len(tags) != len(table)),
    },
    rule=_by(lambda f, h, e: f * h * e),
    said="Often enough, bad enough, and something can be done: a product is small as soon as "
    "one of the three is.",
    mistakes={
        "The tags stand in the order of the table still. Sort before you take the index.": _tags,
        "The order is turned round: the least worthwhile comes first.": _by(lambda f, h, e: -f * h * e),
        "You multiply all columns, and with the points frequency and headroom come in twice.":
            _by(lambda f, h, e: f * f * h * h * e),
        "The points are frequency × headroom already, and you multiply them by one of the two again.":
            follows(
            _by(lambda f, h, e: f * f * h * e), _by(lambda f, h, e: f * f * h),
            _by(lambda f, h, e: f * h * h * e),
            _by(lambda f, h, e: f * h * h),
        ),
        "You leave out the ease. The most points may have no remedy.": _by(lambda f, h, e: f * h),
        "You leave out the frequency. A rare tag with a terrible rate saves the line little.":
            _by(lambda f, h, e: h * e),
        "You leave out the headroom. What the experts can't do better, nobody saves.":
            _by(lambda f, h, e: f * e),
        "You rank by headroom alone. What costs much where it happens may happen seldom.":
            _by(lambda f, h, e: h),
        "You rank by frequency alone. A tag may be everywhere and do no harm.": _by(lambda f, h, e: f),
        "You rank by ease alone. What is easy may be worth nothing.": _by(lambda f, h, e: e),
        "You add. A sum lets an easy remedy make up for a harmless tag; the product does not.":
            follows(_by(lambda f, h, e: f + h + e), _by(lambda f, h, e: 100 * f * h + e)),
    },
    otherwise="For some table the order is another one than that of frequency × headroom × ease.",
    hints=(
        "Multiply the three columns: pandas does it for all rows at once.",
        "`sort_values(ascending=False)` puts the largest first.",
        "The tags stand in the index: `.index.tolist()`.",
    ),
)


@exercise(
    "1.5d", loudest=Text(), largest=Text(),
    hints=(
        "Both answers stand in the table of tags in section 6: one in the column `errors`, one in "
        "the column `points`.",
        "Leave out the rows mono, poly and all cells before you take the largest value.",
    ),
    said="A rate tells how bad it is where it happens; points tell how much of it there is on the line.",
)
def the_loudest_and_the_largest(loudest, largest, given):
    loudest, largest = loudest.strip(" \n'\"`"), largest.strip(" \n'\"`")
    apart = ("mono", "poly", "all cells")
    tags = [tag for tag in given["errors"] if tag not in apart]
    for name in (loudest, largest):
        if name in apart:
            yield f"`{name}` is a type, or the whole. Asked are the other tags."
        if name not in tags:
            yield f"`{name}` is not a tag of the table. Copy the names from it."
    loud, large = (max(tags, key=given[column].get) for column in ("errors", "points"))
    if (loudest, largest) == (loud, large):
        return
    if (loudest, largest) == (large, loud):
        yield "The two are exchanged. A rate is loud; points are frequency times headroom."
    if loudest != loud and largest != large:
        yield "Neither is the highest of its column. `loudest` goes by errors, `largest` by points."
    if loudest != loud:
        yield "For `loudest` another tag has a higher rate in the column `errors`."
    yield "For `largest` another tag has more in the column `points`."
