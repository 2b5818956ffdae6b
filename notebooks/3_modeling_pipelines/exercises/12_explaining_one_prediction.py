"""How the exercises of lesson 3.12 are judged."""

import itertools
import math

import numpy as np

from helpers.exercises.kit import Made, NotData, exercise
from helpers.exercises.plain import plain
from helpers.exercises.rules import function
from helpers.exercises.signs import CONSTANT, NOTHING, number, unless, unlike
from helpers.exercises.worlds import Worlds

# ---- 3.12a: Shapley by hand --------------------------------------------------------------------------------


def _worth(players, earns):
    """The worth of each coalition of the players, by a function of the set of its members."""
    found = {}
    for size in range(len(players) + 1):
        for members in itertools.combinations(players, size):
            found["".join(members)] = earns(set(members))
    return found


_GAMES = [
    (_worth("LQR", lambda s: int("L" in s and len(s) > 1)),),
    (_worth("A", lambda s: 7 if s else 3),),
    (_worth("AB", lambda s: [2, 5, 6, 20][("A" in s) + 2 * ("B" in s)]),),
    (_worth("ABC", lambda s: -4 + 10 * ("A" in s) + 3 * len(s) ** 2 * ("C" in s)),),
    (_worth("KXYZ", lambda s: len(s) ** 3 - 5 * ("X" in s) * ("Y" in s)),),
    (_worth("abcdef", lambda s: 0.5 + len(s) * ("a" in s) - 0.25 * ("f" in s and "b" not in s)),),
]


def _shares(
    weight, gain=lambda worth, before, after: worth[after] - worth[before], scale=lambda found, worth: found
):
    """A rule: the gains of each player over all coalitions without them, weighted by the coalition's size."""

    def rule(worth):
        players = max(worth, key=len)
        found = {}
        for player in players:
            others = [one for one in worth if player not in one]
            found[player] = sum(
                weight(len(before), len(players)) * gain(worth, before, "".join(sorted(before + player)))
                for before in others
            )
        return scale(found, worth)

    return rule


def _even(size, total):
    return 1 / (total * math.comb(total - 1, size))


def _whole(worth):
    return worth[max(worth, key=len)]


function(
    "3.12a", "shapley", _GAMES,
    odd={
        "Your function gives nothing back. Does it `return` the dict?": NOTHING,
        "Asked is a dict from each player's letter to a number.": unless(
            lambda output: type(output) is dict and all(map(number, output.values()))
        ),
    },
    rule=_shares(_even),
    said="Each order counts once, so who comes early and who comes late is even.",
    mistakes={
        "You count each coalition once (Banzhaf's value). Each *order* counts once.": _shares(
            lambda size, total: 2.0 ** (1 - total)
        ),
        "That is each player's gain alone, as the first to come. Take the mean over all orders.": _shares(
            lambda size, total: float(size == 0)
        ),
        "That is what is lost when each player leaves the whole, as the last to come. Take the "
        "mean over all orders.":
            _shares(lambda size, total: float(size == total - 1)),
        "You sum over the orders and don't divide by how many there are.": _shares(
            lambda size, total: math.factorial(total) * _even(size, total)
        ),
        "You divide by the number of players. There are more orders than players.": _shares(
            lambda size, total: math.factorial(total) / total * _even(size, total)
        ),
        "You share what nobody earns, too: `worth[\"\"]` is there before the first comes.": _shares(
            _even, lambda worth, before, after: worth[after] - (worth[before] if before else 0)
        ),
        "You share the whole evenly. Who adds more gets more.": lambda worth: dict.fromkeys(
            max(worth, key=len), (_whole(worth) - worth[""]) / len(max(worth, key=len))
        ),
        "You count one order alone. Take the mean over all orders.": lambda worth: {
            player: worth[max(worth, key=len)[: place + 1]] - worth[max(worth, key=len)[:place]]
            for place, player in enumerate(max(worth, key=len))
        },
        "A sign: a player's share is the worth with them minus the worth without.": _shares(
            _even, lambda worth, before, after: worth[before] - worth[after]
        ),
        "Your shares are parts of one. They should add up to what all earn, beyond what nobody earns.":
            _shares(
            _even,
            scale=lambda found, worth: {
                player: share / (sum(found.values()) or 1) for player, share in found.items()
            },
        ),
        "Your function gives the same for every game.": CONSTANT,
    },
    otherwise="For some game a share is another. Write its orders down, as in the table.",
    hints=(
        "`max(worth, key=len)` is the coalition of all players.",
        'For an order and a place: `before = "".join(sorted(order[:place]))`, and with the player '
        '`order[:place + 1]`.',
        "Sum the gains over all orders, then divide by their number.",
    ),
)  # fmt: skip

# ---- 3.12b: the kernel -------------------------------------------------------------------------------------


def _coalitions():
    table = np.array([[1, 0, 0], [1, 0, 1], [0, 0, 0], [1, 1, 1]])
    every = np.array(list(itertools.product([False, True], repeat=4)))
    mixed = np.array([[1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 1], [1, 0, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0]], bool)
    return [(table,), (every,), (mixed,), (np.array([[1, 0], [0, 1]]),), (np.array([[0], [1]]),)]


def _weights(formula, ends=(1e9, 1e9)):
    """A rule: a formula of M and s; other weights for nobody and for all."""

    def rule(coalitions):
        found = []
        for row in coalitions:
            total, size = len(row), sum(map(bool, row))
            found.append(float(formula(total, size) if 0 < size < total else ends[size > 0]))
        return found

    return rule


def _kernel(total, size):
    return (total - 1) / (math.comb(total, size) * size * (total - size))


function(
    "3.12b", "kernel", _coalitions,
    odd={
        "Your function gives nothing back. Does it `return` the weights?": NOTHING,
        "A weight is no number (NaN). The formula may be 0 / 0 for nobody and all: weigh them 1e9.": unless(
            lambda output: type(output) is not list or not any(one is None or one != one for one in output)
        ),
        "Asked is an array with one number for each coalition.": unless(
            lambda output: type(output) is list and all(map(number, output))
        ),
    },
    rule=_weights(_kernel),
    said="Small and large coalitions weigh most: there one feature is seen alone, coming or going.",
    mistakes={
        "The weight of nobody and of all is 1e9, not zero.": _weights(_kernel, (0, 0)),
        "Nobody has weight 1e9 as well as all.": _weights(_kernel, (0, 1e9)),
        "All have weight 1e9 as well as nobody.": _weights(_kernel, (1e9, 0)),
        "Nobody and all have the weight 1e9.": _weights(_kernel, (1, 1)),
        "You leave out *C*(*M*, *s*): coalitions of one size share their weight.": _weights(
            lambda total, size: (total - 1) / (size * (total - size))
        ),
        "You divide by *C*(*M*, *s*) alone. *s* and *M* − *s* are missing.": _weights(
            lambda total, size: (total - 1) / math.comb(total, size)
        ),
        "You leave out *M* − 1 above the line.":
            _weights(lambda total, size: _kernel(total, size) / (total - 1)),
        "Above the line stands *M* − 1, not *M*.": _weights(
            lambda total, size: _kernel(total, size) * total / (total - 1)
        ),
        "You leave out *s* or *M* − *s* below the line.": _weights(
            lambda total, size: (total - 1) / (math.comb(total, size) * size)
        ),
        "You multiply by *s* · (*M* − *s*) instead of dividing: brackets below the line.": _weights(
            lambda total, size: (total - 1) / math.comb(total, size) * size * (total - size)
        ),
        "Those weigh gains in a Shapley value's own sum. The regression has other weights.": _weights(
            lambda total, size: (
                math.factorial(size) * math.factorial(total - size - 1) / math.factorial(total)
            )
        ),
        "Every coalition weighs the same for you.": _weights(lambda total, size: 1.0, (1, 1)),
    },
    otherwise="Some weight is another. Try a row of the table by hand.",
    hints=(
        "`n, M = coalitions.shape`, and `coalitions.sum(axis=1)` gives each *s*.",
        "Ask for 0 < *s* < *M* first: at the ends the formula divides by zero.",
        "`math.comb` wants whole numbers of Python: `math.comb(M, int(s))`.",
    ),
)  # fmt: skip

# ---- 3.12c: with the tool ----------------------------------------------------------------------------------


def _look_at_values(value):
    """The shares as nested lists, whatever holds them."""
    if type(value).__name__ == "Explanation":
        raise NotData("is an Explanation, which holds more than the shares; its `.values` is the array.")
    try:
        found = np.array(value, dtype=float)
    except (TypeError, ValueError):
        raise NotData("holds no numbers; it should be what `.shap_values(…)` gives back.") from None
    if found.ndim not in (2, 3) or not found.size or found.size > 1e6:
        raise NotData(f"has the shape {found.shape}; it should be an array with a row for each applicant.")
    if not np.isfinite(found).all():
        raise NotData("holds a value that is missing or infinite.")
    return found.tolist()


@exercise(
    "3.12c",
    values=Made("what `.shap_values(…)` gives back: an array with a row for each applicant", _look_at_values),
    hints=(
        "The model that it wants is a function from rows to one number each. `chance` is one.",
        "`explainer = shap.KernelExplainer(chance, background)`, then its `.shap_values` of the rows "
        "`asked`.",
    ),
    said="The tool's shares are your own, computed over all 64 coalitions.",
)
def with_the_tool(values, given):
    values, exact = np.array(values), np.array(given["exact"])
    if values.ndim == 3:
        yield (
            "There are shares for both classes. Explain one number: the chance of a denial, as "
            "`chance` gives it."
        )
    if values.shape == exact.shape[::-1]:
        yield "It lies on its side: asked is a row for each applicant, a column for each feature."
    if values.shape[1] != exact.shape[1]:
        yield "There should be a column for each of the features, and no others."
    if len(values) != len(exact):
        yield "There should be a row for each applicant of `asked`, and no others."
    if np.allclose(values, exact, atol=1e-6):
        return
    if np.allclose(values, -exact, atol=1e-6):
        yield "These are the shares of the chance of an *approval*: the first column of `predict_proba`."
    sums = values.sum(axis=1)
    if np.allclose(sums, given["decided"], atol=1e-6):
        yield "You explain the decision, 0 or 1 (`model.predict`). Asked is the chance."
    if np.allclose(sums, given["odds"], atol=1e-4):
        yield "You explain log odds (`decision_function`). Asked is the chance."
    if np.allclose(sums, given["one row"], atol=1e-6):
        yield "You compare with one row, the background's mean. Asked is the mean over its rows' chances."
    if np.allclose(sums, exact.sum(axis=1), atol=1e-6):
        yield (
            "They add up to what they should, and some are not exact. Were all coalitions "
            "asked, by KernelSHAP?"
        )
    yield (
        "They add up to something else than the chance minus the background's mean. Which model, which "
        "background and which rows did the explainer get?"
    )


# ---- 3.12d: the audit --------------------------------------------------------------------------------------


def _both(rows):
    return ((rows[:, 0] > 0.5) & (rows[:, 1] > 36)).astype(float)


_RULES = {
    "the rule of the table": _both,
    "a rule that denies where there is a mark": lambda rows: (rows[:, 0] > 0.5).astype(float),
    "a rule that denies where there is none": lambda rows: (rows[:, 0] < 0.5).astype(int),
    "a rule on the other column alone": lambda rows: (rows[:, 1] > 36).astype(float),
    "a rule that compares the columns": lambda rows: (rows[:, 1] > 36 - 10 * rows[:, 0]).astype(int),
    "a rule that denies nobody": lambda rows: np.zeros(len(rows)),
}
_ROWS = [
    np.array([[1, 40], [1, 30], [0, 40], [0, 30]], float),
    np.array([[0, 28, 1], [0, 36, 1], [1, 37, 1]], float),
    np.array([[1, 40, 3], [1, 41, 2], [1, 50, 9], [0, 20, 9], [0, 30, 4], [1, 36, 4], [0, 38, 1]], float),
]


def _audited(flips, decide, rows):
    """What an audit says of a rule on a table of rows, and whether the rows stay as they are."""
    before = rows.copy()
    return {"share": plain(flips(decide, rows)), "kept": np.array_equal(before, rows)}


def _share(decide, rows, turned):
    return float((decide(turned) != decide(rows)).mean())


def _marked(rows, mark):
    return np.column_stack([np.broadcast_to(mark, len(rows)), rows[:, 1:]])


def _audit(decide, rows):
    return _share(decide, rows, _marked(rows, 1 - rows[:, 0]))


def _as(mark):
    return lambda decide, rows: _share(decide, rows, _marked(rows, mark))


def _only(group):
    return lambda decide, rows: _audit(decide, rows[rows[:, 0] == group])


def _gap(decide, rows):
    one = rows[:, 0] == 1
    return float(decide(rows)[one].mean() - decide(rows)[~one].mean())


def _change(decide, rows):
    return float((decide(_marked(rows, 1 - rows[:, 0])) * 1.0 - decide(rows)).mean())


function(
    "3.12d",
    "flips",
    form=Worlds(
        _audited, {f"{name} on {len(rows)} "
        "rows": (rule, rows) for rows in _ROWS for name, rule in _RULES.items()}
    ),
    odd={
        "Asked is one number, the share of the rows.": unless(lambda found: number(found["share"])),
        "The rows were changed: work on a copy, others need them as they are.":
            unless(lambda found: found["kept"]),
    },
    rule=_audit,
    said="Each row is its own comparison, so no other column can be the cause.",
    mistakes={
        "That is how many flip, not which share of the rows.":
            lambda decide, rows: _audit(decide, rows) * len(rows),
        "That is the share that *stays*. Asked is the share that changes.":
            lambda decide, rows: 1 - _audit(decide, rows),
        "You give every row the same mark, one, so those that had it are not turned.": _as(1),
        "You give every row the same mark, zero, so those that had it are not turned.": _as(0),
        "You compare the rates of two groups. They may differ in other columns: compare each row with "
        "itself.":
            _gap,
        "You compare the rates of two groups, without a sign. Compare each row with itself.":
            lambda decide, rows: abs(_gap(decide, rows)),
        "You ask only the rows of the one group, those marked. Turn all rows.": _only(1),
        "You ask only the rows without the mark. Turn all rows.": _only(0),
        "You take the mean change. Changes up and down cancel: count rows that change either way.": _change,
        "You take the mean change without its sign. Changes up and down have cancelled before.":
            lambda decide, rows: abs(_change(decide, rows)),
        "You turn the sign. Turned round, a one is a zero and a zero a one.":
            lambda decide, rows: _share(decide, rows, rows * np.r_[-1, np.ones(rows.shape[1] - 1)]),
        "That is in per cent. Asked is a share, at most one.":
            lambda decide, rows: 100 * _audit(decide, rows),
    },
    otherwise="Go through four rows by hand.",
    hints=(
        "`turned = rows.copy()`, then `turned[:, 0] = 1 - turned[:, 0]`.",
        "`decide(turned) != decide(rows)` is True where a decision changes; its mean is the share.",
    ),
)  # fmt: skip

# ---- 3.12e: a path's gradients -----------------------------------------------------------------------------

# Each: a gradient for every row of a batch, the point, the baseline
_PATHS = {
    "a square and a line": (
        lambda batch: np.stack([2 * batch[:, 0], np.full(len(batch), 3.0)], axis=1),
        np.array([2.0, 1.0]), np.array([0.0, 0.0]),
    ),
    "the same from another baseline": (
        lambda batch: np.stack([2 * batch[:, 0], np.full(len(batch), 3.0)], axis=1),
        np.array([2.0, 1.0]), np.array([1.0, 3.0]),
    ),
    "a product": (
        lambda batch: batch[:, ::-1] * 1.0, np.array([4.0, 2.0]), np.array([1.0, 0.0]),
    ),
    "the sum of a picture's cubes": (
        lambda batch: 3 * batch**2, np.array([[1.0, 2.0], [0.0, -1.0]]), np.array([[0.0, 1.0], [0.0, 0.0]]),
    ),
}  # fmt: skip
# So few that other places on the path, or another rule of integration, give another sum
_STEPS = 4


def _followed(attribute, gradient, point, baseline):
    return attribute(gradient, point, baseline, _STEPS)


def _path(gradient, x, baseline, steps, places=None):
    places = (np.arange(steps) + 0.5) / steps if places is None else places
    return gradient(baseline + np.multiply.outer(places, x - baseline))


def _integrated(gradient, x, baseline, steps):
    return (x - baseline) * _path(gradient, x, baseline, steps).mean(axis=0)


def _at(places):
    """The same with the gradients at other places of the path."""
    return lambda g, x, b, n: (x - b) * _path(g, x, b, n, places(n)).mean(axis=0)


def _like(shares, due):
    """Whether these are numbers in the shape of those due."""
    if type(due) is list:
        return type(shares) is list and len(shares) == len(due) and all(map(_like, shares, due))
    return number(shares)


function(
    "3.12e",
    "integrated",
    form=Worlds(_followed, _PATHS),
    odd={"Asked is an array of numbers, shaped as `x`.": unlike(_like)},
    rule=_integrated,
    said="The shares add up to f(x) − f(baseline), as closely as the steps allow.",
    mistakes={
        "You don't multiply by `x - baseline`: these are mean gradients, and don't add up.": (
            lambda g, x, b, n: _path(g, x, b, n).mean(axis=0)
        ),
        "You sum the gradients. Take their mean.": lambda g, x, b, n: (x - b) * _path(g, x, b, n).sum(axis=0),
        "You take the gradient at `x` alone. Along the path it is another.": lambda g, x, b, n: (
            (x - b) * g(x[None])[0]
        ),
        "You take the gradient at the baseline alone. Along the path it is another.": (
            lambda g, x, b, n: (x - b) * g(b[None])[0]
        ),
        "You multiply by `x`. Only what differs from the baseline can have a share.": (
            lambda g, x, b, n: x * _path(g, x, b, n).mean(axis=0)
        ),
        "Your path begins at zero, whatever the baseline is.": (
            lambda g, x, b, n: (x - b) * _path(g, x, np.zeros_like(b), n).mean(axis=0)
        ),
        "You compare with zero. The baseline is an argument.": lambda g, x, b, n: _integrated(g, x, 0 * b, n),
        "Your path goes beyond `x`: it adds `x`, not `x - baseline`, to the baseline.": (
            lambda g, x, b, n: (x - b) * g(b + np.multiply.outer((np.arange(n) + 0.5) / n, x)).mean(axis=0)
        ),
        "You take the gradient where each step begins. Take it at the middle.":
            _at(lambda n: np.arange(n) / n),
        "You take the gradient where each step ends. Take it at the middle.": _at(
            lambda n: np.arange(1, n + 1) / n
        ),
        "Your places go from one end to the other, both included. Take the middles of `steps` equal steps.":
            _at(
            lambda n: np.linspace(0, 1, n)
        ),
        "You take one place more than there are steps. Take the middle of each step.": _at(
            lambda n: np.linspace(0, 1, n + 1)
        ),
        "You take the mean of each step's two ends (trapezoids). Take the gradient at the middle.": (
            lambda g, x, b, n: (
                (x - b) * sum(_path(g, x, b, n, (np.arange(n) + end) / n) for end in (0, 1)).mean(0) / 2
            )
        ),
        "A sign: multiply by `x - baseline`.": lambda g, x, b, n: -_integrated(g, x, b, n),
        "You take the size of the shares. They have signs.":
            lambda g, x, b, n: np.abs(_integrated(g, x, b, n)),
    },
    otherwise="Go through one step of the path by hand.",
    hints=(
        "The middles of the steps: `(np.arange(steps) + 0.5) / steps`, from just after 0 to just before 1.",
        "`np.multiply.outer(places, x - baseline)` has a row for each place, whatever the shape of `x`.",
        "`gradient` gives a row for each point of the path. Take their mean over the rows, then multiply.",
    ),
)
