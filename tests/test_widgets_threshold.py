"""The slider over thresholds, without a browser: what it holds, what it shows, and that it stays silent in batch runs."""

import subprocess
import sys

import pandas as pd
import pytest

from helpers import lesson
from helpers.widgets import threshold


@pytest.fixture
def curve():
    return pd.DataFrame(
        {
            "threshold": [0.1, 0.2, 0.3, 0.4],
            "money": [-500.0, 1200.0, 2000.0, 1500.0],
            "alerts": [0.9, 0.5, 0.25, 0.0],
            "precision": [0.2, 0.35, 0.5, float("nan")],
            "recall": [1.0, 0.8, 0.6, 0.0],
        }
    )


@pytest.fixture
def at_a_desk(monkeypatch, tmp_path):
    """A learner sits at the notebook; returns the list of what was displayed."""
    shown = []
    monkeypatch.setattr(lesson, "desk", lambda: tmp_path)
    monkeypatch.setattr("IPython.display.display", shown.append)
    return shown


def test_without_a_desk_nothing_is_shown_and_the_choice_is_the_one_given(monkeypatch, curve, capsys):
    monkeypatch.setattr(lesson, "desk", lambda: None)
    monkeypatch.setattr("IPython.display.display", lambda *_: pytest.fail("shown in a batch run"))
    choice = threshold.pick(curve, start=0.3)
    assert (choice.value, choice.panel) == (0.3, None)
    assert capsys.readouterr() == ("", "")


def test_a_start_between_two_thresholds_takes_the_nearest_and_the_order_of_rows_does_not_matter(curve):
    assert threshold.pick(curve.iloc[::-1], start=0.27).value == 0.3
    assert threshold.pick(curve, start=7).value == 0.4


def test_at_a_desk_slider_field_sentence_table_and_picture_say_the_same(at_a_desk, curve):
    choice = threshold.pick(curve, start=0.3)
    assert at_a_desk == [choice.panel]
    assert list(choice.panel.children) == [choice.slider, choice.field, choice.page]
    assert (choice.slider.label, choice.field.value) == ("30%", 0.3)
    for part in ("+2,000 dollars", 'role="alert"', "<table>", "60%", 'alt="Curve', "data:image/png"):
        assert part in choice.page.value, part


def test_moving_the_slider_changes_value_sentence_and_field(at_a_desk, curve):
    choice = threshold.pick(curve, start=0.3)
    before = choice.page.value
    choice.slider.value = 1
    assert (choice.value, choice.field.value) == (0.2, 0.2)
    assert choice.text.startswith("Threshold 20%: +1,200 dollars per 1,000 flights; 50% of the flights")
    assert choice.text in choice.page.value and choice.page.value != before


def test_typing_a_number_moves_the_slider_to_the_nearest_threshold(at_a_desk, curve):
    choice = threshold.pick(curve, start=0.3)
    choice.field.value = 0.12
    assert (choice.value, choice.slider.label, choice.field.value) == (0.1, "10%", 0.1)


def test_where_no_alert_is_sent_there_is_no_precision_to_speak_of(at_a_desk, curve):
    choice = threshold.pick(curve, start=0.4)
    assert "nan" not in choice.page.value.split("<img")[0]
    assert "of which" not in choice.text


def test_a_curve_that_lacks_something_is_refused(curve):
    with pytest.raises(ValueError, match="no column 'recall'"):
        threshold.pick(curve.drop(columns="recall"), start=0.3)
    with pytest.raises(ValueError, match="no rows"):
        threshold.pick(curve.head(0), start=0.3)


def test_importing_it_loads_neither_tensorflow_nor_ipywidgets():
    code = (
        "import sys; from helpers.widgets import threshold; "
        "sys.exit(', '.join({'tensorflow', 'ipywidgets'} & set(sys.modules)) or 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
