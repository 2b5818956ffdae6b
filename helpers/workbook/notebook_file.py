"""Somebody's notebook file, read once: what is checked here is exactly what Papermill executes."""

import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers import files, syllabus
from helpers.syllabus import Lesson, UsageError


@dataclass(frozen=True)
class NotebookFile:
    """The file's bytes, the notebook (nbformat 4, without outputs) made of them, and the lesson it is a copy of, if any."""

    content: bytes
    notebook: Any
    lesson: Lesson | None

    @property
    def text(self) -> str:
        """The notebook as JSON text."""
        import nbformat

        return nbformat.writes(self.notebook)


def shown(path: str) -> str:
    """A path as text that can be printed, stored and put into JSON: bytes that are no UTF-8, and signs that don't print, escaped."""
    text = os.fsencode(path).decode("utf8", "backslashreplace")
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def read(path: Path) -> NotebookFile:
    """Read a notebook of any nbformat. Raises UsageError, which names the file, for what is none."""

    name = shown(str(path))
    try:
        if not path.is_file():
            raise UsageError(f"{name} is not a file but a folder, a pipe or a broken link.")
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{name} can't be read: {error.strerror}.") from error
    try:
        notebook = _as_executed(content)
        found = NotebookFile(content, notebook, _lesson_of(notebook))
        found.text.encode()  # half a character can be written in JSON, but not sent to a kernel
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error
    except Exception as error:  # anybody's JSON in nbformat's hands: it fails in as many ways as there are
        said = (str(error).splitlines() or ["empty"])[0][:100]
        raise UsageError(
            f"{name} is not a notebook that can be read ({said}). Restore it from a copy."
        ) from error
    if found.lesson:
        _tag_parameters(notebook, found.lesson)
    return found


def _as_executed(content: bytes) -> Any:
    """The notebook in these bytes as nbformat 4.5; raises one of many errors where it can't be one."""
    import nbformat
    from nbformat.validator import normalize

    notebook = nbformat.v4.upgrade(files.notebook(content))
    for cell in notebook.cells:
        if cell.cell_type == "code":  # whatever its outputs are, they will be others
            cell.outputs, cell.execution_count = [], None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cells without an id or with the same one: it says so, and mends it
        _, notebook = normalize(notebook, strip_invalid_metadata=True)
    nbformat.validate(notebook, relax_add_props=True)
    return notebook


def _lesson_of(notebook: Any) -> Lesson | None:
    """The lesson that a notebook's metadata name, or else its `lesson.begin`: Colab and VS Code may drop what they don't know."""
    noted = notebook.metadata.get("workbook", {})
    if not isinstance(noted, dict) or not isinstance(noted.get("lesson", ""), str):
        raise UsageError(
            "its metadata name no lesson under `workbook`. Remove that entry, or make the copy anew."
        )
    if "lesson" in noted:
        return syllabus.load().lesson(noted["lesson"])
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    begun = re.search(r"""^lesson\.begin\(\s*["']([^"']+)["']""", code, re.MULTILINE)
    return next((lesson for lesson in syllabus.load().lessons if begun and begun[1] == lesson.id), None)


def _tag_parameters(notebook: Any, lesson: Lesson) -> None:
    """Where an editor without tags dropped them all, the cell that binds what the lesson's parameters are gets its tag back."""
    if any(cell.metadata.get("tags") for cell in notebook.cells) or not lesson.parameters:
        return
    for cell in notebook.cells:
        try:
            found = syllabus.defaults(cell.source) if cell.cell_type == "code" else {}
        except (SyntaxError, ValueError):
            continue  # a magic, half an answer
        if lesson.parameters.keys() <= found.keys():
            cell.metadata["tags"] = ["parameters"]
            return
