"""Answers to the exercises of lesson 3.1 that its own examples can't have: other right ways, mistakes nobody foresaw."""

import contextlib
import io
import pathlib
import tempfile

import keras_tuner as kt
import numpy as np

from .harness import cases


def _space(rate=None, units=None, layers=None, l2=None, more=None):
    """A space that does one thing otherwise."""

    def space(hp):
        (rate or (lambda hp: hp.Float("learning_rate", 1e-4, 10.0, sampling="log")))(hp)
        (units or (lambda hp: hp.Choice("units", [4, 8, 16])))(hp)
        (layers or (lambda hp: hp.Int("layers", 1, 2)))(hp)
        (l2 or (lambda hp: hp.Choice("l2", [0.0, 0.001])))(hp)
        return (more or (lambda hp: None))(hp)

    return space


def _by_hyperparameters_of_another_kind(hp):
    hp.Choice("l2", values=[0.001, 0.0])
    hp.Choice("layers", [1, 2])
    hp.Int("units", min_value=4, max_value=16, step=2, sampling="log")
    hp.Float("learning_rate", min_value=0.0001, max_value=10, sampling="log", default=1e-3)


def _never_named(hp):
    return {"learning_rate": [1e-4, 10], "units": [4, 8, 16], "layers": [1, 2], "l2": [0, 0.001]}


# What the notebook has: the tuner of the lesson, its goal, the space


class _Search(kt.Tuner):
    def __init__(self, oracle, ask, **folder):
        self.ask = ask
        with contextlib.redirect_stdout(io.StringIO()):
            super().__init__(oracle=oracle, **folder)

    def run_trial(self, trial, **options):
        values = trial.hyperparameters.values
        return self.ask(values, values.get("tuner/epochs", 27))


_GOAL = kt.Objective("val_loss", "min")


def _oracle(trials=12, seed=7, kind=kt.oracles.RandomSearchOracle, **space):
    hp = kt.HyperParameters()
    _space(**space)(hp)
    return kind(_GOAL, max_trials=trials, hyperparameters=hp, seed=seed)


def _best(tuner):
    return tuner.get_best_hyperparameters()[0].values


def _go_on(oracle=_oracle, best=_best, name="night", place=None, **options):
    """A search that does one thing otherwise."""

    def go_on(ask, folder):
        tuner = _Search(oracle(), ask, directory=place or folder, project_name=name, **options)
        tuner.search(verbose=0)
        return best(tuner)

    return go_on


def _best_trial_by_hand(ask, folder):
    tuner = _Search(_oracle(), ask, directory=folder, project_name="night")
    tuner.search(verbose=0)
    trials = tuner.oracle.trials.values()
    return dict(min(trials, key=lambda trial: trial.score).hyperparameters.values)


def _elsewhere(ask, folder):
    with tempfile.TemporaryDirectory() as own:
        return _go_on(place=own)(ask, folder)


def _catches(ask, folder):
    try:
        return _go_on()(ask, folder)
    except BaseException:  # noqa: BLE001 - the mistake itself
        return _go_on()(ask, folder)


def _unseeded(ask, folder):
    return _go_on(lambda: _oracle(seed=None))(ask, folder)


def _seed_by_folder(ask, folder):
    # A fresh seed for each folder: what goes on is not what would have been
    return _go_on(lambda: _oracle(seed=1 + sum(map(ord, folder)) % 9973))(ask, folder)


def _never_asks(ask, folder):
    return _best_of_nothing(_Search(_oracle(), ask, directory=folder, project_name="night"))


def _best_of_nothing(tuner):
    return {}


def _highest(tuner):
    return max(tuner.oracle.trials.values(), key=lambda trial: trial.score).hyperparameters.values


def _asks_again_when_done(ask, folder):
    tuner = _Search(_oracle(), ask, directory=folder, project_name="night")
    if not tuner.remaining_trials:
        ask(_best(tuner), 27)
    tuner.search(verbose=0)
    return _best(tuner)


def _only_the_rest(ask, folder):
    # Takes `max_trials` for those still to come
    kept = len(list(pathlib.Path(folder).glob("night/trial_*/trial.json")))
    return _go_on(lambda: _oracle(12 - kept))(ask, folder)


def _best_of_this_call(ask, folder):
    told = []

    def noted(values, epochs):
        told.append((ask(values, epochs), values))
        return told[-1][0]

    best = _go_on()(noted, folder)
    return min(told, key=lambda pair: pair[0])[1] if told else best


# 3.1b and 3.1d


def _recursive(most, factor):
    def rounds(configurations, at):
        rest = [] if at * factor > most * (1 + 1e-9) else rounds(configurations // factor, at * factor)
        return [(configurations, at), *rest]

    s_max = sum(1 for k in range(1, 64) if factor**k <= most)
    return [
        rounds(-(-(s_max + 1) * factor**s // (s + 1)), most / factor**s) for s in reversed(range(s_max + 1))
    ]


def _with_numpy(most, factor):
    top = int(np.floor(np.log(most) / np.log(factor) + 1e-9))
    return [
        [
            (
                int(np.ceil((top + 1) / (s + 1) * factor**s - 1e-9) // factor**i),
                most * float(factor) ** (i - s),
            )
            for i in range(s + 1)
        ]
        for s in range(top, -1, -1)
    ]


def _in_a_loop(first, later, n):
    chosen, after = [], []
    for start in range(0, len(first) - len(first) % n, n):
        k = start
        for i in range(start, start + n):
            if first[i] > first[k]:
                k = i
        chosen.append(first[k])
        after.append(later[k])
    return np.mean(chosen), np.mean(after)


def _with_pandas(first, later, n):
    import pandas as pd

    table = pd.DataFrame({"first": first, "later": later}).iloc[: len(first) // n * n].reset_index(drop=True)
    best = table.groupby(table.index // n)["first"].idxmax()
    return [table["first"][best].mean(), table.later[best].mean()]


CASES = {
    "3.1a": cases(
        "space",
        right=[_space(), _by_hyperparameters_of_another_kind],
        wrong={
            "Nothing was registered": _never_named,
            "`learning_rate` is missing": _space(rate=lambda hp: hp.Float("lr", 1e-4, 10.0, sampling="log")),
            "a hyperparameter too many": _space(more=lambda hp: hp.Boolean("batch_norm")),
            "that are no numbers": _space(units=lambda hp: hp.Choice("units", ["4", "8", "16"])),
            "only a few values": _space(
                rate=lambda hp: hp.Choice("learning_rate", [1e-4, 1e-3, 0.1, 1.0, 10.0])
            ),
            "lie outside": _space(rate=lambda hp: hp.Float("learning_rate", 1e-5, 10.0, sampling="log")),
            "as on a linear scale": _space(rate=lambda hp: hp.Float("learning_rate", 1e-4, 10.0)),
            "leave out a part": _space(rate=lambda hp: hp.Float("learning_rate", 1e-4, 4.0, sampling="log")),
            "Some learning rates drawn are no": _space(
                rate=lambda hp: hp.Choice("learning_rate", ["0.0001", "0.01", "1"])
            ),
            "`units` takes values that were not": _space(units=lambda hp: hp.Int("units", 4, 16)),
            "`layers` never takes": _space(layers=lambda hp: hp.Int("layers", 1, 1)),
        },
    ),
    "3.1b": cases(
        "brackets",
        right=[_recursive, _with_numpy],
        wrong={
            "a list of brackets": lambda most, factor: [
                [n, at] for b in _recursive(most, factor) for n, at in b
            ],
            "Do (9, 3) by hand": lambda most, factor: [
                [(n + 1, at) for n, at in b] for b in _recursive(most, factor)
            ],
        },
    ),
    "3.1c": cases(
        "go_on",
        right=[_go_on(overwrite=False), _best_trial_by_hand],
        wrong={
            "begins anew": _go_on(overwrite=True),
            "never asks": _never_asks,
            "24 times": _go_on(lambda: _oracle(24)),
            "Catch nothing": _catches,
            "other values than one that nobody disturbed. Has": _seed_by_folder,
            "another call must ask nothing": _asks_again_when_done,
            "Missing are the fifth trial": _only_the_rest,
            "returns other values than": _best_of_this_call,
            "gives nothing back": _go_on(best=lambda tuner: None),
            "no dict of values": _go_on(best=lambda tuner: tuner.get_best_hyperparameters()[0]),
            "smaller it is": _go_on(best=_highest),
            "See `project_name`": _go_on(name="search"),
            "Asked is a random search": _go_on(lambda: _oracle(kind=kt.oracles.BayesianOptimizationOracle)),
            "another space than yours": _go_on(
                lambda: _oracle(rate=lambda hp: hp.Float("learning_rate", 1e-4, 10.0))
            ),
            "another seed than the task": _go_on(lambda: _oracle(seed=8)),
        },
    ),
    "3.1d": cases(
        "best_of",
        right=[_in_a_loop, _with_pandas],
        wrong={
            "Asked are two numbers": lambda first, later, n: _in_a_loop(first, later, n)[0],
            "Do the four rows": lambda first, later, n: (_in_a_loop(first, later, n)[0], np.mean(later)),
        },
    ),
}
