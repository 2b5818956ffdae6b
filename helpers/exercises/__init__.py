"""The judges: what is right, per exercise; pure functions of plain data. A course's module is imported when first asked for."""

from __future__ import annotations

import importlib
import importlib.util
from string import ascii_lowercase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from helpers.exercises.kit import Exercise

COURSES = (1, 2, 3, 4)
_registered: dict[str, Exercise] = {}


class UnknownExercise(LookupError):
    """No exercise has this id; the message lists those of its lesson, or of its course."""


def register(exercise: Exercise) -> None:
    """Called by `kit.exercise`. An id may be taken again only by the same function (a module that is reloaded)."""
    other = _registered.get(exercise.id)
    if other and (other.judge.__module__, other.judge.__qualname__) != (
        exercise.judge.__module__,
        exercise.judge.__qualname__,
    ):
        raise ValueError(
            f"Exercise {exercise.id} has two judges: {other.judge.__qualname__} and "
            f"{exercise.judge.__qualname__}. Rename one."
        )
    _registered[exercise.id] = exercise


def course(number: int | str) -> dict[str, Exercise]:
    """The exercises of one course by id, in order; empty where the course has none."""
    name = f"{__name__}.course{number}"
    if importlib.util.find_spec(name) is None:
        return {}
    importlib.import_module(name)
    return {
        key: value
        for key, value in sorted(_registered.items(), key=lambda item: _order(item[0]))
        if key.startswith(f"{number}.")
    }


def find(exercise_id: str) -> Exercise:
    """The exercise with this id, such as "2.2a".

    Raises UnknownExercise, with the ids there are.
    """
    text = exercise_id if type(exercise_id) is str else f"({type(exercise_id).__name__})"
    number = text.split(".")[0]
    known = course(number) if number in {str(n) for n in COURSES} else {}
    if text in known:
        return known[text]
    near = [key for key in known if key.rstrip(ascii_lowercase) == text.rstrip(ascii_lowercase)] or list(
        known
    )
    there = f"There are {', '.join(near)}." if near else 'Ids look like "1.1a": course, lesson, letter.'
    raise UnknownExercise(f"No exercise is called {text[:40]!r}. {there}")


def _order(exercise_id: str) -> tuple[int, int, str]:
    number, rest = exercise_id.split(".", 1)
    lesson = rest.rstrip(ascii_lowercase)
    return int(number), int(lesson), rest[len(lesson) :]
