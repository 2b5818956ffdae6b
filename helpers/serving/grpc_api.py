"""TF Serving's gRPC services, PredictionService and ModelService, on the same manager as the REST API."""

import time
from collections.abc import Callable

import grpc
from grpc import StatusCode
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
from tensorflow_serving.apis.classification_pb2 import ClassificationResponse
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataResponse, SignatureDefMap
from tensorflow_serving.apis.inference_pb2 import MultiInferenceResponse
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigResponse
from tensorflow_serving.apis.predict_pb2 import PredictResponse
from tensorflow_serving.apis.regression_pb2 import RegressionResponse

from .errors import ServingError, from_any, invalid
from .inference import CLASSIFY, DEFAULT_SIGNATURE, REGRESS, Inference, spec_of
from .metrics import Metrics
from .models import ModelManager
from .tensors import to_array, to_tensor


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict, Classify, Regress, MultiInference, GetModelMetadata. Errors become the gRPC status of the same code."""

    def __init__(self, manager: ModelManager, inference: Inference, metrics: Metrics):
        self._manager, self._inference, self._metrics = manager, inference, metrics

    def Predict(self, request, context):
        """Outputs of a signature as tensors."""

        def work():
            with self._manager.acquire(request.model_spec) as version:
                name = request.model_spec.signature_name or DEFAULT_SIGNATURE
                signature = version.model.signatures.get(name)
                if signature is None:
                    raise ServingError(
                        StatusCode.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.'
                    )
                inputs = {key: to_array(key, tensor) for key, tensor in request.inputs.items()}
                outputs = self._inference.predict(version, signature, inputs, list(request.output_filter))
                response = PredictResponse(model_spec=spec_of(version, name))
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
        """Several signatures of one model on the same tf.Examples; here one graph run each."""

        def work():
            names = [task.model_spec.signature_name or DEFAULT_SIGNATURE for task in request.tasks]
            if len({task.model_spec.name for task in request.tasks}) > 1:
                raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
            for name in names:
                if names.count(name) > 1:
                    raise invalid(f"Duplicate evaluation of signature: {name}")
            response = MultiInferenceResponse()
            for task in request.tasks:
                with self._manager.acquire(task.model_spec) as version:
                    signature_name = task.model_spec.signature_name
                    result = response.results.add(model_spec=spec_of(version, signature_name))
                    if task.method_name == CLASSIFY:
                        result.classification_result.CopyFrom(
                            self._inference.classify(version, signature_name, request.input)
                        )
                    elif task.method_name == REGRESS:
                        result.regression_result.CopyFrom(
                            self._inference.regress(version, signature_name, request.input)
                        )
                    else:
                        raise ServingError(
                            StatusCode.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}"
                        )
            return response

        name = request.tasks[0].model_spec.name if request.tasks else ""
        return self._counted("MultiInference", name, context, work)

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
