"""A SavedModel as a C++ server sees it: one graph, one session, signatures that name tensors.

Follows TensorFlow's cc/saved_model/loader.cc: import the graph, run the restore op, run the init op. No
Python objects of the model are rebuilt, so loading takes milliseconds and the model's own code is not needed.
"""

import time
import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from grpc import StatusCode
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel as SavedModelProto

from .errors import ServingError, from_tensorflow, invalid, not_found, unfit
from .metrics import Metrics, microseconds

_INIT = "__saved_model_init_op"


class SavedModel:
    """One loaded version. `run` may be called from many threads.

    Args:
        path: the version's folder, holding saved_model.pb, variables/ and perhaps assets/.
        metrics: where load and graph-run counts go.
    Raises:
        ServingError: the folder is not a whole SavedModel for serving; the message says what is wrong.
    """

    def __init__(self, path: Path, metrics: Metrics):
        self.path, self._metrics = path, metrics
        started = time.perf_counter()
        try:
            meta = _meta_graph(path)
            self.signatures = dict(meta.signature_def)
            self._session = _session(path, meta)
        except Exception as error:
            metrics.load_attempt_count.labels(str(path), "fail").inc()
            if isinstance(error, tf.errors.OpError):
                raise from_tensorflow(error) from error
            # ValueError and KeyError are what importing a foreign graph raises (unknown op, missing node)
            if isinstance(error, OSError | ValueError | KeyError):
                raise invalid(f"Cannot load {path}: {error}") from error
            raise
        metrics.load_attempt_count.labels(str(path), "success").inc()
        metrics.load_latency.labels(str(path)).inc(microseconds(started))

    def run(self, feeds: dict[str, np.ndarray], fetches: list[str]) -> list[np.ndarray]:
        """Values of the tensors named in `fetches`, given those in `feeds`; both as in the signatures (`name:0`)."""
        started = time.perf_counter()
        try:
            values = self._session.run(fetches, feeds)
        except tf.errors.OpError as error:
            raise from_tensorflow(error) from error
        finally:
            self._metrics.graph_runs.inc()
            self._metrics.graph_run_time_usecs.inc(microseconds(started))
        # a string of rank 0 comes as bytes, of which an array of its own type would lose closing zeros
        return [np.asarray(value, object if isinstance(value, bytes) else None) for value in values]

    def close(self) -> None:
        """Free the graph, its variables and its threads."""
        self._session.close()


def fingerprint(path: Path) -> tuple:
    """Names, sizes and times of a folder's files: other files, other fingerprint."""
    found = []
    for file in sorted(path.rglob("*")):
        try:
            found.append((str(file), file.stat().st_size, file.stat().st_mtime_ns))
        # somebody is just taking the version away, or nobody may look at it, which loading will tell
        except OSError:
            continue
    return tuple(found)


def _meta_graph(path: Path) -> MetaGraphDef:
    file = path / "saved_model.pb"
    with warnings.catch_warnings(record=True) as caught:
        # protobuf 3.20 only warns where the bytes end a group that never began, and keeps what it has read so far
        warnings.filterwarnings("always", "Unexpected end-group tag", RuntimeWarning)
        try:
            saved = SavedModelProto.FromString(file.read_bytes())
        except DecodeError:
            saved = None
    if saved is None or caught:
        raise ServingError(StatusCode.DATA_LOSS, f"Can't parse {file} as binary proto")
    for meta in saved.meta_graphs:
        if set(meta.meta_info_def.tags) == {"serve"}:
            return meta
    raise not_found("Could not find meta graph def matching supplied tags: { serve }; see `saved_model_cli`")


def _session(path: Path, meta: MetaGraphDef) -> tf.compat.v1.Session:
    for node in meta.graph_def.node:
        if node.op == "Placeholder":
            # TF Serving feeds whatever it is sent and lets the kernels complain; Python's Session would
            # compare with the placeholder's shape first. With the shape forgotten, both say the same.
            node.attr["shape"].shape.Clear()
            node.attr["shape"].shape.unknown_rank = True
            node.attr.pop("_output_shapes", None)
    graph = tf.Graph()
    with graph.as_default():
        tf.graph_util.import_graph_def(meta.graph_def, name="")
    session = tf.compat.v1.Session(graph=graph)
    try:
        assets = {
            asset.tensor_info.name: str(path / "assets" / asset.filename) for asset in meta.asset_file_def
        }
        if meta.saver_def.restore_op_name:
            prefix = path / "variables" / "variables"
            if not prefix.with_suffix(".index").is_file():
                raise not_found(f"{prefix}.index is missing: the copy is not complete")
            feeds = {meta.saver_def.filename_tensor_name: str(prefix), **assets}
            session.run(meta.saver_def.restore_op_name, feeds)
        if _INIT in meta.signature_def:
            session.run(meta.signature_def[_INIT].outputs[_INIT].name, assets)
        _check_variables(session, meta)
    except BaseException:
        session.close()
        raise
    return session


def _check_variables(session: tf.compat.v1.Session, meta: MetaGraphDef) -> None:
    """Refuse a model whose signatures read variables that restoring left empty.

    TF Serving loads it and fails every request. The usual cause is a Keras 3 model under tf.saved_model.save, whose
    variables are saved under other handles than its functions read (tensorflow/serving#2226); Python's loader copes.
    """
    ends = [
        info.name
        for name, signature in meta.signature_def.items()
        if name != _INIT
        for info in signature.outputs.values()
    ]
    waiting, seen, handles = [session.graph.get_tensor_by_name(name).op for name in ends], set(), []
    while waiting:
        operation = waiting.pop()
        if operation not in seen:
            seen.add(operation)
            waiting += [tensor.op for tensor in operation.inputs]
            if operation.type == "VarHandleOp":
                handles.append(operation)
    with session.graph.as_default():
        there = session.run([tf.raw_ops.VarIsInitializedOp(resource=handle.outputs[0]) for handle in handles])
    empty = sorted(handle.name for handle, filled in zip(handles, there, strict=True) if not filled)
    if empty:
        raise unfit(
            f"{len(empty)} variables that the signatures read were not restored, {empty[0]} among them. A Keras 3 model "
            "must be saved by model.export, or with `module.weights = [weight.value for weight in model.weights]`."
        )
