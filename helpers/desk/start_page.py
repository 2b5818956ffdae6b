"""The start page: what to do next, the four courses, and where each exercise stands now. HTML in JupyterLab's own colours."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from helpers import minutes, syllabus
from helpers.desk import copies
from helpers.exercises import lesson_of, progress
from helpers.exercises.progress import MARKS, Standing
from helpers.syllabus import Lesson


def html(folder: Path) -> str:
    """The page for the learner's folder: a link opens the copy of a lesson, named in `data-path` from that folder."""
    found = progress.everything(progress.states(folder))
    parts = [
        '<div class="workbook-page"><h1>MLOps Workbook</h1>',
        _next(found, folder),
        _predictions(folder),
        _news(folder),
    ]
    for course in dict.fromkeys(lesson.course for lesson in found):
        parts.append(_course(course, {k: v for k, v in found.items() if k.course == course}))
    parts.append(
        "<p>Your work lies in these copies, your progress in <code>progress.jsonl</code> beside them. To begin a lesson "
        "anew, your copy being kept: <code>workbook reset 2.2</code> in a terminal.</p></div>"
    )
    return "\n".join(parts)


def next_lesson(found: dict[Lesson, list[Standing]], folder: Path) -> Lesson | None:
    """The lesson worked on last if exercises of it are open, else the first that has some; None when all are right."""
    open_ones = [lesson for lesson, standings in found.items() if not all(x.is_right for x in standings)]
    last = [lesson_of(entry["exercise"]) for entry in progress.entries(folder)][-1:]
    begun = [lesson for lesson in open_ones if lesson.id in last]
    return next(iter(begun + open_ones), None)


def _next(found: dict[Lesson, list[Standing]], folder: Path) -> str:
    right, total = progress.count(x for standings in found.values() for x in standings)
    lesson = next_lesson(found, folder)
    if lesson is None:
        return f"<p>All {total} exercises are right. That is the whole workbook.</p>"
    begun = any(x.tries for x in found[lesson])
    return (
        f'<p class="workbook-next" role="status">{"Go on with" if begun else "Next"}: {_link(lesson)}. '
        f"{right} of {total} exercises right so far.</p>"
    )


def _predictions(folder: Path) -> str:
    made, close = progress.predictions(progress.entries(folder))
    return f"<p>Predictions: {made} made, {close} close.</p>" if made else ""


def _news(folder: Path) -> str:
    """A line for each lesson whose new version lies beside the learner's copy."""
    lines = [
        f"<li>Lesson {lesson.id} has changed where you had, too. Yours is as you left it; the new one is "
        f"{_anchor(str(new.relative_to(folder)), new.name)}.</li>"
        for lesson in syllabus.load().lessons
        if (new := copies.news(folder, lesson))
    ]
    return f"<ul>{''.join(lines)}</ul>" if lines else ""


def _course(title: str, found: dict[Lesson, list[Standing]]) -> str:
    right, total = progress.count(x for standings in found.values() for x in standings)
    rows = "\n".join(_row(lesson, standings) for lesson, standings in found.items())
    return (
        f"<h2>{escape(title)}</h2>"
        f'<p><progress max="{total or 1}" value="{right}" aria-label="{escape(title)}"></progress> '
        f"{right} of {total} exercises right</p>"
        '<table><thead><tr><th scope="col">Lesson</th><th scope="col">Exercises</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _row(lesson: Lesson, standings: list[Standing]) -> str:
    right, total = progress.count(standings)
    abilities = "".join(f"<li>{_rich(text)}</li>" for text in syllabus.abilities(lesson))
    path = escape(copies.path_of(lesson).as_posix())
    marks = " ".join(_mark(path, standing) for standing in standings)
    after = f", after {' and '.join(lesson.after)}" if lesson.after else ""
    return (
        f'<tr data-path="{path}"><th scope="row">{_link(lesson)} <small>{_time(lesson, standings)}{after}</small>'
        f"<details><summary>You will be able to</summary><ul>{abilities}</ul></details></th>"
        f"<td>{marks}<br>{right} of {total}</td></tr>"
    )


def _time(lesson: Lesson, standings: list[Standing]) -> str:
    """Minutes of the lesson; once it is begun, those from the first exercise that is not right to the end, too."""
    first = next((x.exercise for x in standings if not x.is_right), None)
    left = f", about {minutes.left(lesson, first)} left" if first and any(x.tries for x in standings) else ""
    return f"about {lesson.minutes} minutes{left}"


def _mark(path: str, standing: Standing) -> str:
    """Where an exercise stands, leading to it: the row's `data-path` says in which copy, `data-exercise` which one it is."""
    name = f"{standing.exercise}: {standing.status}"
    return (
        f'<a class="workbook-mark" href="lab/tree/{path}" data-exercise="{standing.exercise}" title="{name}" '
        f'aria-label="{name}">{MARKS[standing.status]}</a>'
    )


def _link(lesson: Lesson) -> str:
    return _anchor(copies.path_of(lesson).as_posix(), f"{lesson.id} {lesson.title}")


def _anchor(path: str, text: str) -> str:
    return f'<a href="lab/tree/{escape(path)}" data-path="{escape(path)}">{escape(text)}</a>'


def _rich(markdown: str) -> str:
    """Escaped, with `code` and **strong** as elements."""
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(markdown))
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)
