"""Judges of lesson 1.5, A CNN and its errors."""

from __future__ import annotations

from helpers.exercises.kit import Function, Text, exercise, right, wrong
from helpers.exercises.outputs import agrees, number


def _doubts():
    import numpy as np

    third = 1 / 3
    usual = np.array([0, 0, 0, 0, third, third, 2 * third, 1, 1, 1.0])
    return [
        (usual, 0.5),
        (usual, 0.2),
        (usual, 0.8),
        (np.array([0.1, 0.4, 0.9]), 0.3),
        (np.array([0.25, 0.6]), 0.25),
        (np.array([1.0, 1.0]), 0.5),
    ]


def _mean(values) -> float:
    values = list(values)
    return sum(values) / len(values)


@exercise(
    "1.5a",
    mislabelled=Function(_doubts),
    hints=(
        "Two cases. A cell labelled defective is wrongly labelled if it is sound: with which chance?",
        "`np.where(probability > cut, …, …)` gives every cell the chance of its own case.",
        "The expected share is the mean of these chances.",
    ),
)
def how_many_labels_to_expect_on_the_wrong_side(mislabelled):
    outputs = [r["output"] for r in mislabelled]
    if any(output is None for output in outputs):
        if any(output is not None for output in outputs):
            return wrong(
                "For some arrays your function gives nothing, or NaN: the mean of no cells. Perhaps no cell is on one side of the cut."
            )
        return wrong("Your function gives nothing back. Does it `return` the share?")
    if not all(number(output) for output in outputs):
        return wrong("That is not a single number. Asked is one share for all cells together.")

    def expected(p, cut):
        return _mean(1 - q if q > cut else q for q in p)

    if agrees(mislabelled, expected):
        return right(
            "A label defective is wrong with 1 − p, a label sound with p; a cut at one half takes the smaller of the two for every cell."
        )
    mistakes = {
        "That is the number of cells. Divide by how many there are.": lambda p, cut: (
            expected(p, cut) * len(p)
        ),
        "That is the share labelled defective. Some of these labels are right, and some of the others are wrong.": lambda p, cut: (
            _mean(q > cut for q in p)
        ),
        "That is a percentage. A share lies between 0 and 1.": lambda p, cut: 100 * expected(p, cut),
        "The two cases are exchanged: you count the labels that are right.": lambda p, cut: (
            1 - expected(p, cut)
        ),
        "That is the share whose label another cut would change. Being wrong is a matter of chances, not of another cut.": lambda p, cut: (
            _mean((q > cut) != (q > 0.5) for q in p)
        ),
        "That is the expected share of defective cells. It does not use the cut at all.": lambda p, cut: (
            _mean(p)
        ),
        "You count wrong labels among the cells called sound only. Cells called defective can be sound.": lambda p, cut: (
            _mean(0 if q > cut else q for q in p)
        ),
        "You count wrong labels among the cells called defective only. Cells called sound can be defective.": lambda p, cut: (
            _mean(1 - q if q > cut else 0 for q in p)
        ),
        "Your function takes the better label for every cell, whatever the cut says.": lambda p, cut: _mean(
            min(q, 1 - q) for q in p
        ),
        "You count every doubtful cell as a wrong label. A cell of 1/3 called sound is wrong in one case of three.": lambda p, cut: (
            _mean(0 < q < 1 for q in p)
        ),
        "A cell exactly at the cut is not above it.": lambda p, cut: _mean(
            1 - q if q >= cut else q for q in p
        ),
        "That is the mean distance from the cut. Asked are chances of being wrong.": lambda p, cut: _mean(
            abs(q - cut) for q in p
        ),
    }
    for reason, formula in mistakes.items():
        if agrees(mislabelled, formula):
            return wrong(reason)
    if agrees(mislabelled, expected, rel=0.01, abs_=0.01):
        return wrong("Nearly: your share is rounded. Give it as it comes.")
    return wrong("Add up, over all cells, the chance that the label is wrong, then divide by their number.")


@exercise(
    "1.5b",
    threshold=Function(
        [(1, 3), (2, 3), (2.2, 3), (5, 1), (0.5, 4), (10, 10), (3, 7)],
    ),
    hints=(
        "Odds are chance / (1 − chance). The break-even, without weights, is at odds of 1 : missed.",
        "The weighted model's odds are `weight` times the unweighted ones: weight : missed at the break-even.",
        "Odds of a : b are a chance of a / (a + b).",
    ),
)
def where_a_weighted_model_breaks_even(threshold):
    outputs = [r["output"] for r in threshold]
    if any(output is None for output in outputs):
        return wrong("For some inputs your function gives nothing back. Does every path `return` a number?")
    if not all(number(output) for output in outputs):
        return wrong("A threshold is a single number.")
    if agrees(threshold, lambda w, m: w / (w + m)):
        return right(
            "Weights multiply the odds, so the threshold moves with them; a weight equal to the price of a miss puts it at one half."
        )
    mistakes = {
        "That is the break-even of a model without weights. The weighted one states higher chances.": lambda w, m: (
            1 / (1 + m)
        ),
        "That is a percentage. A threshold for chances lies between 0 and 1.": lambda w, m: 100 * w / (w + m),
        "That takes a miss at three false alarms for granted. `missed` may be another price.": lambda w, m: (
            w / (w + 3)
        ),
        "The price of a miss lowers the threshold; yours rises with it.": lambda w, m: w * m / (1 + w * m),
        "Chance times weight is no odds yet, and you take it for odds. Turn the chance into odds first, then multiply.": lambda w, m: (
            w / (1 + m + w)
        ),
        "You divide the chance by the weight. Weighted, the model states higher chances, so the threshold rises.": lambda w, m: (
            1 / (w * (1 + m))
        ),
        "A chance times the weight can exceed 1, and you cut it there. The weight multiplies the odds: then nothing has to be cut.": lambda w, m: (
            min(1, w / (1 + m))
        ),
        "Those are odds. A chance is odds / (1 + odds).": lambda w, m: w / m,
        "You multiply the chance by the weight. The weight multiplies the odds, so that a chance stays below 1.": lambda w, m: (
            w / (1 + m)
        ),
        "You divide the odds by the weight. Weighted, the model states higher chances, so the threshold rises.": lambda w, m: (
            1 / (1 + w * m)
        ),
        "That is the complement: the chance of being sound at the break-even.": lambda w, m: m / (w + m),
        "That forgets the price of a miss: it is the threshold that undoes the weight alone.": lambda w, m: (
            w / (w + 1)
        ),
        "One half is right for one weight alone: the one that equals the price of a miss.": lambda w, m: 0.5,
    }
    for reason, formula in mistakes.items():
        if agrees(threshold, formula):
            return wrong(reason)
    if any(not 0 <= output <= 1 for output in outputs):
        return wrong("Some of your thresholds are no chances: they lie outside 0 to 1.")
    if agrees(threshold, lambda w, m: w / (w + m), rel=0.02, abs_=0.01):
        return wrong("Nearly: your threshold is rounded. Give it as it comes.")
    return wrong("Go by odds: 1 : missed at the break-even, times the weight, and back to a chance.")


def _plans():
    import pandas as pd

    def plan(rows):
        columns = ["frequency", "headroom", "ease"]
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("tag")
        return frame.assign(points=100 * frame.frequency * frame.headroom)

    first = plan(
        {"grain": (0.6, 0.2, 0.1), "dim": (0.1, 0.5, 0.5), "rare": (0.01, 0.9, 0.9), "blur": (0.1, 0.3, 0.2)}
    )
    second = plan({"a": (0.5, 0.10, 0.5), "b": (0.2, 0.4, 0.2), "c": (0.9, 0.01, 0.9), "d": (0.05, 0.8, 0.5)})
    third = plan({"x": (0.3, 0.3, 0.0), "y": (0.02, 0.2, 1.0), "z": (0.2, 0.1, 0.5)})
    return [(first,), (second,), (third,)]


@exercise(
    "1.5c",
    ranked=Function(_plans),
    hints=(
        "Multiply the three columns: pandas does it for all rows at once.",
        "`sort_values(ascending=False)` puts the largest first.",
        "The tags stand in the index: `.index.tolist()`.",
    ),
)
def what_to_work_on_next(ranked):
    outputs = [r["output"] for r in ranked]
    if any(output is None for output in outputs):
        return wrong("Your function gives nothing back. Does it `return` the list?")
    tables = [_rows(r["input"][0]) for r in ranked]
    if all(type(output) is str for output in outputs):
        return wrong("That is one tag. Asked are all of them, in order.")
    if any(type(output) is not list or not all(type(tag) is str for tag in output) for output in outputs):
        return wrong(
            "Asked is a list of tags, as texts; your function gives something else. The tags of a sorted table or Series are its index."
        )
    if any(set(output) != set(rows) for output, rows in zip(outputs, tables, strict=True)):
        return wrong("Some tags are missing from your list, or it holds what is no tag.")
    if any(len(output) != len(rows) for output, rows in zip(outputs, tables, strict=True)):
        return wrong("A tag stands in your list twice.")

    def same(worth) -> bool:
        return outputs == [sorted(rows, key=lambda tag: -worth(*rows[tag])) for rows in tables]

    if same(lambda f, h, e: f * h * e):
        return right(
            "Often enough, bad enough, and something can be done: a product is small as soon as one of the three is."
        )
    if outputs == [list(rows) for rows in tables]:
        return wrong("The tags stand in the order of the table still. Sort before you take the index.")
    mistakes = {
        "The order is turned round: the least worthwhile comes first.": lambda f, h, e: -f * h * e,
        "You multiply all columns, and with the points frequency and headroom come in twice.": lambda f, h, e: (
            f * f * h * h * e
        ),
        "You leave out the ease. The most points may have no remedy.": lambda f, h, e: f * h,
        "You leave out the frequency. A rare tag with a terrible rate saves the line little.": lambda f, h, e: (
            h * e
        ),
        "You leave out the headroom. What the experts can't do better, nobody saves.": lambda f, h, e: f * e,
        "You rank by headroom alone: that is the loudest error, not the most expensive one.": lambda f, h, e: (
            h
        ),
        "You rank by frequency alone. A tag may be everywhere and do no harm.": lambda f, h, e: f,
        "You rank by ease alone. What is easy may be worth nothing.": lambda f, h, e: e,
        "You add the three. A sum lets an easy remedy make up for a harmless tag; the product does not.": lambda f, h, e: (
            f + h + e
        ),
    }
    for reason, worth in mistakes.items():
        if same(worth):
            return wrong(reason)
    return wrong("For some table the order is another one than that of frequency × headroom × ease.")


def _rows(table) -> dict[str, tuple[float, float, float]]:
    """Tag to frequency, headroom, ease, of a probe as plain data."""
    return {row["tag"]: (row["frequency"], row["headroom"], row["ease"]) for row in table}


_TYPES = ("mono", "poly")


@exercise(
    "1.5d",
    loudest=Text(),
    largest=Text(),
    hints=(
        "Both answers stand in the table of tags in section 6: one in the column `errors`, one in the column `points`.",
        "Leave out the rows mono, poly and all cells before you take the largest value.",
    ),
)
def the_loudest_and_the_largest(loudest, largest, given):
    loudest, largest = loudest.strip(" \n'\"`"), largest.strip(" \n'\"`")
    apart = (*_TYPES, "all cells")
    tags = [tag for tag in given["errors"] if tag not in apart]
    for name in (loudest, largest):
        if name in apart:
            return wrong(f"`{name}` is a type, or the whole. Asked are the other tags.")
        if name not in tags:
            return wrong(f"`{name}` is not a tag of the table. Copy the names from it.")
    loud, large = (max(tags, key=given[column].get) for column in ("errors", "points"))
    if (loudest, largest) == (loud, large):
        return right(
            "A rate tells how bad it is where it happens; points tell how much of it there is on the line."
        )
    if (loudest, largest) == (large, loud):
        return wrong("The two are exchanged. A rate is loud; points are frequency times headroom.")
    if loudest != loud and largest != large:
        return wrong("Neither is the highest of its column. `loudest` goes by errors, `largest` by points.")
    if loudest != loud:
        return wrong("For `loudest` another tag has a higher rate in the column `errors`.")
    return wrong("For `largest` another tag has more in the column `points`.")
