"""Request batching: concurrent requests to one signature share a graph run (TF Serving's --enable_batching).

Requests are concatenated along axis 0 and the outputs are split again. The first request of a batch leads it:
it waits until the batch is full or `batch_timeout_micros` have passed and a run slot is free, runs the graph
for all, and wakes the others. So no thread of its own has to be stopped. As in TF Serving, all requests of a
batch share its fate: one that the graph refuses (a broken tf.Example) fails its neighbours.
"""

import os
import re
import threading
import time
from dataclasses import dataclass, field

import numpy as np
from grpc import StatusCode

from .errors import ServingError, invalid
from .savedmodel import SavedModel


@dataclass(frozen=True)
class BatchingParameters:
    """TF Serving's BatchingParameters, with its defaults. Sizes are in rows (axis 0), the time-out in microseconds."""

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = os.cpu_count() or 1

    def __post_init__(self):
        for name in ("max_batch_size", "num_batch_threads"):
            if getattr(self, name) < 1:
                raise invalid(f"{name} must be positive; was {getattr(self, name)}")

    @classmethod
    def parse(cls, text: str) -> "BatchingParameters":
        """From the text form of --batching_parameters_file, as in `max_batch_size { value: 32 }`."""
        text = re.sub(r"#.*", "", text)
        entry = r"(\w+)\s*\{\s*value\s*:\s*(\d+)\s*\}\s*"
        values = {name: int(number) for name, number in re.findall(entry, text)}
        unknown = sorted(values.keys() - cls.__dataclass_fields__.keys())
        if unknown or re.sub(entry, "", text).strip():
            raise invalid(
                f"Invalid batching parameters {unknown or re.sub(entry, '', text).strip()!r}. "
                f"Known: {', '.join(cls.__dataclass_fields__)}, each as `name {{ value: 8 }}`."
            )
        return cls(**values)


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
    types and the same shapes beyond axis 0, and fetch the same tensors."""

    def __init__(self, model: SavedModel, parameters: BatchingParameters, metrics, name: str):
        self._model, self._parameters, self._metrics, self._name = model, parameters, metrics, name
        self._lock = threading.Lock()
        self._open: dict[tuple, _Batch] = {}
        self._waiting = 0
        self._slots = threading.Semaphore(parameters.num_batch_threads)

    def run(self, feeds: dict[str, np.ndarray], fetches: list[str]) -> list[np.ndarray]:
        """As `SavedModel.run`; rows of a request larger than `max_batch_size` go in several runs.

        Raises:
            ServingError: an input has no axis 0, or inputs differ in it (INVALID_ARGUMENT); the queue is full
                (UNAVAILABLE); an output is not one row per input row (FAILED_PRECONDITION); what the graph
                raised.
        """
        if any(value.ndim == 0 for value in feeds.values()):
            raise invalid("Batching Run() input tensors must have at least one dimension")
        rows = {len(value) for value in feeds.values()}
        if len(rows) != 1:
            raise invalid("Batching Run() input tensors must have equal 0th-dimension size")
        size, step = rows.pop(), self._parameters.max_batch_size
        if size <= step:
            return self._join(feeds, fetches, size)
        parts = [
            self._join(
                {name: value[at : at + step] for name, value in feeds.items()}, fetches, min(step, size - at)
            )
            for at in range(0, size, step)
        ]
        return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]

    def _join(self, feeds, fetches, size) -> list[np.ndarray]:
        key = (
            tuple(fetches),
            *((name, value.dtype, value.shape[1:]) for name, value in sorted(feeds.items())),
        )
        with self._lock:
            batch = self._open.get(key)
            if batch is not None and sum(batch.sizes) + size > self._parameters.max_batch_size:
                batch.full.set()
                batch = None
            leads = batch is None
            if leads:
                if self._waiting >= self._parameters.max_enqueued_batches:
                    raise ServingError(
                        StatusCode.UNAVAILABLE,
                        "The batch scheduling queue to which this task was submitted is full",
                    )
                batch = self._open[key] = _Batch()
                self._waiting += 1
            index = len(batch.tasks)
            batch.tasks.append(feeds)
            batch.sizes.append(size)
            if sum(batch.sizes) >= self._parameters.max_batch_size:
                batch.full.set()
        if leads:
            self._lead(key, batch, fetches)
        batch.done.wait()
        if batch.error is not None:
            raise ServingError(batch.error.code, batch.error.message)
        start = sum(batch.sizes[:index])
        return [output[start : start + size] for output in batch.outputs]

    def _lead(self, key, batch, fetches) -> None:
        opened = time.perf_counter()
        batch.full.wait(self._parameters.batch_timeout_micros / 1e6)
        with self._slots:
            with self._lock:  # closed only now: a batch goes on filling while all run slots are taken
                self._waiting -= 1
                if self._open.get(key) is batch:
                    del self._open[key]
            self._metrics.queuing_latency.observe((time.perf_counter() - opened) * 1e6, self._name)
            self._metrics.wrapped_run_count.add()
            try:
                joined = {
                    name: np.concatenate([task[name] for task in batch.tasks]) for name in batch.tasks[0]
                }
                outputs = self._model.run(joined, fetches)
                _check_rows(outputs, sum(batch.sizes))
                batch.outputs = outputs
            except ServingError as error:
                batch.error = error
            finally:  # whatever happened, nobody may wait for ever
                if batch.outputs is None and batch.error is None:
                    batch.error = ServingError(StatusCode.INTERNAL, "The batch could not be run")
                batch.done.set()


def _check_rows(outputs: list[np.ndarray], rows: int) -> None:
    for output in outputs:
        if output.ndim == 0:
            raise ServingError(StatusCode.FAILED_PRECONDITION, "Batched output tensor has 0 dimensions")
        if len(output) != rows:
            raise ServingError(
                StatusCode.FAILED_PRECONDITION,
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension "
                "sizes of the input tensors",
            )
