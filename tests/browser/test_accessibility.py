"""axe-core finds nothing of ours on the start page, in a lesson and in the report: in both themes, at three widths.

JupyterLab's own frame, toolbars and code editors are its authors' part; what this workbook renders in it is looked at.
"""

import re

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from nbformat.sign import NotebookNotary
from playwright.sync_api import expect

from browser.test_report_pages import write as write_report
from helpers import display, lesson, syllabus

WIDTHS = 800, 1400, 1920


def found(page, *ours: str, but: str = "") -> set[str]:
    """What axe-core finds in these parts of the page, or in all of it, at each width: rule, element, what to do."""
    said = set()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1000})
        parts = [[part] for part in ours if page.locator(part).count()] or [["html"]]
        # pandas' own tables have heads without text
        context = {"include": parts, "exclude": [[".dataframe"]]}
        # Contrast is the same in every window, and looking at it takes as long as all the rest
        rules = {"color-contrast": width == WIDTHS[1]} | ({but: False} if but else {})
        options = {"resultTypes": ["violations"], "rules": {k: {"enabled": v} for k, v in rules.items()}}
        for rule in Axe().run(page, context, options).response["violations"]:
            for node in rule["nodes"]:
                said.add(f"{rule['id']} at {width}: {node['html'][:120]}: {node['failureSummary'][:300]}")
    return said


def theme(page, name: str) -> None:
    """Choose one of JupyterLab's themes, by its menu."""
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.locator(".lm-Menu-item", has_text=re.compile(r"^Theme")).hover()
    page.locator(".lm-Menu-item", has_text=re.compile(rf"^JupyterLab {name}\s*$")).click()
    expect(page.locator("body")).to_have_attribute("data-jp-theme-name", f"JupyterLab {name}")


@pytest.fixture(scope="module")
def notebook():
    """A lesson's beginning as it is recorded, and all that the lesson kit can say."""
    found = nbformat.read(syllabus.load().lesson("2.2").recording, as_version=4)
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(display, "say", lambda text, rich: said.append({"text/plain": text, **rich}))
        lesson.begin("2.2")
        for answer in (..., 3, {"pressure"}, {"visib", "precip"}):
            lesson.check("2.2a", by_chance=answer)
        lesson.hint("2.2a")
        lesson.solution("2.2a")
        lesson.progress()
        lesson.end()
    assert len(said) == 8
    shown = [nbformat.v4.new_output("display_data", forms) for forms in said]
    found.cells[26:] = [nbformat.v4.new_code_cell("lesson", outputs=[output]) for output in shown]
    return found


def test_axe_finds_nothing_on_the_start_page(desk):
    desk.open()
    expect(desk.page.locator(".workbook-page a").first).to_be_visible()
    for name in ("Light", "Dark"):
        theme(desk.page, name)
        assert not found(desk.page, ".workbook-start")
    theme(desk.page, "Light")


def test_axe_finds_nothing_in_what_a_lesson_shows(desk, lab, notebook):
    nbformat.write(notebook, lab.learn / "recorded.ipynb")
    NotebookNotary(data_dir=lab.environment["JUPYTER_DATA_DIR"]).sign(notebook)
    desk.open("lab/tree/recorded.ipynb")
    expect(desk.notebook.locator("[role=status]", has_text="Hint 1 of 3 · 2.2a")).to_be_visible()
    for name in ("Light", "Dark"):
        theme(desk.page, name)
        # The area that scrolls around a wide table is JupyterLab's
        but = "scrollable-region-focusable"
        assert not found(desk.page, ".jp-MarkdownOutput", ".jp-OutputArea-output", ".workbook-help", but=but)
    theme(desk.page, "Light")


def test_axe_finds_nothing_in_the_report(browser, notebook, own_build):
    task = nbformat.v4.new_markdown_cell("### Exercise 2.2z: A task", metadata={"exercise": "2.2z"})
    folded = nbformat.v4.new_code_cell("# The plot\nx = 1", metadata={"tags": ["folded"]})
    cells = [*notebook.cells, task, folded]
    index = write_report(**{"2.2": nbformat.writes(nbformat.from_dict({**notebook, "cells": cells}))})
    page = browser.new_page()
    for part in ("index.html", "pages/2.2.html"):
        page.goto((index.parent / part).as_uri())
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert not found(page)
    page.close()
