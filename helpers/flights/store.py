"""Runs the pipeline of "Late?" once and answers, from ML Metadata, where its products are.

One folder per digest of what produces them (code, data, lock, settings), so nothing stale is ever handed
out. The run is a process of its own: it neither reseeds nor slows nor prints into the caller's, and it ends
when its caller does. A file lock, which the operating system frees when its holder dies, lets one run at a
time; the others wait and take the answer. `python -m helpers.flights.store` does it from a shell.
"""

import ast
import contextlib
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import filelock
import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2 as pb

from helpers import ROOT, build, datasets
from helpers.environment import ENVIRONMENT
from helpers.flights.settings import checked

CODE = ("settings", "examples", "example_gen", "features", "model", "trainer", "pipeline")
SOURCES = [
    ROOT / "helpers" / "datasets.py",
    ROOT / "helpers" / "environment.py",
    *(ROOT / "helpers" / "flights" / f"{name}.py" for name in CODE),
    ROOT / "data" / "flights" / "schema" / "examples.v1.pbtxt",
]

PATIENCE = 10  # seconds that another process may hold the store; one that writes needs milliseconds


class PipelineError(RuntimeError):
    """The pipeline did not end with a pushed model; the message says why and where its log is."""


@dataclass(frozen=True)
class Artifacts:
    """Where the products of one finished run are. All paths exist."""

    model: Path  # SavedModel folder of the blessed and pushed model
    baseline: Path | None  # SavedModel folder of the model it was compared with; None when it was the first
    schema: Path  # schema.pbtxt
    transform_graph: Path  # folder for tft.TFTransformOutput
    examples: Path  # folder with Split-train and Split-eval, gzipped TFRecords of raw tf.Examples
    statistics: Path  # folder with Split-train and Split-eval, each holding FeatureStats.pb
    evaluation: Path  # folder for tfma.load_eval_result
    root: Path  # folder of the run; its artifacts lie below it
    metadata: Path  # SQLite file of ML Metadata


def ensure(folder: Path | None = None, **settings) -> Artifacts:
    """The pipeline's products, from its latest finished run; where there is none, it runs first (a minute
    and a half).

    settings: what pipeline.create takes as train, evaluate, every, model and gate; other settings are other runs.
    folder: default build()/pipelines/flights. Safe to call from several processes, and after one of them
    was killed. Raises ValueError for settings that can't be, at once, and PipelineError.
    """
    settings = checked(settings)
    folder = Path(folder or build() / "pipelines" / "flights").resolve()
    root = folder / digest(settings)
    try:
        found = _finished(root)
    except mlmd.errors.StatusError:  # being written by another process: the run, under its lock, can tell
        found = None
    return found or _run_apart(root, settings)


def digest(settings: dict) -> str:
    """Twelve hex digits that change with the code (not with its layout and comments), data, lock or settings."""
    total = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    total.update((ROOT / "requirements.lock").read_bytes())
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        total.update((ast.dump(ast.parse(text)) if path.suffix == ".py" else text).encode())
    for name in ("flights", "weather"):
        total.update(datasets.SOURCES[name].sha256.encode())
    return total.hexdigest()[:12]


def _run_apart(root: Path, settings: dict) -> Artifacts:
    log = root.with_suffix(".log")
    command = [sys.executable, "-m", "helpers.flights.store", str(root), json.dumps(settings)]
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        output = log.open("ab")
    except OSError as error:
        raise PipelineError(
            f"{root.parent} can't be written to ({error.strerror}). Free it, or set WORKBOOK_BUILD to another folder."
        ) from error
    with (
        output,
        subprocess.Popen(  # the open pipe tells the run that we are alive
            command,
            cwd=ROOT,
            env=os.environ | ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        ) as run,
    ):
        run.wait()
    if run.returncode:
        raise PipelineError(
            f"The flights pipeline ended with code {run.returncode}{_reason(log)}. Its log is {log}; "
            "the next call goes on from what it finished."
        )
    found = _finished(root)
    if found is None:
        raise PipelineError(
            "The gate refused the flights model, so nothing was pushed. "
            f"The evaluation below {root} says why."
        )
    return found


def _reason(log: Path) -> str:
    """What an exception left as the last line of the log, to stand in a sentence; "" where there is none."""
    last = log.read_text(encoding="utf-8", errors="replace").rstrip().rpartition("\n")[2]
    return f" ({last})" if re.match(r"[\w.]+(Error|Exception)\b", last) else ""


def _finished(root: Path) -> Artifacts | None:
    """From the pushed model back along its lineage; None if there is none, or if a file of it is gone."""
    metadata = root / "metadata.sqlite"
    if not metadata.exists():
        return None
    store = _open(metadata)
    if store is None or "PushedModel" not in {kind.name for kind in store.get_artifact_types()}:
        return None
    pushed = [
        a for a in store.get_artifacts_by_type("PushedModel") if a.custom_properties["pushed"].int_value == 1
    ]
    if not pushed:
        return None
    push = _around(store, _maker(store, max(pushed, key=lambda a: a.id)))
    judged = _around(store, _maker(store, push["model_blessing"]))
    trained = _around(store, _maker(store, push["model"]))
    readers = {e.execution_id for e in store.get_events_by_artifact_ids([judged["examples"].id])}
    described = next(
        found for found in (_around(store, reader) for reader in sorted(readers)) if "statistics" in found
    )
    baseline = judged.get("baseline_model")
    found = Artifacts(
        model=Path(push["model"].uri, "Format-Serving"),
        baseline=baseline and Path(baseline.uri, "Format-Serving"),
        schema=Path(trained["schema"].uri, "schema.pbtxt"),
        transform_graph=Path(trained["transform_graph"].uri),
        examples=Path(judged["examples"].uri),
        statistics=Path(described["statistics"].uri),
        evaluation=Path(judged["evaluation"].uri),
        root=root,
        metadata=metadata,
    )
    return found if all(path.exists() for path in vars(found).values() if path) else None


def _open(metadata: Path, write: bool = False) -> mlmd.MetadataStore | None:
    """ML Metadata's store; None where the file is torn, or none of its.

    Raises PipelineError where nothing can be told about the file, and it must not be taken for a torn one:
    another process holds it, rights or disk deny it, another version of ML Metadata wrote it.
    """
    try:
        uri = f"{metadata.as_uri()}?mode=rw"  # also to read: SQLite takes back what a killed writer left half done
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE)) as connection:
            whole = connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
            known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'MLMDEnv'").fetchone()
    except sqlite3.OperationalError as error:
        raise PipelineError(
            f"{metadata} can't be read ({error}). If another process holds it, end that one (`fuser {metadata}` "
            "names it) and call again; nothing is lost."
        ) from error
    except sqlite3.DatabaseError:
        return None
    if not (whole and known):
        return None
    config = pb.ConnectionConfig()
    config.sqlite.filename_uri = str(metadata)
    if not write:
        config.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.READONLY
    try:
        return mlmd.MetadataStore(config)
    except RuntimeError as error:
        raise PipelineError(
            f"{metadata} can't be opened ({str(error).split('. ')[0]}). Move {metadata.parent} away and call again: the "
            "pipeline then runs anew."
        ) from error


def _maker(store: mlmd.MetadataStore, artifact: pb.Artifact) -> int:
    """The id of the execution that made the artifact."""
    return next(
        e.execution_id for e in store.get_events_by_artifact_ids([artifact.id]) if e.type == pb.Event.OUTPUT
    )


def _around(store: mlmd.MetadataStore, execution: int) -> dict[str, pb.Artifact]:
    """The inputs and outputs of an execution, by the names the component gives them."""
    events = store.get_events_by_execution_ids([execution])
    artifacts = {a.id: a for a in store.get_artifacts_by_id([e.artifact_id for e in events])}
    return {e.path.steps[0].key: artifacts[e.artifact_id] for e in events}


def _run(root: Path, settings: dict) -> None:
    """Finish the run of a folder, whatever an earlier one left there. Only this touches the folder, and
    only under the lock."""
    with filelock.FileLock(root.with_suffix(".lock")):
        if not _sound(root):
            shutil.rmtree(root)
        elif _finished(root):
            return
        root.mkdir(exist_ok=True)
        import tensorflow as tf  # here: who finds the work done has not waited for TensorFlow and TFX
        from tfx.v1.orchestration import LocalDagRunner

        from helpers.flights import pipeline

        tf.config.experimental.enable_op_determinism()
        # Sums in one order, however many cores there are
        tf.config.threading.set_intra_op_parallelism_threads(1)
        LocalDagRunner().run(
            pipeline.create(root, root / "metadata.sqlite", source=digest(settings), **settings)
        )


def _sound(root: Path) -> bool:
    """Whether what lies there can be gone on from: the store is whole, and so is what it says was made.
    Ends executions that a killed run left behind as running."""
    metadata = root / "metadata.sqlite"
    if not metadata.exists():
        return not root.exists()
    store = _open(metadata, write=True)
    if store is None:
        return False
    left = [
        e for e in store.get_executions() if e.last_known_state in (pb.Execution.NEW, pb.Execution.RUNNING)
    ]
    for execution in left:
        execution.last_known_state = pb.Execution.FAILED
    store.put_executions(left)
    made = [a for a in store.get_artifacts() if a.state == pb.Artifact.LIVE]
    return all(Path(a.uri, "Format-Serving" if a.type == "Model" else "").exists() for a in made)


def _end_with_the_caller() -> None:
    os.read(0, 1)  # returns when the other end is closed: the caller is gone
    os._exit(1)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(ensure())
    else:
        threading.Thread(target=_end_with_the_caller, daemon=True).start()
        _run(Path(sys.argv[1]), json.loads(sys.argv[2]))
