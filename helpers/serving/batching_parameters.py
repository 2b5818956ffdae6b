"""TF Serving's BatchingParameters: its fields, its defaults, and what it refuses."""

import os
from dataclasses import dataclass, fields
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

from .config import parsed
from .errors import invalid


@dataclass(frozen=True)
class BatchingParameters:
    """How requests are joined. Sizes are in rows (axis 0), the time-out in microseconds.

    Args:
        max_batch_size: rows of the largest request; also of a batch, unless large ones are split.
        batch_timeout_micros: how long a batch waits for more requests.
        max_enqueued_batches: batches that may wait for a run slot; a request for one more is refused. 0 means 1.
        num_batch_threads: graph runs at the same time.
        thread_pool_name: label of the metric queuing_latency; empty for the model's name.
        allowed_batch_sizes: a batch is filled up to the next of these; the last is max_batch_size.
        pad_variable_length_inputs: bring requests of different row shapes to the largest, with their first value.
        enable_large_batch_splitting: run requests in parts of max_execution_batch_size rows.
        max_execution_batch_size: rows of the largest graph run; 0 for max_batch_size. Needs splitting.
    Raises:
        ServingError: nothing would run, or TF Serving refuses the combination.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = os.cpu_count() or 1
    thread_pool_name: str = ""
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 0

    def __post_init__(self):
        least = dict.fromkeys(["batch_timeout_micros", "max_execution_batch_size"], 0)
        least |= dict.fromkeys(["max_batch_size", "num_batch_threads"], 1)
        # TF Serving takes no waiting batch as one, for models of few requests, but not where large ones are split
        least["max_enqueued_batches"] = 1 if self.enable_large_batch_splitting else 0
        for name, low in least.items():
            if getattr(self, name) < low:
                wanted = "positive" if low else "non-negative"
                raise invalid(f"{name} must be {wanted}; was {getattr(self, name)}")
        if self.rows_of_a_run > self.max_batch_size:
            raise invalid(
                f"max_batch_size must be greater than or equal to max_execution_batch_size; was {self.max_batch_size} "
                f"and {self.max_execution_batch_size}"
            )
        sizes = self.allowed_batch_sizes
        if self.enable_large_batch_splitting and list(sizes) != sorted(set(sizes)):
            raise invalid("allowed_batch_sizes entries must be monotonically increasing")
        if sizes and sizes[-1] != self.rows_of_a_run:
            last = "max_execution_batch_size" if self.enable_large_batch_splitting else "max_batch_size"
            raise invalid(
                f"Last entry in allowed_batch_sizes must match {last}; last entry was {sizes[-1]}; "
                f"expected {self.rows_of_a_run}"
            )

    @property
    def rows_of_a_run(self) -> int:
        """Rows of the largest graph run."""
        return self.enable_large_batch_splitting and self.max_execution_batch_size or self.max_batch_size

    def allowed(self, rows: int) -> int:
        """The rows a batch of so many is filled up to."""
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)

    @classmethod
    def read(cls, source: Path | str) -> "BatchingParameters":
        """From a file of --batching_parameters_file, or its text, as in `max_batch_size { value: 32 }`."""
        values = {}
        for field, value in parsed(source, _message()()).ListFields():
            if field.label == field.LABEL_REPEATED:
                values[field.name] = tuple(value)
            else:
                values[field.name] = getattr(value, "value", value)
        return cls(**values)


def _message() -> type:
    """The class of the message tensorflow.serving.BatchingParameters, which tensorflow-serving-api leaves out.

    Every field is one of the wrappers in google/protobuf/wrappers.proto, so that an absent one can be told from a
    zero, but for `allowed_batch_sizes` (repeated int64) and `pad_variable_length_inputs` (bool).
    """
    package, wrappers = "tensorflow.serving", wrappers_pb2.DESCRIPTOR
    file = descriptor_pb2.FileDescriptorProto(name="batching.proto", package=package, syntax="proto3")
    file.dependency.append(wrappers.name)
    message = file.message_type.add(name="BatchingParameters")
    for number, field in enumerate(fields(BatchingParameters), 1):
        entry = message.field.add(name=field.name, number=number)
        entry.label = entry.LABEL_OPTIONAL
        if field.name == "allowed_batch_sizes":
            entry.type, entry.label = entry.TYPE_INT64, entry.LABEL_REPEATED
        elif field.name == "pad_variable_length_inputs":
            entry.type = entry.TYPE_BOOL
        else:
            wrapper = {int: "Int64Value", str: "StringValue", bool: "BoolValue"}[field.type]
            entry.type, entry.type_name = entry.TYPE_MESSAGE, f".google.protobuf.{wrapper}"
    # a pool of its own: another package may bring the real message
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    found = pool.FindMessageTypeByName(f"{package}.BatchingParameters")
    return message_factory.MessageFactory(pool).GetPrototype(found)
