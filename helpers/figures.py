"""The look of every plot and table, the same on every machine; stands in for Facets and TFMA widgets, which do not show offline.

Colours are Okabe and Ito's, which people of every colour vision tell apart; lines also differ by dash and marker.
"""

from __future__ import annotations

import html
import io
import math
from collections.abc import Iterable
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
from cycler import cycler

from helpers.display import say

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, GREY = "#CC79A7", "#56B4E9", "#6E6E6E"
DPI = 160  # pixels per inch in the file; shown at half of that, so that text is sharp on dense screens
_STYLE = {
    "figure.figsize": (7.5, 3.6),
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": "#222222",  # the font that ships with matplotlib
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelsize": 10,
    "axes.labelcolor": "#222222",
    "axes.edgecolor": "#6E6E6E",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.7,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "patch.linewidth": 0,
    "image.cmap": "cividis",
    "svg.hashsalt": "workbook",
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, RED, PURPLE, SKY])
    + cycler(linestyle=["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1))])
    + cycler(marker=["o", "s", "^", "D", "v", "P"]),
}


def style() -> None:
    """Set the house style for all figures of this process. Done by `lesson.begin`."""
    matplotlib.rcParams.update(_STYLE)


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
