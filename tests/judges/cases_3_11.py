"""Answers to the exercises of lesson 3.11 that its own examples can't have: other right ways, mistakes nobody foresaw."""

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from .harness import Cases, cases

SETTINGS = {"early_stopping": False, "random_state": 0}


def _fit(X, late, signs, **more):
    return HistGradientBoostingClassifier(**{**SETTINGS, **more}, monotonic_cst=signs).fit(X, late)


def _signs(columns, directions):
    return [directions.get(name, 0) for name in columns]


def _by_loop(X, late, columns, directions):
    signs = np.zeros(len(columns), dtype=int)
    for name, direction in directions.items():
        signs[columns.index(name)] = direction
    return HistGradientBoostingClassifier(**SETTINGS, monotonic_cst=signs).fit(X, late)


def _by_lookup(X, late, columns, directions):
    return _fit(X, late, list(map({**dict.fromkeys(columns, 0), **directions}.get, columns)))


def _starred(X, columns, order):
    out = np.array(X)
    for j in columns:
        out[:, j] = X[order, j]
    return out


def _by_ix(X, columns, order):
    out = X.copy()
    out[:, columns] = X[np.ix_(order, columns)]
    return out


def _own_orders(X, columns, order):
    out, rng = X.copy(), np.random.default_rng(1)
    for j in columns:
        out[:, j] = rng.permutation(X[:, j])
    return out


def _by_pandas(bins, steps, count):
    grouped = pd.Series(steps).groupby(bins)
    means = grouped.mean().reindex(range(count), fill_value=0)
    curve = np.append(0, means.cumsum())
    middle = (curve[1:] + curve[:-1]) / 2
    return curve - middle[bins].mean()


def _with_gaps(bins, steps, count):
    means = pd.Series(steps).groupby(bins).mean().reindex(range(count))
    return np.append(0, means.cumsum())


def _by_crosstab(a, b, count, least):
    pairs = pd.crosstab(a, b).reindex(range(count), fill_value=0)
    return (pairs[b] >= least).mean(axis=1)


def _by_loops(a, b, count, least):
    return [float(np.mean([np.sum((a == k) & (b == other)) >= least for other in b])) for k in range(count)]


CASES = {
    "3.11a": Cases(
        right=[{"fit_monotone": _by_loop}, {"fit_monotone": _by_lookup}],
        wrong={
            "what was not late": {"fit_monotone": lambda X, late, c, d: _fit(X, 1 - late, _signs(c, d))},
            "hardly learned": {"fit_monotone": lambda X, late, c, d: _fit(X[:12], late[:12], _signs(c, d))},
            "No direction is kept": {"fit_monotone": lambda X, late, c, d: _fit(X, late, None)},
            "in one order": {"fit_monotone": lambda X, late, c, d: _fit(X, late, [0, 1, -1, 0])},
            "is not kept in every world": {
                "fit_monotone": lambda X, late, c, d: _fit(X, late, [max(s, 0) for s in _signs(c, d)])
            },
            "is held as well": {
                "fit_monotone": lambda X, late, c, d: _fit(X, late, [d.get(n, 1) for n in c])
            },
            "another setting differs": {
                "fit_monotone": lambda X, late, c, d: _fit(X, late, _signs(c, d), max_iter=60)
            },
        },
        invalid={
            "gives nothing back": {"fit_monotone": lambda X, late, c, d: print(end="")},
            "not fitted": {"fit_monotone": lambda X, late, c, d: HistGradientBoostingClassifier()},
            "it should return a HistGradientBoostingClassifier": {
                "fit_monotone": lambda X, late, c, d: RandomForestClassifier(3).fit(X, late)
            },
        },
    ),
    "3.11b": cases(
        "shuffle_together",
        right=[_starred, _by_ix],
        wrong={
            "Some value is another": _own_orders,
            "list of rows of numbers": lambda X, columns, order: X[0],
        },
    ),
    "3.11c": cases(
        "accumulate",
        right=[_by_pandas],
        wrong={
            "A value is missing": _with_gaps,
            "one per edge": lambda bins, steps, count: float(np.mean(steps)),
            "Some edge is elsewhere": lambda bins, steps, count: np.cumsum(np.append(steps[:count], 0)),
        },
    ),
    "3.11d": cases(
        "supported",
        right=[_by_crosstab, _by_loops],
        wrong={
            "between 0 and 1": lambda a, b, count, least: [
                int(sum(np.sum((a == k) & (b == other)) >= least for other in b)) for k in range(count)
            ],
            "list of shares": lambda a, b, count, least: len(a),
            "For some bin": lambda a, b, count, least: [0.5] * (count - 1) + [least / 9],
        },
    ),
}
