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

from .errors import ServingError, invalid
from .inference import DEFAULT_SIGNATURE, Inference
from .tensors import to_array
from .versions import Version

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
    file = version.path / FILE
    if not file.is_file():
        return
    try:
        logs = [
            PredictionLog.FromString(record)
            for record in tf.data.TFRecordDataset(str(file)).take(LIMIT + 1).as_numpy_iterator()
        ]
    except (tf.errors.DataLossError, DecodeError) as error:
        raise ServingError(StatusCode.DATA_LOSS, f"Failed to read warm-up record from {file}") from error
    if len(logs) > LIMIT:
        raise invalid(f"Number of warmup records exceeds the maximum ({LIMIT}) at {file}")
    for log in logs:
        kind = log.WhichOneof("log_type")
        if kind == "predict_log":
            request = log.predict_log.request
            name = request.model_spec.signature_name or DEFAULT_SIGNATURE
            if name not in version.model.signatures:
                raise ServingError(
                    StatusCode.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.'
                )
            inputs = {key: to_array(key, tensor) for key, tensor in request.inputs.items()}
            inference.predict(version, version.model.signatures[name], inputs, list(request.output_filter))
        elif kind == "classify_log":
            request = log.classify_log.request
            inference.classify(version, request.model_spec.signature_name, request.input)
        elif kind == "regress_log":
            request = log.regress_log.request
            inference.regress(version, request.model_spec.signature_name, request.input)
        else:
            raise ServingError(StatusCode.UNIMPLEMENTED, f"Unsupported log_type for warmup: {kind}")
