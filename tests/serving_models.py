"""Tiny SavedModels for the serving tests, made in a second: linear, so that an answer tells which version gave it."""

import functools
import shutil
import tempfile
from pathlib import Path

import tensorflow as tf


class Tiny(tf.Module):
    """y = weight * x + 2, on plain numbers, on named columns and on serialized tf.Examples with a feature `x`."""

    def __init__(self, weight: float):
        super().__init__()
        self.weight = tf.Variable(weight, dtype=tf.float32)
        self.matrix = tf.Variable([[1.0], [10.0]])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def plain(self, x):
        return {"y": self.weight * x + 2}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 1], tf.float32, "price"),
            tf.TensorSpec([None, 1], tf.int64, "count"),
            tf.TensorSpec([None, 1], tf.string, "name"),
        ]
    )
    def named(self, price, count, name):
        return {"total": self.weight * price * tf.cast(count, tf.float32), "name_bytes": name}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "pair")])
    def product(self, pair):
        return {"product": pair @ self.matrix, "constant": tf.constant(7.0)}

    def _parsed(self, inputs):
        row = tf.io.parse_example(
            inputs, {"x": tf.io.FixedLenFeature([1], tf.float32), "bias": tf.io.FixedLenFeature([1], tf.float32, 0.0)}
        )
        return self.weight * row["x"] + row["bias"] + 2

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def regress(self, inputs):
        return {"outputs": self._parsed(inputs)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def classify(self, inputs):
        value = self._parsed(inputs)
        classes = tf.tile(tf.constant([["small", "large"]]), [tf.shape(inputs)[0], 1])
        return {"classes": classes, "scores": tf.concat([1 / value, 1 - 1 / value], axis=1)}


@functools.cache
def exported(weight: float) -> Path:
    """Folder of a SavedModel with this weight; made once per test process."""
    folder = Path(tempfile.mkdtemp(prefix="tiny")) / "model"
    model = Tiny(weight)
    signatures = {
        "serving_default": model.plain,
        "named": model.named,
        "product": model.product,
        "regress": model.regress,
        "classify": model.classify,
    }
    tf.saved_model.save(model, str(folder), signatures=signatures)
    names = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(str(folder))
    names.replace_method_name("regress", "tensorflow/serving/regress")
    names.replace_method_name("classify", "tensorflow/serving/classify")
    names.save()
    return folder


def put(base: Path, version: int, weight: float | None = None) -> Path:
    """A version under `base`, moved into place in one step; weight is the version's number unless given."""
    base.mkdir(parents=True, exist_ok=True)
    waiting = base / f".copying-{version}"
    shutil.copytree(exported(float(version if weight is None else weight)), waiting)
    return waiting.rename(base / str(version))
