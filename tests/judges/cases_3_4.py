"""Answers to the exercises of lesson 3.4 that its own examples can't have: other right ways, mistakes nobody foresaw."""

from __future__ import annotations

import functools
import os

import numpy as np

from .harness import cases

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# ---- 3.4a ----------------------------------------------------------------------------------------------------------


def _by_float32(values, low, high):
    low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    scale = (high - low) / 255.0
    zero = np.round(-128 - low / scale).astype(int)
    q = np.round(values / scale).astype(int) + zero
    return (np.clip(q, -128, 127) - zero) * scale


def _cut_first(values, low, high):
    """Cuts by minimum and maximum."""
    low, high = np.minimum(low, 0), np.maximum(high, 0)
    scale = (high - low) / 255
    zero = np.round(-128 - low / scale)
    q = np.round(values / scale + zero)
    return scale * (np.maximum(np.minimum(q, 127), -128) - zero)


def _unsigned(values, low, high):
    low, high = np.minimum(low, 0), np.maximum(high, 0)
    scale = (high - low) / 255
    zero = np.round(-low / scale)
    return scale * (np.clip(np.round(values / scale + zero), 0, 255) - zero)


def _grid_from_low(values, low, high):
    """A grid that begins at `low`: zero isn't on it."""
    low, high = np.minimum(low, 0), np.maximum(high, 0)
    scale = (high - low) / 255
    return np.clip(np.round((values - low) / scale), 0, 255) * scale + low


# ---- 3.4b: files of a small network that looks at 64 × 64 pictures --------------------------------------------------


@functools.cache
def _pictures():
    from helpers import datasets

    return datasets.solar_cells(64)[0]


@functools.cache
def _folder():
    """A SavedModel of one small convolution, its weights drawn by a seed; saved once. Its graph comes as well."""
    import tempfile

    import tensorflow as tf

    draw = np.random.default_rng(34)
    module = tf.Module()
    module.kernel = tf.Variable(draw.normal(size=(7, 7, 1, 32)).astype("float32") / 7)
    module.dense = tf.Variable(draw.normal(size=(32, 1)).astype("float32") * 6)

    module.middle = tf.Variable(0.0)

    @tf.function
    def chance(grey):
        seen = tf.nn.relu(tf.nn.conv2d(grey / 40 - 3.75, module.kernel, 4, "SAME"))
        return tf.sigmoid(tf.reduce_mean(seen, [1, 2]) @ module.dense - module.middle)

    graph = chance.get_concrete_function(tf.TensorSpec([None, 64, 64, 1], tf.float32))
    # Chances on both sides of one half
    said = graph(tf.constant(_pictures()[::40][..., None].astype("float32"))).numpy()
    module.middle.assign(np.median(np.log(said / (1 - said))))
    folder = tempfile.mkdtemp(prefix="cases-3-4-")
    tf.saved_model.save(module, folder, signatures=graph)
    return folder, graph


@functools.cache
def _file(shown="all", kind="int8", ends=("int8", "int8"), strict=True, wide=False):
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(_folder()[0])
    if kind != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "int8":
        some = {
            "all": _pictures()[::20],
            "one, dim": np.minimum(_pictures()[:1], 40),
            "by 255": _pictures()[::100] / 255,
        }[shown]
        converter.representative_dataset = lambda: ([one[None, ..., None].astype("float32")] for one in some)
        if strict:
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        if wide:
            converter.target_spec.supported_ops = [
                tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
            ]
        converter.inference_input_type, converter.inference_output_type = (getattr(tf, end) for end in ends)
    return converter.convert()


def _given():
    import tensorflow as tf

    shown = _pictures()[::40][..., None].astype("float32")
    return {"chances": _folder()[1](tf.constant(shown)).numpy().ravel().tolist()}


# ---- 3.4c, 3.4d ----------------------------------------------------------------------------------------------------


def _sorted_by_size(variants, budget, margin):
    for name, row in variants.sort_values("zipped", kind="stable").iterrows():
        if row["zipped"] <= budget and row["from"] >= -margin:
            return name
    return None


def _by_query(variants, budget, margin):
    left = variants.query("zipped <= @budget and `from` >= -@margin")
    return left.index[left["zipped"].argmin()] if len(left) else None


def _channel_by_channel(first, second):
    factors = np.ones(first.shape[-1])
    for channel in range(len(factors)):
        one, other = np.max(np.abs(first[..., channel])), np.max(np.abs(second[:, :, channel]))
        if one > 0 and other > 0:
            factors[channel] = (other / one) ** 0.5
    return factors


def _as_nagel_writes_it(first, second):
    """s = sqrt(r1 · r2) / r2 divides the first kernel: its inverse is asked."""
    one, other = np.abs(first).max((0, 1, 2)), np.abs(second).max((0, 1, 3))
    with np.errstate(all="ignore"):
        s = np.sqrt(one * other) / other
        return np.where((one > 0) & (other > 0), 1 / s, 1)


def _undefended(first, second):
    with np.errstate(all="ignore"):
        return np.sqrt(np.abs(second).max((0, 1, 3)) / np.abs(first).max((0, 1, 2)))


CASES = {
    "3.4a": cases(
        "there_and_back",
        right=[_by_float32, _cut_first, _unsigned, lambda *given: _by_float32(*given).tolist()],
        wrong={
            "an array with a number for each": lambda values, low, high: float(
                _by_float32(values, low, high).mean()
            ),
            "Some values come back as others": lambda values, low, high: _by_float32(values, low, high * 1.1),
            "no integer, so 0 does not come back": _grid_from_low,
        },
    ),
    "3.4b": cases(
        "integer",
        right=[_file(), _file(strict=False), bytearray(_file())],
        wrong={
            "it is the float network": _file(kind="float"),
            "halved floats": _file(kind="float16"),
            "that is dynamic range": _file(kind="dynamic"),
            "floats go in and come out": _file(ends=("float32", "float32")),
            "Its input is of `uint8`": _file(ends=("uint8", "int8")),
            "Its input is of `int16`": _file(ends=("int16", "int16"), strict=False, wide=True),
            "Its output is of `float32`": _file(ends=("int8", "float32")),
            "less than a tenth of a grey value": _file("by 255"),
            "the ranges don't fit": _file("one, dim"),
        },
        invalid={
            "should be bytes": "model.tflite",
            "not the content of a LiteRT file": b"nothing of the kind",
            "that LiteRT can't run": _file()[:2000],
        },
        given=_given(),
    ),
    "3.4c": cases(
        "choose",
        right=[_sorted_by_size, _by_query],
        wrong={
            "the name of a variant": lambda variants, budget, margin: variants.zipped.min(),
            "another variant is chosen": lambda variants, budget, margin: _sorted_by_size(
                variants, budget / 2, margin
            ),
        },
    ),
    "3.4d": cases(
        "equalize",
        right=[_channel_by_channel, _as_nagel_writes_it],
        wrong={
            "a number for each channel": lambda first, second: float(
                _channel_by_channel(first, second).mean()
            ),
            "same in both afterwards": lambda first, second: _channel_by_channel(first, second) * 1.1,
        },
        invalid={"infinite": _undefended},
    ),
}
