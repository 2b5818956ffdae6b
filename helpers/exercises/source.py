"""The exercises in the lessons' source: their solutions and digests are read there, so that no copy of them can grow old."""

import functools
import hashlib
import re

from helpers import syllabus
from helpers.exercises import lesson_of


def cells(lesson: syllabus.Lesson) -> tuple[tuple[str, frozenset[str], str], ...]:
    """The code cells of a lesson's exercises, in order: (exercise id, tags, source). Raises UsageError if it has no text.

    Not their tasks: a sentence put better makes nobody's right answer an old one.
    """
    return _cells(lesson, lesson.text)


# Room for every lesson: the start page asks for all of them, every two seconds
@functools.lru_cache(maxsize=64)
def _cells(lesson: syllabus.Lesson, text: str) -> tuple[tuple[str, frozenset[str], str], ...]:
    return tuple(
        (cell.metadata["exercise"], frozenset(cell.metadata.get("tags", ())), cell.source)
        for cell in lesson.notebook().cells
        if cell.cell_type == "code" and "exercise" in cell.metadata
    )


def of(exercise_id: str) -> list[tuple[frozenset[str], str]]:
    """Tags and source of an exercise's code cells, in order; empty where its lesson is not in the syllabus or has no text."""
    try:
        found = cells(syllabus.load().lesson(lesson_of(exercise_id)))
    except syllabus.UsageError:
        return []
    return [(tags, text) for name, tags, text in found if name == exercise_id]


def solution(exercise_id: str) -> str:
    """The code of the exercise's solution cells; empty where there is none."""
    return "\n\n".join(text for tags, text in of(exercise_id) if "solution" in tags)


def digest(exercise_id: str) -> str:
    """Twelve hexadecimal digits that change with the exercise's code, not with its task's words; empty where there is none.

    What a check gives back is bound since the first ledgers were written: it is left out, so that what was right then still is.
    """
    found = [(tags, re.sub(r"^[\w, ]+ = (?=lesson\.check\()", "", text)) for tags, text in of(exercise_id)]
    return (
        hashlib.sha256(repr([(sorted(tags), text) for tags, text in found]).encode()).hexdigest()[:12]
        if found
        else ""
    )
