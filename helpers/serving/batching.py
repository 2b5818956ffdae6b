"""Request batching: concurrent requests to one signature share a graph run (TF Serving's --enable_batching).

Requests are concatenated along axis 0 and the outputs are split again. The first request of a batch leads it:
it waits until the batch is full or `batch_timeout_micros` have passed and a run slot is free, runs the graph
for all, and wakes the others. So no thread of its own has to be stopped. As in TF Serving, all requests of a
batch share its fate: one that the graph refuses (a broken tf.Example) fails its neighbours.
"""

import threading
import time
from dataclasses import dataclass, field

import numpy as np
from grpc import StatusCode

from .batching_parameters import BatchingParameters
from .errors import ServingError, invalid, unfit
from .metrics import Metrics, microseconds
from .savedmodel import SavedModel


@dataclass
class _Batch:
    tasks: list[dict[str, np.ndarray]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    full: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    outputs: list[np.ndarray] | None = None
    error: ServingError | None = None


class Batcher:
    """A `SavedModel` whose `run` joins concurrent calls. Calls are joined that feed the same tensors, with the same
    types and the same shapes beyond axis 0 (ranks, with `pad_variable_length_inputs`), and fetch the same tensors."""

    def __init__(self, model: SavedModel, parameters: BatchingParameters, metrics: Metrics, name: str):
        self._model, self._parameters, self._metrics = model, parameters, metrics
        self._name = parameters.thread_pool_name or name
        self._lock = threading.Lock()
        self._open: dict[tuple, _Batch] = {}
        self._waiting = 0
        self._slots = threading.Semaphore(parameters.num_batch_threads)

    def run(self, feeds: dict[str, np.ndarray], fetches: list[str]) -> list[np.ndarray]:
        """As `SavedModel.run`.

        Raises:
            ServingError: an input has no axis 0, inputs differ in it, or it is longer than `max_batch_size`
                (INVALID_ARGUMENT); the queue is full (UNAVAILABLE); an output is not one row per input row
                (FAILED_PRECONDITION); what the graph raised.
        """
        if any(value.ndim == 0 for value in feeds.values()):
            raise invalid("Batching Run() input tensors must have at least one dimension")
        rows = {len(value) for value in feeds.values()}
        if len(rows) != 1:
            raise invalid("Batching Run() input tensors must have equal 0th-dimension size")
        size, limit, step = rows.pop(), self._parameters.max_batch_size, self._parameters.rows_of_a_run
        if size > limit:
            raise invalid(f"Task size {size} is larger than maximum input batch size {limit}")
        if size <= step:
            return self._join(feeds, fetches, size)
        parts = []
        for at in range(0, size, step):
            part = {name: value[at : at + step] for name, value in feeds.items()}
            parts.append(self._join(part, fetches, min(step, size - at)))
        return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]

    def _join(self, feeds: dict[str, np.ndarray], fetches: list[str], size: int) -> list[np.ndarray]:
        pads, full = self._parameters.pad_variable_length_inputs, self._parameters.rows_of_a_run
        kinds = [(name, x.dtype, x.ndim if pads else x.shape[1:]) for name, x in sorted(feeds.items())]
        key = (*fetches, *kinds)
        with self._lock:
            batch = self._open.get(key)
            if batch is not None and sum(batch.sizes) + size > full:
                batch.full.set()
                batch = None
            leads = batch is None
            if leads:
                if self._waiting >= max(1, self._parameters.max_enqueued_batches):
                    raise ServingError(
                        StatusCode.UNAVAILABLE,
                        "The batch scheduling queue to which this task was submitted is full",
                    )
                batch = self._open[key] = _Batch()
                self._waiting += 1
            index = len(batch.tasks)
            batch.tasks.append(feeds)
            batch.sizes.append(size)
            if sum(batch.sizes) >= full:
                batch.full.set()
        if leads:
            self._lead(key, batch, fetches)
        batch.done.wait()
        if batch.error is not None:
            raise ServingError(batch.error.code, batch.error.message)
        start = sum(batch.sizes[:index])
        return [output[start : start + size] for output in batch.outputs]

    def _lead(self, key: tuple, batch: _Batch, fetches: list[str]) -> None:
        opened = time.perf_counter()
        batch.full.wait(self._parameters.batch_timeout_micros / 1e6)
        with self._slots:
            # closed only now: a batch goes on filling while all run slots are taken
            with self._lock:
                self._waiting -= 1
                if self._open.get(key) is batch:
                    del self._open[key]
            self._metrics.queuing_latency.labels(self._name).observe(microseconds(opened))
            self._metrics.wrapped_run_count.inc()
            try:
                rows = sum(batch.sizes)
                wanted = self._parameters.allowed(rows) if rows else 0
                joined = {
                    name: self._joined([task[name] for task in batch.tasks], wanted - rows)
                    for name in batch.tasks[0]
                }
                outputs = self._model.run(joined, fetches)
                _check_rows(outputs, wanted)
                batch.outputs = outputs
            except ServingError as error:
                batch.error = error
            # whatever happened, nobody may wait for ever
            finally:
                if batch.outputs is None and batch.error is None:
                    batch.error = ServingError(StatusCode.INTERNAL, "The batch could not be run")
                batch.done.set()

    def _joined(self, parts: list[np.ndarray], more: int) -> np.ndarray:
        """The parts one after the other, then `more` rows to reach an allowed size: copies of a row known to be good."""
        if self._parameters.pad_variable_length_inputs:
            parts = _padded(parts)
        if more:
            last = next(part for part in reversed(parts) if len(part))
            parts = [*parts, np.repeat(last[:1], more, axis=0)]
        return np.concatenate(parts)


def _padded(parts: list[np.ndarray]) -> list[np.ndarray]:
    """The parts with axes 1 and up as long as the longest, filled with each part's first value, as TF Serving does."""
    if parts[0].ndim > 6:
        raise invalid("Only tensors with rank from 1 to 6 can be padded.")
    longest = tuple(np.max([part.shape for part in parts], axis=0)[1:])
    padded = []
    for part in parts:
        whole = np.empty((len(part), *longest), part.dtype)
        if whole.size and not part.size:
            raise invalid("Got empty tensor in batch of non-empty tensors.")
        if part.size:
            whole[...] = part.ravel()[:1]
            whole[tuple(map(slice, part.shape))] = part
        padded.append(whole)
    return padded


def _check_rows(outputs: list[np.ndarray], rows: int) -> None:
    for output in outputs:
        if output.ndim == 0:
            raise unfit("Batched output tensor has 0 dimensions")
        if len(output) != rows:
            raise unfit(f"Batched output tensor has {len(output)} rows; the joined requests have {rows}")
