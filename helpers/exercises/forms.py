"""The forms an answer can have. Each reads a learner's object into plain data of one shape, or says what is wrong with it."""

from __future__ import annotations

import contextlib
import functools
import math
import sys
from collections.abc import Callable
from typing import Any

from helpers.exercises.plain import Blank, NotData, clean, kind, plain, strict
from helpers.exercises.probes import call, calls, failure, is_blank


class _Misfit(NotData):
    """The answer is something else altogether."""


class Form:
    """A shape of plain data. `asks` completes "It should be …"."""

    asks = "plain data"

    def read(self, value: Any) -> Any:
        """Plain data of this shape. Raises NotData with the reason, or Blank for `...`."""
        try:
            return strict(self.shape(plain(value)))
        except _Misfit:
            raise self.refuse(value) from None

    def taken(self, value: Any) -> Any:
        """What `read` makes of anything that a learner hands in. Raises Blank and NotData alone."""
        try:
            if value is ...:
                raise Blank("")
            return self.read(value)
        except (Blank, NotData):
            raise
        except RecursionError:
            raise NotData("is nested too deep.") from None
        # A learner's object may raise anything while it is read
        except (Exception, SystemExit) as error:  # noqa: BLE001
            raise NotData(
                f"can't be read: it raises {type(error).__name__}. It should be {self.asks}."
            ) from None

    def shape(self, data: Any) -> Any:
        return data

    def handed(self, value: Any) -> Any:
        """What the lesson goes on with, of a right answer."""
        return value

    def refuse(self, data: Any) -> NotData:
        return _Misfit(f"is {kind(data)}; it should be {self.asks}.")


class Number(Form):
    """A finite number, at least `low`, at most `high`. Read as float."""

    asks = "a number"

    def __init__(self, low: float | None = None, high: float | None = None) -> None:
        self.low, self.high = low, high

    def shape(self, data: Any) -> float:
        data = _alone(data)
        if type(data) not in (int, float):
            raise self.refuse(data)
        if not math.isfinite(data):
            raise NotData("is not a number (NaN)." if math.isnan(data) else "is infinite.")
        if self.low is not None and data < self.low:
            raise NotData(f"is below {self.low:g}, which it can't be.")
        if self.high is not None and data > self.high:
            raise NotData(f"is above {self.high:g}, which it can't be.")
        return self.typed(data)

    def typed(self, data: float) -> Any:
        return float(data)


class Integer(Number):
    """A whole number, at least `low`, at most `high`. 3.0 counts as 3."""

    asks = "a whole number"

    def typed(self, data: float) -> int:
        if data != int(data):
            raise NotData("is not a whole number.")
        return int(data)


class Text(Form):
    """Text that is not empty."""

    asks = "text"

    def shape(self, data: Any) -> str:
        if type(data) is not str:
            raise self.refuse(data)
        if not data.strip():
            raise NotData("is empty.")
        return data


class Choice(Form):
    """One of the given words, whatever the case. Read as the word as given."""

    def __init__(self, *words: str) -> None:
        self.words = {word.casefold(): word for word in words}
        self.asks = "one of " + ", ".join(f'"{word}"' for word in words)

    def shape(self, data: Any) -> str:
        if type(data) is not str or data.strip().casefold() not in self.words:
            raise NotData(f"should be {self.asks}.")
        return self.words[data.strip().casefold()]


class Names(Form):
    """A set, list, tuple, Index or Series of texts. Read as a sorted list without repeats; it may be empty."""

    asks = 'a set of names, such as {"first", "second"}'

    def shape(self, data: Any) -> list[str]:
        if type(data) is not list:
            raise self.refuse(data)
        if odd := [item for item in data if type(item) is not str]:
            raise NotData(f"holds {kind(odd[0])}; it should be {self.asks}.")
        return sorted({item.strip() for item in data})


class Numbers(Form):
    """A list (array, Series) of finite numbers, `length` of them if given. Read as floats."""

    def __init__(self, length: int | None = None) -> None:
        self.length = length
        self.asks = "a list of numbers" if length is None else f"a list of {length} numbers"

    def shape(self, data: Any) -> list[float]:
        if type(data) is not list:
            raise self.refuse(data)
        data = [_alone(item) for item in data]
        if odd := [item for item in data if type(item) not in (int, float, type(None))]:
            item = f'"{clean(odd[0], 40)}"' if type(odd[0]) is str else kind(odd[0])
            raise NotData(f"holds {item}; it should be {self.asks}.")
        if not all(item is not None and math.isfinite(item) for item in data):
            raise NotData("holds a value that is missing or infinite.")
        if self.length is not None and len(data) != self.length:
            raise NotData(f"has {len(data)} values; it should be {self.asks}.")
        return [float(item) for item in data]


class Records(Form):
    """A DataFrame, or a list of dicts, in which every row has these columns; others may be there. Missing cells are None."""

    def __init__(self, *columns: str) -> None:
        self.columns = columns
        self.asks = "a table with the columns " + ", ".join(f"`{name}`" for name in columns)

    def shape(self, data: Any) -> list[dict[str, Any]]:
        if type(data) is not list or any(type(row) is not dict for row in data):
            raise self.refuse(data)
        if not data:
            raise NotData("has no rows.")
        for name in self.columns:
            if any(name not in row for row in data):
                raise NotData(f"has no column `{name}`; it should be {self.asks}.")
        return data


class Mapping(Form):
    """A dict or Series from text to data, having at least these keys."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys
        self.asks = "a dict" + (f" with the keys {', '.join(f'`{key}`' for key in keys)}" if keys else "")

    def read(self, value: Any) -> dict[str, Any]:
        pandas = sys.modules.get("pandas")
        if pandas and issubclass(type(value), pandas.Series):
            if value.index.has_duplicates:
                raise NotData(f"has the key `{value.index[value.index.duplicated()][0]}` more than once.")
            value = value.to_dict()
        return super().read(value)

    def shape(self, data: Any) -> dict[str, Any]:
        if type(data) is not dict:
            raise self.refuse(data)
        for key in self.keys:
            if key not in data:
                raise NotData(f"has no key `{key}`; it should be {self.asks}.")
        return data


class Function(Form):
    """A function, read as what it does with each probe (a tuple of arguments): a list of {"input": […], "output": …}.

    `probes` may be a function without arguments that makes them, at the first reading. A function that raises is refused with its error and the
    line, unless `may_raise`: then the judge sees {"input", "error"[, "line"]}. `seconds` limits each call.
    """

    asks = "a function"

    def __init__(
        self, probes: list[tuple] | Callable[[], list[tuple]], *, may_raise: bool = False, seconds: float = 10
    ) -> None:
        self._probes, self.may_raise, self.seconds = probes, may_raise, seconds

    @functools.cached_property
    def probes(self) -> list[tuple]:
        return self._probes() if callable(self._probes) else self._probes

    def read(self, value: Any) -> list[dict[str, Any]]:
        if not callable(value):
            raise NotData(f"is {kind(value)}; it should be a function.")
        if is_blank(value):
            raise Blank("")
        records = []
        with contextlib.closing(calls(value, self.probes, self.seconds)) as made:
            for record in made:
                if "error" in record and not self.may_raise:
                    said, below = call(str(getattr(value, "__name__", "function")), record["input"])
                    raise NotData(f"can't be judged yet: `{said}` {failure(record)}{below}")
                records.append(record)
        return records


def _alone(data: Any) -> Any:
    """The value in a list of one, or the data: numpy and Keras give a number as an array of one, or one by one."""
    while type(data) is list and len(data) == 1:
        data = data[0]
    return data
