"""JSON bodies of TF Serving's REST API to arrays and examples.

Row format: `{"instances": [one value or object per row]}`. Column format: `{"inputs": value or {name:
value}}`. Classify and Regress: `{"examples": [{feature: value or list}], "context": {feature: value or
list}}`. Bytes travel as `{"b64": "…"}`. Wording of errors: tensorflow_serving/util/json_tensor.cc.
"""

import base64
import binascii
import json

import numpy as np
import tensorflow as tf
from grpc import StatusCode
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.input_pb2 import Input

from .errors import ServingError, invalid
from .inference import type_name

# What Python's json says, in the words of rapidjson, which TF Serving uses.
_PARSE_ERRORS = {
    "Expecting value": "Invalid value.",
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Expecting ',' delimiter": "Missing a comma or } after an object member.",
    "Extra data": "The document root must not be followed by other values.",
    "Unterminated string starting at": "Missing a closing quotation mark in string.",
}
_INTEGERS = {"int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"}
_FLOATS = {"float", "double"}


def parse(body: bytes) -> dict:
    """The JSON object in a request's body, or ServingError saying where it is broken."""
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        document = json.loads(body)
    except json.JSONDecodeError as error:
        reason = _PARSE_ERRORS.get(error.msg, error.msg)
        raise invalid(f"JSON Parse error: {reason} at offset: {error.pos}") from error
    except UnicodeDecodeError as error:
        raise invalid(f"JSON Parse error: Invalid encoding in string. at offset: {error.start}") from error
    except RecursionError as error:
        raise invalid("JSON Parse error: nested too deeply") from error
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {_text(document)} Is not object")
    if not isinstance(document.get("signature_name", ""), str):
        raise invalid(
            f"JSON Value: {_text(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return document


def predict_inputs(document: dict, signature: SignatureDef) -> tuple[dict[str, np.ndarray], str]:
    """Arrays by input name, and the format they came in: "row" or "column".

    JSON numbers take the signature's type (1 is a float where a float is asked for; 1.5 is never an integer).

    Raises:
        ServingError: neither or both of `instances` and `inputs`, a wrong type, ragged rows, missing or
        unknown names.
    """
    if "instances" in document and "inputs" in document:
        raise invalid(
            f"JSON Value: {_text(document)} Not formatted correctly expecting only one of 'inputs' or "
            "'instances' keys to exist "
        )
    if "instances" in document:
        return _rows(document, signature.inputs), "row"
    if "inputs" in document:
        return _columns(document["inputs"], signature.inputs), "column"
    raise invalid("Missing 'inputs' or 'instances' key")


def _rows(document, infos) -> dict[str, np.ndarray]:
    rows = document["instances"]
    if not isinstance(rows, list):
        raise invalid(f"JSON Value: {_text(document)} Excepting 'instances' to be an list/array")
    if not rows:
        raise invalid(f"JSON Value: {_text(document)} No values in 'instances' array")
    if not isinstance(rows[0], dict) and len(infos) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required "
            "as per tensorinfo_map"
        )
    named = _is_object(rows[0])
    arrays = {name: [] for name in infos}
    for number, row in enumerate(rows):
        if named and not _is_object(row):
            raise invalid(f"Expecting object but got list at item {number} of input list")
        if not named and _is_object(row):
            raise invalid(f"Expecting value/list but got object at item {number} of input list")
        for name, value in row.items() if named else [(next(iter(infos)), row)]:
            try:
                if name not in infos:
                    raise invalid(f"JSON object: does not have named input: {name}")
                array = _array(value, infos[name].dtype)
                if arrays[name] and array.shape != arrays[name][0].shape:
                    raise _unlike(arrays[name][0], array)
            except ServingError as error:
                key = f" key: {name}" if named else ""
                raise invalid(
                    f"Failed to process element: {number}{key} of 'instances' list. Error: {error}"
                ) from error
            arrays[name].append(array)
        if named and row.keys() != infos.keys():
            raise invalid(
                f"Failed to process element: {number} of 'instances' list. JSON object: {_text(row)} keys "
                f"must be equal to: {','.join(sorted(infos))}"
            )
    return {name: np.stack(values) for name, values in arrays.items()}


def _unlike(first, array) -> ServingError:
    if array.size != first.size:
        return invalid(f"Expecting tensor size: {first.size} but got: {array.size}")
    return invalid(f"Expecting shape {_shape(first)} but got: {_shape(array)}")


def _columns(value, infos) -> dict[str, np.ndarray]:
    if not _is_object(value):
        if len(infos) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required "
                "as per tensorinfo_map"
            )
        return {name: _array(value, info.dtype) for name, info in infos.items()}
    for name in sorted(infos):
        if name not in value:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {
        name: _array(value[name], info.dtype) for name, info in infos.items()
    }  # as there, extra names are ignored


def _array(value, dtype) -> np.ndarray:
    """A JSON value as an array of this DataType; its shape is the nesting of its first elements."""
    shape, first = [], value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    flat = []
    _flatten(value, shape, 0, type_name(dtype), flat)
    return np.array(flat, dtype=tf.as_dtype(dtype).as_numpy_dtype).reshape(shape)


def _flatten(value, shape, level, kind, flat) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid(
                f"JSON Value: {_text(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        flat.append(_scalar(value, kind))
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for element in value:
        _flatten(element, shape, level + 1, kind, flat)


def _scalar(value, kind):
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "string":
        if isinstance(value, dict):
            return _decoded(value)
        if isinstance(value, str):
            return value.encode()
    elif kind == "bool" and isinstance(value, bool):
        return value
    elif kind in _INTEGERS and number and isinstance(value, int):
        limits = np.iinfo(kind)
        if limits.min <= value <= limits.max:
            return value
    elif kind in _FLOATS and number:
        largest = float(np.finfo(np.float32 if kind == "float" else np.float64).max)
        if abs(value) > largest and abs(value) != float("inf"):
            raise invalid(f"Cannot convert JSON value: {_text(value)} to {kind} without loss of precision.")
        return value
    elif kind not in _INTEGERS | _FLOATS | {"bool"}:
        raise ServingError(
            StatusCode.UNIMPLEMENTED, f"Conversion of JSON Value: {_text(value)} to type: {kind}"
        )
    raise invalid(f"JSON Value: {_text(value)} Type: {_json_type(value)} is not of expected type: {kind}")


def examples(document: dict) -> Input:
    """The examples of a Classify or Regress body. JSON types decide: 733 makes an int64 list, 733.0 a float list.

    Raises:
        ServingError: no `examples`, or a feature that is null, nested or of mixed types.
    """
    message = Input()
    if "context" in document:
        _fill(document["context"], message.example_list_with_context.context)
        target = message.example_list_with_context.examples
    else:
        target = message.example_list.examples
    if "examples" not in document:
        raise invalid(
            f"JSON Value: {_text(document)} When method is classify, key 'examples' is expected and was not found"
        )
    rows = document["examples"]
    if not isinstance(rows, list):
        raise invalid(f"JSON Value: {_text(document)} Expecting 'examples' value to be an list/array")
    if not rows:
        raise invalid(f"JSON Value: {_text(document)} 'examples' value is an empty array")
    for row in rows:
        _fill(row, target.add())
    return message


def _fill(row, example) -> None:
    if not isinstance(row, dict):
        raise invalid(f"Example must be JSON object but got JSON {_json_type(row)}")
    for name, content in row.items():
        feature = example.features.feature[name]
        for value in content if isinstance(content, list) else [content]:
            kind, value = _feature_value(name, value)
            present = feature.WhichOneof("kind")
            if present not in (None, kind):
                raise invalid(f"Unexpected element type in feature: {name} expecting type: {present[:-5]}")
            getattr(feature, kind).value.append(value)


def _feature_value(name, value):
    if isinstance(value, bool):
        return "int64_list", int(value)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")
        return "int64_list", value
    if isinstance(value, float):
        return "float_list", value
    if isinstance(value, str):
        return "bytes_list", value.encode()
    if not _is_object(value) and isinstance(value, dict):
        return "bytes_list", _decoded(value)
    raise invalid(f"Feature: {name} has element with unexpected JSON type: {_json_type(value)}")


def _is_object(value) -> bool:
    return isinstance(value, dict) and not (value.keys() == {"b64"} and isinstance(value["b64"], str))


def _decoded(value) -> bytes:
    if _is_object(value):
        raise invalid(f"JSON Value: {_text(value)} not formatted correctly for base64 data")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except binascii.Error as error:
        raise invalid("Unable to base64 decode") from error


def _json_type(value) -> str:
    names = {type(None): "Null", dict: "Object", list: "Array", str: "String", int: "Number", float: "Number"}
    return str(value) if isinstance(value, bool) else names[type(value)]


def _text(value) -> str:
    return json.dumps(value, indent=4)[:2000]


def _shape(array) -> str:
    return "[" + ",".join(map(str, array.shape)) + "]"
