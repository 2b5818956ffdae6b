"""The widgets under a hand and under the keyboard, in a notebook of the learner's own in the real JupyterLab."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import expect

LABELING = """
from helpers import datasets, lesson
from helpers.widgets import labeling
lesson.begin("1.1")  # finds the learner's folder
images, _ = datasets.digits()
task = labeling.label(images[:3], range(10), name="digits", desk=lesson.desk())
"""
THRESHOLD = """
import pandas as pd
from helpers import lesson
from helpers.widgets import threshold
lesson.begin("1.1")
shares = [0.1, 0.2, 0.3]
curve = pd.DataFrame({"threshold": shares, "money": [-5, 9, 4], "alerts": shares, "precision": shares, "recall": shares})
chosen = threshold.pick(curve, start=0.2)
"""


@pytest.fixture(scope="module")
def own(lab):
    """A notebook beside the learner's copies."""
    cells = [new_code_cell(code.strip()) for code in (LABELING, "task.labels()", THRESHOLD, "chosen.value")]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), lab.learn / "own.ipynb")
    return "own.ipynb"


def test_pictures_are_labeled_by_mouse_and_keyboard_and_undone_and_each_label_is_stored_at_once(desk, own):
    desk.open_lesson(own)
    desk.run(desk.cell("labeling.label("))
    box = desk.cell("labeling.label(").locator(".jp-OutputArea")
    expect(box.get_by_role("img", name="Picture 1 of 3")).to_be_visible()
    box.get_by_role("button", name="7", exact=True).click()
    expect(box.get_by_role("status")).to_contain_text("Picture 2 of 3; 1 labeled")
    box.get_by_placeholder("or type it").fill("4")
    desk.page.keyboard.press("Enter")
    expect(box.get_by_role("status")).to_contain_text("Picture 3 of 3; 2 labeled")
    box.get_by_role("button", name="Undo").click()
    expect(box.get_by_role("status")).to_contain_text("Picture 2 of 3; 1 labeled")
    desk.run(desk.cell("task.labels()"))
    expect(desk.cell("task.labels()").locator(".jp-OutputArea")).to_contain_text("[7, None, None]")
    stored = (desk.lab.learn / "labels" / "digits.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in stored[1:]] == ["7", "4", ""]
    desk.save()


@pytest.mark.after(
    "test_pictures_are_labeled_by_mouse_and_keyboard_and_undone_and_each_label_is_stored_at_once"
)
def test_after_a_restart_of_the_kernel_the_labeling_goes_on_where_it_stopped(desk, own):
    desk.open_lesson(own)
    desk.restart()
    desk.run(desk.cell("labeling.label("))
    expect(desk.cell("labeling.label(").get_by_role("status")).to_contain_text("Picture 2 of 3; 1 labeled")
    desk.save()


def test_a_threshold_is_chosen_with_the_arrow_keys_and_the_sentence_follows(desk, own):
    desk.open_lesson(own)
    desk.run(desk.cell("threshold.pick("))
    box = desk.cell("threshold.pick(").locator(".jp-OutputArea")
    expect(box.get_by_role("alert")).to_contain_text("Threshold 20%: +9")
    box.locator(".noUi-handle, .ui-slider-handle").first.focus()
    desk.page.keyboard.press("ArrowRight")
    expect(box.get_by_role("alert")).to_contain_text("Threshold 30%: +4")
    desk.run(desk.cell("chosen.value"))
    expect(desk.cell("chosen.value").locator(".jp-OutputArea")).to_contain_text("0.3")
    desk.save()
