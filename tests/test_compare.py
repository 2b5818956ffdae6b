"""The comparison of outputs with recorded ones: what must pass, and above all what must not."""

import base64
import struct

import nbformat.v4 as v4
import pytest

from helpers.workbook.compare import difference, outputs_differ, tolerance


def text(words):
    return [v4.new_output("execute_result", {"text/plain": words})]


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


@pytest.mark.parametrize("words", ["2013-01-01", "v2", "#0072b2", "12:30", "f1"])
def test_dates_hours_colours_and_names_are_text_and_not_numbers(words):
    changed = words.replace("1", "9").replace("2", "8")
    assert difference(words, changed, rtol=1.0)


def test_the_same_tolerance_holds_in_html_and_on_stdout():
    html = [v4.new_output("display_data", {"text/html": "<td>0.50</td>", "text/plain": "0.50"})]
    near = [v4.new_output("display_data", {"text/html": "<td>0.51</td>", "text/plain": "0.51"})]
    assert outputs_differ(html, near)
    assert not outputs_differ(html, near, ["rtol=0.05"])
    assert outputs_differ(
        [v4.new_output("stream", name="stdout", text="1.0")],
        [v4.new_output("stream", name="stdout", text="2.0")],
        ["rtol=0.05"],
    )


def test_stdout_in_two_pieces_is_the_same_as_in_one_and_stderr_is_not_compared():
    one = [v4.new_output("stream", name="stdout", text="ab")]
    two = [v4.new_output("stream", name="stdout", text=t) for t in "ab"]
    assert not outputs_differ(one, two + [v4.new_output("stream", name="stderr", text="warning")])


def test_a_missing_an_extra_and_a_failing_output_differ():
    assert outputs_differ(text("1"), [])
    assert outputs_differ([], text("1"))
    assert outputs_differ(text("1"), [v4.new_output("error", ename="ValueError", evalue="no", traceback=[])])


def test_a_picture_of_another_size_differs_and_its_pixels_do_not():
    def picture(width, pixels):
        png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, 300) + pixels
        return [v4.new_output("display_data", {"image/png": base64.b64encode(png).decode()})]

    assert outputs_differ(picture(400, b"x"), picture(401, b"x"))
    assert not outputs_differ(picture(400, b"x"), picture(400, b"y"))


@pytest.mark.parametrize("tag", ["rtol=two", "rtol=-0.1", "rtol=nan", "rtol=20", "atol=inf"])
def test_a_tag_that_is_no_tolerance_is_refused(tag):
    with pytest.raises(ValueError):
        tolerance([tag])


def test_nbval_runs_a_notebook_with_our_comparison(pytester_notebook):
    good = pytester_notebook("1 / 3", "0.3334", ["rtol=0.01"])
    wrong = pytester_notebook("1 / 3", "0.4", ["rtol=0.01"])
    exact = pytester_notebook("1 / 3", "0.3334", [])
    assert [good, wrong, exact] == [0, 1, 1]


@pytest.fixture
def pytester_notebook(tmp_path):
    """Runs nbval on a notebook of one cell with a recorded output; returns pytest's exit status."""
    import subprocess
    import sys

    import nbformat

    def run(code, recorded, tags):
        cell = v4.new_code_cell(
            code,
            execution_count=1,
            metadata={"tags": tags},
            outputs=[v4.new_output("execute_result", {"text/plain": recorded}, execution_count=1)],
        )
        notebook = v4.new_notebook(
            cells=[cell], metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}
        )
        nbformat.write(notebook, tmp_path / "one.ipynb")
        call = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "helpers.workbook.compare",
            "-p",
            "no:xdist",
            "--nbval",
            str(tmp_path / "one.ipynb"),
            "-c",
            "/dev/null",
        ]
        return subprocess.run(call, cwd=tmp_path, capture_output=True).returncode

    return run
