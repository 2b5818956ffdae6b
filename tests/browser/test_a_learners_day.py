"""A learner's day in the real JupyterLab, in order: each test goes on where the last one stopped."""

import json
import re

import httpx
import nbformat
import pytest
from playwright.sync_api import expect

FOLDER, FILE = "2_data_lifecycle", "02_validating_data"
COPY = f"{FOLDER}/{FILE}.ipynb"
CHECK = 'lesson.check("2.2a"'
RUN = "test_run_all_of_an_unanswered_lesson_stops_nowhere_and_shows_no_traceback"
ANSWERED = "test_a_wrong_answer_says_why_a_hint_helps_and_a_right_one_is_on_the_start_page_at_once"
MERGED = "test_a_lesson_that_changes_while_it_is_open_is_merged_when_it_is_closed_and_the_answer_stays"


def right_answer(lab) -> str:
    """The solution's cell, from the lesson's text."""
    text = (lab.root / "notebooks" / FOLDER / f"{FILE}.py").read_text()
    return re.search(r'# %% tags=\["solution"\] exercise="2.2a"\n(.*?)\n\n# %%', text, re.S)[1]


def test_the_start_page_comes_first_and_says_what_is_next(desk):
    desk.open()
    page = desk.page.locator(".workbook-page")
    expect(page.get_by_role("heading", name="MLOps Workbook")).to_be_visible()
    expect(page.locator(".workbook-next")).to_contain_text("Next: 1.1 The whole loop")
    assert page.locator("progress").count() == 4
    page.get_by_text("You will be able to").first.click()
    expect(page.get_by_text("break-even").or_(page.get_by_text("write a scope down"))).to_be_visible()


def test_a_lesson_opens_from_the_start_page_by_keyboard_alone(desk):
    desk.open()
    desk.page.locator(f'a[data-path="{COPY}"]').focus()
    desk.page.keyboard.press("Enter")
    expect(desk.notebook.get_by_role("heading", name="2.2 Validating data with TFDV")).to_be_visible()


def test_run_all_of_an_unanswered_lesson_stops_nowhere_and_shows_no_traceback(desk):
    desk.open_lesson(COPY)
    expect(desk.cell(CHECK)).to_be_visible()
    desk.run_all()
    said = [box.inner_text() for box in desk.notebook.get_by_role("status").all()]
    assert len(said) == 5 and all(text.startswith("… Not attempted") for text in said), said
    assert desk.notebook.locator('[data-mime-type="application/vnd.jupyter.error"]').count() == 0
    assert desk.notebook.locator('[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0
    desk.save()


@pytest.mark.after(RUN)
def test_every_picture_of_the_lesson_has_its_finding_as_alternative_text(desk):
    desk.open_lesson(COPY)
    expect(desk.notebook.get_by_text(re.compile(r"Next: \d"))).to_be_attached()  # all is shown
    pictures = desk.notebook.locator(".jp-OutputArea img")
    expect(pictures.first).to_be_attached()
    expect(desk.notebook.locator(".jp-OutputArea img:not([alt])")).to_have_count(0)
    texts = [picture.get_attribute("alt") for picture in pictures.all()]
    assert texts and all(text and len(text) > 30 for text in texts), texts


@pytest.mark.after(RUN)
def test_a_wrong_answer_says_why_a_hint_helps_and_a_right_one_is_on_the_start_page_at_once(desk):
    desk.open_lesson(COPY)
    desk.write(desk.cell("by_chance = ..."), 'by_chance = {"pressure"}')
    desk.run(desk.cell('by_chance = {"pressure"}'))
    desk.run(desk.cell(CHECK))
    expect(desk.cell(CHECK).get_by_role("status")).to_contain_text("✗ Not yet")
    assert len(desk.cell(CHECK).get_by_role("status").inner_text()) > 60, "a reason"

    check = desk.cell(CHECK).locator(".cm-content").inner_text()
    desk.write(desk.cell(CHECK), 'lesson.hint("2.2a")')
    desk.run(desk.cell("lesson.hint("))
    expect(desk.cell("lesson.hint(")).to_contain_text("Hint 1 of")
    desk.write(desk.cell("lesson.hint("), check)

    desk.write(desk.cell('by_chance = {"pressure"}'), right_answer(desk.lab))
    desk.run(desk.cell("by_chance = required"))
    desk.run(desk.cell(CHECK))
    expect(desk.cell(CHECK).get_by_role("status")).to_contain_text("✓ Right")
    desk.save()

    desk.page.get_by_role("tab", name="Start").click()
    row = desk.page.locator("tr", has=desk.page.locator(f'a[data-path="{COPY}"]'))
    expect(row).to_contain_text("1 of 5")
    expect(desk.page.locator(".workbook-next")).to_contain_text("Go on with: 2.2")


def test_an_error_in_the_learners_own_function_is_shown_as_theirs_with_the_line(desk):
    desk.open_lesson("1_scoping/01_whole_loop.ipynb")
    desk.run(desk.cell('lesson.begin("1.1")'))
    desk.write(
        desk.cell("def expected_gain"), "def expected_gain(chance, saved, spent):\n    return chanse * saved"
    )
    desk.run(desk.cell("chanse"))
    desk.run(desk.cell('lesson.check("1.1a"'))
    said = desk.cell('lesson.check("1.1a"').get_by_role("status")
    expect(said).to_contain_text("NameError")
    assert "chanse" in said.inner_text() and "line 2" in said.inner_text()
    assert desk.notebook.locator('[data-mime-type="application/vnd.jupyter.error"]').count() == 0


def test_a_restarted_kernel_is_a_warm_one_with_tfx_imported(desk):
    desk.open_lesson(COPY)
    expect(desk.cell('lesson.begin("2.2")')).to_be_visible()
    desk.restart()
    cell = desk.cell('lesson.begin("2.2")')
    before = cell.locator(".cm-content").inner_text()
    desk.write(cell, 'import os, sys; (os.environ["WORKBOOK_KERNEL"], "tfx.v1" in sys.modules)')
    desk.run(desk.cell("WORKBOOK_KERNEL"))
    expect(desk.notebook.get_by_text("('warm', True)")).to_be_visible()
    desk.write(desk.cell("WORKBOOK_KERNEL"), before)
    desk.save()


@pytest.mark.after(ANSWERED)
def test_after_a_reload_of_the_page_answer_and_progress_are_there(desk):
    desk.open_lesson(COPY)
    desk.page.reload()
    expect(desk.notebook).to_contain_text(right_answer(desk.lab).splitlines()[0])
    standings = json.loads(desk.lab.workbook("progress", "--json"))["standings"]
    assert {x["exercise"]: x["status"] for x in standings}["2.2a"] == "right"
    assert re.search(r"^2.2,2.2a,right,2,20\d\d-", desk.lab.workbook("progress", "--csv"), re.M)


def test_a_second_start_finds_the_running_jupyterlab(lab):
    said = lab.workbook("learn", "2.2", "--no-browser")
    assert f"JupyterLab is running already: {lab.url}/lab/tree/{COPY}?token=" in said


@pytest.mark.after(ANSWERED)
def test_a_lesson_that_changes_while_it_is_open_is_merged_when_it_is_closed_and_the_answer_stays(desk):
    desk.open_lesson(COPY)
    expect(desk.cell("by_chance")).to_be_visible()
    desk.lab.rewrite(f"{FOLDER}/{FILE}.py", "A model does not fail when", "No model fails when")
    before = (desk.lab.learn / COPY).read_bytes()
    assert "is open in JupyterLab: close it" in desk.lab.workbook("learn", "--no-browser")
    assert (desk.lab.learn / COPY).read_bytes() == before

    desk.menu("File", "Close and Shut Down Notebook")
    desk.accept()
    expect(desk.notebook).to_have_count(0)
    desk.lab.until_said("your own cells kept", "learn", "--no-browser")
    desk.open_lesson(COPY)
    expect(desk.notebook.get_by_role("paragraph").filter(has_text="No model fails when")).to_be_visible()
    expect(desk.notebook).to_contain_text(right_answer(desk.lab).splitlines()[0])


@pytest.mark.after(MERGED)
def test_a_new_version_that_can_only_lie_beside_is_named_on_the_start_page(desk):
    desk.lab.rewrite(f"{FOLDER}/{FILE}.py", "by_chance = ...     # a set", "by_chance = ...     # the set")
    # With its kernel: JupyterLab gives one to a notebook that is being restored, also just after all were shut down
    desk.open_lesson(COPY)
    desk.menu("Kernel", "Shut Down All Kernels…")
    desk.accept()
    desk.lab.until_said("The new one", "learn", "--no-browser")
    desk.page.get_by_role("tab", name="Start").click()
    expect(desk.page.get_by_text("Lesson 2.2 has changed where you had, too")).to_be_visible()
    assert any(
        right_answer(desk.lab).splitlines()[0] in c.source
        for c in nbformat.read(desk.lab.learn / COPY, 4).cells
    )


def test_the_start_page_wants_a_login_and_is_not_sent_again_while_nothing_changed(lab):
    url, key = f"{lab.url}/workbook/start", {"Authorization": f"token {lab.token}"}
    assert httpx.get(url, trust_env=False).status_code in (302, 403)
    first = httpx.get(url, headers=key, trust_env=False)
    assert "MLOps Workbook" in first.text
    again = httpx.get(url, headers={**key, "If-None-Match": first.headers["etag"]}, trust_env=False)
    assert (again.status_code, again.text) == (304, "")


@pytest.mark.after(ANSWERED)
def test_reset_begins_anew_and_progress_stays(lab):
    said = lab.workbook("reset", "2.2")
    assert "begins anew" in said and "earlier" in said
    assert any("by_chance = ..." in c.source for c in nbformat.read(lab.learn / COPY, 4).cells)
    assert json.loads(lab.workbook("progress", "--json"))["right"] == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_start_page_reads_well_in_both_themes(desk, scheme):
    """Text and background keep the contrast that WCAG AA asks for."""
    desk.open()
    page = desk.page
    link = page.locator(".workbook-page a").first
    expect(link).to_be_visible()
    if scheme == "dark":
        page.get_by_role("menuitem", name="Settings", exact=True).click()
        page.locator(".lm-Menu-item", has_text=re.compile(r"^Theme")).hover()
        page.locator(".lm-Menu-item", has_text=re.compile(r"^JupyterLab Dark\s*$")).click()
        expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    colours = """node => [getComputedStyle(node).color, getComputedStyle(node.closest('.workbook-start')).backgroundColor]"""

    def luminance(colour: str) -> float:
        parts = [int(x) / 255 for x in re.findall(r"\d+", colour)[:3]]
        linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for locator in (link, page.locator(".workbook-page h2").first, page.locator(".workbook-page td").first):
        dark, light = sorted(luminance(colour) for colour in locator.evaluate(colours))
        assert (light + 0.05) / (dark + 0.05) >= 4.5
