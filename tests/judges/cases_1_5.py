"""Answers to the exercises of lesson 1.5."""

import warnings

import numpy as np

from .harness import Cases, cases


def _mislabelled_in_two_sums(probability, cut):
    above, below = probability[probability > cut], probability[probability <= cut]
    return float(((1 - above).sum() + below.sum()) / len(probability))


def _mean_of_two_means(probability, cut):
    """Forgets that the two sides differ in size; one may even be empty."""
    above, below = probability[probability > cut], probability[probability <= cut]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return ((1 - above).mean() + below.mean()) / 2


def _order(worths):
    return worths.sort_values(ascending=False, kind="stable").index.tolist()


def _in_a_loop(table):
    worth = {tag: row.frequency * row.headroom * row.ease for tag, row in table.iterrows()}
    return sorted(worth, key=worth.get, reverse=True)


TAGS = {
    "errors": {"mono": 0.2, "poly": 0.3, "in doubt": 0.4, "dim": 0.6, "blurred": 0.1, "all cells": 0.7},
    "points": {"mono": 5.0, "poly": 9.0, "in doubt": 4.0, "dim": 3.0, "blurred": 1.0, "all cells": 14.0},
}

CASES = {
    "1.5a": cases(
        "mislabelled",
        right=[
            lambda probability, cut: np.where(probability > cut, 1 - probability, probability).mean(),
            _mislabelled_in_two_sums,
        ],
        wrong={
            "the mean of no cells": _mean_of_two_means,
            "not a single number": lambda p, cut: np.where(p > cut, 1 - p, p),
            "Add up, over all cells": lambda p, cut: (p * (1 - p)).mean(),
        },
    ),
    "1.5b": cases(
        "threshold",
        right=[lambda weight, missed: 1 / (1 + missed / weight)],
        wrong={
            "for granted": lambda weight, missed: weight * 0.25 / (weight * 0.25 + 0.75),
            "you take it for odds": lambda weight, missed: (
                (weight / (1 + missed)) / (1 + weight / (1 + missed))
            ),
            "A threshold is a single number": lambda weight, missed: [weight, missed],
            "they lie outside 0 to 1": lambda weight, missed: float(np.log(weight / missed)),
            "and back to a chance": lambda weight, missed: (weight / (weight + missed)) ** 0.5,
        },
    ),
    "1.5c": cases(
        "ranked",
        right=[_in_a_loop, lambda table: (table.points * table.ease).sort_values(ascending=False).index],
        wrong={
            "That is one tag": lambda table: _in_a_loop(table)[0],
            "a list of tags, as texts": lambda table: table["frequency"] * table["ease"],
            "tags are missing": lambda table: _in_a_loop(table)[:2],
            "stands in your list twice": lambda table: _in_a_loop(table) + _in_a_loop(table)[:1],
            "come in twice": lambda table: _order(table.prod(axis=1)),
            "multiply them by one of the two again": lambda table: _order(table.points * table.frequency),
            "another one than that of": lambda table: sorted(table.index, key=lambda tag: tag[::-1]),
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
