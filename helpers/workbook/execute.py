"""One lesson, executed by Papermill in a process of its own; says truthfully how it ended."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from uuid import uuid4

import psutil

from helpers.workbook.guard import MARK, Guard
from helpers.workbook.outcomes import CELL_ERROR, CELL_TIMEOUT, DEAD_KERNEL, OK, Limits, Result


@dataclass(frozen=True)
class Job:
    """What is to run: a notebook as JSON text, and the parameters Papermill sets in it."""

    name: str
    notebook: str
    parameters: dict = field(default_factory=dict)
    limits: Limits = Limits()


def execute(job: Job, tries: int = 2) -> Result:
    """Run the job in a new process. One that ends without a result (it was killed, no kernel started) is tried again.

    The job goes in through standard input, which stays open: when this process dies, the child reads the end of it
    and takes its kernel along.
    """
    for _ in range(tries):
        mark = uuid4().hex
        with (
            tempfile.TemporaryFile() as err,
            subprocess.Popen(
                [sys.executable, "-m", "helpers.workbook.execute"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=err,
                env={**os.environ, "PYTHONUNBUFFERED": "1", MARK: mark},
                start_new_session=True,
            ) as child,
        ):
            try:
                child.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
                child.stdin.flush()
                answer = child.stdout.read()
            except BrokenPipeError:
                answer = b""
            finally:
                with suppress(BrokenPipeError):  # it was killed before it had read the job
                    child.stdin.close()
            child.wait()
            err.seek(0)
            words = err.read().decode(errors="replace").strip().splitlines()
        end_marked(mark)  # it may have been killed, and not have seen to these
        with suppress(ValueError):  # none, or it was killed while writing it
            return Result(**json.loads(answer))
    last = words[-1] if words else f"exit status {child.returncode}"
    return Result(DEAD_KERNEL, f"The lesson's process ended without a result, {tries} times: {last[:300]}")


def end_marked(mark: str) -> None:
    """Kill what has this mark in its environment. A kernel that was forked has its parent's; its guardian ends it."""
    marked = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):  # another user's, or it is no more
            if process.environ().get(MARK) == mark:
                process.kill()
                marked.append(process)
    psutil.wait_procs(marked, timeout=5)


# ---- inside the child ------------------------------------------------------------------------------------------------


def papermill(job: Job, guards: list) -> Result:
    """Execute the job here and now, in a scratch folder; every way it can end becomes a Result."""
    import nbformat
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.engines import Engine, papermill_engines
    from papermill.exceptions import PapermillExecutionError
    from papermill.execute import execute_notebook, remove_error_markers

    from helpers.workbook.collect import Collector, Left

    guard = Guard(job.limits)
    guards.append(guard)
    collectors = []

    class Guarded(Engine):
        """Papermill's own client with a guard beside it."""

        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, **_):
            collectors.append(Collector(nb_man, job.limits, guard))
            guard.start()
            try:
                collectors[0].execute()
            finally:
                guard.done.set()
                guard.join()
                guard.kill()  # what the kernel has left behind

    papermill_engines.register("guarded", Guarded)
    outcome, detail = "", ""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="workbook-", ignore_cleanup_errors=True) as scratch:
        try:
            execute_notebook(
                nbformat.reads(job.notebook, as_version=4), None, job.parameters, engine_name="guarded",
                progress_bar=False, cwd=scratch,
                kernel_name="python3", language="python",  # whatever it names, or names not: we have no other
                request_save_on_cell_execute=False,
            )  # fmt: skip
        except PapermillExecutionError:
            pass  # it takes an error that a cell's tag allows for one; the notebook says where it stopped
        except Left:
            outcome, detail = left("exit() or quit()", collectors[0])
        except CellTimeoutError as error:
            outcome, detail = (
                CELL_TIMEOUT,
                f"A cell took longer than {job.limits.cell:g} s: {_cell_of(error)}",
            )
        except DeadKernelError:
            outcome, detail = DEAD_KERNEL, death(collectors[0], guard)
        except Exception as error:
            if not guard.process:
                raise  # no kernel: worth another try
            # Anything can follow from what a lesson's code has its kernel send
            outcome, detail = DEAD_KERNEL, f"What the kernel sent could not be read: {error!r:.300}"
    seconds = time.monotonic() - start
    notebook = collectors[0].nb
    if not outcome:
        outcome, detail = stopped(notebook, collectors[0])
    if outcome == OK:
        remove_error_markers(notebook)
    outcome, detail = guard.verdict or (outcome, detail)
    if outcome not in (OK, CELL_ERROR) and collectors[0].is_cut:
        detail += f" Cell {collectors[0].number} has more output than is kept: it may be without end."
    return Result(outcome, detail, round(seconds, 1), round(guard.peak, 2), nbformat.writes(tidy(notebook)))


def stopped(notebook, collector) -> tuple[str, str]:
    """Outcome and detail of a notebook whose kernel lived on: did it stop in a cell, and why there?"""
    for cell in notebook.cells:
        if cell.metadata.get("papermill", {}).get("exception"):
            error = next((out for out in reversed(cell.outputs) if out.output_type == "error"), {})
            name, value = error.get("ename", "an error that it does not show"), error.get("evalue", "")
            if name == "SystemExit" and value in ("", "0", "None"):
                return left("sys.exit()", collector)
            return CELL_ERROR, f"Cell {collector.number}: {name}: {_first_line(value)}"
    return OK, ""


def left(by: str, collector) -> tuple[str, str]:
    """Outcome and detail of a lesson that a cell has ended on purpose: that is no error where nothing comes after it."""
    if not collector.not_run:
        return OK, ""
    return CELL_ERROR, f"Cell {collector.number} ended the lesson by {by}{_not_run(collector)}."


def death(collector, guard: Guard) -> str:
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
    return f"Cell {collector.number}: {how}{_not_run(collector)}."


def _not_run(collector) -> str:
    count = collector.not_run
    return (
        f"; {count} cell{'s' * (count > 1)} after it {'were' if count > 1 else 'was'} not run"
        if count
        else ""
    )


def tidy(notebook):
    """Remove what differs from run to run without meaning: timings, paths, Papermill's own notes."""
    notebook.metadata.pop("papermill", None)
    notebook.metadata.pop("language_info", None)
    for cell in notebook.cells:
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
    return notebook


def _first_line(text: str) -> str:
    """Of what may be many lines, coloured ones too."""
    line = next(iter(re.sub(r"\x1b\[[\d;]*m", "", text).strip().splitlines()), "")[:300]
    return "".join(sign for sign in line if sign.isprintable())


def _cell_of(error) -> str:
    """The first line of the cell, out of nbclient's message, which frames the code in dashes."""
    framed = str(error).split("-------------------")
    return _first_line(framed[1]) if len(framed) > 1 else ""


def main():
    """Read a job from standard input, write its result to standard output; end when nobody waits any more."""
    job = json.loads(sys.stdin.buffer.readline())  # nothing follows it but, one day, the end
    job = Job(**{**job, "limits": Limits(**job["limits"])})
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print goes to stderr, not between the bytes of the result
    guards: list[Guard] = []

    def leave_with_the_caller():
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
