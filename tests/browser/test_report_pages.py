"""The report in a real browser, from disk: a notebook's own HTML does nothing there, and everything reads well in any window."""

import json
import os

import nbformat.v4 as v4
import pytest

from helpers import syllabus
from helpers.workbook import page, report
from helpers.workbook.notebook_file import shown
from helpers.workbook.outcomes import OK, Result
from helpers.workbook.store import Store
from helpers.workbook.tasks import Task

RAN = "top.ran = (top.ran || []).concat"
HOSTILE = [
    f"<script>{RAN}('script')</script>",
    f"<img src=x onerror=\"{RAN}('onerror')\">",
    f"<svg onload=\"{RAN}('svg')\"><script>{RAN}('script in svg')</script></svg>",
    f"<details open ontoggle=\"{RAN}('toggle')\"><summary>more</summary></details>",
    f"<a id=bait href=\"javascript:{RAN}('link')\">click</a>",
    f"<iframe srcdoc=\"<script>{RAN}('frame')</script>\"></iframe>",
    '<iframe src="http://127.0.0.1:9/frame"></iframe><object data="http://127.0.0.1:9/object"></object>',
    '<meta http-equiv="refresh" content="0;url=http://127.0.0.1:9/refresh"><base href="http://127.0.0.1:9/">',
    '<form action="http://127.0.0.1:9/form"><input autofocus><button id=send>send</button></form>',
    '<link rel="stylesheet" href="http://127.0.0.1:9/style"><img src="http://127.0.0.1:9/picture">',
    "<style>body * { display: none !important } @import 'http://127.0.0.1:9/import'</style>",
    '<div style="position: fixed; inset: 0; background: red; z-index: 99999">cover</div>',
    '<div style="margin: -3000px; padding: 3000px; background: url(http://127.0.0.1:9/background)">cover</div>',
    '<div class="jp-Dialog" style="background: red">cover</div>',
    f"</div></div></main></body><script>{RAN}('outside')</script>",
    f"<noscript><p title=\"</noscript><img src=x onerror={RAN}('mutation')>\">",
]


def hostile() -> str:
    """All of it as Markdown, as HTML, as displayed Markdown, and what else a bundle and a notebook can hold."""
    bundles = [{kind: text} for text in HOSTILE for kind in ("text/html", "text/markdown")]
    picture = f"<svg xmlns='http://www.w3.org/2000/svg' onload=\"{RAN}('picture')\"><script>{RAN}('in picture')</script></svg>"
    bundles += [{"application/javascript": f"{RAN}('javascript')"}, {"image/svg+xml": picture}]
    bundles += [{"image/png": f'" onerror="{RAN}(1)', "text/plain": f'" onerror="{RAN}(2)'}]
    sizes = {"image/png": {"width": f"1 onerror={RAN}(3)"}}
    cells = [v4.new_markdown_cell("# Visible"), *map(v4.new_markdown_cell, HOSTILE)]
    for data in bundles:
        output = {
            "output_type": "display_data",
            "data": data,
            "metadata": sizes if "image/png" in data else {},
        }
        cells.append({**v4.new_code_cell("show()"), "outputs": [output]})
    state = {
        "application/vnd.jupyter.widget-state+json": {
            "state": {},
            "x": f"</script><script>{RAN}('state')</script>",
        }
    }
    metadata = {"title": f"</title><script>{RAN}('title')</script>", "widgets": state}
    return json.dumps({**v4.new_notebook(), "cells": cells, "metadata": metadata})


def write(**notebooks: str):
    """The report of these notebooks, by the names of their tasks; returns its index."""
    store = Store()
    todo = [Task(name, f"Title of {name}", f"key-{i}", lambda: "") for i, name in enumerate(notebooks)]
    for task in todo:
        store.path(task.key).mkdir()
        (store.path(task.key) / "notebook.ipynb").write_text(notebooks[task.name], encoding="utf8")
    return report.write(todo, {name: Result(OK, "It ran.", 61.4, 1.2) for name in notebooks}, store)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """A report of two lessons as they are recorded, one of them once more under a long name."""
    texts = {id: syllabus.load().lesson(id).recording.read_text(encoding="utf8") for id in ("2.2", "2.3")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBOOK_BUILD", str(tmp_path_factory.mktemp("build")))
        return write(**texts, **{"class/" + "long_name_" * 8: texts["2.2"]})


@pytest.fixture
def opened(browser):
    """Opens a page and notes what it asks for, beside itself, and where it goes."""
    pages = []

    def open_(path, **options):
        found = browser.new_page(**options)
        found.asked = []

        def note(request):
            if request.url != path.as_uri() and request.url[:5] != "data:" and request.failure != "csp":
                found.asked.append(request.url)

        found.on("requestfinished", note)
        found.on("requestfailed", note)
        found.goto(path.as_uri())
        found.wait_for_timeout(300)  # for what would happen by itself
        pages.append(found)
        return found

    yield open_
    for found in pages:
        found.close()


@pytest.mark.parametrize("layer", ["sanitizer and policy", "policy alone"])
def test_nothing_in_a_learners_notebook_runs_loads_or_leaves(own_build, opened, layer, monkeypatch):
    if layer == "policy alone":
        monkeypatch.setattr(page, "_clean", lambda html: str(html))
        page._exporter.cache_clear()
    try:
        path = write(n=hostile()).parent / "pages/n.html"
    finally:
        page._exporter.cache_clear()
    found = opened(path)
    for link in found.locator("a#bait, a:text('click')").all():
        link.dispatch_event("click")
    assert found.evaluate("top.ran") is None
    if layer == "policy alone":
        return
    assert found.asked == [] and found.url == path.as_uri() and len(found.frames) == 1
    assert found.locator("form, iframe, object, script, style ~ main style, [onerror], [onload]").count() == 0


def test_no_style_of_a_learners_covers_what_is_not_theirs(own_build, opened):
    found = opened(write(n=hostile()).parent / "pages/n.html")
    assert found.get_by_role("heading", name="Visible").is_visible()
    hit = """node => { node.scrollIntoView({ block: 'center' }); const r = node.getBoundingClientRect();
        return node.contains(document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2)) }"""
    for node in [found.locator("nav a"), *found.locator(".jp-InputArea-editor").all()]:
        assert node.evaluate(hit)


def test_a_page_leads_back_to_the_index_and_on_to_the_next_lesson(index, opened):
    found = opened(index)
    found.get_by_role("link", name="Title of 2.2").click()
    found.get_by_role("link", name="2.3 Schemas that evolve").click()
    assert found.get_by_role("heading", name="2.3 Schemas that evolve", exact=False).first.is_visible()
    assert found.get_by_role("link", name="2.4").count() == 0, "it is not in this report"
    found.get_by_role("link", name="All results").click()
    assert found.url == index.as_uri()
    assert found.get_by_role("link", name="Notebook of 2.2").get_attribute("href") == "notebooks/2.2.ipynb"


def test_a_name_in_bytes_that_are_no_utf_8_opens(own_build, opened):
    name = shown(os.fsdecode(b"class/\xe9va"))
    found = opened(write(**{name: json.dumps(v4.new_notebook(cells=[v4.new_markdown_cell("# Hers")]))}))
    found.get_by_role("link", name="Title of").click()
    assert found.get_by_role("heading", name="Hers").is_visible()


WIDTHS = 600, 800, 1400, 1920
# Characters that fit into a line of each longer text, by the mean width of its own
LINES = """() => {
  const pen = document.createElement('canvas').getContext('2d');
  return [...document.querySelectorAll('main :is(p, li, [role=status] div)')].filter(node => node.textContent.length > 100).map(node => {
    pen.font = getComputedStyle(node).font;
    return node.clientWidth / pen.measureText(node.textContent).width * node.textContent.length; }) }"""


def test_pages_hold_from_600_to_1920_pixels_and_lines_stay_readable(index, opened):
    for path in (index, index.parent / "pages/2.2.html"):
        found = opened(path)
        for width in WIDTHS:
            found.set_viewport_size({"width": width, "height": 900})
            assert found.evaluate("document.documentElement.scrollWidth") <= width
            lines = found.evaluate(LINES)
            assert path == index or len(lines) > 20
            assert all(characters < 90 for characters in lines), (width, max(lines))


def test_numbers_stand_right_under_their_heads(index, opened):
    found = opened(index)
    for head in ("Time", "Peak memory"):
        place = found.locator("thead th").all_inner_texts().index(head) + 1
        for node in found.locator(f"tr > :nth-child({place})").all():
            assert node.evaluate("n => getComputedStyle(n).textAlign") == "right"


def test_a_page_follows_the_readers_colour_scheme_and_pictures_stay_readable(index, opened):
    ground = "() => getComputedStyle(document.body).backgroundColor"
    for path in (index, index.parent / "pages/2.2.html"):
        found = opened(path, color_scheme="light")
        light = found.evaluate(ground)
        found.emulate_media(color_scheme="dark")
        assert (
            light
            != found.evaluate(ground)
            == {True: "rgb(22, 22, 22)", False: "rgb(17, 17, 17)"}[path == index]
        )
    picture = found.locator(".jp-RenderedImage img").first
    assert picture.evaluate("n => getComputedStyle(n).backgroundColor") == "rgb(255, 255, 255)"
    assert len(picture.get_attribute("alt")) > 30


def test_a_folded_cell_opens_by_its_summary_and_a_task_stands_in_a_card(own_build, opened):
    task = v4.new_markdown_cell("### Exercise 2.2a: Who is late?\n\nWords.", metadata={"exercise": "2.2a"})
    plot = v4.new_code_cell("# The plot\nhidden = 1", metadata={"tags": ["folded"]})
    index = write(n=json.dumps(v4.new_notebook(cells=[task, plot])))
    for scheme in ("light", "dark"):
        found = opened(index.parent / "pages/n.html", color_scheme=scheme)
        assert not found.get_by_text("hidden").is_visible()
        found.get_by_text("The plot", exact=True).focus()
        found.keyboard.press("Enter")
        assert found.get_by_text("hidden").is_visible()
        card = found.locator("section.workbook-task")
        assert card.get_by_role("heading", name="Exercise 2.2a").is_visible()
        look = "n => getComputedStyle(n).borderTopColor + getComputedStyle(n).borderTopStyle"
        assert card.evaluate(look).endswith("solid")
        assert card.evaluate("n => getComputedStyle(n).backgroundColor") not in ("rgba(0, 0, 0, 0)", "")
        found.set_viewport_size({"width": 600, "height": 900})
        assert found.evaluate("document.documentElement.scrollWidth") <= 600
