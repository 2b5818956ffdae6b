"""What `ensure` says and does when it is asked nonsense, and when the store of ML Metadata is held, torn or of another version."""

import shutil
import signal
import sqlite3
import subprocess
import sys

import ml_metadata as mlmd
import numpy as np
import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from helpers.flights import metadata, once, pipeline, settings

# execution → what it read and what it made, by the names the components give them
RUN = {
    "ExampleGen": ({}, {"examples_out": "Examples"}),
    "StatisticsGen": ({"examples": "Examples"}, {"statistics": "ExampleStatistics"}),
    "SchemaGen": ({}, {"schema": "Schema"}),
    "Transform": ({"examples": "Examples", "schema": "Schema"}, {"transform_graph": "TransformGraph"}),
    "Trainer": (
        {"examples": "Examples", "transform_graph": "TransformGraph", "schema": "Schema"},
        {"model": "Model"},
    ),
    "Evaluator": (
        {"examples": "Examples", "model": "Model"},
        {"evaluation": "ModelEvaluation", "blessing": "ModelBlessing"},
    ),
    "Pusher": ({"model": "Model", "model_blessing": "ModelBlessing"}, {"pushed_model": "PushedModel"}),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished run, its files empty, in a store as TFX leaves it."""
    root = tmp_path_factory.mktemp("finished")
    config = pb.ConnectionConfig()
    config.sqlite.filename_uri = str(root / "metadata.sqlite")
    store, made = mlmd.MetadataStore(config), {}
    for name, (inputs, outputs) in RUN.items():
        kind = store.put_execution_type(pb.ExecutionType(name=name))
        [execution] = store.put_executions(
            [pb.Execution(type_id=kind, last_known_state=pb.Execution.COMPLETE)]
        )
        for key, artifact_type in outputs.items():
            folder = root / name / key
            (folder / "Format-Serving").mkdir(parents=True)
            (folder / "schema.pbtxt").touch()
            artifact = pb.Artifact(
                type_id=store.put_artifact_type(pb.ArtifactType(name=artifact_type)),
                uri=str(folder),
                state=pb.Artifact.LIVE,
            )
            artifact.custom_properties["pushed"].int_value = 1
            [made[artifact_type]] = store.put_artifacts([artifact])
        for key, artifact_type in (inputs | outputs).items():
            event = pb.Event(execution_id=execution, artifact_id=made[artifact_type])
            event.type = pb.Event.OUTPUT if key in outputs else pb.Event.INPUT
            event.path.steps.add(key=key)
            store.put_events([event])
    return root


@pytest.fixture
def root(tmp_path, finished):
    """The same, where `ensure(root.parent)` looks for it."""
    root = tmp_path / pipeline.digest({})
    shutil.copytree(finished, root)
    with sqlite3.connect(root / "metadata.sqlite") as file:
        file.execute("UPDATE Artifact SET uri = replace(uri, ?, ?)", [str(finished), str(root)])
    return root


@pytest.fixture
def store(root):
    return root / "metadata.sqlite"


@pytest.fixture
def started(monkeypatch):
    """The folders for which a pipeline would have been started; none is."""
    runs = []
    monkeypatch.setattr(once, "_run_apart", lambda root, command: runs.append(root))
    return runs


@pytest.fixture
def holder(store):
    """Another process that holds the store."""
    code = (
        "import sqlite3, sys; file = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "file.execute('BEGIN EXCLUSIVE'); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, store], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        yield process
        process.kill()


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"evry": 2}, "there is no setting evry; there are train, evaluate, every, model, gate"),
        ({"model": {"layers": 3}}, "there is no setting model.layers; there are members, epochs,"),
        ({"gate": {"flor": 0.7}}, "there is no setting gate.flor; there are floor, slice_floor"),
        ({"every": 0}, "every must be a whole number from 1 on, not 0"),
        ({"every": 1.5}, "every must be a whole number from 1 on, not 1.5"),
        ({"every": True}, "every must be a whole number from 1 on, not True"),
        ({"every": "2"}, "every must be a whole number from 1 on, not '2'"),
        ({"train": []}, r"train must be a list of months, .* not \[\]"),
        ({"train": 1}, "train must be a list of months, .* not 1"),
        ({"train": "12"}, "train must be a list of months, .* not '12'"),
        ({"evaluate": [13]}, r"evaluate must be a list of months, whole numbers from 1 to 12, .* not \[13\]"),
        ({"train": [1, 2], "evaluate": [2, 3]}, r"months \[2\] are in train and in evaluate"),
        ({"train": [7]}, r"months \[7\] are in train and in evaluate"),
        ({"model": 3}, "model must be a dict with any of members, epochs, .* not 3"),
        ({"model": {"hidden": 64}}, "model.hidden must be a list of whole numbers from 1 on, not 64"),
        ({"model": {"dropout": float("nan")}}, "model.dropout must be a number from 0 to 1, not nan"),
        ({"model": {"learning_rate": 0}}, "model.learning_rate must be a number above 0"),
        ({"gate": {"floor": 1.1}}, "gate.floor must be a number from 0 to 1, not 1.1"),
        ({"gate": {"slice_floor": float("nan")}}, "gate.slice_floor must be a number from 0 to 1, not nan"),
        ({"gate": {"floor": "high"}}, "gate.floor must be a number from 0 to 1, not 'high'"),
        ({"gate": {"floor": None}}, "gate.floor must be a number from 0 to 1, not None"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_run_or_made(wrong, says, tmp_path, started):
    with pytest.raises(ValueError, match=says):
        pipeline.ensure(tmp_path / "new", **wrong)
    assert not started and not (tmp_path / "new").exists()


def test_the_same_settings_in_other_words_are_the_same_run(tmp_path, started):
    for same in (
        {"train": range(1, 4), "every": 2, "gate": {"floor": 1}},
        {"every": np.int64(2), "train": (3, 2, 1, 1), "gate": {"floor": np.float64(1)}},
    ):
        pipeline.ensure(tmp_path, **same)
    assert len(started) == 2 and len(set(started)) == 1


def test_what_the_settings_leave_out_is_what_the_pipeline_does():
    whole = {"train": settings.TRAIN, "evaluate": settings.EVALUATE, "every": 1, "model": settings.MODEL}
    assert settings.checked(whole) == {
        "train": [1, 2, 3, 4, 5, 6],
        "evaluate": [7],
        "every": 1,
        "model": settings.MODEL,
    }


def test_a_finished_run_is_answered_without_a_byte_written_to_its_store(root, store, started):
    before = store.read_bytes()
    found = pipeline.ensure(root.parent)
    assert found.model == root / "Trainer" / "model" / "Format-Serving" and found.baseline is None
    assert found.statistics == root / "StatisticsGen" / "statistics"
    assert store.read_bytes() == before and not started


def test_a_store_that_another_process_holds_is_an_error_that_says_so_and_is_answered_from_once_free(
    root, store, holder, started, monkeypatch
):
    monkeypatch.setattr(metadata, "PATIENCE", 0.2)
    for ask in (lambda: pipeline.ensure(root.parent), lambda: metadata.sound(root)):
        with pytest.raises(
            metadata.PipelineError, match=r"metadata.sqlite can't be read \(database is locked\)"
        ):
            ask()
    holder.kill()
    holder.wait()
    assert metadata.sound(root) and pipeline.ensure(root.parent).root == root and not started


@pytest.mark.parametrize("version, relation", [(9, "older"), (11, "greater")])
def test_a_store_of_another_version_of_ml_metadata_is_neither_read_nor_thrown_away(
    root, store, version, relation, started
):
    with sqlite3.connect(store) as file:
        file.execute("UPDATE MLMDEnv SET schema_version = ?", [version])
    before = store.read_bytes()
    for ask in (lambda: pipeline.ensure(root.parent), lambda: once.finish(root, lambda: None)):
        with pytest.raises(
            metadata.PipelineError, match=rf"version {version} is {relation} than .*\. Move .* away and call"
        ):
            ask()
    assert store.read_bytes() == before and not started


@pytest.mark.parametrize(
    "torn", [b"", b"not a database\n" * 100, "half", "other"], ids=["empty", "text", "half", "other"]
)
def test_a_file_that_is_no_store_is_no_answer_and_the_run_begins_anew(root, store, torn, started):
    if torn == "other":
        store.unlink()
        with sqlite3.connect(store) as file:
            file.execute("CREATE TABLE something (else_)")
    else:
        content = store.read_bytes()
        store.write_bytes(content[: len(content) // 2] if torn == "half" else torn)
    assert metadata.finished(root) is None and not metadata.sound(root)
    pipeline.ensure(root.parent)
    assert started == [root]


def test_a_folder_where_the_store_should_be_is_an_error_and_stays(root, store, started):
    store.unlink()
    store.mkdir()
    with pytest.raises(metadata.PipelineError, match="unable to open database file"):
        pipeline.ensure(root.parent)
    assert store.is_dir() and not started


def test_what_a_killed_writer_left_half_written_is_taken_back(root, store, started):
    code = (
        "import os, signal, sqlite3, sys; file = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "file.execute('PRAGMA cache_size = 1'); file.execute('BEGIN'); file.execute('DELETE FROM Event');"
        "file.execute('CREATE TABLE filler (a)');"
        "file.executemany('INSERT INTO filler VALUES (?)', [('x' * 1000,)] * 1000);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code, store])
    assert killed.returncode == -signal.SIGKILL
    assert store.with_name("metadata.sqlite-journal").exists()
    assert pipeline.ensure(root.parent).root == root and not started


def test_a_folder_that_cannot_be_written_is_named_with_the_way_out(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        metadata.PipelineError, match=r"can't be written to \(Not a directory\).*WORKBOOK_BUILD"
    ):
        pipeline.ensure(tmp_path / "file" / "flights")


def test_the_error_of_a_run_holds_the_last_line_of_its_log_where_an_exception_left_it(tmp_path):
    log = tmp_path / "run.log"
    log.write_text("INFO\nOSError: [Errno 28] No space left on device\n\n")
    assert once._reason(log) == " (OSError: [Errno 28] No space left on device)"
    for other in ("", "INFO:absl:Component Transform is running.\n"):
        log.write_text(other)
        assert once._reason(log) == ""
