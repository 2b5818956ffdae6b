"""Predictions: a guess is noted, the first counts, what comes of it is said kindly; nothing blocks and nothing raises."""

import json

import numpy as np
import pandas as pd
import pytest

from helpers import display, exercises, lesson
from helpers.exercises import ledger, progress


@pytest.fixture(autouse=True)
def session(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lesson, "_session", lesson._Session("2.8"))


@pytest.fixture
def said(monkeypatch):
    shown = []
    monkeypatch.setattr(display, "say", lambda text, rich=(), **more: shown.append(text))
    return shown


@pytest.fixture
def book(tmp_path):
    (tmp_path / ledger.NAME).touch()
    lesson.begin("2.8")
    return tmp_path / ledger.NAME


MODELS = {"within": 1.5, "form": "{:.0f} models"}


@pytest.mark.parametrize(
    "guess, title, text",
    [
        (2, "Exact", "It is 2 models, as you said."),
        (np.int64(2), "Exact", "It is 2 models, as you said."),
        (np.array([3.0]), "Close", "You said 3 models; it is 2 models.\nOff by 1 models."),
        (2.4, "Close", "You said 2.4; it is 2 models.\nOff by 0.4."),
        (5, "Off", "You said 5 models; it is 2 models.\nOff by 3 models."),
        (-1e300, "Off", "Off by 1"),
    ],
)
def test_a_guess_is_held_against_what_it_is(said, guess, title, text):
    lesson.predict("2.8p1", guess)
    lesson.reveal("2.8p1", np.float32(2), **MODELS)
    assert said[-1].startswith(f"{title} · 2.8p1\n") and text in said[-1]


def test_a_choice_is_read_whatever_its_case_and_is_exact_or_off(said):
    among = ("shadow", "canary", "big bang")
    lesson.predict("2.8p1", " Canary ", among=among)
    lesson.predict("2.8p2", "shadow", among=among)
    lesson.reveal("2.8p1", "canary")
    lesson.reveal("2.8p2", "canary")
    assert said == [
        "Your guess: canary.",
        "Your guess: shadow.",
        "Exact · 2.8p1\nIt is canary, as you said.",
        "Off · 2.8p2\nIt is canary; you said shadow.",
    ]


def test_without_a_guess_both_say_one_quiet_line(said, book):
    lesson.predict("2.8p1", ...)
    lesson.reveal("2.8p1", 0.1234, form="{:.1%}")
    lesson.reveal("2.8p2", "canary")
    assert said == ["No guess: none is needed.", "It is 12.3%.", "It is canary."]
    assert book.read_text() == ""


class Hostile:
    def __getattribute__(self, name):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "guess", [None, "five", [], [1, 2], float("nan"), float("inf"), True, object(), Hostile, 10**400, print]
)
def test_a_guess_that_is_none_is_told_what_is_wanted_and_leaves_the_place_free(said, guess):
    guess = Hostile() if guess is Hostile else guess
    lesson.predict("2.8p1", guess)
    assert said[-1].startswith("! No guess · 2.8p1\nYour guess ")
    lesson.predict("2.8p1", guess, among=("a", "b"))
    assert 'one of "a", "b"' in said[-1] or "Your guess" in said[-1]
    lesson.predict("2.8p1", 3)
    lesson.reveal("2.8p1", 3)
    assert said[-1].startswith("Exact")


def test_the_first_guess_counts_until_revealed_and_one_after_it_does_not(said, book):
    for guess in (5, 5, 7, ...):
        lesson.predict("2.8p1", guess)
    assert said == ["Your guess: 5.", "Your guess: 5.", *["Your first guess counts: 5."] * 2]
    lesson.reveal("2.8p1", 7)
    assert said[-1].startswith("Off")
    lesson.predict("2.8p1", 7)
    assert said[-1] == "Your guess, 7, comes after the result: it doesn't count."
    lesson.begin("2.8")
    lesson.predict("2.8p1", 7)
    lesson.reveal("2.8p1", 7)
    assert "comes after" in said[-2] and said[-1].startswith("Off")
    lesson.reveal("2.8p2", 7)
    lesson.predict("2.8p2", 7)
    assert "comes after" in said[-1]
    assert len(book.read_text().splitlines()) == 1


def test_the_ledger_keeps_the_first_as_its_own_kind_which_is_no_try_at_an_exercise(said, book, monkeypatch):
    lesson.predict("2.8p1", 5)
    lesson.reveal("2.8p1", 6, within=1)
    entry = json.loads(book.read_text())
    assert entry.pop("at") and entry == {
        "exercise": "2.8p1",
        "status": "close",
        "digest": "",
        "kind": "prediction",
    }
    monkeypatch.setattr(lesson, "_session", lesson._Session())  # a new kernel
    lesson.begin("2.8")
    lesson.predict("2.8p1", 6)
    lesson.reveal("2.8p1", 6)
    assert said[-1].startswith("Exact") and len(book.read_text().splitlines()) == 1
    assert ledger.states(ledger.read(book)[0]) == {}


def test_progress_counts_the_predictions_of_the_lesson_or_of_all(said, book):
    lesson.progress()
    assert "Predictions" not in said[-1]
    lesson.predict("2.8p1", 5)
    lesson.reveal("2.8p1", 6, within=1)
    lesson.predict("2.8p2", 5)
    lesson.reveal("2.8p2", 9, within=1)
    ledger.append(book, "2.3p1", "exact", "", kind="prediction")
    ledger.append(book, "2.3p1", "off", "", kind="prediction")
    ledger.append(book, "2.8a", "right", "x")
    lesson.progress()
    assert said[-1].endswith("Predictions: 2 made, 1 close.")
    lesson.progress(everything=True)
    assert said[-1].endswith("Predictions: 3 made, 2 close.")
    assert progress.predictions([]) == (0, 0)


@pytest.mark.parametrize("name", ["2.8a", "2.8p", "p1", "", 3, None, "2.8p1x", Hostile, "²p1"])
def test_an_id_that_is_none_is_told(said, name):
    name = Hostile() if name is Hostile else name
    lesson.predict(name, 1)
    lesson.reveal(name, 1)
    assert all('Ids of predictions look like "2.8p1"' in text for text in said) and len(said) == 2


def test_an_id_of_another_lesson_is_told(said):
    lesson.predict("2.10p1", 1)
    lesson.reveal("2.10p1", 1)
    assert (
        all("2.10p1 belongs to lesson 2.10; this is lesson 2.8." in text for text in said) and len(said) == 2
    )


@pytest.mark.parametrize(
    "value, more",
    [
        (None, {}),
        (float("nan"), {}),
        ("canary", {}),
        (pd.DataFrame({"a": [1, 2]}), {}),
        (Hostile, {}),
        (1, {"form": "{:q}"}),
        (1, {"form": "{} {}"}),
        (1, {"form": None}),
        (2, {"within": "much"}),
    ],
)
def test_a_fault_of_the_lesson_is_told_as_one(said, value, more):
    value = Hostile() if value is Hostile else value
    lesson.predict("2.8p1", 1)
    lesson.reveal("2.8p1", value, **more)
    assert "fault of the workbook, not of yours" in said[-1]
    lesson.predict("2.8p2", 1, among=3)
    lesson.predict("2.8p2", "a", among=(Hostile(), 3))
    assert all("fault of the workbook" in text for text in said[-2:])


def test_a_ledger_that_can_not_be_written_costs_a_line(said, book):
    book.unlink()
    lesson.predict("2.8p1", 1)
    lesson.reveal("2.8p1", 1)
    assert said[-1].startswith("Exact") and "Progress was not saved" in said[-1]


def test_the_lesson_of_a_prediction_and_of_an_exercise_are_found():
    ids = {"2.8p1": "2.8", "2.10p12": "2.10", "2.10a": "2.10", "2.8": "2.8", "": "", "x": "", "1.1p": "1.1"}
    assert {name: exercises.lesson_of(name) for name in ids} == ids
