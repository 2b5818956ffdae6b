"""Choosing an operating point by hand: a slider over a curve that was computed before, so that moving it costs nothing.

chosen = threshold.pick(curve, start=0.30)
chosen.value    # the threshold the slider stands at; without a learner, the one it started with
"""

from __future__ import annotations

import base64
import html
import io

import pandas as pd

from helpers import lesson

COLUMNS = ("threshold", "money", "alerts", "precision", "recall")
LOOKS = {
    "threshold": "{:.0%}",
    "money": "{:+,.0f}",
    "alerts": "{:.1%}",
    "precision": "{:.1%}",
    "recall": "{:.1%}",
}


def pick(curve: pd.DataFrame, start: float, *, money: str = "dollars per 1,000 flights") -> Pick:
    """Show the slider where a learner sits (`lesson.desk()`), else show nothing; the object returned holds the choice.

    `curve` has a row for each threshold and the columns `threshold`, `alerts` (both shares, 0 to 1), `money` (in the unit that
    `money` names), `precision` and `recall` (shares; NaN where there is none). The choice starts at the row nearest to `start`.
    Raises ValueError for a curve without rows or one of these columns.
    """
    choice = Pick(curve, start, money)
    if lesson.desk() is not None:
        choice.show()
    return choice


class Pick:
    """A row of the curve, chosen. `value` is its threshold, `text` says in a sentence what it brings."""

    def __init__(self, curve: pd.DataFrame, start: float, money: str) -> None:
        if missing := [name for name in COLUMNS if name not in curve.columns]:
            raise ValueError(f"The curve has no column {missing[0]!r}; it needs {', '.join(COLUMNS)}.")
        if curve.empty:
            raise ValueError("The curve has no rows: there is nothing to choose from.")
        self.curve = curve[list(COLUMNS)].sort_values("threshold", ignore_index=True)
        self.unit = money
        self.row = self._nearest(start)
        self.panel = None

    @property
    def value(self) -> float:
        return float(self.curve.threshold[self.row])

    @property
    def text(self) -> str:
        here = self.curve.loc[self.row]
        precision = "" if pd.isna(here.precision) else f", of which {here.precision:.0%} are late"
        return (
            f"Threshold {here.threshold:.0%}: {here.money:+,.0f} {self.unit}; {here.alerts:.0%} of the flights "
            f"get an alert{precision}; {here.recall:.0%} of the late ones are found."
        )

    def show(self) -> None:
        """Display slider, number field, picture, table and sentence. The controls work by mouse and by keyboard."""
        import ipywidgets
        from IPython.display import display

        places = [(f"{value:.0%}", row) for row, value in enumerate(self.curve.threshold)]
        wide = ipywidgets.Layout(width="36em")
        self.slider = ipywidgets.SelectionSlider(
            options=places,
            value=self.row,
            description="threshold",
            layout=wide,
            continuous_update=False,  # a screen reader hears one sentence per stop, not one per pixel
        )
        self.field = ipywidgets.BoundedFloatText(
            value=self.value,
            min=float(self.curve.threshold.min()),
            max=float(self.curve.threshold.max()),
            step=0.01,
            description="or type it",
        )
        self.page = ipywidgets.HTML(self._page())
        self.slider.observe(lambda change: self._move(change["new"]), "value")
        self.field.observe(lambda change: self._move(self._nearest(change["new"])), "value")
        self.panel = ipywidgets.VBox([self.slider, self.field, self.page])
        display(self.panel)

    def _nearest(self, value: float) -> int:
        return int((self.curve.threshold - value).abs().idxmin())

    def _move(self, row: int) -> None:
        self.row = row
        self.slider.value, self.field.value = row, self.value
        self.page.value = self._page()

    def _page(self) -> str:
        """Sentence, table and picture as HTML. The role makes a screen reader say the sentence each time it is replaced."""
        from helpers import figures

        numbers = figures.table(self.curve.loc[[self.row]], formats=LOOKS)._repr_html_()
        alt = html.escape(
            f"Curve of {self.unit} against the threshold, with a mark where you stand. {self.text}"
        )
        return (
            f'<p role="alert">{html.escape(self.text)}</p>{numbers}'
            f'<img alt="{alt}" width="560" src="data:image/png;base64,{self._picture()}">'
        )

    def _picture(self) -> str:
        """The curve with the chosen point, as a PNG in base64."""
        from matplotlib.figure import Figure

        fig = Figure(figsize=(7, 2.8), dpi=110)
        ax = fig.subplots()
        ax.plot(self.curve.threshold, self.curve.money, marker="")
        ax.plot(self.value, self.curve.money[self.row], "o", markersize=9, color="black")
        ax.axhline(0, color="grey", linewidth=0.8)
        ax.xaxis.set_major_formatter("{x:.0%}")
        ax.yaxis.set_major_formatter("{x:,.0f}")
        ax.set(xlabel="alert from this chance on", ylabel=self.unit)
        file = io.BytesIO()
        fig.savefig(file, format="png", metadata={"Software": None})
        return base64.b64encode(file.getvalue()).decode()
