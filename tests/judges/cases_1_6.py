"""Answers to the exercises of lesson 1.6."""

import hashlib

import numpy as np

from .harness import Cases


def _paired(new, old):
    differences = np.array([new[fold] - old[fold] for fold in new if fold in old])
    return differences.mean(), differences.std(ddof=1) / np.sqrt(len(differences))


def _paired_pandas(new, old):
    import pandas as pd

    differences = (pd.Series(new) - pd.Series(old)).dropna()
    return [differences.mean(), differences.sem()]


def _values(new, old):
    return np.array([new[fold] - old[fold] for fold in set(new) & set(old)])


def _by_place(new, old):
    differences = np.array([a - b for a, b in zip(new.values(), old.values(), strict=False)])
    return differences.mean(), differences.std(ddof=1) / np.sqrt(len(differences))


def _two_averages(new, old):
    return np.mean(list(new.values())) - np.mean(list(old.values())), _paired(new, old)[1]


def _unpaired(new, old):
    shared = [fold for fold in new if fold in old]
    a, b = np.array([new[f] for f in shared]), np.array([old[f] for f in shared])
    return (a - b).mean(), np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))


def _bars(given, chance):
    return chance[given == 1].mean(), (1 - chance[given == 0]).mean()


def _suspects(given, chance):
    defective = given == 1
    threshold = {1: chance[defective].mean(), 0: (1 - chance[~defective]).mean()}
    return np.where(defective, 1 - chance >= threshold[0], chance >= threshold[1])


def _suspects_in_a_loop(given, chance):
    one, zero = _bars(given, chance)
    return [bool(p >= one) if y == 0 else bool(1 - p >= zero) for y, p in zip(given, chance, strict=True)]


def _swapped(given, chance):
    one, zero = _bars(given, chance)
    return np.where(given == 1, 1 - chance >= one, chance >= zero)


def _own(given, chance):
    one, zero = _bars(given, chance)
    return np.where(given == 1, chance < one, 1 - chance < zero)


def _strict(given, chance):
    one, zero = _bars(given, chance)
    return np.where(given == 1, 1 - chance > zero, chance > one)


def _sure(given, chance):
    one, zero = _bars(given, chance)
    return np.where(given == 1, chance >= one, 1 - chance >= zero)


def _any_label(given, chance):
    one, zero = _bars(given, chance)
    return (chance >= one) | (1 - chance >= zero)


def _digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:8]


def _fingerprint(picture):
    turned = [np.rot90(picture, quarter) for quarter in range(4)]
    return min(_digest(view) for one in turned for view in (one, one[:, ::-1]))


def _all_sorted(picture):
    views = [np.rot90(one, k) for one in (picture, picture.T) for k in range(4)]
    return " ".join(sorted(_digest(view) for view in views))


def _smallest_list(picture):
    return str(min(np.rot90(one, k).tolist() for one in (picture, np.fliplr(picture)) for k in range(4)))


CASES = {
    "1.6a": Cases(
        right=[
            {"paired": _paired},
            {"paired": _paired_pandas},
            {"paired": lambda new, old: np.array(_paired(new, old))},
        ],
        wrong={
            "nothing back": {"paired": lambda new, old: None if _paired(new, old)[0] > 0 else (0, 0)},
            "Asked are two numbers": {"paired": lambda new, old: _paired(new, old)[0]},
            "sign is turned round": {"paired": lambda new, old: _paired(old, new)},
            "pair by place": {"paired": _by_place},
            "compare two averages": {"paired": _two_averages},
            "sum of the differences": {
                "paired": lambda new, old: (_values(new, old).sum(), _paired(new, old)[1])
            },
            "Try three folds by hand": {
                "paired": lambda new, old: (np.median(_values(new, old)), _paired(new, old)[1])
            },
            "the mean comes first": {"paired": lambda new, old: _paired(new, old)[::-1]},
            "drop the signs": {
                "paired": lambda new, old: (np.abs(_values(new, old)).mean(), _paired(new, old)[1])
            },
            "the root of n − 1": {
                "paired": lambda new, old: (
                    _values(new, old).mean(),
                    _values(new, old).std(ddof=1) / np.sqrt(len(_values(new, old)) - 1),
                )
            },
            "that only one dict has": {
                "paired": lambda new, old: (
                    _values(new, old).mean(),
                    _values(new, old).std(ddof=1) / np.sqrt(len(new)),
                )
            },
            "without the 1.96": {
                "paired": lambda new, old: (_paired(new, old)[0], 1.96 * _paired(new, old)[1])
            },
            "not paired": {"paired": _unpaired},
            "too confident": {
                "paired": lambda new, old: (
                    _values(new, old).mean(),
                    _values(new, old).std() / np.sqrt(len(_values(new, old))),
                )
            },
            "single differences vary": {
                "paired": lambda new, old: (_values(new, old).mean(), _values(new, old).std(ddof=1))
            },
            "divided by its root": {
                "paired": lambda new, old: (
                    _values(new, old).mean(),
                    _values(new, old).std(ddof=1) / len(_values(new, old)),
                )
            },
            "That is a variance": {
                "paired": lambda new, old: (_paired(new, old)[0], _paired(new, old)[1] ** 2)
            },
            "the second number": {"paired": lambda new, old: (_paired(new, old)[0], 0.0)},
        },
    ),
    "1.6b": Cases(
        right=[
            {"suspects": _suspects},
            {"suspects": _suspects_in_a_loop},
            {"suspects": lambda given, chance: _suspects(given, chance).astype(int)},
        ],
        wrong={
            "nothing back": {"suspects": lambda given, chance: None if len(given) > 4 else given},
            "for each cell; your function": {
                "suspects": lambda given, chance: int(_suspects(given, chance).sum())
            },
            "you give positions": {
                "suspects": lambda given, chance: np.flatnonzero(_suspects(given, chance))
            },
            "A defective label may be wrong": {
                "suspects": lambda given, chance: (given == 0) & (chance >= _bars(given, chance)[0])
            },
            "A sound label may be wrong": {
                "suspects": lambda given, chance: (given == 1) & (1 - chance >= _bars(given, chance)[1])
            },
            "cut at one half": {"suspects": lambda given, chance: (chance >= 0.5) != (given == 1)},
            "equals the threshold": {"suspects": _strict},
            "its own label": {"suspects": _own},
            "exchanged the two": {"suspects": _swapped},
            "label it carries": {"suspects": _any_label},
            "array is turned round": {"suspects": lambda given, chance: ~_suspects(given, chance)},
            "needs its False": {
                "suspects": lambda given, chance: [True] * int(_suspects(given, chance).sum())
            },
            "sure of the label they carry": {"suspects": _sure},
            "average the chance of 1": {
                "suspects": lambda given, chance: np.where(
                    given == 1, 1 - chance >= chance[given == 0].mean(), chance >= chance[given == 1].mean()
                )
            },
            "mean over all cells": {
                "suspects": lambda given, chance: np.where(
                    given == 1, chance <= chance.mean(), chance >= chance.mean()
                )
            },
            "the same of every cell": {"suspects": lambda given, chance: np.zeros(len(given), bool)},
            "by hand for four cells": {"suspects": lambda given, chance: chance >= chance.mean()},
        },
    ),
    "1.6c": Cases(
        right=[
            {"breaks_label": {"cropped", "blurred", "inverted"}},
            {"breaks_label": ["inverted", "cropped", "blurred", "cropped"]},
        ],
        wrong={
            "None at all": {"breaks_label": set()},
            "no change": {"breaks_label": {"as it is", "inverted"}},
            "not the name": {"breaks_label": {"crop", "blurred", "inverted"}},
            "has no top": {"breaks_label": {"turned", "cropped", "blurred", "inverted"}},
            "more or less exposure": {"breaks_label": {"brighter", "cropped", "blurred", "inverted"}},
            "in a corner": {"breaks_label": {"blurred", "inverted"}},
            "thin as a pixel": {"breaks_label": {"cropped", "inverted"}},
            "what dark means": {"breaks_label": {"cropped", "blurred"}},
        },
    ),
    "1.6d": Cases(
        right=[
            {"fingerprint": _fingerprint},
            {"fingerprint": _all_sorted},
            {"fingerprint": _smallest_list},
        ],
        wrong={
            "nothing back": {"fingerprint": lambda picture: None if picture[0, 0] else "dark"},
            "one text": {"fingerprint": lambda picture: [_digest(picture)]},
            "same fingerprint": {"fingerprint": lambda picture: "cell"},
            "forgets where": {"fingerprint": lambda picture: _digest(np.sort(picture, axis=None))},
            "over each other": {
                "fingerprint": lambda picture: _digest(
                    sum(np.rot90(one, k).astype(int) for one in (picture, picture.T) for k in range(4))
                )
            },
            "mirrored ones are not": {
                "fingerprint": lambda picture: min(_digest(np.rot90(picture, k)) for k in range(4))
            },
            "Left and right": {
                "fingerprint": lambda picture: min(_digest(picture), _digest(picture[:, ::-1]))
            },
            "on their side": {
                "fingerprint": lambda picture: min(
                    _digest(view) for view in (picture, picture[::-1], picture[:, ::-1], picture[::-1, ::-1])
                )
            },
            "a quarter is not": {
                "fingerprint": lambda picture: min(_digest(picture), _digest(picture[::-1, ::-1]))
            },
            "names the view": {"fingerprint": _digest},
            "Some of the eight views": {
                "fingerprint": lambda picture: min(_digest(picture), _digest(picture.T))
            },
        },
    ),
}
