"""The side case on images: solar cells, whole modules kept on one side of every split, and the small CNN that lessons improve.

Used by lessons 1.5, 1.6, 3.4, 3.7, 3.9 and 3.11. Pictures are uint8 [n, size, size] as `datasets.solar_cells(size)` gives them;
a label is 1 where the probability of a defect is above `CUT`. Labels, blocks and parts are in the order of the frame.
TensorFlow loads with the first model, so that `split` stays cheap.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import keras
    import pandas as pd

CUT = 0.5  # 2/3 and 1 are defective: the experts thought a defect likelier than not
MODULE = 60  # cells of a module: 10 rows of 6
FILTERS = (16, 32, 64)  # of the CNN, by layer
Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Split(NamedTuple):
    """Positions in the frame, ascending, disjoint, together all; no block of neighbours is on two sides."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def labels(frame: pd.DataFrame, cut: float = CUT) -> np.ndarray:
    """1.0 where the probability of a defect is above `cut`, else 0.0; float32 [n]."""
    return (frame.probability.to_numpy() > cut).astype("float32")


def blocks(frame: pd.DataFrame) -> np.ndarray:
    """The block of neighbours each cell is in, int [n]: 44 blocks of about 60 cells in the order of cutting.

    The module is not recorded. The source names 18 mono and 26 poly modules (Deitsch et al. 2019); counting 60 cells from
    the start of each run of one type gives just these numbers. In the two longest runs a border may be off by a few cells.
    """
    run = (frame.type != frame.type.shift()).cumsum()
    place = frame.groupby(run).cumcount()
    length = run.map(run.value_counts())
    last = np.maximum(1, np.rint(length / MODULE)) - 1
    start = (run.ne(run.shift()) | (place % MODULE == 0)) & (place // MODULE <= last)
    return start.cumsum().to_numpy() - 1


def folds(frame: pd.DataFrame, seed: int, count: int = 5) -> list[np.ndarray]:
    """`count` disjoint arrays of positions, ascending, together all: whole blocks, alike in label and type.

    Of each type the blocks are ranked by their share of defective cells and dealt out in rounds of `count`, each round in
    another order; the last round, which may be short, goes to the smallest folds. (scikit-learn's StratifiedGroupKFold
    leaves folds with 15 % and 54 % of defective cells here: 44 groups are few, and it shuffles before it balances.)
    """
    rng = np.random.default_rng(seed)
    block = blocks(frame)
    share = np.bincount(block, labels(frame)) / np.bincount(block)
    kind = frame.type.to_numpy()[np.unique(block, return_index=True)[1]]
    size = np.bincount(block)
    fold, filled = np.empty(len(size), int), np.zeros(count, int)
    for one in np.unique(kind):
        ranked = np.flatnonzero(kind == one)
        ranked = ranked[np.argsort(-share[ranked], kind="stable")]
        for start in range(0, len(ranked), count):
            dealt = ranked[start : start + count]
            order = rng.permutation(count)
            order = order[np.argsort(filled[order], kind="stable")] if len(dealt) < count else order
            fold[dealt] = order[: len(dealt)]
            np.add.at(filled, fold[dealt], size[dealt])
    return [np.flatnonzero(fold[block] == number) for number in range(count)]


def split(frame: pd.DataFrame, seed: int) -> Split:
    """Three fifths train, one validates, one tests: folds 2–4, 1 and 0 of `folds(frame, seed)`."""
    test, validation, *rest = folds(frame, seed)
    return Split(np.sort(np.concatenate(rest)), validation, test)


def build(size: int = 64, filters: tuple[int, ...] = FILTERS) -> keras.Model:
    """The small CNN: grey pictures [n, size, size, 1] from 0 to 255 in, the chance of a defect [n, 1] out."""
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input([size, size, 1])])
    model.add(layers.Rescaling(1 / 40, offset=-150 / 40))  # grey is mostly 150 ± 40 in these pictures
    for number, count in enumerate(filters):
        stride = (
            2 if number else max(2, size // 16)
        )  # the first layer looks at 16 × 16 places of a large picture
        kernel = 3 if number else stride + 3
        model.add(layers.Conv2D(count, kernel, strides=stride, padding="same", use_bias=False))
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.ReLU())
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(1, activation="sigmoid"))
    return model


def fit(
    model: keras.Model,
    images: np.ndarray,
    defective: np.ndarray,
    seed: int,
    epochs: int = 8,
    class_weight: dict[int, float] | None = None,
    sample_weight: np.ndarray | None = None,
    augment: Augment | None = None,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
) -> keras.Model:
    """Train in place and return the model; Adam on cross-entropy, its rate falling from epoch to epoch along a cosine.

    `defective`: labels [n], which may lie between 0 and 1. `class_weight` and `sample_weight` multiply each other.
    `augment` gets the pictures [n, size, size] and a generator, before each epoch, and returns as many.
    A model that is compiled already stays so: its optimizer starts afresh, and its graph is not traced again.
    """
    import keras
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    target = np.asarray(defective, "float32")
    weight = np.ones(len(target)) if sample_weight is None else np.asarray(sample_weight)
    if class_weight is not None:
        weight = weight * np.where(target > 0.5, class_weight[1], class_weight[0])
    if not model.compiled:
        model.compile(keras.optimizers.Adam(), "binary_crossentropy")
    for variable in model.optimizer.variables:
        variable.assign(tf.zeros_like(variable))
    for epoch in range(epochs):
        model.optimizer.learning_rate = learning_rate * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
        shown = images if augment is None else augment(images, rng)
        model.fit(
            shown[..., None], target, sample_weight=weight.astype("float32"), batch_size=batch_size, verbose=0
        )
    return model


def train(
    images: np.ndarray,
    defective: np.ndarray,
    seed: int,
    filters: tuple[int, ...] = FILTERS,
    **options,
) -> keras.Model:
    """A new model for the size of the pictures, with weights drawn by the seed, trained as `fit` does with the given options."""
    import keras

    keras.utils.set_random_seed(seed)
    model = build(images.shape[1], filters)
    bench = _bench(images.shape[1], tuple(filters))
    bench.set_weights(model.get_weights())
    model.set_weights(fit(bench, images, defective, seed, **options).get_weights())
    return model


@functools.cache
def _bench(size: int, filters: tuple[int, ...]) -> keras.Model:
    """The model that does the training for all others of its shape: its graph is traced once, which costs more than an epoch."""
    return build(size, filters)


def balanced(defective: np.ndarray) -> dict[int, float]:
    """Class weights that give both classes the same total, with mean 1 (scikit-learn's "balanced")."""
    share = float(np.mean(defective))
    return {0: 0.5 / (1 - share), 1: 0.5 / share}


def turned(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each picture turned by a quarter, half, three quarters or not, mirrored or not: eight views, drawn evenly."""
    views = np.empty_like(images)
    view = rng.integers(0, 8, len(images))
    for number in range(8):
        chosen = np.rot90(images[view == number], number % 4, axes=(1, 2))
        views[view == number] = chosen[:, :, ::-1] if number >= 4 else chosen
    return views


def chances(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """The model's chance of a defect for each picture, float64 [n]."""
    pieces = [images[start : start + 512, ..., None] for start in range(0, len(images), 512)]
    return np.concatenate([np.asarray(model(x, training=False), "float64").ravel() for x in pieces])


def scores(defective: np.ndarray, chance: np.ndarray, threshold: float = 0.5) -> dict[str, float]:
    """ROC-AUC, PR-AUC (average precision), and at the threshold: recall, precision, false alarms among sound cells, accuracy."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    actual, alarm = np.asarray(defective) > 0.5, np.asarray(chance) >= threshold
    hits = float((actual & alarm).sum())
    return {
        "ROC-AUC": float(roc_auc_score(actual, chance)),
        "PR-AUC": float(average_precision_score(actual, chance)),
        "recall": hits / actual.sum(),
        "precision": hits / alarm.sum() if alarm.any() else float("nan"),
        "false alarms": float((~actual & alarm).sum() / (~actual).sum()),
        "accuracy": float((actual == alarm).mean()),
    }
