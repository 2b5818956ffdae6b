"""The pipeline's first component: the table's months as tf.Examples, a split per purpose, cut by time and
never at random."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import tensorflow as tf
from tfx import v1 as tfx
from tfx.types import artifact_utils
from tfx_bsl.coders import example_coder

from helpers.flights import examples

INTEGERS = ["weekday", "day_minute", examples.LABEL]
FLOATS = [name for name in examples.NUMBERS if name not in INTEGERS]


@tfx.dsl.components.component
def FlightsExampleGen(
    examples_out: tfx.dsl.components.OutputArtifact[tfx.types.standard_artifacts.Examples],
    splits: tfx.dsl.components.Parameter[str],
    every: tfx.dsl.components.Parameter[int],
    source: tfx.dsl.components.Parameter[str],
):
    """Write one gzipped TFRecord file per split, rows in order of time.

    splits: JSON, {split: [months]}. every: keep each `every`-th row. source: digest of the data and the
    code that reads it, here only so that the cache notices when they change. Custom, because TFX's own
    generators reshuffle the rows at random and take a minute for what Arrow encodes in seconds; lesson 2.1
    uses TFX's own.
    """
    del source
    months = json.loads(splits)
    examples_out.split_names = artifact_utils.encode_split_names(list(months))
    examples_out.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    for split, chosen in months.items():
        [folder] = artifact_utils.get_split_uris([examples_out], split)
        write(split_rows(split, chosen, every), Path(folder) / "data_tfrecord-00000-of-00001.gz")


def split_rows(split: str, months: list[int], every: int):
    """Each `every`-th row of the months. Raises ValueError unless some are late and some are not: there would
    be nothing to learn from, or nothing to judge by."""
    rows = examples.table(months).iloc[::every]
    if rows[examples.LABEL].nunique() < 2:
        raise ValueError(
            f"of the {len(rows)} flights in the split {split} (months {months}, every={every}) none is late or all are: "
            "take more months or a smaller `every`"
        )
    return rows


def write(rows, path: Path, extra: tuple[str, ...] = ()) -> None:
    """Rows of examples.table as raw tf.Examples; a missing number is a feature without a value. `extra`: further
    columns of text, to slice by."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), "GZIP") as file:
        for example in encode(rows, extra):
            file.write(example)


def encode(rows, extra: tuple[str, ...] = ()) -> list[bytes]:
    """Each row's features, and its label where it has one, as a serialized tf.Example."""
    columns = [name for name in [*examples.FEATURES, examples.LABEL] if name in rows] + list(extra)
    arrays = [_lists(rows[name], _type(name)) for name in columns]
    return example_coder.RecordBatchToExamplesEncoder().encode(pa.RecordBatch.from_arrays(arrays, columns))


def _lists(column, kind: pa.DataType) -> pa.ListArray:
    """Each value in a list of its own; null where there is none."""
    known = column.notna().to_numpy()
    starts = pa.array(np.append(0, known.cumsum()), pa.int32(), mask=np.append(~known, False))
    return pa.ListArray.from_arrays(starts, pa.array(column[known], kind))


def _type(name: str) -> pa.DataType:
    if name in FLOATS:
        return pa.float32()
    return pa.int64() if name in INTEGERS else pa.binary()
