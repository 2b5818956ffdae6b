"""Arrays to the JSON bodies of TF Serving's REST API.

Row format: `{"predictions": [...]}`; column format: `{"outputs": …}`; Classify and Regress: `{"results":
[...]}`. Written by hand because floats are: TF Serving prints 0.1, where Python would print float32's
0.10000000149011612.
"""

import base64
import json
import math

import numpy as np
from tensorflow_serving.apis.classification_pb2 import ClassificationResult
from tensorflow_serving.apis.regression_pb2 import RegressionResult

from .errors import invalid
from .tensors import INTEGERS, type_of

_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def predictions(outputs: dict[str, np.ndarray], form: str) -> str:
    """The response to a Predict request that came in `form`. One output loses its name, as in TF Serving.

    Raises:
        ServingError: there is no output, one is of a type that TF Serving does not write as JSON (half floats, uint16,
            complex), or, in row form, they differ in their number of rows.
    """
    if not outputs:
        raise invalid("Cannot convert empty tensor map to JSON")
    if form == "column":
        columns = {name: _texts(array, name, 0)[0] for name, array in outputs.items()}
        return _body("outputs", _bare_or_object(columns))
    size = None
    for name, array in outputs.items():
        if array.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if size not in (None, len(array)):
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {size}")
        size = len(array)
    columns = [_texts(array, name, 1) for name, array in outputs.items()]
    rows = [_bare_or_object(dict(zip(outputs, row, strict=True))) for row in zip(*columns, strict=True)]
    return _body("predictions", _list(rows))


def classifications(result: ClassificationResult) -> str:
    """Per example a list of `[label, score]`."""
    rows = []
    for row in result.classifications:
        scores = decimals(np.float32([entry.score for entry in row.classes]))
        pairs = zip(row.classes, scores, strict=True)
        rows.append(f"[{', '.join(f'[{json.dumps(entry.label)}, {score}]' for entry, score in pairs)}]")
    return _body("results", _list(rows))


def regressions(result: RegressionResult) -> str:
    """Per example a number."""
    return _body("results", _list(decimals(np.float32([entry.value for entry in result.regressions]))))


def error(message: str) -> str:
    """What every refused request gets."""
    return _body("error", json.dumps(message))


def _body(key: str, text: str) -> str:
    return f'{{\n    "{key}": {text}\n}}'


def _list(rows: list[str]) -> str:
    return "[" + ",\n        ".join(rows) + "]"


def _bare_or_object(parts: dict[str, str]) -> str:
    if len(parts) == 1:
        return next(iter(parts.values()))
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in parts.items()) + "}"


def _texts(array: np.ndarray, name: str, axis: int) -> list[str]:
    """JSON of every part of an array along its first `axis` axes: of the whole array for 0, of each row for 1."""
    texts = _values(array.ravel(), name)
    for level in reversed(range(axis, array.ndim)):
        size, parts = array.shape[level], math.prod(array.shape[:level])
        texts = [f"[{', '.join(texts[n * size : (n + 1) * size])}]" for n in range(parts)]
    return texts


def _values(array: np.ndarray, name: str) -> list[str]:
    kind = type_of(array)
    if kind == "string" and name.endswith("_bytes"):
        return [json.dumps({"b64": base64.b64encode(value).decode()}) for value in array]
    if kind == "string":
        return [json.dumps(value.decode(errors="replace")) for value in array]
    if kind in ("float", "double"):
        return decimals(array)
    if kind == "bool":
        return ["true" if value else "false" for value in array]
    if len(array) and kind not in INTEGERS:
        raise invalid(f"Failed to write JSON value for tensor type: {kind}")
    return list(map(str, array.tolist()))


def decimals(values: np.ndarray) -> list[str]:
    """Floats as TF Serving writes them: six digits where they are enough, else all that tell one from its neighbours.

    Args:
        values: shape [n], float32 or float64.
    """
    numbers = values.tolist()
    texts = [f"{number:.6g}" for number in numbers]
    enough = np.array(texts, np.float64).astype(values.dtype) == values
    digits = 17 if values.dtype == np.float64 else 9
    texts = [
        text if fine else f"{number:.{digits}g}"
        for text, fine, number in zip(texts, enough, numbers, strict=True)
    ]
    return [_NOT_FINITE.get(text) or (text if "." in text or "e" in text else text + ".0") for text in texts]
