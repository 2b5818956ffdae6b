"""What a lesson's notebook imports: begin, desk, scratch, check, hint, solution, predict, reveal, progress, end.

Whatever a learner hands to check, hint, solution and predict, they answer and raise nothing.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from helpers import build, display, files, syllabus
from helpers.exercises import UnknownExercise, find, ledger, lesson_of, onward, predictions, source, view
from helpers.exercises import progress as standings
from helpers.exercises.kit import INVALID, NOT_ATTEMPTED, RIGHT, WRONG, Exercise, Verdict, assess
from helpers.exercises.plain import NotData, clean
from helpers.exercises.probes import describe


@dataclasses.dataclass
class _Session:
    """What this kernel knows: the lesson, the learner's ledger if there is one, attempts and hints so far."""

    lesson: str = ""
    book: Path | None = None
    entries: list[dict[str, str]] = dataclasses.field(default_factory=list)
    hints: dict[str, int] = dataclasses.field(default_factory=dict)
    predictions: dict[str, predictions.Prediction] = dataclasses.field(default_factory=dict)
    memory: onward.Memory = dataclasses.field(default_factory=onward.Memory)


_session = _Session()


def begin(lesson_id: str) -> None:
    """Start a lesson: house style for figures, and the learner's ledger, looked for from the current folder upwards.

    Raises UsageError if the syllabus has no such lesson.
    """
    syllabus.load().lesson(lesson_id)
    from helpers import figures

    figures.style()
    global _session
    book = ledger.nearest(Path.cwd())
    # What was handed out and revealed in this kernel stays so when the lesson is begun again
    _session = _Session(lesson_id, book, predictions=_session.predictions, memory=_session.memory)


def desk() -> Path | None:
    """The learner's folder, where the ledger lies; None in recordings and batch runs, which take the plain path of a widget."""
    book = _book()
    return book and book.parent


def scratch() -> Path:
    """An empty folder for this lesson's files, for this process alone; removed when it ends. Its path differs from run to run.

    A process that was killed can't clear up: its folders are removed by the next call on the same machine.
    """
    return files.scratch(build() / "scratch", "lesson")


def check(exercise_id: str, *, given: Any = None, **answers: Any) -> Any:
    """Show whether the answers hold and why; give back what the lesson goes on with.

    The keywords are the names the exercise asks for: `skewed = lesson.check("2.2a", skewed=skewed)`. What comes back is the
    answer where it is right, otherwise what the lesson's own solution binds to that name (run in a copy of the notebook's
    names), and the answer itself where that can't run; for several names a tuple, in the order of the keywords. A right
    function comes back wrapped: a call on which it raises is told, with the line, and answered by the lesson's solution.
    Run again, the check judges the learner's answer, not what it gave back. `given` is what the judge needs to know of the
    lesson, as plain data. Raises nothing.
    """
    try:
        return _check(exercise_id, given, answers)
    except Exception as error:  # noqa: BLE001 - told as the workbook's fault; a learner goes on
        _blame("check", exercise_id, error)
        return _packed(answers)


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


def predict(prediction_id: str, guess: Any, among: tuple[str, ...] | None = None) -> None:
    """Note what the learner expects: a number, or with `among` one of these words. The first counts, until `reveal`. `...` is none.

    Ids look like "2.8p1". Raises nothing, and nothing waits for a guess.
    """
    try:
        _predict(prediction_id, guess, among)
    except Exception as error:  # noqa: BLE001 - told as the lesson's fault; a learner goes on
        _blame("prediction", prediction_id, error)


def reveal(prediction_id: str, value: Any, within: float | None = None, form: str = "{:g}") -> None:
    """Say what it is, and how close the learner's guess was: exact, close (at most `within` from it), or off by how much.

    `form` writes a number, with its unit: "{:.0f} models". Raises nothing, and needs no guess.
    """
    try:
        _reveal(prediction_id, value, within, form)
    except Exception as error:  # noqa: BLE001 - told as the lesson's fault; a learner goes on
        _blame("prediction", prediction_id, error)


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
    table = figures.table(
        pandas.DataFrame(rows, columns=["exercise", "standing", "tries"]),
        caption=standings.told(found),
    )
    here = "" if everything else _session.lesson
    made, close = standings.predictions(entries, here)
    notes = [f"Predictions: {made} made, {close} close."] * (made > 0) + [note] * bool(note)
    display.say(
        "\n".join([str(table), *notes]),
        {"text/html": table._repr_html_() + "".join(f"<p>{line}</p>" for line in notes)},
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


def _check(exercise_id: str, given: Any, answers: dict[str, Any]) -> Any:
    if not (task := _find(exercise_id, "check")):
        return _packed(answers)
    answers = {name: _session.memory.learners(task.id, name, value) for name, value in answers.items()}
    try:
        verdict = assess(task, answers, given)
    # A fault of the judge must not stop a learner: it is named, and the tests let it raise
    except Exception as error:  # noqa: BLE001
        verdict = Verdict(
            INVALID,
            f"The check itself failed ({type(error).__name__}: {error}). "
            "That is a fault of the workbook, not of your answer: go on, and please report it.",
        )
    names = [name for name in answers if name in task.forms] if answers else list(task.forms)
    is_right = verdict.status == RIGHT
    right = {name: form.handed(answers[name]) for name, form in task.forms.items()} if is_right else answers
    goes_on, which = onward.after(task.id, source.solution(task.id), names, right, is_right)
    goes_on = {**answers, **goes_on}
    for name in answers:
        _session.memory.hand(task.id, name, goes_on[name], answers[name])
    offer = _offer(task) if verdict.status == WRONG else ""
    view.verdict(task.id, verdict, _write(task.id, verdict), which, _left(task, verdict), offer)
    return _packed(goes_on)


def _predict(prediction_id: str, guess: Any, among: tuple[str, ...] | None) -> None:
    if made := _prediction(prediction_id, "predict"):
        try:
            display.say(made.guessed(guess, among))
        except NotData as problem:
            display.note("! No guess", prediction_id, f"Your guess {problem} To make none, write `...`.")


def _reveal(prediction_id: str, value: Any, within: float | None, form: str) -> None:
    if not (made := _prediction(prediction_id, "reveal")):
        return
    before = made.revealed
    status, lines = made.reveal(value, within, form)
    if not status:
        display.say(lines[0])
        return
    # The first counts: of this kernel, and of any before it
    is_first = not before and all(entry["exercise"] != prediction_id for entry in _entries()[0])
    saved = _note(prediction_id, status, "", kind=predictions.KIND) if is_first else ""
    view.prediction(prediction_id, status, lines, saved)


def _prediction(prediction_id: str, call: str) -> predictions.Prediction | None:
    """This kernel's prediction of this id; where it can't be one, None, and the learner is told."""
    if problem := predictions.misplaced(prediction_id, _session.lesson):
        display.note("! No such prediction", call, problem)
        return None
    return _session.predictions.setdefault(prediction_id, predictions.Prediction())


def _blame(what: str, name: Any, error: Exception) -> None:
    """Say that a call of ours has failed, whatever it was called with."""
    about = clean(name, 40) if type(name) is str else what
    display.note(
        "! Can't be told",
        about,
        f"The {what} itself failed ({describe(error)}). "
        "That is a fault of the workbook, not of yours: go on, and please report it.",
    )


def _find(exercise_id: str, call: str) -> Exercise | None:
    """The exercise of this id; where there is none, None, and the learner is told."""
    try:
        return find(exercise_id)
    except UnknownExercise as problem:
        display.note("! No such exercise", call, str(problem))
        return None


def _left(task: Exercise, verdict: Verdict) -> str:
    """How long the rest of the lesson takes a learner whose answer is right; nothing where there is no learner."""
    if verdict.status != RIGHT or _book() is None:
        return ""
    from helpers import minutes

    try:
        left = minutes.left(syllabus.load().lesson(lesson_of(task.id)), task.id, after=True)
    except syllabus.UsageError:
        return ""
    return f"About {left} minutes of this lesson are left."


def _packed(values: dict[str, Any]) -> Any:
    """The one value, or a tuple of all."""
    return next(iter(values.values())) if len(values) == 1 else tuple(values.values())


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
    """Note an attempt; the returned line says so where that failed."""
    if verdict.status == NOT_ATTEMPTED:
        return ""
    return _note(exercise_id, verdict.status, source.digest(exercise_id))


def _note(name: str, status: str, digest: str, **more: str) -> str:
    """An entry for session and ledger; the returned line says so where the ledger could not be written."""
    _session.entries.append({"exercise": name, "status": status, "digest": digest, **more})
    book = _book()
    if book is None:
        return ""
    try:
        ledger.append(book, name, status, digest, **more)
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
    fresh = [
        entry for entry in _session.entries if entry not in [{k: e.get(k) for k in entry} for e in entries]
    ]
    return entries + fresh, f"{skipped} damaged lines of the ledger were skipped." if skipped else ""
