"""One lesson, executed in a process of its own (engine.py), which is tried again where it ends without a result."""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from uuid import uuid4

import psutil

from helpers.workbook.outcomes import DEAD_KERNEL, Limits, Result

# In the environment of a lesson's process and of what it starts: which lesson they belong to
MARK = "WORKBOOK_LESSON"


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
                [sys.executable, "-m", "helpers.workbook.engine"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=err,
                env={**os.environ, "PYTHONUNBUFFERED": "1", MARK: mark},
                start_new_session=True,
            ) as child,
        ):
            assert child.stdin and child.stdout
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
        end_marked(mark)  # a child that was killed has ended nothing of what it started
        with suppress(ValueError):  # no answer, or half of one: it was killed
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
