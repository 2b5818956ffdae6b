"""An exercise's card, folded code and a folded section in the real JupyterLab, in a small notebook that has all three."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import expect

from browser.test_accessibility import found, theme

TASK = "### Exercise 2.2a: Which features lack values by chance? (1 point)\n\nGive a set of names."
SHOW = """from helpers import display
def say(title): display.box(title, "2.2a", ["Because."], "#888")"""
COPY = "2_data_lifecycle/02_validating_data.ipynb"


def lesson():
    """Prose, a prediction, an exercise, folded code, and a folded section with an exercise in it; checks say what they are given."""
    exercise, folded = {"exercise": "2.2a"}, {"jupyter": {"source_hidden": True}}
    cells = [
        new_markdown_cell("# A lesson\n\nProse before it."),
        new_code_cell(SHOW),
        new_code_cell("guess = ...", metadata={"prediction": "2.2p1"}),
        new_markdown_cell("## A section\n\nProse between."),
        new_markdown_cell(TASK, metadata=exercise),
        new_code_cell("answer = '✗ Not yet'", metadata=exercise | {"tags": ["starter"]}),
        new_code_cell("answer = say(answer)  # lesson.check(", metadata=exercise),
        new_markdown_cell("Prose after it."),
        new_code_cell("plumbing = 1\nprint('plumbed', plumbing)", metadata=folded),
        new_markdown_cell("## Deeper\n\nAbout 5 minutes.", metadata={"jp-MarkdownHeadingCollapsed": True}),
        new_markdown_cell("### Exercise 2.2b: More (1 point)\n\nAsked.", metadata={"exercise": "2.2b"}),
        new_code_cell("deep = ...", metadata={"exercise": "2.2b", "tags": ["starter"]}),
        new_code_cell("print('deep', deep)  # lesson.check(", metadata={"exercise": "2.2b"}),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return new_notebook(cells=cells, metadata=kernel)


# Of each cell of a card: its top and bottom, left and right edge, and what it is painted with
LOOK = """cells => cells.map(cell => {
  const { top, bottom, left, right } = cell.getBoundingClientRect(), style = getComputedStyle(cell);
  return { top, bottom, sides: [left, right], paint: [style.backgroundColor, style.borderLeft, style.borderRight] }; })"""
FILL = "button => getComputedStyle(button).backgroundColor"


@pytest.fixture
def opened(desk):
    nbformat.write(lesson(), desk.lab.learn / COPY)
    desk.open_lesson(COPY)
    expect(task(desk)).to_be_visible()
    return desk


def task(desk, exercise="2.2a"):
    return desk.notebook.get_by_role("heading", name=f"Exercise {exercise}")


def fold(desk):
    heading = desk.notebook.locator(".jp-MarkdownCell", has_text="Deeper")
    heading.hover()
    heading.locator(".jp-collapseHeadingButton").click()
    expect(task(desk, "2.2b")).to_be_hidden()


def test_task_starter_and_check_are_one_card_in_both_themes_and_a_predictions_card_has_no_buttons(opened):
    notebook, page = opened.notebook, opened.page
    seen = notebook.locator(".workbook-card:visible")
    expect(seen).to_have_count(4)
    assert "guess" in seen.first.inner_text() and seen.first.locator("button:visible").count() == 0
    firsts, lasts = (notebook.locator(f".workbook-card-{end}:visible") for end in ("first", "last"))
    expect(firsts).to_have_count(2)
    expect(lasts).to_have_count(2)
    papers = set()
    for name in ("Light", "Dark"):
        theme(page, name)
        expect(page.locator("#jupyterlab-splash")).to_have_count(0)
        said = found(page, ".workbook-card .jp-MarkdownOutput", ".workbook-help", ".jp-InputPlaceholder")
        assert not said
        page.set_viewport_size({"width": 1400, "height": 1000})
        cells = seen.evaluate_all(LOOK)[1:]
        for above, below in zip(cells, cells[1:], strict=False):
            assert below["top"] == pytest.approx(above["bottom"], abs=1)
            assert (above["sides"], above["paint"]) == (below["sides"], below["paint"])
        task(opened).click()  # JupyterLab paints the cell that is active
        assert seen.evaluate_all(LOOK)[1]["paint"][0] == cells[0]["paint"][0]
        paper = notebook.evaluate(
            "panel => getComputedStyle(panel.querySelector('.jp-Notebook')).backgroundColor"
        )
        papers |= {paper, cells[0]["paint"][0]}
    assert len(papers) == 4, "a card differs from its paper"
    theme(page, "Light")


def test_after_a_wrong_verdict_the_hint_stands_out_and_after_a_right_one_both_recede(opened):
    help_ = opened.notebook.get_by_role("group", name="Help with exercise 2.2a")
    hint, solution = (help_.get_by_role("button", name=name) for name in ("Hint", "Solution"))
    assert hint.evaluate(FILL) == solution.evaluate(FILL)
    quiet = hint.evaluate(FILL)
    for code in ("from helpers", "answer = '✗", "answer = say"):
        opened.run(opened.cell(code))
    expect(opened.cell("answer = say").get_by_role("status")).to_contain_text("✗ Not yet")
    assert hint.evaluate(FILL) != solution.evaluate(FILL) == quiet
    assert not found(opened.page, ".workbook-help")
    opened.write(opened.cell("answer = '✗"), "answer = '✓ Right'")
    opened.run(opened.cell("answer = '✓"))
    opened.run(opened.cell("answer = say"))
    expect(opened.cell("answer = say").get_by_role("status")).to_contain_text("✓ Right")
    assert hint.evaluate(FILL) == solution.evaluate(FILL) == "rgba(0, 0, 0, 0)"
    assert not found(opened.page, ".workbook-help")


def test_folded_code_opens_by_keyboard_and_says_so(opened):
    opener = opened.notebook.get_by_role("button", name="Show folded code: plumbing = 1")
    opener.focus()
    opened.page.keyboard.press("Enter")
    expect(opener).to_have_count(0)
    expect(opened.cell("plumbing = 1").locator(".cm-content")).to_be_visible()


def test_a_folded_section_opens_by_a_click_a_mark_and_the_table_of_contents_and_run_all_runs_it(opened):
    notebook, page = opened.notebook, opened.page
    expect(task(opened, "2.2b")).to_be_hidden()
    notebook.get_by_role("button", name="3 cells hidden").click()
    expect(task(opened, "2.2b")).to_be_visible()
    fold(opened)

    page.get_by_role("tab", name="Start").click()
    page.get_by_role("link", name=re.compile("2.2b: ")).click()
    expect(task(opened, "2.2b")).to_be_in_viewport()
    expect(notebook.locator(".jp-Cell.jp-mod-active")).to_contain_text("Exercise 2.2b")

    fold(opened)
    page.get_by_role("tab", name="Table of Contents").click()
    contents = page.locator(".jp-TableOfContents")
    expect(contents).to_contain_text("Exercise 2.2a: Which features lack values by chance? (1 point)")

    opened.run_all()
    expect(opened.cell("print('deep'").locator(".jp-Cell-outputArea")).to_contain_text("deep Ellipsis")
