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

from helpers.exercises.view import say

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
    say(text, **{"text/markdown": text})


def table(
    frame: pd.DataFrame,
    caption: str | None = None,
    formats: dict[str, str] | None = None,
    bars: Iterable[str] | dict[str, float] | None = None,
) -> Table:
    """A table to display, as HTML and as plain text; the index is shown only if it has a name.

    `formats`: by column, a format such as "{:.1%}"; else integers are grouped by thousands, floats get three decimals.
    `bars`: columns drawn with a bar behind the number, as long as its share of the column's largest magnitude, or of the
    maximum given by a dict. Raises KeyError for a column that isn't there.
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
        named = any(name is not None for name in frame.index.names)
        frame = frame.reset_index() if named else frame
        if unknown := [name for name in [*formats, *bars] if name not in frame.columns]:
            raise KeyError(
                f"The table has no column {unknown[0]!r}; it has {', '.join(map(str, frame.columns))}."
            )
        self.caption, self.names = caption, [str(name) for name in frame.columns]
        columns = [frame.iloc[:, i] for i in range(frame.shape[1])]
        texts = [[_cell(value, formats.get(column.name)) for value in column] for column in columns]
        self.cells = list(zip(*texts, strict=True))
        self.numeric = [
            pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
            for column in columns
        ]
        self.bars = [_shares(column, bars) if column.name in bars else None for column in columns]

    def __repr__(self) -> str:
        rows = [self.names, *self.cells]
        widths = [max(len(row[i]) for row in rows) for i in range(len(self.names))]
        lines = [
            "  ".join(
                text.rjust(width) if right else text.ljust(width)
                for text, width, right in zip(row, widths, self.numeric, strict=True)
            ).rstrip()
            for row in rows
        ]
        return "\n".join(
            [
                *([self.caption] if self.caption else []),
                lines[0],
                "  ".join("─" * w for w in widths),
                *lines[1:],
            ]
        )

    def _repr_html_(self) -> str:
        side = ["right" if right else "left" for right in self.numeric]
        head = "".join(
            f'<th scope="col" style="text-align:{where}">{html.escape(name)}</th>'
            for name, where in zip(self.names, side, strict=True)
        )
        body = "".join(
            "<tr>"
            + "".join(
                f'<td style="text-align:{side[i]}{_bar(self.bars[i][row]) if self.bars[i] else ""}">{html.escape(text)}</td>'
                for i, text in enumerate(cells)
            )
            + "</tr>"
            for row, cells in enumerate(self.cells)
        )
        title = (
            f'<caption style="caption-side:top;text-align:left;font-weight:bold;padding:.3em 0">'
            f"{html.escape(self.caption)}</caption>"
            if self.caption
            else ""
        )
        return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


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


def _shares(column: pd.Series, bars: Iterable[str] | dict[str, float]) -> list[float]:
    """Each value's share, from 0 to 1, of the column's longest bar."""
    sizes = [abs(float(value)) if pd.notna(value) else 0.0 for value in column]
    longest = (
        bars[column.name]
        if isinstance(bars, dict)
        else max((size for size in sizes if math.isfinite(size)), default=0)
    )
    return [min(size / longest, 1) if longest else 0.0 for size in sizes]


def _bar(share: float) -> str:
    """A bar in translucent blue, legible under dark and under light text."""
    return f";background:linear-gradient(to left,rgba(86,180,233,.45) {share:.1%},transparent {share:.1%})"
