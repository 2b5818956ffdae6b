"""Objects of numpy, pandas, PyArrow, TensorFlow, protobuf, DuckDB and NetworkX, one step simpler.

A library is looked at only if the learner's session has imported it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from typing import Any

UNKNOWN = object()
MISSING = math.nan


class NotData(Exception):
    """The answer can't be read as plain data. The message completes the sentence "Your `name` …"."""


def simpler(value: Any, cls: type, room: Callable[[int], None]) -> Any:
    """What a library's object stands for, in Python's own types or in simpler ones of the library; UNKNOWN if it is of none.

    `room` is told how many values there will be, before they are. Raises NotData with what to do instead, where an object
    holds no values (yet).
    """
    for name, read in _READERS.items():
        library = sys.modules.get(name)
        if library is not None and (found := read(library, value, cls, room)) is not UNKNOWN:
            return found
    return UNKNOWN


def seconds(amount: float) -> str:
    """A length of time in ISO form."""
    return f"PT{f'{amount:.9f}'.rstrip('0').rstrip('.')}S"


def records(columns: Iterable[tuple[Any, list]], rows: int) -> list[dict]:
    """Rows from columns. Raises NotData where two columns have one name."""
    table: dict[Any, list] = {}
    for name, cells in columns:
        if name in table:
            raise NotData(f"has more than one column `{name}`: rename or drop one.")
        table[name] = cells
    return [{name: cells[row] for name, cells in table.items()} for row in range(rows)]


def _numpy(numpy: Any, value: Any, cls: type, room: Callable) -> Any:
    if issubclass(cls, numpy.dtype):
        return str(value)
    if not issubclass(cls, (numpy.ndarray, numpy.generic)):
        return UNKNOWN
    if value is numpy.ma.masked:
        return MISSING
    if issubclass(cls, numpy.ndarray):
        room(value.size)
        if not issubclass(cls, numpy.ma.MaskedArray):
            value = value.view(numpy.ndarray)  # a row of a matrix would be a matrix again
            if value.dtype.kind in "biuSUO" or value.dtype.char in "efd":
                return value.tolist()
        if value.ndim:
            return [value[i] for i in range(len(value))]
    kind = value.dtype.kind
    if value.dtype.names:
        return {name: value[name] for name in value.dtype.names}
    if kind in "fc":
        return float(value) if kind == "f" else complex(value)
    if kind == "M":
        return _moment(numpy, value[()])
    if kind == "m":
        return _duration(numpy, value[()])
    return value[()] if issubclass(cls, numpy.ndarray) else value.item()


def _moment(numpy: Any, value: Any) -> Any:
    """A datetime64 in ISO form, as pandas writes it: with a fraction of a second only where there is one."""
    if numpy.isnat(value):
        return MISSING
    item = value.item()
    if type(item) is int:  # it is finer than a microsecond, or of a year beyond 9999
        rounded = value.astype("datetime64[us]")
        item = rounded.item() if rounded == value else item
    return str(value) if type(item) is int else item.isoformat()


def _duration(numpy: Any, value: Any) -> Any:
    if numpy.isnat(value):
        return MISSING
    unit, _ = numpy.datetime_data(value.dtype)
    if unit in ("Y", "M"):  # of no fixed number of seconds
        return f"P{value.astype(int)}{unit}"
    return seconds(value / numpy.timedelta64(1, "s"))


def _pandas(pandas: Any, value: Any, cls: type, room: Callable) -> Any:
    if value is pandas.NA or value is pandas.NaT:
        return MISSING
    if issubclass(cls, pandas.Timedelta):
        return value.to_timedelta64()  # to the nanosecond, which Python's own has not
    if issubclass(cls, (pandas.Series, pandas.Index)):
        room(value.size)
        return value.tolist()
    if issubclass(cls, pandas.api.extensions.ExtensionArray):
        room(len(value))
        return list(value)
    if issubclass(cls, pandas.DataFrame):
        room(value.size)
        return _frame(value)
    if issubclass(cls, (pandas.Interval, pandas.Period, pandas.api.extensions.ExtensionDtype)):
        return str(value)
    if cls.__module__.startswith(("pandas.core.groupby", "pandas.core.resample", "pandas.core.window")):
        raise NotData("is grouped, but not summarized: call .mean(), .size() or the like on it.")
    if cls.__module__.startswith("pandas.io.formats.style"):
        raise NotData("is a table styled for show: give the DataFrame itself.")
    return UNKNOWN


def _frame(frame: Any) -> list[dict]:
    """Rows of a DataFrame. The levels of its index that have a name are columns too, where no column has that name."""
    names = set(frame.columns)
    levels = [
        (name, frame.index.get_level_values(i).tolist())
        for i, name in enumerate(frame.index.names)
        if name is not None and name not in names
    ]
    columns = [(name, frame.iloc[:, i].tolist()) for i, name in enumerate(frame.columns)]
    return records([*levels, *columns], len(frame))


def _pyarrow(pyarrow: Any, value: Any, cls: type, room: Callable) -> Any:
    if issubclass(cls, pyarrow.Scalar):
        return value.as_py()
    if issubclass(cls, (pyarrow.Array, pyarrow.ChunkedArray)):
        room(len(value))
        return value.to_pylist()
    if issubclass(cls, (pyarrow.Table, pyarrow.RecordBatch)):
        room(value.num_rows * value.num_columns)
        columns = zip(value.schema.names, value.columns, strict=True)
        return records([(name, cells.to_pylist()) for name, cells in columns], value.num_rows)
    return str(value) if issubclass(cls, pyarrow.DataType) else UNKNOWN


def _tensorflow(tensorflow: Any, value: Any, cls: type, room: Callable) -> Any:
    if issubclass(cls, tensorflow.RaggedTensor):
        return value.to_list()
    if issubclass(cls, tensorflow.SparseTensor):
        room(math.prod(value.dense_shape.numpy().tolist()))
        return tensorflow.sparse.to_dense(value).numpy()
    if issubclass(cls, tensorflow.IndexedSlices):
        return tensorflow.convert_to_tensor(value)
    if tensorflow.is_tensor(value):
        if not hasattr(value, "numpy"):
            raise NotData(
                "is a symbolic tensor, which has no values: call the function or the model on data."
            )
        return value.numpy()
    if issubclass(cls, tensorflow.TensorShape):
        return None if value.rank is None else value.as_list()
    if issubclass(cls, tensorflow.DType):
        return value.name
    if issubclass(cls, tensorflow.data.Dataset):
        raise NotData("is a Dataset, which is read step by step: put list(….as_numpy_iterator()) around it.")
    return UNKNOWN


def _keras(keras: Any, value: Any, cls: type, room: Callable) -> Any:
    if issubclass(cls, keras.Variable):
        return value.numpy()
    if issubclass(cls, keras.KerasTensor):
        raise NotData("is a symbolic tensor, which has no values: call the model on data.")
    if issubclass(cls, keras.callbacks.History):
        raise NotData("is a History: put .history behind it, a dict of lists, or take one of these.")
    return UNKNOWN


def _message(module: Any, value: Any, cls: type, room: Callable) -> Any:
    if not issubclass(cls, module.Message):
        return UNKNOWN
    from google.protobuf import text_format

    return text_format.MessageToString(value)


def _duckdb(duckdb: Any, value: Any, cls: type, room: Callable) -> Any:
    if issubclass(cls, duckdb.DuckDBPyRelation):
        (rows,) = value.count("*").fetchone()
        room(rows * len(value.columns))
        found = value.fetchall()
        return records([(name, [row[i] for row in found]) for i, name in enumerate(value.columns)], rows)
    if issubclass(cls, duckdb.DuckDBPyConnection):
        raise NotData("is a connection to a database: put .df() or .fetchall() behind the query.")
    return UNKNOWN


def _networkx(networkx: Any, value: Any, cls: type, room: Callable) -> Any:
    if issubclass(cls, networkx.Graph):
        raise NotData("is a graph: give its nodes or edges, such as list(….edges).")
    return list(value) if cls.__module__ == "networkx.classes.reportviews" else UNKNOWN


_READERS: dict[str, Callable] = {
    "numpy": _numpy,
    "pandas": _pandas,
    "pyarrow": _pyarrow,
    "tensorflow": _tensorflow,
    "keras": _keras,
    "google.protobuf.message": _message,
    "duckdb": _duckdb,
    "networkx": _networkx,
}
