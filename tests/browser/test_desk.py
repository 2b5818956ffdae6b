"""The learner's desk in the real JupyterLab: start page, marks, tabs, lines, buttons beside the checks, terminal, a second window."""

import json
import re
import sys
from pathlib import Path

import httpx
import nbformat
import pytest
import websocket
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import expect

COPY = "1_scoping/01_whole_loop.ipynb"
CHECK = 'lesson.check("1.1b"'
# What is wider than the place it has, of all that the start page shows
OVERFLOW = """() => [document.querySelector('.workbook-start'), ...document.querySelectorAll('.workbook-page :is(p, th, td, progress)')]
  .filter(node => node.scrollWidth > node.clientWidth + 1 || node.getBoundingClientRect().right > innerWidth)
  .map(node => node.textContent.slice(0, 40))"""
# Characters of the longest line of each paragraph and list item; a line is what lies at one height
LINES = """() => [...document.querySelectorAll('.jp-Notebook .jp-RenderedMarkdown :is(p, li)')].map(node => {
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT), range = document.createRange(), lines = {};
  for (let text; (text = walker.nextNode()); )
    for (let i = 0; i < text.length; i++) {
      range.setStart(text, i); range.setEnd(text, i + 1);
      const { width, top, bottom } = range.getBoundingClientRect();
      const middle = Math.round((top + bottom) / 2 / 10);
      if (width) lines[middle] = (lines[middle] ?? 0) + 1;
    }
  return Math.max(0, ...Object.values(lines)); })"""


def nothing_overflows(desk) -> None:
    """Wait for it: JupyterLab lays itself out some time after the window has changed."""
    for _ in range(100):
        if not (found := desk.page.evaluate(OVERFLOW)):
            return
        desk.page.wait_for_timeout(100)
    assert found == []


def help_with(desk, exercise: str):
    """The buttons for an exercise and what they have shown."""
    buttons = desk.page.get_by_role("group", name=f"Help with exercise {exercise}")
    return desk.notebook.locator(".workbook-help", has=buttons)


def in_a_terminal(lab, command: str) -> str:
    """What JupyterLab's own terminal shows when this is typed there, the line itself included."""
    key = f"token={lab.token}"
    name = httpx.post(f"{lab.url}/api/terminals?{key}", trust_env=False).raise_for_status().json()["name"]
    address = f"{lab.url.replace('http', 'ws')}/terminals/websocket/{name}?{key}"
    screen = websocket.create_connection(address, timeout=60)
    screen.send(json.dumps(["stdin", f"{command}; echo en''d\r"]))
    shown = ""
    while not re.search(r"\bend\b", shown):
        kind, *text = json.loads(screen.recv())
        shown += text[0] if kind == "stdout" else ""
    screen.close()
    return shown


@pytest.mark.parametrize("width", [600, 800, 1400, 1920])
def test_the_start_page_holds_at_any_width_with_the_file_browser_beside_it_or_not(desk, width):
    place = f"lab/workspaces/{width}"  # of its own, where the file browser is open as on a first day
    desk.open(place)
    expect(desk.page.locator(".workbook-next")).to_be_visible()
    desk.page.set_viewport_size({"width": width, "height": 900})
    expect(desk.page.locator(".jp-FileBrowser")).to_be_visible()
    nothing_overflows(desk)
    desk.open(place)
    expect(desk.page.locator(".workbook-next")).to_be_visible()
    expect(desk.page.locator(".jp-FileBrowser")).to_be_visible(visible=width >= 1000)
    nothing_overflows(desk)


def test_a_mark_leads_to_its_exercise_by_mouse_and_keyboard_and_the_tab_bears_the_lessons_title(desk):
    desk.open()
    mark = desk.page.get_by_role("link", name="1.1c: not attempted")
    expect(mark).to_have_text("–")
    mark.click()
    active = desk.notebook.locator(".jp-Cell.jp-mod-active")
    expect(active).to_contain_text("Exercise 1.1c")
    expect(active).to_be_in_viewport()
    expect(desk.page.get_by_role("tab", name="1.1 The whole loop", exact=True)).to_be_visible()
    assert (desk.lab.learn / COPY).is_file(), "a title that is set renames the file"

    desk.page.get_by_role("tab", name="Start").click()
    desk.page.get_by_role("link", name="1.1b: not attempted").focus()
    desk.page.keyboard.press("Enter")
    expect(active).to_contain_text("Exercise 1.1b")
    expect(active).to_be_in_viewport()


def test_lines_of_text_have_about_eighty_characters_at_most_in_the_widest_window(desk):
    desk.page.set_viewport_size({"width": 1920, "height": 900})
    desk.open(f"lab/tree/{COPY}")
    expect(desk.notebook.get_by_role("heading", name="1.1 The whole loop")).to_be_visible()
    expect(desk.notebook.get_by_role("heading", name="What you did")).to_be_attached()
    longest = max(desk.page.evaluate(LINES))
    assert 70 <= longest <= 88


def test_hint_and_solution_are_a_click_or_a_key_away_and_leave_nothing_in_the_notebook(desk):
    desk.open_lesson(COPY)
    area = help_with(desk, "1.1b")
    area.get_by_role("button", name="Solution of exercise 1.1b").click()
    expect(area.get_by_role("status")).to_contain_text("Try first")

    desk.write(desk.cell("afterwards = ..."), 'afterwards = {"dep_time", "sched_dep_time"}')
    desk.run(desk.cell('lesson.begin("1.1")'))
    desk.run(desk.cell("afterwards = {"))
    desk.run(desk.cell(CHECK))
    verdict = desk.cell(CHECK).locator(".jp-Cell-outputWrapper").get_by_role("status")
    expect(verdict).to_contain_text('Hint 1 of 3: lesson.hint("1.1b")')
    cells, counted = (
        desk.notebook.locator(".jp-Cell").count(),
        desk.cell(CHECK).locator(".jp-InputPrompt").inner_text(),
    )

    hint = area.get_by_role("button", name="Hint for exercise 1.1b")
    hint.focus()
    for number in (1, 2):
        desk.page.keyboard.press("Enter")
        expect(area.get_by_role("status")).to_contain_text(f"Hint {number} of 3")
    expect(hint).to_be_focused()
    area.get_by_role("button", name="Solution of exercise 1.1b").press("Space")
    expect(area).to_contain_text("One solution of 1.1b")
    expect(area.locator("code")).to_contain_text("afterwards = {")
    desk.save()
    assert desk.notebook.locator(".jp-Cell").count() == cells
    saved = nbformat.read(desk.lab.learn / COPY, 4)
    assert "One solution" not in json.dumps(saved) and "Hint 2 of 3" not in json.dumps(saved)
    assert f"[{next(c.execution_count for c in saved.cells if CHECK in c.source)}]:" == counted

    area.get_by_role("button", name="Hide the help with exercise 1.1b").click()
    expect(area).not_to_contain_text("One solution")
    expect(hint).to_be_focused()


def test_without_a_kernel_a_click_says_what_to_do(desk):
    desk.open_lesson(COPY)
    desk.menu("Kernel", "Shut Down Kernel")
    expect(desk.page.locator("#jp-main-statusbar")).to_contain_text("No Kernel")
    help_with(desk, "1.1b").get_by_role("button", name="Hint for exercise 1.1b").click()
    expect(help_with(desk, "1.1b")).to_contain_text("choose Kernel > Restart Kernel…")


def test_the_command_is_found_in_jupyterlabs_terminal_and_in_a_notebook(desk):
    own = str(Path(sys.executable).with_name("workbook"))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(
        new_notebook(cells=[new_code_cell("!command -v workbook")], metadata=kernel),
        desk.lab.learn / "own.ipynb",
    )
    desk.open_lesson("own.ipynb")
    desk.run(desk.cell("command -v"))
    expect(desk.cell("command -v").locator(".jp-OutputArea")).to_contain_text(own)

    assert own in in_a_terminal(desk.lab, "command -v workbook")


def test_a_second_window_says_to_close_one_of_the_two_and_the_first_is_left_in_peace(desk):
    desk.open()
    with desk.page.expect_popup() as opened:
        desk.page.evaluate("() => { window.open(location.href) }")
    said = "The workbook is open in another window, too: close one of the two"
    expect(opened.value.get_by_text(said)).to_be_visible()
    expect(desk.page.get_by_text(said)).to_have_count(0)
