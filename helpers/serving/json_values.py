"""JSON values as the values of tensors and of features: what each type takes, and how the others are refused."""

import base64
import json
import math
import re
from itertools import chain

import numpy as np
import tensorflow as tf
from grpc import StatusCode

from .errors import ServingError, invalid
from .tensors import INTEGERS, type_name

# the largest integer up to which a type holds every one, as TF Serving takes it, and the largest number
_FLOATS = {
    "float": (2**24 - 1, float(np.finfo(np.float32).max)),
    "double": (2**53 - 1, float(np.finfo(np.float64).max)),
}
# by type: the Python types of JSON values that it takes
_TAKEN = {
    **dict.fromkeys(INTEGERS, {int}),
    **dict.fromkeys(_FLOATS, {int, float}),
    "bool": {bool},
    "string": {str, dict},
}
_BASE64 = re.compile(r"([A-Za-z0-9+/\s]*)([=.\s]*)", re.ASCII)
_MOST_DIMENSIONS = 32  # NumPy's limit


def array_of(value, dtype: int) -> np.ndarray:
    """A JSON value as an array of this DataType; its shape is the nesting of its first elements."""
    kind, shape, flat, first = type_name(dtype), [], [value], value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    if len(shape) > _MOST_DIMENSIONS:
        raise invalid(f"A tensor of more than {_MOST_DIMENSIONS} dimensions is not supported")
    for level, size in enumerate(shape):
        for part in flat:
            if type(part) is not list:
                raise invalid(f"JSON Value: {text(part)} at level: {level}, where a list is expected")
            if len(part) != size:
                raise invalid(
                    f"Encountered list at unexpected size: {len(part)} at level: {level} expected size: {size}"
                )
        flat = list(chain.from_iterable(flat))
    _check_values(flat, kind)
    if kind == "string":
        flat = [value.encode() if type(value) is str else decoded(value) for value in flat]
    return np.array(flat, tf.as_dtype(dtype).as_numpy_dtype).reshape(shape)


def _check_values(values: list, kind: str) -> None:
    """Refuse what the type doesn't hold: other types, integers beyond it, numbers that would lose precision."""
    taken = _TAKEN.get(kind, set())
    limits = np.iinfo(kind) if kind in INTEGERS else None
    # all at once first: an image is a quarter of a million values
    if set(map(type, values)) <= taken:
        if kind in _FLOATS:
            check_lossless(values, kind)
        if not limits or not values or limits.min <= min(values) and max(values) <= limits.max:
            return
    for value in values:
        if not taken:
            raise ServingError(
                StatusCode.UNIMPLEMENTED, f"Conversion of JSON Value: {text(value)} to type: {kind}"
            )
        if type(value) not in taken or limits and not limits.min <= value <= limits.max:
            raise invalid(
                f"JSON Value: {text(value)} Type: {json_type(value)} is not of expected type: {kind}"
            )


def check_lossless(values: list[int | float], kind: str) -> None:
    """Refuse a number that a `float` or `double` does not hold: an integer it might round, any beyond its range."""
    whole, largest = _FLOATS[kind]
    sizes = np.abs(np.array(values, np.float64))
    rounded = max((abs(value) for value in values if type(value) is int), default=0) > whole
    if rounded or np.any(np.isfinite(sizes) & (sizes > largest)):
        value = next(v for v in values if (whole if type(v) is int else largest) < abs(v) < math.inf)
        raise invalid(f"Cannot convert JSON value: {text(value)} to {kind} without loss of precision.")


def is_object(value) -> bool:
    """Whether a JSON value is an object and not bytes in disguise."""
    return isinstance(value, dict) and not (value.keys() == {"b64"} and isinstance(value["b64"], str))


def decoded(value: dict) -> bytes:
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
    return json.dumps(value)[:2000]
