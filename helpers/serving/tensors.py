"""Tensors between wire and graph: protos to arrays and back, and whether they are what a signature asks for."""

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.input_pb2 import Input

from .errors import invalid

# the integers that the REST API knows: no uint16
INTEGERS = {"int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"}
# by type: the field of a TensorProto that holds its values, and what they are there
_TYPED_FIELDS = {
    **{name: ("int_val", name) for name in ("int8", "int16", "int32", "uint8", "uint16")},
    **{name: (f"{name}_val", name) for name in ("int64", "uint32", "uint64", "bool")},
    "float32": ("float_val", "float32"),
    "float64": ("double_val", "float64"),
    "float16": ("half_val", "uint16"),
    "bfloat16": ("half_val", "uint16"),
    "complex64": ("scomplex_val", "float32"),
    "complex128": ("dcomplex_val", "float64"),
}


def type_name(dtype: int) -> str:
    """`DT_FLOAT` as TensorFlow's C++ writes it: float."""
    return types_pb2.DataType.Name(dtype)[3:].lower()


def type_of(array: np.ndarray) -> str:
    """The `type_name` of an array; object arrays are string."""
    return type_name(tf.as_dtype(array.dtype).as_datatype_enum)


def serialized_examples(examples: Input) -> np.ndarray:
    """The examples of a Classify or Regress request, each serialized with the shared context: bytes, shape [n].

    Two serialized protos one after the other parse as their merge, so joining bytes adds the context's features.
    """
    # a kind that isn't set reads as an empty one
    shared = examples.example_list_with_context
    context = shared.context.SerializeToString()
    rows = [context + row.SerializeToString() for row in (*examples.example_list.examples, *shared.examples)]
    if not rows:
        raise invalid("Input is empty.")
    return np.array(rows, dtype=object)


def to_array(name: str, tensor: TensorProto) -> np.ndarray:
    """The array in a TensorProto, sent as input `name`.

    Raises:
        ServingError: the values do not make up the shape, or are beyond their type: a TensorProto has int32 for all
            smaller integers and for the bits of small floats, of which TF Serving takes the lower ones.
    """
    try:
        field, kind = _TYPED_FIELDS.get(tf.as_dtype(tensor.dtype).name, (None, None))
        if field in ("int_val", "half_val") and (values := getattr(tensor, field)):
            limits = np.iinfo(kind)
            if min(values) < limits.min or max(values) > limits.max:
                raise ValueError(f"values beyond {kind}")
        return tf.make_ndarray(tensor)
    except (ValueError, TypeError, MemoryError) as error:
        raise invalid(f"tensor parsing error: {name}") from error


def to_tensor(array: np.ndarray, tensor: TensorProto) -> None:
    """Write an array into a TensorProto, values in the typed field (float_val, …) as TF Serving sends them."""
    proto = tf.make_tensor_proto(array)
    if proto.tensor_content and array.dtype.name in _TYPED_FIELDS:
        field, kind = _TYPED_FIELDS[array.dtype.name]
        getattr(proto, field).extend(array.ravel().view(kind).tolist())
        proto.ClearField("tensor_content")
    tensor.CopyFrom(proto)


def check_inputs(signature: SignatureDef, inputs: dict[str, np.ndarray]) -> None:
    """Refuse inputs that are missing, unknown, or of another type than the signature's."""
    sent, known = sorted(inputs), sorted(signature.inputs)
    if len(sent) != len(known):
        extra, missing = sorted(set(sent) - set(known)), sorted(set(known) - set(sent))
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(known)}. Sent extra: {{{','.join(extra)}}}. "
            f"Missing but required: {{{','.join(missing)}}}."
        )
    for position, name in enumerate(sent):
        if name not in signature.inputs:
            raise invalid(
                f"input tensor alias not found in signature: {name}. Inputs expected to be in the set "
                f"{{{','.join(known)}}}."
            )
        wanted, provided = type_name(signature.inputs[name].dtype), type_of(inputs[name])
        if provided != wanted:
            raise invalid(f"Expects arg[{position}] to be {wanted} but {provided} is provided")
