"""Collecting, part one: whatever object a learner binds to a name, plain JSON data comes out, or a reason why not.

Types are looked up with `type(value)`, never `isinstance`, and read through the base type's own methods, so that a
learner's subclass with a broken `__len__`, `__eq__` or `__class__` can't get in the way.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import decimal
import enum
import fractions
import json
import math
import pathlib
import types
import uuid
from collections.abc import Iterable
from typing import Any

from helpers.exercises import foreign
from helpers.exercises.foreign import NotData

MOST_VALUES = 100_000  # an answer is something a person gives, not a data set
MOST_LETTERS = 200_000
DEEPEST = 40
LARGEST = 10**18  # beyond it, integers and floats no longer agree

_LISTS = (list, tuple, set, frozenset, range)
_CONTAINERS = (collections.abc.Sequence, collections.abc.Set, collections.abc.ValuesView)


class Blank(Exception):
    """The answer, or a part of it, is still `...`. The message says where; it is empty for the whole."""


def plain(value: Any) -> Any:
    """`value` as JSON data: dict (text keys), list, str, int, float, bool, None.

    Sets come out sorted; tables and structured arrays as a list of records, an index that has a name included; arrays and
    tensors as numbers or lists; messages of protobuf as their text; dates and lengths of time in ISO form; intervals,
    periods and data types as they print; dataclasses as dicts. What is missing is NaN, and NaN and infinities are kept
    as floats: see `strict`.

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
    """What a value is, in words a learner knows: "a list", "text", "of type DataFrame"."""
    known = {
        datetime.timedelta: "a length of time",
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
            name = object.__getattribute__(value, "_name_")
            return self.take(str(value) if name is None else name, where, above)  # A|B of flags has no name
        if issubclass(cls, str):
            return self.text(str.__str__(value))
        if issubclass(cls, bytes):
            return self.text(bytes.decode(value, "utf-8", "replace"))
        if issubclass(cls, int):
            return self.integer(int.__int__(value))
        if issubclass(cls, float):
            return float.__float__(value)
        if issubclass(cls, complex):
            raise NotData(f"{_is(where)} a complex number: take its real part, or abs(…).")
        if len(above) > DEEPEST:
            raise NotData("is nested too deep.")
        if id(value) in above:
            raise NotData("contains itself.")
        return self.whole(value, cls, where, (*above, id(value)))

    def whole(self, value: Any, cls: type, where: str, above: tuple[int, ...]) -> Any:
        if issubclass(cls, dict):
            return self.named(list(dict.items(value)), where, above)
        if issubclass(cls, _LISTS):
            base = next(base for base in _LISTS if issubclass(cls, base))
            self.room(base.__len__(value))
            items = self.items(base.__iter__(value), where, above)
            return sorted(items, key=_order) if base in (set, frozenset) else items
        if issubclass(cls, types.CoroutineType):
            value.close()
            raise NotData(f"{_is(where)} a coroutine: write `def` instead of `async def`.")
        if issubclass(cls, types.MethodType):
            raise NotData(f"{_is(where)} a method that was not called: put () behind it.")
        simpler = foreign.simpler(value, cls, self.room)
        if simpler is not foreign.UNKNOWN:
            return self.take(simpler, where, above)
        return self.other(value, cls, where, above)

    def other(self, value: Any, cls: type, where: str, above: tuple[int, ...]) -> Any:
        if hasattr(cls, "__next__"):
            raise NotData("is a stream that can be read only once: put list(…) around it.")
        if issubclass(cls, (pathlib.PurePath, uuid.UUID)):
            return self.text(str(value))
        if issubclass(cls, (datetime.date, datetime.time)):
            return value.isoformat()
        if issubclass(cls, datetime.timedelta):
            return foreign.seconds(value.total_seconds())
        if issubclass(cls, (decimal.Decimal, fractions.Fraction)):
            return float(value)
        if issubclass(cls, (bytearray, memoryview)):
            return self.take(bytes(value), where, above)
        if issubclass(cls, collections.abc.Mapping):
            self.room(len(value))
            return self.named(list(value.items()), where, above)
        if issubclass(cls, _CONTAINERS):
            self.room(len(value))
            return self.items(value, where, above)
        if dataclasses.is_dataclass(cls):
            return {
                field.name: self.take(getattr(value, field.name), f"{where}.{field.name}", above)
                for field in dataclasses.fields(cls)
            }
        what = kind(value)
        some = "something " if where and what.startswith("of") else ""
        raise NotData(f"{_is(where)} {some}{what}, which is not plain data.")

    def items(self, values: Iterable, where: str, above: tuple[int, ...]) -> list:
        return [self.take(item, f"{where}[{i}]", above) for i, item in enumerate(values)]

    def named(self, pairs: list[tuple], where: str, above: tuple[int, ...]) -> dict[str, Any]:
        self.spend(len(pairs))
        data: dict[str, Any] = {}
        for key, item in pairs:
            name = self.key(key)
            if name in data:
                raise NotData(f"has the key `{clean(name, 40)}` more than once.")
            data[name] = self.take(item, f"{where}[{name!r}]", above)
        return data

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


def _is(where: str) -> str:
    return "holds" if where else "is"


def _order(item: Any) -> tuple[str, str]:
    return type(item).__name__, json.dumps(item)
