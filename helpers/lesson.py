"""What a lesson's notebook imports: begin, desk, scratch, check, hint, solution, progress, end.

Whatever a learner hands to check, hint and solution, they answer and raise nothing.
"""

from __future__ import annotations

import atexit
import dataclasses
import os
import platform
import shutil
import tempfile
from pathlib import Path
from typing import Any

from helpers import build, display, files, syllabus
from helpers.exercises import UnknownExercise, find, ledger, source, view
from helpers.exercises import progress as standings
from helpers.exercises.kit import INVALID, NOT_ATTEMPTED, WRONG, Exercise, Verdict, assess


@dataclasses.dataclass
class _Session:
    """What this kernel knows: the lesson, the learner's ledger if there is one, attempts and hints so far."""

    lesson: str = ""
    book: Path | None = None
    entries: list[dict[str, str]] = dataclasses.field(default_factory=list)
    hints: dict[str, int] = dataclasses.field(default_factory=dict)


_session = _Session()


def begin(lesson_id: str) -> None:
    """Start a lesson: house style for figures, and the learner's ledger, looked for from the current folder upwards.

    Raises UsageError if the syllabus has no such lesson.
    """
    syllabus.load().lesson(lesson_id)
    from helpers import figures

    figures.style()
    global _session
    _session = _Session(lesson_id, ledger.nearest(Path.cwd()))


def desk() -> Path | None:
    """The learner's folder, where the ledger lies; None in recordings and batch runs, which take the plain path of a widget."""
    book = _book()
    return book and book.parent


def scratch() -> Path:
    """An empty folder for this lesson's files, for this process alone; removed when it ends. Its path differs from run to run.

    A process that was killed can't clear up: its folders are removed by the next call on the same machine.
    """
    root, here = build() / "scratch", f"lesson-{platform.node()}-"
    root.mkdir(exist_ok=True)
    for old in root.glob(f"{here}*-*"):
        if not files.runs(old.name.removeprefix(here).split("-")[0]):
            shutil.rmtree(old, ignore_errors=True)
    folder, owner = Path(tempfile.mkdtemp(prefix=f"{here}{os.getpid()}-", dir=root)), os.getpid()

    def clear() -> None:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(clear)
    return folder


def check(exercise_id: str, *, given: Any = None, **answers: Any) -> None:
    """Show whether the answers hold and why. The keywords are the names the exercise asks for.

    `given` is what the judge needs to know of the lesson, as plain data.
    """
    if not (task := _find(exercise_id, "check")):
        return
    try:
        verdict = assess(task, answers, given)
    # A fault of the judge must not stop a learner: it is named, and the tests let it raise
    except Exception as error:  # noqa: BLE001
        verdict = Verdict(
            INVALID,
            f"The check itself failed ({type(error).__name__}: {error}). "
            "That is a fault of the workbook, not of your answer: go on, and please report it.",
        )
    offer = _offer(task) if verdict.status == WRONG else ""
    view.verdict(task.id, verdict, offer, _write(task.id, verdict))


def hint(exercise_id: str) -> None:
    """Show the next hint; after the last, all of them."""
    if not (task := _find(exercise_id, "hint")):
        return
    number, total = _session.hints.get(task.id, 0) + 1, len(task.hints)
    if number > total:
        listed = "\n".join(f"{i}. {text}" for i, text in enumerate(task.hints, 1))
        display.note(
            "No more hints",
            task.id,
            f'These were all.\n{listed}\nAfter an attempt, `lesson.solution("{task.id}")` shows one solution.',
        )
        return
    _session.hints[task.id] = number
    display.note(f"Hint {number} of {total}", task.id, task.hints[number - 1])


def solution(exercise_id: str) -> None:
    """Show the solution from the lesson's source, once the exercise has been attempted."""
    if not (task := _find(exercise_id, "solution")):
        return
    if task.id not in ledger.states(_entries()[0]):
        display.note(
            "Try first",
            task.id,
            f'Answer and run `lesson.check("{task.id}", …)` once, right or wrong; '
            f'then the solution is yours. `lesson.hint("{task.id}")` helps on the way.',
        )
    elif code := source.solution(task.id):
        display.say(
            f"One solution of {task.id}:\n\n{code}",
            {"text/markdown": f"One solution of {task.id}:\n\n```python\n{code}\n```"},
        )
    else:
        display.note(
            "! No solution found",
            task.id,
            "The lesson's source is not where the workbook keeps it. "
            "Run `git status` in the workbook's folder: a file may be missing.",
        )


def progress(everything: bool = False) -> None:
    """Show where this lesson's exercises stand, or those of all lessons."""
    entries, note = _entries()
    states = ledger.states(entries)
    import pandas

    from helpers import figures

    book = syllabus.load()
    lessons = book.lessons if everything or not _session.lesson else [book.lesson(_session.lesson)]
    found = [standing for each in lessons for standing in standings.of(each, states)]
    rows = [(x.exercise, f"{standings.MARKS[x.status]} {x.status}", x.tries) for x in found]
    done, total = standings.count(found)
    table = figures.table(
        pandas.DataFrame(rows, columns=["exercise", "standing", "tries"]),
        caption=f"{done} of {total} exercises right",
    )
    display.say(
        str(table) + (f"\n{note}" if note else ""),
        {"text/html": table._repr_html_() + (f"<p>{note}</p>" if note else "")},
    )


def end() -> None:
    """Close the lesson: the course's lessons, a tick where all exercises are right, and the next lesson.

    It shows what `progress` says: the ledger's word, or this session's where there is none. A recording has only itself to
    speak of, so it shows its own lesson as its solutions were judged, and of the others their titles.
    """
    if not _session.lesson:
        display.note("! Not begun", "end", "Run the cell with lesson.begin(…) first.")
        return
    here = syllabus.load().lesson(_session.lesson)
    entries, note = _entries()
    states = ledger.states(entries)
    text, markdown = standings.closing(here, states)
    display.say(
        "\n".join(filter(None, [text, note])),
        {"text/markdown": "\n\n".join(filter(None, [markdown, note]))},
    )


def _find(exercise_id: str, call: str) -> Exercise | None:
    """The exercise of this id; where there is none, None, and the learner is told."""
    try:
        return find(exercise_id)
    except UnknownExercise as problem:
        display.note("! No such exercise", call, str(problem))
        return None


def _offer(task: Exercise) -> str:
    """What helps after a wrong answer, as the call to make."""
    number, total = _session.hints.get(task.id, 0) + 1, len(task.hints)
    if number > total:
        return f'You have seen all hints. One solution: `lesson.solution("{task.id}")`'
    return f'Hint {number} of {total}: `lesson.hint("{task.id}")`'


def _book() -> Path | None:
    """The ledger that `begin` found; where the lesson has not begun in this kernel, the one it would find now."""
    return _session.book if _session.lesson else ledger.nearest(Path.cwd())


def _write(exercise_id: str, verdict: Verdict) -> str:
    """Note an attempt in session and ledger; the returned line says so where the ledger could not be written."""
    if verdict.status == NOT_ATTEMPTED:
        return ""
    digest = source.digest(exercise_id)
    _session.entries.append({"exercise": exercise_id, "status": verdict.status, "digest": digest})
    book = _book()
    if book is None:
        return ""
    try:
        ledger.append(book, exercise_id, verdict.status, digest)
    except OSError as problem:
        return f"Progress was not saved: {problem.strerror or problem}. It counts until this kernel stops."
    return ""


def _entries() -> tuple[list[dict[str, str]], str]:
    """The ledger's entries, or the session's where there is none or it can't be read; and a line on what was skipped."""
    book = _book()
    if book is None:
        return _session.entries, ""
    try:
        entries, skipped = ledger.read(book)
    except OSError as problem:
        return (
            _session.entries,
            f"The ledger can't be read ({problem.strerror}); this shows only this session.",
        )
    fresh = [entry for entry in _session.entries if entry not in [{k: e[k] for k in entry} for e in entries]]
    return entries + fresh, f"{skipped} damaged lines of the ledger were skipped." if skipped else ""
