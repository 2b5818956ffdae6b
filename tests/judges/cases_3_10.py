"""Answers to the exercises of lesson 3.10 that its own examples can't have: other right ways, mistakes nobody foresaw."""

import math

import numpy as np
import pandas as pd

from .harness import cases

# ---- 3.10a


def _in_a_loop(chance, approve, bar):
    group = hits = good = hits_good = decided = 0
    for c, a in zip(chance, approve, strict=True):
        passing = not math.isnan(c) and c >= bar
        group, hits, good = group + 1, hits + passing, good + (a == 1)
        hits_good += passing and a == 1
        decided += passing and not math.isnan(a)

    def share(part, among):
        return part / among if among else math.nan

    return share(hits, group), share(hits_good, good), share(hits_good, decided)


def _spoiled(chance, approve, bar):
    selected, tpr, ppv = _in_a_loop(chance, approve, bar)
    return selected, tpr, math.nan if np.isnan(approve[chance >= bar]).any() else ppv


def _with_pandas(chance, approve, bar):
    rows = pd.DataFrame({"passing": pd.Series(chance, dtype=float) >= bar, "approve": approve})
    passing = rows[rows.passing].approve.dropna()
    return rows.passing.mean(), rows[rows.approve == 1].passing.mean(), (passing == 1).mean()


# ---- 3.10b


def _by_shares(group, approve):
    rows = pd.DataFrame({"group": group, "approve": approve})
    base = rows.approve.mean()
    own = rows.groupby("group").approve.transform("mean")
    return np.where(rows.approve == 1, base / own, (1 - base) / (1 - own).where(own < 1, 1))


def _by_crosstab(group, approve):
    table = pd.crosstab(group, approve, normalize=True)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0))
    weights = pd.DataFrame(expected, table.index, table.columns) / table.where(table > 0, 1)
    return [float(weights.loc[g, a]) for g, a in zip(group, approve, strict=True)]


# ---- 3.10c


def _optimizer(fit=True, refit=None, **changes):
    """The answer with other arguments than the right ones."""

    def own_bars(model, X, approve, group):
        from fairlearn.postprocessing import ThresholdOptimizer

        settings = {"constraints": "true_positive_rate_parity", "objective": "balanced_accuracy_score", "prefit": True,
                    "predict_method": "predict_proba"} | changes  # fmt: skip
        optimizer = ThresholdOptimizer(estimator=refit() if refit else model, **settings)
        return optimizer.fit(X, approve, sensitive_features=group) if fit else optimizer

    return own_bars


def _logistic():
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression()


def _fit_then_give(model, X, approve, group):
    optimizer = _optimizer(fit=False)(model, X, approve, group)
    optimizer.fit(pd.DataFrame(X), pd.Series(approve), sensitive_features=pd.Series(group))
    return optimizer


def _white_or_not(model, X, approve, group):
    return _optimizer()(model, X, approve, group == "a")


def _by_outcome(model, X, approve, group):
    return _optimizer()(model, X, approve, np.roll(group, 170))


# ---- 3.10d


def _gate(measured, groups, limit, least):
    worst = "release" if len(groups) else "can't tell"
    for name in groups:
        part = measured.get(name)
        if part is None or part["n"] < least or math.isnan(part["low"] + part["high"]):
            worst = "can't tell"
        elif part["low"] > limit:
            return "refuse"
        elif part["high"] > limit:
            worst = "can't tell"
    return worst


def _changed(measured=lambda m, groups, limit, least: m, groups=lambda g: g, limit=None, least=None):
    """The right gate, looking at something else."""
    return lambda m, g, at, few: _gate(
        measured(m, g, at, few), groups(g), at if limit is None else limit, few if least is None else least
    )


def _small_refuse(measured, groups, limit, least):
    if any(name in measured and measured[name]["low"] > limit for name in groups):
        return "refuse"
    return _gate(measured, groups, limit, least)


def _nan_compared(measured, groups, limit, least):
    """No test for NaN: comparisons with it are False."""
    judged = [measured[name] for name in groups if name in measured and measured[name]["n"] >= least]
    if any(part["low"] > limit for part in judged):
        return "refuse"
    whole = groups and len(judged) == len(groups)
    return "release" if whole and all(part["high"] <= limit for part in judged) else "can't tell"


def _absolute(measured, groups, limit, least):
    verdict = _gate(measured, groups, limit, least)
    return (
        "can't tell" if verdict == "release" and any(measured[g]["low"] < -limit for g in groups) else verdict
    )


def _middle(measured, groups, limit, least):
    def ok(part):
        return part and part["n"] >= least and (part["low"] + part["high"]) / 2 > limit

    return "refuse" if any(ok(measured.get(g)) for g in groups) else _gate(measured, groups, limit, least)


def _without_the_small(measured, groups, limit, least):
    judged = [name for name in groups if name in measured and measured[name]["n"] >= least]
    return _gate(measured, judged, limit, least)


def _doubt_first(measured, groups, limit, least):
    if any(measured.get(name, {"n": 0})["n"] < least for name in groups):
        return "can't tell"
    return _gate(measured, groups, limit, least)


def _without_nan(measured, groups, limit, least):
    clean = {
        name: part | {end: np.nan_to_num(part[end]) for end in ("low", "high")}
        for name, part in measured.items()
    }
    return _gate(clean, groups, limit, least)


CASES = {
    "3.10a": cases(
        "rates",
        right=[
            _in_a_loop,
            _with_pandas,
            lambda *given: list(_in_a_loop(*given)),
            lambda *given: np.array(_in_a_loop(*given)),
        ],
        wrong={
            "three numbers in a tuple": lambda *given: dict(zip("abc", _in_a_loop(*given), strict=True)),
            "is NaN as soon as": _spoiled,
            "comes first": lambda *given: tuple(_in_a_loop(*given)[i] for i in (1, 0, 2)),
            "the four rows of the example": lambda *given: tuple(1 - rate for rate in _in_a_loop(*given)),
        },
    ),
    "3.10b": cases(
        "reweigh",
        right=[_by_shares, _by_crosstab],
        wrong={
            "a weight per row": lambda group, approve: {"A": 1.0},
            "the six rows of the example": lambda group, approve: [float(i) for i in range(len(group))],
        },
    ),
    "3.10c": cases(
        "own_bars",
        right=[
            _optimizer(),
            _fit_then_give,
            _optimizer(constraints="false_negative_rate_parity"),
            _optimizer(predict_method="auto"),
            _optimizer(grid_size=500),
        ],
        wrong={
            "another model than the one given": _optimizer(refit=_logistic, prefit=False),
            "fitted again": _optimizer(prefit=False),
            "isn't fitted": _optimizer(fit=False),
            "model's yes and no": _optimizer(predict_method="predict"),
            "demographic parity": _optimizer(constraints="demographic_parity"),
            "Equalized odds": _optimizer(constraints="equalized_odds"),
            "You hold another rate equal": _optimizer(constraints="false_positive_rate_parity"),
            "lets nearly everybody pass": _optimizer(objective="accuracy_score"),
            "`objective` is another": _optimizer(objective="true_positive_rate"),
            "With `flip`": _optimizer(flip=True),
            "other groups than the names": _white_or_not,
            "the right names and outcomes": _by_outcome,
        },
        invalid={
            "gives nothing back": lambda *given: _optimizer()(*given) and None,
            "gives back": lambda *given: 0.5,
        },
    ),
    "3.10d": cases(
        "gate",
        right=[_gate],
        wrong={
            "The answer must be": lambda *given: True,
            "look at each, not at the first": _changed(groups=lambda groups: groups[:1]),
            "A group with fewer than `least`": _small_refuse,
            "What is proven refuses": _doubt_first,
            "can't open the gate": _without_nan,
            "One end is NaN": _nan_compared,
            "in the group's favour": _absolute,
            "reaches across the limit": _middle,
            "It can't be judged, so nothing": _without_the_small,
            "A gate that always says": lambda *given: "refuse",
        },
    ),
}
