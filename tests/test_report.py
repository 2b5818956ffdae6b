"""The report: each row opens its own page, links lead somewhere, and nothing done in it changes a stored result."""

import json
import os
import re
from dataclasses import replace
from html import unescape
from urllib.parse import unquote

import nbformat.v4 as v4
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import syllabus
from helpers.syllabus import UsageError
from helpers.workbook import notebook_file, page, report
from helpers.workbook.outcomes import OK, REFUSED, Result
from helpers.workbook.store import Store
from helpers.workbook.tasks import Task


def notebook(*cells) -> str:
    """A notebook of these cells, text being Markdown, as JSON text."""
    cells = [v4.new_markdown_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    return json.dumps({**v4.new_notebook(), "cells": cells})  # not validated: some are made to be wrong


def shown(data: dict, metadata: dict | None = None):
    """A cell that displayed this bundle."""
    output = {"output_type": "display_data", "data": data, "metadata": metadata or {}}
    return {**v4.new_code_cell("show()"), "outputs": [output]}


def keep(store: Store, task: Task, text: str) -> None:
    """A stored result whose page is still to be made."""
    store.path(task.key).mkdir(exist_ok=True)
    (store.path(task.key) / "notebook.ipynb").write_text(text, encoding="utf8")


@pytest.fixture
def written(own_build):
    """Stores a result per name, a notebook of its name if it is given none, and writes the report; returns its folder."""

    def write(*names: str, **notebooks: str):
        store = Store()
        todo = [Task(name, f"Title of {name}", f"key-{i}", lambda: "") for i, name in enumerate(names)]
        results = {task.name: Result(OK, seconds=1) for task in todo}
        for task in todo:
            keep(store, task, notebooks.get(task.name) or notebook(f"notebook of {task.name}"))
            (store.path(task.key) / "page.html").unlink(missing_ok=True)
        return report.write(todo, results, store).parent, lambda: report.write(todo, results, store)

    return write


def links(folder) -> list[str]:
    """Where the titles of the index lead to."""
    return re.findall(r'<a href="([^"]+)">', (folder / "index.html").read_text(encoding="utf8"))


def main_of(path) -> str:
    return path.read_text(encoding="utf8").partition("<main>")[2]


def test_saving_a_notebook_of_the_report_leaves_the_stored_result_as_it_was(written):
    folder, again = written("1.1")
    before = (folder / "notebooks/1.1.ipynb").read_text()
    with (folder / "notebooks/1.1.ipynb").open("w") as file:  # in place, as JupyterLab saves
        file.write("edited")
    assert (Store().path("key-0") / "notebook.ipynb").read_text() == before
    again()
    assert (folder / "notebooks/1.1.ipynb").read_text() == before


@pytest.mark.parametrize(
    "names",
    [
        ["1.1", "1.1-row-001"],
        ["class/a-b/n", "class/a/b-n"],
        ["50% of #2", "a?b", "a&b", 'a"b'],
        ["x" * 250, "x" * 249 + "y", "class/" + "é" * 250],
        ["n", "n.ipynb"],
    ],
)
def test_every_row_opens_its_own_page_and_its_own_notebook(written, names):
    folder, _ = written(*names)
    pages = [unquote(link) for link in links(folder)]
    said = [re.search(r"notebook of (.*?)</p>", main_of(folder / link))[1] for link in pages]
    assert [unescape(name) for name in said] == names
    text = (folder / "index.html").read_text(encoding="utf8")
    notebooks = [unquote(link) for link in re.findall(r'href="(notebooks/[^"]+)"', text)]
    assert [f"notebook of {name}" in json.loads((folder / link).read_text())["cells"][0]["source"]
            for name, link in zip(names, notebooks, strict=True)] == [True] * len(names)  # fmt: skip


def test_ordinary_names_are_the_names_of_the_pages(written):
    folder, _ = written("1.1", "1.2-row-001", "class/anna/02_validating_data")
    assert links(folder) == [
        "pages/1.1.html",
        "pages/1.2-row-001.html",
        "pages/class-anna-02_validating_data.html",
    ]


def test_a_name_in_bytes_that_are_no_utf_8_is_a_row_like_any_other(written):
    names = [notebook_file.shown(os.fsdecode(name)) for name in (b"class/\xe9va/02", b"class/\xe8va/02")]
    folder, _ = written(*names)
    found = [unquote(link) for link in links(folder)]
    assert len(set(found)) == 2 and all((folder / link).is_file() for link in found)
    assert r"class/\xe9va/02" in (folder / "index.html").read_text(encoding="utf8")


def test_a_parameter_that_is_half_a_character_is_shown_as_a_row_like_any_other(own_build):
    task = Task("1.1", "1.1", "nothing is stored", str, parameters={"x": "\ud800"})
    text = report.write([task], {"1.1": Result(REFUSED)}, Store()).read_text(encoding="utf8")
    assert "<code>x=?</code>" in text


def test_a_page_that_is_missing_or_was_made_by_another_version_is_made_now(written):
    folder, again = written("1.1", "1.2")
    (Store().path("key-0") / "page.html").unlink()
    (Store().path("key-1") / "page.html").write_text("<html><script>alert(1)</script></html>")
    again()
    for name in ("1.1", "1.2"):
        assert f"notebook of {name}" in main_of(folder / f"pages/{name}.html")
    assert "notebook of 1.1" in main_of(Store().path("key-0") / "page.html"), "it is kept for the next report"


def test_a_result_without_a_notebook_is_a_row_with_its_reason(own_build):
    task, store = Task("class/eva/02", "02", "key", lambda: ""), Store()
    keep(store, task, "")
    for outcome, key in (("blocked", "key"), ("refused", "nothing is stored")):
        result = Result(outcome, "The file <e> is no notebook.")
        text = report.write([replace(task, key=key)], {task.name: result}, store).read_text()
        assert "0 of 1 lessons ran" in text and outcome in text and "The file &lt;e&gt; is" in text
        assert "<a " not in text


def test_next_leads_to_the_page_of_the_next_lesson_or_is_text(written):
    onward = "Next: [1.2 Scoping](../1_scoping/02_scoping_a_project.ipynb)."
    folder, _ = written("1.1", "1.2", **{"1.1": notebook(onward)})
    assert 'Next: <a href="1.2.html">1.2 Scoping</a>.' in main_of(folder / "pages/1.1.html")
    folder, _ = written(
        "1.1",
        **{
            "1.1": notebook(
                onward, "See [notes](notes.md), [odd](http://[), [docs](https://example.org), [up](#top)."
            )
        },
    )
    text = main_of(folder / "pages/1.1.html")
    assert "Next: 1.2 Scoping." in text and "See notes, " in text
    assert 'href="https://example.org"' in text and 'href="#top"' in text


def test_next_stays_in_its_row_of_a_table_and_in_its_learners_copies(written):
    onward = notebook("Next: [1.2](../1_scoping/02_scoping_a_project.ipynb).")
    names = ["1.1-row-001", "1.1-row-002", "1.2-row-001", "1.2-row-002", "class/anna/1_scoping/01_whole_loop",
             "class/anna/1_scoping/02_scoping_a_project", "class/ben/1_scoping/02_scoping_a_project"]  # fmt: skip
    folder, _ = written(*names, **{name: onward for name in names if "1.1" in name or "01_" in name})
    assert '<a href="1.2-row-002.html">' in main_of(folder / "pages/1.1-row-002.html")
    anna = main_of(folder / "pages/class-anna-1_scoping-01_whole_loop.html")
    assert '<a href="class-anna-1_scoping-02_scoping_a_project.html">' in anna


def test_a_picture_has_the_lessons_own_text_and_size(own_build):
    bundle = shown(
        {"image/png": "iVBORw0K", "text/plain": "plain"},
        {"image/png": {"width": 600, "height": 300, "alt": 'Sales rise to "3".'}},
    )
    text = page.html(notebook(bundle), "t")
    assert re.search(
        r'<img alt=\'Sales rise to "3".\' height="300" src="data:image/png;base64,iVBORw0K" width="600"/>',
        text,
    )
    assert 'alt="plain"' in page.html(notebook(shown({"image/png": "iVBORw0K", "text/plain": "plain"})), "t")


def test_all_that_the_lessons_show_passes_the_sanitizer():
    """Elements, attributes and styles of their HTML; pandas' own frames bring a style sheet and a border, which go."""
    tags, attributes, styles = set(), set(), set()
    for lesson in syllabus.load().lessons:
        for cell in json.loads(lesson.recording.read_text(encoding="utf8"))["cells"]:
            for output in cell.get("outputs", []):
                for tag, rest in re.findall(
                    r"<(\w+)([^>]*)>", "".join(output.get("data", {}).get("text/html", ""))
                ):
                    tags.add(tag)
                    attributes |= set(re.findall(r"([\w-]+)=", re.sub('"[^"]*"', "", rest)))
                    styles |= set(re.findall(r"([\w-]+):", *re.findall('style="([^"]*)"', rest) or [""]))
    allowed = page._cleaner()
    assert tags - {"style"} <= set(allowed.tags)
    assert attributes - {"border"} <= {*page.ATTRIBUTES.split(), "href", "src"}
    assert styles <= set(allowed.css_sanitizer.allowed_css_properties)


TYPES = st.sampled_from(
    [*page.SHOWN, "application/javascript", "application/vnd.jupyter.widget-view+json", "x/y"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("iVBORw0K"),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["width", "alt", "é"]), inner, max_size=2)
    ),
    max_leaves=4,
)
BUNDLES = st.dictionaries(TYPES, ANYTHING, max_size=3)


@settings(max_examples=3, deadline=None, derandomize=True)
@given(st.lists(st.tuples(BUNDLES, BUNDLES), min_size=30, max_size=30))
def test_bundles_that_are_not_what_their_types_say_lose_no_page(bundles):
    text = page.html(notebook("before", *(shown(*bundle) for bundle in bundles), "after"), "t")
    assert "before" in text and "after" in text and len(re.findall(r">show<", text)) == len(bundles)
    text.encode("utf8")


@pytest.mark.parametrize(
    "cell",
    [
        "![gone](attachment:gone.png)",
        "<div>" * 3000 + "deep",
        "<table>" + "<tr><td>1" * 50_000,  # without </td> each lies beside all before it
        "half a pair: \ud800",
        {**v4.new_markdown_cell("tags"), "metadata": {"tags": {"a": 1}, "attachments": 3}},
        {**v4.new_code_cell("%%latex\nx"), "metadata": {"tags": 7}},
        {
            **v4.new_code_cell("x"),
            "outputs": [{"output_type": "error", "traceback": None, "ename": 1, "evalue": 2}],
        },
        {**v4.new_code_cell("x"), "outputs": [{"output_type": "stream", "name": "stdout", "text": 5}]},
    ],
    ids=range(8),
)
def test_a_cell_that_cannot_be_shown_costs_no_other_cell(cell):
    text = page.html(notebook("before", cell, "after"), "t")
    assert "before" in text and "after" in text
    text.encode("utf8")


def test_checkpoints_of_jupyterlab_are_no_obstacle_and_old_pages_go(written):
    folder, again = written("1.1")
    (folder / "notebooks/.ipynb_checkpoints").mkdir()
    (folder / "pages/old.html").touch()
    again()
    assert (folder / "notebooks/.ipynb_checkpoints").is_dir()
    assert not (folder / "pages/old.html").exists()


@pytest.mark.parametrize("place", ["report", "report/pages", "report/index.html"])
def test_what_is_in_the_reports_way_is_said(written, own_build, place):
    own_build.mkdir()
    if place.endswith(".html"):
        (own_build / place).mkdir(parents=True)
    else:
        (own_build / place).parent.mkdir(exist_ok=True)
        (own_build / place).touch()
    with pytest.raises(UsageError, match=r"report can't be written.*call again"):
        written("1.1")
