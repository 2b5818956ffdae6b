"""The comparison of outputs with recorded ones: what must pass, and above all what must not."""

import base64
import copy
import io
import json
import os
import random
import re
import subprocess
import sys
from decimal import Decimal

import nbformat
import nbformat.v4 as v4
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from helpers import syllabus
from helpers.workbook.compare import difference, outputs_differ, tolerance


def the_same_each_time(examples):
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
    )


def shown(**bundle):
    """One output, of kinds told as names: text_plain="1"."""
    return [
        v4.new_output("display_data", {kind.replace("_", "/", 1): value for kind, value in bundle.items()})
    ]


def text(words):
    return shown(text_plain=words)


def printed(*pieces):
    return [v4.new_output("stream", name="stdout", text=piece) for piece in pieces]


TABLE = "  month  late  flights\n  May   0.2204  28,128\n  June  0.3080  27,075"


@pytest.mark.parametrize(
    "new",
    [
        TABLE.replace("0.2204", "0.2250"),  # a wrong digit beyond the tolerance
        TABLE.replace("\n  June  0.3080  27,075", ""),  # a missing row
        TABLE.replace("May", "Mai"),  # another label
        TABLE.replace("May", "x").replace("June", "May").replace("x", "June"),  # swapped labels
        TABLE.replace("0.2204", "nan"),
        TABLE.replace("0.2204", "-0.2204"),
        TABLE.replace("28,128", "29,128"),
        TABLE.replace("month", "month1"),
        TABLE + "\n",
        "",
    ],
)
def test_within_a_tolerance_of_one_percent_this_still_differs(new):
    assert difference(TABLE, new, rtol=0.01)


def test_the_fourth_digit_counts_where_no_tolerance_is_declared():
    assert outputs_differ(text("0.2204"), text("0.2205"))
    assert not outputs_differ(text("0.2204"), text("0.2204"))


def test_a_number_within_the_tolerance_passes_though_its_column_is_wider():
    assert difference("a  1.00\nb  9.99", "a   1.00\nb  10.00", rtol=0.01) is None
    assert difference("loss 0.000", "loss 0.001", rtol=0.5) is not None, (
        "a relative tolerance says nothing at zero"
    )
    assert difference("loss 0.000", "loss 0.001", atol=0.001) is None


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("at 0.451: 118 alerts", "at 0.451: 120 alerts", True),
        ("at 0.451: 118 alerts", "at 0.452: 118 alerts", True),
        ("at 0.451: 118 alerts", "at 0.453: 118 alerts", False),
        ("at 0.451: 118 alerts", "at 0.451: 121 alerts", False),
    ],
)
def test_a_tolerance_for_counts_frees_no_shares_beside_them(old, new, same):
    assert (difference(old, new, atol=2) is None) is same


def test_the_same_tolerance_holds_in_html_and_on_stdout():
    html = shown(text_html="<td>0.50</td>", text_plain="0.50")
    near = shown(text_html="<td>0.51</td>", text_plain="0.51")
    assert outputs_differ(html, near)
    assert not outputs_differ(html, near, ["rtol=0.05"])
    assert outputs_differ(printed("1.0"), printed("2.0"), ["rtol=0.05"])


def test_stdout_in_two_pieces_is_the_same_as_in_one_and_stderr_is_not_compared():
    warning = v4.new_output("stream", name="stderr", text="warning")
    assert not outputs_differ(printed("ab"), [*printed("a"), warning, *printed("b")])


def test_a_missing_an_extra_and_a_failing_output_differ():
    assert outputs_differ(text("1"), [])
    assert outputs_differ([], text("1"))
    assert outputs_differ(text("1"), [v4.new_output("error", ename="ValueError", evalue="no", traceback=[])])


@pytest.mark.parametrize("tag", ["rtol=two", "rtol=-0.1", "rtol=nan", "rtol=20", "atol=inf"])
def test_a_tag_that_is_no_tolerance_is_refused(tag):
    with pytest.raises(ValueError):
        tolerance([tag])


# ---- where a number stands ----------------------------------------------------------------------------------------

PLACES = [
    place
    for line in (
        "{}¦loss {} here¦[1.5, {}, 2]¦[1.5 {}]¦a\t{}\n¦{} %¦{}%¦${}¦€{}¦({})¦At {}.¦{} ms¦from {} to 9¦x = {}¦x={}",
        "<td style='text-align:right'>{}</td>¦{} – 9¦±{}¦'{}'¦a: {}, b¦{{'a': {}}}¦0.5±{}¦{}°C¦Is it {}?¦{} × 3",
        "~{}¦<{}¦**{}**¦| {} |¦a;{}",
    )
    for place in line.split("¦")
]
TOLERANCES = [(0, 0), (0.001, 0), (0.01, 0.001), (0.1, 0), (0, 0.5), (0, 2), (0.02, 3)]


@st.composite
def numbers(draw):
    """A number as something prints it: plain, with thousands, scientific, signed with ASCII or Unicode."""
    value = draw(st.decimals(0, 999_999, places=draw(st.integers(0, 4))))
    form = draw(st.sampled_from(["{}", "{:,}", "{:.3e}", "{:.0e}"]))
    return draw(st.sampled_from(["", "", "-", "+", "−"])) + form.format(value)


def value(number):
    return Decimal(number.replace(",", "").replace("−", "-"))


def allowed(old, new, rtol, atol):
    """What the tolerance frees, computed another way than the comparison does."""
    decimals = [-value(n).as_tuple().exponent for n in (old, new)]
    if atol >= 1 and max(decimals) > 0:
        atol = Decimal(f"1e-{max(decimals)}")
    return Decimal(str(rtol)) * abs(value(old)) + Decimal(str(atol))


def with_another_digit(draw, number):
    at = draw(st.sampled_from([i for i, c in enumerate(number) if c.isdigit()]))
    return number[:at] + draw(st.sampled_from("0123456789".replace(number[at], ""))) + number[at + 1 :]


def is_a_year(number):
    return bool(re.fullmatch(r"(19|20)\d\d", number.lstrip("-+−")))


@the_same_each_time(400)
@given(st.data(), numbers(), st.sampled_from(PLACES), st.sampled_from(TOLERANCES))
def test_a_changed_digit_is_seen_exactly_when_it_is_beyond_the_tolerance_wherever_the_number_stands(
    data, old, place, tolerances
):
    new = with_another_digit(data.draw, old)
    assume(not re.match(r"[-+−]?0\d", new))
    assume(not (is_a_year(old) or is_a_year(new)))
    assume("," not in old or place != "{}")  # nothing but digits and commas is a line of CSV
    beyond = tolerances == (0, 0) or abs(value(new) - value(old)) > allowed(old, new, *tolerances)
    said = difference(place.format(old), place.format(new), *tolerances)
    assert bool(said) is beyond, (place.format(old), place.format(new), said)


@the_same_each_time(200)
@given(
    st.data(),
    st.lists(st.integers(0, 999), min_size=2, max_size=6),
    st.sampled_from(
        ["[{}]", "[[{}],[5]]", "f({})", "{{{}}}", "{}", "UA,{}\nAA,7", '{{"a":[{}],"b":5}}', "rgba({},.5)"]
    ),
    st.sampled_from(TOLERANCES),
)
def test_commas_of_a_compact_list_part_numbers_and_hide_no_digit(data, row, place, tolerances):
    at, new = data.draw(st.integers(0, len(row) - 1)), data.draw(st.integers(0, 999))
    assume(new != row[at])
    changed = [*row[:at], new, *row[at + 1 :]]
    beyond = abs(new - row[at]) > allowed(str(row[at]), str(new), *tolerances)
    lines = [place.format(",".join(map(str, numbers))) for numbers in (row, changed)]
    said = difference(*lines, *tolerances)
    assert bool(said) is beyond, (lines, said)


@pytest.mark.parametrize(
    "place", ["{} flights", "of {}, so", "<td>{}</td>", "[{}, 29,301]", "({})", "${}", "'{}'"]
)
def test_commas_in_a_sentence_a_table_or_an_interval_group_thousands(place):
    assert not difference(place.format("28,128"), place.format("28,360"), rtol=0.01)
    assert not difference(place.format("999"), place.format("1,003"), rtol=0.01)
    assert difference(place.format("28,128"), place.format("29,128"), rtol=0.01)


NAMES = {
    "dates": "2013-01-01|2013-01|01.02.2013|1/2/2013|8 November 2013|May 3, 2013|Sep 3|20131108|in 2013.",
    "hours": "2013-01-01T05:00:12|12:30|05:00:00.125",
    "glued to letters": "v2|f1|feature_12|utf-8|layer.3|x[a3]|1st|22nd|12ms|3x|2.5GB|5-fold|10²|2+3j",
    "versions, ranges, fractions": "1.2.3|10.0.0.1|3-5|0.3-0.5|3/4",
    "never printed for a quantity": "007|1_000|1e5|12345678901234567890|1e-1234",
    "hashes and colours": "3f2a9c|12e456|0x7f3a|ab12cd34-0012-4321-9876-0123456789ab|#0072b2|#17",
    "addresses": "http://localhost:8501/v1/models/3|/tmp/12/x|a\\12\\x|data:image/png;base64,iVBOR+42/5=",
    "how HTML is built": '<td colspan="2">',
    "ids that say so": 'id 17|run_id=17|id="5"|seed 42|version 3|port 8501|tel. 030 901820|555-0123',
}


@pytest.mark.parametrize("words", [word for line in NAMES.values() for word in line.split("|")])
def test_digits_that_are_no_quantity_are_exact_at_any_tolerance(words):
    for at in [i for i, c in enumerate(words) if c.isdigit()]:
        for digit in "0123456789".replace(words[at], ""):
            changed = words[:at] + digit + words[at + 1 :]
            assert difference(f"a {words} b", f"a {changed} b", rtol=1.0, atol=0.9), changed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[120,300,450]", "[120,900,999]"),
        ("100,234\n", "100,934\n"),  # a line of CSV
        ("120,300;450,600", "120,309;450,600"),
        ("shape=(120,300)", "shape=(120,309)"),
        ("at (120,300,450)", "at (120,309,450)"),
        ("100,234\r\n", "100,934\r\n"),
        ('points="120,300 450,200"', 'points="120,300 450,203"'),
        ("[120, 300]", "[300, 120]"),
        ("# 5", "5 #"),  # a number that changes places with what stands for it
        ("x 1e+999", "x 5"),
        ("x inf", "x 5"),
        ("x nan", "x 5"),
        ("x 5", "x −5"),
        ("p 1.2e-05", "p 0.09"),  # an atol for counts frees one unit of the last place, here 1e-06
        ("p 1e-05", "p 1.5"),
        ("x 10^3", "x 10^4"),
        ("5 rows", "6.4 rows"),
        ("5 rows", "5 rows."),
        ("1. done", "1 done"),
        ("[1, 2]", "[1 2]"),
        ("12 ms", "12 s"),
        ("yes  5", "no   5"),
    ],
)
def test_within_a_tolerance_for_counts_this_still_differs(old, new):
    assert difference(old, new, rtol=0.01, atol=2)
    assert difference(new, old, rtol=0.01, atol=2)


def test_the_count_at_the_end_of_a_sentence_is_a_count():
    assert not difference("There are 118.", "There are 120.", atol=2)


# ---- tables -------------------------------------------------------------------------------------------------------

tables = st.lists(
    st.tuples(st.floats(0.01, 9_999), st.integers(900, 99_999), st.floats(-1, 1)), min_size=2, max_size=6
)


def table(rows, labels="abcdefg", columns=("x", "a longer name", "share")):
    named = pd.DataFrame(rows, columns=list(columns), index=list(labels[: len(rows)])).round(3)
    return named.to_string(formatters={columns[1]: "{:,}".format})


@the_same_each_time(80)
@given(tables, st.randoms(use_true_random=False))
def test_a_table_within_the_tolerance_passes_however_wide_its_columns_became(rows, random):
    near = [tuple(type(v)(v * (1 + random.uniform(-0.015, 0.015))) for v in row) for row in rows]
    assert not difference(table(rows), table(near), rtol=0.02, atol=0.002)


@the_same_each_time(60)
@given(tables)
def test_a_swapped_label_a_missing_row_and_a_moved_cell_are_always_seen_in_a_table(rows):
    whole = table(rows)
    far = {"rtol": 1.0, "atol": 0.9}
    assert difference(whole, table(rows, "bacdefg"), **far)
    assert difference(whole, table(rows, columns=("share", "a longer name", "x")), **far)
    assert difference(whole, table(rows[1:], "bcdefg"), **far)
    assert difference(whole, table([*rows, rows[0]]), **far)
    lines = whole.splitlines()
    moved = re.sub(r"^(\w)( +)(\S+)", lambda m: m[1] + m[2][:1] + m[3] + m[2][1:], lines[1])
    assume(moved != lines[1])
    assert difference(whole, "\n".join([lines[0], moved, *lines[2:]]), **far)


def test_a_number_that_moved_to_the_next_column_is_seen_also_where_another_became_wider():
    old = "      x    y\nr1  1.0  9.9\nr2       2.0"
    assert difference(old, "       x    y\nr1  1.0  10.1\nr2  2.0", rtol=0.05)
    assert not difference(old, "      x     y\nr1  1.0  10.1\nr2        2.0", rtol=0.05)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[ 9.95 10.2]", "[10.05 10.2]"),
        (" 9.9  a\n10.1  b", "10.0  a\n10.1  b"),
        ("Rain\nmm   a\n──\n99.9  b", "Rain\n mm    a\n───\n100.1  b"),
    ],
)
def test_the_padding_at_an_edge_may_vanish(old, new):
    assert not difference(old, new, rtol=0.02)


# ---- kinds of outputs -----------------------------------------------------------------------------------------------

leaves = st.none() | st.booleans() | st.integers(-999, 999) | st.floats(allow_nan=False) | st.text(max_size=5)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)
JSON = ["application/json", "application/vnd.vegalite.v5+json", "application/vnd.plotly.v1+json"]


def in_another_order(tree):
    if isinstance(tree, dict):
        return {key: in_another_order(tree[key]) for key in reversed(tree)}
    return [in_another_order(item) for item in tree] if isinstance(tree, list) else tree


@the_same_each_time(100)
@given(trees, st.sampled_from(JSON), st.sampled_from([(), ("rtol=0.01",)]))
def test_json_in_another_order_of_keys_is_the_same(tree, kind, tags):
    old, new = (
        [{"output_type": "display_data", "data": {kind: {"x": value}}}]
        for value in (tree, in_another_order(tree))
    )
    assert not outputs_differ(old, new, tags)


@the_same_each_time(100)
@given(trees, trees, st.sampled_from(JSON))
def test_other_json_is_always_seen(tree, other, kind):
    assume(json.dumps(tree, sort_keys=True) != json.dumps(other, sort_keys=True))
    old, new = ([{"output_type": "display_data", "data": {kind: {"x": value}}}] for value in (tree, other))
    assert outputs_differ(old, new)


@pytest.mark.parametrize(
    ("new", "same"),
    [
        ({"b": ["x", "y"], "a": [1.01, 300], "300": "v 5"}, True),
        ({"a": [1.01, 306], "b": ["x", "y"], "300": "v 5"}, False),
        ({"a": [300, 1.0], "b": ["x", "y"], "300": "v 5"}, False),
        ({"a": [1.0, 300], "b": ["y", "x"], "300": "v 5"}, False),
        ({"a": [1.0, 300], "b": ["x"], "300": "v 5"}, False),
        ({"a": [1.0, 300], "b": ["x", "y"], "301": "v 5"}, False),
        ({"a": [1.0, 300], "b": ["x", "y"], "300": 5}, False),
        ({"a": [1.0, "300"], "b": ["x", "y"], "300": "v 5"}, False),
        ({"a": [1.0, 300], "b": ["x", "y"], "300": "v 5", "c": None}, False),
    ],
)
def test_json_is_compared_by_value_within_the_tolerance(new, same):
    old = {"a": [1.0, 300], "b": ["x", "y"], "300": "v 5"}
    assert (
        not outputs_differ(shown(application_json=old), shown(application_json=new), ["rtol=0.01"])
    ) is same


def test_a_widget_is_compared_without_its_random_id():
    def widget(id, **more):
        return shown(
            **{"application_vnd.jupyter.widget-view+json": {"model_id": id, "version_major": 2, **more}}
        )

    assert not outputs_differ(widget("eff672c8"), widget("0d77ade2"))
    assert outputs_differ(widget("eff672c8"), text("IntSlider(value=0)"))
    assert outputs_differ(widget("eff672c8"), widget("eff672c8", version_minor=1))


def picture(kind, size=(400, 300), colour=0):
    file = io.BytesIO()
    Image.new("L", size, colour).save(file, kind)
    return base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp"])
def test_a_picture_of_another_size_or_format_differs_and_its_pixels_do_not(kind):
    old = shown(**{f"image_{kind}": picture(kind)})
    assert not outputs_differ(old, shown(**{f"image_{kind}": picture(kind, colour=200)}))
    assert outputs_differ(old, shown(**{f"image_{kind}": picture(kind, (401, 300))}))
    assert outputs_differ(old, shown(**{f"image_{kind}": picture("tiff")}))


def test_drawings_are_compared_by_size_and_words_and_documents_by_their_pages():
    svg = "<svg xmlns='http://www.w3.org/2000/svg' width='{}pt'><metadata>{}</metadata><g id='{}'/><text>{}</text></svg>"
    pdf = "%PDF-1.4\n/MediaBox [ 0 0 {} 345 ] /CreationDate ({})"

    def document(*about):
        return shown(application_pdf=base64.b64encode(pdf.format(*about).encode()).decode())

    old = svg.format(400, "2013-01-01", "p1", "loss 0.50")
    assert not outputs_differ(
        shown(**{"image_svg+xml": old}),
        shown(**{"image_svg+xml": svg.format(400, "2026-11-28", "q2", "loss 0.50")}),
    )
    for other in (
        svg.format(401, "2013-01-01", "p1", "loss 0.50"),
        svg.format(400, "2013-01-01", "p1", "loss 0.51"),
    ):
        assert outputs_differ(shown(**{"image_svg+xml": old}), shown(**{"image_svg+xml": other}))
    assert not outputs_differ(document(460, "2013"), document(460, "2026"))
    assert outputs_differ(document(460, "2013"), document(461, "2013"))


BROKEN = [
    *(
        "",
        "not base64!",
        "aGVsbG8=",
        base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0").decode(),
        picture("png")[:40],
        "<svg",
    ),
    *("[1, 2", {"a": 1}, ["one line\n", "another"], [1, [2]], 5, None, True),
]


@pytest.mark.parametrize(
    "kind", ["image/png", "image/svg+xml", "application/pdf", "application/json", "text/html"]
)
def test_a_bundle_that_is_not_what_its_type_promises_is_compared_all_the_same(kind):
    bundles = [
        [{"output_type": "display_data", "metadata": {}, "data": {kind: content}}] for content in BROKEN
    ]
    for i, old in enumerate(bundles):
        for j, new in enumerate(bundles):
            assert bool(outputs_differ(old, new, ["rtol=0.1"])) is (i != j)


def test_lines_of_a_text_are_the_text():
    lines = [{"output_type": "display_data", "metadata": {}, "data": {"text/html": ["<b>\n", "x</b>"]}}]
    assert not outputs_differ(lines, shown(text_html="<b>\nx</b>"))


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("\r1/3\r2/3\r3/3\n", "3/3\n"),
        ("abc\rx\n", "xbc\n"),
        ("10 s\b\b\b\b9 s \n", "9 s \n"),
        ("elapsed 10 s\r\x1b[Kdone\n", "done\n"),
        ("elapsed 10 s\x1b[2K\rdone\n", "done\n"),
        ("one\r\ntwo\r\n", "one\ntwo\n"),
        ("\x1b[1;31mred\x1b[0m 5\n", "red 5\n"),
    ],
)
def test_text_is_compared_as_a_terminal_shows_it(raw, seen):
    assert not outputs_differ(printed(*raw), printed(seen))
    assert not outputs_differ(text(raw), text(seen))
    assert outputs_differ(printed(raw), printed(seen + "x"))


def test_what_is_printed_before_an_output_and_after_it_is_told_apart():
    assert outputs_differ([*printed("a"), *text("x"), *printed("b")], [*printed("ab"), *text("x")])
    assert outputs_differ([*text("x"), *text("y")], [*text("y"), *text("x")])


def test_an_error_is_compared_by_name_and_message():
    def error(name, message, traceback):
        return [v4.new_output("error", ename=name, evalue=message, traceback=[traceback])]

    assert not outputs_differ(error("ValueError", "no", "line 1"), error("ValueError", "no", "line 2"))
    assert outputs_differ(error("ValueError", "no", ""), error("KeyError", "no", ""))
    assert outputs_differ(error("ValueError", "no", ""), error("ValueError", "yes", ""))


def test_kinds_to_skip_are_skipped():
    assert not outputs_differ(
        shown(text_plain="1", text_html="a"), shown(text_plain="1", text_html="b"), (), {"text/html"}
    )
    assert outputs_differ(
        shown(text_plain="1", text_html="a"), shown(text_plain="2", text_html="b"), (), {"text/html"}
    )


# ---- the recordings -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded():
    """Every lesson's cells that show something."""
    cells = [nbformat.read(lesson.recording, 4).cells for lesson in syllabus.load().lessons]
    return [[cell for cell in some if cell.get("outputs")] for some in cells]


def texts(outputs):
    """Every text in outputs, as (holder, key)."""
    for output in outputs:
        if output.output_type == "stream":
            yield output, "text"
        for kind in output.get("data", {}):
            if kind.startswith("text/"):
                yield output.data, kind


def test_every_recording_is_like_itself_and_one_changed_digit_beyond_the_tolerance_is_seen_in_it(recorded):
    drawn = random.Random(20131108)
    for cells in recorded:
        for cell in cells:
            assert not outputs_differ(
                cell.outputs, copy.deepcopy(cell.outputs), cell.metadata.get("tags", [])
            )
        seen = 0
        while seen < 40:
            cell = drawn.choice(cells)
            tags = cell.metadata.get("tags", [])
            outputs = copy.deepcopy(cell.outputs)
            holder, key = drawn.choice(list(texts(outputs)) or [({}, "")])
            found = list(re.finditer(r"\d[\d,]*(?:\.\d+)?(?:[eE][-+]\d+)?|\.\d+", holder.get(key, "")))
            if not found:
                continue
            place = drawn.choice(found)
            old = place[0].rstrip(",")
            at = drawn.choice([i for i, c in enumerate(old.lower().split("e")[0]) if c.isdigit()])
            new = old[:at] + drawn.choice("0123456789".replace(old[at], "")) + old[at + 1 :]
            if abs(value(new) - value(old)) <= allowed(old, new, *tolerance(tags)):
                continue
            start = place.start()
            holder[key] = holder[key][:start] + new + holder[key][start + len(old) :]
            assert outputs_differ(cell.outputs, outputs, tags), (
                cell.source,
                old,
                new,
                holder[key][start - 20 : start + 20],
            )
            seen += 1


# ---- nbval ----------------------------------------------------------------------------------------------------------

SHOW = "from IPython.display import display, update_display, clear_output\n"
COMPARED = {  # a cell: its outputs as recorded, its tags, whether it must pass
    "1 / 3": (text("0.3334"), ["rtol=0.01"], True),
    "1 / 3 + 0": (text("0.4"), ["rtol=0.01"], False),
    "1 / 3 + 0.0": (text("0.3334"), [], False),
    SHOW + "display({'application/json': {'rows': 5, 'by': ['AA', 'UA']}}, raw=True)": (
        shown(application_json={"by": ["AA", "UA"], "rows": 5}),
        [],
        True,
    ),
    "for i in range(3):\n    print(f'\\r{i + 1}/3', end='', flush=True)\nprint()": (
        printed("\r", "1/3", "\r", "2/3", "\r", "3/3", "\n"),
        [],
        True,
    ),
    "import ipywidgets\nipywidgets.IntSlider()": (
        shown(
            **{
                "application_vnd.jupyter.widget-view+json": {
                    "model_id": "e",
                    "version_major": 2,
                    "version_minor": 0,
                }
            },
            text_plain="IntSlider(value=0)",
        ),
        [],
        True,
    ),
    SHOW + "print('a'); display('x'); print('b')": (
        [*printed("a\n"), *text("'x'"), *printed("b\n")],
        [],
        True,
    ),
    SHOW + "print('a'); print('b'); display('x')": (
        [*printed("a\n"), *text("'x'"), *printed("b\n")],
        [],
        False,
    ),
    SHOW + "display('before', display_id='d'); update_display('after', display_id='d')": (
        text("'after'"),
        [],
        True,
    ),
    SHOW + "print('before'); clear_output(wait=True); print('after')": (printed("after\n"), [], True),
    SHOW + "print('before'); clear_output(); print('after')": (printed("after\n"), [], True),
    SHOW + "print('before'); clear_output(wait=True)": (printed("before\n"), [], True),
    SHOW + "display({'image/png': 'no picture'}, raw=True)": (shown(image_png="another"), [], False),
    "raise ValueError('no')": (
        [v4.new_output("error", ename="ValueError", evalue="no", traceback=["elsewhere"])],
        ["raises-exception"],
        True,
    ),
    "print('random 123')": (printed("random 456\n"), [], True),  # by the option --nbval-sanitize-with
    SHOW + "display({'text/latex': 'a'}, raw=True)": (shown(text_latex="b"), [], True),  # by skip_compare
}


def test_nbval_runs_a_notebook_with_our_comparison(tmp_path):
    cells = [
        v4.new_code_cell(code, execution_count=1, metadata={"tags": tags}, outputs=outputs)
        for code, (outputs, tags, _) in COMPARED.items()
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "one.ipynb")
    (tmp_path / "conftest.py").write_text(
        "def pytest_itemcollected(item): item.parent.skip_compare += ('text/latex',)\n"
    )
    (tmp_path / "sanitize").write_text("regex: random \\d+\nreplace: random\n")
    options = "-v -p helpers.workbook.compare -p no:xdist -p no:cacheprovider -c /dev/null --nbval one.ipynb"
    call = [
        sys.executable,
        "-m",
        "pytest",
        *options.split(),
        "--nbval-sanitize-with",
        str(tmp_path / "sanitize"),
    ]
    cold = {**os.environ, "WORKBOOK_WARM": "0"}  # these cells need no TFX
    said = subprocess.run(call, cwd=tmp_path, env=cold, capture_output=True, text=True).stdout
    passed = {
        int(number): word == "PASSED" for number, word in re.findall(r"Cell (\d+) (PASSED|FAILED)", said)
    }
    assert passed == dict(enumerate(ok for _, _, ok in COMPARED.values())), said
