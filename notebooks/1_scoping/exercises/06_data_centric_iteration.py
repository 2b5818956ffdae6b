"""How the exercises of lesson 1.6, Data-centric iteration, are judged."""

from __future__ import annotations

import functools
import math
import re
from statistics import fmean, median, pstdev, stdev

import numpy as np

from helpers.exercises.digests import digest, hashed
from helpers.exercises.rules import function, names
from helpers.exercises.signs import (
    CONSTANT, NOTHING, NO_NAME, STRANGE, Sign, at, close, follows, has, lacks, number, off, some, truth,
    unless, where, whole,
)


def _of(finish):
    """A rule: what `finish` makes of the differences, fold by fold."""
    return lambda new, old: finish([new[fold] - old[fold] for fold in new if fold in old])


def _error(differences):
    return stdev(differences) / math.sqrt(len(differences))


_paired = _of(lambda d: [fmean(d), _error(d)])


def _as_if_not_paired(new, old):
    shared = [fold for fold in new if fold in old]
    return math.hypot(*(_error([run[fold] for fold in shared]) for run in (new, old)))


function(
    "1.6a", "paired",
    [
        ({"fold 1": 0.82, "fold 2": 0.79, "fold 3": 0.85}, {"fold 1": 0.80, "fold 2": 0.78, "fold 3": 0.80}),
        (
            {"fold 1": 0.71, "fold 2": 0.88, "fold 3": 0.64, "fold 4": 0.80},
            {"fold 4": 0.83, "fold 3": 0.66, "fold 2": 0.90, "fold 1": 0.72},
        ),
        (
            {"fold 3": 0.90, "fold 5": 0.62, "fold 1": 0.70, "fold 2": 0.81, "fold 6": 0.77},
            {"fold 4": 0.51, "fold 1": 0.75, "fold 2": 0.80, "fold 3": 0.93},
        ),
    ],
    odd={
        "Your function gives nothing back. Does it `return` both numbers?": NOTHING,
        "Asked are two numbers: the mean difference and its standard error.":
            unless(lambda output: type(output) is list and len(output) == 2 and all(map(number, output))),
    },
    rule=_paired,
    same=functools.partial(close, abs_=1e-9),
    said="What a fold makes easy or hard is in both runs, so it drops out of each difference; only what the "
    "change did varies.",
    mistakes={
        "Your numbers are rounded. Give them as they come; rounding is for showing.": follows(*(
            lambda new, old, digits=digits: [round(number, digits) for number in _paired(new, old)]
            for digits in (2, 3, 4, 6)
        )),
        "Your sign is turned round: a gain is new minus old.": at(0, _of(lambda d: -fmean(d))),
        "You pair by place. The dicts may hold their folds in different orders: look up the same key in "
        "both.":
            at(0, lambda new, old: fmean(a - b for a, b in zip(new.values(), old.values(), strict=False))),
        "You compare two averages. One of the dicts may have a fold that the other lacks, and then these are "
        "not averages of the same folds.": at(0, lambda new, old: fmean(new.values()) - fmean(old.values())),
        "A fold that one of the dicts lacks counts in yours, as if it had reached nothing "
        "there. Leave it out.":
            at(0, lambda new, old: fmean(new.get(fold, 0) - old.get(fold, 0) for fold in {**new, **old})),
        "That is the sum of the differences; asked is their mean.": at(0, _of(sum)),
        "Both numbers are there, but exchanged: the mean comes first.":
            lambda new, old: _paired(new, old)[::-1],
        "You drop the signs. A loss in one fold must count against a gain in another.":
            at(0, _of(lambda d: fmean(map(abs, d)))),
        "The first number is not the mean of the differences, fold by fold. Try three folds by hand.": off(0),
        "You treat the runs as if they were not paired. The spread of the differences is asked, "
        "not that of each run.":
            at(1, _as_if_not_paired),
        "You take the errors of two means, each of all its folds. Asked is that of the differences.":
            at(1, lambda new, old: math.hypot(*(_error(list(run.values())) for run in (new, old)))),
        "You divide by n inside the deviation. With so few folds that is too confident: take n − 1.":
            at(1, _of(lambda d: pstdev(d) / math.sqrt(len(d)))),
        "That is how much single differences vary. Their mean varies less: divide by the "
        "root of their number.":
            at(1, _of(stdev)),
        "You divide by the number of folds; it is divided by its root.":
            at(1, _of(lambda d: stdev(d) / len(d))),
        "You divide by the root of n − 1. The n − 1 belongs into the deviation; the root is that of the "
        "number of differences.": at(1, _of(lambda d: stdev(d) / math.sqrt(len(d) - 1))),
        "You count folds that only one dict has. Divide by the root of the number of differences.":
            at(1, lambda new, old: _of(stdev)(new, old) / math.sqrt(len(new))),
        "That is an interval's half-width: the standard error alone is asked, without the 1.96.":
            at(1, _of(lambda d: 1.96 * _error(d))),
        "That is a variance. The root is missing.": at(1, _of(lambda d: _error(d) ** 2)),
    },
    otherwise="The mean holds, but the second number is not its standard error. Take the deviation of the "
    "differences first.",
    hints=(
        "Pair by key, not by place: `new[fold] - old[fold]` for each fold that both dicts have.",
        "The standard deviation with n − 1 is `np.std(differences, ddof=1)`.",
        "Divide it by `np.sqrt(len(differences))`, and return both numbers: `return mean, error`.",
    ),
)


def _labels_and_chances():
    """Chances in 64ths and classes of 2, 4 or 8 cells, so that the thresholds are
    exact; the first probe has a tie."""
    probes = [(np.array([1, 1, 0, 0]), np.array([0.75, 0.25, 0.5, 0.25]))]
    rng = np.random.default_rng(16)
    for positive, negative in ((4, 8), (8, 4), (4, 4), (2, 8)):
        given = rng.permutation([1] * positive + [0] * negative)
        chance = rng.integers(4, 40, len(given)) / 64 + given * rng.integers(0, 24, len(given)) / 64
        probes.append((given, chance))
    return probes


def _cells(suspect, middle=fmean):
    """A rule: suspect(label, chance, threshold of class 1, that of class 0) for each cell."""

    def suspects(given, chance):
        cells = list(zip(given, chance, strict=True))
        one, zero = (
            middle([p for label, p in cells if label]),
            middle([1 - p for label, p in cells if not label]),
        )
        return [suspect(label, p, one, zero) for label, p in cells]

    return suspects


def _over_all(given, chance):
    mean = fmean(chance)
    return [p <= mean if label else p >= mean for label, p in zip(given, chance, strict=True)]


function(
    "1.6b", "suspects", _labels_and_chances,
    odd={
        "Your function gives nothing back. Does it `return` the array?": NOTHING,
        "Asked is one True or False for each cell; your function gives something else.":
            unless(lambda output: type(output) is list),
        "Your answer is shorter than the labels: a cell that is no suspect needs its False, too.": whole(
            lambda outputs, inputs: all(type(item) is bool for output in outputs for item in output)
            and any(len(output) < len(given) for output, (given, _) in zip(outputs, inputs, strict=True))
        ),
        "Asked is one True or False for each cell, as long as the labels; you give positions, or "
        "marks of another kind.":
            where(lambda output, given, chance: len(output) != len(given) or not all(map(truth, output))),
    },
    rule=_cells(lambda y, p, one, zero: 1 - p >= zero if y else p >= one),
    read=lambda output: [bool(item) for item in output],
    said="Each class sets its own bar, so a class of which the model is never sure is not flagged as a "
    "whole.",
    mistakes={
        "You use the mean over all cells. A threshold is the mean over the cells that carry its label.":
            _over_all,
        "You find the cells labelled 0 that look defective. A defective label may be wrong, too.":
            _cells(lambda y, p, one, zero: not y and p >= one),
        "You find the cells labelled 1 that look sound. A sound label may be wrong, too.":
            _cells(lambda y, p, one, zero: y and 1 - p >= zero),
        "You cut at one half. The point of the method is that each class sets its own threshold.":
            follows(
                _cells(lambda y, p, one, zero: (p >= 0.5) != y),
                _cells(lambda y, p, one, zero: p <= 0.5 if y else p >= 0.5),
            ),
        "You cut at one half besides. Reaching the other class's threshold is enough.": _cells(
            lambda y, p, one, zero: p < 0.5 and 1 - p >= zero if y else p >= 0.5 and p >= one
        ),
        "Your thresholds are medians. Asked is the mean chance of a class over the cells labelled with it.":
            _cells(lambda y, p, one, zero: 1 - p >= zero if y else p >= one, middle=median),
        "The threshold of class 0 is not what is left of that of class 1: it has cells of its own.":
            _cells(lambda y, p, one, zero: 1 - p >= 1 - one if y else p >= one),
        "Those are corrected labels. Asked is for each label whether it is contradicted.":
            _cells(lambda y, p, one, zero: 1 - p < zero if y else p >= one),
        "A chance that equals the threshold reaches it: at least is asked.":
            _cells(lambda y, p, one, zero: 1 - p > zero if y else p > one),
        "You compare a cell with the threshold of its own label. Being below average in its class is no "
        "contradiction; reaching the other class's threshold is.":
            _cells(lambda y, p, one, zero: p < one if y else 1 - p < zero),
        "You have exchanged the two thresholds: the chance of a class is compared with the "
        "threshold of that class.":
            _cells(lambda y, p, one, zero: 1 - p >= one if y else p >= zero),
        "You flag every cell that reaches a threshold, also that of the label it carries. Suspect is the one "
        "with the other label.": _cells(lambda y, p, one, zero: p >= one or 1 - p >= zero),
        "You flag the cells that are sure of the label they carry. A suspect carries the one label and "
        "reaches the threshold of the other.":
            _cells(lambda y, p, one, zero: p >= one if y else 1 - p >= zero),
        "For class 0 you average the chance of 1 and compare it with the chance of 0. Both sides must be "
        "about `1 - chance`.": _cells(lambda y, p, one, zero: 1 - p >= 1 - zero if y else p >= one),
        "Your array is turned round: True should mark the suspects.":
            _cells(lambda y, p, one, zero: 1 - p < zero if y else p < one),
        "Your function says the same of every cell.":
            follows(_cells(lambda y, p, one, zero: False), _cells(lambda y, p, one, zero: True)),
    },
    otherwise="For some cells the answer differs from the rule. Compute both thresholds by hand for four "
    "cells, then go through them.",
    hints=(
        "The threshold of class 1 is `chance[given == 1].mean()`. That of class 0 is the same for `1 - "
        "chance` and the cells labelled 0.",
        "Write one mask per direction: labelled 0 but enough chance of 1; labelled 1 but enough chance of 0.",
        "Join the two masks with `|`; each is `(given == …) & (… >= threshold)`.",
    ),
)

names(
    "1.6c", "breaks_label",
    belong=["cropped", "blurred", "inverted"],
    others=["as it is", "turned", "brighter"],
    reasons={
        "None at all? Look at the last three columns beside the first.": NO_NAME,
        "The first column is no change: it shows the cells as they are.": has("as it is"),
        "`{}` is not the name of one of the five changes.": STRANGE,
        "A cell has no top: mounted the other way round, a crack is the same crack. One of your changes "
        "loses nothing and adds nothing.": has("turned"),
        "A little more or less exposure leaves every dark line darker than its surroundings, as another "
        "camera would. One of your changes keeps all the evidence.": has("brighter"),
        "Think of a cell with one small crack in a corner. After one of the changes you left out it may not "
        "be in the picture any more.": lacks("cropped"),
        "Think of a crack as thin as a pixel. One of the changes you left out spreads it over so many that "
        "it can't be told from grain.": lacks("blurred"),
        "Read again what dark means. One of the changes you left out makes a dead cell look "
        "like one that glows.":
            lacks("inverted"),
    },
    said="Evidence that is cut off, smeared out or turned into its opposite no longer supports the old "
    "label.",
    hints=(
        "Go through the columns of the picture. For each ask: could the expert still see the smallest "
        "defect, and would she call it one?",
        "What may happen on the production line (a cell mounted upside down, another exposure) must "
        "not change the label.",
        "Two of the five are harmless.",
    ),
)


def _views(picture):
    """The four turns of a picture, then the same mirrored."""
    turned = [np.rot90(picture, quarter) for quarter in range(4)]
    return [np.array(view) for view in [*turned, *(view[:, ::-1] for view in turned)]]


def _pictures():
    """Eight views of one picture; then pixels or corners exchanged, rows shifted, one grey more, two others.

    Then the picture with one inner pixel changed, four times; and eight views of one with a dark border.
    """
    picture = np.array([[9, 1, 4, 7], [2, 8, 3, 6], [5, 0, 11, 13], [10, 12, 14, 15]], dtype="uint8")
    exchanged, corners = picture.copy(), picture.copy()
    exchanged[0, 1], exchanged[2, 2] = picture[2, 2], picture[0, 1]
    corners[0, [0, 3]] = picture[0, [3, 0]]  # the mean of all eight views stays the same
    others = [exchanged, corners, np.roll(picture, 1, axis=0), picture + np.uint8(1)]
    inner = []
    for place in ((1, 1), (1, 2), (2, 1), (2, 2)):
        inner.append(picture.copy())
        inner[-1][place] += 100
    framed = np.pad(np.array([[1, 2], [3, 4]], "uint8"), 1)
    blank = [np.zeros((4, 4), "uint8"), np.eye(4, dtype="uint8")]
    return [*_views(picture), *others, *blank, *inner, *_views(framed)]


def _least(*places):
    """What is kept of a picture by somebody who takes the least of these of its views."""
    return lambda picture: min(view.tolist() for view in (_views(picture)[place] for place in places))


def _known(test, kept):
    """The views get several texts, and test(turns, mirrored) holds."""

    def shown(answer):
        turns, mirrored = answer.outputs[:4], answer.outputs[4:8]
        return len({*turns, *mirrored}) > 1 and test(turns, mirrored)

    return Sign(shown, lambda right: hashed(kept))


digest(
    "1.6d", "fingerprint", _pictures,
    odd={
        "Your function gives nothing back. Does it `return` the text?": NOTHING,
        "A fingerprint is one text; your function gives something else.":
            unless(lambda output: type(output) in (str, int)),
        "That is Python's own `hash`, which is another number in the next process. `digest` "
        "of section 2 is not.":
            some(lambda output: re.fullmatch("-(0x)?[0-9a-f]{1,19}", str(output))),
    },
    kept=_least(*range(8)),
    said="One name for eight views: now a set can tell which cells stand on both sides of a split.",
    mistakes={
        "All pictures get the same fingerprint. It should tell them apart.": CONSTANT,
        "Turned copies are recognised, mirrored ones are not.":
            _known(lambda turns, mirrored: len(set(turns)) == len(set(mirrored)) == 1, _least(0, 1, 2, 3)),
        "Views that stand upright or on their head are recognised, those on their side are not.":
            _known(lambda turns, mirrored: turns[0] == turns[2] and turns[0] in mirrored, _least(0, 2, 4, 6)),
        "Half a turn is recognised, a quarter is not.":
            _known(lambda turns, mirrored: turns[0] == turns[2], _least(0, 2)),
        "Left and right may be exchanged, but a turned copy gets another fingerprint.":
            _known(lambda turns, mirrored: turns == mirrored, _least(0, 4)),
        "Each of the eight views gets a fingerprint of its own: so far it names the view.":
            _known(lambda turns, mirrored: len({*turns, *mirrored}) == 8, lambda picture: picture),
        "Some of the eight views of a picture differ in their fingerprints. Compute it for a picture and for "
        "each of its views.":
            _known(lambda turns, mirrored: True,
                lambda picture: min(picture, np.transpose(picture).tolist())),
        "You lay the eight views over each other, pixel by pixel. Two pictures with exchanged corners then "
        "look the same: keep the views apart.": Sign(
            lambda answer: len({*answer.outputs[7:9], *answer.outputs[10:14]}) == 6
            and answer.outputs[7] == answer.outputs[9],
            lambda right: hashed(lambda picture: sum(_views(picture), start=np.zeros((4, 4), int))),
        ),
        "You choose a view by its first row or a corner. Where two views are alike there, in a dark border "
        "say, either may be chosen: compare them whole.": Sign(
            lambda answer: len({*answer.outputs[:8]}) == 1 and len({*answer.outputs[18:]}) > 1,
            lambda right: hashed(
                lambda picture: max(_views(picture), key=lambda view: tuple(view[0])).tolist()
            ),
        ),
        "Pictures that differ only inside their border share a fingerprint. A crack may be anywhere.": Sign(
            lambda answer: len({answer.outputs[0], *answer.outputs[14:18]}) == 1,
            lambda right: hashed(lambda picture: min(view[0].tolist() for view in _views(picture))),
        ),
    },
    otherwise="Different pictures share a fingerprint. What you keep of the picture forgets where its pixels "
    "were, or how bright they are.",
    hints=(
        "Make all eight views first: four turns, each as it is and mirrored.",
        "Eight views have eight digests. Which of the eight you return must not depend on the "
        "view you started from.",
        "`min` of the eight digests is such a choice; so is a digest of all eight, sorted.",
    ),
)
