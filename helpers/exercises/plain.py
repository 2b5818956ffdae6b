"""Collecting, part one: whatever object a learner binds to a name, plain JSON data comes out, or a reason why not.

Types are looked up with `type(value)`, never `isinstance`, and read through the base type's own methods, so that a
learner's subclass with a broken `__len__`, `__eq__` or `__class__` can't get in the way.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import json
import math
import pathlib
import sys
import types
from typing import Any

MOST_VALUES = 100_000  # an answer is something a person gives, not a data set
MOST_LETTERS = 200_000
DEEPEST = 40
LARGEST = 10**18  # beyond it, integers and floats no longer agree

_TEXTS = (str,)
_LISTS = (list, tuple, set, frozenset, range, type({}.keys()), type({}.values()))
_STREAMS = (types.GeneratorType, map, filter, zip, enumerate, reversed)


class NotData(Exception):
    """The answer can't be read as plain data. The message completes the sentence "Your `name` …"."""


class Blank(Exception):
    """The answer, or a part of it, is still `...`. The message says where; it is empty for the whole."""


def plain(value: Any) -> Any:
    """`value` as JSON data: dict (text keys), list, str, int, float, bool, None.

    Sets come out sorted, tables as a list of records (a named index included), numpy and TensorFlow values as numbers
    or lists, protos in text form, dates in ISO form, dataclasses as dicts. NaN and infinities are kept as floats: see `strict`.

    Raises NotData for anything else (a stream, a nest that contains itself, more than 100,000 values) and Blank for `...`.
    """
    return _Collector().take(value, "", ())


def strict(data: Any) -> Any:
    """`data` with NaN as None, as in a table's missing cell. Raises NotData for an infinity: JSON has none."""
    if type(data) is float and not math.isfinite(data):
        if math.isnan(data):
            return None
        raise NotData("contains an infinite number.")
    if type(data) is list:
        return [strict(item) for item in data]
    if type(data) is dict:
        return {key: strict(item) for key, item in data.items()}
    return data


def kind(value: Any) -> str:
    """What a value is, in words a learner knows: "a list", "a DataFrame", "text"."""
    known = {
        str: "text",
        bool: "True or False",
        int: "an integer",
        float: "a number",
        list: "a list",
        dict: "a dict",
        tuple: "a tuple",
        set: "a set",
        type(None): "None",
        types.FunctionType: "a function",
        type: "a class",
    }
    cls = type(value)
    return known.get(cls) or f"of type {clean(cls.__name__, 40)}"


def clean(text: str, most: int = 200) -> str:
    """Text that can be shown: no lone surrogates or control characters, at most `most` characters."""
    text = str.__str__(text[: most + 1]).encode("utf-8", "replace").decode()
    text = "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= most else text[:most] + "…"


class _Collector:
    """One walk over an answer, with a budget of values and letters."""

    def __init__(self) -> None:
        self.values, self.letters = MOST_VALUES, MOST_LETTERS

    def take(self, value: Any, where: str, above: tuple[int, ...]) -> Any:
        self.spend(1)
        cls = type(value)
        if value is ...:
            raise Blank(where)
        if value is None or cls is bool:
            return value
        if issubclass(cls, enum.Enum):
            return self.take(object.__getattribute__(value, "_name_"), where, above)
        if issubclass(cls, _TEXTS):
            return self.text(str.__str__(value))
        if issubclass(cls, bytes):
            return self.text(bytes.decode(value, "utf-8", "replace"))
        if issubclass(cls, int):
            return self.integer(int.__int__(value))
        if issubclass(cls, float):
            return float.__float__(value)
        if len(above) > DEEPEST:
            raise NotData("is nested too deep.")
        if id(value) in above:
            raise NotData("contains itself.")
        return self.whole(value, cls, where, (*above, id(value)))

    def whole(self, value: Any, cls: type, where: str, above: tuple[int, ...]) -> Any:
        if issubclass(cls, dict):
            items = list(dict.items(value))
            self.spend(len(items))
            return {
                self.key(key): self.take(item, f"{where}[{self.key(key)!r}]", above) for key, item in items
            }
        if issubclass(cls, _LISTS):
            base = next(base for base in _LISTS if issubclass(cls, base))
            self.room(base.__len__(value))
            items = [self.take(item, f"{where}[{i}]", above) for i, item in enumerate(base.__iter__(value))]
            return (
                sorted(items, key=lambda item: (type(item).__name__, json.dumps(item)))
                if base in (set, frozenset)
                else items
            )
        if issubclass(cls, _STREAMS) or hasattr(cls, "__next__"):
            raise NotData("is a stream that can be read only once: put list(…) around it.")
        if issubclass(cls, pathlib.PurePath):
            return self.text(str(value))
        if issubclass(cls, (datetime.date, datetime.time)):
            return value.isoformat()
        if issubclass(cls, (decimal.Decimal, fractions.Fraction)):
            return float(value)
        if dataclasses.is_dataclass(cls):
            return {
                field.name: self.take(getattr(value, field.name), f"{where}.{field.name}", above)
                for field in dataclasses.fields(cls)
            }
        return self.foreign(value, cls, where, above)

    def foreign(self, value: Any, cls: type, where: str, above: tuple[int, ...]) -> Any:
        """Objects of numpy, pandas, TensorFlow and protobuf: looked at only if the learner's session has imported them."""
        numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
        if numpy and issubclass(cls, numpy.generic):
            return self.take(value.item(), where, above)
        if numpy and issubclass(cls, numpy.ndarray):
            self.room(value.size)
            return self.take(value.tolist(), where, above)
        if pandas and (value is pandas.NA or value is pandas.NaT):
            return float("nan")
        if pandas and issubclass(cls, (pandas.Series, pandas.Index)):
            self.room(value.size)
            return self.take(value.tolist(), where, above)
        if pandas and issubclass(cls, pandas.DataFrame):
            self.room(value.size)
            table = value.reset_index() if any(name is not None for name in value.index.names) else value
            columns = [(self.key(name), table.iloc[:, i].tolist()) for i, name in enumerate(table.columns)]
            return [
                {name: self.take(cells[row], f"[{row}][{name!r}]", above) for name, cells in columns}
                for row in range(len(table))
            ]
        message = getattr(sys.modules.get("google.protobuf.message"), "Message", None)
        if message and issubclass(cls, message):
            from google.protobuf import text_format

            return self.text(text_format.MessageToString(value))
        tensorflow = sys.modules.get("tensorflow")
        if tensorflow and tensorflow.is_tensor(value) and hasattr(value, "numpy"):
            return self.take(value.numpy(), where, above)
        raise NotData(f"{'holds something' if where else 'is'} {kind(value)}, which is not plain data.")

    def key(self, key: Any) -> str:
        if type(key) is tuple:
            return ", ".join(self.key(part) for part in key)
        data = self.take(key, "", ())
        if type(data) is str:
            return data
        if type(data) in (int, float, bool, type(None)):
            return json.dumps(data)
        raise NotData(f"has a key that is {kind(key)}.")

    def integer(self, number: int) -> int:
        if abs(number) > LARGEST:
            raise NotData("holds an integer of more than 18 digits.")
        return number

    def text(self, text: str) -> str:
        self.letters -= len(text)
        if self.letters < 0:
            raise NotData(f"holds more than {MOST_LETTERS:,} characters.")
        return text.encode("utf-8", "replace").decode()

    def room(self, size: int) -> None:
        if size > self.values:
            raise NotData(f"has {size:,} values; an answer has at most {MOST_VALUES:,}.")

    def spend(self, values: int) -> None:
        self.values -= values
        if self.values < 0:
            raise NotData(f"has more than {MOST_VALUES:,} values.")
