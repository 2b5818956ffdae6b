"""Where the exercises stand: the ledger's entries held against the lessons as they are now."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from helpers import syllabus
from helpers.exercises import ledger, lesson_of, source
from helpers.exercises.predictions import CLOSE, EXACT, KIND

NOT_ATTEMPTED, NOT_YET, RIGHT, RIGHT_BEFORE = (
    "not attempted",
    "not yet",
    "right",
    "right, but the exercise has changed since",
)
MARKS = {NOT_ATTEMPTED: "–", NOT_YET: "✗", RIGHT: "✓", RIGHT_BEFORE: "✓"}


@dataclass(frozen=True)
class Standing:
    """One exercise: its status in a word, how often it was tried, when it was first right (UTC, ISO 8601; empty if never).

    `points` is what it counts, as its task says.
    """

    lesson: str
    exercise: str
    status: str = NOT_ATTEMPTED
    tries: int = 0
    right_at: str = ""
    points: int = 1

    @property
    def is_right(self) -> bool:
        return self.status in (RIGHT, RIGHT_BEFORE)


def of(lesson: syllabus.Lesson, states: dict[str, ledger.State]) -> list[Standing]:
    """A lesson's exercises in order, where they stand; none where the lesson has no text."""
    if not lesson.source.is_file():
        return []
    points = syllabus.points(lesson)
    return [
        replace(_standing(lesson.id, name, states.get(name)), points=points[name])
        for name in syllabus.exercises(lesson)
    ]


def count(standings: Iterable[Standing]) -> tuple[int, int]:
    """How many of these exercises are right, and how many there are."""
    found = [standing.is_right for standing in standings]
    return sum(found), len(found)


def count_points(standings: Iterable[Standing]) -> tuple[int, int]:
    """How many points are reached, and how many there are."""
    found = [(standing.points, standing.is_right) for standing in standings]
    return sum(points for points, is_right in found if is_right), sum(points for points, _ in found)


def told(standings: list[Standing]) -> str:
    """Exercises right; and points, where one counts more than another."""
    said = "{} of {} exercises right".format(*count(standings))
    if all(standing.points == 1 for standing in standings):
        return said
    return said + ", {} of {} points".format(*count_points(standings))


def predictions(entries: Iterable[dict[str, str]], lesson: str = "") -> tuple[int, int]:
    """How many predictions were made, of one lesson or of all, and how many were close or exact. The first of each counts."""
    first: dict[str, str] = {}
    for entry in entries:
        if entry.get("kind") == KIND and lesson in ("", lesson_of(entry["exercise"])):
            first.setdefault(entry["exercise"], entry["status"])
    return len(first), sum(status in (CLOSE, EXACT) for status in first.values())


def everything(states: dict[str, ledger.State]) -> dict[syllabus.Lesson, list[Standing]]:
    """All exercises by lesson, in the order of the course."""
    return {lesson: of(lesson, states) for lesson in syllabus.load().lessons}


def closing(here: syllabus.Lesson, states: dict[str, ledger.State]) -> tuple[str, str]:
    """What ends a lesson, as text and as Markdown: its course's lessons, a tick where all exercises are right, and the next."""
    book = syllabus.load()
    course = [lesson for lesson in book.lessons if lesson.course == here.course]
    rows = [_row(lesson, of(lesson, states)) for lesson in course]
    marked = [
        f"- **{row}**" if lesson == here else f"- {row}" for lesson, row in zip(course, rows, strict=True)
    ]
    onward = link = "This was the last lesson."
    if after := book.next(here):
        onward = f"Next: {after.id} {after.title}."
        link = f"Next: [{after.id} {after.title}](../{after.folder}/{after.file}.ipynb)."
    return "\n".join([here.course, *rows, onward]), "\n\n".join(
        [f"**{here.course}**", "\n".join(marked), link]
    )


def _row(lesson: syllabus.Lesson, found: list[Standing]) -> str:
    """A lesson in a list: a box, ticked where all exercises are right, and how many are where one was tried."""
    right, total = count(found)
    tried = f": {right} of {total} exercises right" if any(x.tries for x in found) else ""
    return f"{'☑' if tried and right == total else '☐'} {lesson.id} {lesson.title}{tried}"


def states(folder: Path) -> dict[str, ledger.State]:
    """What the ledger in `folder` itself says, by exercise; empty where there is none that can be read."""
    return ledger.states(entries(folder))


def entries(folder: Path) -> list[dict[str, str]]:
    """The entries of the ledger in `folder` itself; none where it can't be read."""
    try:
        return ledger.read(folder / ledger.NAME)[0]
    except OSError:
        return []


def as_json(folder: Path) -> str:
    """For whoever collects a class's progress: totals of exercises, points and predictions, and each exercise."""
    found = [standing for group in everything(states(folder)).values() for standing in group]
    (right, total), (reached, possible) = count(found), count_points(found)
    made, close = predictions(entries(folder))
    whole = {
        "right": right,
        "exercises": total,
        "points": reached,
        "points_possible": possible,
        "predictions": made,
        "predictions_close": close,
        "standings": [asdict(x) for x in found],
    }
    return json.dumps(whole, indent=1, ensure_ascii=False)


def as_csv(folder: Path) -> str:
    """The same as a table, a row per exercise."""
    text = io.StringIO()
    rows = csv.DictWriter(text, list(Standing.__dataclass_fields__), lineterminator="\n")
    rows.writeheader()
    rows.writerows(asdict(x) for group in everything(states(folder)).values() for x in group)
    return text.getvalue()


def _standing(lesson: str, name: str, state: ledger.State | None) -> Standing:
    if state is None:
        return Standing(lesson, name)
    status = NOT_YET
    if state.right:
        status = RIGHT if state.digest == source.digest(name) else RIGHT_BEFORE
    return Standing(lesson, name, status, state.tries, state.right_at)
