"""How the exercises of lesson 3.7 are judged."""

import math

import numpy as np

from helpers.exercises.kit import NotData, Program, exercise
from helpers.exercises.plain import Blank, kind
from helpers.exercises.rules import function
from helpers.exercises.signs import CONSTANT, NOTHING, Sign, follows, number, unless

# ---- 3.7a: soft chances ------------------------------------------------------------------------------------


def _numbers(data):
    """Whether it is a list of numbers or gaps, nested to any depth."""
    return type(data) is list and all(one is None or number(one) or _numbers(one) for one in data)


def _gap(data):
    return data is None or (type(data) is list and any(map(_gap, data)))


def _soft(logits, temperature, axis=-1):
    scaled = np.array(logits, float) / temperature
    powers = np.exp(scaled - scaled.max(axis=axis, keepdims=True))
    return (powers / powers.sum(axis=axis, keepdims=True)).tolist()


def _naive(logits, temperature):
    with np.errstate(all="ignore"):
        powers = np.exp(np.array(logits, float) / temperature)
        return (powers / powers.sum(axis=-1, keepdims=True)).tolist()


function(
    "3.7a", "soften",
    lambda: [
        (np.array([8.0, 4.0, 0.0]), 1.0),
        (np.array([[8.0, 4.0, 0.0], [2.0, 2.0, 0.0], [0.0, 1.0, 5.0]]), 4.0),
        (np.array([[1000.0, 998.0, 0.0], [3.0, 1.0, 0.0]]), 1.0), (np.array([-1000.0, -1001.0]), 2.0),
        (np.array([[[0.5, -1.0], [2.0, 0.0]], [[1.0, 1.0], [-3.0, 4.0]]]), 2.0), (np.zeros((2, 5)), 3.0),
        (np.array([0.3, 0.1, -0.2]), 0.5),
    ],
    odd={
        "Your function gives nothing back. Does it `return` the chances?": NOTHING,
        "Asked are numbers in the shape of the logits.": unless(_numbers),
        "Some chances are no numbers (NaN): exp of a large number is infinite, of a very small one zero. "
        "Subtract the largest logit of each *row* first.": Sign(
            lambda answer: any(map(_gap, answer.outputs)), lambda right: _naive
        ),
    },
    rule=_soft,
    said="Only differences of logits count, so subtracting a row's largest changes nothing "
    "and keeps exp finite.",
    mistakes={
        "You multiply by the temperature: that makes the chances sharper. Divide.":
            lambda logits, t: _soft(logits, 1 / t),
        "The temperature has no effect on your chances.": lambda logits, t: _soft(logits, 1.0),
        "You divide the *chances* by T, so they no longer add up to 1. Divide the logits.":
            lambda logits, t: (np.array(_soft(logits, 1.0)) / t).tolist(),
        "All numbers of the array add up to 1 together. Each row, the last axis, should.":
            lambda logits, t: _soft(logits, t, axis=None),
        "You add up along the first axis. The classes are the last one.":
            lambda logits, t: _soft(logits, t, axis=0),
        "You add up along axis 1. The classes are the last axis, however many come before.":
            lambda logits, t: _soft(logits, t, axis=1 if np.ndim(logits) > 1 else 0),
        "Those are logarithms of the chances.":
            lambda logits, t: np.log(np.array(_soft(logits, t)) + 1e-320).tolist(),
        "Your function gives the same for all logits.": CONSTANT,
    },
    otherwise="Some chances are others. Take the table's second column by hand.",
    hints=(
        "Divide by T first, then a softmax.",
        "`scaled.max(axis=-1, keepdims=True)` is the largest of each row, in a shape that can be subtracted.",
    ),
)  # fmt: skip

# ---- 3.7b: the loss ----------------------------------------------------------------------------------------

_draw = np.random.default_rng(37)


def _probe(shape, temperature, alpha, scale=2.0, labels="one"):
    student, teacher = _draw.normal(0, scale, (2, *shape)).round(2)
    which = np.eye(shape[-1])[_draw.integers(0, shape[-1], shape[:-1])]
    if labels == "smooth":
        which = 0.9 * which + 0.1 / shape[-1]
    if labels == "none":
        which[0] = 0
    return student, teacher, which, temperature, alpha


_USUAL = [
    _probe((3, 2), 2.0, 0.5),
    _probe((4, 5), 4.0, 0.9),
    _probe((2, 3, 4), 3.0, 0.3, labels="none"),
    _probe((3, 4), 1.0, 0.7, labels="smooth"),
    _probe((2, 3), 8.0, 1.0),
    _probe((2, 3), 2.0, 0.0),
]
_UNLABELLED = 2  # the probe in which a row has no label
_LARGE = [
    (np.array([[0.0, 1000.0, 0.0], [3.0, 1.0, -900.0]]), np.array([[1000.0, 998.0, 0.0], [2.0, 0.0, 1.0]]),
     np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), 2.0, 0.5),
]  # fmt: skip


def _log_soft(logits, temperature=1.0):
    scaled = logits / temperature
    scaled = scaled - scaled.max(-1, keepdims=True)
    return scaled - np.log(np.exp(scaled).sum(-1, keepdims=True))


def _loss(student, teacher, labels, t, alpha, *, power=2, of="kl", hard_at=1.0, teacher_at=None,
    student_at=None,
          swap=False, whole=False, mean=False, parts="both", sign=1, clip=0.0, full=False,
          sure=False):  # fmt: skip
    """The rule, and with its options what people do instead."""
    p, q = _log_soft(teacher, teacher_at or t), _log_soft(student, student_at or t)
    if clip:
        p, q = np.log(np.exp(p).clip(clip, 1)), np.log(np.exp(q).clip(clip, 1))
    soft = {"kl": np.exp(p) * (p - q), "entropy": -np.exp(p) * q, "reverse": np.exp(q) * (q - p)}[of]
    unlabelled = labels.sum(-1) == 0
    labels = np.eye(labels.shape[-1])[labels.argmax(-1)] if sure else labels
    hard = -labels * _log_soft(student, t if hard_at == "t" else hard_at)
    soft, hard = (part.mean(-1) if mean else part.sum(-1) for part in (soft, hard))
    alpha = 1 - alpha if swap else alpha
    if whole:
        return sign * t**power * (alpha * soft + (1 - alpha) * hard)
    soft = np.where(full & unlabelled, 1, alpha) * t**power * soft
    if parts == "unweighted":
        return sign * (soft + hard)
    return sign * {"both": soft + (1 - alpha) * hard, "soft": soft, "hard": (1 - alpha) * hard}[parts]


def _gradient(student, teacher, labels, t, alpha):
    p, q, now = np.exp(_log_soft(teacher, t)), np.exp(_log_soft(student, t)), np.exp(_log_soft(student))
    return alpha * t * (q - p) + (1 - alpha) * (labels.sum(-1, keepdims=True) * now - labels)


def _finite(values):
    """Nested lists of numbers; None stands for what is no number."""
    values = np.asarray(values, float)
    return np.where(np.isfinite(values), values, np.array(None)).tolist()


def _tried(distillation_loss):
    """Loss and gradient for each probe, as Keras would see them."""
    import tensorflow as tf

    found = []
    for place, (*logits, t, alpha) in enumerate([*_USUAL, *_LARGE]):
        student, teacher, labels = (tf.constant(one, tf.float32) for one in logits)
        if place % 2:
            t, alpha = tf.constant(t, tf.float32), tf.constant(alpha, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(student)
            loss = distillation_loss(student, teacher, labels, t, alpha)
        if loss is None or loss is ...:
            raise Blank("") if loss is ... else NotData("gives nothing back. Does it `return` the loss?")
        slope = tape.gradient(loss, student) if tf.is_tensor(loss) else None
        found.append({"loss": _finite(loss), "gradient": None if slope is None else _finite(slope)})
    return found


_MISTAKES = {
    "The factor T² is missing: the teacher's part fades as T grows.": {"power": 0},
    "The teacher's part is multiplied by T. Asked is its square.": {"power": 1},
    "α and 1 − α are exchanged: α belongs to the teacher's part.": {"swap": True},
    "That is the teacher's cross-entropy. It trains alike, but is not 0 where both agree: the divergence "
    "subtracts the teacher's own entropy.": {"of": "entropy"},
    "Your divergence is turned round: the teacher's chances are the weights, and its logarithm comes first.":
        {"of": "reverse"},
    "Labels are asked at temperature 1; you soften the student there, too.": {"hard_at": "t"},
    "No logits are divided by T: both sides of the divergence are to be softened.":
        {"teacher_at": 1.0, "student_at": 1.0},
    "The teacher's logits are not divided by T.": {"teacher_at": 1.0},
    "In the teacher's part the student's logits are not divided by T.": {"student_at": 1.0},
    "T² belongs to the teacher's part alone; you multiply the labels' part by it as well.": {"whole": True},
    "The labels' part is missing.": {"parts": "soft"},
    "The teacher's part is missing.": {"parts": "hard"},
    "The labels' part lacks its weight, 1 − α.": {"parts": "unweighted"},
    "You take the mean over the classes. Divergence and cross-entropy are sums.": {"mean": True},
    "Your loss has the other sign: what is unlike must be dear.": {"sign": -1},
    "A row without a label keeps the weight α, as in the table's last row; yours gets the "
    "teacher's part in full.":
        {"full": True},
    "You take the class of the largest label for certain. Labels may be smoothed, and a row "
    "of zeros has none.":
        {"sure": True},
}  # fmt: skip


def _near(found, wanted):
    wanted = np.asarray(wanted)
    return np.shape(found) == wanted.shape and np.allclose(
        np.array(found, float), wanted, rtol=1e-3, atol=1e-4
    )


@exercise(
    "3.7b",
    distillation_loss=Program(_tried, seconds=30, fork=False),
    hints=(
        "`p = ops.log_softmax(teacher / temperature, axis=-1)`, and so the student's; `ops.exp(p)` weighs.",
        "Both parts are sums over the last axis: `ops.sum(…, axis=-1)`.",
        "`alpha * temperature**2 * soft + (1 - alpha) * hard`; the hard part takes the student as "
        "it is, not divided.",
    ),
    said="The divergence is zero where both agree, nothing overflows, and T² keeps the "
    "teacher's part from fading.",
)
def the_loss(distillation_loss):
    usual, large = distillation_loss[: len(_USUAL)], distillation_loss[len(_USUAL) :]
    losses = [one["loss"] for one in usual]
    if any(np.shape(loss) == probe[0].shape for loss, probe in zip(losses, _USUAL, strict=True)):
        yield "Your loss still has a number for each class. Add up over the last axis."
    if all(np.shape(loss) == () for loss in losses):
        yield "That is one number for all rows. Asked is the loss of each row; Keras takes the mean later."
    if np.shape(losses[_UNLABELLED]) == (2, 4):  # of a probe [2, 3, 4]
        yield "You add up along axis 1. The classes are the last axis, however many come before."
    for reason, options in _MISTAKES.items():
        if all(_near(loss, _loss(*probe, **options)) for loss, probe in zip(losses, _USUAL, strict=True)):
            yield reason
    if not all(_near(loss, _loss(*probe)) for loss, probe in zip(losses, _USUAL, strict=True)):
        yield "For some rows the loss is another. Take the table's second row by hand: 0.444, 0.693, 0.568."
    if any(one["gradient"] is None for one in usual):
        yield (
            "The values hold, but Keras can't differentiate them: they left TensorFlow. Use `ops` throughout."
        )
    if any(_gap(one["loss"]) or _gap(one["gradient"]) for one in large):
        yield (
            "For logits of 1,000 it is no number: the logarithm of a chance was infinite. Use "
            "`ops.log_softmax`."
        )
    if all(_near(one["loss"], _loss(*probe, clip=1e-7)) for one, probe in zip(large, _LARGE, strict=True)):
        yield (
            "For large logits your divergence is cut off at chances of 1e-7, as `kl_divergence` does, or an "
            "ε of your own. There the gradient ends."
        )
    if not all(_near(one["loss"], _loss(*probe)) for one, probe in zip(large, _LARGE, strict=True)):
        yield "For logits of 1,000 the loss is another. Is something clipped, or added to a logarithm?"
    slopes = [_near(one["gradient"], _gradient(*probe)) for one, probe in zip(usual, _USUAL, strict=True)]
    if slopes == [place != _UNLABELLED for place in range(len(_USUAL))]:
        yield (
            "The values hold, but a row without label moves the student all the same: TensorFlow's "
            "cross-entropy with logits, which Keras calls, takes for granted that labels add up to 1. Write "
            "−Σ labels · log_softmax."
        )
    if not all(slopes):
        yield (
            "The values hold, their gradient doesn't: part of the student's way is cut off "
            "(`stop_gradient`?)."
        )


# ---- 3.7c: a bias from a share -----------------------------------------------------------------------------


def _bias(logits, digit, share, *, best=max, with_itself=False, sign=1, count=None, descending=False, off=0):
    rows = max(1, round(share * len(logits))) if count is None else count(share, len(logits))
    needs = []
    for row in logits:
        others = row if with_itself else row[:digit] + row[digit + 1 :]
        needs.append(sign * (best(others) - row[digit]))
    needs.sort(reverse=descending)
    return needs[min(rows - 1 + off, len(needs) - 1)]


def _needs(logits, digit):
    return [max(row[:digit] + row[digit + 1 :]) - row[digit] for row in logits]


def _barely_more(answer):
    over = [
        output - answer.of(answer.rule, given)
        for given, output in zip(answer.inputs, answer.outputs, strict=True)
    ]
    return all(-1e-6 < one < 0.2 for one in over) and max(over) > 1e-6


_FOUR = [[5, 1, 4], [2, 0, 3], [1, 6, 2], [3, 2, 0.5]]
_EIGHT = [[9, 1, 2], [4, 8, 0], [0, 3, 7], [6, 5, 5], [1, 2, 2], [8, -1, 3], [2, 7.5, 1], [-4, -2, -7]]
_SEVEN = [
    [0.137, 40.5], [3.2618, 1.0], [5.0, 4.8127], [-2.0, 0.3333], [7.77, 1.2345], [1.1, 1.0], [0.0, 60.25]
]  # fmt: skip

function(
    "3.7c", "bias_for",
    lambda: [
        (np.array(_FOUR, float), 2, 0.5), (np.array(_FOUR, float), 0, 0.25), (np.array(_FOUR, float), 1, 1.0),
        (np.array(_FOUR, float), 2, 0.1), (np.array(_EIGHT, float), 1, 0.25),
        (np.array(_EIGHT, float), 0, 0.75),
        (np.array(_EIGHT, float), 2, 0.125), (np.array(_EIGHT, float), 2, 0.375),
        (np.array(_SEVEN, float), 0, 0.25), (np.array(_SEVEN, float), 1, 0.2),
        (np.array(_SEVEN, float), 0, 0.96),
    ],
    odd={
        "Your function gives nothing back. Does it `return` the bias?": NOTHING,
        "Asked is a single number.": unless(number),
    },
    rule=_bias,
    said="A row is said to be the digit from the bias on that it needs; the needs in order "
    "answer for every share.",
    mistakes={
        "Your sign is turned round: a row whose best other is 5 and whose digit has 4 needs +1.":
            lambda z, d, s: -_bias(z, d, s),
        "The digit's own logit is among the others, so no row ever needs less than 0. Leave it out.":
            lambda z, d, s: _bias(z, d, s, with_itself=True),
        "You begin with the rows that need most. The smallest needs are met first.":
            lambda z, d, s: _bias(z, d, s, descending=True),
        "One row too many: the k-th smallest need stands at index k − 1.":
            lambda z, d, s: _bias(z, d, s, off=1),
        "At least one row should be said to be it, also where `round` gives 0.": follows(
            lambda z, d, s: sorted(_needs(z, d))[round(s * len(z)) - 1],
            lambda z, d, s: sorted(_needs(z, d))[min(round(s * len(z)), len(z) - 1) - 1],
        ),
        "You round the number of rows down. `round` takes the nearest.":
            lambda z, d, s: _bias(z, d, s, count=lambda share, rows: max(1, int(share * rows))),
        "You round the number of rows up. `round` takes the nearest.":
            lambda z, d, s: _bias(z, d, s, count=lambda share, rows: math.ceil(share * rows)),
        "That is a quantile between two rows. Asked is the smallest number that is enough: "
        "the need of one row.":
            lambda z, d, s: float(np.quantile(_needs(z, d), s)),
        "That is a little more than enough. A tie goes to the digit, so what one row needs is "
        "the answer, exactly.":
            Sign(_barely_more, lambda right: lambda z, d, s: right(z, d, s) + 1e-3),
        "You take the mean of the others. A digit must pass the best of them.":
            lambda z, d, s: _bias(z, d, s, best=lambda others: sum(others) / len(others)),
        "You take the smallest of the others. A digit must pass the best of them.":
            lambda z, d, s: _bias(z, d, s, best=min),
        "You take the mean of what the rows need. Asked is the need of one row, by its place in order.":
            lambda z, d, s: sum(_needs(z, d)) / len(z),
        "That is the bias for all rows, whatever the share.": lambda z, d, s: max(_needs(z, d)),
        "Your function gives the same bias for all logits.": CONSTANT,
    },
    otherwise="For some logits the bias is another. Write down what each row needs, in order.",
    hints=(
        "A row needs the best of its other logits less the digit's own.",
        "`np.delete(logits, digit, axis=1).max(axis=1)` is the best other.",
        "Sort what they need; of k rows, the k-th smallest is enough.",
    ),
)  # fmt: skip

# ---- 3.7d: the right pairs ---------------------------------------------------------------------------------

_ROWS, _BATCH, _MISSING, _MOST = 61, 8, (3, 40), 40
_IDS = 100 + _draw.permutation(_ROWS)
_INPUTS = np.stack([_IDS, _IDS % 7], axis=1).astype("float32")
_LABELS = np.stack([_IDS % 2, 1 - _IDS % 2], axis=1).astype("float32")
_CACHED = np.concatenate([_draw.permutation(np.delete(_IDS, _MISSING)), [900, 901]])[_draw.permutation(_ROWS)]
_KNOWN = [int(one) for one in np.delete(_IDS, _MISSING)]


def _cache():
    import pandas as pd

    return pd.DataFrame(
        {"no": -_CACHED.astype("float32"), "yes": 2.0 * _CACHED.astype("float32")}, index=_CACHED
    )


def _epoch(dataset):
    """The batches of one epoch: of each row id by its inputs, what its label and its logits say the id is."""
    batches = []
    for element in dataset.take(_MOST).as_numpy_iterator():
        if type(element) is not tuple or len(element) != 2 or type(element[1]) is not dict:
            raise NotData(
                'has other elements than asked: each should be `(inputs, {"labels": …, "teacher": …})`.'
            )
        inputs, targets = element
        if targets.keys() != {"labels", "teacher"}:
            raise NotData('has other targets than asked: a dict with "labels" and "teacher".')
        parts = [np.asarray(one) for one in (inputs, targets["labels"], targets["teacher"])]
        if any(one.ndim != 2 or one.shape[1] != 2 or len(one) != len(parts[0]) for one in parts):
            raise NotData(
                "has elements of another shape. Batches are asked for, of as many inputs as "
                "labels and logits."
            )
        inputs, labels, teacher = parts
        batches.append([
            [float(row[0]), float(label[0]), float(said[1]) / 2 if math.isfinite(said[1]) else None]
            for row, label, said in zip(inputs, labels, teacher, strict=True)
        ])  # fmt: skip
    return batches


def _fed(paired):
    import tensorflow as tf

    made = []
    tf.random.set_seed(1)
    for _ in range(2):
        dataset = paired(_IDS.copy(), _INPUTS.copy(), _LABELS.copy(), _cache(), _BATCH, 11)
        if dataset is ...:
            raise Blank("")
        if dataset is None:
            raise NotData("gives nothing back: the dataset is to be given back with `return`.")
        if not isinstance(dataset, tf.data.Dataset):
            raise NotData(f"gives {kind(dataset)}; it should be a `tf.data.Dataset`.")
        made.append(dataset)
    return {"first": _epoch(made[0]), "second": _epoch(made[0]), "again": _epoch(made[1])}


@exercise(
    "3.7d",
    paired=Program(_fed, seconds=30, fork=False),
    hints=(
        "First bring the logits into the order of `ids`: `cache.loc[…]` takes ids in the order you name "
        "them.",
        "`np.isin(ids, cache.index)` says which ids are known; keep these rows of inputs and labels alone.",
        "Slice inputs, labels and logits *together*, then shuffle with a buffer of all rows, then batch.",
    ),
    said="Joined by id before anything is shuffled, and shuffled together: no order of the "
    "cache can part them.",
)
def the_right_pairs(paired):
    rows = [row for batch in paired["first"] for row in batch]
    ids = [int(row[0]) for row in rows]
    if any(row[2] is None for row in rows):
        yield "Some rows have no logits (NaN): their ids aren't in the cache. Leave them out."
    if len(ids) > _ROWS:
        yield "There is more than one epoch in it. Each row once; the lesson repeats."
    strange = [int(row[0]) for row in rows if int(row[2]) not in _CACHED]
    if strange and not set(strange) & set(_KNOWN):
        yield "Rows whose id isn't in the cache got logits all the same, made up. Leave such rows out."
    if strange:
        yield (
            "What comes out beside the inputs isn't in the cache. Hand its logits on as they "
            "are: no softmax, no T."
        )
    if any(int(row[0]) % 2 != row[1] for row in rows):
        yield "Labels and inputs no longer belong together. What is left out must be left out of both."
    if any(int(row[2]) != one for row, one in zip(rows, ids, strict=True)):
        if len({int(row[2]) for row in rows} - set(_KNOWN)) or sorted(int(row[2]) for row in rows) != sorted(
            ids
        ):
            yield "Rows get the logits that stand at their *place* in the cache. Go by id."
        yield "Inputs and logits are of the same rows, in two orders. Join by id, and shuffle them together."
    if len(paired["first"]) and sorted(ids) != sorted(_KNOWN):
        if len(ids) == len(_KNOWN) // _BATCH * _BATCH:
            yield "The last batch is lost: it may be smaller, but its rows are data, too."
        yield "An epoch should have each row whose id is in the cache, once."
    sizes = [len(batch) for batch in paired["first"]]
    if any(size != _BATCH for size in sizes[:-1]) or not sizes or sizes[0] != _BATCH:
        yield "The batches are of another size."
    place = [_KNOWN.index(one) for one in ids]
    if place == sorted(place):
        yield "Nothing is shuffled: the rows come in the order of `ids`."
    if all(len(set(np.diff(place[i : i + _BATCH]))) == 1 for i in range(0, len(place) - _BATCH, _BATCH)):
        yield "You shuffle whole batches: the rows in each are neighbours. Shuffle before `batch`."
    if all(one < at + _ROWS // 2 for at, one in enumerate(place)):
        yield "Early batches hold early rows alone: the shuffle's buffer is too small. Shuffle over all rows."
    if paired["second"] == paired["first"]:
        yield "The second epoch has the order of the first. Shuffle in the dataset, anew in each epoch."
    if paired["again"] != paired["first"]:
        yield "Built again with the same `seed` the order is another. Hand the seed to `shuffle`."
