"""`workbook new`: a lesson that passes the form tests from the start, and nothing written where it can't be made."""

import ast
import itertools
import re
import shlex
import shutil
import subprocess
import sys

import checkout
import pytest
import yaml

from helpers import ROOT, syllabus
from helpers.syllabus import UsageError
from helpers.workbook import new

HOOKS = ROOT / ".pre-commit-config.yaml"
TAKEN = {lesson.id for lesson in syllabus.load().lessons}
FREE = next(name for number in itertools.count(2) if (name := f"3.{number}") not in TAKEN)
FILE = f"{int(FREE[2:]):02}_trees_and_forests"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A checkout with a new lesson, which the hook of commits lets pass, recorded; and the environment that finds it."""
    folder = tmp_path_factory.mktemp("new") / "checkout"
    environment = checkout.make(folder) | {
        "WORKBOOK_BUILD": str(folder.parent / "build"),
        "WORKBOOK_WARM": "0",
    }
    workbook = [sys.executable, "-m", "helpers.workbook.cli"]
    [form] = [h for h in yaml.safe_load(HOOKS.read_text())["repos"][0]["hooks"] if h["id"] == "form"]
    *pytest_, which = shlex.split(form["entry"])[1:]
    before_it_is_recorded = [sys.executable, *pytest_, f"{which} and {FREE}"]
    for command in (
        [*workbook, "new", FREE, "Trees, and “forests”"],
        before_it_is_recorded,
        [*workbook, "record", FREE],
    ):
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return folder, environment


def test_a_new_lesson_holds_to_the_form_and_its_exercises_to_theirs(made):
    folder, environment = made
    files = ("tests/test_lessons.py", "tests/judges/test_judges.py", "tests/test_stamp.py")
    which = f"{FREE} or syllabus_names"
    command = [sys.executable, "-m", "pytest", "-q", "-rp", "-p", "no:randomly", *files, "-k", which]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert all(f"PASSED {file}::" in done.stdout for file in files), done.stdout[-3000:]


def test_it_stands_in_the_order_of_the_course_and_in_the_readme(made):
    folder, _ = made
    tree = yaml.safe_load((folder / "notebooks" / "syllabus.yml").read_text())
    rows = [row for course in tree["courses"] for row in course["lessons"] if row["id"].startswith("3.")]
    numbers = [int(row["id"][2:]) for row in rows]
    assert FREE in [row["id"] for row in rows] and numbers == sorted(numbers)
    text = (folder / "notebooks" / "3_modeling_pipelines" / f"{FILE}.py").read_text()
    minutes = re.search(r"Time: about (\d+) minutes", text)[1]
    assert (
        f"| {FREE} | [Trees, and “forests”](notebooks/3_modeling_pipelines/{FILE}.ipynb) | {minutes} |"
        in (folder / "README.md").read_text()
    )


@pytest.mark.parametrize(
    "title",
    [
        "Trees, forests",
        'The "best" model',
        "No",
        "2013",
        "'Tis so",
        "C:\\new",
        'Three """',
        "Models: # 1",
        "Über Ω",
    ],
)
def test_any_title_stands_in_the_syllabus_as_it_was_given_and_the_files_are_python(tmp_path, title):
    for folder in {lesson.folder for lesson in syllabus.load().lessons}:
        (tmp_path / "notebooks" / folder).mkdir(parents=True)
    (tmp_path / "tests" / "judges").mkdir(parents=True)
    shutil.copy(syllabus.NOTEBOOKS / "syllabus.yml", tmp_path / "notebooks")
    listed, *files = new.make(FREE, title, tmp_path)
    tree = yaml.safe_load(listed.read_text())
    [row] = [row for course in tree["courses"] for row in course["lessons"] if row["id"] == FREE]
    assert row == {"id": FREE, "file": files[0].stem, "title": title, "seconds": 30}
    for file in files:
        ast.parse(file.read_text())


@pytest.mark.parametrize(
    "lesson_id, title, said",
    [
        ("2.2", "Again", "is there"),
        ("9.1", "A course that is not there", "no course 9"),
        ("3", "No lesson", "looks like 3.1"),
        ("3.1; rm", "Not a number", "looks like 3.1"),
        ("3.1", "  ", "needs a title"),
        ("3.1", "Two\nlines", "needs a title"),
        ("3.1", "Two\u2028lines", "needs a title"),
    ],
)
def test_what_cannot_be_made_is_said_and_nothing_is_written(tmp_path, lesson_id, title, said):
    with pytest.raises(UsageError, match=said):
        new.make(lesson_id, title, tmp_path)
    assert list(tmp_path.iterdir()) == []
