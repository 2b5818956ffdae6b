"""Figures and tables look the same everywhere, say in words what they show, and can be told apart without colour."""

import base64
import io
import re

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers import figures


@pytest.fixture
def said(monkeypatch):
    shown = []
    monkeypatch.setattr(
        figures, "say", lambda text, rich=(), **more: shown.append((text, {**dict(rich), **more}))
    )
    return shown


@pytest.fixture
def house(monkeypatch):
    """The house style, with the settings of the test run put back afterwards."""
    before = matplotlib.rcParams.copy()
    matplotlib.use("agg")
    figures.style()
    yield
    matplotlib.rcParams.update(before)


def picture():
    fig, ax = plt.subplots()
    for i in range(6):
        ax.plot([0, 1], [i, i + 1], label=str(i))
    ax.set(title="Six lines", xlabel="time (h)")
    ax.legend()
    return fig


def test_a_picture_has_the_same_bytes_every_time_and_no_date_in_it(said, house):
    for _ in range(2):
        figures.show(picture(), alt="Six rising lines.")
    assert said[0] == said[1]
    image = Image.open(io.BytesIO(said[0][1]["picture"]))
    assert set(image.info) <= {"dpi"}
    assert image.size == tuple(2 * said[0][1]["size"][side] for side in ("width", "height"))


def test_a_picture_is_closed_and_its_sentence_is_its_text_and_its_alt(said, house):
    figures.show(picture(), alt="Six rising lines.")
    assert plt.get_fignums() == []
    text, rich = said[0]
    assert text == rich["size"]["alt"] == "Six rising lines."


def test_a_picture_without_a_sentence_is_refused(house):
    with pytest.raises(ValueError, match="what the picture shows"):
        figures.show(picture(), alt=" ")


def test_lines_differ_by_dash_and_marker_and_not_by_colour_alone(house):
    cycle = list(matplotlib.rcParams["axes.prop_cycle"])
    for key in ("color", "linestyle", "marker"):
        assert len({str(entry[key]) for entry in cycle}) == len(cycle)


def test_the_first_colours_differ_in_grey():
    def grey(colour):
        return np.dot(matplotlib.colors.to_rgb(colour), [0.299, 0.587, 0.114])

    assert abs(grey(figures.BLUE) - grey(figures.ORANGE)) > 0.25


FRAME = pd.DataFrame(
    {"model": ["<rule>", "net"], "AUC": [0.5, np.nan], "rows": [10, 12345], "ok": [True, False]}
)


def test_a_table_reads_well_as_text():
    assert str(figures.table(FRAME, caption="Two models")).splitlines() == [
        "Two models",
        "model     AUC    rows  ok",
        "──────  ─────  ──────  ───",
        "<rule>  0.500      10  yes",
        "net         –  12,345  no",
    ]


def test_a_table_is_accessible_html_with_everything_escaped():
    page = figures.table(FRAME, caption="a & b")._repr_html_()
    assert "<caption" in page and "a &amp; b" in page and '<th scope="col"' in page and "&lt;rule&gt;" in page
    assert "<rule>" not in page


def test_only_a_named_index_is_shown_and_heads_its_rows():
    frame = FRAME.set_index("model")
    assert '<th scope="row" style="text-align:left">net</th>' in figures.table(frame)._repr_html_()
    assert "model" not in str(figures.table(frame.rename_axis(None)))


def bars(frame, bars) -> list[tuple[float, float, str]]:
    """Where each cell's bar begins and ends, in percent of the cell from its left edge, and its colour."""
    page = figures.table(frame, bars=bars)._repr_html_()
    found = re.findall(r"transparent ([\d.]+)%,(rgba\([^)]+\)) [\d.]+% ([\d.]+)%,transparent", page)
    return [(float(left), float(right), shade) for left, shade, right in found]


def test_bars_start_at_one_zero_and_go_to_the_side_of_their_sign():
    frame = pd.DataFrame({"x": [15, -5, 0, None]})
    above, below, *none = bars(frame, ["x"])
    assert above[:2] == (25, 100) and below[:2] == (0, 25) and above[2] != below[2]
    assert [bar[:2] for bar in none] == [(25, 25)] * 2
    page = figures.table(frame, bars=["x"])._repr_html_()
    assert page.count("#888 25.0%") == 4, "a line at zero in each cell"


def test_bars_of_one_sign_have_the_whole_cell_and_only_negative_ones_end_at_its_right_edge():
    assert [bar[:2] for bar in bars(pd.DataFrame({"x": [10, 5]}), ["x"])] == [(0, 100), (0, 50)]
    assert [bar[:2] for bar in bars(pd.DataFrame({"x": [-10, -5]}), ["x"])] == [(0, 100), (50, 100)]
    assert "#888" not in figures.table(pd.DataFrame({"x": [10, 5]}), bars=["x"])._repr_html_()


def test_a_maximum_sets_the_scale_of_both_sides_and_no_bar_leaves_its_cell():
    assert [bar[:2] for bar in bars(pd.DataFrame({"x": [10, 80]}), {"x": 40})] == [(0, 25), (0, 100)]
    assert [bar[:2] for bar in bars(pd.DataFrame({"x": [10, -80]}), {"x": 40})] == [(50, 62.5), (0, 50)]
    for column in ([0, 0], [None, None], [float("inf"), float("nan")]):
        assert [bar[:2] for bar in bars(pd.DataFrame({"x": column}), ["x"])] == [(0, 0)] * 2


@pytest.mark.parametrize("wrong", [{"formats": {"auc": "{}"}}, {"bars": ["auc"]}])
def test_a_column_that_is_not_there_is_refused_with_those_that_are(wrong):
    with pytest.raises(KeyError, match="no column 'auc'; it has model, AUC, rows, ok"):
        figures.table(FRAME, **wrong)


def test_an_empty_table_still_shows_its_columns():
    assert (
        "model" in str(figures.table(FRAME.head(0))) and "<th" in figures.table(FRAME.head(0))._repr_html_()
    )


def test_pictures_and_sentences_reach_jupyter_in_their_own_forms(monkeypatch, house):
    import IPython.display
    from IPython.core.interactiveshell import InteractiveShell

    shown = []
    monkeypatch.setattr("IPython.get_ipython", InteractiveShell.instance)
    monkeypatch.setattr(IPython.display, "display", lambda data, **keys: shown.append((data, keys)))
    figures.md("**0.5**")
    figures.show(picture(), alt="Six lines.")
    InteractiveShell.clear_instance()
    assert shown[0][0] == {"text/plain": "**0.5**", "text/markdown": "**0.5**"}
    data, keys = shown[1]
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert keys["metadata"]["image/png"]["alt"] == "Six lines."
