"""One lesson, executed by Papermill in a process of its own; says truthfully how it ended."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field

import psutil

# The outcomes a lesson can have. Only a fault of the infrastructure is tried again.
OK, CELL_ERROR, CELL_TIMEOUT = "ok", "cell error", "cell time-out"
LESSON_TIMEOUT, DEAD_KERNEL, BLOCKED = "lesson time-out", "dead kernel", "blocked"


@dataclass(frozen=True)
class Limits:
    """Seconds a cell and a lesson may take, and gigabytes (in memory, with its children) a kernel may hold."""

    cell: float = 600
    lesson: float = 1200
    memory: float = 6


@dataclass(frozen=True)
class Job:
    """What is to run: a notebook as JSON text, and the parameters Papermill sets in it."""

    name: str
    notebook: str
    parameters: dict = field(default_factory=dict)
    limits: Limits = Limits()


@dataclass(frozen=True)
class Result:
    """How it ended: outcome, one sentence of detail, seconds, peak gigabytes, the executed notebook as JSON text."""

    outcome: str
    detail: str = ""
    seconds: float = 0.0
    peak: float = 0.0
    notebook: str = ""


def execute(job: Job, tries: int = 2) -> Result:
    """Run the job in a new process. One that ends without a result (it was killed, no kernel started) is tried again.

    The job goes in through standard input, which stays open: when this process dies, the child reads the end of it
    and takes its kernel along.
    """
    for _ in range(tries):
        with (
            tempfile.TemporaryFile() as err,
            subprocess.Popen(
                [sys.executable, "-m", "helpers.workbook.execute"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=err,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
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
        with suppress(ValueError):  # none, or it was killed while writing it
            return Result(**json.loads(answer))
    last = words[-1] if words else f"exit status {child.returncode}"
    return Result(DEAD_KERNEL, f"The lesson's process ended without a result, {tries} times: {last[:300]}")


# ---- inside the child ------------------------------------------------------------------------------------------------


class Guard(threading.Thread):
    """Watches one kernel from beside it: its memory, the lesson's time, and whether anyone still waits for it."""

    def __init__(self, client, limits: Limits):
        super().__init__(daemon=True)
        self.client, self.limits = client, limits
        self.peak, self.verdict, self.done = 0.0, None, threading.Event()
        self.start_time = time.monotonic()

    def run(self):
        while not self.done.wait(0.5):  # looking for a kernel's children takes 10 ms
            if time.monotonic() - self.start_time > self.limits.lesson:
                self.end(LESSON_TIMEOUT, f"The lesson took longer than {self.limits.lesson:g} s.")
            try:
                kernel = psutil.Process(self.pid())
                family = [kernel, *kernel.children(recursive=True)]
                held = sum(p.memory_info().rss for p in family) / 1e9
                if held > self.limits.memory:  # it may be less: what forks share was counted for each of them
                    held = sum(map(proportional, family)) / 1e9
            except (TypeError, psutil.Error):
                continue  # not started yet, or just gone: nothing to weigh
            self.peak = max(self.peak, held)
            if held > self.limits.memory:
                self.end(
                    DEAD_KERNEL,
                    f"The kernel held {held:.1f} GB, over the limit of {self.limits.memory:g} GB, and was stopped.",
                )

    def pid(self):
        return getattr(getattr(self.client.km, "provisioner", None), "pid", None)

    def end(self, outcome, detail):
        self.verdict = self.verdict or (outcome, detail)
        self.kill()

    def kill(self):
        """End the kernel and whatever it started, in its session or in one of their own."""
        pid = self.pid()
        if pid:
            family = []  # to be known before the kernel ends: then they are not its children any more
            with suppress(psutil.Error):
                family = psutil.Process(pid).children(recursive=True)
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            for process in family:
                with suppress(psutil.Error):
                    process.kill()


def proportional(process: psutil.Process) -> int:
    """Bytes in memory, those shared with others in part, where the system says so. Takes 10 ms for a gigabyte."""
    with suppress(psutil.Error, AttributeError):  # a zombie, or not Linux
        return process.memory_full_info().pss
    return process.memory_info().rss


def papermill(job: Job, guards: list) -> Result:
    """Execute the job here and now, in a scratch folder; every way it can end becomes a Result."""
    import nbformat
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import Engine, papermill_engines
    from papermill.exceptions import PapermillExecutionError
    from papermill.execute import execute_notebook

    class Guarded(Engine):
        """Papermill's own client with a guard beside it."""

        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, **_):
            client = PapermillNotebookClient(
                nb_man,
                kernel_name=kernel_name,
                timeout=job.limits.cell,
                startup_timeout=120,
                record_timing=False,
            )
            guard = Guard(client, job.limits)
            guards.append(guard)
            guard.start()
            try:
                client.execute()
            finally:
                guard.done.set()
                guard.join()

    papermill_engines.register("guarded", Guarded)
    notebook = nbformat.reads(job.notebook, as_version=4)
    outcome, detail = OK, ""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="workbook-") as scratch:
        path = os.path.join(scratch, "executed.ipynb")
        try:
            execute_notebook(
                notebook, path, job.parameters, engine_name="guarded", progress_bar=False, cwd=scratch,
                kernel_name="python3", language="python",  # whatever it names, or names not: we have no other
                request_save_on_cell_execute=False,  # twice a cell, it would cost a long lesson a third of its time
            )  # fmt: skip
        except PapermillExecutionError as error:
            outcome, detail = (
                CELL_ERROR,
                f"Cell {error.exec_count}: {error.ename}: {_first_line(error.evalue)}",
            )
        except CellTimeoutError as error:
            outcome, detail = (
                CELL_TIMEOUT,
                f"A cell took longer than {job.limits.cell:g} s: {_cell_of(error)}",
            )
        except DeadKernelError:
            outcome, detail = (
                DEAD_KERNEL,
                "The kernel died without a word; it may have been killed, or out of memory.",
            )
        guard = guards[-1] if guards else None
        if guard and guard.verdict:
            outcome, detail = guard.verdict
        seconds = time.monotonic() - start
        if os.path.exists(path):
            executed = nbformat.read(path, as_version=4)
        else:
            executed = guard.client.nb if guard else notebook
    text = nbformat.writes(tidy(executed))
    return Result(outcome, detail, round(seconds, 1), round(guard.peak, 2) if guard else 0.0, text)


def tidy(notebook):
    """Remove what differs from run to run without meaning: timings, paths, Papermill's own notes."""
    notebook.metadata.pop("papermill", None)
    notebook.metadata.pop("language_info", None)
    for cell in notebook.cells:
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
    return notebook


def _first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "")[:300]


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
