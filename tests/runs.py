"""Small notebooks and lessons, and running them: what the tests of runs share."""

import contextlib
import sys

import nbformat
import nbformat.v4 as v4
import psutil

from helpers.workbook import report, run, tasks
from helpers.workbook.store import Store

WORKBOOK = [sys.executable, "-c", "from helpers.workbook.cli import main; main()"]


def lesson(*cells: str) -> str:
    """A lesson's text with two parameters, and these cells."""
    parameters = '# %% tags=["parameters"]\nseed = 1\nsizes = [1, 2]\n\n'
    return parameters + "\n\n".join(f"# %%\n{cell}" for cell in cells) + "\n"


def cell(code: str, *tags: str):
    """A code cell with these tags."""
    return v4.new_code_cell(code, metadata={"tags": list(tags)} if tags else {})


def notebook(*cells) -> str:
    """A notebook of these cells, given as code or as nodes, as JSON text."""
    made = v4.new_notebook(cells=[cell(c) if isinstance(c, str) else c for c in cells])
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    return nbformat.writes(made)


def ran(names=(), parameters=None, rows=None, **options):
    """Run in-process; returns results by name and the names that were really executed."""
    executed = []
    todo = tasks.tasks(names, parameters or {}, rows)
    results = run.run(
        todo,
        Store(),
        told=lambda event, task, _: executed.append(task.name) if event == "start" else None,
        **options,
    )
    report.write(todo, results, Store())
    return results, sorted(executed)


def outputs(result) -> list:
    """All outputs of an executed notebook, in order."""
    cells = nbformat.reads(result.notebook, 4).cells
    return [output for cell in cells for output in cell.get("outputs", [])]


def alive(pid):
    """Whether a process is there and no zombie; it may leave between two questions."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
