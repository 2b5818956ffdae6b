"""JSON bodies of TF Serving's REST API to arrays and examples.

Row format: `{"instances": [one value or object per row]}`. Column format: `{"inputs": value or {name:
value}}`. Classify and Regress: `{"examples": [{feature: value or list}], "context": {feature: value or
list}}`. Bytes travel as `{"b64": "…"}`. Wording of errors: tensorflow_serving/util/json_tensor.cc.
"""

import base64
import codecs
import json
import math
import re
from itertools import chain

import numpy as np
import orjson
import tensorflow as tf
from grpc import StatusCode
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from .errors import ServingError, invalid
from .tensors import INTEGERS, type_name

# What Python's json says, in the words of rapidjson, which TF Serving uses.
_PARSE_ERRORS = {
    "Expecting value": "Invalid value.",
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Expecting ',' delimiter": "Missing a comma or } after an object member.",
    "Extra data": "The document root must not be followed by other values.",
    "Unterminated string starting at": "Missing a closing quotation mark in string.",
}
# the largest integer up to which a type holds every one, as TF Serving takes it, and the largest number
_FLOATS = {
    "float": (2**24 - 1, float(np.finfo(np.float32).max)),
    "double": (2**53 - 1, float(np.finfo(np.float64).max)),
}
_BASE64 = re.compile(r"([A-Za-z0-9+/\s]*)([=.\s]*)", re.ASCII)
_MOST_DIMENSIONS = 32  # NumPy's limit


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
        raise invalid(
            f"JSON Value: {text(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return document


def _parsed_slowly(body: bytes):
    """What orjson refuses: NaN and Infinity are read all the same, a mistake is named in RapidJSON's words."""
    try:
        document = json.loads(body.decode(), parse_int=_integer, parse_float=_float)
        if rb"\ud" in body or rb"\uD" in body:  # perhaps half a surrogate pair: no text TensorFlow can hold
            json.dumps(document, ensure_ascii=False).encode()
        return document
    except json.JSONDecodeError as error:
        reason = _PARSE_ERRORS.get(error.msg, error.msg)
        raise invalid(f"JSON Parse error: {reason} at offset: {error.pos}") from error
    except UnicodeDecodeError as error:
        raise invalid(f"JSON Parse error: Invalid encoding in string. at offset: {error.start}") from error
    except UnicodeEncodeError as error:
        raise invalid("JSON Parse error: The surrogate pair in string is invalid.") from error
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
    if not named or all(isinstance(row, dict) and row.keys() == infos.keys() for row in rows):
        columns = {name: [row[name] for row in rows] if named else rows for name in infos}
        arrays = {name: _array_at_once(column, infos[name].dtype) for name, column in columns.items()}
        if not any(array is None for array in arrays.values()):
            return arrays
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
    return {name: np.stack(values) for name, values in arrays.items() if values}


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
    array = _array_at_once(value, dtype)
    if array is not None and array.ndim <= most:
        return array
    shape = _nesting(value)
    if len(shape) > most:
        raise invalid(f"A tensor of more than {_MOST_DIMENSIONS} dimensions is not supported")
    flat = []
    _flatten(value, shape, 0, type_name(dtype), flat)
    return np.array(flat, dtype=tf.as_dtype(dtype).as_numpy_dtype).reshape(shape)


def _array_at_once(value, dtype) -> np.ndarray | None:
    """As `_array`, several times faster, or None where the values have to be looked at one by one.

    That is where they are of several types or nested unevenly, bytes, or one is refused.
    """
    kind, shape, flat = type_name(dtype), _nesting(value), [value]
    if len(shape) > _MOST_DIMENSIONS:
        return None
    for size in shape:
        if any(type(part) is not list or len(part) != size for part in flat):
            return None
        flat = list(chain.from_iterable(flat))
    types = set(map(type, flat))
    if kind in INTEGERS and types <= {int}:
        limits = np.iinfo(kind)
        fits = not flat or limits.min <= min(flat) and max(flat) <= limits.max
    elif kind in _FLOATS and types <= {int, float}:
        fits = _are_lossless(flat, kind)
    elif kind == "string" and types <= {str}:
        flat, fits = [value.encode() for value in flat], True
    else:
        fits = kind == "bool" and types <= {bool}
    return np.array(flat, tf.as_dtype(dtype).as_numpy_dtype).reshape(shape) if fits else None


def _nesting(value) -> list[int]:
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return shape


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
    elif kind in INTEGERS and number and isinstance(value, int):
        limits = np.iinfo(kind)
        if limits.min <= value <= limits.max:
            return value
    elif kind in _FLOATS and number:
        check_lossless(value, kind)
        return value
    elif kind != "bool" and kind not in INTEGERS and kind not in _FLOATS:
        raise ServingError(
            StatusCode.UNIMPLEMENTED, f"Conversion of JSON Value: {text(value)} to type: {kind}"
        )
    raise invalid(f"JSON Value: {text(value)} Type: {json_type(value)} is not of expected type: {kind}")


def check_lossless(value: int | float, kind: str) -> None:
    """Refuse a number that a `float` or `double` does not hold: an integer it might round, any beyond its range."""
    if not _are_lossless([value], kind):
        raise invalid(f"Cannot convert JSON value: {text(value)} to {kind} without loss of precision.")


def _are_lossless(values: list[int | float], kind: str) -> bool:
    whole, largest = _FLOATS[kind]
    integers = [value for value in values if type(value) is int]
    sizes = np.abs(np.array(values, np.float64))
    return max(map(abs, integers), default=0) <= whole and not np.any(np.isfinite(sizes) & (sizes > largest))


def is_object(value) -> bool:
    """Whether a JSON value is an object and not bytes in disguise."""
    return isinstance(value, dict) and not (value.keys() == {"b64"} and isinstance(value["b64"], str))


def decoded(value) -> bytes:
    """The bytes in `{"b64": "…"}`, read as Abseil's Base64Unescape does: white space anywhere, all of the padding or
    none, and dots for `=`."""
    if is_object(value):
        raise invalid(f"JSON Value: {text(value)} not formatted correctly for base64 data")
    found = _BASE64.fullmatch(value["b64"])
    data, padding = ("".join(part.split()) for part in found.groups()) if found else ("?", "")
    missing = -len(data) % 4
    if missing == 3 or len(padding) not in (0, missing):
        raise invalid("Unable to base64 decode")
    return base64.b64decode(data + "=" * missing)


def json_type(value) -> str:
    """The type of a JSON value, in rapidjson's words."""
    names = {type(None): "Null", dict: "Object", list: "Array", str: "String", int: "Number", float: "Number"}
    return str(value) if isinstance(value, bool) else names[type(value)]


def text(value) -> str:
    """A JSON value for an error message, cut where it is long."""
    return json.dumps(value, indent=4)[:2000]


def _shape(array) -> str:
    return "[" + ",".join(map(str, array.shape)) + "]"
