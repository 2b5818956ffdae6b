"""The learner's own copies in learn/, and JupyterLab opened in them."""

import json
import os
import shlex
import sys
from pathlib import Path

from helpers import ROOT
from helpers.workbook import syllabus, warm_socket
from helpers.workbook.syllabus import Lesson

LEARN = ROOT / "learn"
LAB_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
}


def copies(folder: Path = LEARN) -> list[str]:
    """Make or refresh a copy of each lesson; returns what to tell the learner, a sentence each.

    A copy nobody has touched follows its lesson. A touched one is the learner's and stays as it is.
    """
    import nbformat

    told = []
    folder.mkdir(exist_ok=True)
    (folder / "progress.jsonl").touch()  # the ledger: a lesson opened below it writes there
    for lesson in syllabus.load().lessons:
        path = folder / lesson.folder / f"{lesson.file}.ipynb"
        if path.exists():
            old = path.read_text(encoding="utf8")
            if _origin(old) == syllabus.sha(lesson.text):
                continue
            if not _untouched(old):
                told.append(
                    f"Lesson {lesson.id} has changed since you copied it; your copy is kept as it is: {path}"
                )
                continue
        path.parent.mkdir(exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(nbformat.writes(copy(lesson)), encoding="utf8")
        os.replace(part, path)
    return told


def copy(lesson: Lesson):
    """The lesson as a learner gets it: no solutions, no outputs, and a note of the text it was made from."""
    notebook = lesson.notebook()
    notebook.cells = [cell for cell in notebook.cells if "solution" not in cell.metadata.get("tags", [])]
    notebook.metadata["workbook"] = {
        "lesson": lesson.id,
        "origin": syllabus.sha(lesson.text),
        "cells": _cells(notebook),
    }
    return notebook


def quiet_lab(prefix: Path = Path(sys.prefix)) -> None:
    """Have the environment's JupyterLab ask nothing and fetch nothing; what a learner sets in it goes before this."""
    path = prefix / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(LAB_SETTINGS, indent=1) + "\n")


def open_lab(lesson: Lesson | None, browser: bool) -> None:
    """Copy, then become JupyterLab in learn/; does not return."""
    for sentence in copies():
        print(sentence)
    quiet_lab()
    warm_socket.prepare()  # TFX is imported while the lab opens
    first = lesson or syllabus.load().lessons[0]
    options = [
        f"--ServerApp.root_dir={LEARN}",
        f"--LabApp.default_url=/lab/tree/{first.folder}/{first.file}.ipynb",
        "--LabApp.extension_manager=readonly",
    ]
    options += [] if browser else ["--no-browser"]
    options += shlex.split(os.environ.get("WORKBOOK_LAB", ""))
    sys.stdout.flush()
    os.execv(
        sys.executable, [sys.executable, "-m", "jupyterlab", *options]
    )  # Ctrl-C is JupyterLab's to answer


def _cells(notebook) -> str:
    return syllabus.sha(*(f"{cell.cell_type}:{cell.source}" for cell in notebook.cells))


def _untouched(text: str) -> bool:
    """Whether the cells are still those the copy was made with; what ran or printed in them is not the point."""
    import nbformat

    try:
        notebook = nbformat.reads(text, as_version=4)
        return notebook.metadata["workbook"]["cells"] == _cells(notebook)
    except (ValueError, KeyError, AttributeError, nbformat.ValidationError):
        return False  # a file we can't read is the learner's to mend


def _origin(text: str) -> str | None:
    """Digest of the lesson's text a copy was made from; None where the file can't be read."""
    try:
        return json.loads(text)["metadata"]["workbook"]["origin"]
    except (ValueError, KeyError, TypeError):
        return None
