"""The exercises by id. A lesson's are told in its book, `notebooks/<course>/exercises/NN_name.py`, which is read when first asked for."""

from __future__ import annotations

import functools
import re
import runpy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from helpers.exercises.kit import Exercise

_registered: dict[str, Exercise] = {}


class UnknownExercise(LookupError):
    """No exercise has this id; the message lists those of its lesson, or of its course."""


def register(exercise: Exercise) -> None:
    """Called by the kit where a book tells an exercise. Raises ValueError where its id is taken."""
    if exercise.id in _registered:
        raise ValueError(f"Exercise {exercise.id} has two judges. Rename one.")
    _registered[exercise.id] = exercise


def of(lesson_id: str) -> dict[str, Exercise]:
    """The exercises of a lesson by id, in order; empty where it has no book."""
    _read(lesson_id)
    return {key: task for key, task in sorted(_registered.items()) if lesson_of(key) == lesson_id}


@functools.cache
def _read(lesson_id: str) -> None:
    """Run the book of a lesson, once. What it told before it failed is forgotten, so that asking again shows the same error."""
    from helpers import syllabus

    try:
        book = syllabus.load().lesson(lesson_id).exercises
    except syllabus.UsageError:
        return
    if not book.is_file():
        return
    before = dict(_registered)
    try:
        runpy.run_path(str(book))
    except BaseException:
        _registered.clear()
        _registered.update(before)
        raise


def every() -> dict[str, Exercise]:
    """The exercises of all lessons by id, in the order of the course."""
    from helpers import syllabus

    return {key: task for lesson in syllabus.load().lessons for key, task in of(lesson.id).items()}


def lesson_of(exercise_id: str) -> str:
    """The lesson to which the exercise "2.2a" or the prediction "2.2p1" belongs: "2.2"."""
    return re.sub(r"(p\d+|[a-z]+)$", "", exercise_id)


def find(exercise_id: str) -> Exercise:
    """The exercise with this id, such as "2.2a".

    Raises UnknownExercise, with the ids there are.
    """
    text = exercise_id if type(exercise_id) is str else f"({type(exercise_id).__name__})"
    known = of(lesson_of(text))
    if text in known:
        return known[text]
    near = known or {key: task for key, task in every().items() if key.split(".")[0] == text.split(".")[0]}
    there = f"There are {', '.join(near)}." if near else 'Ids look like "1.1a": course, lesson, letter.'
    raise UnknownExercise(f"No exercise is called {text[:40]!r}. {there}")
