"""How the exercises of lesson 3.3 are judged."""

import functools
import itertools
import json

from helpers.exercises.kit import Made, exercise
from helpers.exercises.plain import NotData
from helpers.exercises.rules import function
from helpers.exercises.signs import CONSTANT, NOTHING, close, listed, number, unless


def _pairs():
    import pandas as pd

    known = {"EWR_18", "JFK_6", "nan_6", "LGA_None", "None_7"}
    return [(pd.Series(left, dtype=object), pd.Series(right, dtype=object), known) for left, right in [
        (["EWR", "JFK"], ["18", "6"]), (["JFK", "EWR", "LGA"], ["18", "18", "6"]),
        (["LGA", None], ["18", "6"]),
        (["LGA", None], [None, "7"]), (["18"], ["EWR"]), ([], []),
    ]]  # fmt: skip


def _pair(left, right, known, joint="_", other="other", missing="missing", gap=True):
    return [
        missing if gap and (a is None or b is None)
        else f"{a}{joint}{b}" if f"{a}_{b}" in known or other is None else other
        for a, b in zip(left, right, strict=True)
    ]  # fmt: skip


function(
    "3.3b", "cross", _pairs,
    odd={
        "Your function gives nothing back. Does it `return` the column?": NOTHING,
        "Asked is a list or a Series of text, a value for each row.":
            unless(listed(lambda item: type(item) is str)),
    },
    rule=_pair,
    said="A pair that training has hardly seen shares a column with others like it, and a gap is "
    "a value of its own.",
    mistakes={
        "A pair that is not in `known` keeps its name in yours. The model has no weight for it.":
            lambda left, right, known: _pair(left, right, known, other=None),
        "A gap is no unknown pair: the task has a name of its own for it.":
            lambda left, right, known: _pair(left, right, known, missing="other"),
        "A gap became text, and text joins with anything. Ask for gaps first.":
            lambda left, right, known: _pair(left, right, known, gap=False),
        "The two stand the wrong way round: `left` comes first.":
            lambda left, right, known: _pair(right, left, known),
        "The two are joined by an underscore.":
            lambda left, right, known: _pair(left, right, known, joint=""),
        "Your function gives the same for every table.": CONSTANT,
    },
    otherwise="Some rows get another value. Go through a short table by hand.",
    hints=(
        "Three questions for each row, in this order: is one missing, is the pair known, what remains?",
        "`pair.where(pair.isin(known), \"other\")`, then `.mask(left.isna() | right.isna(), \"missing\")`.",
    ),
)  # fmt: skip


def _trials():
    import pandas as pd

    gap = float("nan")
    return [(pd.DataFrame(rows, columns=["components", "quality", "cost"]), tolerance) for rows,
        tolerance in [
        ([(48, 0.875, 3552), (16, 0.75, 1184), (8, 0.5, 592)], 0.125),
        ([(8, 0.5, 592), (16, 0.75, 1184), (48, 0.875, 3552)], 0.0625),
        ([(4, gap, 296), (8, 0.5, 592), (16, 0.75, 1184)], 0.25),
        ([(8, 0.75, 100), (16, 0.875, 100), (12, 0.8125, 100)], 0.25),
        ([(10, 0.75, 900), (20, 0.875, 300), (30, 1.0, 600)], 0.25),
        ([(4, 0.375, 10), (6, 0.5, 50)], 0.1875),
        ([(2, 0.25, 10), (5, 0.875, 50), (9, 0.96875, 90)], 0.0625),
    ]]  # fmt: skip


def _cheapest(tried, tolerance, key=lambda row: (row["cost"], -row["quality"]), low=None, strictly=False):
    fine = [row for row in tried if row["quality"] is not None]
    best = max(row["quality"] for row in fine)
    limit = best - tolerance if low is None else low(best, tolerance)
    enough = [row for row in fine if (row["quality"] > limit if strictly else row["quality"] >= limit)]
    return min(enough, key=key)["components"] if enough else None


function(
    "3.3a", "cheapest", _trials,
    odd={
        "Your function gives nothing back for some table. Does it `return` the number of components?":
            NOTHING,
        "Asked is one number: how many components.": unless(number),
    },
    rule=_cheapest,
    said="Quality sets who may stand for election, and cost elects.",
    mistakes={
        "That is the best quality, whatever it costs.":
            lambda tried, tolerance: _cheapest(tried, 0.0),
        "That is the fewest components. The cost stands in a column of its own, and here fewer are "
        "not always cheaper.":
            lambda tried, tolerance: _cheapest(tried, tolerance, key=lambda row: row["components"]),
        "Of two that cost the same, the one of better quality is asked for.":
            lambda tried, tolerance: _cheapest(
                tried, tolerance, key=lambda row: (row["cost"], row["quality"])
            ),
        "The tolerance is a difference, not a share of the best quality.":
            lambda tried, tolerance: _cheapest(
                tried, tolerance, low=lambda best, tolerance: best * (1 - tolerance)
            ),
        "A row exactly `tolerance` below the best is still good enough: the task says *at most*.":
            lambda tried, tolerance: _cheapest(tried, tolerance, strictly=True),
        "Yours is the cheapest of all; is it good enough?":
            lambda tried, tolerance: _cheapest(tried, 9.0),
        "Of those good enough you take the best. All of them are good enough: take the cheapest.":
            lambda tried, tolerance: max(row["cost"] for row in tried),
        "Your function gives the same number for every table.": CONSTANT,
    },
    otherwise="For some table it is another row. Mark those within the tolerance by hand, then "
    "look at their cost.",
    hints=(
        "First the rows with `quality >= quality.max() - tolerance`: a comparison with NaN is False.",
        "Then `sort_values([\"cost\", \"quality\"], ascending=[True, False])` and its first row.",
    ),
)  # fmt: skip


def _turns():
    import numpy as np

    return [(np.array(old, dtype=float), np.array(new, dtype=float)) for old, new in [
        ([[1, 0], [0, 1]], [[1, 0], [0, -1]]),
        ([[1, 0], [0, 1]], [[0, 1], [1, 0]]),
        ([[1, 0], [0, 1]], [[0, -1], [0.8, 0.6]]),
        ([[1, 0, 0], [0.8, 0.6, 0], [0, 0, 1]], [[0, 0, -1], [0, 1, 0], [1, 0, 0]]),
        ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 1, 0], [0, 0, 1], [-1, 0, 0]]),
        ([[0.6, 0.8]], [[-0.8, -0.6]]),
        ([[1, 0], [0.8, 0.6]], [[0.8, 0.6], [0.6, -0.7]]),
        ([[1, 0], [0, 1]], [[1, 0], [1, 0]]),
    ]]  # fmt: skip


def _steady(old, new, flip=True, order=True, size=abs, taken=True, erase=False):
    out, free = [], list(range(len(new)))
    for i, row in enumerate(old):
        product = [sum(a * b for a, b in zip(row, other, strict=True)) for other in new]
        j = max(free, key=lambda j: size(product[j])) if order else i
        if order and taken:
            free.remove(j)
        if erase and product[j] == 0:
            out.append([0.0 for _ in new[j]])
        else:
            out.append([-x for x in new[j]] if flip and product[j] < 0 else list(new[j]))
    return out


def _best_sum(old, new):
    """What an assignment makes of it: the largest sum of sizes over all pairs, whoever chooses first."""
    sizes = [[sum(a * b for a, b in zip(row, other, strict=True)) for other in new] for row in old]
    orders = itertools.permutations(range(len(new)))
    order = max(orders, key=lambda order: sum(abs(sizes[i][j]) for i, j in enumerate(order)))
    return [[-x for x in new[j]] if sizes[i][j] < 0 else list(new[j]) for i, j in enumerate(order)]


function(
    "3.3d", "steady", _turns,
    odd={
        "Your function gives nothing back. Does it `return` the array?": NOTHING,
        "Asked is an array of the shape of `new`: a list of rows of numbers.": unless(listed(listed(number))),
    },
    rule=_steady,
    said="Each old component gets the new one that says most of the same, and the sign in which it was said.",
    mistakes={
        "That is `new` as it came.": lambda old, new: new,
        "The rows are in order, and some still point the other way.":
            lambda old, new: _steady(old, new, flip=False),
        "The signs are turned, and the rows have stayed where they were.":
            lambda old, new: _steady(old, new, order=False),
        "A row that was flipped has the most negative product. Compare sizes, then look at the sign.":
            lambda old, new: _steady(old, new, size=lambda x: x),
        "You took the largest product, and a flipped row has the most negative one. Compare sizes, then "
        "turn.":
            lambda old, new: _steady(old, new, size=lambda x: x, flip=False),
        "The new rows or the best sum decide in yours. The old rows choose, one after the other, "
        "from the first on.":
            _best_sum,
        "A product of zero has no sign. Multiplied by `np.sign` the row is erased; leave it as it is.":
            lambda old, new: _steady(old, new, erase=True),
        "One new row serves two old ones, and another is lost. Take only rows not yet taken.":
            lambda old, new: _steady(old, new, taken=False),
        "Those are the old components. The new projection is to be used, in their order.":
            lambda old, new: old,
        "Your function gives the same for every pair of arrays.": CONSTANT,
    },
    otherwise="Some row is another. Work out the products of a small pair by hand.",
    hints=(
        "`old @ new.T` has all products: a row for each old component.",
        "Go through the old rows, keep a list of the free new ones, and take the one of largest `abs`.",
    ),
)  # fmt: skip


# The flights come with the check, which fits its own pipelines on them; what is kept of an answer is plain
def _look_at_pipeline(value):
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import check_is_fitted

    if not isinstance(value, Pipeline):
        raise NotData(f"is a {type(value).__name__}; it should be a scikit-learn `Pipeline`.")
    kinds = [type(step).__name__ for step in value.named_steps.values()]
    if kinds != ["StandardScaler", "PCA", "LogisticRegression"]:
        raise NotData(
            f"has the steps {', '.join(kinds)[:80]}; it should have StandardScaler, PCA, LogisticRegression."
        )
    scaler, pca, model = value.named_steps.values()
    try:
        for step in (scaler, pca, model):
            check_is_fitted(step)
    except ValueError:
        raise NotData("is not fitted; it should be, by its `fit`.") from None
    return {
        "mean": (scaler.mean_ if scaler.with_mean else 0 * scaler.scale_).tolist(),
        "scale": scaler.scale_.tolist(), "centre": pca.mean_.tolist(),
        "components": pca.components_.tolist(), "weights": model.coef_[0].tolist(),
        "intercept": float(model.intercept_[0]), "classes": len(model.classes_),
    }  # fmt: skip


def _chances(front, rows):
    import numpy as np

    scaled = (np.array(rows) - front["mean"]) / front["scale"]
    scores = (scaled - front["centre"]) @ np.array(front["components"]).T
    return (1 / (1 + np.exp(-(scores @ np.array(front["weights"]) + front["intercept"])))).tolist()


# What was fitted otherwise: months of the model, months of scaler and PCA if they are others, share of
# variance
_OTHER = {
    "This is the pipeline of somebody who knows the whole year. On 1 July half of it has not been flown.":
        {"known": range(1, 13)},
    "The model saw what was known, and scaler and PCA saw the whole year. `fit` the pipeline, and only that.":
        {"scaler": range(1, 13), "pca": range(1, 13)},
    "Scaling saw the whole year, and the rest what was known. `fit` the pipeline, and only that.":
        {"scaler": range(1, 13)},
    "July's flights are in it, and their outcomes are not known on the morning of 1 July.":
        {"known": range(1, 8)},
    "You fitted on June alone. All months before July are known.": {"known": range(6, 7)},
    "June is missing. On the morning of 1 July all its flights have landed.": {"known": range(1, 6)},
    "You fitted on what comes after 1 July, and want to know it before.": {"known": range(7, 13)},
    "These components hold less than 90 % of the variance.": {"share": 0.8},
    "These components hold more than the 90 % asked for, and cost more.": {"share": 0.95},
}  # fmt: skip


@functools.lru_cache(maxsize=64)
def _reference(given, known=range(1, 7), scaler=None, pca=None, share=0.9):
    """Chances of six flights, by a scaler, a PCA and a model fitted on these months; `given` as JSON."""
    import numpy as np
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    given = json.loads(given)
    numbers, months, late = (np.array(given[name]) for name in ("numbers", "months", "late"))
    of, of_scaler, of_pca = (np.isin(months, list(which or known)) for which in (known, scaler, pca))
    scaled = StandardScaler().fit(numbers[of_scaler]).transform(numbers)
    scores = PCA(share).fit(scaled[of_pca]).transform(scaled)
    model = LogisticRegression().fit(scores[of], late[of])
    return model.predict_proba(scores[:: len(scores) // 6][:6])[:, 1].tolist()


@exercise(
    "3.3c",
    front=Made("a fitted scikit-learn `Pipeline`", _look_at_pipeline),
    hints=(
        "`make_pipeline(StandardScaler(), PCA(n_components=0.9), LogisticRegression())`, then its `fit`.",
        "`months < 7` is True for what is known; it picks rows of `numbers` and of `late`.",
    ),
    said="All three steps were fitted at once, on rows whose outcome was known that morning.",
)
def a_pipeline_of_what_is_known(front, given):
    if front["classes"] != 2 or len(front["mean"]) != len(given["numbers"][0]):
        yield "It takes other columns or names other classes than asked for: fit it on `numbers` and `late`."
    said = _chances(front, given["numbers"][:: len(given["numbers"]) // 6][:6])
    kept = json.dumps(given)
    right = _reference(kept)
    if close(said, right, abs_=1e-3):
        return
    for reason, otherwise in _OTHER.items():
        if close(said, _reference(kept, **otherwise), abs_=1e-3):
            yield reason
    if close(said, [1 - p for p in right], abs_=1e-3):
        yield "These are the chances of being on time: `late` was turned round."
    yield "It gives other chances to the six flights. Which rows was it fitted on, and with which settings?"
