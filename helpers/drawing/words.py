"""A picture in words, for those who only have these: its title, and what it shows with its numbers."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import Any

import pandas as pd

ALL_OF = (
    12  # rows whose values are all told, in up to four columns; of more, the first, last, lowest and highest
)


def alt(
    title: str,
    data: pd.DataFrame | pd.Series,
    form: str = "{:,.0f}",
    *,
    x: str = "",
    y: str = "",
    intervals: Mapping[Any, tuple[Any, Any]] | None = None,
    marks: Mapping[str, float] | None = None,
) -> str:
    """The alt text of a picture of `data`: the title, then per column its values, each with its place in the index.

    `form` formats a value; `x` names the places where these are numbers; `y` says what the values are. `intervals`: by column,
    the low and high ends; `marks`: by name, where a line is drawn. Up to twelve rows (and 48 values) all are told, else the first,
    last, lowest and highest. Raises ValueError for a frame without values, TypeError for a column that holds no numbers.
    """
    frame = checked(data)
    intervals = dict(intervals or {})
    parts = [ending(title)]
    short = len(frame) <= ALL_OF and frame.size <= 4 * ALL_OF
    if y:
        parts.append(f"{y[0].upper()}{y[1:]}{f' by {x}' if x else ''}.")
    for column in frame.columns:
        ends = intervals.get(column)
        name = f"{column}, " if column is not None else ""
        parts.append(ending(name + _values(frame[column], form, x, ends, short)))
    if marks:
        parts.append(
            ending("Marked: " + ", ".join(f"{name} {number(at, form)}" for name, at in marks.items()))
        )
    return " ".join(parts)


def checked(data: pd.DataFrame | pd.Series) -> pd.DataFrame:
    """The data as a frame of floats, a Series as its one column, without a name (None)."""
    if not isinstance(data, pd.DataFrame | pd.Series):
        raise TypeError(f"A picture is drawn of a DataFrame or a Series, not of {type(data).__name__}.")
    frame = data.to_frame() if isinstance(data, pd.Series) else data
    if not frame.size:
        raise ValueError(f"There is nothing to draw: {len(frame)} rows, {frame.shape[1]} columns.")
    if not frame.columns.is_unique:
        raise ValueError(f"Two columns have one name: {', '.join(map(str, frame.columns))}.")
    for column in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            raise TypeError(
                f"Column {column!r} holds no numbers ({frame[column].dtype}); the places go to the index."
            )
        if frame[column].isna().all():
            raise ValueError(f"Column {column!r} holds no value at all.")
    frame = frame.astype(float)
    if isinstance(data, pd.Series):
        frame.columns = pd.Index([None], dtype=object)
    return frame


def number(value: float, form: str) -> str:
    """The value by its format; what rounds to zero has no sign, which would hang on the last bit."""
    if math.isnan(value):
        return "no value"
    return form.format(0.0 if form.format(abs(value)) == form.format(0.0) else value)


def place(value: Any, x: str = "") -> str:
    """A label of the index as text: a date without its midnight, a number with what it counts, a tuple's parts in a row."""
    if isinstance(value, tuple):
        return ", ".join(map(place, value))
    if isinstance(value, pd.Timestamp):
        day = f"{value.day} {value:%b %Y}"
        return day if value == value.normalize() else f"{day} {value:%H:%M}"
    if isinstance(value, numbers.Number) and not isinstance(value, bool):
        return f"{x} {value:g}" if x else f"{value:g}"
    return str(value)


def ending(text: str) -> str:
    """The text on one line, as a sentence."""
    text = " ".join(text.split())
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _values(column: pd.Series, form: str, x: str, ends: tuple[Any, Any] | None, short: bool) -> str:
    """Each value with its place, or those that say most of a long column."""
    where = [place(label, x) for label in column.index]
    values = column.to_list()
    lows, highs = map(list, ends) if ends else ([None] * len(values), [None] * len(values))

    def told(at: int) -> str:
        text = number(values[at], form)
        if ends and not math.isnan(values[at]):
            text += f" ({number(lows[at], form)} to {number(highs[at], form)})"
        return text

    if short:
        return "; ".join(f"{where[at]}: {told(at)}" for at in range(len(values)))
    there = [at for at, value in enumerate(values) if not math.isnan(value)]
    ways = {
        "first": there[0],
        "last": there[-1],
        "lowest": min(there, key=lambda at: values[at]),
        "highest": max(there, key=lambda at: values[at]),
    }
    return f"{len(there)} values: " + ", ".join(
        f"{name} {told(at)} at {where[at]}" for name, at in ways.items()
    )
