"""What Trainer runs: read raw examples, transform them by the graph, fit the members one after another,
export one model.

The exported SavedModel takes raw features, so whoever serves it needs nothing else. Its signatures:
- serving_default: `examples`, serialized tf.Examples [n] → `late`, probability float32 [n, 1]
- predict_rows: one tensor [n, 1] per raw feature (string, float32 or int64; NaN: missing weather) → the
same
- classify: `inputs`, serialized tf.Examples [n] → `classes`, `scores` [n, 2], by TF Serving's method name
- regress: `inputs`, serialized tf.Examples [n] → `outputs` [n, 1], by TF Serving's method name
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow.core.protobuf import saved_model_pb2

from helpers.flights import examples, features, model
from helpers.flights.settings import MODEL as DEFAULTS

SEED = 2013
METHODS = {"classify": tf.saved_model.CLASSIFY_METHOD_NAME, "regress": tf.saved_model.REGRESS_METHOD_NAME}


def run_fn(fn_args) -> None:
    """TFX's entry point. `custom_config["model"]`, and then a Tuner's hyperparameters, override DEFAULTS.

    No early stopping: the evaluation month judges the model, so it must not help to choose it. The defaults
    were chosen on April, May and June, with models trained on the months before.
    """
    settings = DEFAULTS | (fn_args.custom_config or {}).get("model", {})
    if fn_args.hyperparameters:
        settings |= {
            name: value for name, value in fn_args.hyperparameters["values"].items() if name in DEFAULTS
        }
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    inputs, late = read(fn_args.train_files, transform)
    export(fit(inputs, late, sizes(transform), settings), transform, fn_args.serving_model_dir)


def read(patterns: list[str], transform: tft.TFTransformOutput) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Transformed features and labels [n, 1] of all raw examples under the patterns, in an order that does
    not depend on how Beam happened to write them."""
    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
    layer = transform.transform_features_layer()
    spec = transform.raw_feature_spec()

    @tf.autograph.experimental.do_not_convert  # nothing to convert, and looking through Keras for it takes seconds
    def transformed(rows):
        return layer(tf.io.parse_example(rows, spec))

    batches = tf.data.TFRecordDataset(files, "GZIP").batch(8192).map(transformed)
    parts = [*batches.as_numpy_iterator()]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in sorted(parts[0])}
    order = np.lexsort([*(column[:, 0] for column in columns.values()), *columns[features.NUMBERS].T])
    columns = {name: column[order] for name, column in columns.items()}
    return columns, columns.pop(examples.LABEL)


def sizes(transform: tft.TFTransformOutput) -> dict[str, int]:
    """How many values each category has, the row of the unknown ones included."""
    known = {name: transform.vocabulary_size_by_name(name) + 1 for name in features.VOCABULARIES}
    return known | {"weekday": 7, "half_hour": 48, "carrier_hour": known["carrier"] * 24}


def fit(
    inputs: dict[str, np.ndarray],
    late: np.ndarray,
    sizes: dict[str, int],
    settings: dict,
    weights: np.ndarray | None = None,
) -> keras.Model:
    """Members trained on the rows, averaged. The same arguments give the same model on one machine;
    `weights` [n] weighs rows."""
    steps = settings["epochs"] * -(-len(late) // settings["batch"])
    members = []
    for number in range(settings["members"]):
        keras.utils.set_random_seed(SEED + number)
        member = model.build(sizes, tuple(settings["hidden"]), settings["dropout"])
        model.compile(member, steps, settings["learning_rate"])
        member.fit(
            inputs,
            late.astype("float32"),
            sample_weight=weights,
            batch_size=settings["batch"],
            epochs=settings["epochs"],
            verbose=0,
        )
        members.append(member)
    return model.average(members)


def export(late_model: keras.Model, transform: tft.TFTransformOutput, folder: str) -> None:
    """Write the SavedModel with its four signatures, transformation included."""
    spec = transform.raw_feature_spec()
    del spec[examples.LABEL]
    module = tf.Module()
    layer = transform.transform_features_layer()
    # What the layer looks words up in. Tracked as a whole, the layer, a Keras 2 model, would be traced and saved anew
    module.vocabularies = layer._saved_model_loader_tracked_dict
    # The variables by themselves: a Keras 3 model as a whole is saved under handles that TF Serving does not restore
    module.weights = [weight.value for weight in late_model.weights]

    def probability(raw: dict) -> tf.Tensor:
        return late_model(layer(raw))

    def serialized(name: str) -> list:
        return [tf.TensorSpec([None], tf.string, name=name)]

    @tf.function(input_signature=serialized("examples"), autograph=False)
    def serving_default(examples):
        return {"late": probability(tf.io.parse_example(examples, spec))}

    @tf.function(input_signature=serialized("inputs"), autograph=False)
    def regress(inputs):
        return {"outputs": probability(tf.io.parse_example(inputs, spec))}

    @tf.function(input_signature=serialized("inputs"), autograph=False)
    def classify(inputs):
        late = probability(tf.io.parse_example(inputs, spec))
        classes = tf.tile(tf.constant([["on time", "late"]]), [tf.shape(late)[0], 1])
        return {"classes": classes, "scores": tf.concat([1 - late, late], axis=1)}

    @tf.function(autograph=False)
    def predict_rows(**rows):
        return {"late": probability({name: _as_parsed(rows[name], kind) for name, kind in spec.items()})}

    columns = {name: tf.TensorSpec([None, 1], kind.dtype, name=name) for name, kind in spec.items()}
    tf.saved_model.save(
        module,
        folder,
        signatures={
            "serving_default": serving_default,
            "predict_rows": predict_rows.get_concrete_function(**columns),
            "classify": classify,
            "regress": regress,
        },
    )
    _name_methods(Path(folder) / "saved_model.pb")


def _as_parsed(column: tf.Tensor, kind) -> tf.Tensor | tf.SparseTensor:
    """A column [n, 1] as the parser of tf.Examples gives it: sparse, without its NaNs, where the feature
    may be missing."""
    if isinstance(kind, tf.io.FixedLenFeature):
        return column
    there = tf.where(~tf.math.is_nan(column))
    return tf.SparseTensor(there, tf.gather_nd(column, there), tf.shape(column, out_type=tf.int64))


def _name_methods(path: Path) -> None:
    """TF Serving answers Classify and Regress only by signatures of these method names; tf.saved_model.save
    knows Predict alone."""
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for name, method in METHODS.items():
        saved.meta_graphs[0].signature_def[name].method_name = method
    path.write_bytes(saved.SerializeToString(deterministic=True))
