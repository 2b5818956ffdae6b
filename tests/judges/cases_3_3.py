"""Answers to the exercises of lesson 3.3 that its own examples can't have: other right ways, mistakes nobody foresaw."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from .harness import Cases, cases

# A small year: eleven columns that drift from month to month
_draw = np.random.default_rng(33)
_months = np.repeat(np.arange(1, 13), 20)
_rows = _draw.normal(size=(240, 11)) @ _draw.normal(size=(11, 11)) + 0.3 * _months[:, None] * _draw.normal(
    size=11
)
_late = (_rows[:, 0] + _rows[:, 3] + _draw.normal(size=240) * 3 + (_months > 6) * 2 > 3).astype(int)


def _fitted(known, share=0.9, front_on=None, scale_on=None, late=_late):
    model = make_pipeline(StandardScaler(), PCA(share), LogisticRegression())
    model.fit(_rows[known], late[known])
    if scale_on is not None:
        model[0].fit(_rows[scale_on])
        model[1:].fit(model[0].transform(_rows[known]), late[known])
    if front_on is not None:
        model[:2].fit(_rows[front_on])
        model[2].fit(model[:2].transform(_rows[known]), late[known])
    return model


_past, _all = _months < 7, _months > 0
_made = {
    "right": _fitted(_past), "all": _fitted(_all), "front": _fitted(_past, front_on=_all), "july": _fitted(_months <= 7),
    "june": _fitted(_months == 6), "fewer": _fitted(_past, 0.8), "more": _fitted(_past, 0.95),
    "early": _fitted(_months < 6), "future": _fitted(_months > 6),
}  # fmt: skip
_given = {"numbers": _rows.tolist(), "months": _months.tolist(), "late": _late.tolist()}
_named = Pipeline(
    [("scale", StandardScaler()), ("reduce", PCA(0.9)), ("late", LogisticRegression(max_iter=1000))]
)


def _by_rows(left, right, known):
    out = []
    for a, b in zip(left, right, strict=True):
        pair = f"{a}_{b}"
        out.append("missing" if a is None or b is None else pair if pair in known else "other")
    return out


def _by_sorting(tried, tolerance):
    tried = tried.dropna().sort_values(["cost", "quality"], ascending=[True, False])
    return tried.loc[tried.quality.ge(tried.quality.max() - tolerance), "components"].iloc[0]


def _masked(old, new, sign=lambda product: -1 if product < 0 else 1):
    product = np.abs(old @ new.T)
    out = np.empty_like(new)
    for i in range(len(old)):
        j = product[i].argmax()
        out[i] = new[j] * sign(old[i] @ new[j])
        product[:, j] = -1
    return out


def _assigned(old, new):
    product = old @ new.T
    _, order = linear_sum_assignment(-np.abs(product))
    return new[order] * np.where(product[range(len(old)), order] < 0, -1, 1)[:, None]


def _strictly(tried, tolerance):
    enough = tried[tried.quality > tried.quality.max() - tolerance]
    return int(enough.sort_values(["cost", "quality"], ascending=[True, False]).components.iloc[0])


CASES = {
    "3.3b": cases(
        "cross",
        right=[_by_rows],
        wrong={
            "a value for each row": lambda left, right, known: len(left),
            "Some rows get another": lambda left, right, known: ["other"] * len(left),
        },
    ),
    "3.3a": cases(
        "cheapest",
        right=[_by_sorting],
        wrong={
            "at most": _strictly,
            "Mark those within": lambda tried, tolerance: int(tried.components.iloc[0]),
            "how many components": lambda tried, tolerance: [3],
        },
    ),
    "3.3c": Cases(
        right=[{"front": _made["right"]}, {"front": _named.fit(_rows[_past], _late[_past])}],
        wrong={
            "knows the whole year": {"front": _made["all"]},
            "scaler and PCA saw the whole year": {"front": _made["front"]},
            "Scaling saw the whole year": {"front": _fitted(_past, scale_on=_all)},
            "July's flights are in it": {"front": _made["july"]},
            "June is missing": {"front": _made["early"]},
            "comes after 1 July": {"front": _made["future"]},
            "June alone": {"front": _made["june"]},
            "less than 90 %": {"front": _made["fewer"]},
            "more than the 90 %": {"front": _made["more"]},
            "turned round": {"front": _fitted(_past, late=1 - _late)},
            "Which rows was it fitted on": {"front": _fitted(_months > 9)},
            "other columns": {
                "front": make_pipeline(StandardScaler(), PCA(0.9), LogisticRegression()).fit(
                    _rows[:, :5], _late
                )
            },
        },  # fmt: skip
        given=_given,
        invalid={
            "is not fitted": {"front": make_pipeline(StandardScaler(), PCA(0.9), LogisticRegression())},
            "should be a scikit-learn": {"front": PCA()},
            "it should have StandardScaler": {"front": make_pipeline(PCA(0.9), LogisticRegression())},
        },
    ),
    "3.3d": cases(
        "steady",
        right=[_masked],
        wrong={
            "list of rows of numbers": lambda old, new: new[0],
            "Some row is another": lambda old, new: new[::-1],
            "from the first on": _assigned,
            "is erased": lambda old, new: _masked(old, new, np.sign),
        },
    ),
}
