"""JSON bodies of TF Serving's REST API to arrays and examples.

Row format: `{"instances": [one value or object per row]}`. Column format: `{"inputs": value or {name:
value}}`. Classify and Regress: `{"examples": [{feature: value or list}], "context": {feature: value or
list}}`. Bytes travel as `{"b64": "…"}`.
"""

import codecs
import json
import math

import numpy as np
import orjson
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.input_pb2 import Input

from .errors import ServingError, invalid
from .json_values import array_of, check_lossless, decoded, is_object, json_type, text


def parse(body: bytes) -> dict:
    """The JSON object in a request's body, or ServingError saying where it is broken.

    Numbers are read as RapidJSON reads them: integers of more than 64 bits as floats, and none is infinite unless it
    is written `Infinity`.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    if not body.strip():
        raise invalid("JSON Parse error: The document is empty")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = _parsed_slowly(body)
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {text(document)} Is not object")
    if not isinstance(document.get("signature_name", ""), str):
        raise invalid(f"JSON Value: {text(document)} 'signature_name' key must be a string value.")
    return document


def _parsed_slowly(body: bytes):
    """What orjson refuses: NaN and Infinity are read all the same, and a mistake has its place."""
    try:
        document = json.loads(body.decode(), parse_int=_integer, parse_float=_float)
        # perhaps half a surrogate pair: no text TensorFlow can hold
        if rb"\ud" in body or rb"\uD" in body:
            json.dumps(document, ensure_ascii=False).encode()
        return document
    except json.JSONDecodeError as error:
        reason = error.msg.replace("Expecting value", "Invalid value.")
        raise invalid(f"JSON Parse error: {reason} at offset: {error.pos}") from error
    except UnicodeError as error:
        raise invalid(f"JSON Parse error: Invalid encoding in string: {error.reason}") from error
    except RecursionError as error:
        raise invalid("JSON Parse error: nested too deeply") from error


def _integer(digits: str) -> int | float:
    if len(digits) <= 20 and -(2**63) <= int(digits) < 2**64:
        return int(digits)
    return _float(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise invalid("JSON Parse error: Number too big to be stored in double.")
    return value


def predict_inputs(document: dict, signature: SignatureDef) -> tuple[dict[str, np.ndarray], str]:
    """Arrays by input name, and the format they came in: "row" or "column".

    JSON numbers take the signature's type (1 is a float where a float is asked for; 1.5 is never an integer).

    Raises:
        ServingError: neither or both of `instances` and `inputs`, a wrong type, ragged rows, missing or unknown names.
    """
    if "instances" in document and "inputs" in document:
        raise invalid("Not formatted correctly, expecting only one of 'inputs' or 'instances' keys to exist")
    if "instances" in document:
        return _rows(document["instances"], signature.inputs), "row"
    if "inputs" in document:
        return _columns(document["inputs"], signature.inputs), "column"
    raise invalid("Missing 'inputs' or 'instances' key")


def _rows(rows, infos) -> dict[str, np.ndarray]:
    _check_list(rows, "instances")
    named = is_object(rows[0])
    if not named and len(infos) > 1:
        raise invalid("'instances' is a plain list, but an object for each row is expected: several inputs")
    for number, row in enumerate(rows):
        if is_object(row) != named:
            raise invalid(f"Element {number} of 'instances' is an object or a plain value, unlike the first")
        if named and row.keys() != infos.keys():
            raise invalid(
                f"Failed to process element: {number} of 'instances' list. JSON object: {text(row)} keys "
                f"must be equal to: {','.join(sorted(infos))}"
            )
    return {
        name: _column_of([row[name] for row in rows] if named else rows, name, info.dtype)
        for name, info in infos.items()
    }


def _column_of(values: list, name: str, dtype: int) -> np.ndarray:
    """A value for each row as one array. Where there is none, the first row that is wrong by itself is named."""
    try:
        return array_of(values, dtype)
    except ServingError:
        for number, value in enumerate(values):
            try:
                array_of(value, dtype)
            except ServingError as error:
                raise invalid(
                    f"Failed to process element: {number} key: {name} of 'instances' list. Error: {error}"
                ) from error
        raise


def _columns(value, infos) -> dict[str, np.ndarray]:
    if not is_object(value):
        if len(infos) > 1:
            raise invalid("'inputs' is a plain value or list, but an object is expected: several inputs")
        return {name: array_of(value, info.dtype) for name, info in infos.items()}
    for name in sorted(infos):
        if name not in value:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    # as in TF Serving, extra names are ignored
    return {name: array_of(value[name], info.dtype) for name, info in infos.items()}


def examples(document: dict) -> Input:
    """The examples of a Classify or Regress body.

    No signature is asked for the types. JSON decides: 733 makes an int64 list, 733.0 a float list.

    Raises:
        ServingError: no `examples`, or a feature that is null, nested, of mixed types or beyond its type.
    """
    if "examples" not in document:
        raise invalid("key 'examples' is expected and was not found")
    _check_list(document["examples"], "examples")
    message = Input()
    target = message.example_list
    if "context" in document:
        target = message.example_list_with_context
        _fill(document["context"], target.context)
    for row in document["examples"]:
        _fill(row, target.examples.add())
    return message


def _check_list(rows, key: str) -> None:
    if not isinstance(rows, list):
        raise invalid(f"Expecting '{key}' to be a list; it is a JSON {json_type(rows)}")
    if not rows:
        raise invalid(f"No values in '{key}' array")


def _fill(row, example) -> None:
    if not isinstance(row, dict):
        raise invalid(f"Example must be JSON object but got JSON {json_type(row)}")
    for name, content in row.items():
        feature = example.features.feature[name]
        for value in content if isinstance(content, list) else [content]:
            kind, value = _feature_value(name, value)
            present = feature.WhichOneof("kind")
            if present not in (None, kind):
                raise invalid(f"Unexpected element type in feature: {name} expecting type: {present[:-5]}")
            getattr(feature, kind).value.append(value)


def _feature_value(name: str, value):
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")
        return "int64_list", int(value)
    if isinstance(value, float):
        check_lossless([value], "float")
        return "float_list", value
    if isinstance(value, str):
        return "bytes_list", value.encode()
    if isinstance(value, dict) and not is_object(value):
        return "bytes_list", decoded(value)
    raise invalid(f"Feature: {name} has element with unexpected JSON type: {json_type(value)}")
