"""Every type in every shape through the embedded model server: what goes in comes out, or is refused as TF Serving does.

The reference is TF Serving's conversion between JSON and tensors (util/json_tensor.cc): its REST API knows float,
double, bool, string and the integers without uint16; other types it neither reads (UNIMPLEMENTED) nor writes
(INVALID_ARGUMENT), see issue #1639 for half floats. Its gRPC API carries every type.
"""

import json
import re

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from serving_models import refused, serving
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from helpers.serving import BatchingParameters, ServingError, json_request, json_response

PREDICT = "/v1/models/echo:predict"
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"]
IN_JSON = ["float32", "float64", *INTEGERS, "bool", "string"]
NOT_IN_JSON = ["half", "bfloat16", "uint16", "complex64", "complex128"]
SHAPES = {0: (), 1: (6,), 2: (3, 2), 3: (3, 2, 1)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model that gives back what it gets, a signature for each type, and makes each type from float32."""
    model, signatures = tf.Module(), {}
    for name in IN_JSON + NOT_IN_JSON:
        anything = tf.TensorSpec(None, tf.as_dtype(name), "x")
        signatures[name] = tf.function(lambda x: {"y": tf.identity(x)}, input_signature=[anything])
    for name in NOT_IN_JSON:
        anything = tf.TensorSpec(None, tf.float32, "x")
        cast = tf.function(lambda x, to=name: {"y": tf.cast(x, tf.as_dtype(to))}, input_signature=[anything])
        signatures[f"to_{name}"] = cast
    anything = tf.TensorSpec(None, tf.string, "x")
    signatures["both"] = tf.function(
        lambda x: {"text": tf.identity(x), "text_bytes": tf.identity(x)}, input_signature=[anything]
    )
    signatures["drop"] = tf.function(lambda x: {"y": x[:0]}, input_signature=[anything])
    folder = tmp_path_factory.mktemp("echo")
    tf.saved_model.save(model, str(folder / "1"), signatures=signatures)
    return folder


@pytest.fixture(scope="module")
def plain(folder):
    with serving({"echo": folder}) as (_server, clients):
        yield clients


@pytest.fixture(scope="module")
def batching(folder):
    parameters = BatchingParameters(
        max_batch_size=8, allowed_batch_sizes=(8,), pad_variable_length_inputs=True
    )
    with serving({"echo": folder}, batching=parameters) as (_server, clients):
        yield clients


def array_of(name, shape):
    """Six values of a type, its extremes among them, in this shape (the first of them for rank 0)."""
    dtype = tf.as_dtype(name)
    if dtype.is_integer:
        values = [dtype.max, dtype.min, 0, 1, 7, dtype.max - 1]
    elif dtype == tf.string:
        values = [b"late\0", b"", "Zürich \u2028".encode(), b'"\\', b"on time", b"\0"]
    elif dtype == tf.bool:
        values = [True, False, False, True, True, False]
    elif dtype.is_complex:
        values = [0.5 - 2j, 1j, 0, 1, -3, 1e30 + 1e-30j]
    else:
        values = [dtype.max, dtype.min, float("nan"), float("-inf"), 0.1, -0.0]
    whole = np.empty(shape, dtype.as_numpy_dtype)
    whole[...] = np.array(values, dtype.as_numpy_dtype).reshape(shape) if shape else values[0]
    return whole


def as_json(array):
    """Nested lists; strings as text."""
    if array.dtype == object:
        return np.vectorize(lambda value: value.decode(), otypes=[object])(array).tolist()
    return array.tolist()


def same(said, array):
    """Of one type and shape, to the last bit."""
    assert said.dtype == array.dtype and said.shape == array.shape
    assert said.tolist() == array.tolist() if array.dtype == object else said.tobytes() == array.tobytes()


def from_json(value, like):
    """What a client makes of an answer: an array of the type of `like`."""
    if like.dtype == object:
        return np.vectorize(str.encode, otypes=[object])(np.array(value, object)) if np.size(value) else like
    return np.array(value, like.dtype)


@pytest.mark.parametrize("way", ["plain", "batching"])
@pytest.mark.parametrize("rank", SHAPES)
@pytest.mark.parametrize("name", IN_JSON)
def test_rows_of_every_type_and_rank_come_back_as_they_were_sent(request, way, name, rank):
    clients = request.getfixturevalue(way)
    row = array_of(name, SHAPES[rank])
    rows = [as_json(row)] * 3
    for instances in (rows, [{"x": value} for value in rows]):
        status, answer = clients.post(PREDICT, {"signature_name": name, "instances": instances})
        assert status == 200, answer
        for value in answer["predictions"]:
            same(from_json(value, row), row)


@pytest.mark.parametrize("way", ["plain", "batching"])
@pytest.mark.parametrize("rank", SHAPES)
@pytest.mark.parametrize("name", IN_JSON)
def test_a_column_of_every_type_and_rank_comes_back_as_it_was_sent(request, way, name, rank):
    clients = request.getfixturevalue(way)
    column = array_of(name, SHAPES[rank])
    for inputs in (as_json(column), {"x": as_json(column)}):
        status, answer = clients.post(PREDICT, {"signature_name": name, "inputs": inputs})
        if rank == 0 and way == "batching":
            assert status == 400 and "at least one dimension" in answer["error"]
        else:
            assert status == 200, answer
            same(from_json(answer["outputs"], column), column)


@pytest.mark.parametrize("way", ["plain", "batching"])
@pytest.mark.parametrize("rank", SHAPES)
@pytest.mark.parametrize("name", IN_JSON + NOT_IN_JSON)
def test_a_tensor_of_every_type_and_rank_comes_back_over_grpc_in_its_typed_field(request, way, name, rank):
    clients = request.getfixturevalue(way)
    for array in (
        array_of(name, SHAPES[rank]),
        np.zeros((0, *SHAPES[rank]), tf.as_dtype(name).as_numpy_dtype),
    ):
        sent = PredictRequest()
        sent.model_spec.name, sent.model_spec.signature_name = "echo", name
        sent.inputs["x"].CopyFrom(tf.make_tensor_proto(array, tf.as_dtype(name)))
        if array.ndim == 0 and way == "batching":
            assert "at least one dimension" in refused(clients.prediction.Predict, sent)[1]
            continue
        said = clients.prediction.Predict(sent).outputs["y"]
        assert said.dtype == tf.as_dtype(name).as_datatype_enum and not said.tensor_content
        same(tf.make_ndarray(said), array)


@pytest.mark.parametrize("way", ["plain", "batching"])
@pytest.mark.parametrize("name", IN_JSON + NOT_IN_JSON)
def test_no_rows_are_an_empty_column_and_no_row_request(request, way, name):
    clients = request.getfixturevalue(way)
    assert clients.post(PREDICT, {"signature_name": name, "inputs": []}) == (200, {"outputs": []})
    status, answer = clients.post(PREDICT, {"signature_name": name, "instances": []})
    assert status == 400 and "No values in 'instances' array" in answer["error"]
    for empty in ([[], []], [[[], []]] * 2):
        body = {"signature_name": name, "instances": empty}
        assert clients.post(PREDICT, body) == (200, {"predictions": empty})


def test_a_signature_without_outputs_has_no_answer_in_json():
    for form in ("row", "column"):
        with pytest.raises(ServingError, match="Cannot convert empty tensor map to JSON"):
            json_response.predictions({}, form)


def test_a_model_that_drops_its_rows_predicts_none(plain):
    body = {"signature_name": "drop", "instances": ["a", "b"]}
    assert plain.post(PREDICT, body) == (200, {"predictions": []})


@pytest.mark.parametrize("name", NOT_IN_JSON)
def test_types_that_tf_serving_does_not_know_in_json_are_refused_both_ways(plain, name):
    for form, value in (("instances", [1]), ("inputs", [1]), ("inputs", 1)):
        status, answer = plain.post(PREDICT, {"signature_name": name, form: value})
        assert status == (400 if form == "instances" else 501)
        assert f"Conversion of JSON Value: 1 to type: {name}" in answer["error"]
        assert plain.post(PREDICT, {"signature_name": f"to_{name}", form: value}) == (
            400,
            {"error": f"Failed to write JSON value for tensor type: {name}"},
        )
    assert plain.post(PREDICT, {"signature_name": f"to_{name}", "inputs": []}) == (200, {"outputs": []})


def test_bytes_are_written_as_base64_where_the_output_is_named_so(plain):
    rows = [{"b64": "aGk="}, {"b64": "AA=="}]
    expected = [{"text": "hi", "text_bytes": rows[0]}, {"text": "\0", "text_bytes": rows[1]}]
    assert plain.post(PREDICT, {"signature_name": "both", "instances": rows})[1] == {"predictions": expected}
    outputs = {"text": ["hi", "\0"], "text_bytes": rows}
    assert plain.post(PREDICT, {"signature_name": "both", "inputs": rows})[1] == {"outputs": outputs}
    assert plain.post(PREDICT, {"signature_name": "both", "inputs": rows[0]})[1] == {"outputs": expected[0]}


def ask_for(plain, name, value):
    """Statuses and texts of a value as a row and as a column."""
    for body in (
        f'"instances": [{value}]',
        f'"instances": [{{"x": {value}}}]',
        f'"instances": [[{value}, 1], [1, 1]]',
        f'"inputs": {value}',
        f'"inputs": {{"x": [1, {value}]}}',
    ):
        yield plain.post(PREDICT, f'{{"signature_name": "{name}", {body}}}')


@pytest.mark.parametrize("name", INTEGERS)
def test_an_integer_beyond_its_type_is_refused_and_never_wraps(plain, name):
    limits = tf.as_dtype(name)
    for value in (limits.min, limits.max):
        assert {status for status, _ in ask_for(plain, name, value)} == {200}
    for value in (limits.min - 1, limits.max + 1, 2**64, -(2**63) - 1, 1.5, 1.0, 1e5, "true"):
        for status, answer in ask_for(plain, name, value):
            assert status == 400 and f"is not of expected type: {name}" in answer["error"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("float32", 2**24),
        ("float32", 16777217),
        ("float32", -16777217),
        ("float32", 2**64 - 1),
        ("float32", 3.5e38),
        ("float32", -1e300),
        ("float32", 10**39),
        ("float64", 2**53),
        ("float64", -(2**53)),
        ("float64", 2**64 - 1),
    ],
)
def test_a_number_that_a_float_does_not_hold_is_refused_with_tf_servings_words(plain, name, value):
    kind = {"float32": "float", "float64": "double"}[name]
    for status, answer in ask_for(plain, name, value):
        assert status == 400
        assert re.search(
            rf"Cannot convert JSON value: [-+.e\d]+ to {kind} without loss of precision", answer["error"]
        )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("float32", 2**24 - 1),
        ("float32", 0.1),  # a decimal is rounded, as by TF Serving: only integers are held to be exact
        ("float32", 2**64),  # of more than 64 bits: a double to RapidJSON
        ("float32", "NaN"),
        ("float32", "-Infinity"),
        ("float64", 2**53 - 1),
        ("float64", -(10**300)),
        ("float64", "Infinity"),
    ],
)
def test_a_number_that_a_float_holds_is_taken(plain, name, value):
    assert {status for status, _ in ask_for(plain, name, value)} == {200}


@pytest.mark.parametrize("value", ["1e400", "-1e400", "9" * 400, "-" + "9" * 400])
def test_a_number_beyond_a_double_is_no_infinity(plain, value):
    for name in ("float32", "float64", "int64"):
        for status, answer in ask_for(plain, name, value):
            assert (status, answer["error"]) == (
                400,
                "JSON Parse error: Number too big to be stored in double.",
            )
        body = f'{{"signature_name": "{name}", "instances": [{value}, NaN]}}'
        assert plain.post(PREDICT, body)[0] == 400


@pytest.mark.parametrize(
    ("name", "field", "values"),
    [
        ("int8", "int_val", [128]),
        ("int8", "int_val", [1, -129]),
        ("uint8", "int_val", [-1]),
        ("uint8", "int_val", [256, 1]),
        ("int16", "int_val", [2**15]),
        ("uint16", "int_val", [2**16]),
        ("half", "half_val", [2**16]),
        ("bfloat16", "half_val", [-1]),
    ],
)
def test_a_tensor_proto_whose_values_are_beyond_its_type_is_refused(plain, name, field, values):
    sent = PredictRequest()
    sent.model_spec.name, sent.model_spec.signature_name = "echo", name
    tensor = sent.inputs["x"]
    tensor.dtype = tf.as_dtype(name).as_datatype_enum
    tensor.tensor_shape.dim.add(size=len(values))
    getattr(tensor, field).extend(values)
    assert refused(plain.prediction.Predict, sent) == ("INVALID_ARGUMENT", "tensor parsing error: x")


def test_one_value_in_a_tensor_proto_stands_for_all(plain):
    sent = PredictRequest()
    sent.model_spec.name, sent.model_spec.signature_name = "echo", "int8"
    sent.inputs["x"].dtype = types_pb2.DT_INT8
    sent.inputs["x"].tensor_shape.dim.add(size=3)
    sent.inputs["x"].int_val.append(-5)
    assert tf.make_ndarray(plain.prediction.Predict(sent).outputs["y"]).tolist() == [-5, -5, -5]


def test_a_byte_order_mark_is_skipped(plain):
    body = b'\xef\xbb\xbf{"signature_name": "string", "instances": ["\xc3\xbc"]}'
    assert plain.post(PREDICT, body) == (200, {"predictions": ["ü"]})


def test_of_a_name_given_twice_the_last_value_counts(plain):
    body = '{"signature_name": "int8", "instances": [1], "instances": [2]}'
    assert plain.post(PREDICT, body) == (200, {"predictions": [2]})
    assert plain.post(PREDICT, body.replace("[2]", "[{}]".format('{"x": 1, "x": 3}')))[1] == {
        "predictions": [3]
    }


LEAVES = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.integers(-3, 300),
    st.floats(),
    st.booleans(),
    st.none(),
    st.text(max_size=3),
    st.just({"b64": "YQ"}),
    st.just({"x": 1}),
)
VALUES = st.one_of(
    st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=8),
    *(
        st.lists(st.lists(leaf, min_size=2, max_size=2), min_size=1, max_size=3)
        for leaf in (st.integers(-200, 200), st.floats(width=32), st.booleans(), st.text(max_size=2))
    ),
)


def meant(value):
    """A JSON value without the names of inputs, its text as bytes."""
    if isinstance(value, list):
        return [meant(part) for part in value]
    if isinstance(value, dict):
        return b"a" if "b64" in value else meant(value["x"])
    return value.encode() if isinstance(value, str) else value


@settings(max_examples=150, deadline=None, derandomize=True)
@given(name=st.sampled_from(IN_JSON + ["half"]), form=st.sampled_from(["instances", "inputs"]), value=VALUES)
def test_json_becomes_the_array_that_numpy_makes_of_it_or_is_refused(name, form, value):
    signature, dtype = SignatureDef(), tf.as_dtype(name)
    signature.inputs["x"].dtype = dtype.as_datatype_enum
    try:
        array = json_request.predict_inputs({form: value}, signature)[0]["x"]
    except ServingError:
        return
    assert array.dtype == dtype.as_numpy_dtype
    np.testing.assert_array_equal(array, np.array(meant(value), array.dtype))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.floats(width=32), min_size=1, max_size=4), st.lists(st.floats(), min_size=1, max_size=4))
def test_floats_written_are_the_floats_read_again(floats, doubles):
    for values in (np.float32(floats), np.float64(doubles)):
        written = json.loads(json_response.predictions({"y": values}, "row"))["predictions"]
        np.testing.assert_array_equal(np.array(written, values.dtype), values)
        assert all(isinstance(number, float) for number in written)
