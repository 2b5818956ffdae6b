"""The look of every plot and table, the same on every machine; stands in for Facets and TFMA widgets, which do not show offline."""

from __future__ import annotations

import html
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd

from helpers.display import say
from helpers.drawing import charts, overviews
from helpers.drawing.look import BLUE, DPI, GREEN, GREY, ORANGE, PURPLE, RED, SKY, style
from helpers.drawing.words import alt

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "PURPLE",
    "RED",
    "SKY",
    "alt",
    "bars",
    "lines",
    "md",
    "overview",
]
__all__ += ["show", "style", "table"]


def overview(
    title: str,
    rows: Sequence[Sequence[str | None]],
    arrows: Iterable[tuple[str, str] | tuple[str, str, str]],
    new: Iterable[str] = (),
) -> None:
    """Display boxes in rows and the arrows between them: what a lesson builds. The picture's words tell each arrow.

    `rows`: per row the boxes' names from left to right, None for a gap; at most six. `arrows`: (from, to) or (from, to,
    label). `new`: the boxes that this lesson adds, drawn strong. Boxes in one row or column are joined by a straight arrow,
    diagonal neighbours from corner to corner, others by an arrow that turns once in an empty place. Raises ValueError where
    a box is in the way, or an arrow to another box; for two arrows one way between two boxes, a name that no box has or two
    have, or a row of more than six.
    """
    _draw(overviews.overview, title, rows, list(arrows), set(new))


def lines(
    frame: pd.DataFrame | pd.Series,
    title: str,
    x: str = "week",
    y: str = "dollars",
    form: str = "{:,.0f}",
    bands: charts.Ends | None = None,
    marks: Mapping[str, float] | None = None,
    rotate: bool = False,
) -> None:
    """Display a line per column over the index, at most six; up to four bear their names at their ends.

    `title` states the finding. `x` and `y` name the axes, with units; `form` formats values of y. `bands`: by column, the
    low and high ends of an interval, each as long as the frame. `marks`: by name, values of y at which a dashed line is
    drawn. `rotate` tilts long labels of the index. A missing value is a gap. Raises ValueError for a frame without rows, a
    column without values or too many columns, KeyError for a band of no column, TypeError for what is no number.
    """
    _draw(charts.lines, frame, title, x, y, form, bands, marks, rotate)


def bars(
    frame: pd.DataFrame | pd.Series,
    title: str,
    x: str = "",
    errors: charts.Ends | None = None,
    form: str = "{:,.0f}",
    marks: Mapping[str, float] | None = None,
) -> None:
    """Display a horizontal bar with its number per row, the first on top; per row and column of a frame of up to six.

    `title` states the finding. `x` names the values, with units; `form` formats them. `errors`: by column, or under None
    for a Series, the low and high ends of an interval. `marks`: by name, values at which a dashed line is drawn. A missing
    value is a dash. Raises as `lines` does, and ValueError for more than forty bars.
    """
    _draw(charts.bars, frame, title, x, errors, form, marks)


def _draw(picture: Callable[..., tuple[matplotlib.figure.Figure, str]], *told: Any) -> None:
    # Two amounts in dollars are no formula
    with plt.rc_context({"text.parse_math": False}):
        show(*picture(*told))


def show(fig: matplotlib.figure.Figure, alt: str) -> None:
    """Display the figure as a PNG and close it. `alt` says in one sentence what it shows, with its numbers.

    The bytes are the same on every run: no date, no program name. Raises ValueError without `alt`.
    """
    if not alt.strip():
        raise ValueError("Say in `alt` what the picture shows: some readers only have that.")
    page = io.BytesIO()
    fig.savefig(page, format="png", metadata={"Software": None})
    width, height = (round(inches * DPI / 2) for inches in fig.get_size_inches())
    plt.close(fig)
    say(alt, picture=page.getvalue(), size={"width": width, "height": height, "alt": alt})


def md(text: str) -> None:
    """Display a computed sentence as Markdown: prose whose every number comes from a variable."""
    say(text, {"text/markdown": text})


def table(
    frame: pd.DataFrame,
    caption: str | None = None,
    formats: dict[str, str] | None = None,
    bars: Iterable[str] | dict[str, float] | None = None,
) -> Table:
    """A table to display, as HTML and as plain text; the index is shown only if it has a name.

    `formats`: by column, a format such as "{:.1%}"; else integers are grouped by thousands, floats get three decimals.
    `bars`: columns drawn with a bar behind the number: from zero to the right, below zero to the left, all on the column's one
    scale, which ends at its extremes or at the maximum (and its negative) that a dict gives. Raises KeyError for a column that
    isn't there.
    """
    return Table(frame, caption, formats or {}, bars or ())


class Table:
    """What `table` returns; cells are formatted once, when it is made."""

    def __init__(
        self,
        frame: pd.DataFrame,
        caption: str | None,
        formats: dict[str, str],
        bars: Iterable[str] | dict[str, float],
    ) -> None:
        self.labels = frame.index.nlevels if any(name is not None for name in frame.index.names) else 0
        frame = frame.reset_index() if self.labels else frame
        if unknown := [name for name in [*formats, *bars] if name not in frame.columns]:
            known = ", ".join(map(str, frame.columns))
            raise KeyError(f"The table has no column {unknown[0]!r}; it has {known}.")
        self.caption, self.names = caption, [str(name) for name in frame.columns]
        columns = [frame.iloc[:, i] for i in range(frame.shape[1])]
        texts = [[_cell(value, formats.get(column.name)) for value in column] for column in columns]
        self.cells = list(zip(*texts, strict=True))
        self.numeric = [
            pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
            for column in columns
        ]
        self.bars = [_bars(column, bars) for column in columns]

    def __repr__(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.names, *self.cells, strict=True)]
        rule = ["─" * width for width in widths]
        lines = [
            "  ".join(
                text.rjust(width) if right else text.ljust(width)
                for text, width, right in zip(row, widths, self.numeric, strict=True)
            ).rstrip()
            for row in [self.names, rule, *self.cells]
        ]
        return "\n".join([self.caption, *lines] if self.caption else lines)

    def _repr_html_(self) -> str:
        sides = [f"text-align:{'right' if right else 'left'}" for right in self.numeric]
        head = [
            f'<th scope="col" style="{side}">{html.escape(name)}</th>'
            for name, side in zip(self.names, sides, strict=True)
        ]
        rows = []
        for number, texts in enumerate(self.cells):
            cells = []
            for i, text in enumerate(texts):
                tag, scope = ("th", ' scope="row"') if i < self.labels else ("td", "")
                cells.append(
                    f'<{tag}{scope} style="{sides[i]}{self.bars[i][number]}">{html.escape(text)}</{tag}>'
                )
            rows.append(f"<tr>{''.join(cells)}</tr>")
        look = "caption-side:top;text-align:left;font-weight:bold;padding:.3em 0;white-space:nowrap"
        caption = f'<caption style="{look}">{html.escape(self.caption)}</caption>' if self.caption else ""
        return (
            f"<table>{caption}<thead><tr>{''.join(head)}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        )


def _cell(value: Any, form: str | None) -> str:
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return "–"
    if form is not None:
        return form.format(value)
    if pd.api.types.is_bool(value):
        return "yes" if value else "no"
    if pd.api.types.is_integer(value):
        return f"{value:,}"
    return f"{value:,.3f}" if pd.api.types.is_float(value) else str(value)


def _bars(column: pd.Series, bars: Iterable[str] | dict[str, float]) -> list[str]:
    """Per cell the CSS of its bar: translucent, so that light and dark text stay legible; left of a line at zero where negative."""
    if column.name not in bars:
        return [""] * len(column)
    sizes = [float(value) if pd.notna(value) and math.isfinite(value) else 0.0 for value in column]
    low, high = min([0.0, *sizes]), max([0.0, *sizes])
    if isinstance(bars, dict):
        low, high = -bars[column.name] if low < 0 else 0.0, bars[column.name]
    places = [min(max((size - low) / (high - low or 1), 0), 1) for size in [0.0, *sizes]]
    zero = places.pop(0)
    line = f"transparent {zero:.1%},#888 {zero:.1%} calc({zero:.1%} + 1px),transparent 0"
    axis = f"linear-gradient(to right,{line})," if low < 0 else ""
    styles = []
    for place in places:
        left, right = (f"{end:.1%}" for end in sorted([zero, place]))
        shade = "rgba(213,94,0,.35)" if place < zero else "rgba(86,180,233,.45)"
        bar = f"linear-gradient(to right,transparent {left},{shade} {left} {right},transparent {right})"
        styles.append(f";min-width:8em;background:{axis}{bar}")
    return styles
