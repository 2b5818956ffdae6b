"""Warm-up: requests stored with a model, replayed while it loads (assets.extra/tf_serving_warmup_requests).

TensorFlow optimises and compiles parts of a graph at its first run, so a version's first requests are slow;
replayed requests take that time before the version answers. They are also a contract: a version that cannot
answer the requests recorded for it does not become available.
"""

from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from grpc import StatusCode
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from .errors import ServingError, from_tensorflow, invalid
from .inference import Inference
from .models import Version

FILE = Path("assets.extra") / "tf_serving_warmup_requests"
LIMIT = 1000  # records, TF Serving's limit


def write(version_folder: Path, requests: Iterable[PredictRequest]) -> None:
    """Store Predict requests in a SavedModel's folder, as TF Serving reads them. The model name in them is ignored."""
    file = version_folder / FILE
    file.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as records:
        for request in requests:
            log = PredictionLog()
            log.predict_log.request.CopyFrom(request)
            records.write(log.SerializeToString())


def replay(version: Version, inference: Inference) -> None:
    """Run the stored requests of a version, if it has any.

    Raises:
        ServingError: the file is broken, or a request fails; then the version must not go live.
    """
    for log in _logs(version.path / FILE):
        kind = log.WhichOneof("log_type")
        # an empty record asks for nothing
        if kind is None:
            continue
        request = getattr(log, kind).request
        if kind == "predict_log":
            inference.predict_request(version, request)
        elif kind == "classify_log":
            inference.classify(version, request.model_spec.signature_name, request.input)
        elif kind == "regress_log":
            inference.regress(version, request.model_spec.signature_name, request.input)
        else:
            raise ServingError(StatusCode.UNIMPLEMENTED, f"Unsupported log_type for warmup: {kind}")


def _logs(file: Path) -> list[PredictionLog]:
    if not file.exists():
        return []
    try:
        records = list(tf.data.TFRecordDataset(str(file)).take(LIMIT + 1).as_numpy_iterator())
    except tf.errors.OpError as error:
        problem = f"Failed to read warmup records from {file}; they must be in TFRecord format"
        raise ServingError(from_tensorflow(error).code, problem) from error
    if len(records) > LIMIT:
        raise invalid(f"Number of warmup records exceeds the maximum ({LIMIT}) at {file}")
    try:
        return [PredictionLog.FromString(record) for record in records]
    except DecodeError as error:
        raise invalid(f"Failed to parse warmup record from {file}") from error
