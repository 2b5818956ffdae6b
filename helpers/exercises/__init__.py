"""The judges: what is right, per exercise; pure functions of plain data. A lesson's module, such as lesson_2_2, is imported when first asked for."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from helpers.exercises.kit import Exercise

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


def of(lesson_id: str) -> dict[str, Exercise]:
    """The exercises of a lesson by id, in order; empty where it has no judges."""
    if not re.fullmatch(r"\d+\.\d+", lesson_id):
        return {}
    name = f"{__name__}.lesson_{lesson_id.replace('.', '_')}"
    if importlib.util.find_spec(name) is None:
        return {}
    importlib.import_module(name)
    return {key: task for key, task in sorted(_registered.items()) if lesson_of(key) == lesson_id}


def every() -> dict[str, Exercise]:
    """The exercises of all lessons by id, in the order of the course."""
    files = Path(__file__).parent.glob("lesson_*_*.py")
    lessons = sorted(tuple(map(int, file.stem.split("_")[1:])) for file in files)
    return {key: task for course, number in lessons for key, task in of(f"{course}.{number}").items()}


def lesson_of(exercise_id: str) -> str:
    """The lesson to which "2.2a" belongs: "2.2"."""
    return exercise_id.rstrip(ascii_lowercase)


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
