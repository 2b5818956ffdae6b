"""TF Serving's gRPC services, PredictionService and ModelService, on the same manager as the REST API."""

import time
from collections.abc import Callable

import grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
from tensorflow_serving.apis.classification_pb2 import ClassificationResponse
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataResponse, SignatureDefMap
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigResponse
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictResponse
from tensorflow_serving.apis.regression_pb2 import RegressionResponse

from .errors import from_any, invalid
from .inference import Inference, spec_of
from .metrics import Metrics
from .models import ModelManager
from .tensors import to_tensor


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict, Classify, Regress, MultiInference, GetModelMetadata. Errors become the gRPC status of the same code."""

    def __init__(self, manager: ModelManager, inference: Inference, metrics: Metrics):
        self._manager, self._inference, self._metrics = manager, inference, metrics

    def Predict(self, request, context):
        """Outputs of a signature as tensors."""

        def work():
            with self._manager.acquire(request.model_spec) as version:
                outputs = self._inference.predict_request(version, request)
                response = PredictResponse(model_spec=spec_of(version, request.model_spec.signature_name))
                for key, array in outputs.items():
                    to_tensor(array, response.outputs[key])
                return response

        return self._counted("Predict", request.model_spec.name, context, work)

    def Classify(self, request, context):
        """Labels and scores of tf.Examples."""

        def work():
            spec = request.model_spec
            with self._manager.acquire(spec) as version:
                result = self._inference.classify(version, spec.signature_name, request.input)
                return ClassificationResponse(result=result, model_spec=spec_of(version, spec.signature_name))

        return self._counted("Classify", request.model_spec.name, context, work)

    def Regress(self, request, context):
        """A value for each tf.Example."""

        def work():
            spec = request.model_spec
            with self._manager.acquire(spec) as version:
                result = self._inference.regress(version, spec.signature_name, request.input)
                return RegressionResponse(result=result, model_spec=spec_of(version, spec.signature_name))

        return self._counted("Regress", request.model_spec.name, context, work)

    def MultiInference(self, request, context):
        """Several signatures of one model on the same tf.Examples: of one version, the first task's."""
        spec = request.tasks[0].model_spec if request.tasks else ModelSpec()

        def work():
            with self._manager.acquire(spec) as version:
                return self._inference.multi(version, request)

        return self._counted("MultiInference", spec.name, context, work)

    def GetModelMetadata(self, request, context):
        """The signatures of a version, packed as TF Serving packs them."""

        def work():
            if not request.HasField("model_spec"):
                raise invalid("Missing ModelSpec")
            if not request.metadata_field:
                raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
            for field in request.metadata_field:
                if field != "signature_def":
                    raise invalid(f"Metadata field {field} is not supported")
            with self._manager.acquire(request.model_spec) as version:
                response = GetModelMetadataResponse()
                response.model_spec.name = version.name
                response.model_spec.version.value = version.number
                response.metadata["signature_def"].Pack(
                    SignatureDefMap(signature_def=version.model.signatures)
                )
                return response

        return _answer(context, work)

    def _counted(self, api: str, name: str, context: grpc.ServicerContext, work: Callable):
        def counted():
            started = time.perf_counter()
            try:
                response = work()
            except Exception as error:
                refusal = from_any(error)
                self._metrics.request_count.add(name, refusal.code.name)
                raise refusal from None
            self._metrics.request_count.add(name, "OK")
            self._metrics.request_latency.observe((time.perf_counter() - started) * 1e6, name, api, "GRPC")
            return response

        return _answer(context, counted)


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus and HandleReloadConfigRequest."""

    def __init__(self, manager: ModelManager):
        self._manager = manager

    def GetModelStatus(self, request, context):
        """States of a model's versions."""

        def work():
            if not request.HasField("model_spec"):
                raise invalid("Missing ModelSpec")
            return self._manager.status(request.model_spec)

        return _answer(context, work)

    def HandleReloadConfigRequest(self, request, context):
        """Replace the configuration; returns when every version it asks for is loaded or has failed."""

        def work():
            self._manager.reload(request.config)
            return ReloadConfigResponse()

        return _answer(context, work)


def _answer(context: grpc.ServicerContext, work: Callable):
    try:
        return work()
    except Exception as error:
        refusal = from_any(error)
        return context.abort(refusal.code, refusal.message)  # raises: gRPC ends the call with this status
