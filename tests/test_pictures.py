"""The README's pictures show the workbook as it is; `make pictures` takes them anew."""

import pictures
import pytest
from PIL import Image


def described(name: str) -> str:
    with Image.open(pictures.FOLDER / name) as picture:
        assert picture.size == tuple(pictures.SIZE.values())
        return picture.text.get("Description", "")


def test_the_picture_of_the_start_page_says_what_the_start_page_says(tmp_path):
    (tmp_path / pictures.ledger.NAME).touch()
    assert described("start.png") == pictures.start_shows(tmp_path), "make pictures"


def test_the_picture_of_a_lesson_shows_its_exercise_as_it_is_and_no_solution():
    said = described("lesson.png")
    assert said == pictures.lesson_shows(), "make pictures"
    assert "right: " in said and pictures.source.solution("1.1a").splitlines()[-1].strip() not in said


@pytest.mark.parametrize("name", ["start.png", "lesson.png"])
def test_a_picture_is_small_enough_to_load_at_once(name):
    assert (pictures.FOLDER / name).stat().st_size < 300_000
