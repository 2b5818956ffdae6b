"""The house's colours and Matplotlib settings, the same on every machine.

Colours are Okabe and Ito's, which people of every colour vision tell apart; lines also differ by dash and marker.
"""

from __future__ import annotations

import textwrap

import matplotlib
from cycler import cycler

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, GREY = "#CC79A7", "#56B4E9", "#6E6E6E"
DPI = 160  # pixels per inch in the file; shown at half of that, so that text is sharp on dense screens
_STYLE = {
    "figure.figsize": (7.5, 3.6),
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",  # the font that ships with Matplotlib
    "font.size": 10,
    "text.color": "#222222",
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


def wrapped(text: str, width: int) -> str:
    """The text in lines of at most `width` characters where its words allow it."""
    return "\n".join(textwrap.wrap(text, width, break_long_words=False)) or text
