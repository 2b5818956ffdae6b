"""Lines and bars in the house's look: a finding as title, names at the lines, numbers at the bars, intervals, named limits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from helpers.drawing.look import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, wrapped
from helpers.drawing.words import alt, checked, number, place

Ends = Mapping[Any, tuple[Iterable[float], Iterable[float]]]
APART = 6  # columns that dash and marker, or colour and hatch, tell apart
DIRECT = 4  # lines whose names stand at their ends; of more, in a legend
BARS = 40  # bars that can still be read
FILLS = list(
    zip([BLUE, ORANGE, GREEN, RED, PURPLE, SKY], ["", "///", "...", "\\\\\\", "xxx", "---"], strict=True)
)
INK = "#222222"


def lines(
    data: pd.DataFrame | pd.Series,
    title: str,
    x: str,
    y: str,
    form: str,
    bands: Ends | None,
    marks: Mapping[str, float] | None,
    rotate: bool,
) -> tuple[Figure, str]:
    """What `figures.lines` shows: the figure and its words."""
    frame, bands = _ready(data, bands)
    dates = isinstance(frame.index, pd.DatetimeIndex)
    counted = dates or pd.api.types.is_numeric_dtype(frame.index)
    where = frame.index if counted else range(len(frame))
    fig, ax = plt.subplots()
    drawn = {}
    for column in frame.columns:
        values = frame[column].to_numpy()
        # A marker on each of many points would hide the line
        (drawn[column],) = ax.plot(where, values, label=str(column), markevery=max(1, len(frame) // 15))
        if column in bands:
            ax.fill_between(where, *bands[column], color=drawn[column].get_color(), alpha=0.18)
    ax.set(xlabel=x, ylabel=y)
    ax.set_title(wrapped(title, 66))
    if not counted:
        ax.set_xticks(where, [wrapped(place(label), 14) for label in frame.index])
    elif not dates and len(frame) <= 15:
        ax.set_xticks(frame.index, [place(label) for label in frame.index])
    if rotate:
        ax.tick_params(axis="x", labelrotation=30)
        plt.setp(ax.get_xticklabels(), ha="right", rotation_mode="anchor")
    _limits(ax, marks, form, frame)
    _plain(ax.yaxis, form)
    if 1 < len(frame.columns) <= DIRECT:
        _names(ax, drawn)
    elif len(frame.columns) > DIRECT:
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), handlelength=3)
    return fig, alt(title, data, form, x=x, y=y, intervals=bands, marks=marks)


def bars(
    data: pd.DataFrame | pd.Series,
    title: str,
    x: str,
    errors: Ends | None,
    form: str,
    marks: Mapping[str, float] | None,
) -> tuple[Figure, str]:
    """What `figures.bars` shows: the figure and its words."""
    frame, errors = _ready(data, errors)
    rows, columns = frame.shape
    if frame.size > BARS:
        raise ValueError(
            f"{frame.size} bars can't be read in one picture; it holds {BARS}: choose or sum up."
        )
    thick = 0.8 / columns
    fig, ax = plt.subplots(figsize=(7.5, 1.2 + 0.26 * max(frame.size, 2) + 0.1 * rows))
    for i, column in enumerate(frame.columns):
        colour, hatch = FILLS[i]
        values = frame[column].to_numpy()
        at = np.arange(rows) + (i - (columns - 1) / 2) * thick
        ax.barh(at, np.nan_to_num(values), thick * 0.92, color=colour, hatch=hatch, edgecolor="white",
                label=str(column))  # fmt: skip
        low, high = errors.get(column, (values, values))
        if column in errors:
            ax.hlines(at, low, high, color=INK, linewidth=1.3)
            for end in (low, high):
                ax.plot(end, at, "|", color=INK, markersize=8, markeredgewidth=1.3, linestyle="none")
        for spot, value, left, right in zip(at, values, low, high, strict=True):
            _number(ax, spot, value, min(left, value, 0), max(right, value, 0), form)
    ax.set_yticks(range(rows), [wrapped(place(label), 30) for label in frame.index])
    ax.set_ylim(rows - 0.45, -0.55)
    ax.grid(visible=False, axis="y")
    ax.grid(visible=True, axis="x")
    ax.tick_params(axis="y", length=0)
    ax.axvline(0, color=GREY, linewidth=0.8, linestyle="-", marker="")
    ax.set(xlabel=x, ylabel=frame.index.name or "")
    ax.set_title(wrapped(title, 60), x=0)
    for name, spot in (marks or {}).items():
        ax.axvline(spot, color=INK, linestyle=(0, (4, 2)), linewidth=1.2, marker="")
        ax.annotate(f"{name} {number(spot, form)}", (spot, 1), (3, 1), xycoords=("data", "axes fraction"),
                    textcoords="offset points", fontsize=9, va="bottom")  # fmt: skip
    ax.margins(x=0.14)
    if marks:
        ax.set_title(ax.get_title("left"), pad=22)
    _plain(ax.xaxis, form)
    if columns > 1:
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return fig, alt(title, data, form, y=x, intervals=errors, marks=marks)


def _ready(data: pd.DataFrame | pd.Series, given: Ends | None) -> tuple[pd.DataFrame, dict[Any, Any]]:
    """The checked frame, and by column the low and high ends as arrays as long as it."""
    frame = checked(data)
    if frame.shape[1] > APART:
        raise ValueError(f"{frame.shape[1]} columns can't be told apart in one picture; it holds {APART}.")
    ends = {}
    for column, (low, high) in (given or {}).items():
        if column not in frame.columns:
            known = ", ".join(repr(name) for name in frame.columns)
            raise KeyError(f"There is no column {column!r} to give an interval to; there is {known}.")
        low, high = (np.asarray(list(end), dtype=float) for end in (low, high))
        if not len(low) == len(high) == len(frame):
            raise ValueError(
                f"Interval of {column!r}: {len(low)} low and {len(high)} high ends for {len(frame)} rows."
            )
        if (low > high).any():
            raise ValueError(f"Interval of {column!r}: a low end lies above its high end.")
        ends[column] = low, high
    return frame, ends


def _limits(ax: Any, marks: Mapping[str, float] | None, form: str, frame: pd.DataFrame) -> None:
    """Horizontal lines with their names on them, at the side where the data keep away farther."""
    values = frame.to_numpy()
    quarter = max(1, len(frame) // 4)
    for name, spot in (marks or {}).items():
        ax.axhline(spot, color=INK, linestyle=(0, (4, 2)), linewidth=1.2, marker="")
        left, right = (np.nanmin(np.abs(part - spot), initial=math.inf) for part in (values[:quarter], values[-quarter:]))  # fmt: skip
        side, align, shift = (0, "left", 3) if left >= right else (1, "right", -3)
        ax.annotate(f"{name} {number(spot, form)}", (side, spot), (shift, 2), xycoords=("axes fraction", "data"),
                    textcoords="offset points", ha=align, va="bottom", fontsize=9,
                    bbox={"facecolor": "white", "alpha": 0.75, "pad": 0.8})  # fmt: skip


def _names(ax: Any, drawn: dict[Any, Any]) -> None:
    """Each line's name beside its last point, pushed apart where ends lie close, with a thread from the point to the name."""
    low, high = ax.get_ylim()
    ends = {}
    for column, line in drawn.items():
        there = [at for at, value in enumerate(line.get_ydata()) if not math.isnan(value)]
        ends[column] = line.get_xdata()[there[-1]], line.get_ydata()[there[-1]]
    texts = {column: wrapped(str(column), 18) for column in drawn}
    heights = {column: 0.065 * (text.count("\n") + 1) + 0.02 for column, text in texts.items()}
    order = sorted(drawn, key=lambda column: ends[column][1])
    spots = _apart(
        [(ends[name][1] - low) / (high - low) for name in order], [heights[name] for name in order]
    )
    for column, spot in zip(order, spots, strict=True):
        thread = {"arrowstyle": "-", "color": drawn[column].get_color(), "linewidth": 1, "shrinkA": 1}
        ax.annotate(texts[column], ends[column], (1.03, spot), textcoords="axes fraction", va="center",
                    fontsize=9, arrowprops=thread, annotation_clip=False)  # fmt: skip


def _apart(spots: list[float], heights: list[float]) -> list[float]:
    """The rising spots, moved as little as keeps each its height from the next, by averaging those that touch."""
    groups: list[list[int]] = []
    middles: list[float] = []

    def places(group: list[int], middle: float) -> list[float]:
        tops = np.cumsum([heights[i] for i in group])
        return [middle - tops[-1] / 2 + top - heights[i] / 2 for i, top in zip(group, tops, strict=True)]

    for i, spot in enumerate(spots):
        groups.append([i])
        middles.append(spot)
        while len(groups) > 1 and (
            places(groups[-2], middles[-2])[-1] + heights[groups[-2][-1]] / 2
            > places(groups[-1], middles[-1])[0] - heights[groups[-1][0]] / 2
        ):
            last = groups.pop()
            middles.pop()
            groups[-1] += last
            middles[-1] = float(np.mean([spots[j] for j in groups[-1]]))
    return [at for group, middle in zip(groups, middles, strict=True) for at in places(group, middle)]


def _number(ax: Any, spot: float, value: float, low: float, high: float, form: str) -> None:
    """The bar's number beyond its end and its interval, on the side the bar points to."""
    left = value < 0
    text = "–" if math.isnan(value) else number(value, form)
    end = 0 if math.isnan(value) else low if left else high
    ax.annotate(text, (end, spot), (-4 if left else 4, 0), textcoords="offset points", va="center",
                ha="right" if left else "left", fontsize=9,
                bbox={"facecolor": "white", "alpha": 0.8, "pad": 0.5})  # fmt: skip


def _plain(axis: Any, form: str) -> None:
    """Ticks by the format, few enough that no two read the same."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value, form)))
    for count in (7, 5, 4, 3, 2, 1):
        # Steps of 1, 2 and 5 alone: others would round unevenly, and not be seen to
        axis.set_major_locator(MaxNLocator(count, steps=[1, 2, 5, 10]))
        texts = [number(value, form) for value in axis.get_majorticklocs()]
        if len(set(texts)) == len(texts):
            return
