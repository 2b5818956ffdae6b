"""TF Serving's gRPC services, PredictionService and ModelService, on the same manager as the REST API."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
from tensorflow_serving.apis.classification_pb2 import ClassificationResponse
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataResponse, SignatureDefMap
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigResponse
from tensorflow_serving.apis.predict_pb2 import PredictResponse
from tensorflow_serving.apis.regression_pb2 import RegressionResponse

from .errors import from_any, invalid
from .inference import DEFAULT_SIGNATURE, Inference
from .metrics import Metrics
from .models import ModelManager, Version
from .tensors import to_tensor


@contextmanager
def _refusing(context: grpc.ServicerContext) -> Iterator[None]:
    """What is raised inside ends the call with the gRPC status of the same code."""
    try:
        yield
    except Exception as error:
        refusal = from_any(error)
        context.abort(refusal.code, refusal.message)


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict, Classify, Regress and GetModelMetadata; MultiInference is UNIMPLEMENTED."""

    def __init__(self, manager: ModelManager, inference: Inference, metrics: Metrics):
        self._manager, self._inference, self._metrics = manager, inference, metrics

    def Predict(self, request, context):
        """Outputs of a signature as tensors."""

        def predict(version: Version) -> PredictResponse:
            response = PredictResponse()
            for name, array in self._inference.predict_request(version, request).items():
                to_tensor(array, response.outputs[name])
            return response

        return self._counted("Predict", request.model_spec, context, predict)

    def Classify(self, request, context):
        """Labels and scores of tf.Examples."""

        def classify(version: Version) -> ClassificationResponse:
            name = request.model_spec.signature_name
            return ClassificationResponse(result=self._inference.classify(version, name, request.input))

        return self._counted("Classify", request.model_spec, context, classify)

    def Regress(self, request, context):
        """A value for each tf.Example."""

        def regress(version: Version) -> RegressionResponse:
            name = request.model_spec.signature_name
            return RegressionResponse(result=self._inference.regress(version, name, request.input))

        return self._counted("Regress", request.model_spec, context, regress)

    def _counted(self, api: str, spec, context, answer: Callable):
        """What `answer` makes of the version asked for, with who answered: model, version, signature."""
        with _refusing(context), self._metrics.request(spec.name, api, "GRPC", time.perf_counter()):
            with self._manager.acquire(spec) as version:
                response = answer(version)
            response.model_spec.name = version.name
            response.model_spec.version.value = version.number
            response.model_spec.signature_name = spec.signature_name or DEFAULT_SIGNATURE
            return response

    def GetModelMetadata(self, request, context):
        """The signatures of a version, packed as TF Serving packs them."""
        with _refusing(context):
            if not request.HasField("model_spec"):
                raise invalid("Missing ModelSpec")
            if set(request.metadata_field) != {"signature_def"}:
                raise invalid(f"metadata_field must be signature_def; was {list(request.metadata_field)}")
            response = GetModelMetadataResponse()
            with self._manager.acquire(request.model_spec) as version:
                signatures = SignatureDefMap(signature_def=version.model.signatures)
            response.model_spec.name = version.name
            response.model_spec.version.value = version.number
            response.metadata["signature_def"].Pack(signatures)
            return response


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus and HandleReloadConfigRequest."""

    def __init__(self, manager: ModelManager):
        self._manager = manager

    def GetModelStatus(self, request, context):
        """States of a model's versions."""
        with _refusing(context):
            if not request.HasField("model_spec"):
                raise invalid("Missing ModelSpec")
            return self._manager.status(request.model_spec)

    def HandleReloadConfigRequest(self, request, context):
        """Replace the configuration; returns when every version it asks for is loaded or has failed."""
        with _refusing(context):
            self._manager.reload(request.config)
            return ReloadConfigResponse()
