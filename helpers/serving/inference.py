"""Predict, Classify, Regress and MultiInference on arrays and protos: what both protocols share."""

import time

import numpy as np
from grpc import StatusCode
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.classification_pb2 import ClassificationResult
from tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest, MultiInferenceResponse
from tensorflow_serving.apis.input_pb2 import Input
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.regression_pb2 import RegressionResult

from .errors import ServingError, invalid
from .metrics import Metrics
from .tensors import check_inputs, proto_type, serialized_examples, to_array
from .versions import Version

DEFAULT_SIGNATURE = "serving_default"
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


def spec_of(version: Version, signature_name: str) -> ModelSpec:
    """What a response says about who answered: model, version, signature."""
    spec = ModelSpec(name=version.name, signature_name=signature_name or DEFAULT_SIGNATURE)
    spec.version.value = version.number
    return spec


class Inference:
    """Runs signatures of a held `Version`.

    Args:
        metrics: where run times and example counts go.
        check_method_names: refuse Classify and Regress on a signature whose method name is another
            (--enable_signature_method_name_check; off by default, as in TF Serving).
    """

    def __init__(self, metrics: Metrics, check_method_names: bool = False):
        self._metrics, self._check_method_names = metrics, check_method_names

    def predict(
        self,
        version: Version,
        signature: SignatureDef,
        inputs: dict[str, np.ndarray],
        output_filter: list[str] = (),
    ) -> dict[str, np.ndarray]:
        """Outputs by name of one graph run.

        Args:
            inputs: one array per input of the signature; strings as object arrays of bytes.
            output_filter: the outputs wanted; all of them if empty.
        Raises:
            ServingError: an input is missing, unknown or of another type; an unknown output; what the graph
            raised.
        """
        check_inputs(signature, inputs)
        for name in output_filter:
            if name not in signature.outputs:
                raise invalid(
                    f"output tensor alias not found in signature: {name} Outputs expected to be in the set "
                    f"{{{','.join(sorted(signature.outputs))}}}."
                )
            if list(output_filter).count(name) > 1:
                raise invalid(f"duplicate output tensor alias: {name}")
        names = list(output_filter) or sorted(signature.outputs)
        started = time.perf_counter()
        values = version.runner.run(
            {signature.inputs[name].name: value for name, value in inputs.items()},
            [signature.outputs[name].name for name in names],
        )
        self._metrics.runtime_latency.observe(
            (time.perf_counter() - started) * 1e6, version.name, "Predict", "TF1"
        )
        return dict(zip(names, values, strict=True))

    def predict_request(self, version: Version, request: PredictRequest) -> dict[str, np.ndarray]:
        """`predict` with what a gRPC request, sent or stored, asks for."""
        name = request.model_spec.signature_name or DEFAULT_SIGNATURE
        signature = version.model.signatures.get(name)
        if signature is None:
            raise ServingError(StatusCode.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
        inputs = {key: to_array(key, tensor) for key, tensor in request.inputs.items()}
        return self.predict(version, signature, inputs, list(request.output_filter))

    def classify(self, version: Version, signature_name: str, examples: Input) -> ClassificationResult:
        """Label and score of every class, per example.

        Raises:
            ServingError: the signature does not classify, there is no example, the outputs are not [examples,
            classes].
        """
        signature = self._signature(version, signature_name, CLASSIFY, "classification")
        if len(signature.outputs) not in (1, 2):
            raise invalid(f"Expected one or two output Tensors, found {len(signature.outputs)}")
        wanted = [name for name in ("classes", "scores") if name in signature.outputs]
        if not wanted:
            raise ServingError(
                StatusCode.FAILED_PRECONDITION,
                'Expected classification signature outputs to contain at least one of "classes" or '
                f'"scores". Signature was: {signature}',
            )
        rows = serialized_examples(examples)
        outputs = self._run_examples(version, signature, rows, wanted)
        for name, kind in (("classes", "DT_STRING"), ("scores", "DT_FLOAT")):
            if name in outputs:
                _check_table(outputs[name], name, kind, len(rows))
        result = ClassificationResult()
        for row in range(len(rows)):
            classes = result.classifications.add().classes
            for column in range(outputs[wanted[0]].shape[1]):
                entry = classes.add()
                if "classes" in outputs:
                    entry.label = outputs["classes"][row, column].decode(errors="replace")
                if "scores" in outputs:
                    entry.score = outputs["scores"][row, column]
        return result

    def regress(self, version: Version, signature_name: str, examples: Input) -> RegressionResult:
        """One value per example.

        Raises:
            ServingError: the signature does not regress, there is no example, the output is not one float per
            example.
        """
        signature = self._signature(version, signature_name, REGRESS, "regression")
        if len(signature.outputs) != 1:
            raise invalid("Expected one output Tensor.")
        if "outputs" not in signature.outputs:
            raise ServingError(
                StatusCode.FAILED_PRECONDITION, f"No regression outputs found in SignatureDef: {signature}"
            )
        rows = serialized_examples(examples)
        values = self._run_examples(version, signature, rows, ["outputs"])["outputs"]
        if values.shape not in ((len(rows),), (len(rows), 1)):
            raise invalid(
                "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
                f"{list(values.shape)}"
            )
        if values.dtype != np.float32:
            raise invalid(f"Expected output Tensor of DT_FLOAT.  Got: {proto_type(values)}")
        result = RegressionResult()
        for value in values.ravel():
            result.regressions.add(value=value)
        return result

    def multi(self, version: Version, request: MultiInferenceRequest) -> MultiInferenceResponse:
        """Several signatures of one model on the same tf.Examples; here one graph run each.

        Raises:
            ServingError: tasks for several models, one signature twice, another method, or what a task raised.
        """
        names = [task.model_spec.signature_name or DEFAULT_SIGNATURE for task in request.tasks]
        if len({task.model_spec.name for task in request.tasks}) > 1:
            raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        for name in names:
            if names.count(name) > 1:
                raise invalid(f"Duplicate evaluation of signature: {name}")
        response = MultiInferenceResponse()
        for task, name in zip(request.tasks, names, strict=True):
            result = response.results.add(model_spec=spec_of(version, name))
            if task.method_name == CLASSIFY:
                result.classification_result.CopyFrom(self.classify(version, name, request.input))
            elif task.method_name == REGRESS:
                result.regression_result.CopyFrom(self.regress(version, name, request.input))
            else:
                raise ServingError(
                    StatusCode.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}"
                )
        return response

    def _signature(self, version, name, method, kind) -> SignatureDef:
        name = name or DEFAULT_SIGNATURE
        signature = version.model.signatures.get(name)
        if signature is None:
            raise invalid(f"No signature was found with the name: {name}")
        if self._check_method_names and signature.method_name != method:
            raise invalid(
                f"Expected {kind} signature method_name to be {method}. Was: {signature.method_name}"
            )
        if len(signature.inputs) != 1:
            raise invalid("Expected one input Tensor.")
        if "inputs" not in signature.inputs:
            raise ServingError(
                StatusCode.FAILED_PRECONDITION, f"No {kind} inputs found in SignatureDef: {signature}"
            )
        return signature

    def _run_examples(self, version, signature, rows, wanted) -> dict[str, np.ndarray]:
        self._metrics.request_example_counts.observe(len(rows), version.name)
        self._metrics.request_example_count_total.add(version.name, by=len(rows))
        return self.predict(version, signature, {"inputs": rows}, wanted)


def _check_table(table: np.ndarray, name: str, kind: str, rows: int) -> None:
    if table.ndim != 2:
        raise invalid(f"Expected Tensor shape: [batch_size num_classes] but got {list(table.shape)}")
    if proto_type(table) != kind:
        raise invalid(f"Expected {name} Tensor of {kind}. Got: {proto_type(table)}")
    if len(table) != rows:
        raise invalid(f"Expected {name} output batch size of {rows}. Got: {len(table)}")
