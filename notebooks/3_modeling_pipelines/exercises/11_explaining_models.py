"""How the exercises of lesson 3.11 are judged."""

from statistics import median

from helpers.exercises.plain import NotData
from helpers.exercises.rules import function
from helpers.exercises.signs import (
    CONSTANT,
    NOTHING,
    close,
    follows,
    listed,
    number,
    right_but,
    some,
    unless,
    unlike,
)
from helpers.exercises.worlds import Worlds

# ---- a: a monotone model, fitted by the learner's function on two small worlds -------------------

# In neither world do the columns stand in the lesson's order: a list written by hand is found out
_WORLDS = {
    "the columns hour, rain, view, heat": (["hour", "rain", "view", "heat"], {"rain": 1, "view": -1}),
    "the columns view, heat, hour, rain": (["view", "heat", "hour", "rain"], {"view": -1, "rain": 1}),
}
_GRID = [i / 20 for i in range(21)]


def _world(columns):
    """250 rows whose truth turns back in every column, so that what is free is seen to turn."""
    import numpy as np

    rng = np.random.default_rng(311)
    rows = {name: rng.random(250) for name in ("hour", "rain", "view", "heat")}
    waves = {name: 3 * np.sin(7 * rows[name]) + 4 * rows[name] for name in rows}
    score = waves["hour"] + waves["rain"] - waves["view"] + waves["heat"] - 5
    late = (rng.random(250) < 1 / (1 + np.exp(-score))).astype(int)
    return np.column_stack([rows[name] for name in columns]), late


def _play(fit_monotone, columns, directions):
    """What the learner's model says along each column, for ten rows of a world."""
    from threadpoolctl import threadpool_limits

    # On a busy machine two threads wait for each other longer than so small a fit takes
    with threadpool_limits(1):
        return _along(fit_monotone, columns, directions)


def _along(fit_monotone, columns, directions):
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingClassifier

    X, late = _world(columns)
    model = fit_monotone(X, late, list(columns), directions)
    if model is None:
        raise NotData("gives nothing back; it should return the fitted model.")
    if not isinstance(model, HistGradientBoostingClassifier):
        raise NotData(f"returns a {type(model).__name__}; it should return a HistGradientBoostingClassifier.")
    if not hasattr(model, "classes_"):
        raise NotData("returns a model that is not fitted; it should be, by its `fit`.")
    asked = np.repeat(X[None, :10], len(_GRID) * len(columns), axis=0).reshape(
        len(columns), len(_GRID), 10, -1
    )
    for place in range(len(columns)):
        asked[place, :, :, place] = np.array(_GRID)[:, None]
    chance = model.predict_proba(np.vstack([X, asked.reshape(-1, len(columns))]))[:, 1]
    of_rows, along = chance[: len(X)], chance[len(X) :].reshape(len(columns), len(_GRID), 10)
    usual = HistGradientBoostingClassifier(early_stopping=False).get_params()
    set_otherwise = [
        name for name, value in model.get_params().items()
        if name not in ("monotonic_cst", "random_state") and value != usual[name]
    ]  # fmt: skip
    return {
        "turns": {
            name: [bool((step < -1e-9).any()), bool((step > 1e-9).any())]
            for name, step in zip(columns, np.diff(along, axis=1), strict=True)
        },
        "signal": float(of_rows[late == 1].mean() - of_rows[late == 0].mean()),
        "as_asked": not set_otherwise,
    }


def _fit(sign):
    """The program that gives a column the sign that `sign(directions, its name)` says."""

    def fit_monotone(X, late, columns, directions):
        from sklearn.ensemble import HistGradientBoostingClassifier

        signs = [sign(directions, name) for name in columns]
        return HistGradientBoostingClassifier(early_stopping=False, monotonic_cst=signs).fit(X, late)

    return fit_monotone


def _held(world):
    return [world["turns"]["rain"], world["turns"]["view"]]


function(
    "3.11a",
    "fit_monotone",
    form=Worlds(_play, _WORLDS, fork=False),
    odd={
        "It gives high chances to what was not late. `late` is 1 where a flight was late.":
            some(lambda world: world["signal"] < -0.05),
        "It has hardly learned the rows it was given. Fit it on `X` and `late`, all of them.":
            some(lambda world: world["signal"] < 0.08),
    },
    rule=_fit(lambda directions, name: directions.get(name, 0)),
    # By column: does the chance fall, does it rise?
    read=lambda world: [world["turns"], world["as_asked"]],
    said="The directions hold in every tree, so they hold on every row, also on those nobody has tried.",
    mistakes={
        "The directions are turned round: 1 says that the chance must not fall when the column rises.":
            follows(_fit(lambda directions, name: -directions.get(name, 0)), read=_held),
        "No direction is kept: the chance still rises and falls along every column. Is `monotonic_cst` "
        "given?":
            follows(_fit(lambda directions, name: 0), read=lambda world: world["turns"]),
        "It keeps the directions only where the columns stand in one order. Make the list from `columns`.":
            right_but(on=lambda world: world in list(_WORLDS)[:1]),
        "`view` must not raise the chance: its direction is −1, and yours keeps 1 for both.":
            follows(_fit(lambda directions, name: int(name in directions)), read=_held),
        "A direction is not kept in every world. The list must have one number per column, in their order.":
            unlike(close, read=_held),
        "A column that `directions` doesn't name is held as well. What is not named is free: 0.":
            unlike(close, read=lambda world: world["turns"]),
    },
    otherwise="The directions hold, and another setting differs from `SETTINGS`: the price "
    "would be that of both.",
    hints=(
        "`directions.get(name, 0)` is the direction of a column, or 0 where it is free.",
        "`monotonic_cst` takes the list in the order of `columns`; `fit` gives the model back.",
    ),
)  # fmt: skip


# ---- b: columns shuffled together ----------------------------------------------------------------


def _tables():
    import numpy as np

    return [(np.array(X, dtype=float), columns, np.array(order)) for X, columns, order in [
        ([[1, 10, 7], [2, 20, 8], [3, 30, 9], [4, 40, 6]], [0, 1], [2, 0, 1, 3]),
        ([[1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15]], [1, 3], [1, 2, 0]),
        ([[1, 2.5], [3, 4.25], [5, 6]], [1], [2, 0, 1]),
        ([[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]], [2, 0, 1], [3, 0, 1, 2]),
        ([[1, 2], [3, 4]], [], [1, 0]),
    ]]  # fmt: skip


def _together(X, columns, order):
    return [[X[order[i]][j] if j in columns else row[j] for j in range(len(row))] for i, row in enumerate(X)]


def _put(X, columns, order):
    out = [list(row) for row in X]
    for i, to in enumerate(order):
        for j in columns:
            out[to][j] = X[i][j]
    return out


def _apart(X, columns, order):
    """Each column by an order of its own: the second is turned once more than the first."""
    out, now = [list(row) for row in X], list(order)
    for j in columns:
        for i, source in enumerate(now):
            out[i][j] = X[source][j]
        now = [order[k] for k in now]
    return out


function(
    "3.11b", "shuffle_together", _tables,
    odd={
        "Your function gives nothing back. Does it `return` the copy?": NOTHING,
        "Asked is an array of the shape of `X`: a list of rows of numbers.": unless(listed(listed(number))),
    },
    rule=_together,
    said="Within the group each row is still a real one; only its tie to the rest is cut.",
    mistakes={
        "That is `X` as it came.": lambda X, columns, order: X,
        "All columns moved, so the rows are only in another order. Those not listed stay.":
            lambda X, columns, order: [X[i] for i in order],
        "Only the first of the listed columns moved.":
            lambda X, columns, order: _together(X, columns[:1], order),
        "You moved the columns that are not listed.":
            lambda X, columns, order: _together(X, [j for j in range(len(X[0])) if j not in columns], order),
        "Each column has moved on its own, so the group is torn apart. One order serves all.": _apart,
        "Row `i` was put into row `order[i]`; asked is that it gets the values *of* row `order[i]`.": _put,
        "Your function gives only the listed columns. Return the whole table.":
            lambda X, columns, order: [[X[i][j] for j in columns] for i in order],
        "Your function gives the same for every table.": CONSTANT,
    },
    otherwise="Some value is another. Take the table of the task and follow its first row.",
    hints=(
        "`X.copy()` first; then set `shuffled[:, columns]`.",
        "`X[order]` has the rows in the new order; of these you need `[:, columns]`.",
    ),
)  # fmt: skip

# ---- c: ALE by hand ------------------------------------------------------------------------------


def _steps():
    import numpy as np

    return [(np.array(bins), np.array(steps, dtype=float), count) for bins, steps, count in [
        ([0, 0, 0, 1], [0.1, 0.3, 0.2, 0.4], 2),
        ([1, 0, 2, 1, 1], [0.5, -0.25, 0.1, 0.1, 0.6], 3),
        ([0, 3, 3, 0, 0, 0], [0.2, 0.4, 0.1, 0.1, 0.3, 0.0], 4),
        ([0, 0], [0.5, 0.25], 1),
        ([2, 2, 2, 0], [0.3, 0.1, 0.2, 0.7], 4),
    ]]  # fmt: skip


def _ale(bins, steps, count, mean=True, centre="rows", start=True, where="middle", total=False,
         halfway=False, running=True):  # fmt: skip
    members = [[s for b, s in zip(bins, steps, strict=True) if b == k] for k in range(count)]
    size = len(steps) if total else None
    rise = [sum(own) / (size or len(own)) if own and mean else sum(own) for own in members]
    if halfway:
        rise = [median(own) if own else 0 for own in members]
    curve = [0.0]
    for one in rise:
        curve.append(curve[-1] * running + one)
    middle = [(a + b) / 2 for a, b in zip(curve, curve[1:], strict=False)]
    counted = {"middle": middle, "upper": curve[1:], "lower": curve[:-1]}[where]
    away = {
        "none": 0.0, "edges": sum(curve) / len(curve), "bins": sum(middle) / count,
        "rows": sum(c * len(own) for c, own in zip(counted, members, strict=True)) / len(steps),
    }[centre]  # fmt: skip
    return [value - away for value in (curve if start else curve[1:])]


function(
    "3.11c", "accumulate", _steps,
    odd={
        "Your function gives nothing back. Does it `return` the curve?": NOTHING,
        "A value is missing. A bin without rows adds 0 to the curve.":
            unless(lambda out: type(out) is not list or None not in out),
        "Asked is a list of numbers, one per edge.": unless(listed(number)),
    },
    rule=_ale,
    said="Each step was asked of rows that are there, and the mean row stands at zero.",
    mistakes={
        "The shape is right; it is not centred yet.": lambda *given: _ale(*given, centre="none"),
        "You centred by the mean of the edges. The mean over the *rows* is to be 0.":
            lambda *given: _ale(*given, centre="edges"),
        "You centred by the mean of the bins, each counted once. A bin counts as often as it has rows.":
            lambda *given: _ale(*given, centre="bins"),
        "You centred each row at its bin's upper edge. It counts as the mean of its bin's two edges.":
            lambda *given: _ale(*given, where="upper"),
        "You centred each row at its bin's lower edge. It counts as the mean of its bin's two edges.":
            lambda *given: _ale(*given, where="lower"),
        "That is one value per bin. There is one more edge than bins: the curve starts at the first edge.":
            lambda *given: _ale(*given, start=False),
        "You add up sums of steps, so a full bin weighs more. Take each bin's mean.":
            lambda *given: _ale(*given, mean=False),
        "You divided by all rows. A bin's mean is over its own rows.":
            lambda *given: _ale(*given, total=True),
        "You take each bin's median. Take its mean.": lambda *given: _ale(*given, halfway=True),
        "The steps are not added up: each edge stands higher than the one before by its bin's mean.":
            lambda *given: _ale(*given, running=False),
        "Your function gives the same curve for all steps.": CONSTANT,
    },
    otherwise="Some edge is elsewhere. Follow the task's four rows: means, running sum, the rows' mean.",
    hints=(
        "`np.bincount(bins, minlength=count)` counts the rows of each bin; with `weights=steps` it adds up.",
        "Put a 0 before `np.cumsum(means)`. Then subtract `np.average` of the bins' "
        "middles, weighted by rows.",
    ),
)  # fmt: skip

# ---- d: real rows behind a PDP -------------------------------------------------------------------


def _cells():
    import numpy as np

    return [(np.array(a), np.array(b), count, least) for a, b, count, least in [
        ([0, 0, 1, 1], [4, 4, 4, 6], 3, 2),
        ([0, 0, 0, 1, 1], [1, 1, 2, 2, 2], 2, 2),
        ([0, 1, 2, 2, 2, 2], [0, 0, 0, 1, 1, 3], 4, 1),
        ([1, 1, 1, 0], [5, 5, 5, 0], 2, 3),
        ([0, 1, 1, 1, 2], [2, 2, 0, 0, 0], 3, 1),
    ]]  # fmt: skip


def _supported(a, b, count, least, over=None, strictly=False, partners=None):
    pairs = list(zip(a, b, strict=True))
    shares = []
    for k in range(count):
        asked = partners(b) if partners else b
        real = [pairs.count((k, other)) for other in asked]
        many = sum(n > least if strictly else n >= least for n in real)
        shares.append(many / over(k, a) if over else many / len(asked))
    return shares


function(
    "3.11d", "supported", _cells,
    odd={
        "Your function gives nothing back. Does it `return` the shares?": NOTHING,
        "Asked is a list of shares, one number per bin.": unless(listed(number)),
        "A share is between 0 and 1. Divide by how many rows there are.":
            unless(lambda out: all(0 <= share <= 1 for share in out)),
    },
    rule=_supported,
    said="The rest of the curve at that value is the model's guess about rows that nobody has seen.",
    mistakes={
        "A pair that exactly `least` rows have is real: *at least*.":
            lambda *given: _supported(*given, strictly=True),
        "You count each partner bin once. PDP asks every row, so a bin counts as often as it has rows.":
            lambda *given: _supported(*given, partners=lambda b: sorted(set(b))),
        "That is the share of rows that are in the bin. PDP asks all others there, too.":
            lambda a, b, count, least: [a.count(k) / len(a) for k in range(count)],
        "That is the share of rows which are in a real pair at that bin themselves. PDP asks all rows there.":
            lambda a, b, count, least: [
                sum(1 for one, other in zip(a, b, strict=True)
                    if one == k and list(zip(a, b, strict=True)).count((one, other)) >= least) / len(a)
                for k in range(count)],
        "You ask whether a pair is there at all, whatever `least` says.":
            lambda a, b, count, least: _supported(a, b, count, 1),
        "You divide by the rows of the bin itself. PDP asks *all* rows there, whatever their own bin.":
            lambda a, b, count, least: [
                sum(1 for one, other in zip(a, b, strict=True)
                    if one == k and list(zip(a, b, strict=True)).count((one, other)) >= least)
                / max(1, a.count(k)) for k in range(count)],
        "The two bins are changed over: count the pairs (*k*, `b[i]`), the varied column first.":
            lambda a, b, count, least: _supported(b, a, count, least, partners=lambda _: b),
        "Those are the shares that are not real.":
            lambda *given: [1 - share for share in _supported(*given)],
        "Your function gives the same for all rows.": CONSTANT,
    },
    otherwise="For some bin it is another share. Write down the pairs of a small example, as the task does.",
    hints=(
        "First a table of counts: how many rows have bin `k` and partner `p`? `np.add.at` or `pd.crosstab`.",
        "Then, for each `k`, look up the count of `(k, b[i])` for every row, and take the mean of `>= "
        "least`.",
    ),
)  # fmt: skip
