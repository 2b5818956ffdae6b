"""Versions of the embedded model server: policies, labels, hot reload, draining, versions that do not load, warm-up."""

import errno
import shutil
import threading
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from serving_models import example, exported, put, refused, serving
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from helpers.serving import BatchingParameters, ServingError, Transition, config, models, warmup

PREDICT = "/v1/models/tiny:predict"
ONE = np.float32([1])


def configuration(base, policy="", labels=None, name="tiny"):
    """A model_config_list of one model, in TF Serving's text form."""
    labels = "".join(
        f'version_labels {{ key: "{label}" value: {v} }} ' for label, v in (labels or {}).items()
    )
    policy = f"model_version_policy {{ {policy} }}" if policy else ""
    return (
        f'model_config_list {{ config {{ name: "{name}" base_path: "{base}" model_platform: "tensorflow" '
        f"{policy} {labels}}} }}"
    )


def answer_of(clients, path=PREDICT):
    """The weight of the version that answers: tiny models say weight + 2 to 1."""
    status, body = clients.post(path, {"instances": [1]})
    assert status == 200, body
    return body["predictions"][0] - 2


def test_a_new_version_is_loaded_and_the_old_one_unloaded_at_the_next_poll(tmp_path):
    put(tmp_path, 1)
    with serving({"tiny": tmp_path}) as (server, clients):
        assert answer_of(clients) == 1
        put(tmp_path, 2)
        assert server.poll() == [Transition("tiny", 2, "AVAILABLE"), Transition("tiny", 1, "END")]
        assert answer_of(clients) == 2
        assert clients.states("tiny") == {2: "AVAILABLE", 1: "END"}
        assert server.poll() == []
        assert clients.post("/v1/models/tiny/versions/1:predict", {"instances": [1]})[0] == 404


def test_versions_are_ordered_as_numbers_and_other_folders_are_ignored(tmp_path):
    put(tmp_path, 9)
    put(tmp_path, 10)
    (tmp_path / "notes").mkdir()
    (tmp_path / "11").write_text("a file, not a folder")
    with serving({"tiny": tmp_path}) as (_server, clients):
        assert clients.states("tiny") == {10: "AVAILABLE"}


@pytest.mark.parametrize("name", [str(2**63), "٣"])
def test_a_folder_whose_name_is_no_int64_is_no_version(tmp_path, name):
    put(tmp_path, 1)
    with serving({"tiny": tmp_path}) as (server, clients):
        put(tmp_path, 2).rename(tmp_path / name)
        assert server.poll() == []
        assert clients.states("tiny") == {1: "AVAILABLE"}
        assert answer_of(clients) == 1


def test_a_bad_version_is_rolled_back_by_removing_its_folder(tmp_path):
    put(tmp_path, 1)
    put(tmp_path, 2)
    with serving({"tiny": tmp_path}) as (server, clients):
        shutil.rmtree(tmp_path / "2")
        assert server.poll() == [Transition("tiny", 1, "AVAILABLE"), Transition("tiny", 2, "END")]
        assert answer_of(clients) == 1


def test_polling_in_the_background_finds_a_new_version(tmp_path):
    put(tmp_path, 1)
    with serving({"tiny": tmp_path}, file_system_poll_wait_seconds=0.05) as (_server, clients):
        put(tmp_path, 2)
        deadline = time.monotonic() + 60
        while answer_of(clients) != 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("", {3}),
        ("latest { num_versions: 2 }", {2, 3}),
        ("all {}", {1, 2, 3}),
        ("specific { versions: 1 versions: 3 versions: 7 }", {1, 3}),
    ],
)
def test_a_policy_decides_which_versions_are_served(tmp_path, policy, expected):
    for version in (1, 2, 3):
        put(tmp_path, version)
    with serving(configuration(tmp_path, policy)) as (_server, clients):
        assert clients.states("tiny").keys() == expected
        for version in expected:
            assert answer_of(clients, f"/v1/models/tiny/versions/{version}:predict") == version
        assert answer_of(clients) == max(expected)


def test_no_request_fails_or_mixes_versions_while_versions_change_under_load(tmp_path):
    put(tmp_path, 1)
    seen, failures, stop = set(), [], threading.Event()

    def load(clients, over_rest):
        while not stop.is_set():
            if over_rest:
                status, body = clients.post(PREDICT, {"instances": [1, 10]})
                if status != 200:
                    failures.append(body)
                    continue
                first, second = body["predictions"]
            else:
                first, second = clients.predict("tiny", x=np.float32([1, 10]))["y"]
            seen.add(first - 2)
            if second - 2 != 10 * (first - 2):
                failures.append((first, second))

    with serving({"tiny": tmp_path}) as (server, clients):
        threads = [threading.Thread(target=load, args=(clients, index % 2 == 0)) for index in range(6)]
        for thread in threads:
            thread.start()
        for version in range(2, 8):
            put(tmp_path, version, weight=1 + version % 3)
            shutil.rmtree(tmp_path / str(version - 1))
            server.poll()
            time.sleep(0.1)
        stop.set()
        for thread in threads:
            thread.join()
        assert failures == []
        assert seen == {1, 2, 3}


def test_a_version_is_unloaded_only_when_its_last_request_is_answered(tmp_path):
    put(tmp_path, 1)
    with serving({"tiny": tmp_path}) as (server, clients):
        held = PredictRequest()
        held.model_spec.name = "tiny"
        with server.manager.acquire(held.model_spec) as version:
            put(tmp_path, 2)
            poller = threading.Thread(target=server.poll)
            poller.start()
            deadline = time.monotonic() + 60
            while clients.states("tiny")[1] != "UNLOADING":
                assert time.monotonic() < deadline
                time.sleep(0.01)
            assert answer_of(clients) == 2
            signature = version.model.signatures["serving_default"]
            assert (
                version.runner.run({signature.inputs["x"].name: ONE}, [signature.outputs["y"].name])[0] == 3
            )
            assert poller.is_alive()
        poller.join(10)
        assert clients.states("tiny") == {2: "AVAILABLE", 1: "END"}


def test_a_half_copied_version_is_not_touched_until_its_graph_is_there(tmp_path):
    put(tmp_path, 1)
    with serving({"tiny": tmp_path}) as (server, clients):
        shutil.copytree(exported(2.0) / "variables", tmp_path / "2" / "variables")
        assert server.poll() == []
        assert answer_of(clients) == 1
        shutil.copy(exported(2.0) / "saved_model.pb", tmp_path / "2")
        assert server.poll() == [Transition("tiny", 2, "AVAILABLE"), Transition("tiny", 1, "END")]
        assert answer_of(clients) == 2


def test_a_version_without_its_variables_fails_and_is_tried_again_when_they_arrive(tmp_path):
    put(tmp_path, 1)
    with serving({"tiny": tmp_path}) as (server, clients):
        (tmp_path / "2").mkdir()
        shutil.copy(exported(2.0) / "saved_model.pb", tmp_path / "2")
        assert server.poll() == [Transition("tiny", 2, "END")]
        assert server.poll() == []
        assert answer_of(clients) == 1
        shutil.copytree(exported(2.0) / "variables", tmp_path / "2" / "variables")
        assert server.poll() == [Transition("tiny", 2, "AVAILABLE"), Transition("tiny", 1, "END")]


@pytest.mark.parametrize(
    ("damage", "code", "text"),
    [
        (b"this is no protocol buffer", "DATA_LOSS", "as binary proto"),
        (b"", "NOT_FOUND", "Could not find meta graph def matching supplied tags"),
    ],
)
def test_a_corrupt_version_ends_with_its_error_and_the_others_keep_serving(tmp_path, damage, code, text):
    put(tmp_path / "tiny", 1)
    put(tmp_path / "other", 5)
    with serving({"tiny": tmp_path / "tiny", "other": tmp_path / "other"}) as (server, clients):
        (put(tmp_path / "tiny", 2) / "saved_model.pb").write_bytes(damage)
        assert server.poll() == [Transition("tiny", 2, "END")]
        _status, body = clients.get("/v1/models/tiny/versions/2")
        entry = body["model_version_status"][0]
        assert entry["state"] == "END" and entry["status"]["error_code"] == code
        assert text in entry["status"]["error_message"]
        assert answer_of(clients) == 1
        assert answer_of(clients, "/v1/models/other:predict") == 5
        assert clients.metric(":tensorflow:cc:saved_model:load_attempt_count", status="fail") == 1


def test_broken_weights_are_an_error_of_the_version_not_of_the_server(tmp_path):
    put(tmp_path, 1)
    with serving({"tiny": tmp_path}) as (server, clients):
        data = put(tmp_path, 2) / "variables" / "variables.data-00000-of-00001"
        data.write_bytes(data.read_bytes()[:5])
        assert server.poll() == [Transition("tiny", 2, "END")]
        assert answer_of(clients) == 1


def test_a_keras_model_whose_variables_tf_serving_would_not_find_is_refused_with_the_cure(tmp_path):
    model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])
    row = tf.TensorSpec([None, 1], tf.float32, "x")
    serve = tf.function(lambda x: {"y": model(x)}, input_signature=[row])
    tf.saved_model.save(model, str(tmp_path / "tiny" / "1"), signatures=serve)
    with pytest.raises(
        ServingError, match="2 variables that the signatures read were not restored.*weight.value"
    ):
        serving({"tiny": tmp_path / "tiny"}).__enter__()
    cured = tf.Module()
    cured.weights = [weight.value for weight in model.weights]
    tf.saved_model.save(cured, str(tmp_path / "cured" / "1"), signatures=serve)
    with serving({"cured": tmp_path / "cured"}) as (_server, clients):
        said = clients.predict("cured", x=np.float32([[3]]))["y"]
        np.testing.assert_allclose(said, model(np.float32([[3]])), rtol=1e-6)


def test_whatever_a_load_ends_with_the_version_ends_and_the_others_are_loaded(tmp_path, monkeypatch):
    put(tmp_path / "tiny", 1)
    put(tmp_path / "zeta", 1)
    load, closed = models.SavedModel, []

    class Odd(load):
        def __init__(self, path, metrics):
            super().__init__(path, metrics)
            if path.name == "2" and path.parent.name == "tiny":
                self.path = None

        def close(self):
            closed.append(self.path)
            super().close()

    def warm_up(version, _inference):
        return 1 / (version.model.path is not None)

    monkeypatch.setattr(models, "SavedModel", Odd)
    monkeypatch.setattr(warmup, "replay", warm_up)
    with serving({name: tmp_path / name for name in ("tiny", "zeta")}) as (server, clients):
        put(tmp_path / "tiny", 2)
        put(tmp_path / "zeta", 2)
        assert server.poll() == [
            Transition("tiny", 2, "END"),
            Transition("zeta", 2, "AVAILABLE"),
            Transition("zeta", 1, "END"),
        ]
        entry = clients.get("/v1/models/tiny/versions/2")[1]["model_version_status"][0]
        assert entry["state"] == "END" and entry["status"]["error_code"] == "INTERNAL"
        assert "ZeroDivisionError" in entry["status"]["error_message"] and None in closed
        assert server.poll() == [] and answer_of(clients) == 1


def test_a_base_path_that_cannot_be_read_keeps_what_is_loaded_and_does_not_stop_the_others(
    tmp_path, monkeypatch
):
    put(tmp_path / "tiny", 1)
    put(tmp_path / "zeta", 1)
    with serving({name: tmp_path / name for name in ("tiny", "zeta")}) as (server, clients):
        listed = Path.iterdir

        def denied(path):
            if path.name == "tiny":
                raise PermissionError(errno.EACCES, "Permission denied")
            return listed(path)

        monkeypatch.setattr(Path, "iterdir", denied)
        put(tmp_path / "zeta", 2)
        assert Transition("zeta", 2, "AVAILABLE") in server.poll()
        assert answer_of(clients) == 1
        with pytest.raises(ServingError, match="Could not read base path .*tiny.*: Permission denied"):
            server.reload({"tiny": tmp_path / "tiny"})


def test_a_server_does_not_start_on_a_model_that_cannot_be_served(tmp_path):
    with pytest.raises(ServingError, match="Could not find base path"):
        serving({"tiny": tmp_path / "none"}).__enter__()
    with pytest.raises(ServingError, match="Unable to find a numerical version path for servable tiny"):
        serving({"tiny": tmp_path}).__enter__()
    (put(tmp_path, 1) / "saved_model.pb").write_bytes(b"broken")
    with pytest.raises(ServingError, match="1 model.s. did not become available.*DATA_LOSS"):
        serving({"tiny": tmp_path}).__enter__()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("model_config_list { config { nam: 'x' } }", "Invalid protobuf"),
        ("", "only a model_config_list is supported"),
        (
            "model_config_list { config { name: 'x' base_path: 'here' model_platform: 'tensorflow' } }",
            "absolute path",
        ),
        (
            "model_config_list { config { name: 'x' base_path: '/here' } }",
            "unsupported platform ''",
        ),
        (
            "model_config_list { config { name: 'x' base_path: '/' model_platform: 'onnx' } }",
            "unsupported platform 'onnx'",
        ),
        (
            "model_config_list { config { name: 'x' base_path: '/' model_platform: 'tensorflow' } "
            "config { name: 'x' base_path: '/' model_platform: 'tensorflow' } }",
            "multiple times in config list",
        ),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_reason(text, reason):
    with pytest.raises(ServingError, match=reason):
        config.read(text)


def test_labels_lead_to_their_versions_on_both_protocols_and_move_with_the_configuration(tmp_path):
    put(tmp_path, 1)
    put(tmp_path, 2)
    with serving(configuration(tmp_path, "all {}")) as (server, clients):
        server.reload(configuration(tmp_path, "all {}", {"stable": 1, "canary": 2}))
        assert answer_of(clients, "/v1/models/tiny/labels/stable:predict") == 1
        assert clients.predict("tiny", label="canary", x=ONE)["y"] == 4
        status, body = clients.get("/v1/models/tiny/labels/canary")
        assert status == 200 and body["model_version_status"][0]["version"] == "2"
        server.reload(configuration(tmp_path, "all {}", {"stable": 2}))
        assert answer_of(clients, "/v1/models/tiny/labels/stable:predict") == 2
        assert clients.post("/v1/models/tiny/labels/canary:predict", {"instances": [1]})[0] == 400


def test_a_label_is_understood_by_every_verb_and_stays_where_it_is_when_versions_come(tmp_path):
    put(tmp_path, 1)
    with serving(configuration(tmp_path, "all {}")) as (server, clients):
        server.reload(configuration(tmp_path, "all {}", {"a label": 1}))
        put(tmp_path, 2)
        server.poll()
        path = "/v1/models/tiny/labels/a%20label"
        examples = {"examples": [{"x": 1.0}]}
        assert answer_of(clients) == 2 and answer_of(clients, f"{path}:predict") == 1
        assert clients.post(f"{path}:regress", {"signature_name": "regress", **examples})[1] == {
            "results": [3.0]
        }
        classified = clients.post(f"{path}:classify", {"signature_name": "classify", **examples})[1]
        assert classified["results"][0][0] == ["small", pytest.approx(1 / 3)]
        assert clients.get(f"{path}/metadata")[1]["model_spec"]["version"] == "1"
        assert clients.get(path)[1]["model_version_status"][0]["version"] == "1"
        assert clients.post("/V1/models/tiny/LABELS/a%20label:PREDICT", {"instances": [1]})[0] == 200
        unknown = (400, {"error": "Unrecognized servable version label: A label"})
        assert clients.post("/v1/models/tiny/labels/A%20label:predict", {"instances": [1]}) == unknown
        assert (
            clients.post("/v1/models/tiny/versions/1/labels/a%20label:predict", {"instances": [1]})[0] == 400
        )


def test_a_label_whose_version_has_gone_finds_no_servable_and_leads_nowhere_else(tmp_path):
    put(tmp_path, 1)
    with serving({"tiny": tmp_path}) as (server, clients):
        server.reload(configuration(tmp_path, labels={"stable": 1}))
        put(tmp_path, 2)
        server.poll()
        gone = (404, {"error": "Servable not found for request: Specific(tiny, 1)"})
        assert clients.post("/v1/models/tiny/labels/stable:predict", {"instances": [1]}) == gone
        with pytest.raises(ServingError, match="assign label to version 1 of model tiny"):
            server.reload(configuration(tmp_path, labels={"stable": 1}))
        server.reload(configuration(tmp_path, name="other"))
        server.reload(configuration(tmp_path))
        assert "Unrecognized" in clients.get("/v1/models/tiny/labels/stable")[1]["error"]


def test_a_new_label_may_wait_for_its_version_where_that_is_allowed(tmp_path):
    put(tmp_path, 1)
    waiting = configuration(tmp_path, "all {}", {"next": 2})
    with serving(waiting, allow_version_labels_for_unavailable_models=True) as (server, clients):
        path = "/v1/models/tiny/labels/next:predict"
        missing = (404, {"error": "Servable not found for request: Specific(tiny, 2)"})
        assert clients.post(path, {"instances": [1]}) == missing
        put(tmp_path, 2)
        server.poll()
        assert answer_of(clients, path) == 2


def test_a_label_may_only_point_at_a_version_that_is_serving_unless_allowed(tmp_path):
    put(tmp_path, 1)
    labelled = configuration(tmp_path, "all {}", {"stable": 1})
    with pytest.raises(
        ServingError, match="assign label to version 1 of model tiny, which is not currently available"
    ):
        serving(labelled).__enter__()
    with serving(labelled, allow_version_labels_for_unavailable_models=True) as (server, clients):
        assert answer_of(clients, "/v1/models/tiny/labels/stable:predict") == 1
        with pytest.raises(ServingError, match="FAILED_PRECONDITION"):  # an existing label never moves ahead
            server.reload(configuration(tmp_path, "all {}", {"stable": 9}))
        assert answer_of(clients, "/v1/models/tiny/labels/stable:predict") == 1


def eventually(holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def polled(file):
    """A server that reads its configuration file again and again."""
    return serving(file, model_config_file_poll_wait_seconds=0.02)


def test_a_configuration_file_that_is_not_utf_8_is_refused_and_the_next_one_is_read(tmp_path, caplog):
    put(tmp_path / "tiny", 1)
    file = tmp_path / "models.config"
    file.write_text(configuration(tmp_path / "tiny"))
    with polled(file) as (_server, clients):
        file.write_bytes(b"\xff\xfe")
        eventually(lambda: "Invalid protobuf file" in caplog.text)
        file.write_text(configuration(tmp_path / "tiny", name="renamed"))
        eventually(lambda: clients.get("/v1/models/renamed")[0] == 200)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ServingError, match="Invalid protobuf file"):
        serving(file).__enter__()


def test_a_label_in_the_configuration_file_appears_once_its_version_is_there(tmp_path, caplog):
    put(tmp_path / "tiny", 1)
    file = tmp_path / "models.config"
    file.write_text(configuration(tmp_path / "tiny", "all {}"))
    with polled(file) as (server, clients):
        file.write_text(configuration(tmp_path / "tiny", "all {}", {"stable": 2}))
        eventually(lambda: "assign label to version 2" in caplog.text)
        put(tmp_path / "tiny", 2)
        server.poll()
        eventually(lambda: clients.get("/v1/models/tiny/labels/stable")[0] == 200)
        assert answer_of(clients, "/v1/models/tiny/labels/stable:predict") == 2


def test_a_configuration_file_that_is_empty_or_away_for_a_moment_changes_nothing(tmp_path, caplog):
    put(tmp_path / "tiny", 1)
    file = tmp_path / "models.config"
    file.write_text(configuration(tmp_path / "tiny"))
    with polled(file) as (_server, clients):
        file.write_text("")
        eventually(lambda: "only a model_config_list is supported" in caplog.text)
        file.unlink()
        eventually(lambda: "No such file" in caplog.text)
        assert answer_of(clients) == 1
        file.write_text(configuration(tmp_path / "tiny", name="renamed"))
        eventually(lambda: clients.get("/v1/models/renamed")[0] == 200)


def test_a_polled_configuration_file_takes_back_what_a_client_reloaded(tmp_path):
    put(tmp_path / "tiny", 1)
    file = tmp_path / "models.config"
    file.write_text(configuration(tmp_path / "tiny"))
    with polled(file) as (server, clients):
        server.reload(configuration(tmp_path / "tiny", name="other"))
        eventually(lambda: answered(clients, "tiny") == 200 and answered(clients, "other") == 404)


def answered(clients, model):
    return clients.post(f"/v1/models/{model}:predict", {"instances": [1]})[0]


def reload_request(text):
    request = ReloadConfigRequest()
    request.config.CopyFrom(config.read(text))
    return request


def test_a_reload_over_grpc_replaces_the_whole_configuration(tmp_path):
    put(tmp_path / "tiny", 1)
    put(tmp_path / "other", 5)
    with serving({"tiny": tmp_path / "tiny"}) as (_server, clients):
        response = clients.models.HandleReloadConfigRequest(
            reload_request(configuration(tmp_path / "other", name="other")), timeout=30
        )
        assert response.status.error_code == 0
        assert answer_of(clients, "/v1/models/other:predict") == 5
        assert refused(clients.predict, "tiny", x=ONE)[0] == "NOT_FOUND"
        status = GetModelStatusRequest()
        status.model_spec.name = "tiny"
        assert clients.models.GetModelStatus(status).model_version_status[0].state == 50  # END


def test_a_refused_reload_leaves_the_old_configuration_in_effect(tmp_path):
    put(tmp_path, 1)
    with serving({"tiny": tmp_path}) as (_server, clients):
        for text, code in (
            (configuration(tmp_path, labels={"stable": 2}), "FAILED_PRECONDITION"),
            (configuration(tmp_path / "none"), "INVALID_ARGUMENT"),
        ):
            assert (
                refused(clients.models.HandleReloadConfigRequest, reload_request(text), timeout=30)[0] == code
            )
            assert answer_of(clients) == 1
        assert (
            refused(clients.models.HandleReloadConfigRequest, ReloadConfigRequest())[0] == "INVALID_ARGUMENT"
        )


def test_a_base_path_that_vanishes_keeps_what_is_loaded(tmp_path):
    put(tmp_path / "tiny", 1)
    with serving({"tiny": tmp_path / "tiny"}) as (server, clients):
        shutil.rmtree(tmp_path / "tiny")
        assert server.poll() == []
        assert answer_of(clients) == 1


def request_of(**inputs):
    request = PredictRequest()
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def test_stored_requests_are_replayed_before_a_version_answers(tmp_path):
    warmup.write(put(tmp_path, 1), [request_of(x=ONE)] * 3)
    for replayed, runs in ((True, 3), (False, 0)):
        with serving({"tiny": tmp_path}, enable_model_warmup=replayed) as (_server, clients):
            assert clients.metric(":tensorflow:core:graph_runs") == runs
            assert clients.metric(":tensorflow:serving:request_count") == 0


def stored(folder, *logs):
    """Prediction logs as a version's warm-up file."""
    file = folder / warmup.FILE
    file.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as records:
        for log in logs:
            records.write(log if isinstance(log, bytes) else log.SerializeToString())


def logged(kind, signature):
    log = PredictionLog()
    request = getattr(log, kind).request
    request.input.example_list.examples.append(example(x=1))
    request.model_spec.signature_name = signature
    return log


def test_stored_requests_of_every_kind_are_replayed_and_an_empty_record_is_none(tmp_path):
    predict = PredictionLog()
    predict.predict_log.request.CopyFrom(request_of(x=ONE))
    stored(
        put(tmp_path, 1),
        predict,
        logged("classify_log", "classify"),
        logged("regress_log", "regress"),
        PredictionLog(),
    )
    with serving({"tiny": tmp_path}) as (_server, clients):
        assert clients.metric(":tensorflow:core:graph_runs") == 3


def test_stored_requests_are_replayed_through_the_batches(tmp_path):
    warmup.write(put(tmp_path, 1), [request_of(x=ONE)] * 2)
    with serving({"tiny": tmp_path}, batching=BatchingParameters()) as (_server, clients):
        assert clients.metric(":tensorflow:serving:batching_session:wrapped_run_count") == 2


STREAMED = PredictionLog()
STREAMED.predict_streamed_log.SetInParent()
OUT_OF_RANGE = PredictionLog()
OUT_OF_RANGE.predict_log.request.CopyFrom(request_of(x=np.int8([1])))
OUT_OF_RANGE.predict_log.request.inputs["x"].int_val[:] = [300]


@pytest.mark.parametrize(
    ("records", "code", "text"),
    [
        ([STREAMED], "UNIMPLEMENTED", "Unsupported log_type for warmup: predict_streamed_log"),
        ([b"\xff\xff"], "INVALID_ARGUMENT", "Failed to parse warmup record"),
        ([OUT_OF_RANGE], "INVALID_ARGUMENT", "tensor parsing error: x"),
        (
            [logged("classify_log", "regress")],
            "FAILED_PRECONDITION",
            "Expected classification signature outputs",
        ),
        ([PredictionLog()] * 1001, "INVALID_ARGUMENT", "Number of warmup records exceeds the maximum (1000)"),
        (b"these are no records", "DATA_LOSS", "must be in TFRecord format"),
        (None, "FAILED_PRECONDITION", "Failed to read warmup records"),
    ],
    ids=["streamed", "no log", "beyond its type", "refused", "1001", "no TFRecord", "a folder"],
)
def test_a_version_with_a_broken_warm_up_file_ends_with_the_reason_and_comes_when_it_is_mended(
    tmp_path, records, code, text
):
    put(tmp_path, 1)
    with serving({"tiny": tmp_path}) as (server, clients):
        version = put(tmp_path, 2)
        if isinstance(records, list):
            stored(version, *records)
        else:
            (version / warmup.FILE.parent).mkdir()
            (version / warmup.FILE).mkdir() if records is None else (version / warmup.FILE).write_bytes(
                records
            )
        assert server.poll() == [Transition("tiny", 2, "END")]
        status = clients.get("/v1/models/tiny/versions/2")[1]["model_version_status"][0]["status"]
        assert status["error_code"] == code and text in status["error_message"]
        assert answer_of(clients) == 1 and server.poll() == []
        shutil.rmtree(version / warmup.FILE.parent)
        assert Transition("tiny", 2, "AVAILABLE") in server.poll()


def test_a_version_that_cannot_answer_its_stored_requests_does_not_go_live(tmp_path):
    put(tmp_path, 1)
    with serving({"tiny": tmp_path}) as (server, clients):
        warmup.write(put(tmp_path, 2), [request_of(old_name=ONE)])
        assert server.poll() == [Transition("tiny", 2, "END")]
        _status, body = clients.get("/v1/models/tiny/versions/2")
        assert "input tensor alias not found in signature: old_name" in str(body)
        assert answer_of(clients) == 1
