"""The pipeline of the running case: its model's signatures, its answers, and that crashes and crowds do it no harm."""

import json
import pathlib
import re
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from helpers import ROOT, imports
from helpers.flights import examples, metadata, pipeline

TINY = {
    "train": [1],
    "evaluate": [2],
    "every": 20,
    "model": {"members": 1, "epochs": 1},
    "gate": {"floor": 0.0, "slice_floor": 0.0},
}
ASK = "import json, sys; from helpers.flights import pipeline; print(pipeline.ensure(sys.argv[1], **json.loads(sys.argv[2])))"


@pytest.fixture(scope="session")
def artifacts():
    return pipeline.ensure()


@pytest.fixture(scope="module")
def model(artifacts):
    import tensorflow as tf

    return tf.saved_model.load(str(artifacts.model))


@pytest.fixture(scope="module")
def rows():
    table = examples.table([9])
    return table[table["pressure"].isna() | (table.index % 50 == 0)].head(300)


def test_every_signature_gives_the_same_probability_also_where_weather_is_missing(model, rows):
    import tensorflow as tf

    from helpers.flights import example_gen, scoring

    assert rows["pressure"].isna().any() and rows["pressure"].notna().any()
    serialized = tf.constant(example_gen.encode(rows))
    late = model.signatures["serving_default"](examples=serialized)["late"].numpy()
    assert late.shape == (len(rows), 1) and late.dtype == np.float32 and 0 < late.min() < late.max() < 1
    by_rows = model.signatures["predict_rows"](**scoring.tensors(rows))["late"].numpy()
    by_regress = model.signatures["regress"](inputs=serialized)["outputs"].numpy()
    by_classify = model.signatures["classify"](inputs=serialized)
    np.testing.assert_array_equal(by_rows, late)
    np.testing.assert_array_equal(by_regress, late)
    np.testing.assert_array_equal(by_classify["scores"].numpy()[:, 1:], late)
    assert by_classify["classes"].numpy()[0].tolist() == [b"on time", b"late"]


def test_signatures_bear_the_method_names_of_tf_serving(artifacts):
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    [graph] = SavedModel.FromString((artifacts.model / "saved_model.pb").read_bytes()).meta_graphs
    methods = {name: s.method_name for name, s in graph.signature_def.items() if not name.startswith("__")}
    kinds = {
        "serving_default": "predict",
        "predict_rows": "predict",
        "classify": "classify",
        "regress": "regress",
    }
    assert methods == {name: f"tensorflow/serving/{kind}" for name, kind in kinds.items()}


def test_predict_rows_takes_exactly_the_raw_features(model):
    assert set(model.signatures["predict_rows"].structured_input_signature[1]) == set(examples.FEATURES)


def test_a_destination_never_seen_is_scored_as_an_unknown_one(artifacts, rows):
    from helpers.flights import scoring

    scores = [scoring.score(artifacts.model, rows.assign(dest=name)) for name in ("XYZ", "another")]
    np.testing.assert_array_equal(*scores)


def test_the_model_card_says_what_the_model_does_in_september(artifacts):
    from sklearn.metrics import average_precision_score, roc_auc_score

    from helpers.flights import scoring

    table = examples.table([9])
    score = scoring.score(artifacts.model, table)
    card = (ROOT / "data" / "flights" / "model_card.md").read_text(encoding="utf-8")
    [claimed] = re.findall(r"^\| September .*\| (0\.\d+) \((0\.\d+)\) \|$", card, re.MULTILINE)
    measured = average_precision_score(table["late"], score), roc_auc_score(table["late"], score)
    assert measured == pytest.approx([float(number) for number in claimed], abs=0.003)


def test_the_same_rows_train_the_same_model(artifacts):
    import tensorflow_transform as tft

    from helpers.flights import trainer

    transform = tft.TFTransformOutput(str(artifacts.transform_graph))
    inputs, late = trainer.read([str(artifacts.examples / "Split-eval" / "*")], transform)
    inputs, late = {name: column[:4000] for name, column in inputs.items()}, late[:4000]
    settings = trainer.DEFAULTS | {"members": 2, "epochs": 1}
    one, other = (
        trainer.fit(inputs, late, trainer.sizes(transform), settings).predict(inputs, verbose=0)
        for _ in range(2)
    )
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_what_is_there_is_answered_at_once_and_without_tensorflow(artifacts):
    code = (
        "import sys, time; start = time.perf_counter(); from helpers.flights import pipeline; found = pipeline.ensure();"
        "print(found.model, 'tensorflow' in sys.modules, time.perf_counter() - start)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    model, tensorflow, seconds = answer.stdout.split()
    assert (model, tensorflow, answer.stderr) == (str(artifacts.model), "False", "")
    assert float(seconds) < 2


def test_a_run_ends_with_its_caller(tmp_path):
    caller = ask(tmp_path)
    run = the_run_of(caller)
    caller.kill()
    caller.wait()
    run.wait(timeout=30)
    assert not (tmp_path / pipeline.digest(TINY) / "Pusher").exists()


def test_a_killed_run_is_finished_by_the_next_call_once_however_many_ask(tmp_path):
    root = tmp_path / pipeline.digest(TINY)
    caller = ask(tmp_path)
    run = the_run_of(caller)
    wait_for(lambda: (root / "Transform").exists())
    run.send_signal(signal.SIGKILL)
    assert "PipelineError" in caller.communicate(timeout=30)[1] and caller.returncode
    left = states(root)
    assert left["ExampleGen"] == ["COMPLETE"] and left["Transform"] == ["RUNNING"]

    askers = [ask(tmp_path), ask(tmp_path)]
    answers = [asker.communicate(timeout=150) for asker in askers]
    assert [asker.returncode for asker in askers] == [0, 0], answers
    assert answers[0][0] == answers[1][0] and "baseline=None" in answers[0][0]
    after = states(root)
    assert after["ExampleGen"] == ["COMPLETE", "CACHED"]
    assert after["Transform"] == ["FAILED", "COMPLETE"]
    assert after["Trainer"] == after["Pusher"] == ["COMPLETE"]

    assert metadata.sound(root)
    model = pipeline.ensure(tmp_path, **TINY).model
    model.rename(tmp_path / "gone")
    assert metadata.finished(root) is None and not metadata.sound(root)
    (tmp_path / "gone").rename(model)
    assert metadata.finished(root) and metadata.sound(root)
    file = root / metadata.FILE
    file.write_bytes(file.read_bytes()[:5000] + b"\0" * 20000)
    assert not metadata.sound(root)


def test_the_digest_changes_with_the_settings_and_not_with_their_order():
    assert pipeline.digest({"every": 2, "train": [1]}) == pipeline.digest({"train": [1], "every": 2})
    assert len({pipeline.digest(settings) for settings in ({}, {"every": 2}, {"every": 3}, TINY)}) == 4


def test_all_that_makes_the_artifacts_decides_their_freshness_and_nothing_beside():
    """The files the digest read when they were named by hand are among those that imports lead to."""
    made_by = {
        str(file.relative_to(ROOT / "helpers")) for file in imports.reached("import helpers.flights.pipeline")
    }
    flights = {"settings", "examples", "example_gen", "features", "model", "trainer", "pipeline", "gate"}
    assert made_by >= {"datasets.py", "environment.py", *(f"flights/{name}.py" for name in flights)}
    assert not made_by & {"lesson.py", "flights/compare.py", "flights/scoring.py"}


def test_a_change_in_any_module_of_the_pipeline_is_another_run_and_a_comment_or_docstring_is_not(monkeypatch):
    texts = {file: file.read_text() for file in imports.reached("import helpers.flights.pipeline")}
    before, read = pipeline.digest({}), pathlib.Path.read_text

    def digest_with(changed, text):
        def reading(file, *args, **kwargs):
            return text if file == changed else read(file, *args, **kwargs)

        monkeypatch.setattr(pathlib.Path, "read_text", reading)
        return pipeline.digest({})

    for file, text in texts.items():
        assert digest_with(file, f"{text}\nnew = 1\n") != before, file
        # Code that asks for docstrings, as settings.py does for its rules, is another with other ones
        words = "# a comment" if "__doc__" in text else '"""Reworded."""  # a comment'
        assert digest_with(file, f"{words}\n{text}\n") == before, file


def ask(folder):
    return subprocess.Popen(
        [sys.executable, "-c", ASK, str(folder), json.dumps(TINY)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def the_run_of(caller):
    wait_for(lambda: psutil.Process(caller.pid).children())
    return psutil.Process(caller.pid).children()[0]


def wait_for(happened, seconds=90):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def states(root):
    """By component, the states of its executions in order."""
    from ml_metadata.proto.metadata_store_pb2 import Execution

    found = {}
    for execution in sorted(metadata.open_store(root / metadata.FILE).get_executions(), key=lambda e: e.id):
        name = execution.type.rsplit(".", 1)[-1].replace("Flights", "")
        found.setdefault(name, []).append(Execution.State.Name(execution.last_known_state))
    return found
