"""The process of one lesson: Papermill executes it with a guard beside it, and it says truthfully how that ended."""

import json
import os
import re
import signal
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from typing import Any

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.engines import Engine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook, remove_error_markers

from helpers.workbook import claims
from helpers.workbook.collect import Collector, Left
from helpers.workbook.execute import Job
from helpers.workbook.guard import Guard
from helpers.workbook.outcomes import CELL_ERROR, CELL_TIMEOUT, DEAD_KERNEL, OK, Limits, Result


class GuardedEngine(Engine):
    """Papermill's own client with a guard beside it; adds the client to `clients`, for it knows where it stopped."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, limits: Limits, guard: Guard, clients: list[Collector], **_: Any
    ) -> None:
        clients.append(Collector(nb_man, limits, guard))
        guard.start()
        try:
            clients[0].execute()
        finally:
            guard.done.set()
            guard.join()
            guard.kill()  # what the kernel has left behind


papermill_engines.register("guarded", GuardedEngine)


def papermill(job: Job, guards: list[Guard]) -> Result:
    """Execute the job here and now, in a scratch folder; every way it can end becomes a Result."""
    guard = Guard(job.limits)
    guards.append(guard)
    clients: list[Collector] = []
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="workbook-", ignore_cleanup_errors=True) as scratch:
        ended = _executed(job, guard, clients, scratch)
    seconds = time.monotonic() - start
    client = clients[0]
    outcome, detail = ended or stopped(client)
    if outcome == OK:
        remove_error_markers(client.nb)
    outcome, detail = guard.verdict or (outcome, detail)
    if outcome not in (OK, CELL_ERROR) and client.is_cut:
        detail += f" Cell {client.code_cells_executed} has more output than is kept: it may be without end."
    return Result(outcome, detail, round(seconds, 1), round(guard.peak, 2), nbformat.writes(tidy(client.nb)))


def _executed(job: Job, guard: Guard, clients: list[Collector], folder: str) -> tuple[str, str] | None:
    """Execute the job in this folder; outcome and detail where an exception tells them, None where the notebook does."""
    try:
        execute_notebook(
            nbformat.reads(job.notebook, as_version=4),
            None,
            job.parameters,
            engine_name="guarded",
            limits=job.limits,
            guard=guard,
            clients=clients,
            progress_bar=False,
            cwd=folder,
            # Whatever the notebook names, or does not name: we have no other
            kernel_name="python3",
            language="python",
            request_save_on_cell_execute=False,
        )
    except PapermillExecutionError:
        pass  # raised also for an error that a cell's tag allows; the notebook says where it stopped
    except Left:
        return left("exit() or quit()", clients[0])
    except CellTimeoutError as error:
        return CELL_TIMEOUT, f"A cell took longer than {job.limits.cell:g} s: {_cell_of(error)}"
    except DeadKernelError:
        return DEAD_KERNEL, death(clients[0], guard)
    # Anything can follow from what a lesson's code has its kernel send
    except Exception as error:
        if not guard.process:
            raise  # no kernel: worth another try
        return DEAD_KERNEL, f"What the kernel sent could not be read: {error!r:.300}"
    return None


def stopped(client: Collector) -> tuple[str, str]:
    """Outcome and detail where the kernel lived on: did the notebook stop in a cell, and why there?"""
    for cell in client.nb.cells:
        if cell.metadata.get("papermill", {}).get("exception"):
            error: dict = next((out for out in reversed(cell.outputs) if out.output_type == "error"), {})
            name, value = error.get("ename", "an error that it does not show"), error.get("evalue", "")
            if name == "SystemExit" and value in ("", "0", "None"):
                return left("sys.exit()", client)
            value = _first_line(value)
            is_claim = name == "AssertionError" and claims.CLAIM in cell.metadata.get("tags", [])
            why = claims.failed(value) if is_claim else f"{name}: {value}"
            return CELL_ERROR, f"Cell {client.code_cells_executed}: {why}"
    return OK, ""


def left(by: str, client: Collector) -> tuple[str, str]:
    """Outcome and detail of a lesson that a cell has ended on purpose: that is no error where nothing comes after it."""
    if not client.not_run:
        return OK, ""
    return CELL_ERROR, f"Cell {client.code_cells_executed} ended the lesson by {by}{_not_run(client)}."


def death(client: Collector, guard: Guard) -> str:
    """Why a kernel died, as far as its exit status tells."""
    status = guard.process.returncode if guard.process else None
    if status is None:
        how = "the kernel died without a word"
    elif status < 0:
        names = {known.value: known.name for known in signal.Signals}  # not of every real-time signal
        how = f"the kernel died of {names.get(-status, f'signal {-status}')}"
        how += ", which somebody or a system short of memory sent" if -status == signal.SIGKILL else ""
    else:
        how = f"the kernel's process was ended, with status {status}, as os._exit() does"
    return f"Cell {client.code_cells_executed}: {how}{_not_run(client)}."


def _not_run(client: Collector) -> str:
    count = client.not_run
    cells = "cell after it was" if count == 1 else "cells after it were"
    return f"; {count} {cells} not run" if count else ""


def tidy(notebook: Any) -> Any:
    """Remove what differs from run to run without meaning: timings, paths, Papermill's own notes."""
    notebook.metadata.pop("papermill", None)
    notebook.metadata.pop("language_info", None)
    for cell in notebook.cells:
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
    return notebook


def _first_line(text: str) -> str:
    """The first line of a text, without colours, cut to what a table can hold."""
    line = next(iter(re.sub(r"\x1b\[[\d;]*m", "", text).strip().splitlines()), "")[:300]
    return "".join(sign for sign in line if sign.isprintable())


def _cell_of(error: Exception) -> str:
    """The first line of the cell, out of nbclient's message, which frames the code in dashes."""
    framed = str(error).split("-------------------")
    return _first_line(framed[1]) if len(framed) > 1 else ""


def main() -> None:
    """Read a job from standard input, write its result to standard output; end when nobody waits any more."""
    # One line; after it the stream stays open until the caller dies or has the result
    job = json.loads(sys.stdin.buffer.readline())
    job = Job(**{**job, "limits": Limits(**job["limits"])})
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print goes to stderr, not between the bytes of the result
    guards: list[Guard] = []

    def leave_with_the_caller() -> None:
        while os.read(0, 1024):
            pass
        for guard in guards:
            guard.kill()
        os._exit(1)

    threading.Thread(target=leave_with_the_caller, daemon=True).start()
    result = papermill(job, guards)
    out.write(json.dumps(asdict(result)).encode())
    out.close()
    os._exit(0)


if __name__ == "__main__":
    main()
