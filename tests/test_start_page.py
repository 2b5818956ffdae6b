"""The start page and the standings it shows, from a ledger."""

import csv
import json
import re

import pytest

from helpers import display, lesson, syllabus
from helpers.desk import copies, start_page
from helpers.exercises import ledger, progress, source

OPENING = """
# %% [markdown]
# # A lesson
#
# You will be able to
#
# - name a `schema` <by heart>;
# - draw
#   a **line**.

# %% tags=["starter"] exercise="{id}a"
answer = ...

# %% tags=["solution"] exercise="{id}a"
answer = 42

# %% exercise="{id}a"
print(answer)
"""


@pytest.fixture
def folder(small_syllabus, tmp_path):
    """A learner's folder with two lessons of one exercise each, nothing attempted."""
    small_syllabus({id: OPENING.format(id=id) for id in ("1.1", "1.2")})
    copies.update(tmp_path)
    return tmp_path


def tried(folder, exercise, status, digest=None):
    ledger.append(
        folder / ledger.NAME, exercise, status, source.digest(exercise) if digest is None else digest
    )


def text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_it_names_the_first_lesson_and_after_an_attempt_the_one_that_was_begun(folder):
    assert "Next: 1.1 Lesson 1.1 . 0 of 2" in text(start_page.html(folder))
    tried(folder, "1.2a", "wrong")
    assert "Go on with: 1.2 Lesson 1.2 . 0 of 2" in text(start_page.html(folder))
    tried(folder, "1.2a", "right")
    assert "Next: 1.1 Lesson 1.1 . 1 of 2" in text(start_page.html(folder))
    tried(folder, "1.1a", "right")
    assert "All 2 exercises are right" in text(start_page.html(folder))


def test_each_lesson_says_what_one_will_be_able_to_do_as_text_and_never_as_markup(folder):
    page = start_page.html(folder)
    assert "<li>name a <code>schema</code> &lt;by heart&gt;</li><li>draw a <strong>line</strong></li>" in page


def test_links_lead_to_the_learners_copies(folder):
    paths = re.findall(r'data-path="([^"]+)"', start_page.html(folder))
    assert set(paths) == {"course/lesson_1_1.ipynb", "course/lesson_1_2.ipynb"}
    assert all((folder / path).is_file() for path in paths)


def test_each_state_of_an_exercise_has_a_mark_and_a_word_of_its_own(folder):
    states = {}
    for status, digest in (("wrong", None), ("right", "of an older text"), ("right", None)):
        tried(folder, "1.1a", status, digest)
        states[status, digest] = re.search(r'title="1.1a: ([^"]+)"', start_page.html(folder))[1]
    assert list(states.values()) == [progress.NOT_YET, progress.RIGHT_BEFORE, progress.RIGHT]


def test_each_mark_is_a_link_to_its_exercise_and_says_in_words_what_the_sign_says(folder):
    tried(folder, "1.1a", "wrong")
    row = re.search(r'<tr data-path="course/lesson_1_1.ipynb">.*?</tr>', start_page.html(folder), re.S)[0]
    [(attributes, sign)] = re.findall(r'<a class="workbook-mark" ([^>]+)>(.)</a>', row)
    assert 'href="lab/tree/course/lesson_1_1.ipynb" data-exercise="1.1a"' in attributes
    assert 'aria-label="1.1a: not yet"' in attributes and sign == "✗"


def test_a_missing_or_damaged_ledger_shows_what_can_be_read(folder):
    tried(folder, "1.1a", "right")
    with (folder / ledger.NAME).open("a") as file:
        file.write('{"exercise": "1.2a", "status"')
    assert "1 of 2 exercises right" in text(start_page.html(folder))
    (folder / ledger.NAME).unlink()
    assert "0 of 2 exercises right" in text(start_page.html(folder))


def test_json_and_csv_list_every_exercise_with_tries_and_the_first_time_it_was_right(folder):
    for status in ("wrong", "right", "right"):
        tried(folder, "1.2a", status)
    first = ledger.read(folder / ledger.NAME)[0][1]["at"]
    whole = json.loads(progress.as_json(folder))
    assert (whole["right"], whole["exercises"]) == (1, 2)
    expected = {
        "lesson": "1.2",
        "exercise": "1.2a",
        "status": "right",
        "tries": 3,
        "right_at": first,
        "points": 1,
    }
    assert whole["standings"][1] == expected
    rows = list(csv.DictReader(progress.as_csv(folder).splitlines()))
    assert (
        rows[1] == {key: str(value) for key, value in expected.items()}
        and rows[0]["status"] == "not attempted"
    )


def test_points_and_predictions_are_counted_where_there_are_some(folder, small_syllabus, monkeypatch):
    monkeypatch.setattr(lesson, "_session", lesson._Session())
    monkeypatch.chdir(folder)
    shown = []
    monkeypatch.setattr(display, "say", lambda text, rich=(): shown.append(text))
    tried(folder, "1.1a", "right")
    lesson.progress()
    assert "1 of 2 exercises right\n" in shown[-1] + "\n" and "points" not in shown[-1]
    assert "Predictions" not in start_page.html(folder)
    task = '\n# %% [markdown] exercise="1.1a"\n# ### Exercise 1.1a: What? (2 points)\n'
    small_syllabus({id: OPENING.format(id=id) + task * (id == "1.1") for id in ("1.1", "1.2")})
    ledger.append(folder / ledger.NAME, "1.2p1", "close", "", kind="prediction")
    lesson.progress()
    assert "1 of 2 exercises right, 2 of 3 points" in shown[-1]
    whole = json.loads(progress.as_json(folder))
    assert [whole[key] for key in ("points", "points_possible", "predictions", "predictions_close")] == [
        2,
        3,
        1,
        1,
    ]
    assert [row["points"] for row in csv.DictReader(progress.as_csv(folder).splitlines())] == ["2", "1"]
    page = text(start_page.html(folder))
    assert "Predictions: 1 made, 1 close." in page and "Next: 1.2" in page


def test_every_lesson_of_the_workbook_says_what_one_will_be_able_to_do():
    for each in syllabus.load().lessons:
        assert len(syllabus.abilities(each)) >= 3, each.id


def test_a_lesson_that_changes_while_the_page_is_served_shows_that_its_exercise_was_right_before(
    folder, small_syllabus
):
    tried(folder, "1.1a", "right")
    assert 'title="1.1a: right"' in start_page.html(folder)
    small_syllabus({id: OPENING.format(id=id).replace("42", "43") for id in ("1.1", "1.2")})
    assert f'title="1.1a: {progress.RIGHT_BEFORE}"' in start_page.html(folder)


def test_a_lesson_that_is_begun_says_how_many_of_its_minutes_are_left(folder, small_syllabus):
    long = "\n# %% [markdown]\n# " + "word " * 3600 + "\n"
    small_syllabus({"1.1": long + OPENING.format(id="1.1") + long})
    assert "about 45 minutes" in start_page.html(folder) and " left" not in start_page.html(folder)
    tried(folder, "1.1a", "wrong")
    assert "about 45 minutes, about 25 left" in start_page.html(folder)
    tried(folder, "1.1a", "right")
    assert " left" not in start_page.html(folder)
