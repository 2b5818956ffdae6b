"""What Transform does with the raw features of "Late?": one graph, traced once, used in training and in
serving alike.

Raw features come as in examples.FEATURES; weather may be missing, so it arrives as a sparse tensor. Out go
CATEGORIES (int64 [n, 1] each, the model's embeddings) and NUMBERS (float32 [n, 17], standardised, zero
where missing).
"""

import math

import tensorflow as tf
import tensorflow_transform as tft

from helpers.flights import examples

VOCABULARIES = examples.CATEGORIES  # each vocabulary bears its feature's name
CATEGORIES = [*VOCABULARIES, "weekday", "half_hour", "carrier_hour"]
NUMBERS = "numbers"
N_NUMBERS = 17

# Flights of a carrier or destination below which it shares the row of the unknown ones
SEEN_OFTEN_ENOUGH = 30
SCALED = ["distance", "temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]
# Their absence says something: wind_dir is gone when the wind is light
MISSING = ["temp", "wind_dir", "pressure"]
CLIP = 4.0  # standard deviations: one wild gauge must not move the score of a whole hour


def preprocessing_fn(inputs: dict) -> dict:
    """Raw tensors by name → transformed tensors by name; the label passes through where there is one."""
    outputs = {}
    for name in VOCABULARIES:
        outputs[name] = tft.compute_and_apply_vocabulary(
            inputs[name], frequency_threshold=SEEN_OFTEN_ENOUGH, num_oov_buckets=1, vocab_filename=name
        )
    minute = inputs["day_minute"]
    outputs["weekday"] = inputs["weekday"]
    outputs["half_hour"] = minute // 30
    outputs["carrier_hour"] = outputs["carrier"] * 24 + minute // 60

    columns = [_standardised(inputs[name], log=name == "precip") for name in SCALED]
    columns += [1.0 - _present(inputs[name]) for name in MISSING]
    day = tf.cast(minute, tf.float32) * (2 * math.pi / 1440)
    columns += [tf.sin(day), tf.cos(day), tf.sin(2 * day), tf.cos(2 * day)]
    wind = _dense(inputs["wind_dir"]) * (2 * math.pi / 360)
    force = _dense(inputs["wind_speed"]) * _present(inputs["wind_dir"]) / 10.0
    columns += [force * tf.sin(wind), force * tf.cos(wind)]  # the wind as a vector: runways have directions
    outputs[NUMBERS] = tf.concat(columns, axis=1)
    if examples.LABEL in inputs:
        outputs[examples.LABEL] = inputs[examples.LABEL]
    return outputs


def _standardised(values, log: bool):
    """Mean 0 and deviation 1 over the values that are there; 0, the mean, where one is missing. Dense
    float32 [n, 1].

    In float64: Beam cuts its batches by the clock, and in float32 the order of a sum shows in the model's
    sixth digit.
    """

    def wide(x):
        x = tf.cast(x, tf.float64)
        # Rain falls in hundredths of an inch; the first matters most
        return tf.math.log1p(100.0 * x) if log else x

    values = (
        wide(values)
        if isinstance(values, tf.Tensor)
        else tf.SparseTensor(values.indices, wide(values.values), values.dense_shape)
    )
    return tf.cast(tf.clip_by_value(_dense(tft.scale_to_z_score(values)), -CLIP, CLIP), tf.float32)


def _dense(values):
    return values if isinstance(values, tf.Tensor) else _filled(values, values.values)


def _present(values):
    return _filled(values, tf.ones_like(values.values))


def _filled(sparse, values):
    """[n, 1] with the given values where the sparse tensor has one, 0 elsewhere."""
    return tf.sparse.to_dense(tf.SparseTensor(sparse.indices, values, [sparse.dense_shape[0], 1]))
