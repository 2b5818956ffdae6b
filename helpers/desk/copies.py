"""The learner's own copies of the lessons: made, kept in step with their lessons around the learner's own cells, and never lost.

A copy notes the text it was made from (`origin`), and `.workbook/` beside the copies holds each such text as a notebook.
So a copy can be told apart from what the learner made of it, and a changed lesson merged into it.
"""

from __future__ import annotations

import contextlib
import copy
import datetime
import json
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from helpers import files, sha, syllabus
from helpers.exercises import ledger
from helpers.syllabus import Lesson, UsageError

BASES = ".workbook"  # of a copy's origin, as notebooks; the learner doesn't look here
EARLIER = "earlier"  # what an update or a reset replaced


def update(folder: Path, open_ones: Collection[str] = ()) -> list[str]:
    """Make or refresh the copy of each lesson in `folder`; returns what to tell the learner, a sentence each.

    An untouched copy follows its lesson. A touched one is merged with the new lesson where that is safe, the old state
    kept in `earlier/`; where it is not safe, the new lesson is laid beside it. Copies in `open_ones` (paths below the
    folder) are open in JupyterLab and left alone. Raises UsageError where the folder can't be written.
    """
    with writable(folder):
        (folder / ledger.NAME).touch()  # a lesson opened below it writes there
        told = [_update(folder, lesson, open_ones) for lesson in syllabus.load().lessons]
    return [sentence for sentence in told if sentence]


def path_of(lesson: Lesson) -> Path:
    """Where the copy of a lesson lies, below the learner's folder."""
    return Path(lesson.folder, f"{lesson.file}.ipynb")


def beside(folder: Path, lesson: Lesson) -> list[Path]:
    """New versions of a lesson that were laid beside the learner's copy, oldest first."""
    found = (folder / lesson.folder).glob(f"{lesson.file}.new*.ipynb")
    return sorted(found, key=lambda path: (len(path.name), path.name))  # by number: the first has none


def news(folder: Path, lesson: Lesson) -> Path | None:
    """The latest version laid beside the learner's copy; None where there is none, or the copy itself is as new (a reset)."""
    latest = next(reversed(beside(folder, lesson)), None)
    if latest and _origin(folder / path_of(lesson)) in (_origin(latest), sha(lesson.text)):
        return None
    return latest


def reset(folder: Path, lesson: Lesson) -> Path | None:
    """Begin a lesson anew; returns where the learner's copy is kept, None where there was none. Raises UsageError as `update` does."""
    path = folder / path_of(lesson)
    with writable(folder):
        kept = _keep(folder, path) if path.exists() else None
        _lay(folder, path, fresh(lesson))
    return kept


def fresh(lesson: Lesson):
    """The lesson as a learner gets it: no solutions, claims or outputs, and a note of the text it was made from."""
    notebook = lesson.notebook()
    kept_back = {"solution", "claim"}
    notebook.cells = [cell for cell in notebook.cells if not kept_back & set(cell.metadata.get("tags", []))]
    origin = sha(lesson.text)
    notebook.metadata["workbook"] = {"lesson": lesson.id, "origin": origin, "cells": _cells(notebook)}
    return notebook


def merged(base, mine, theirs):
    """The learner's notebook with the changes from `base` to `theirs` made in it; None where both changed the same place.

    Outputs stay on cells whose source is still what the learner ran. Source of the method: nbdime's three-way merge.
    """
    from nbdime.merging.notebooks import merge_notebooks

    bare = copy.deepcopy(mine)
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    result, decisions = merge_notebooks(base, bare, theirs)
    own = Counter(cell.source for cell in mine.cells) - Counter(cell.source for cell in base.cells)
    if any(decision.conflict for decision in decisions) or own - Counter(c.source for c in result.cells):
        return None
    ran = {cell.source: cell for cell in mine.cells if cell.cell_type == "code"}
    for cell in result.cells:
        if cell.cell_type == "code" and cell.source in ran:
            cell.outputs, cell.execution_count = ran[cell.source].outputs, ran[cell.source].execution_count
    result.metadata["workbook"] = theirs.metadata["workbook"]
    return result


def _update(folder: Path, lesson: Lesson, open_ones: Collection[str]) -> str | None:
    path = folder / path_of(lesson)
    if not path.exists():
        return _lay(folder, path, fresh(lesson))
    origin, new = _origin(path), sha(lesson.text)
    if new in (origin, *map(_origin, beside(folder, lesson))):
        return None
    if str(path_of(lesson)) in open_ones:
        return (
            f"Lesson {lesson.id} has changed and is open in JupyterLab: close it there and call this again."
        )
    mine, theirs = files.valid_notebook(path), fresh(lesson)
    noted = mine and mine.metadata.get("workbook")
    if isinstance(noted, dict) and noted.get("cells") == _cells(mine):
        return _lay(folder, path, theirs)
    base = files.valid_notebook(folder / BASES / f"{origin}.ipynb")
    if mine and base and (together := merged(base, mine, theirs)):
        kept = _keep(folder, path)
        _lay(folder, path, theirs, together)
        _trust_as(mine, together)
        return f"Lesson {lesson.id} has changed: your copy follows it, with your own cells kept. As it was: {kept}"
    place = next(p for p in _numbered(path.with_suffix(".new.ipynb")) if not p.exists())
    _lay(folder, place, theirs)
    if mine is None:
        return f"Your copy of lesson {lesson.id} can't be read and is kept as it is. A fresh one: {place}"
    return (
        f"Lesson {lesson.id} has changed where you had, too: your copy is kept as it is. The new one: {place}"
    )


@contextlib.contextmanager
def writable(folder: Path):
    """The learner's folder, made on demand; a failure to write in it is told as what to do about it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UsageError(
            f"The copies in {folder} can't be written: {error.strerror}. Make room or the folder writable and call "
            "again; what is there is kept."
        ) from error


def _keep(folder: Path, path: Path) -> Path:
    """Move nothing, copy the file as it is to `earlier/`, under today's date."""
    today = datetime.date.today().isoformat()
    place = folder / EARLIER / f"{path.stem}.{today}.ipynb"
    place.parent.mkdir(exist_ok=True)
    place = next(p for p in _numbered(place) if not p.exists())
    files.write(place, path.read_bytes())
    return place


def _numbered(path: Path):
    """The path, then with -2, -3, … before its suffix."""
    yield path
    for number in range(2, 10_000):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")


def _lay(folder: Path, path: Path, base, notebook=None) -> None:
    """Write a copy, the base itself unless it is another notebook, and first note the base."""
    _write(folder / BASES / f"{base.metadata['workbook']['origin']}.ipynb", base)
    _write(path, notebook or base)


def _write(path: Path, notebook) -> None:
    import nbformat

    path.parent.mkdir(parents=True, exist_ok=True)
    files.write(path, nbformat.writes(notebook))


def _trust_as(old, new) -> None:
    """Where JupyterLab trusted the outputs of `old`, it shall trust `new`, which has no others."""
    from nbformat.sign import NotebookNotary

    notary = NotebookNotary()
    if notary.check_signature(old):
        notary.sign(new)


def _origin(path: Path) -> str | None:
    try:
        return json.loads(path.read_text(encoding="utf8"))["metadata"]["workbook"]["origin"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _cells(notebook) -> str:
    """Digest of the cells; what ran or printed in them is not the point."""
    return sha(*(f"{cell.cell_type}:{cell.source}" for cell in notebook.cells))
