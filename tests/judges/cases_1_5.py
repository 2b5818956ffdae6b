"""Answers to the exercises of lesson 1.5."""

import warnings

import numpy as np

from .harness import Cases


def _mislabelled(probability, cut):
    return np.where(probability > cut, 1 - probability, probability).mean()


def _mislabelled_in_two_sums(probability, cut):
    above = probability[probability > cut]
    below = probability[probability <= cut]
    return float(((1 - above).sum() + below.sum()) / len(probability))


def _mean_of_two_means(probability, cut):
    """Forgets that the two sides differ in size; one may even be empty."""
    above, below = probability[probability > cut], probability[probability <= cut]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return ((1 - above).mean() + below.mean()) / 2


def _by(worth, ascending=False):
    """An answer to 1.5c that sorts by a worth of frequency f, headroom h and ease e."""

    def ranked(table):
        worths = worth(table["frequency"], table["headroom"], table["ease"])
        return worths.sort_values(ascending=ascending, kind="stable").index.tolist()

    return ranked


def _in_a_loop(table):
    worth = {tag: row.frequency * row.headroom * row.ease for tag, row in table.iterrows()}
    return sorted(worth, key=worth.get, reverse=True)


TAGS = {
    "errors": {"mono": 0.2, "poly": 0.3, "in doubt": 0.4, "dim": 0.6, "blurred": 0.1, "all cells": 0.7},
    "points": {"mono": 5.0, "poly": 9.0, "in doubt": 4.0, "dim": 3.0, "blurred": 1.0, "all cells": 14.0},
}

CASES = {
    "1.5a": Cases(
        right=[{"mislabelled": _mislabelled}, {"mislabelled": _mislabelled_in_two_sums}],
        wrong={
            "That is the number of cells": {
                "mislabelled": lambda p, cut: np.where(p > cut, 1 - p, p).sum(),
            },
            "share labelled defective": {"mislabelled": lambda p, cut: (p > cut).mean()},
            "the labels that are right": {"mislabelled": lambda p, cut: np.where(p > cut, p, 1 - p).mean()},
            "among the cells called sound only": {
                "mislabelled": lambda p, cut: np.where(p > cut, 0, p).mean()
            },
            "among the cells called defective only": {
                "mislabelled": lambda p, cut: np.where(p > cut, 1 - p, 0).mean()
            },
            "whatever the cut says": {"mislabelled": lambda p, cut: np.minimum(p, 1 - p).mean()},
            "every doubtful cell": {"mislabelled": lambda p, cut: ((p > 0) & (p < 1)).mean()},
            "exactly at the cut": {"mislabelled": lambda p, cut: np.where(p >= cut, 1 - p, p).mean()},
            "mean distance from the cut": {"mislabelled": lambda p, cut: np.abs(p - cut).mean()},
            "That is a percentage": {"mislabelled": lambda p, cut: 100 * _mislabelled(p, cut)},
            "is rounded": {"mislabelled": lambda p, cut: round(float(_mislabelled(p, cut)), 2)},
            "another cut would change": {"mislabelled": lambda p, cut: np.mean((p > cut) != (p > 0.5))},
            "expected share of defective": {"mislabelled": lambda p, cut: p.mean()},
            "the mean of no cells": {"mislabelled": _mean_of_two_means},
            "not a single number": {"mislabelled": lambda p, cut: np.where(p > cut, 1 - p, p)},
        },
    ),
    "1.5b": Cases(
        right=[
            {"threshold": lambda weight, missed: weight / (weight + missed)},
            {"threshold": lambda weight, missed: 1 / (1 + missed / weight)},
        ],
        wrong={
            "without weights": {"threshold": lambda weight, missed: 1 / (1 + missed)},
            "Those are odds": {"threshold": lambda weight, missed: weight / missed},
            "multiply the chance": {"threshold": lambda weight, missed: weight / (1 + missed)},
            "divide the odds": {"threshold": lambda weight, missed: 1 / (1 + weight * missed)},
            "the complement": {"threshold": lambda weight, missed: missed / (weight + missed)},
            "forgets the price": {"threshold": lambda weight, missed: weight / (weight + 1)},
            "That is a percentage": {"threshold": lambda weight, missed: 100 * weight / (weight + missed)},
            "is rounded": {"threshold": lambda weight, missed: round(weight / (weight + missed), 2)},
            "for granted": {
                "threshold": lambda weight, missed: weight * 0.25 / (weight * 0.25 + 0.75),
            },
            "yours rises with it": {
                "threshold": lambda weight, missed: weight * missed / (1 + weight * missed)
            },
            "you take it for odds": {
                "threshold": lambda weight, missed: (weight / (1 + missed)) / (1 + weight / (1 + missed))
            },
            "divide the chance": {"threshold": lambda weight, missed: 1 / (1 + missed) / weight},
            "you cut it there": {"threshold": lambda weight, missed: min(1, weight / (1 + missed))},
            "one weight alone": {"threshold": lambda weight, missed: 0.5},
        },
    ),
    "1.5c": Cases(
        right=[
            {"ranked": _by(lambda f, h, e: f * h * e)},
            {"ranked": _in_a_loop},
            {"ranked": lambda table: (table.points * table.ease).sort_values(ascending=False).index},
        ],
        wrong={
            "turned round": {"ranked": _by(lambda f, h, e: f * h * e, ascending=True)},
            "leave out the ease": {"ranked": _by(lambda f, h, e: f * h)},
            "leave out the frequency": {"ranked": _by(lambda f, h, e: h * e)},
            "leave out the headroom": {"ranked": _by(lambda f, h, e: f * e)},
            "by headroom alone": {"ranked": _by(lambda f, h, e: h)},
            "by frequency alone": {"ranked": _by(lambda f, h, e: f)},
            "by ease alone": {"ranked": _by(lambda f, h, e: e)},
            "add the three": {"ranked": _by(lambda f, h, e: f + h + e)},
            "in the order of the table still": {"ranked": lambda table: table.index.tolist()},
            "That is one tag": {"ranked": lambda table: _in_a_loop(table)[0]},
            "come in twice": {
                "ranked": lambda table: table.prod(axis=1).sort_values(ascending=False).index.tolist()
            },
            "tags are missing": {"ranked": lambda table: _in_a_loop(table)[:2]},
            "stands in your list twice": {"ranked": lambda table: _in_a_loop(table) + _in_a_loop(table)[:1]},
            "a list of tags, as texts": {"ranked": lambda table: table["frequency"] * table["ease"]},
        },
    ),
    "1.5d": Cases(
        given=TAGS,
        right=[{"loudest": "dim", "largest": "in doubt"}, {"loudest": " dim", "largest": "`in doubt` "}],
        wrong={
            "The two are exchanged": {"loudest": "in doubt", "largest": "dim"},
            "Neither is the highest": {"loudest": "blurred", "largest": "blurred"},
            "For `loudest` another": {"loudest": "in doubt", "largest": "in doubt"},
            "For `largest` another": {"loudest": "dim", "largest": "dim"},
            "is a type, or the whole": {"loudest": "dim", "largest": "poly"},
            "is not a tag": {"loudest": "dark", "largest": "in doubt"},
        },
    ),
}
