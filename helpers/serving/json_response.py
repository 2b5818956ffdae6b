"""Arrays to the JSON bodies of TF Serving's REST API.

Row format: `{"predictions": [...]}`; column format: `{"outputs": …}`; Classify and Regress: `{"results":
[...]}`. Written by hand because floats are: TF Serving prints 0.1, where Python would print float32's
0.10000000149011612.
"""

import base64
import json

import numpy as np
from tensorflow_serving.apis.classification_pb2 import ClassificationResult
from tensorflow_serving.apis.regression_pb2 import RegressionResult

from .errors import invalid


def predictions(outputs: dict[str, np.ndarray], form: str) -> str:
    """The response to a Predict request that came in `form`. One output loses its name, as in TF Serving."""
    if form == "column":
        columns = {name: _json(array, name) for name, array in outputs.items()}
        return f'{{\n    "outputs": {_bare_or_object(columns)}\n}}'
    sizes = set()
    for name, array in outputs.items():
        if array.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if sizes and len(array) not in sizes:
            raise invalid(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {sizes.pop()}"
            )
        sizes.add(len(array))
    rows = [
        _bare_or_object({name: _json(array[row], name) for name, array in outputs.items()})
        for row in range(sizes.pop())
    ]
    return '{\n    "predictions": [' + ",\n        ".join(rows) + "]\n}"


def decimal(value: np.floating) -> str:
    """A float as TF Serving writes it: six digits where they are enough, else all that tell it from its neighbours."""
    if not np.isfinite(value):
        return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    text = f"{value:.6g}"
    if type(value)(text) != value:
        text = f"{value:.{17 if value.dtype == np.float64 else 9}g}"
    return text if "." in text or "e" in text else text + ".0"


def _json(array, name) -> str:
    if array.ndim:
        return "[" + ", ".join(_json(element, name) for element in _elements(array)) + "]"
    value = array[()]
    if isinstance(value, bytes):
        if name.endswith("_bytes"):
            return json.dumps({"b64": base64.b64encode(value).decode()})
        return json.dumps(value.decode(errors="replace"))
    if isinstance(value, np.bool_):
        return "true" if value else "false"
    if isinstance(value, np.integer):
        return str(value)
    return decimal(value if isinstance(value, np.float64) else np.float32(value))


def _elements(array):
    return (np.asarray(element, dtype=array.dtype) for element in array)


def _bare_or_object(parts: dict[str, str]) -> str:
    if len(parts) == 1:
        return next(iter(parts.values()))
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in parts.items()) + "}"


def classifications(result: ClassificationResult) -> str:
    """Per example a list of `[label, score]`."""
    return _results(
        [
            "["
            + ", ".join(
                f"[{json.dumps(entry.label)}, {decimal(np.float32(entry.score))}]" for entry in row.classes
            )
            + "]"
            for row in result.classifications
        ]
    )


def regressions(result: RegressionResult) -> str:
    """Per example a number."""
    return _results([decimal(np.float32(regression.value)) for regression in result.regressions])


def error(message: str) -> str:
    """What every refused request gets."""
    return '{\n    "error": ' + json.dumps(message) + "\n}"


def _results(rows: list[str]) -> str:
    return '{\n    "results": [' + ",\n        ".join(rows) + "]\n}"
