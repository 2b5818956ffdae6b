"""TF Serving's BatchingParameters: its fields, its defaults, and what it refuses."""

import os
from dataclasses import dataclass, fields
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

from .config import parsed
from .errors import invalid

_WRAPPED = {int: "Int64Value", str: "StringValue", bool: "BoolValue"}


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
        # TF Serving takes no waiting batch as one, for models of few requests, but not where large ones are split
        waiting = 1 if self.enable_large_batch_splitting else 0
        for name, least in (
            ("max_batch_size", 1),
            ("num_batch_threads", 1),
            ("max_enqueued_batches", waiting),
            ("batch_timeout_micros", 0),
            ("max_execution_batch_size", 0),
        ):
            if getattr(self, name) < least:
                wanted = "positive" if least else "non-negative"
                raise invalid(f"{name} must be {wanted}; was {getattr(self, name)}")
        sizes, last = self.allowed_batch_sizes, "match max_batch_size"
        if self.enable_large_batch_splitting:
            last = "be equal to max_execution_batch_size"
            if list(sizes) != sorted(set(sizes)):
                raise invalid("allowed_batch_sizes entries must be monotonically increasing")
        if sizes and sizes[-1] != self.rows_of_a_run:
            raise invalid(
                f"Last entry in allowed_batch_sizes must {last}; last entry was "
                f"{sizes[-1]}; expected {self.rows_of_a_run}"
            )
        if self.rows_of_a_run > self.max_batch_size:
            raise invalid(
                "When enable_large_batch_splitting is true, max_batch_size must be greater than or equal to "
                f"max_execution_batch_size; was {self.max_batch_size} and {self.max_execution_batch_size}"
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
        message = parsed(source, _message()())
        values = {}
        for field, value in message.ListFields():
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
    wrappers = wrappers_pb2.DESCRIPTOR
    file = descriptor_pb2.FileDescriptorProto(
        name="batching_parameters.proto", package="tensorflow.serving", syntax="proto3"
    )
    file.dependency.append(wrappers.name)
    message = file.message_type.add(name="BatchingParameters")
    for number, field in enumerate(fields(BatchingParameters), 1):
        entry = message.field.add(
            name=field.name, number=number, label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
        )
        if field.name == "allowed_batch_sizes":
            entry.type, entry.label = entry.TYPE_INT64, entry.LABEL_REPEATED
        elif field.name == "pad_variable_length_inputs":
            entry.type = entry.TYPE_BOOL
        else:
            entry.type = entry.TYPE_MESSAGE
            entry.type_name = f".google.protobuf.{_WRAPPED[field.type]}"
    # a pool of its own: another package may bring the real message
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    found = pool.FindMessageTypeByName("tensorflow.serving.BatchingParameters")
    return message_factory.MessageFactory(pool).GetPrototype(found)
