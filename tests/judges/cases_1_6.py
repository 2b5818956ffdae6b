"""Answers to the exercises of lesson 1.6."""

import hashlib

import numpy as np
import pandas as pd

from .harness import cases


def _paired(new, old):
    differences = (pd.Series(new) - pd.Series(old)).dropna()
    return [differences.mean(), differences.sem()]


def _median(new, old):
    return (pd.Series(new) - pd.Series(old)).median(), _paired(new, old)[1]


def _unpaired(new, old):
    runs = pd.DataFrame({"new": new, "old": old}).dropna()
    return (runs["new"] - runs["old"]).mean(), np.sqrt((runs.var() / len(runs)).sum())


def _bars(given, chance):
    return chance[given == 1].mean(), (1 - chance[given == 0]).mean()


def _suspects(given, chance):
    one, zero = _bars(given, chance)
    return ((given == 0) & (chance >= one)) | ((given == 1) & (1 - chance >= zero))


def _suspects_in_a_loop(given, chance):
    one, zero = _bars(given, chance)
    return [bool(p >= one) if y == 0 else bool(1 - p >= zero) for y, p in zip(given, chance, strict=True)]


def _of_the_other(given, chance):
    bar = {1: chance[given == 1].mean(), 0: chance[given == 0].mean()}
    return np.where(given == 1, 1 - chance >= bar[0], chance >= bar[1])


def _digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:8]


def _all_sorted(picture):
    views = [np.rot90(one, k) for one in (picture, picture.T) for k in range(4)]
    return " ".join(sorted(_digest(view) for view in views))


def _smallest_list(picture):
    return str(min(np.rot90(one, k).tolist() for one in (picture, np.fliplr(picture)) for k in range(4)))


def _mean_view(picture):
    return _digest(sum(np.rot90(one, k).astype(int) for one in (picture, picture.T) for k in range(4)))


CASES = {
    "1.6a": cases(
        "paired",
        right=[_paired, lambda new, old: np.array(_paired(new, old))],
        wrong={
            "nothing back": lambda new, old: None if _paired(new, old)[0] > 0 else (0, 0),
            "Asked are two numbers": lambda new, old: _paired(new, old)[0],
            "Try three folds by hand": _median,
            "not paired": _unpaired,
            "the second number is not": lambda new, old: (_paired(new, old)[0], 0.0),
        },
    ),
    "1.6b": cases(
        "suspects",
        right=[_suspects, _suspects_in_a_loop, lambda *given: _suspects(*given).astype(int)],
        wrong={
            "nothing back": lambda given, chance: None if len(given) > 4 else given,
            "for each cell; your function": lambda *given: int(_suspects(*given).sum()),
            "you give positions": lambda *given: np.flatnonzero(_suspects(*given)),
            "needs its False": lambda *given: [True] * int(_suspects(*given).sum()),
            "average the chance of 1": _of_the_other,
            "by hand for four cells": lambda given, chance: chance >= chance.mean(),
        },
    ),
    "1.6c": cases(
        "breaks_label",
        right=[["inverted", "cropped", "blurred", "cropped"]],
        wrong={"`` is not the name": {"", "cropped", "blurred", "inverted"}},
    ),
    "1.6d": cases(
        "fingerprint",
        right=[_all_sorted, _smallest_list],
        wrong={
            "nothing back": lambda picture: None if picture[0, 0] else "dark",
            "one text": lambda picture: [_digest(picture)],
            "over each other": _mean_view,
            "Python's own `hash`": lambda picture: str(min(hash(view) for view in _all_sorted(picture).split())),
            "forgets where": lambda picture: _digest(np.sort(picture, axis=None)),
        },
    ),
}
