"""Writes recordings: a lesson's text, executed, with a stamp of what produced its outputs."""

import json
from pathlib import Path
from typing import Any

from helpers import ROOT, files, syllabus
from helpers.syllabus import Lesson, UsageError
from helpers.workbook import stamp
from helpers.workbook.outcomes import OK, Result
from helpers.workbook.store import Store
from helpers.workbook.tasks import Task, tasks


def read(path: Path) -> Any:
    """The recording at this path, or None where there is none that can be read."""
    notebook = files.valid_notebook(path)
    noted = notebook.metadata.get("workbook", {}) if notebook else None
    return notebook if isinstance(noted, dict) and isinstance(noted.get("stamp", {}), dict) else None


def stale(lesson: Lesson) -> list[str]:
    """What in a lesson has changed since it was recorded; empty when text and recording are in step."""
    recording = read(lesson.recording)
    if recording is None:
        return ["no recording"]
    old = recording.metadata.get("workbook", {}).get("stamp", {})
    now = stamp.of(lesson)
    changed = [name for name in now if old.get(name) != now[name]]
    text = lesson.notebook()
    if "code" not in changed and _code(recording) != _code(text):
        changed.append("code")  # by hand: the outputs may be those of other cells
    if any(cell.outputs != shown for cell, shown in _endings(lesson, recording)):
        changed.append("end")
    shape = [(c.cell_type, c.source, c.metadata) for c in text.cells]
    if [(c.cell_type, c.source, c.metadata) for c in recording.cells] != shape:
        changed.append("text")
    return changed


def _endings(lesson: Lesson, notebook: Any) -> list[tuple]:
    """Cells that end the lesson, as executed, with what an execution would show now: it is known from the verdicts above."""
    from nbformat.v4 import new_output

    from helpers.exercises import ledger, progress, view

    entries: list[dict[str, str]] = []
    found = []
    for cell in notebook.cells:
        outputs = [output.get("data", {}) for output in cell.get("outputs", [])]
        if cell.source.strip() == "lesson.end()" and outputs and "text/markdown" in outputs[0]:
            text, markdown = progress.closing(lesson, ledger.states(entries))
            shown = new_output("display_data", data={"text/plain": text, "text/markdown": markdown})
            found.append((cell, [shown]))
        for exercise, status in filter(
            None, (view.told(str(data.get("text/plain", ""))) for data in outputs)
        ):
            entries.append({"exercise": exercise, "status": status, "digest": ""})
    return found


def _code(notebook: Any) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def retext(lesson: Lesson) -> None:
    """Where only prose or the list of lessons changed, the outputs still hold: put them under the new text."""
    outputs = [cell for cell in read(lesson.recording).cells if cell.cell_type == "code"]
    notebook = lesson.notebook()
    for cell, old in zip([c for c in notebook.cells if c.cell_type == "code"], outputs, strict=True):
        cell.outputs, cell.execution_count = old.outputs, old.execution_count
    write(lesson, notebook)


def record(lesson: Lesson, result: Result, executed: str) -> None:
    """Write the executed notebook beside its text. Raises UsageError when it did not end well or spoke on stderr."""
    import nbformat

    if result.outcome != OK:
        raise UsageError(f"Lesson {lesson.id} is not recorded: {result.outcome}. {result.detail}")
    notebook = nbformat.reads(executed, as_version=4)
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                said = output.text.strip().splitlines()[0][:200]
                raise UsageError(f"Lesson {lesson.id} is not recorded: cell {number} wrote to stderr: {said}")
    write(lesson, notebook)


def write(lesson: Lesson, notebook: Any) -> None:
    """Write in one fixed form: keys sorted, one space of indent, text split at lines. The end tells the course as it is now."""
    import nbformat

    for cell, shown in _endings(lesson, notebook):
        cell.outputs = shown
    notebook.metadata = {**lesson.notebook().metadata}
    notebook.metadata["workbook"]["stamp"] = stamp.of(lesson)
    for source, cell in zip(lesson.notebook().cells, notebook.cells, strict=True):
        cell.id, cell.metadata = source.id, source.metadata
    text = nbformat.writes(nbformat.from_dict(notebook), version=4)
    content = json.dumps(json.loads(text), indent=1, sort_keys=True, ensure_ascii=False)
    files.write(lesson.recording, content + "\n")


def plan(names: list[str], fresh: bool) -> tuple[list[Task], list[Lesson]]:
    """Which lessons have to be executed to be recorded, and which only need their new prose, or the course's new list at their end."""
    lessons = [syllabus.load().lesson(n) for n in names] or list(syllabus.load().lessons)
    run_again, prose = [], []
    for lesson in lessons:
        changed = stale(lesson)
        if fresh or set(changed) - {"text", "end"}:
            run_again.append(lesson)
        elif changed:
            prose.append(lesson)
    return (tasks([lesson.id for lesson in run_again], {}) if run_again else []), prose


def keep(todo: list[Task], results: dict[str, Result], store: Store) -> list[str]:
    """Record what was executed; returns what could not be recorded, a sentence each."""
    problems = []
    for task in todo:
        if task.is_resource:
            continue
        lesson, result = syllabus.load().lesson(task.name), results[task.name]
        try:
            if tasks([lesson.id], {})[-1].key != task.key:  # its outputs are older than the stamp would say
                raise UsageError(
                    f"Lesson {lesson.id} is not recorded: what makes it changed while it ran. Call again."
                )
            record(lesson, result, store.notebook(task.key))
        except UsageError as error:
            problems.append(str(error))
    return problems


def list_in_readme(readme: Path = ROOT / "README.md") -> bool:
    """Bring the README's list of lessons in step with the syllabus; returns whether it was out of step."""
    lines = ["| lesson | title | minutes |", "| --- | --- | --- |"]
    for lesson in syllabus.load().lessons:
        link = lesson.recording.relative_to(syllabus.NOTEBOOKS.parent)
        lines.append(f"| {lesson.id} | [{lesson.title}]({link}) | {lesson.minutes} |")
    text = readme.read_text(encoding="utf8")
    head, _, rest = text.partition("<!-- lessons: written by `workbook record` -->\n")
    new = (
        head
        + "<!-- lessons: written by `workbook record` -->\n"
        + "\n".join(lines)
        + "\n"
        + rest[rest.index("<!-- end -->") :]
    )
    if new != text:
        files.write(readme, new)
    return new != text
