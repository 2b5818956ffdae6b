"""What ML Metadata says of a run of the pipeline: where its products are, and whether it can be gone on from."""

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2 as pb

FILE = "metadata.sqlite"  # in the folder of a run
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


def finished(root: Path) -> Artifacts | None:
    """From the pushed model back along its lineage; None if there is none, or if a file of it is gone."""
    metadata = root / FILE
    if not metadata.exists():
        return None
    store = open_store(metadata)
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


def sound(root: Path) -> bool:
    """Whether what lies there can be gone on from: the store is whole, and so is what it says was made.
    Ends executions that a killed run left behind as running."""
    metadata = root / FILE
    if not metadata.exists():
        return not root.exists()
    store = open_store(metadata, write=True)
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


def open_store(metadata: Path, write: bool = False) -> mlmd.MetadataStore | None:
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
