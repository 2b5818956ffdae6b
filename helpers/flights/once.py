"""Runs a pipeline once, however many ask, and answers where its products are.

The run is a process of its own: it neither reseeds nor slows nor prints into the caller's, and it ends when its
caller does. A file lock, which the operating system frees when its holder dies, lets one run at a time; the others
wait and take the answer.
"""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import filelock
from ml_metadata.errors import StatusError

from helpers import ROOT
from helpers.environment import ENVIRONMENT
from helpers.flights import metadata
from helpers.flights.metadata import Artifacts, PipelineError


def ensure(root: Path, command: list[str]) -> Artifacts:
    """The products of the finished run in the folder root. Where there is none, `command` makes one first, by
    calling `finish`. Raises PipelineError."""
    try:
        found = metadata.finished(root)
    except StatusError:  # being written by another process: the run, under its lock, can tell
        found = None
    return found or _run_apart(root, command)


def finish(root: Path, run: Callable[[], None]) -> None:
    """Finish the run of a folder, whatever an earlier one left there. Only this touches the folder, and only
    under the lock."""
    with filelock.FileLock(root.with_suffix(".lock")):
        if not metadata.sound(root):
            shutil.rmtree(root)
        elif metadata.finished(root):
            return
        root.mkdir(exist_ok=True)
        run()


def end_with_the_caller() -> None:
    """Let this process end when the one that started it by `ensure` is gone."""

    def wait() -> None:
        os.read(0, 1)  # returns when the other end is closed
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _run_apart(root: Path, command: list[str]) -> Artifacts:
    log = root.with_suffix(".log")
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        output = log.open("ab")
    except OSError as error:
        raise PipelineError(
            f"{root.parent} can't be written to ({error.strerror}). Free it, or set WORKBOOK_BUILD to another folder."
        ) from error
    # the open pipe to stdin tells the run that we are alive
    apart = {"cwd": ROOT, "env": os.environ | ENVIRONMENT, "stdin": subprocess.PIPE}
    with output, subprocess.Popen(command, stdout=output, stderr=output, **apart) as run:
        run.wait()
    if run.returncode:
        raise PipelineError(
            f"The flights pipeline ended with code {run.returncode}{_reason(log)}. Its log is {log}; "
            "the next call goes on from what it finished."
        )
    found = metadata.finished(root)
    if found is None:
        raise PipelineError(
            "The gate refused the flights model, so nothing was pushed. "
            f"The evaluation below {root} says why."
        )
    return found


def _reason(log: Path) -> str:
    """What an exception left as the last line of the log, to stand in a sentence; "" where there is none."""
    last = log.read_text(encoding="utf-8", errors="replace").rstrip().rpartition("\n")[2]
    return f" ({last})" if re.match(r"[\w.]+(Error|Exception)\b", last) else ""
