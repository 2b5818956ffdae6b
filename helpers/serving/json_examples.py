"""JSON bodies of Classify and Regress requests to tf.Examples.

`{"examples": [{feature: value or list}], "context": {feature: value or list}}`. No signature is asked for the types: a
JSON number with a decimal point makes a float list, one without an int64 list.
"""

from tensorflow_serving.apis.input_pb2 import Input

from .errors import invalid
from .json_request import check_lossless, decoded, is_object, json_type, text


def examples(document: dict) -> Input:
    """The examples of a Classify or Regress body. JSON types decide: 733 makes an int64 list, 733.0 a float list.

    Raises:
        ServingError: no `examples`, or a feature that is null, nested, of mixed types or beyond its type.
    """
    message = Input()
    if "context" in document:
        _fill(document["context"], message.example_list_with_context.context)
        target = message.example_list_with_context.examples
    else:
        target = message.example_list.examples
    if "examples" not in document:
        raise invalid(
            f"JSON Value: {text(document)} When method is classify, key 'examples' is expected and was not found"
        )
    rows = document["examples"]
    if not isinstance(rows, list):
        raise invalid(f"JSON Value: {text(document)} Expecting 'examples' value to be an list/array")
    if not rows:
        raise invalid(f"JSON Value: {text(document)} 'examples' value is an empty array")
    for row in rows:
        _fill(row, target.add())
    return message


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


def _feature_value(name, value):
    if isinstance(value, bool):
        return "int64_list", int(value)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")
        return "int64_list", value
    if isinstance(value, float):
        check_lossless(value, "float")
        return "float_list", value
    if isinstance(value, str):
        return "bytes_list", value.encode()
    if not is_object(value) and isinstance(value, dict):
        return "bytes_list", decoded(value)
    raise invalid(f"Feature: {name} has element with unexpected JSON type: {json_type(value)}")
