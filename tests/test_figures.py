"""Figures and tables look the same everywhere, say in words what they show, and can be told apart without colour."""

import base64
import io
import itertools
import re

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from PIL import Image

from helpers import figures
from helpers.drawing import charts, overviews


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
    plt.close("all")
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


WEEKS = pd.DataFrame({"careful": [1210.4, 990], "hasty": [1300, np.nan]}, index=[1, 2])


def test_words_tell_the_title_and_each_value_with_its_place():
    assert figures.alt("Both lose", WEEKS, "{:,.0f}", x="week", y="dollars") == (
        "Both lose. Dollars by week. careful, week 1: 1,210; week 2: 990. hasty, week 1: 1,300; week 2: no value."
    )
    earned = pd.Series({("JFK", "July"): -0.004, "canary": 0.126})
    assert figures.alt("Ahead?", earned, "{:.1%}", marks={"limit": 0.1}) == (
        "Ahead? JFK, July: -0.4%; canary: 12.6%. Marked: limit 10.0%."
    )


def test_words_of_a_long_column_tell_its_ends_and_extremes_with_their_places():
    days = pd.Series([3, 1, *[2] * 9, 9, 4], index=pd.date_range("2013-07-01", periods=13))
    assert figures.alt("Rises", days, "{:.0f}") == (
        "Rises. 13 values: first 3 at 1 Jul 2013, last 4 at 13 Jul 2013, lowest 1 at 2 Jul 2013, highest 9 at 12 Jul 2013."
    )
    twelve = figures.alt("Rises", days.head(12), "{:.0f}")
    assert twelve.count("Jul 2013: ") == 12
    wide = pd.DataFrame({name: days.head(12) for name in "abcde"})
    assert figures.alt("Five", wide, "{:.0f}").count("12 values") == 5


def test_what_rounds_to_zero_has_no_sign_so_that_words_do_not_hang_on_the_last_bit():
    assert figures.alt("Still", pd.Series([-1e-17, 1e-17]), "{:+.2f}") == "Still. 0: +0.00; 1: +0.00."


def test_lines_and_bars_show_words_with_intervals_and_marks_and_return_nothing(said, house):
    band = {"careful": (WEEKS.careful - 10, WEEKS.careful + 20)}
    assert figures.lines(WEEKS, "Both lose", bands=band, marks={"break-even": 700}) is None
    assert said[-1][0] == (
        "Both lose. Dollars by week. careful, week 1: 1,210 (1,200 to 1,230); week 2: 990 (980 to 1,010). "
        "hasty, week 1: 1,300; week 2: no value. Marked: break-even 700."
    )
    gain = pd.Series({"canary": 3.0, "shadow": 0.0})
    assert figures.bars(gain, "One gains", x="dollars", errors={None: ([2, -1], [5, 1])}) is None
    assert said[-1][0] == "One gains. Dollars. canary: 3 (2 to 5); shadow: 0 (-1 to 1)."
    assert plt.get_fignums() == []


TALL = pd.DataFrame(np.arange(72.0).reshape(12, 6), columns=list("abcdef"))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: figures.lines(WEEKS, "Lines", bands={"careful": ([1, 2], [3, 4])}, marks={"limit": 2}),
        lambda: figures.lines(TALL, "Six columns"),
        lambda: figures.lines(WEEKS.head(1), "One row"),
        lambda: figures.lines(WEEKS.set_axis(["first week", "second week"]), "Named places", rotate=True),
        lambda: figures.lines(TALL.a.set_axis(pd.date_range("2013-01-01", periods=12)), "Days"),
        lambda: figures.bars(WEEKS, "Bars", errors={"hasty": ([1, np.nan], [3, np.nan])}, marks={"limit": 2}),
        lambda: figures.bars(-TALL.a, "Negative"),
        lambda: figures.overview(
            "A loop", [["a", "b"], ["c", None]], [("a", "b"), ("b", "c", "then"), ("c", "a")]
        ),
    ],
)
def test_each_chart_has_the_same_bytes_every_time(draw, said, house):
    draw()
    draw()
    assert said[0] == said[1] and said[0][1]["picture"]


@pytest.mark.parametrize("draw", [figures.lines, figures.bars])
def test_what_can_not_be_drawn_is_refused_with_the_reason(draw, house):
    with pytest.raises(ValueError, match="nothing to draw: 0 rows, 2 columns"):
        draw(WEEKS.head(0), "None")
    with pytest.raises(ValueError, match="'hasty' holds no value"):
        draw(WEEKS.tail(1), "None in one column")
    with pytest.raises(TypeError, match="'model' holds no numbers"):
        draw(FRAME, "Texts")
    with pytest.raises(TypeError, match="not of dict"):
        draw({"a": 1}, "A dict")
    with pytest.raises(ValueError, match="7 columns can't be told apart"):
        draw(TALL.assign(g=1), "Seven columns")
    interval = "bands" if draw is figures.lines else "errors"
    with pytest.raises(
        KeyError, match="no column 'fast' to give an interval to; there is 'careful', 'hasty'"
    ):
        draw(WEEKS, "No such", **{interval: {"fast": ([1, 2], [3, 4])}})
    with pytest.raises(ValueError, match="1 low and 2 high ends for 2 rows"):
        draw(WEEKS, "Short", **{interval: {"hasty": ([1], [3, 4])}})
    with pytest.raises(ValueError, match="low end lies above"):
        draw(WEEKS, "Turned round", **{interval: {"hasty": ([5, 2], [3, 4])}})
    assert plt.get_fignums() == []


def test_more_bars_than_can_be_read_are_refused(house):
    with pytest.raises(ValueError, match="42 bars"):
        figures.bars(TALL.iloc[:7], "Many")


def drawn(said_or_pair):
    """The figure drawn, laid out, and what it shows as text by kind."""
    fig, _ = said_or_pair
    fig.canvas.draw()
    return fig, fig.axes[0]


def test_no_two_ticks_read_the_same_and_each_says_its_value(house):
    for top in (1.2, 3, 9, 4000):
        _, ax = drawn(charts.lines(pd.Series([0.0, top]), "Ticks", "x", "y", "{:,.0f}", None, None, False))
        texts = [tick.get_text() for tick in ax.get_yticklabels()]
        assert len(set(texts)) == len(texts)
        assert [float(text.replace(",", "")) for text in texts] == pytest.approx(ax.get_yticks())


def test_names_beside_lines_that_end_together_do_not_overlap(house):
    frame = pd.DataFrame({name: [0, 1 + i / 1000] for i, name in enumerate(["one", "two", "three", "four"])})
    _, ax = drawn(charts.lines(frame, "Together", "x", "y", "{:.1f}", None, None, False))
    boxes = [Text.get_window_extent(text) for text in ax.texts]  # an annotation's own holds its thread, too
    assert len(boxes) == 4 and not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert [text.get_text() for text in sorted(ax.texts, key=lambda text: text.xyann[1])] == list(frame)


def test_bars_begin_at_zero_and_a_limit_bears_its_name(house):
    _, ax = drawn(charts.bars(pd.Series({"a": 100.0, "b": 101}), "Bars", "x", None, "{:.0f}", {"limit": 50}))
    assert ax.get_xlim()[0] <= 0 and [bar.get_x() for bar in ax.patches] == [0, 0]
    assert "limit 50" in [text.get_text() for text in ax.texts]


LOOP = [["deliveries", "ExampleGen", "Statistics"], ["schema", None, "validator"]]


def test_an_overview_says_where_each_arrow_leads_and_what_is_new(said, house):
    arrows = [("deliveries", "ExampleGen"), ("ExampleGen", "Statistics"), ("ExampleGen", "validator", "rows")]
    assert figures.overview("What is built", LOOP, arrows, new=["schema"]) is None
    assert said[0][0] == (
        "What is built: deliveries lead to ExampleGen; ExampleGen leads to Statistics and validator (rows); "
        "by itself stands schema. New here: schema."
    )


@pytest.mark.parametrize(
    ("rows", "arrows", "new", "reason"),
    [
        (
            LOOP,
            [("deliveries", "Trainer")],
            (),
            "no box 'Trainer'; the boxes are deliveries, ExampleGen, Statistics",
        ),
        (LOOP, [], ["Trainer"], "no box 'Trainer'"),
        (LOOP, [("schema", "schema")], (), "from 'schema' to itself"),
        (LOOP, [("deliveries", "Statistics")], (), "No way from 'deliveries' to 'Statistics' .*: move a box"),
        (
            LOOP,
            [("schema", "deliveries", "x"), ("schema", "deliveries")],
            (),
            "Two arrows lead from 'schema'",
        ),
        ([["a", "a"]], [], (), "Two boxes are called 'a'"),
        ([list("abcdefg")], [], (), "at most 6"),
        (["abc"], [], (), "a list of"),
        ([[None]], [], (), "at least one box"),
        ([["an_identifier_far_too_long_for_its_box", *"bcdef"]], [], (), "doesn't fit its box"),
    ],
)
def test_an_overview_that_can_not_be_drawn_is_refused_with_the_reason(rows, arrows, new, reason, house):
    with pytest.raises(ValueError, match=reason):
        figures.overview("Wrong", rows, arrows, new)
    assert plt.get_fignums() == []


GRID = [["a", "b", "c"], ["d", None, None], ["f", "g", "h"], [None, "i", "j"]]


def planned(rows, pairs):
    boxes = overviews._boxes(rows)
    return overviews._Plan(boxes, overviews._ways(boxes, pairs), [""] * len(pairs), "All ways")


def test_each_arrow_of_an_overview_goes_from_edge_to_edge_and_crosses_no_box_or_is_refused():
    boxes = overviews._boxes(GRID)
    refused = set()
    for start, end in itertools.permutations(boxes, 2):
        for pairs in ([(start, end)], [(start, end), (end, start)]):
            try:
                plan = planned(GRID, pairs)
            except ValueError as problem:
                assert "No way from" in str(problem)
                refused.add(start + end) if len(pairs) == 1 else None
                continue
            half = np.array([plan.box, overviews.TALL]) / 2
            for number, pair in enumerate(pairs):
                points, _ = plan.arrow(number)
                spots = [
                    a + part * (b - a)
                    for a, b in itertools.pairwise(points)
                    for part in np.linspace(0, 1, 99)
                ]
                for name, place in boxes.items():
                    off = np.abs(np.array(spots) - plan.at[place]) - half
                    assert (off.max(axis=1) > -1e-6).all(), f"{pair} crosses {name}"
                    assert (np.hypot(*np.maximum(off, 0).T).min() < 0.09) == (name in pair), (
                        f"{pair} at {name}"
                    )
    assert {"ac", "af", "aj", "cg", "di"} <= refused and not {"ch", "dh", "dc", "bd", "jg"} & refused


def test_arrows_of_an_overview_meet_in_an_empty_place_only_on_the_way_to_one_box():
    rows = [["a", "b", "c"], [None, None, "store"]]
    into = planned(rows, [("a", "store"), ("b", "store"), ("c", "store")])
    assert [len(way) for way in into.ways] == [3, 2, 2]
    with pytest.raises(ValueError, match="No way from 'store' to 'a'"):
        planned(rows, [("a", "store"), ("store", "a")])


def test_labels_of_an_overview_stand_beside_their_arrows_between_the_boxes(house):
    rows = [["a", "b"], ["c", "d"]]
    arrows = [
        ("a", "b", "there"),
        ("b", "a", "and back"),
        ("a", "c", "a label that takes four lines of its own"),
        ("a", "d", "judge"),
    ]
    fig, ax = drawn(overviews.overview("Labels", rows, arrows, set()))
    labels = {text.get_text().replace("\n", " "): text.get_window_extent() for text in ax.texts}
    boxes = [patch.get_window_extent() for patch in ax.patches if not hasattr(patch, "set_arrowstyle")]
    assert len(boxes) == 4 and not any(labels[label].overlaps(box) for _, _, label in arrows for box in boxes)
    assert labels["there"].y0 > labels["and back"].y1


def test_two_amounts_in_dollars_are_no_formula(monkeypatch):
    drawn = []
    monkeypatch.setattr(figures, "show", lambda fig, alt: drawn.append(fig))
    frame = pd.DataFrame({"$5 to $6": [1.0, 2.0]}, index=["$1 or $2", "b"])
    figures.lines(frame, "$5 or $6")
    figures.bars(frame, "$5 or $6")
    figures.overview("$5 or $6", [["$1 or $2", "b"]], [("$1 or $2", "b", "$3 or $4")])
    texts = [text for fig in drawn for text in fig.findobj(Text) if text.get_text().count("$") == 2]
    assert len(texts) > 6 and not any(text.get_parse_math() for text in texts)
