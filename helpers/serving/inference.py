"""Predict, Classify and Regress on arrays and protos: what both protocols share."""

import time

import numpy as np
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.classification_pb2 import ClassificationResult
from tensorflow_serving.apis.input_pb2 import Input
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.regression_pb2 import RegressionResult

from .errors import invalid, unfit
from .metrics import Metrics, microseconds
from .models import Version
from .tensors import check_inputs, serialized_examples, to_array, type_of

DEFAULT_SIGNATURE = "serving_default"


class Inference:
    """Runs signatures of a held `Version`; run times and example counts go to `metrics`."""

    def __init__(self, metrics: Metrics):
        self._metrics = metrics

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
            ServingError: an input is missing, unknown or of another type; an unknown output; what the graph raised.
        """
        check_inputs(signature, inputs)
        names = list(output_filter) or sorted(signature.outputs)
        for name in names:
            if name not in signature.outputs:
                raise invalid(
                    f"output tensor alias not found in signature: {name} Outputs expected to be in the set "
                    f"{{{','.join(sorted(signature.outputs))}}}."
                )
            if names.count(name) > 1:
                raise invalid(f"duplicate output tensor alias: {name}")
        started = time.perf_counter()
        values = version.runner.run(
            {signature.inputs[name].name: value for name, value in inputs.items()},
            [signature.outputs[name].name for name in names],
        )
        self._metrics.runtime_latency.labels(version.name, "Predict", "TF1").observe(microseconds(started))
        return dict(zip(names, values, strict=True))

    def predict_request(self, version: Version, request: PredictRequest) -> dict[str, np.ndarray]:
        """`predict` with what a gRPC request, sent or stored, asks for."""
        name = request.model_spec.signature_name or DEFAULT_SIGNATURE
        signature = version.model.signatures.get(name)
        if signature is None:
            raise unfit(f'Serving signature key "{name}" not found.')
        inputs = {key: to_array(key, tensor) for key, tensor in request.inputs.items()}
        return self.predict(version, signature, inputs, list(request.output_filter))

    def classify(self, version: Version, signature_name: str, examples: Input) -> ClassificationResult:
        """Label and score of every class, per example.

        Raises:
            ServingError: the signature does not classify, there is no example, the outputs are not [examples, classes].
        """
        signature = _signature(version, signature_name, "classification")
        wanted = [name for name in ("classes", "scores") if name in signature.outputs]
        if not wanted or len(signature.outputs) > 2:
            raise unfit(
                'Expected classification signature outputs to contain at least one of "classes" or '
                f'"scores". Signature was: {signature}'
            )
        rows = serialized_examples(examples)
        outputs = self._run_examples(version, signature, rows, wanted)
        columns = outputs[wanted[0]].shape[1:]
        for name, table in outputs.items():
            kind = {"classes": "string", "scores": "float"}[name]
            if len(columns) != 1 or table.shape != (len(rows), *columns) or type_of(table) != kind:
                raise invalid(
                    f"Expected {name} Tensor of {kind}, [{len(rows)}, classes]. Got: {type_of(table)}, {table.shape}"
                )
        result = ClassificationResult()
        for row in range(len(rows)):
            classes = result.classifications.add().classes
            for column in range(*columns):
                entry = classes.add()
                if "classes" in outputs:
                    entry.label = outputs["classes"][row, column].decode(errors="replace")
                if "scores" in outputs:
                    entry.score = outputs["scores"][row, column]
        return result

    def regress(self, version: Version, signature_name: str, examples: Input) -> RegressionResult:
        """One value per example.

        Raises:
            ServingError: the signature does not regress, there is no example, the output is not one float per example.
        """
        signature = _signature(version, signature_name, "regression")
        if set(signature.outputs) != {"outputs"}:
            raise unfit(f"No regression outputs found in SignatureDef: {signature}")
        rows = serialized_examples(examples)
        values = self._run_examples(version, signature, rows, ["outputs"])["outputs"]
        if values.shape not in ((len(rows),), (len(rows), 1)) or values.dtype != np.float32:
            raise invalid(
                f"Expected output Tensor of float, [{len(rows)}] or [{len(rows)}, 1]. "
                f"Got: {type_of(values)}, {values.shape}"
            )
        result = RegressionResult()
        for value in values.ravel():
            result.regressions.add(value=value)
        return result

    def _run_examples(self, version, signature, rows, wanted) -> dict[str, np.ndarray]:
        self._metrics.request_example_counts.labels(version.name).observe(len(rows))
        self._metrics.request_example_count_total.labels(version.name).inc(len(rows))
        return self.predict(version, signature, {"inputs": rows}, wanted)


def _signature(version: Version, name: str, kind: str) -> SignatureDef:
    name = name or DEFAULT_SIGNATURE
    signature = version.model.signatures.get(name)
    if signature is None:
        raise invalid(f"No signature was found with the name: {name}")
    if set(signature.inputs) != {"inputs"}:
        raise unfit(f"No {kind} inputs found in SignatureDef: {signature}")
    return signature
