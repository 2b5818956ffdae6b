"""Answers to the exercises of lesson 3.7 that its own examples can't have: other right ways, mistakes nobody foresaw."""

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from keras import ops
from scipy.special import softmax

from .harness import cases

# ---- 3.7a


def _by_tensorflow(logits, temperature):
    return tf.nn.softmax(np.array(logits) / temperature).numpy()


def _row_by_row(logits, temperature):
    scaled = np.array(logits, dtype=float) / temperature
    flat = scaled.reshape(-1, scaled.shape[-1])
    rows = []
    for row in flat:
        row = np.exp(row - max(row))
        rows.append(row / sum(row))
    return np.array(rows).reshape(scaled.shape)


def _largest_of_all(logits, temperature):
    with np.errstate(all="ignore"):
        powers = np.exp(logits / temperature - np.max(logits / temperature))
        return powers / powers.sum(axis=-1, keepdims=True)


# ---- 3.7b


def _distillation(teacher_part=None, hard_part=None, mix=None):
    """The lesson's loss with a part of it written otherwise."""

    def soft_(student, teacher, t):
        p, q = ops.log_softmax(teacher / t), ops.log_softmax(student / t)
        return ops.sum(ops.exp(p) * (p - q), axis=-1)

    def hard_(student, labels, t):
        return -ops.sum(labels * ops.log_softmax(student), axis=-1)

    def loss(student, teacher, labels, temperature, alpha):
        soft = (teacher_part or soft_)(student, teacher, temperature)
        hard = (hard_part or hard_)(student, labels, temperature)
        return (mix or (lambda a, t, s, h: a * t**2 * s + (1 - a) * h))(alpha, temperature, soft, hard)

    return loss


def _log(part):
    return ops.log(ops.softmax(part))


def _entropy(student, teacher, t):
    return -ops.sum(ops.softmax(teacher / t) * ops.log_softmax(student / t), axis=-1)


def _reverse(student, teacher, t):
    p, q = ops.log_softmax(teacher / t), ops.log_softmax(student / t)
    return ops.sum(ops.exp(q) * (q - p), axis=-1)


def _of(p, q):
    return ops.sum(ops.exp(p) * (p - q), axis=-1)


def _in_numpy(student, teacher, labels, temperature, alpha):
    def log_soft(z):
        z = z - z.max(-1, keepdims=True)
        return z - np.log(np.exp(z).sum(-1, keepdims=True))

    student, teacher, t = np.array(student), np.array(teacher), float(temperature)
    p, q = log_soft(teacher / t), log_soft(student / t)
    hard = -(np.array(labels) * log_soft(student)).sum(-1)
    return float(alpha) * t**2 * (np.exp(p) * (p - q)).sum(-1) + (1 - float(alpha)) * hard


def _stopped(student, teacher, t):
    return ops.stop_gradient(_of(ops.log_softmax(teacher / t), ops.log_softmax(student / t)))


def _keras_divergence(student, teacher, t):
    return keras.losses.kl_divergence(ops.softmax(teacher / t), ops.softmax(student / t))


def _with_keras(student, labels, t):
    return keras.losses.categorical_crossentropy(labels, student, from_logits=True)


def _with_tensorflow(student, teacher, labels, temperature, alpha):
    p = tf.nn.softmax(teacher / temperature)
    soft = tf.nn.softmax_cross_entropy_with_logits(p, student / temperature)
    soft -= tf.nn.softmax_cross_entropy_with_logits(p, teacher / temperature)
    hard = tf.nn.softmax_cross_entropy_with_logits(labels, student)
    return alpha * temperature**2 * soft + (1 - alpha) * hard


def _in_full(student, teacher, labels, temperature, alpha):
    def log_soft(z):
        return z - ops.logsumexp(z, axis=-1, keepdims=True)

    p = ops.softmax(teacher / temperature)
    soft = ops.sum(p * log_soft(teacher / temperature), -1) - ops.sum(p * log_soft(student / temperature), -1)
    return alpha * ops.square(temperature) * soft - (1 - alpha) * ops.sum(labels * log_soft(student), -1)


def _each_class(student, teacher, labels, temperature, alpha):
    p, q = ops.log_softmax(teacher / temperature), ops.log_softmax(student / temperature)
    return alpha * temperature**2 * ops.exp(p) * (p - q) - (1 - alpha) * labels * ops.log_softmax(student)


def _clipped(student, labels, t):
    return -ops.sum(labels * ops.log(ops.softmax(student) + 1e-9), axis=-1)


def _unlabelled_in_full(student, teacher, labels, temperature, alpha):
    p, q = ops.log_softmax(teacher / temperature), ops.log_softmax(student / temperature)
    soft = temperature**2 * _of(p, q)
    hard = -ops.sum(labels * ops.log_softmax(student), axis=-1)
    return ops.where(ops.sum(labels, axis=-1) > 0, alpha * soft + (1 - alpha) * hard, soft)


def _of_the_largest(student, labels, t):
    return ops.sparse_categorical_crossentropy(ops.argmax(labels, axis=-1), student, from_logits=True)


def _along_one(student, teacher, labels, temperature, alpha):
    p, q = ops.log_softmax(teacher / temperature, axis=1), ops.log_softmax(student / temperature, axis=1)
    soft = ops.sum(ops.exp(p) * (p - q), axis=1)
    hard = -ops.sum(labels * ops.log_softmax(student, axis=1), axis=1)
    return alpha * temperature**2 * soft + (1 - alpha) * hard


def _nothing(student, teacher, labels, temperature, alpha):
    student - teacher


RIGHT = _distillation()

# ---- 3.7c


def _bias_by_trying(logits, digit, share):
    logits = np.array(logits, dtype=float)
    others = np.where(np.arange(logits.shape[1]) == digit, -np.inf, logits).max(axis=1)
    wanted = max(1, round(share * len(logits)))
    for bias in sorted(others - logits[:, digit]):
        if (logits[:, digit] + bias >= others).sum() >= wanted:
            return float(bias)
    return None


def _bias_by_partition(logits, digit, share):
    needs = np.delete(logits, digit, 1).max(1) - logits[:, digit]
    k = max(1, int(np.round(share * len(needs))))
    return np.partition(needs, k - 1)[k - 1]


def _bias_on_a_grid(logits, digit, share):
    others = np.delete(logits, digit, axis=1).max(axis=1)
    for bias in np.arange(-70, 70, 0.1):
        if (logits[:, digit] + bias >= others).sum() >= max(1, round(share * len(logits))):
            return bias
    return None


# ---- 3.7d


def _paired(join=True, keep=True, shuffle=True, buffer=None, last=False, repeat=1, size=None, again=True, seeded=True,
            batches=False, apart=False, skewed=False, numpy=False):  # fmt: skip
    """The lesson's way, with something changed."""

    def paired(ids, inputs, labels, cache, batch, seed):
        known = np.isin(ids, cache.index) if keep else np.ones(len(ids), bool)
        teacher = cache.reindex(ids[known]).to_numpy() if join else cache.to_numpy()[: known.sum()]
        chosen = labels[: known.sum()] if skewed else labels[known]
        pictures, targets = inputs[known], {"labels": chosen, "teacher": teacher}
        if numpy:
            mixed = np.random.default_rng(seed).permutation(known.sum())
            pictures, targets = pictures[mixed], {name: one[mixed] for name, one in targets.items()}
        rows = tf.data.Dataset.from_tensor_slices((pictures, targets))
        if apart:
            said = tf.data.Dataset.from_tensor_slices(teacher).shuffle(100, seed=seed + 1)
            rows = tf.data.Dataset.zip((rows.shuffle(100, seed=seed), said))
            rows = rows.map(lambda row, said: (row[0], {"labels": row[1]["labels"], "teacher": said}))
        elif batches:
            return rows.batch(batch).shuffle(100, seed=seed)
        elif shuffle and not numpy:
            rows = rows.shuffle(
                buffer or len(teacher), seed if seeded else None, reshuffle_each_iteration=again
            )
        return rows.repeat(repeat).batch(size or batch, drop_remainder=last)

    return paired


def _by_position(ids, inputs, labels, cache, batch, seed):
    """Rows found one by one in the cache, shuffled as numbers, fetched in batches."""
    known = [at for at, one in enumerate(ids) if one in cache.index]
    teacher = np.stack([cache.loc[ids[at]].to_numpy() for at in known])
    inputs, labels = tf.constant(inputs[known]), tf.constant(labels[known])

    def fetch(at):
        return tf.gather(inputs, at), {"labels": tf.gather(labels, at), "teacher": tf.gather(teacher, at)}

    return tf.data.Dataset.range(len(known)).shuffle(1000, seed=seed).batch(batch).map(fetch).prefetch(1)


def _merged(ids, inputs, labels, cache, batch, seed):
    frame = pd.DataFrame({"at": range(len(ids))}, index=ids).join(cache, how="inner")
    at = frame["at"].to_numpy()
    targets = {"labels": labels[at], "teacher": frame.drop(columns="at").to_numpy()}
    return tf.data.Dataset.from_tensor_slices((inputs[at], targets)).shuffle(len(at), seed=seed).batch(batch)


def _unbatched(ids, inputs, labels, cache, batch, seed):
    return _paired()(ids, inputs, labels, cache, batch, seed).unbatch()


def _triples(ids, inputs, labels, cache, batch, seed):
    return _paired()(ids, inputs, labels, cache, batch, seed).map(lambda x, y: (x, y["labels"], y["teacher"]))


def _only_teacher(ids, inputs, labels, cache, batch, seed):
    return _paired()(ids, inputs, labels, cache, batch, seed).map(lambda x, y: (x, {"teacher": y["teacher"]}))


def _made_and_kept(ids, inputs, labels, cache, batch, seed):
    _paired()(ids, inputs, labels, cache, batch, seed)


def _filled(ids, inputs, labels, cache, batch, seed):
    teacher = cache.reindex(ids).fillna(0).to_numpy()
    rows = tf.data.Dataset.from_tensor_slices((inputs, {"labels": labels, "teacher": teacher}))
    return rows.shuffle(len(ids), seed=seed).batch(batch)


def _softened(ids, inputs, labels, cache, batch, seed):
    def soften(x, y):
        return x, {**y, "teacher": tf.nn.softmax(y["teacher"])}

    return _paired()(ids, inputs, labels, cache, batch, seed).map(soften)


def _half(ids, inputs, labels, cache, batch, seed):
    return _paired()(ids, inputs, labels, cache, batch, seed).take(3)


CASES = {
    "3.7a": cases(
        "soften",
        right=[_by_tensorflow, _row_by_row, lambda logits, t: softmax(logits / t, axis=-1)],
        wrong={
            "of each *row* first": _largest_of_all,
            "in the shape of the logits": lambda logits, t: "soft",
            "second column by hand": lambda logits, t: softmax(logits - t, axis=-1) ** 2,
        },
    ),
    "3.7b": cases(
        "distillation_loss",
        right=[RIGHT, _in_full],
        wrong={
            "T² is missing": _distillation(mix=lambda a, t, s, h: a * s + (1 - a) * h),
            "multiplied by T. Asked": _distillation(mix=lambda a, t, s, h: a * t * s + (1 - a) * h),
            "are exchanged": _distillation(mix=lambda a, t, s, h: (1 - a) * t**2 * s + a * h),
            "teacher's cross-entropy": _distillation(_entropy),
            "turned round": _distillation(_reverse),
            "you soften the student there": _distillation(
                hard_part=lambda s, y, t: -ops.sum(y * ops.log_softmax(s / t), axis=-1)
            ),
            "teacher's logits are not divided": _distillation(
                lambda s, v, t: _of(ops.log_softmax(v), ops.log_softmax(s / t))
            ),
            "student's logits are not divided": _distillation(
                lambda s, v, t: _of(ops.log_softmax(v / t), ops.log_softmax(s))
            ),
            "multiply the labels' part": _distillation(mix=lambda a, t, s, h: t**2 * (a * s + (1 - a) * h)),
            "labels' part is missing": _distillation(mix=lambda a, t, s, h: a * t**2 * s),
            "teacher's part is missing": _distillation(mix=lambda a, t, s, h: (1 - a) * h),
            "lacks its weight": _distillation(mix=lambda a, t, s, h: a * t**2 * s + h),
            "mean over the classes": lambda s, v, y, t, a: ops.mean(
                a * t**2 * ops.softmax(v / t) * (ops.log_softmax(v / t) - ops.log_softmax(s / t))
                - (1 - a) * y * ops.log_softmax(s),
                axis=-1,
            ),
            "the other sign": _distillation(mix=lambda a, t, s, h: -(a * t**2 * s + (1 - a) * h)),
            "a number for each class": _each_class,
            "one number for all rows": lambda *given: ops.mean(RIGHT(*given)),
            "the loss is another. Take": lambda *given: 2 * RIGHT(*given),
            "can't differentiate": _in_numpy,
            "it is no number": _distillation(lambda s, v, t: _of(_log(v / t), _log(s / t))),
            "as `kl_divergence` does": _distillation(_keras_divergence, _with_keras),
            "No logits are divided": _distillation(
                lambda s, v, t: _of(ops.log_softmax(v), ops.log_softmax(s))
            ),
            "teacher's part in full": _unlabelled_in_full,
            "largest label for certain": _distillation(hard_part=_of_the_largest),
            "along axis 1": _along_one,
            "something clipped": _distillation(hard_part=_clipped),
            "their gradient doesn't": _distillation(_stopped),
            "a row without label moves": _with_tensorflow,
        },
        invalid={"gives nothing back": _nothing, "put to work, it": lambda s, v, y, t, a: s.nothing(v)},
    ),
    "3.7c": cases(
        "bias_for",
        right=[_bias_by_trying, _bias_by_partition],
        wrong={
            "what each row needs, in order": lambda logits, digit, share: share * 10,
            "a little more than enough": _bias_on_a_grid,
            "a single number": lambda logits, digit, share: logits[:, digit] + 1,
        },
    ),
    "3.7d": cases(
        "paired",
        right=[_paired(), _by_position, _merged, _paired(buffer=5000)],
        wrong={
            "have no logits": _paired(keep=False),
            "more than one epoch": _paired(repeat=2),
            "all the same, made up": _filled,
            "Hand its logits on": _softened,
            "no longer belong together": _paired(skewed=True),
            "at their *place*": _paired(join=False),
            "in two orders": _paired(apart=True),
            "last batch is lost": _paired(last=True),
            "whose id is in the cache, once": _half,
            "of another size": _paired(size=16),
            "Nothing is shuffled": _paired(shuffle=False),
            "shuffle whole batches": _paired(batches=True),
            "buffer is too small": _paired(buffer=8),
            "order of the first": _paired(again=False),
            "the same `seed`": _paired(seeded=False),
        },
        invalid={
            "gives nothing back": _made_and_kept,
            "it should be a `tf.data.Dataset`": lambda *given: [1, 2],
            "of another shape": _unbatched,
            "other elements than asked": _triples,
            "other targets than asked": _only_teacher,
        },
    ),
}
