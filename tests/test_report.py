"""The report: each row opens its own page, and nothing done in the report changes a stored result."""

import re
from urllib.parse import unquote

import pytest

from helpers.workbook import report
from helpers.workbook.execute import OK, Result
from helpers.workbook.run import Task
from helpers.workbook.store import Store
from helpers.workbook.syllabus import UsageError


@pytest.fixture
def written(own_build):
    """Stores a result of one line per name, and writes the report; returns its folder and its links by title."""

    def write(*names: str):
        store = Store()
        todo = [Task(name, name, f"key-{i}", lambda: "") for i, name in enumerate(names)]
        results = {task.name: Result(OK, seconds=1, notebook=f"notebook of {task.name}") for task in todo}
        for task in todo:
            store.put(task.key, results[task.name])
            store.put_page(task.key, f"page of {task.name}")
        return report.write(todo, results, store).parent, lambda: report.write(todo, results, store)

    return write


def links(folder) -> list[str]:
    return re.findall(r'href="([^"]+)"', (folder / "index.html").read_text(encoding="utf8"))


def test_saving_a_notebook_of_the_report_leaves_the_stored_result_as_it_was(written):
    folder, again = written("1.1")
    with (folder / "notebooks/1.1.ipynb").open("w") as file:  # in place, as JupyterLab saves
        file.write("edited")
    assert (Store().path("key-0") / "notebook.ipynb").read_text() == "notebook of 1.1"
    again()
    assert (folder / "notebooks/1.1.ipynb").read_text() == "notebook of 1.1"


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
def test_every_row_opens_its_own_page(written, names):
    folder, _ = written(*names)
    found = [unquote(link) for link in links(folder)]
    assert [(folder / link).read_text() for link in found] == [f"page of {name}" for name in names]


def test_ordinary_names_are_the_names_of_the_pages(written):
    folder, _ = written("1.1", "1.2-row-001", "class/anna/02_validating_data")
    assert links(folder) == [
        "pages/1.1.html",
        "pages/1.2-row-001.html",
        "pages/class-anna-02_validating_data.html",
    ]


def test_a_page_that_is_gone_is_not_linked(written):
    folder, again = written("1.1", "1.2")
    (Store().path("key-0") / "page.html").unlink()
    again()
    assert links(folder) == ["pages/1.2.html"]
    assert not (folder / "pages/1.1.html").exists()


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
