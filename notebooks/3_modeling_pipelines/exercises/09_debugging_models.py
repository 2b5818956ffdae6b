"""How the exercises of lesson 3.9, Debugging models, are judged."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from helpers.exercises.kit import Program, exercise
from helpers.exercises.rules import function
from helpers.exercises.signs import (
    CONSTANT,
    NOTHING,
    each,
    follows,
    listed,
    number,
    right_but,
    truth,
    unless,
    unlike,
)
from helpers.exercises.worlds import Worlds

# ---- 3.9a: a metamorphic test ------------------------------------------------------------------------------

GAP = float("nan")
# precip, wind, allowed; the model's chance rises with rain up to 2 and falls beyond, all in exact fractions
_WORLDS = [
    ([0.5, 1.0, 2.0, GAP, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0], 0.125),
    ([2.0, 1.5, 1.25], [1.0, 0.0, 1.0], 0.25),
    ([2.0, 1.75, 0.25], [0.0, 1.0, 0.0], 0.0),
    ([1.75, 2.0, 1.625], [1.0, 0.0, 0.0], 0.1875),
    ([], [], 0.1),
]
_CHANGES = {"precip": lambda rain: 2 * rain, "wind": lambda wind: wind + 4}


def _chance(precip: float, wind: float) -> float:
    rain = 0.0 if np.isnan(precip) else precip
    return 0.25 + 0.25 * min(rain, 2) - 0.125 * max(rain - 2, 0) - 0.0625 * wind


class _Model:
    """A model as scikit-learn has them, on two columns; it refuses rows that aren't a table with both."""

    def predict_proba(self, rows):
        late = np.array(
            [_chance(rain, wind) for rain, wind in zip(rows["precip"], rows["wind"], strict=True)]
        )
        return np.column_stack([1 - late, late]) if len(late) else np.empty((0, 2))

    def predict(self, rows):
        return (self.predict_proba(rows)[:, 1] >= 0.5).astype(int)


def _tested(broken: Callable, column: str, precip: list, wind: list, allowed: float) -> dict[str, Any]:
    """What the learner's test says of a table, and whether the rows are as they were."""
    import pandas as pd

    rows = pd.DataFrame({"precip": precip, "wind": wind}, dtype=float)
    rows.index = [3 * place + 7 for place in range(len(rows))]
    before = rows.copy()
    out = broken(_Model(), rows, column, _CHANGES[column], allowed)
    return {"said": None if out is None else np.asarray(out).tolist(), "untouched": rows.equals(before)}


def _by(rule: Callable[[float, float, float], bool]) -> Callable:
    """The test of somebody who compares (before, after, allowed) by this rule."""

    def broken(model, rows, column, change, allowed):
        before = model.predict_proba(rows)[:, 1].tolist()
        after = model.predict_proba(rows.assign(**{column: change(rows[column])}))[:, 1].tolist()
        return [rule(*chances, allowed) for chances in zip(before, after, strict=True)]

    return broken


def _truths(found: dict[str, Any], due: dict[str, Any]) -> bool:
    said = found["said"]
    return type(said) is list and len(said) == len(due["said"]) and all(map(truth, said))


function(
    "3.9a",
    "broken",
    form=Worlds(
        _tested,
        {
            f"{column} changed, precip={precip}, wind={wind}, allowed={allowed}":
                (column, precip, wind, allowed)
            for column in _CHANGES for precip, wind, allowed in _WORLDS
        },
    ),
    odd={
        "Asked is an array with True or False for each row.": unlike(_truths),
        "Your function changes the rows it is given, so the next test asks about rows that no flight had "
        "(and yours may compare them with themselves). Change a copy.":
            unless(lambda found: found["untouched"]),
    },
    rule=_by(lambda before, after, allowed: before - after > allowed),
    said="The model is asked twice, nothing else moves, and no label is needed.",
    mistakes={
        "For rain it is right, and for another column not. Use `column` and `change` as they are given.":
            right_but(on=lambda world: world.startswith("precip")),
        "A chance that falls by exactly `allowed` is not broken: asked is *more than*.":
            _by(lambda before, after, allowed: before - after >= allowed),
        "You say True where the chance *rises*. The test breaks where it falls.":
            _by(lambda before, after, allowed: after - before > allowed),
        "You say True where the chance moves either way. A rise is what we expect; the test "
        "breaks where it falls.":
            _by(lambda before, after, allowed: abs(before - after) > allowed),
        "You don't use `allowed` as it is given: smaller falls count for you, too.":
            _by(lambda before, after, allowed: before > after),
        "You say True where the test holds. Asked is where it breaks.":
            _by(lambda before, after, allowed: not before - after > allowed),
        "`predict` gives 0 or 1. A fall that doesn't cross one half is invisible to it: ask `predict_proba`.":
            _by(lambda before, after, allowed: (before >= 0.5) - (after >= 0.5) > allowed),
        "You compare shares: the fall relative to the chance before. Asked is the difference.":
            _by(lambda before, after, allowed: before - after > allowed * before),
        "Your function finds nothing broken, whatever is changed. Does the copy that you ask about have the "
        "changed column under its own name, and do you read the second of the two chances?":
            each(lambda found: not any(found["said"])),
    },
    otherwise="For some row it says otherwise. Before minus after, and compare with `allowed`.",
    hints=(
        "Two questions to the model: the rows as they are, and a copy in which one column is changed.",
        "`rows.assign(**{column: change(rows[column])})` is a changed copy; the rows stay.",
        "`model.predict_proba(rows)[:, 1]` is the chance of being late. Before minus after "
        "is how far it fell.",
    ),
)  # fmt: skip

# ---- 3.9b: which slices are kept ---------------------------------------------------------------------------


def _ranked(line: Callable[[int, int, float], float], stop: str = "last", strict: bool = False) -> Callable:
    """p-values by size against a line for each rank (from 1); kept: up to the last
    below, or to the first above."""

    def kept(p, share):
        order = sorted(range(len(p)), key=lambda place: p[place])
        below = [
            p[place] < line(rank, len(p), share) if strict else p[place] <= line(rank, len(p), share)
            for rank, place in enumerate(order, 1)
        ]
        if stop == "own":
            count = None
        elif stop == "first":
            count = below.index(False) if False in below else len(below)
        else:
            count = max((rank for rank, yes in enumerate(below, 1) if yes), default=0)
        said = [False] * len(p)
        for rank, place in enumerate(order):
            said[place] = below[rank] if count is None else rank < count
        return said

    return kept


def _line(rank: int, number_of: int, share: float) -> float:
    return rank / number_of * share


_rule = _ranked(_line)


def _in_order(p, share):
    return sorted(_rule(p, share), reverse=True)


def _unsorted(p, share):
    """Compares each p with the line of its place in the list."""
    return [value <= _line(place, len(p), share) for place, value in enumerate(p, 1)]


def _ps(*values: float) -> np.ndarray:
    return np.array(values, float)


function(
    "3.9b", "kept",
    [
        (_ps(0.30, 0.01, 0.04, 0.045), 0.1), (_ps(0.02, 0.9, 0.04, 0.06), 0.125),
        (_ps(0.5, 0.25, 0.9, 0.75), 0.5),
        (_ps(0.25, 0.5, 1.0, 0.9), 1.0), (_ps(0.6, 0.9, 0.7), 0.05),
        (_ps(0.03, 0.001, 0.03, 0.8, 0.02), 0.05),
        (_ps(0.04), 0.05), (_ps(), 0.05), (_ps(0.2, 0.04, 0.9, 0.95, 0.35), 0.25),
        (_ps(0.045, 0.002, 0.04, 0.049, 0.03), 0.05), (_ps(0.03, 0.004, 0.02, 0.7, 0.8), 0.05),
    ],
    odd={
        "Your function gives nothing back. Does it `return` an array?": NOTHING,
        "Asked is an array with True or False for each p-value.": unless(listed(truth)),
    },
    read=lambda said: list(map(bool, said)) if type(said) is list else said,
    rule=_rule,
    said="All up to the last one below its line are kept, also those above their own.",
    mistakes={
        "That is no correction: every p up to `share` is kept, and of 1,000 slices of noise some 50 are.":
            lambda p, share: [value <= share for value in p],
        "That is Bonferroni's line for all, share / m. It is safe, and finds less: the line "
        "rises with the rank.":
            lambda p, share: [value <= share / len(p) for value in p],
        "You keep those below their own line. One above its own is kept, too, if a larger one "
        "is below *its* line.":
            _ranked(_line, "own"),
        "You stop at the first one above its line. Asked is the *last* one below it, and all smaller ones.":
            _ranked(_line, "first"),
        "That is Holm's line, share / (m − rank + 1). Asked is rank / m · share.":
            follows(_ranked(lambda rank, m, share: share / (m - rank + 1), "first"),
                    _ranked(lambda rank, m, share: share / (m - rank + 1))),
        "A p exactly on its line counts as below.": _ranked(_line, strict=True),
        "Your ranks begin at 0. The smallest has the rank 1.":
            _ranked(lambda rank, m, share: (rank - 1) / m * share),
        "You give them in the order of size. Asked is the order in which the p-values came.": _in_order,
        "You compare each p with the line of its place in the list. The rank is its place by size.":
            _unsorted,
        "You say True for those that are dropped.": lambda p, share: [not one for one in _rule(p, share)],
        "Your function gives the same for every list.": CONSTANT,
    },
    otherwise="For some list others are kept. Follow the four rows of the table.",
    hints=(
        "`order = np.argsort(p)` sorts them; `p[order]` against `share * np.arange(1, m + 1) / "
        "m` asks all at once.",
        "`np.flatnonzero(below)` has the ranks below the line; the last of them counts. There may be none.",
        "The largest p that is kept is a threshold: `p <= threshold` is in the order in which they came.",
    ),
)  # fmt: skip


# ---- 3.9c: the fast gradient sign method -------------------------------------------------------------------

_SIDE, _EPS = 3, 8.0
# Weights of a linear model of nine pixels: two are zero, so their pixels matter not at all
_WEIGHTS = np.array([3, -1, 0, 0.5, -2, 1, 0, -0.25, 4], "float32")
_BENT = np.array([1, 2, -1, 1, 0.5, -3, 1, 1, -1], "float32")


def _shown() -> tuple[np.ndarray, np.ndarray]:
    """Four pictures, the two last with pixels near both ends; labels 0 and 1, [4, 1]."""
    draw = np.random.default_rng(39)
    pictures = draw.integers(60, 190, (4, _SIDE, _SIDE, 1)).astype("float32")
    pictures[2].flat[:5] = [0, 3, 255, 252, 1]
    pictures[3].flat[4:] = [254, 2, 255, 5, 250]
    return pictures, np.array([[0], [1], [0], [1]], "float32")


def _network(bent: bool) -> Callable:
    """A network whose score is linear in the pixels, or one whose slope changes from picture to picture."""
    import tensorflow as tf

    def network(pictures, training=False):
        flat = tf.reshape(tf.cast(pictures, tf.float32), [-1, _SIDE * _SIDE]) / 255 - 0.5
        score = tf.reduce_sum(flat * _WEIGHTS, axis=1, keepdims=True)
        if bent:
            score = tf.tanh(score) - 0.25 * tf.reduce_sum(flat * _BENT, axis=1, keepdims=True) ** 2
        other = tf.reduce_sum(flat * _BENT[::-1], axis=1, keepdims=True)
        return tf.sigmoid(score * 2 + (3 if training else 0) * other)

    return network


def _attacked(fgsm: Callable) -> dict[str, Any]:
    """What the learner's attack makes of four pictures, on both networks, with two strengths."""
    import tensorflow as tf

    pictures, labels = (tf.constant(one) for one in _shown())
    said = []
    for bent in (False, True):
        for strength in (_EPS, 1.5):
            out = fgsm(_network(bent), pictures, labels, tf.constant(strength))
            said.append(None if out is None else np.asarray(out).tolist())
    return {"said": said}


@cache
def _slopes(bent: bool, of: str = "loss", training: bool = False) -> np.ndarray:
    """The gradient of each picture's loss, or of its chance, by its pixels: [4, 3, 3, 1]."""
    import tensorflow as tf

    pictures, labels = (tf.constant(one) for one in _shown())
    with tf.GradientTape() as tape:
        tape.watch(pictures)
        chance = _network(bent)(pictures, training=training)
        loss = -labels * tf.math.log(chance) - (1 - labels) * tf.math.log(1 - chance)
        value = tf.reduce_sum(loss if of == "loss" else chance)
    return tape.gradient(value, pictures).numpy()


def _made(
    step: Callable, of: str = "loss", training: bool = False, low: float = 0, high: float = 255
) -> list[np.ndarray]:
    """What somebody makes who adds `step(slope, strength)` and cuts off at both ends."""
    pictures, _ = _shown()
    return [
        np.clip(pictures + step(_slopes(bent, of, training), strength), low, high)
        for bent in (False, True)
        for strength in (_EPS, 1.5)
    ]


def _sign(slope, strength):
    return strength * np.sign(slope)


_ATTACKS = {
    "You walk downhill: the loss falls, and the network gets surer of the truth. Add the step.":
        lambda: _made(lambda slope, strength: -_sign(slope, strength)),
    "Some pixels are darker than black or brighter than white, which no camera takes. Cut off at both ends.":
        lambda: _made(_sign, low=-np.inf, high=np.inf),
    "Pixels are cut off as if white were one. Here grey goes on as far as eight bits do.":
        lambda: _made(_sign, low=0, high=1),
    "You use the gradient of the chance. For a sound cell that is the way up, for a defective one the way "
    "down: take the gradient of the loss.": lambda: _made(_sign, of="chance"),
    "That is a step of the gradient itself. Its sign alone counts: each pixel moves by `strength`.":
        lambda: _made(lambda slope, strength: strength * slope),
    "That is a step along the gradient of length `strength`, the method for the L2 norm. Asked is its sign.":
        lambda: _made(
            lambda slope, strength: strength * slope / np.sqrt((slope**2).sum((1, 2, 3), keepdims=True))
        ),
    "Each pixel moves by 1 whatever the strength.": lambda: _made(lambda slope, strength: np.sign(slope)),
    "You attack the network as it trains (`training=True`). In use it computes with `training=False`.":
        lambda: _made(_sign, training=True),
    "A pixel without a slope must stay: `tf.sign` of 0 is 0.":
        lambda: _made(lambda slope, strength: strength * np.where(slope >= 0, 1, -1)),
    "Your pictures come back as they were.": lambda: _made(lambda slope, strength: 0 * slope),
    "That is the step. Asked are the attacked pictures: picture plus step, cut off at both ends.":
        lambda: [_sign(_slopes(bent), strength) for bent in (False, True) for strength in (_EPS, 1.5)],
}  # fmt: skip


@exercise(
    "3.9c",
    fgsm=Program(_attacked, seconds=30, fork=False),
    hints=(
        "`with tf.GradientTape() as tape:` first `tape.watch(pictures)`, then the chance and the loss of it.",
        "`keras.losses.binary_crossentropy(defective, network(pictures, training=False))` has a loss per "
        "picture; `tape.gradient(loss, pictures)` sums them, and each picture moves only its own.",
        "`tf.clip_by_value(pictures + strength * tf.sign(slope), 0, 255)`.",
    ),
    said="Each pixel that matters moves by the full strength, uphill for this picture's label, and "
    "stays a grey value.",
)
def the_fast_gradient_sign(fgsm):
    said, wanted = fgsm["said"], _made(_sign)
    try:
        said = [np.array(one, float) for one in said]
    except (TypeError, ValueError):
        yield "Asked are pictures: numbers, in the shape in which they came."
        return
    if any(one.shape != right.shape for one, right in zip(said, wanted, strict=True)):
        yield "Your pictures have another shape than those that came in."
        return
    for reason, made in _ATTACKS.items():
        if _near(said, made()):
            yield reason
    if not _near(said, wanted):
        yield (
            "Some pixel is another. Picture plus strength times the sign of the loss's slope, "
            "cut off at 0 and 255."
        )


def _near(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
    return all(np.allclose(one, other, atol=1e-3) for one, other in zip(some, others, strict=True))


# ---- 3.9d: can members be told? ----------------------------------------------------------------------------


def _pairs(tie: float = 0.5, below: bool = True) -> Callable:
    """The share of pairs (member, other) in which the member's loss is lower; a tie counts as `tie`."""

    def auc(members, others):
        points = [
            tie if one == other else float((one < other) is below) for one in members for other in others
        ]
        return sum(points) / len(points)

    return auc


def _at_the_middle(members, others):
    """Told by one threshold: the median of all losses."""
    cut = float(np.median([*members, *others]))
    return sum(one < cut for one in members) / len(members)


def _accuracy(members, others):
    """The best one threshold does."""
    cuts = sorted({*members, *others})
    return max(
        (sum(one <= cut for one in members) / len(members) + sum(one > cut for one in others) / len(others))
        / 2
        for cut in cuts
    )


function(
    "3.9d", "told_apart",
    [
        (_ps(0.1, 0.2, 0.9), _ps(0.2, 0.5)), (_ps(0.0, 0.0), _ps(0.0, 0.0, 0.0)),
        (_ps(0.9, 0.8), _ps(0.1, 0.2, 0.3)),
        (_ps(0.3), _ps(0.3, 0.7)), (_ps(0.1, 0.4, 0.4, 2.5), _ps(0.4, 0.6, 0.05)), (_ps(1.0, 2.0), _ps(3.0)),
    ],
    odd={
        "Your function gives nothing back. Does it `return` the number?": NOTHING,
        "Asked is one number between 0 and 1.": unless(lambda out: number(out) and -1e-9 <= out <= 1 + 1e-9),
    },
    rule=_pairs(),
    said="It needs no threshold: 0.5 is what an attacker has who tosses a coin, 1 tells every member.",
    mistakes={
        "The other way round: members are known by a *low* loss. By yours a leak looks like 0.":
            _pairs(below=False),
        "A tie counts half. Yours counts it for nothing, so a model that says the same to all gets 0.":
            _pairs(tie=0.0),
        "A tie counts half. Yours counts it in full, so a model that says the same to all gets 1.":
            _pairs(tie=1.0),
        "That is what one threshold does. Asked are all pairs.": follows(_at_the_middle, _accuracy),
        "Turned above one half, chance looks like a leak: below 0.5 is 0.5 but for luck, so leave it there.":
            lambda members, others: max(_pairs()(members, others), 1 - _pairs()(members, others)),
        "That is 2 · AUC − 1, cut off at 0. Asked is the share of pairs.":
            lambda members, others: max(0.0, 2 * _pairs()(members, others) - 1),
        "Your function gives the same for all losses.": CONSTANT,
    },
    otherwise="For some losses the share is another. Count the six pairs of the example by hand.",
    hints=(
        "`members[:, None] < others` compares all pairs at once.",
        "The mean of that, plus half the mean of `==`. Or `roc_auc_score`, with 1 for members and the "
        "*negative* loss as score.",
    ),
)  # fmt: skip
