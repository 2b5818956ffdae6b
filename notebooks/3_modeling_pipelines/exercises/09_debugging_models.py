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


# ---- 3.9b: how many findings -------------------------------------------------------------------------------


def _cover(told_again: Callable[[set, list[set], set], float], every: bool = False) -> Callable:
    """A slice is a finding where told_again(it, findings before, the flights in them) is at most `most`.

    every: slices that are no findings are put among those before, too.
    """

    def findings(slices, most):
        places, before, covered = [], [], set()
        for place, flights in enumerate(map(set, slices)):
            new = told_again(flights, before, covered) <= most
            if new:
                places.append(place)
            if new or every:
                before.append(flights)
                covered |= flights
        return places

    return findings


def _of_all(flights: set, before: list[set], covered: set) -> float:
    return len(flights & covered) / len(flights)


def _of_each_by(size: Callable[[set, set], int]) -> Callable[[set, list[set], set], float]:
    """Compares with each finding by itself, and divides by size(flights, the finding)."""
    return lambda flights, before, covered: max(
        (len(flights & one) / size(flights, one) for one in before), default=0
    )


_of_each = _of_each_by(lambda flights, one: len(flights))


def _of_last(flights: set, before: list[set], covered: set) -> float:
    return len(flights & before[-1]) / len(flights) if before else 0


def _added(flights: set, before: list[set], covered: set) -> float:
    """Counts a flight once for each finding it lies in."""
    return sum(len(flights & one) for one in before) / len(flights)


_findings = _cover(_of_all)


def _by_size(slices, most):
    """From the largest on."""
    order = sorted(range(len(slices)), key=lambda place: -len(slices[place]))
    return sorted(order[place] for place in _findings([slices[place] for place in order], most))


def _sets(*slices: int) -> list[set[int]]:
    """Slices of flights with numbers of one digit: 345 is the flights 3, 4 and 5."""
    return [set(map(int, str(one))) for one in slices]


function(
    "3.9b", "findings",
    [
        (_sets(1234, 345, 3456, 1268), 0.5), (_sets(1234, 345, 3456, 1268), 0.75),
        (_sets(123, 4567, 14, 2358), 0.5),
        ([], 0.5), (_sets(12, 12, 34, 3412, 5), 0.0), (_sets(7), 0.5),
        (_sets(12, 1234, 123456, 12345678), 0.5),
        (_sets(1234567, 12, 1, 98, 8914, 123456789), 0.25), (_sets(1, 12, 2345, 1, 9, 29, 123456789), 1.0),
        (_sets(1234, 5678, 34, 56, 1269, 69, 4592), 0.5), (_sets(12345, 1267, 2468, 1849, 89), 0.5),
        (_sets(1234, 3456, 3478, 1278), 0.5),
    ],
    odd={
        "Your function gives nothing back. Does it `return` the list of places?": NOTHING,
        "That is a number of findings. Asked are their places, a list.": unless(lambda out: not number(out)),
        "Those are slices. Asked are their places in the list, from 0.":
            unless(lambda out: type(out) is not list or not any(type(one) is list for one in out)),
        "That is True or False for each slice. Asked are the places of those that are findings.":
            unless(lambda out: type(out) is not list or not any(type(one) is bool for one in out)),
        "Asked is a list of places: whole numbers from 0.":
            unless(listed(lambda one: number(one) and one >= 0 and one == int(one))),
    },
    rule=_findings,
    said="Each flight is told once, by the loudest slice that has it; only what is left over can be news.",
    mistakes={
        "Those are the slices that are told again. Asked are the findings.":
            lambda slices, most: sorted(set(range(len(slices))) - set(_findings(slices, most))),
        "Your places begin at 1. The loudest has the place 0.":
            lambda slices, most: [place + 1 for place in _findings(slices, most)],
        "Every slice is a finding for yours.": lambda slices, most: list(range(len(slices))),
        "Exactly `most` is still a finding: told again is *more than* that.": follows(
            _cover(lambda flights, before, covered: _of_all(flights, before, covered) + 1e-9),
            _cover(lambda *told: _of_all(*told) + 1e-9 if told[1] else 0),
        ),
        "A slice that was told again is no finding, so its flights don't count for those after it.":
            _cover(_of_all, every=True),
        "You compare with each finding by itself. Two of them may share a slice out: count its flights in "
        "all.":
            _cover(_of_each),
        "You compare with each slice before, findings or not, by itself. Count the flights that lie in any "
        "*finding*.":
            _cover(_of_each, every=True),
        "A flight that lies in two findings counts twice for yours. Put the findings together as one set.":
            follows(_cover(_added), _cover(_added, every=True)),
        "You compare with the loudest slice alone. All findings before it count.":
            _cover(lambda flights, before, covered: len(flights & before[0]) / len(flights) if before else 0),
        "You compare with the last finding alone. All findings before it count.":
            _cover(_of_last),
        "You compare with the slice just before. Count the flights that lie in any finding before.":
            _cover(_of_last, every=True),
        "That is the share of both together (Jaccard). Asked is the share of the slice's own flights.":
            follows(
                _cover(lambda flights, before, covered: len(flights & covered) / len(flights | covered)),
                _cover(_of_each_by(lambda flights, one: len(flights | one))),
            ),
        "You divide by the flights of the findings. Asked is which share of the *slice* lies in them.":
            follows(
                _cover(lambda flights, before, covered: len(flights & covered) / max(len(covered), 1)),
                _cover(_of_each_by(lambda flights, one: len(one))),
                _cover(_of_each_by(lambda flights, one: min(len(flights), len(one)))),
            ),
        "You compare a number of flights with `most`. It is a share: divide by the number of the slice's "
        "flights.":
            _cover(lambda flights, before, covered: len(flights & covered)),
        "For yours a share `most` must be new. Asked: no more than `most` told already; one half is the "
        "same.":
            lambda slices, most: _findings(slices, 1 - most),
        "For yours one flight in common is too much. Up to a share `most` may be.":
            lambda slices, most: _findings(slices, 0),
        "You don't use `most` as it is given: for yours it is one half.":
            lambda slices, most: _findings(slices, 0.5),
        "For yours a slice is told again only if all its flights are. More than a share `most` is enough.":
            _cover(lambda flights, before, covered: 2 if flights <= covered else 0),
        "You stop at the first slice that is told again. A finding may come after it.":
            lambda slices, most: [at for at, place in enumerate(_findings(slices, most)) if at == place],
        "You begin with the largest. The slices come loudest first, and in that order they are asked.":
            _by_size,
        "Your function gives the same for every list.": CONSTANT,
    },
    otherwise="For some list others are findings. Follow the four slices of the table.",
    hints=(
        "Keep one set of all flights in findings so far. It begins empty, and grows by findings alone.",
        "`len(flights & covered)` of a slice's `len(flights)` are told already.",
        "`enumerate(slices)` gives each slice with its place. A finding: keep the place, and `covered |= "
        "flights`.",
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


def _ps(*values: float) -> np.ndarray:
    return np.array(values, float)


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
