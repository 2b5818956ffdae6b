"""Answers to the exercises of lesson 3.9 that its own examples can't have: other right ways, mistakes nobody foresaw."""

from __future__ import annotations

import os

import numpy as np

from .harness import cases

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# ---- 3.9a ----------------------------------------------------------------------------------------------------------


def _fall(model, rows, column, change):
    before = model.predict_proba(rows)[:, 1]
    return before - model.predict_proba(rows.assign(**{column: change(rows[column])}))[:, 1]


def _by_rule(rule):
    def broken(model, rows, column, change, allowed):
        before = model.predict_proba(rows)[:, 1]
        return rule(before, before - _fall(model, rows, column, change), allowed)

    return broken


def _on_a_copy(model, rows, column, change, allowed):
    other = rows.copy()
    other[column] = change(other[column])
    return (model.predict_proba(rows)[:, 1] > model.predict_proba(other)[:, 1] + allowed).tolist()


def _by_the_first_chance(model, rows, column, change, allowed):
    """The chance of being on time rises as that of being late falls."""
    other = rows.assign(**{column: change(rows[column])})
    return model.predict_proba(other)[:, 0] - model.predict_proba(rows)[:, 0] > allowed


def _in_place(model, rows, column, change, allowed):
    before = model.predict_proba(rows)[:, 1]
    rows[column] = change(rows[column])
    return before - model.predict_proba(rows)[:, 1] > allowed


def _always_rain(model, rows, column, change, allowed):
    other = rows.assign(precip=2 * rows["precip"])
    return model.predict_proba(rows)[:, 1] - model.predict_proba(other)[:, 1] > allowed


def _by_predict(model, rows, column, change, allowed):
    return model.predict(rows) - model.predict(rows.assign(**{column: change(rows[column])})) > allowed


# ---- 3.9b ----------------------------------------------------------------------------------------------------------


def _by_scipy(p, share):
    from scipy.stats import false_discovery_control

    return false_discovery_control(p) <= share + 1e-12 if len(p) else []


def _from_the_largest(p, share):
    for cut in sorted(p, reverse=True):
        if cut <= share * np.sum(p <= cut) / len(p):
            return [value <= cut for value in p]
    return [False] * len(p)


# ---- 3.9c ----------------------------------------------------------------------------------------------------------


def _attack(loss_of=None, move=None, low=0, high=255, **asked):
    """An attack whose loss, move, and ends may be others than asked for."""
    import tensorflow as tf

    def loss(defective, chance):
        import keras

        return keras.losses.binary_crossentropy(defective, chance)

    def fgsm(network, pictures, defective, strength):
        with tf.GradientTape() as tape:
            tape.watch(pictures)
            value = (loss_of or loss)(defective, network(pictures, **({"training": False} | asked)))
        slope = tape.gradient(value, pictures)
        moved = pictures + (move(slope, strength) if move else strength * tf.sign(slope))
        return tf.clip_by_value(moved, low, high)

    return fgsm


def _by_hand(defective, chance):
    import tensorflow as tf

    return tf.reduce_mean(-defective * tf.math.log(chance) - (1 - defective) * tf.math.log(1 - chance))


def _in_numpy(network, pictures, defective, strength):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(pictures)
        loss = _by_hand(defective, network(pictures))
    return np.clip(
        pictures.numpy() + float(strength) * np.sign(tape.gradient(loss, pictures).numpy()), 0, 255
    )


def _lengthwise(slope, strength):
    import tensorflow as tf

    return strength * slope / tf.sqrt(tf.reduce_sum(slope**2, [1, 2, 3], keepdims=True))


def _step_alone(network, pictures, defective, strength):
    return _attack(low=-1e9, high=1e9)(network, pictures, defective, strength) - pictures


def _signs(slope, strength):
    return strength * np.where(np.asarray(slope) >= 0, 1.0, -1.0).astype("float32")


def _unwatched(network, pictures, defective, strength):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = _by_hand(defective, network(pictures))
    return pictures + strength * tf.sign(tape.gradient(loss, pictures))


# ---- 3.9d ----------------------------------------------------------------------------------------------------------


def _by_sklearn(members, others):
    from sklearn.metrics import roc_auc_score

    return roc_auc_score([1] * len(members) + [0] * len(others), -np.concatenate([members, others]))


def _by_ranks(members, others):
    from scipy.stats import rankdata

    ranks = rankdata(-np.concatenate([members, others]))[: len(members)]
    return (ranks.sum() - len(members) * (len(members) + 1) / 2) / len(members) / len(others)


CASES = {
    "3.9a": cases(
        "broken",
        right=[
            _on_a_copy,
            _by_the_first_chance,
            _by_rule(lambda before, after, allowed: before - after > allowed),
        ],
        wrong={
            "True or False for each row": lambda model, rows, column, change, allowed: _fall(
                model, rows, column, change
            ),
            "changes the rows it is given": _in_place,
            "for another column not": _always_rain,
            "smaller falls count": _by_rule(lambda before, after, allowed: before - after > 0.05),
            "under its own name": lambda model, rows, column, change, allowed: (
                model.predict_proba(rows)[:, 1]
                > model.predict_proba(rows.assign(column=change(rows[column])))[:, 1] + allowed
            ),
            "gives 0 or 1": _by_predict,
            "For some row it says otherwise": _by_rule(
                lambda before, after, allowed: before - after > 2 * allowed
            ),
        },
    ),
    "3.9b": cases(
        "kept",
        right=[_by_scipy, _from_the_largest],
        wrong={
            "for each p-value": lambda p, share: [float(value) for value in p],
            "others are kept": lambda p, share: [value <= 0.04 for value in p],
        },
    ),
    "3.9c": cases(
        "fgsm",
        right=[_attack(), _attack(_by_hand), _in_numpy],
        wrong={
            "numbers, in the shape": lambda *given: "pictures",
            "another shape": lambda network, pictures, defective, strength: pictures[0],
            "walk downhill": _attack(move=lambda slope, strength: -strength * np.sign(slope)),
            "darker than black": _attack(low=-1e9, high=1e9),
            "as if white were one": _attack(high=1),
            "gradient of the chance": _attack(lambda defective, chance: chance),
            "step of the gradient itself": _attack(move=lambda slope, strength: strength * slope),
            "for the L2 norm": _attack(move=_lengthwise),
            "by 1 whatever the strength": _attack(move=lambda slope, strength: np.sign(slope)),
            "as it trains": _attack(training=True),
            "without a slope must stay": _attack(move=_signs),
            "come back as they were": lambda network, pictures, defective, strength: pictures,
            "That is the step.": _step_alone,
            "Some pixel is another": _attack(move=lambda slope, strength: 0.5 * strength * np.sign(slope)),
        },
        invalid={"value (None)": _unwatched},
    ),
    "3.9d": cases(
        "told_apart",
        right=[_by_sklearn, _by_ranks],
        wrong={
            "between 0 and 1": lambda members, others: float(np.mean(others) - np.mean(members)) * 9,
            "Count the six pairs": lambda members, others: 0.9 * _by_ranks(members, others),
        },
    ),
}
