"""JSON bodies of TF Serving's REST API to arrays and examples.

Row format: `{"instances": [one value or object per row]}`. Column format: `{"inputs": value or {name:
value}}`. Classify and Regress: `{"examples": [{feature: value or list}], "context": {feature: value or
list}}`. Bytes travel as `{"b64": "…"}`. Wording of errors: tensorflow_serving/util/json_tensor.cc.
"""

import base64
import json

import numpy as np
import tensorflow as tf
from grpc import StatusCode
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from .errors import ServingError, invalid
from .tensors import type_name

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
_MOST_DIMENSIONS = 32  # NumPy's limit


def parse(body: bytes) -> dict:
    """The JSON object in a request's body, or ServingError saying where it is broken."""
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        document = json.loads(body.decode())
        if rb"\ud" in body or rb"\uD" in body:  # perhaps half a surrogate pair: no text TensorFlow can hold
            json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        reason = _PARSE_ERRORS.get(error.msg, error.msg)
        raise invalid(f"JSON Parse error: {reason} at offset: {error.pos}") from error
    except UnicodeDecodeError as error:
        raise invalid(f"JSON Parse error: Invalid encoding in string. at offset: {error.start}") from error
    except UnicodeEncodeError as error:
        raise invalid("JSON Parse error: The surrogate pair in string is invalid.") from error
    except ValueError as error:  # more digits than Python reads
        raise invalid("JSON Parse error: Number too big to be stored in double.") from error
    except RecursionError as error:
        raise invalid("JSON Parse error: nested too deeply") from error
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {text(document)} Is not object")
    if not isinstance(document.get("signature_name", ""), str):
        raise invalid(
            f"JSON Value: {text(document)} not formatted correctly. 'signature_name' key must be a string value."
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
            f"JSON Value: {text(document)} Not formatted correctly expecting only one of 'inputs' or "
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
        raise invalid(f"JSON Value: {text(document)} Excepting 'instances' to be an list/array")
    if not rows:
        raise invalid(f"JSON Value: {text(document)} No values in 'instances' array")
    if not isinstance(rows[0], dict) and len(infos) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required "
            "as per tensorinfo_map"
        )
    named = is_object(rows[0])
    arrays = {name: [] for name in infos}
    for number, row in enumerate(rows):
        if named and not is_object(row):
            raise invalid(f"Expecting object but got list at item {number} of input list")
        if not named and is_object(row):
            raise invalid(f"Expecting value/list but got object at item {number} of input list")
        for name, value in row.items() if named else [(next(iter(infos)), row)]:
            try:
                if name not in infos:
                    raise invalid(f"JSON object: does not have named input: {name}")
                array = _array(value, infos[name].dtype, _MOST_DIMENSIONS - 1)  # one more for the rows
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
                f"Failed to process element: {number} of 'instances' list. JSON object: {text(row)} keys "
                f"must be equal to: {','.join(sorted(infos))}"
            )
    return {name: np.stack(values) for name, values in arrays.items()}


def _unlike(first, array) -> ServingError:
    if array.size != first.size:
        return invalid(f"Expecting tensor size: {first.size} but got: {array.size}")
    return invalid(f"Expecting shape {_shape(first)} but got: {_shape(array)}")


def _columns(value, infos) -> dict[str, np.ndarray]:
    if not is_object(value):
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


def _array(value, dtype, most=_MOST_DIMENSIONS) -> np.ndarray:
    """A JSON value as an array of this DataType; its shape is the nesting of its first elements."""
    shape, first = [], value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    if len(shape) > most:
        raise invalid(f"A tensor of more than {_MOST_DIMENSIONS} dimensions is not supported")
    flat = []
    _flatten(value, shape, 0, type_name(dtype), flat)
    return np.array(flat, dtype=tf.as_dtype(dtype).as_numpy_dtype).reshape(shape)


def _flatten(value, shape, level, kind, flat) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid(
                f"JSON Value: {text(value)} found at incorrect level: {level + 1} in the JSON DOM. "
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
            return decoded(value)
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
            raise invalid(f"Cannot convert JSON value: {text(value)} to {kind} without loss of precision.")
        return value
    elif kind not in _INTEGERS | _FLOATS | {"bool"}:
        raise ServingError(
            StatusCode.UNIMPLEMENTED, f"Conversion of JSON Value: {text(value)} to type: {kind}"
        )
    raise invalid(f"JSON Value: {text(value)} Type: {json_type(value)} is not of expected type: {kind}")


def is_object(value) -> bool:
    """Whether a JSON value is an object and not bytes in disguise."""
    return isinstance(value, dict) and not (value.keys() == {"b64"} and isinstance(value["b64"], str))


def decoded(value) -> bytes:
    """The bytes in `{"b64": "…"}`."""
    if is_object(value):
        raise invalid(f"JSON Value: {text(value)} not formatted correctly for base64 data")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except ValueError as error:
        raise invalid("Unable to base64 decode") from error


def json_type(value) -> str:
    """The type of a JSON value, in rapidjson's words."""
    names = {type(None): "Null", dict: "Object", list: "Array", str: "String", int: "Number", float: "Number"}
    return str(value) if isinstance(value, bool) else names[type(value)]


def text(value) -> str:
    """A JSON value for an error message, cut where it is long."""
    return json.dumps(value, indent=4)[:2000]


def _shape(array) -> str:
    return "[" + ",".join(map(str, array.shape)) + "]"
