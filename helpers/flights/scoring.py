"""Scores a table of flights with an exported model: what a client of `predict_rows` does, without the network."""

from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from helpers.flights import examples

INTEGERS = ["weekday", "day_minute"]
BATCH = 8192


def score(model: Path, rows: pd.DataFrame) -> np.ndarray:
    """The probability of being late, float32 [n], for rows with the columns examples.FEATURES. model: a SavedModel
    folder, such as pipeline.ensure().model."""
    predict = tf.saved_model.load(str(model)).signatures["predict_rows"]
    parts = [
        predict(**tensors(rows.iloc[start : start + BATCH]))["late"].numpy()
        for start in range(0, len(rows), BATCH)
    ]
    return np.concatenate(parts)[:, 0] if parts else np.empty(0, "float32")


def tensors(rows: pd.DataFrame) -> dict[str, tf.Tensor]:
    """One tensor [n, 1] per raw feature, as `predict_rows` takes them."""
    columns = {}
    for name in examples.FEATURES:
        kind = tf.string if name in examples.CATEGORIES else tf.int64 if name in INTEGERS else tf.float32
        columns[name] = tf.constant(rows[[name]].to_numpy(), kind)
    return columns
