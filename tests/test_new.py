"""`workbook new`: a lesson that passes the form tests from the start, and nothing written where it can't be made."""

import subprocess
import sys

import checkout
import pytest

from helpers.syllabus import UsageError
from helpers.workbook import new


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A checkout with a new lesson, recorded; and the environment that finds it."""
    folder = tmp_path_factory.mktemp("new") / "checkout"
    environment = checkout.make(folder) | {
        "WORKBOOK_BUILD": str(folder.parent / "build"),
        "WORKBOOK_WARM": "0",
    }
    for words in ["new", "3.2", "Trees, and “forests”"], ["record", "3.2"]:
        command = [sys.executable, "-m", "helpers.workbook.cli", *words]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return folder, environment


def test_a_new_lesson_holds_to_the_form_and_its_exercises_to_theirs(made):
    folder, environment = made
    for tests in "tests/test_lessons.py", "tests/judges/test_judges.py":
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:randomly",
            tests,
            "-k",
            "3.2 or syllabus_names",
        ]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 and " passed" in done.stdout, done.stdout[-3000:]


def test_it_stands_in_the_order_of_the_course_and_in_the_readme(made):
    folder, _ = made
    rows = [
        line for line in (folder / "notebooks" / "syllabus.yml").read_text().splitlines() if 'id: "3.' in line
    ]
    assert [row.split('"')[1] for row in rows] == ["3.2", "3.8"]
    assert (
        "| 3.2 | [Trees, and “forests”](notebooks/3_modeling_pipelines/02_trees_and_forests.ipynb) | 60 |"
        in (folder / "README.md").read_text()
    )


@pytest.mark.parametrize(
    "lesson_id, title, said",
    [
        ("2.2", "Again", "is there"),
        ("9.1", "A course that is not there", "no course 9"),
        ("3", "No lesson", "looks like 3.1"),
        ("3.1; rm", "Not a number", "looks like 3.1"),
        ("3.1", "  ", "needs a title"),
        ("3.1", "Two\nlines", "needs a title"),
    ],
)
def test_what_cannot_be_made_is_said_and_nothing_is_written(tmp_path, lesson_id, title, said):
    with pytest.raises(UsageError, match=said):
        new.make(lesson_id, title, tmp_path)
    assert list(tmp_path.iterdir()) == []
