"""Tiny SavedModels for the serving tests, made in a second: linear, so that an answer tells which version gave it."""

import functools
import json
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import grpc
import httpx
import pytest
import tensorflow as tf
from prometheus_client.parser import text_string_to_metric_families
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from helpers.serving import ModelServer


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
            inputs,
            {
                "x": tf.io.FixedLenFeature([1], tf.float32),
                "bias": tf.io.FixedLenFeature([1], tf.float32, 0.0),
            },
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


class Clients:
    """Both protocols to one server, as thin as they can be; `close` when done."""

    def __init__(self, server):
        self.http = httpx.Client(base_url=server.rest_url, timeout=30)
        self.channel = grpc.insecure_channel(server.grpc_target)
        self.prediction = PredictionServiceStub(self.channel)
        self.models = ModelServiceStub(self.channel)

    def post(self, path: str, body) -> tuple[int, dict]:
        """HTTP status and decoded body of a POST; `body` as JSON, or as it is where it is text or bytes."""
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        response = self.http.post(path, content=content)
        return response.status_code, response.json()

    def get(self, path: str) -> tuple[int, dict]:
        response = self.http.get(path)
        return response.status_code, response.json()

    def predict(self, model: str, signature: str = "", version: int | None = None, label: str = "", **inputs):
        """Outputs by name, over gRPC; arrays keep their dtype."""
        request = PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = model, signature
        if version is not None:
            request.model_spec.version.value = version
        if label:
            request.model_spec.version_label = label
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        response = self.prediction.Predict(request, timeout=30)
        return {name: tf.make_ndarray(tensor) for name, tensor in response.outputs.items()}

    def states(self, model: str) -> dict[int, str]:
        """State by version, over REST."""
        status, body = self.get(f"/v1/models/{model}")
        assert status == 200, body
        return {int(entry["version"]): entry["state"] for entry in body["model_version_status"]}

    def metric(self, name: str, **labels) -> float:
        """Value of one sample on the metrics page, read by Prometheus's own parser."""
        page = self.http.get("/monitoring/prometheus/metrics").text
        samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
        names = (name, name + "_total")  # the parser adds the ending that OpenMetrics wants of a counter
        return sum(s.value for s in samples if s.name in names and labels.items() <= s.labels.items())

    def close(self):
        self.http.close()
        self.channel.close()


@contextmanager
def serving(models, **options):
    """A server polled only by hand, with clients: `with serving({...}) as (server, clients)`."""
    with ModelServer(models, **{"file_system_poll_wait_seconds": 0, **options}) as server:
        clients = Clients(server)
        try:
            yield server, clients
        finally:
            clients.close()


def example(**features: float) -> tf.train.Example:
    return tf.train.Example(
        features=tf.train.Features(
            feature={
                name: tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
                for name, value in features.items()
            }
        )
    )


def refused(call, *arguments, **options) -> tuple[str, str]:
    """Code name and text of the error a gRPC call ends with."""
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **options)
    return caught.value.code().name, caught.value.details()
