"""Requests to the embedded model server, over REST and gRPC: what is answered, and how each mistake is refused."""

import base64
import gzip

import numpy as np
import pytest
import tensorflow as tf
from serving_models import example, exported, put, refused, serving
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest, SignatureDefMap
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

PREDICT, REGRESS = "/v1/models/tiny:predict", "/v1/models/tiny:regress"


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    base = tmp_path_factory.mktemp("requests") / "tiny"
    put(base, 3)
    with serving({"tiny": base}, max_message_bytes=100_000) as (_server, clients):
        yield clients


def test_rows_columns_and_grpc_give_what_the_model_gives_in_process(clients):
    x = np.linspace(-3, 1e6, 50).astype(np.float32)
    here = (
        tf.saved_model.load(str(exported(3.0))).signatures["serving_default"](x=tf.constant(x))["y"].numpy()
    )
    status, rows = clients.post(PREDICT, {"instances": x.tolist()})
    assert status == 200
    np.testing.assert_array_equal(np.float32(rows["predictions"]), here)
    status, columns = clients.post(PREDICT, {"inputs": {"x": x.tolist()}})
    np.testing.assert_array_equal(np.float32(columns["outputs"]), here)
    np.testing.assert_array_equal(clients.predict("tiny", x=x)["y"], here)


def test_named_inputs_of_every_type_travel_both_ways(clients):
    raw = bytes(range(256))
    row = {"price": [1.5], "count": [2], "name": [{"b64": base64.b64encode(raw).decode()}]}
    status, body = clients.post(PREDICT, {"signature_name": "named", "instances": [row, row]})
    assert status == 200
    assert body["predictions"][1] == {"total": [9.0], "name_bytes": row["name"]}
    columns = {name: [value, value] for name, value in row.items()}
    status, body = clients.post(PREDICT, {"signature_name": "named", "inputs": columns})
    assert body["outputs"] == {"total": [[9.0], [9.0]], "name_bytes": [row["name"], row["name"]]}
    outputs = clients.predict("tiny", "named", price=np.float32([[1.5]]), count=np.int64([[2]]), name=[[raw]])
    assert outputs["total"] == 9 and outputs["name_bytes"][0, 0] == raw


def test_whole_numbers_become_floats_where_the_signature_asks_for_floats(clients):
    assert clients.post(PREDICT, {"instances": [1]}) == (200, {"predictions": [5.0]})


def test_floats_are_written_with_the_digits_that_identify_them(clients):
    numbers = [0.1, 1 / 7, -2, 1e9]
    text = clients.http.post(PREDICT, json={"instances": numbers}).text
    written = text.split("[")[1].split("]")[0].replace(" ", "").replace("\n", "").split(",")
    assert written == ["2.3", "2.42857146", "-4.0", "3e+09"]


def test_not_a_number_and_infinity_pass_through_as_in_tf_serving(clients):
    text = clients.http.post(PREDICT, content='{"instances": [NaN, Infinity, -Infinity]}').text
    assert "NaN" in text and "Infinity" in text and "-Infinity" in text


def test_classify_gives_label_and_score_pairs_on_both_protocols(clients):
    body = {"signature_name": "classify", "examples": [{"x": 1.0}, {"x": [2.0]}]}
    status, answer = clients.post("/v1/models/tiny:classify", body)
    assert status == 200
    assert [[label for label, _score in row] for row in answer["results"]] == [["small", "large"]] * 2
    request = ClassificationRequest()
    request.model_spec.name, request.model_spec.signature_name = "tiny", "classify"
    request.input.example_list.examples.extend([example(x=1), example(x=2)])
    response = clients.prediction.Classify(request)
    scores = [[entry.score for entry in row.classes] for row in response.result.classifications]
    np.testing.assert_allclose(scores, [[1 / 5, 4 / 5], [1 / 8, 7 / 8]], rtol=1e-6)
    np.testing.assert_array_equal(
        np.float32([[score for _label, score in row] for row in answer["results"]]), scores
    )
    assert response.model_spec.version.value == 3


def test_regress_adds_the_context_to_every_example_on_both_protocols(clients):
    body = {"signature_name": "regress", "examples": [{"x": 1.0}, {"x": 2.0}], "context": {"bias": 100.0}}
    assert clients.post(REGRESS, body) == (200, {"results": [105.0, 108.0]})
    request = RegressionRequest()
    request.model_spec.name, request.model_spec.signature_name = "tiny", "regress"
    request.input.example_list_with_context.context.CopyFrom(example(bias=100))
    request.input.example_list_with_context.examples.extend([example(x=1), example(x=2)])
    response = clients.prediction.Regress(request)
    assert [regression.value for regression in response.result.regressions] == [105, 108]


def test_metadata_is_the_signatures_on_both_protocols(clients):
    status, body = clients.get("/v1/models/tiny/metadata")
    assert status == 200 and body["model_spec"] == {"name": "tiny", "signature_name": "", "version": "3"}
    signatures = body["metadata"]["signature_def"]["signature_def"]
    assert signatures["named"]["inputs"]["count"]["dtype"] == "DT_INT64"
    assert [d["size"] for d in signatures["named"]["inputs"]["price"]["tensor_shape"]["dim"]] == ["-1", "1"]
    assert signatures["regress"]["method_name"] == "tensorflow/serving/regress"
    request = GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "tiny"
    unpacked = SignatureDefMap()
    assert clients.prediction.GetModelMetadata(request).metadata["signature_def"].Unpack(unpacked)
    assert unpacked.signature_def.keys() == signatures.keys()


def test_output_filter_returns_only_the_outputs_asked_for(clients):
    request = PredictRequest(output_filter=["product"])
    request.model_spec.name, request.model_spec.signature_name = "tiny", "product"
    request.inputs["pair"].CopyFrom(tf.make_tensor_proto(np.float32([[1, 2]])))
    assert list(clients.prediction.Predict(request).outputs) == ["product"]
    request.output_filter[:] = ["nothing"]
    assert refused(clients.prediction.Predict, request) == (
        "INVALID_ARGUMENT",
        "output tensor alias not found in signature: nothing Outputs expected to be in the set {constant,product}.",
    )


def test_a_percent_encoded_model_name_and_any_case_of_the_path_are_understood(clients):
    assert clients.post("/V1/Models/%74iny/versions/3:predict", {"instances": [1]})[0] == 200


# name of the mistake: body of a predict (below: a regress) request, and what the answer, a 400, says
BAD_PREDICTIONS = {
    "unknown signature": (
        {"signature_name": "none", "instances": [1]},
        'Serving signature name: "none" not found in signature def',
    ),
    "signature name that is no string": (
        {"signature_name": 1, "instances": [1]},
        "'signature_name' key must be a string value.",
    ),
    "empty body": (b"", "JSON Parse error: The document is empty"),
    "broken JSON": (b'{"instances": [1', "JSON Parse error: Expecting ',' delimiter at offset: 16"),
    "no JSON": (b"hello", "JSON Parse error: Invalid value. at offset: 0"),
    "not UTF-8": (b'{"instances": ["\xff"]}', "JSON Parse error: Invalid encoding in string"),
    "a number of 5000 digits": (
        b'{"instances": [' + b"9" * 5000 + b"]}",
        "JSON Parse error: Number too big to be stored in double.",
    ),
    "half a surrogate pair": (
        rb'{"signature_name": "\uD800", "instances": [1]}',
        "JSON Parse error: Invalid encoding in string: surrogates not allowed",
    ),
    "half a surrogate pair in bytes": (
        b'{"instances": ["\xed\xa0\x80"]}',
        "JSON Parse error: Invalid encoding in string",
    ),
    "33 dimensions in a column": (
        b'{"inputs": ' + b"[" * 33 + b"1" + b"]" * 33 + b"}",
        "A tensor of more than 32 dimensions is not supported",
    ),
    "33 dimensions in rows": (
        b'{"instances": ' + b"[" * 33 + b"1" + b"]" * 33 + b"}",
        "A tensor of more than 32 dimensions is not supported",
    ),
    "nested a million deep": (b"[" * 90_000, "JSON Parse error: nested too deeply"),
    "no object": ([1], "Is not object"),
    "no key": ({}, "Missing 'inputs' or 'instances' key"),
    "both keys": ({"inputs": [1], "instances": [1]}, "expecting only one of 'inputs' or 'instances'"),
    "no rows": ({"instances": []}, "No values in 'instances' array"),
    "rows that are no list": ({"instances": 1}, "Expecting 'instances' to be a list; it is a JSON Number"),
    "text for a number": (
        {"instances": ["x"]},
        'JSON Value: "x" Type: String is not of expected type: float',
    ),
    "null": ({"instances": [None]}, "JSON Value: null Type: Null is not of expected type: float"),
    "too large for a float": (
        {"instances": [1e300]},
        "Cannot convert JSON value: 1e+300 to float without loss of precision.",
    ),
    "fraction for an integer": (
        {"signature_name": "named", "instances": [{"price": [1], "count": [1.5], "name": ["a"]}]},
        "JSON Value: 1.5 Type: Number is not of expected type: int64",
    ),
    "integer beyond int64": (
        {"signature_name": "named", "instances": [{"price": [1], "count": [2**63], "name": ["a"]}]},
        "is not of expected type: int64",
    ),
    "broken base64": (
        {"signature_name": "named", "instances": [{"price": [1], "count": [1], "name": [{"b64": "?"}]}]},
        "Unable to base64 decode",
    ),
    "white space only": (b" \r\n\t", "JSON Parse error: The document is empty"),
    "half a surrogate pair beside a NaN": (
        rb'{"instances": [NaN], "\udc00": 1}',
        "JSON Parse error: Invalid encoding in string: surrogates not allowed",
    ),
    "base64 that is not ASCII": (
        {"signature_name": "named", "instances": [{"price": [1], "count": [1], "name": [{"b64": "é"}]}]},
        "Unable to base64 decode",
    ),
    "missing name in a row": (
        {"signature_name": "named", "instances": [{"price": [1]}]},
        "keys must be equal to: count,name,price",
    ),
    "unknown name in a row": (
        {"signature_name": "named", "instances": [{"prise": [1]}]},
        "keys must be equal to: count,name,price",
    ),
    "missing column": (
        {"signature_name": "named", "inputs": {"price": [[1]]}},
        "Missing named input: count in 'inputs' object.",
    ),
    "plain list for many inputs": (
        {"signature_name": "named", "instances": [1]},
        "an object for each row is expected: several inputs",
    ),
    "rows of different lengths": (
        {"signature_name": "product", "instances": [[1, 2], [1]]},
        "Encountered list at unexpected size: 1 at level: 1 expected size: 2",
    ),
    "ragged column": (
        {"signature_name": "product", "inputs": [[1, 2], [1]]},
        "Encountered list at unexpected size: 1 at level: 1 expected size: 2",
    ),
    "wrong shape": (
        {"signature_name": "product", "inputs": [[1, 2, 3]]},
        "Matrix size-incompatible: In[0]: [1,3], In[1]: [2,1]",
    ),
    "output without rows in row format": (
        {"signature_name": "product", "instances": [[1, 2]]},
        "Tensor name: constant has no shape information",
    ),
    "an object among values": (
        {"instances": [1, {"x": 1}]},
        "Element 1 of 'instances' is an object or a plain value",
    ),
    "a value among lists": ({"inputs": [[1], 2]}, "JSON Value: 2 at level: 1, where a list is expected"),
    "a word in the third row": (
        {"instances": [1, 2, "x"]},
        "Failed to process element: 2 key: x of 'instances' list",
    ),
}
BAD_EXAMPLES = {
    "a whole feature beyond int64": (
        {"examples": [{"x": 2**63}]},
        "Feature: x has uint64 element. Only int64 is supported.",
    ),
    "a feature beyond float": (
        {"examples": [{"x": [1.5, -1e300]}]},
        "Cannot convert JSON value: -1e+300 to float without loss of precision.",
    ),
    "regress without examples": ({}, "key 'examples' is expected and was not found"),
    "regress on no examples": ({"examples": []}, "No values in 'examples' array"),
    "whole number for a float feature": (
        {"examples": [{"x": 1}]},
        "Data type: int64 but expected type: float",
    ),
    "feature of mixed types": (
        {"examples": [{"x": [1, 2.5]}]},
        "Unexpected element type in feature: x expecting type: int64",
    ),
    "null feature": ({"examples": [{"x": None}]}, "Feature: x has element with unexpected JSON type: Null"),
    "examples for an unknown signature": (
        {"signature_name": "none", "examples": [{"x": 1.0}]},
        "No signature was found with the name: none",
    ),
}
REST_MISTAKES = {
    **{name: (PREDICT, body, 400, text) for name, (body, text) in BAD_PREDICTIONS.items()},
    **{
        name: (REGRESS, {"signature_name": "regress", **body}, 400, text)
        for name, (body, text) in BAD_EXAMPLES.items()
    },
    "a feature beyond double": (
        REGRESS,
        b'{"examples": [{"x": 1e400}]}',
        400,
        "JSON Parse error: Number too big",
    ),
    "unknown model": (
        PREDICT.replace("tiny", "none"),
        {"instances": [1]},
        404,
        "Servable not found for request: Latest(none)",
    ),
    "unknown version": (
        "/v1/models/tiny/versions/7:predict",
        {"instances": [1]},
        404,
        "Servable not found for request: Specific(tiny, 7)",
    ),
    "version beyond int64": (
        f"/v1/models/tiny/versions/{2**63}:predict",
        {"instances": [1]},
        400,
        f"Failed to convert version: {2**63} to numeric.",
    ),
    "version of 5000 digits": (
        f"/v1/models/tiny/versions/{'9' * 5000}:predict",
        {"instances": [1]},
        400,
        "Failed to convert version: 999",
    ),
    "unknown label": (
        "/v1/models/tiny/labels/stable:predict",
        {"instances": [1]},
        400,
        "Unrecognized servable version label: stable",
    ),
    "a feature of the context beyond float": (
        "/v1/models/tiny:classify",
        {"signature_name": "classify", "examples": [{"x": 1.0}], "context": {"bias": 3.5e38}},
        400,
        "Cannot convert JSON value: 3.5e+38 to float without loss of precision.",
    ),
    "classify on a signature of other tensors": (
        "/v1/models/tiny:classify",
        {"examples": [{"x": 1.0}]},
        400,
        "No classification inputs found in SignatureDef",
    ),
    "classify on a signature that regresses": (
        "/v1/models/tiny:classify",
        {"signature_name": "regress", "examples": [{"x": 1.0}]},
        400,
        'Expected classification signature outputs to contain at least one of "classes" or "scores"',
    ),
    "unknown verb": ("/v1/models/tiny:guess", {}, 400, "Malformed request: POST /v1/models/tiny:guess"),
    "path elsewhere": ("/v2/health", {}, 404, "Malformed request: POST /v2/health"),
    "oversized body": (PREDICT, b" " * 100_001, 413, "Request body is larger than 100000 bytes"),
}


@pytest.mark.parametrize("mistake", REST_MISTAKES)
def test_every_mistake_over_rest_gets_its_status_and_says_what_it_is(clients, mistake):
    path, body, status, text = REST_MISTAKES[mistake]
    answered, answer = clients.post(path, body)
    assert (answered, list(answer)) == (status, ["error"]), answer
    assert text in answer["error"]


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/v1/models/none", 404, "Could not find any versions of model none"),
        ("/v1/models/tiny/versions/9", 404, "Could not find version 9 of model tiny"),
        ("/v1/models/tiny/labels/canary", 400, "Unrecognized servable version label: canary"),
        ("/v1/models/none/metadata", 404, "Servable not found for request: Latest(none)"),
        ("/v1/models", 400, "Missing model name in request."),
        ("/v1/models/tiny:predict", 400, "Malformed request: GET /v1/models/tiny:predict"),
    ],
)
def test_a_wrong_question_about_a_model_is_refused(clients, path, status, text):
    assert clients.get(path) == (status, {"error": text})


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("", b""),
        ("YQ==", b"a"),
        ("YQ", b"a"),
        ("YQ..", b"a"),
        ("YQ=.", b"a"),
        ("YR", b"a"),  # bits left over say nothing
        ("YWI", b"ab"),
        ("YWI.", b"ab"),
        ("YWJj", b"abc"),
        (" Y\nW\tJ\rj \f\v", b"abc"),
        ("YQ = =\n", b"a"),
        ("Y", None),
        ("YWJjZ", None),
        ("YQ=", None),
        ("YQ===", None),
        ("YWI==", None),
        ("YWJj=", None),
        ("=", None),
        ("YQ==YQ==", None),
        ("Y\0Q", None),
        ("_-==", None),
        ("YQ\u00a0", None),
        ("?", None),
    ],
)
def test_base64_is_read_as_abseil_reads_it(clients, text, content):
    """Base64Unescape: white space anywhere; padding whole or not at all, with dots as well; the standard alphabet."""
    row = {"price": [1], "count": [1], "name": [{"b64": text}]}
    status, answer = clients.post(PREDICT, {"signature_name": "named", "instances": [row]})
    if content is None:
        assert status == 400 and "Unable to base64 decode" in answer["error"]
    else:
        assert base64.b64decode(answer["predictions"][0]["name_bytes"][0]["b64"]) == content
    feature = {"signature_name": "regress", "examples": [{"x": 1.0, "name": {"b64": text}}]}
    assert clients.post(REGRESS, feature)[0] == (400 if content is None else 200)


def zipped(clients, body, encoding="gzip"):
    response = clients.http.post(PREDICT, content=body, headers={"Content-Encoding": encoding})
    return response.status_code, response.json()


def test_a_gzipped_body_is_unpacked(clients):
    body, answer = b'{"instances": [1.0, 2.0]}', (200, {"predictions": [5.0, 8.0]})
    assert zipped(clients, gzip.compress(body)) == answer
    assert zipped(clients, gzip.compress(body), "GZip") == answer
    assert zipped(clients, gzip.compress(body[:9]) + gzip.compress(body[9:])) == answer
    assert zipped(clients, iter([gzip.compress(body)[:9], gzip.compress(body)[9:]])) == answer
    assert zipped(clients, body, "identity") == answer
    status, refusal = clients.post(PREDICT, gzip.compress(body))  # nobody said that it is
    assert status == 400 and "Invalid encoding in string" in refusal["error"]


@pytest.mark.parametrize(
    "body",
    [b"", b'{"instances": [1]}', gzip.compress(b'{"instances": [1]}')[:-9], gzip.compress(b"{}") + b"more"],
    ids=["empty", "not packed", "cut off", "something behind"],
)
def test_a_body_that_is_not_the_gzip_it_says_is_refused(clients, body):
    status, answer = zipped(clients, body)
    assert status == 400 and answer["error"] in (
        "Failed to uncompress the gzipped body",
        "JSON Parse error: The document is empty",
    )


def test_a_gzipped_body_is_not_unpacked_beyond_the_limit(clients):
    fits = b'{"instances": [1.0]}'.ljust(100_000)
    assert zipped(clients, gzip.compress(fits))[0] == 200
    refusal = (413, {"error": "Request body is larger than 100000 bytes"})
    assert zipped(clients, gzip.compress(fits + b" ")) == refusal
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < 100_000
    assert zipped(clients, bomb[:-9]) == refusal  # where it is broken further on was never looked at


def test_another_http_method_is_a_malformed_request(clients):
    response = clients.http.put("/v1/models/tiny:predict", content="{}")
    assert (response.status_code, response.json()["error"]) == (
        400,
        "Malformed request: PUT /v1/models/tiny:predict",
    )


def test_every_mistake_over_grpc_gets_its_canonical_code(clients):
    one = np.float32([1])
    assert refused(clients.predict, "none", x=one) == (
        "NOT_FOUND",
        "Servable not found for request: Latest(none)",
    )
    assert refused(clients.predict, "", x=one) == ("INVALID_ARGUMENT", "ModelSpec has no name specified.")
    assert refused(clients.predict, "tiny", version=7, x=one) == (
        "NOT_FOUND",
        "Servable not found for request: Specific(tiny, 7)",
    )
    assert refused(clients.predict, "tiny", label="nope", x=one) == (
        "INVALID_ARGUMENT",
        "Unrecognized servable version label: nope",
    )
    assert refused(clients.predict, "tiny", "none", x=one) == (
        "FAILED_PRECONDITION",
        'Serving signature key "none" not found.',
    )
    assert refused(clients.predict, "tiny", z=one) == (
        "INVALID_ARGUMENT",
        "input tensor alias not found in signature: z. Inputs expected to be in the set {x}.",
    )
    code, text = refused(clients.predict, "tiny", x=one, z=one)
    assert code == "INVALID_ARGUMENT"
    assert text == ("input size does not match signature: 2!=1. Sent extra: {z}. Missing but required: {}.")
    assert refused(clients.predict, "tiny", x=np.int64([1])) == (
        "INVALID_ARGUMENT",
        "Expects arg[0] to be float but int64 is provided",
    )
    code, text = refused(clients.predict, "tiny", "product", pair=np.float32([[1, 2, 3]]))
    assert code == "INVALID_ARGUMENT" and text.startswith("Matrix size-incompatible")
    assert refused(clients.predict, "tiny", x=np.ones(30_000, np.float32))[0] == "RESOURCE_EXHAUSTED"


def test_a_tensor_whose_bytes_do_not_fill_its_shape_is_refused(clients):
    request = PredictRequest()
    request.model_spec.name = "tiny"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.float32([1, 2])))
    request.inputs["x"].tensor_content = b"abc"
    assert refused(clients.prediction.Predict, request) == ("INVALID_ARGUMENT", "tensor parsing error: x")


def test_a_tensor_larger_than_any_memory_is_refused(clients):
    request = PredictRequest()
    request.model_spec.name = "tiny"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.float32([1])))
    request.inputs["x"].tensor_shape.dim[0].size = 10**14
    assert refused(clients.prediction.Predict, request) == ("INVALID_ARGUMENT", "tensor parsing error: x")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(ValueError("odd"), 400, "INVALID_ARGUMENT"), (ZeroDivisionError("odd"), 500, "INTERNAL")],
)
def test_an_error_nobody_foresaw_has_the_form_of_all_errors_and_is_counted(tmp_path, error, status, code):
    put(tmp_path, 1)
    with serving({"tiny": tmp_path}) as (server, clients):
        spec = PredictRequest().model_spec
        spec.name = "tiny"

        def broken(feeds, fetches):
            raise error

        with server.manager.acquire(spec) as version:
            version.model.run = broken
        answered, body = clients.post(PREDICT, {"instances": [1]})
        assert answered == status and "odd" in body["error"]
        named, text = refused(clients.predict, "tiny", x=np.float32([1]))
        assert named == code and "odd" in text
        assert clients.metric(":tensorflow:serving:request_count", model_name="tiny", status=code) == 2


def test_empty_grpc_requests_and_those_it_does_not_know_are_refused(clients):
    assert refused(clients.models.GetModelStatus, GetModelStatusRequest()) == (
        "INVALID_ARGUMENT",
        "Missing ModelSpec",
    )
    request = GetModelMetadataRequest()
    request.model_spec.name = "tiny"
    assert refused(clients.prediction.GetModelMetadata, request)[0] == "INVALID_ARGUMENT"
    request.metadata_field.append("weights")
    assert refused(clients.prediction.GetModelMetadata, request) == (
        "INVALID_ARGUMENT",
        "metadata_field must be signature_def; was ['weights']",
    )
    classification = ClassificationRequest()
    classification.model_spec.name, classification.model_spec.signature_name = "tiny", "classify"
    assert refused(clients.prediction.Classify, classification) == ("INVALID_ARGUMENT", "Input is empty.")
    assert refused(clients.prediction.MultiInference, MultiInferenceRequest())[0] == "UNIMPLEMENTED"


def test_requests_are_counted_by_model_status_and_entry_point(tmp_path):
    put(tmp_path / "tiny", 1)
    with serving({"tiny": tmp_path / "tiny"}) as (_server, clients):
        for _ in range(3):
            clients.post(PREDICT, {"instances": [1]})
        clients.post(PREDICT, {"instances": ["x"]})
        clients.predict("tiny", x=np.float32([1]))
        clients.post(REGRESS, {"signature_name": "regress", "examples": [{"x": 1.0}, {"x": 2.0}]})
        count, latency = ":tensorflow:serving:request_count", ":tensorflow:serving:request_latency_count"
        assert clients.metric(count, model_name="tiny", status="OK") == 5
        assert clients.metric(count, model_name="tiny", status="INVALID_ARGUMENT") == 1
        assert clients.metric(latency, model_name="tiny", API="predict", entrypoint="REST") == 3
        assert clients.metric(latency, model_name="tiny", API="Predict", entrypoint="GRPC") == 1
        assert clients.metric(":tensorflow:serving:request_example_count_total", model="tiny") == 2
        assert (
            clients.metric(":tensorflow:serving:runtime_latency_count", model_name="tiny", runtime="TF1") == 5
        )
        assert clients.metric(":tensorflow:cc:saved_model:load_attempt_count", status="success") == 1
        # two runs to load (restore, init) are TensorFlow's, not counted here; five answered requests are
        assert clients.metric(":tensorflow:core:graph_runs") == 5
