"""Judges of lesson 1.6, Data-centric iteration."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from helpers.exercises.kit import Function, Names, exercise, right, wrong
from helpers.exercises.outputs import number


def _spread(values: list[float], less: int = 1) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - less))


def _differences(new: dict, old: dict) -> list[float]:
    return [new[fold] - old[fold] for fold in new if fold in old]


@exercise(
    "1.6a",
    paired=Function(
        [
            (
                {"fold 1": 0.82, "fold 2": 0.79, "fold 3": 0.85},
                {"fold 1": 0.80, "fold 2": 0.78, "fold 3": 0.80},
            ),
            (
                {"fold 1": 0.71, "fold 2": 0.88, "fold 3": 0.64, "fold 4": 0.80},
                {"fold 4": 0.83, "fold 3": 0.66, "fold 2": 0.90, "fold 1": 0.72},
            ),
            (
                {"fold 3": 0.90, "fold 5": 0.62, "fold 1": 0.70, "fold 2": 0.81, "fold 6": 0.77},
                {"fold 4": 0.51, "fold 1": 0.75, "fold 2": 0.80, "fold 3": 0.93},
            ),
        ]
    ),
    hints=(
        "Pair by key, not by place: `new[fold] - old[fold]` for each fold that both dicts have.",
        "The standard deviation with n − 1 is `np.std(differences, ddof=1)`.",
        "Divide it by `np.sqrt(len(differences))`, and return both numbers: `return mean, error`.",
    ),
)
def the_gain_by_pairs_of_folds(paired):
    outputs = [r["output"] for r in paired]
    if any(output is None for output in outputs):
        return wrong("Your function gives nothing back. Does it `return` both numbers?")
    if not all(type(output) is list and len(output) == 2 and all(map(number, output)) for output in outputs):
        return wrong("Asked are two numbers: the mean difference and its standard error.")

    def same(place: int, formula: Callable[[dict, dict], float]) -> bool:
        return all(
            math.isclose(r["output"][place], formula(*r["input"]), rel_tol=1e-6, abs_tol=1e-9) for r in paired
        )

    def mean(new: dict, old: dict) -> float:
        values = _differences(new, old)
        return sum(values) / len(values)

    def error(new: dict, old: dict) -> float:
        values = _differences(new, old)
        return _spread(values) / math.sqrt(len(values))

    def by_place(new: dict, old: dict) -> float:
        values = [a - b for a, b in zip(new.values(), old.values(), strict=False)]
        return sum(values) / len(values)

    def apart(new: dict, old: dict) -> float:
        shared = [fold for fold in new if fold in old]
        first, second = [new[fold] for fold in shared], [old[fold] for fold in shared]
        return math.sqrt((_spread(first) ** 2 + _spread(second) ** 2) / len(shared))

    if same(0, mean) and same(1, error):
        return right(
            "What a fold makes easy or hard is in both runs, so it drops out of each difference; only what the change did varies."
        )
    if same(0, lambda new, old: -mean(new, old)):
        return wrong("Your sign is turned round: a gain is new minus old.")
    if same(0, by_place):
        return wrong(
            "You pair by place. The dicts may hold their folds in different orders: look up the same key in both."
        )
    if same(0, lambda new, old: sum(new.values()) / len(new) - sum(old.values()) / len(old)):
        return wrong(
            "You compare two averages. One of the dicts may have a fold that the other lacks, and then these are not averages of the same folds."
        )
    if same(0, lambda new, old: sum(_differences(new, old))):
        return wrong("That is the sum of the differences; asked is their mean.")
    if same(1, mean) and same(0, error):
        return wrong("Both numbers are there, but exchanged: the mean comes first.")
    if same(0, lambda new, old: sum(map(abs, _differences(new, old))) / len(_differences(new, old))):
        return wrong("You drop the signs. A loss in one fold must count against a gain in another.")
    if not same(0, mean):
        return wrong(
            "The first number is not the mean of the differences, fold by fold. Try three folds by hand."
        )
    mistakes: dict[str, Callable[[dict, dict], float]] = {
        "You treat the runs as if they were not paired. The spread of the differences is asked, not that of each run.": apart,
        "You divide by n inside the deviation. With so few folds that is too confident: take n − 1.": lambda new, old: (
            _spread(_differences(new, old), 0) / math.sqrt(len(_differences(new, old)))
        ),
        "That is how much single differences vary. Their mean varies less: divide by the root of their number.": lambda new, old: (
            _spread(_differences(new, old))
        ),
        "You divide by the number of folds; it is divided by its root.": lambda new, old: (
            _spread(_differences(new, old)) / len(_differences(new, old))
        ),
        "You divide by the root of n − 1. The n − 1 belongs into the deviation; the root is that of the number of differences.": lambda new, old: (
            _spread(_differences(new, old)) / math.sqrt(len(_differences(new, old)) - 1)
        ),
        "You count folds that only one dict has. Divide by the root of the number of differences.": lambda new, old: (
            _spread(_differences(new, old)) / math.sqrt(len(new))
        ),
        "That is an interval's half-width: the standard error alone is asked, without the 1.96.": lambda new, old: (
            1.96 * error(new, old)
        ),
        "That is a variance. The root is missing.": lambda new, old: error(new, old) ** 2,
    }
    for reason, formula in mistakes.items():
        if same(1, formula):
            return wrong(reason)
    return wrong(
        "The mean holds, but the second number is not its standard error. Take the deviation of the differences first."
    )


def _labels_and_chances() -> list[tuple]:
    """Chances in 64ths and classes of 2, 4 or 8 cells, so that the thresholds are exact; the first probe has a tie."""
    probes = [(np.array([1, 1, 0, 0]), np.array([0.75, 0.25, 0.5, 0.25]))]
    rng = np.random.default_rng(16)
    for positive, negative in ((4, 8), (8, 4), (4, 4), (2, 8)):
        given = rng.permutation([1] * positive + [0] * negative)
        chance = rng.integers(4, 40, len(given)) / 64 + given * rng.integers(0, 24, len(given)) / 64
        probes.append((given, chance))
    return probes


def _thresholds(given: list, chance: list) -> tuple[float, float]:
    one = [p for label, p in zip(given, chance, strict=True) if label == 1]
    zero = [1 - p for label, p in zip(given, chance, strict=True) if label == 0]
    return sum(one) / len(one), sum(zero) / len(zero)


def _over_all(given: list, chance: list) -> list[bool]:
    """Which labels are contradicted if both classes take the mean over all cells as their threshold."""
    mean = sum(chance) / len(chance)
    return [1 - p >= 1 - mean if label == 1 else p >= mean for label, p in zip(given, chance, strict=True)]


@exercise(
    "1.6b",
    suspects=Function(_labels_and_chances),
    hints=(
        "The threshold of class 1 is `chance[given == 1].mean()`. That of class 0 is the same for `1 - chance` and the cells labelled 0.",
        "Write one mask per direction: labelled 0 but enough chance of 1; labelled 1 but enough chance of 0.",
        "Join the two masks with `|`; each is `(given == …) & (… >= threshold)`.",
    ),
)
def labels_that_are_contradicted_with_confidence(suspects):
    outputs = [r["output"] for r in suspects]
    if any(output is None for output in outputs):
        return wrong("Your function gives nothing back. Does it `return` the array?")
    if any(type(output) is not list for output in outputs):
        return wrong("Asked is one True or False for each cell; your function gives something else.")
    booleans = all(type(item) is bool for output in outputs for item in output)
    if booleans and any(
        len(output) < len(r["input"][0]) for output, r in zip(outputs, suspects, strict=True)
    ):
        return wrong(
            "Your answer is shorter than the labels: a cell that is no suspect needs its False, too."
        )
    if any(
        len(output) != len(r["input"][0]) or any(item not in (0, 1) or item is None for item in output)
        for output, r in zip(outputs, suspects, strict=True)
    ):
        return wrong(
            "Asked is one True or False for each cell, as long as the labels; you give positions, or marks of another kind."
        )

    def same(rule: Callable[[int, float, float, float], bool]) -> bool:
        for r in suspects:
            given, chance = r["input"]
            one, zero = _thresholds(given, chance)
            expected = [rule(label, p, one, zero) for label, p in zip(given, chance, strict=True)]
            if [bool(item) for item in r["output"]] != expected:
                return False
        return True

    def confident(label: int, p: float, one: float, zero: float) -> bool:
        return 1 - p >= zero if label == 1 else p >= one

    if same(confident):
        return right(
            "Each class sets its own bar, so a class of which the model is never sure is not flagged as a whole."
        )
    if all([bool(item) for item in r["output"]] == _over_all(*r["input"]) for r in suspects):
        return wrong(
            "You use the mean over all cells. A threshold is the mean over the cells that carry its label."
        )
    mistakes: dict[str, Callable[[int, float, float, float], bool]] = {
        "You find the cells labelled 0 that look defective. A defective label may be wrong, too.": lambda y, p, one, zero: (
            y == 0 and p >= one
        ),
        "You find the cells labelled 1 that look sound. A sound label may be wrong, too.": lambda y, p, one, zero: (
            y == 1 and 1 - p >= zero
        ),
        "You cut at one half. The point of the method is that each class sets its own threshold.": lambda y, p, one, zero: (
            (p >= 0.5) != (y == 1)
        ),
        "A chance that equals the threshold reaches it: at least is asked.": lambda y, p, one, zero: (
            1 - p > zero if y == 1 else p > one
        ),
        "You compare a cell with the threshold of its own label. Being below average in its class is no contradiction; reaching the other class's threshold is.": lambda y, p, one, zero: (
            p < one if y == 1 else 1 - p < zero
        ),
        "You have exchanged the two thresholds: the chance of a class is compared with the threshold of that class.": lambda y, p, one, zero: (
            1 - p >= one if y == 1 else p >= zero
        ),
        "You flag every cell that reaches a threshold, also that of the label it carries. Suspect is the one with the other label.": lambda y, p, one, zero: (
            p >= one or 1 - p >= zero
        ),
        "You flag the cells that are sure of the label they carry. A suspect carries the one label and reaches the threshold of the other.": lambda y, p, one, zero: (
            p >= one if y == 1 else 1 - p >= zero
        ),
        "For class 0 you average the chance of 1 and compare it with the chance of 0. Both sides must be about `1 - chance`.": lambda y, p, one, zero: (
            1 - p >= 1 - zero if y == 1 else p >= one
        ),
        "Your array is turned round: True should mark the suspects.": lambda y, p, one, zero: (
            not confident(y, p, one, zero)
        ),
    }
    for reason, rule in mistakes.items():
        if same(rule):
            return wrong(reason)
    if len({bool(item) for output in outputs for item in output}) == 1:
        return wrong("Your function says the same of every cell.")
    return wrong(
        "For some cells the answer differs from the rule. Compute both thresholds by hand for four cells, then go through them."
    )


_KEEP = {
    "turned": "A cell has no top: mounted the other way round, a crack is the same crack. One of your changes loses nothing and adds nothing.",
    "brighter": "A little more or less exposure leaves every dark line darker than its surroundings, as another camera would. One of your changes keeps all the evidence.",
}
_BREAK = {
    "cropped": "Think of a cell with one small crack in a corner. After one of the changes you left out it may not be in the picture any more.",
    "blurred": "Think of a crack as thin as a pixel. One of the changes you left out spreads it over so many that it can't be told from grain.",
    "inverted": "Read again what dark means. One of the changes you left out makes a dead cell look like one that glows.",
}


@exercise(
    "1.6c",
    breaks_label=Names(),
    hints=(
        "Go through the columns of the picture. For each ask: could the expert still see the smallest defect, and would she call it one?",
        "What may happen on the production line (a cell mounted upside down, another exposure) must not change the label.",
        "Two of the five are harmless.",
    ),
)
def changes_after_which_the_label_is_not_to_be_trusted(breaks_label):
    given = set(breaks_label)
    if not given:
        return wrong("None at all? Look at the last three columns beside the first.")
    if "as it is" in given:
        return wrong("The first column is no change: it shows the cells as they are.")
    if unknown := given - set(_KEEP) - set(_BREAK):
        return wrong(f"`{sorted(unknown)[0]}` is not the name of one of the five changes.")
    for name, reason in _KEEP.items():
        if name in given:
            return wrong(reason)
    for name, reason in _BREAK.items():
        if name not in given:
            return wrong(reason)
    return right(
        "Evidence that is cut off, smeared out or turned into its opposite no longer supports the old label."
    )


_PICTURE = np.array([[9, 1, 4, 7], [2, 8, 3, 6], [5, 0, 11, 13], [10, 12, 14, 15]], dtype="uint8")


def _views(picture: np.ndarray) -> list[np.ndarray]:
    turned = [np.rot90(picture, quarter).copy() for quarter in range(4)]
    return turned + [view[:, ::-1].copy() for view in turned]


def _others() -> list[np.ndarray]:
    """Pictures that are no views of the first: pixels or corners exchanged, rows shifted, one grey more, two others."""
    exchanged, shifted, brighter = _PICTURE.copy(), np.roll(_PICTURE, 1, axis=0), _PICTURE + 1
    corners = _PICTURE.copy()  # the mean of all eight views stays the same
    corners[0, [0, 3]] = _PICTURE[0, [3, 0]]
    exchanged[0, 1], exchanged[2, 2] = _PICTURE[2, 2], _PICTURE[0, 1]
    return [
        exchanged,
        corners,
        shifted,
        brighter.astype("uint8"),
        np.zeros((4, 4), "uint8"),
        np.eye(4, dtype="uint8"),
    ]


@exercise(
    "1.6d",
    fingerprint=Function(lambda: [(picture,) for picture in [*_views(_PICTURE), *_others()]]),
    hints=(
        "Make all eight views first: four turns, each as it is and mirrored.",
        "Eight views have eight digests. Which of the eight you return must not depend on the view you started from.",
        "`min` of the eight digests is such a choice; so is a digest of all eight, sorted.",
    ),
)
def the_same_for_all_views_and_for_no_other_picture(fingerprint):
    outputs = [r["output"] for r in fingerprint]
    if any(output is None for output in outputs):
        return wrong("Your function gives nothing back. Does it `return` the text?")
    if any(type(output) not in (str, int) for output in outputs):
        return wrong("A fingerprint is one text; your function gives something else.")
    views, others = outputs[:8], outputs[8:]
    if len(set(outputs)) == 1:
        return wrong("All pictures get the same fingerprint. It should tell them apart.")
    apart = len({views[0], *others}) == 1 + len(others)
    if len(set(views)) == 1:
        if apart:
            return right(
                "One name for eight views: now a set can tell which cells stand on both sides of a split."
            )
        if len({views[0], others[0], *others[2:]}) == len(others):
            return wrong(
                "You lay the eight views over each other, pixel by pixel. Two pictures with exchanged corners then look the same: keep the views apart."
            )
        return wrong(
            "Different pictures share a fingerprint. What you keep of the picture forgets where its pixels were, or how bright they are."
        )
    turns, mirrored = views[:4], views[4:]
    if len(set(turns)) == 1 and len(set(mirrored)) == 1:
        return wrong("Turned copies are recognised, mirrored ones are not.")
    if views[0] == views[2] and views[0] in mirrored:
        return wrong("Views that stand upright or on their head are recognised, those on their side are not.")
    if views[0] == views[2]:
        return wrong("Half a turn is recognised, a quarter is not.")
    if all(one == other for one, other in zip(turns, mirrored, strict=True)):
        return wrong("Left and right may be exchanged, but a turned copy gets another fingerprint.")
    if len(set(views)) == 8:
        return wrong("Each of the eight views gets a fingerprint of its own: so far it names the view.")
    return wrong(
        "Some of the eight views of a picture differ in their fingerprints. Compute it for a picture and for each of its views."
    )
