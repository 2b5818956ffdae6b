"""Every dtype and container that the lessons' libraries hand out is read as data, or refused with a reason that fits."""

import array
import collections
import datetime
import decimal
import enum
import fractions
import ipaddress
import json
import types
import uuid

import duckdb
import ml_dtypes
import networkx as nx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from helpers.exercises import kit
from helpers.exercises.plain import NotData, plain, strict

DAY, NOON = datetime.date(2013, 1, 1), datetime.datetime(2013, 1, 1, 12)
ISO, ISO_NOON = "2013-01-01", "2013-01-01T12:00:00"
FRAME = pd.DataFrame({"carrier": ["AA", "UA"], "share": [0.4, 0.6]})
ROWS = [{"carrier": "AA", "share": 0.4}, {"carrier": "UA", "share": 0.6}]
Point = collections.namedtuple("Point", "x y")
Mode = enum.Flag("Mode", "READ WRITE")


def table(dtype, values):
    return pd.DataFrame({"x": pd.Series(values, dtype=dtype)})


PYTHON = {
    "deque": (collections.deque([1, 2]), [1, 2]),
    "Counter": (collections.Counter("aab"), {"a": 2, "b": 1}),
    "namedtuple": (Point(1, 2), [1, 2]),
    "set of tuples": ({(2, "b"), (1, "a")}, [[1, "a"], [2, "b"]]),
    "items": ({"a": 1}.items(), [["a", 1]]),
    "values": ({"a": 1}.values(), [1]),
    "mappingproxy": (types.MappingProxyType({"a": 1}), {"a": 1}),
    "ChainMap": (collections.ChainMap({"a": 1}, {"b": 2}), {"a": 1, "b": 2}),
    "UserDict": (collections.UserDict(a=1), {"a": 1}),
    "UserList": (collections.UserList([1]), [1]),
    "array": (array.array("d", [0.5]), [0.5]),
    "bytearray": (bytearray(b"ab"), "ab"),
    "memoryview": (memoryview(b"ab"), "ab"),
    "UUID": (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    "Decimal": (decimal.Decimal("0.5"), 0.5),
    "Fraction": (fractions.Fraction(1, 2), 0.5),
    "date": (DAY, ISO),
    "time": (datetime.time(12), "12:00:00"),
    "timedelta": (datetime.timedelta(minutes=5), "PT300S"),
    "flags": (Mode.READ | Mode.WRITE, "Mode.WRITE|READ"),
}

NUMPY = {
    **{
        f"{kind} {dtype}": (value, data)
        for dtype in ["int8", "uint64", "float16", "float32", "float64", "longdouble", ml_dtypes.bfloat16]
        for kind, value, data in [
            ("scalar", np.dtype(dtype).type(2), 2),
            ("array", np.array([2], dtype), [2]),
            ("matrix", np.array([[2]], dtype), [[2]]),
            ("0-d", np.array(2, dtype), 2),
        ]
    },
    "bool": (np.array([True]), [True]),
    "text": (np.array(["ab"]), ["ab"]),
    "bytes": (np.array([b"ab"]), ["ab"]),
    "objects": (np.array([1, "a", None, np.array([1])], dtype=object), [1, "a", None, [1]]),
    "np.matrix": (np.array([[1, 2]]).view(np.matrix), [[1, 2]]),
    "np.matrix of longdouble": (np.array([[1, 2]], "longdouble").view(np.matrix), [[1, 2]]),
    "masked": (np.ma.array([1, 2], mask=[False, True]), [1, None]),
    "masked matrix": (np.ma.array([[1, 2]], mask=[[False, True]]), [[1, None]]),
    "the masked constant": (np.ma.masked, None),
    "masked dates": (np.ma.array(np.array([ISO, ISO], "M8[ns]"), mask=[0, 1]), [f"{ISO}T00:00:00", None]),
    "structured": (np.array([(1, "a")], [("n", int), ("t", "U1")]), [{"n": 1, "t": "a"}]),
    "structured scalar": (np.array([(1, "a")], [("n", int), ("t", "U1")])[0], {"n": 1, "t": "a"}),
    "records": (np.rec.array([(1, 0.5)], names="n,x"), [{"n": 1, "x": 0.5}]),
    "masked records": (np.ma.array([(1, 2)], mask=[(0, 1)], dtype="i4,i4"), [{"f0": 1, "f1": None}]),
    "no rows": (np.zeros((0, 3), "longdouble"), []),
    **{f"M8[{unit}]": (np.array(["2013-01-01"], f"M8[{unit}]"), [ISO]) for unit in "YMD"},
    **{
        f"M8[{unit}]": (np.array([f"{ISO}T12"], f"M8[{unit}]"), [ISO_NOON])
        for unit in ["h", "m", "s", "ms", "us", "ns"]
    },
    "M8[ps]": (np.datetime64(10**12, "ps"), "1970-01-01T00:00:01"),
    "M8 finer than pandas shows": (np.datetime64(1, "ns"), "1970-01-01T00:00:00.000000001"),
    "M8 beyond the year 9999": (np.datetime64("20000-01-01"), "20000-01-01"),
    "NaT": (np.array(["NaT"], "M8[s]"), [None]),
    **{f"m8[{unit}]": (np.timedelta64(3, unit), text) for unit, text in [("M", "P3M"), ("Y", "P3Y")]},
    **{
        f"m8[{unit}]": (np.array([3], f"m8[{unit}]"), [text])
        for unit, text in [("m", "PT180S"), ("ms", "PT0.003S"), ("ns", "PT0.000000003S")]
    },
    "dtype": (np.dtype("int64"), "int64"),
}

PANDAS = {
    **{
        f"table of {dtype}": (table(dtype, values), [{"x": item} for item in data])
        for dtype, values, data in [
            ("Int64", [1, None], [1, None]),
            ("Float32", [0.5, None], [0.5, None]),
            ("boolean", [True, None], [True, None]),
            ("string", ["a", None], ["a", None]),
            ("category", ["a", None], ["a", None]),
            ("datetime64[ns]", [DAY, None], [f"{ISO}T00:00:00", None]),
            ("datetime64[ns, UTC]", [DAY, None], [f"{ISO}T00:00:00+00:00", None]),
            ("timedelta64[ns]", ["5min", None], ["PT300S", None]),
            ("period[M]", [DAY, None], ["2013-01", None]),
            ("interval[float64]", [pd.Interval(0, 1), None], ["(0.0, 1.0]", None]),
            ("Sparse[float64]", [0.5, None], [0.5, None]),
            (pd.ArrowDtype(pa.int8()), [1, None], [1, None]),
            ("object", [{"a": {1}}, None], [{"a": [1]}, None]),
        ]
    },
    "nullable array": (pd.array([1, None]), [1, None]),
    "Categorical": (pd.Categorical(["b", "a"]), ["b", "a"]),
    "Timestamp with a zone": (pd.Timestamp(ISO_NOON, tz="UTC"), f"{ISO_NOON}+00:00"),
    "Timedelta": (pd.Timedelta("5min"), "PT300S"),
    "Timedelta of ns": (pd.Timedelta(1500, "ns"), "PT0.0000015S"),
    "NaT": (pd.NaT, None),
    "NA": (pd.NA, None),
    "Interval": (pd.Interval(0, 1), "(0, 1]"),
    "DatetimeIndex": (pd.DatetimeIndex([DAY]), [f"{ISO}T00:00:00"]),
    "RangeIndex": (pd.RangeIndex(2), [0, 1]),
    "MultiIndex": (pd.MultiIndex.from_tuples([("a", 1)]), [["a", 1]]),
    "named Series": (pd.Series([1], name="n"), [1]),
    "dtypes": (FRAME.dtypes, ["object", "float64"]),
    "index that is a column too": (FRAME.set_index("carrier", drop=False), ROWS),
    "index that is a column no more": (FRAME.set_index("carrier"), ROWS),
    "categorical columns": (
        FRAME.set_index("carrier").set_axis(pd.CategoricalIndex(["share"]), axis=1),
        ROWS,
    ),
    "MultiIndex of rows, half named": (
        FRAME.set_index(pd.MultiIndex.from_tuples([(1, 2), (3, 4)], names=["n", None])),
        [{"n": 1, **ROWS[0]}, {"n": 3, **ROWS[1]}],
    ),
    "MultiIndex of columns": (pd.DataFrame([[1]], columns=[["a"], ["b"]]), [{"a, b": 1}]),
    "dates as columns": (pd.DataFrame([[1]], columns=pd.DatetimeIndex([DAY])), [{f"{ISO}T00:00:00": 1}]),
}

ARROW = pa.table({"carrier": ["AA", "UA"], "share": [0.4, 0.6]})
PYARROW = {
    "scalar": (pa.scalar(1), 1),
    "null": (pa.scalar(None), None),
    "array": (pa.array([1, None]), [1, None]),
    "chunked": (pa.chunked_array([[1], [2]]), [1, 2]),
    "dictionary": (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
    "timestamp": (pa.array([NOON], pa.timestamp("ns")), [ISO_NOON]),
    "date": (pa.array([DAY]), [ISO]),
    "duration": (pa.array([datetime.timedelta(seconds=1)]), ["PT1S"]),
    "decimal": (pa.array([decimal.Decimal("0.5")]), [0.5]),
    "struct": (pa.array([{"a": 1}]), [{"a": 1}]),
    "list": (pa.array([[1], None]), [[1], None]),
    "table": (ARROW, ROWS),
    "batch": (ARROW.to_batches()[0], ROWS),
    "type": (pa.int8(), "int8"),
}

GRAPH = nx.DiGraph([("a", "b")])
NETWORKX = {
    "nodes": (GRAPH.nodes, ["a", "b"]),
    "edges": (GRAPH.edges, [["a", "b"]]),
    "edges with data": (GRAPH.edges(data=True), [["a", "b", {}]]),
    "degrees": (GRAPH.degree, [["a", 1], ["b", 1]]),
    "neighbours": (GRAPH.adj, {"a": {"b": {}}, "b": {}}),
}

DUCKDB = {
    "relation": (
        duckdb.sql("select 'AA' as carrier, 0.4::double as share union all select 'UA', 0.6"),
        ROWS,
    ),
    "no rows": (duckdb.sql("select 1 as a where false"), []),
    "cells": (
        duckdb.sql(
            "select 0.5::decimal(3,1), uuid '00000000-0000-0000-0000-000000000001', date '2013-01-01', [1], interval 1 second"
        ).fetchall(),
        [[0.5, "00000000-0000-0000-0000-000000000001", ISO, [1], "PT1S"]],
    ),
}


def proto():
    from google.protobuf import duration_pb2, struct_pb2, timestamp_pb2
    from tensorflow_metadata.proto.v0 import schema_pb2

    struct = struct_pb2.Struct()
    struct.update({"a": 1})
    schema = schema_pb2.Schema(feature=[{"name": "a", "type": schema_pb2.INT}], default_environment=["T"])
    return {
        "message": (timestamp_pb2.Timestamp(seconds=1), "seconds: 1\n"),
        "Duration": (duration_pb2.Duration(seconds=1), "seconds: 1\n"),
        "repeated scalars": (schema.default_environment, ["T"]),
        "repeated messages": (schema.feature, ['name: "a"\ntype: INT\n']),
        "map": (struct.fields, {"a": "number_value: 1.0\n"}),
        "enum": (schema.feature[0].type, schema_pb2.INT),
    }


def tensorflow():
    import tensorflow as tf

    example = tf.train.Example()
    example.features.feature["n"].int64_list.value.append(1)
    numbers = ["bfloat16", "half", "float32", "float64", "int8", "uint64"]
    return {
        **{f"tensor of {dtype}": (tf.cast([2], dtype), [2]) for dtype in numbers},
        "tensor of bool": (tf.constant(True), True),
        "tensor of text": (tf.constant(["a"]), ["a"]),
        "tensor of tensors": (tf.constant([[1], [2]]), [[1], [2]]),
        "scalar of numpy": (tf.constant(2.0).numpy(), 2),
        "slices": (
            tf.IndexedSlices(tf.constant([[1.0]]), tf.constant([1]), tf.constant([2, 1])),
            [[0.0], [1.0]],
        ),
        "ragged": (tf.ragged.constant([[1], [2, 3]]), [[1], [2, 3]]),
        "sparse": (tf.sparse.from_dense([[0, 1]]), [[0, 1]]),
        "Variable": (tf.Variable([1]), [1]),
        "Keras variable": (tf.keras.Variable([1.0]), [1]),
        "shape": (tf.TensorShape([None, 3]), [None, 3]),
        "dtype": (tf.float32, "float32"),
        "feature": (example.features.feature["n"].int64_list.value, [1]),
        "features": (
            {name: feature.int64_list.value for name, feature in example.features.feature.items()},
            {"n": [1]},
        ),
    }


LIBRARIES = {
    "python": lambda: PYTHON,
    "numpy": lambda: NUMPY,
    "pandas": lambda: PANDAS,
    "pyarrow": lambda: PYARROW,
    "networkx": lambda: NETWORKX,
    "duckdb": lambda: DUCKDB,
    "protobuf": proto,
    "tensorflow": tensorflow,
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_whatever_a_library_hands_out_is_read_as_data(library):
    wrong = {}
    for name, (value, data) in LIBRARIES[library]().items():
        try:
            read = strict(plain(value))
            json.dumps(read, allow_nan=False)
        except Exception as error:  # noqa: BLE001 - the table shows all that fail, with their reasons
            read = f"{type(error).__name__}: {error}"
        if read != data:
            wrong[name] = read
    assert wrong == {}


async def coroutine():
    """Nothing."""


def symbolic(what):
    import tensorflow as tf

    caught = []
    tf.function(lambda x: caught.append(x) or x)(tf.constant(1.0))
    return {
        "tensor": caught[0],
        "input": tf.keras.Input((1,)),
        "dataset": tf.data.Dataset.range(3),
        "history": tf.keras.callbacks.History(),
    }[what]


REFUSED = {
    "complex": (1j, "is a complex number: take its real part"),
    "complex array": (np.array([1j], "complex64"), "holds a complex number"),
    "large integers": (np.array([2**63], "uint64"), "integer of more than 18 digits"),
    "large longdouble": (np.longdouble("1e400"), "infinite"),
    "an array too large": (np.zeros(100_001, "longdouble"), "100,001 values"),
    "two columns of one name": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "more than one column `a`"),
    "two columns in Arrow": (pa.table([[1], [2]], names=["a", "a"]), "more than one column `a`"),
    "two keys in text": ({1: "a", "1": "b"}, "has the key `1` more than once"),
    "groups": (FRAME.groupby("carrier"), r"call \.mean\(\)"),
    "grouped column": (FRAME.groupby("carrier")["share"], r"call \.mean\(\)"),
    "windows": (FRAME.rolling(2), r"call \.mean\(\)"),
    "style": (FRAME.style, "give the DataFrame itself"),
    "method": (FRAME.mean, r"method that was not called: put \(\)"),
    "coroutine": (coroutine(), "write `def` instead of `async def`"),
    "address": (ipaddress.ip_address("::1"), "of type IPv6Address, which is not plain data"),
    "cursor": (duckdb.connect().execute("select 1"), r"put \.df\(\) or \.fetchall\(\)"),
    "graph": (GRAPH, r"such as list\(….edges\)"),
    "generator of a graph": (nx.topological_sort(GRAPH), r"put list\(…\) around it"),
    "symbolic tensor": (lambda: symbolic("tensor"), "symbolic tensor"),
    "Keras input": (lambda: symbolic("input"), "symbolic tensor"),
    "Dataset": (lambda: symbolic("dataset"), "as_numpy_iterator"),
    "History": (lambda: symbolic("history"), r"put \.history behind it"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_data_is_refused_with_what_to_do(name):
    value, reason = REFUSED[name]
    with pytest.raises(NotData, match=reason):
        strict(plain(value() if type(value) is types.FunctionType else value))


@pytest.mark.parametrize(
    "form, value, data",
    [
        (kit.Number(), np.longdouble(0.5), 0.5),
        (kit.Number(), np.array([[0.5]]), 0.5),
        (kit.Number(), pa.scalar(0.5), 0.5),
        (kit.Integer(), np.float16(3), 3),
        (kit.Text(), np.bytes_(b"ab"), "ab"),
        (kit.Names(), pd.Categorical(["b", "a"]), ["a", "b"]),
        (kit.Names(), GRAPH.nodes, ["a", "b"]),
        (kit.Numbers(2), np.array([[0.5], [1]]), [0.5, 1]),
        (kit.Numbers(), np.array([0.5], "longdouble"), [0.5]),
        (kit.Records("carrier"), ARROW, ROWS),
        (kit.Records("n"), np.rec.array([(1, 0.5)], names="n,x"), [{"n": 1, "x": 0.5}]),
        (kit.Records("carrier"), FRAME.set_index("carrier", drop=False), ROWS),
        (kit.Mapping("share"), FRAME.dtypes, {"carrier": "object", "share": "float64"}),
        (kit.Mapping(), types.MappingProxyType({"a": 1}), {"a": 1}),
        (kit.Mapping(), pd.Series([0.5], pd.IntervalIndex.from_breaks([0, 1])), {"(0, 1]": 0.5}),
    ],
)
def test_a_form_reads_what_libraries_hand_out(form, value, data):
    assert form.read(value) == data


@pytest.mark.parametrize(
    "form, value, reason",
    [
        (kit.Number(), pd.Timedelta("5min"), "is of type Timedelta; it should be a number."),
        (kit.Number(), datetime.timedelta(1), "is a length of time; it should be a number."),
        (kit.Number(), FRAME, "is of type DataFrame; it should be a number."),
        (kit.Number(), {1, 2}, "is a set; it should be a number."),
        (
            kit.Numbers(),
            np.array([ISO], "M8[ns]"),
            f'holds "{ISO}T00:00:00"; it should be a list of numbers.',
        ),
        (kit.Numbers(), np.ma.array([1, 2], mask=[0, 1]), "holds a value that is missing or infinite."),
        (kit.Numbers(), pa.array([1, None]), "holds a value that is missing or infinite."),
        (kit.Mapping(), pd.Series([1, 2], ["a", "a"]), "has the key `a` more than once."),
        (
            kit.Function([(1,)]),
            lambda x: coroutine(),
            "can't be judged yet: `<lambda>(1)` gave an answer that is a coroutine: "
            "write `def` instead of `async def`.",
        ),
    ],
)
def test_a_form_refuses_with_what_the_answer_is(form, value, reason):
    with pytest.raises(NotData) as refused:
        form.read(value)
    assert str(refused.value) == reason
