"""What a run says while it runs: a live line on a terminal, plain lines elsewhere, a table at the end."""

import os
import signal
import sys
import time
from collections.abc import Container, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from helpers.workbook.notebook_file import shown
from helpers.workbook.outcomes import OK, Result
from helpers.workbook.run import Told, seconds
from helpers.workbook.store import Store
from helpers.workbook.tasks import Task


def screen() -> Console:
    """Where all output goes: as wide as the terminal, without line breaks of its own in a log, every sign as it is."""
    return Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 200)


def grid(*columns: str, right: Container[str] = (), **options: Any) -> Table:
    """A table without lines; the columns in `right` are flush right."""
    made = Table(box=None, pad_edge=False, **options)
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return made


class Progress:
    """Hears of a run's events; on a terminal the last line shows what runs and the time left."""

    def __init__(self, todo: list[Task], store: Store, jobs: int):
        self.jobs, self.console = jobs, screen()
        self.expected = {task.name: seconds(task, store) for task in todo}
        self.running: dict[str, float] = {}
        self.queued: list[str] = []  # submitted; the longest is next, `jobs` at a time
        self.left = {task.name for task in todo}
        self.taken = self.foreseen = 0.0  # seconds of lessons: how fast this machine is today
        self.live: Live | None = None
        if self.console.is_terminal:
            self.live = Live(
                console=self.console, get_renderable=self.line, refresh_per_second=2, transient=True
            )

    def line(self) -> str:
        if not self.running:
            return ""
        now = ", ".join(f"{name} {time.monotonic() - since:.0f} s" for name, since in self.running.items())
        return f"  running {now}{self.rest()}"

    def rest(self) -> str:
        """How many lessons are left, and for how long."""
        if not self.left:
            return ""
        pace, now = self.taken / self.foreseen if self.foreseen else 1, time.monotonic()
        rest = [pace * self.expected[name] - (now - self.running.get(name, now)) for name in self.left]
        about = sum(max(each, 1) for each in rest) / max(1, min(self.jobs, len(rest)))
        return f"; {len(rest)} to go, about {about:.0f} s left"

    def told(self, event: str, task: Task, result: Result | None) -> None:
        name = task.name
        if event == "start":
            self.queued.append(name)
            self.queued.sort(key=self.expected.__getitem__, reverse=True)
        else:
            self.running.pop(name, None)
            self.left.discard(name)
            if name in self.queued:  # a cluster may run more of them at a time than we know of
                self.queued.remove(name)
        while event != "kept" and self.queued and len(self.running) < self.jobs:
            self.running[self.queued.pop(0)] = time.monotonic()
        if event == "end" and result:
            self.said(task, result)

    def said(self, task: Task, result: Result) -> None:
        if result.outcome == OK and not task.is_resource:
            self.taken += result.seconds
            self.foreseen += self.expected[task.name]
        mark, rest = "✓" if result.outcome == OK else "✗", "" if self.live else self.rest()
        ended = f"{result.outcome}, {result.seconds:.0f} s"
        self.console.print(f"{mark} {task.name}  {task.title}: {ended}{rest}")

    def stop(self, *_: object) -> None:
        """Ctrl-C: leave at once. Lessons end with this process; waiting for the pool's threads would take minutes."""
        if self.live:
            self.live.stop()
        print("\nStopped. What had finished is kept; the same command goes on from there.", file=sys.stderr)
        sys.stderr.flush()
        os._exit(130)


@contextmanager
def progress(todo: list[Task], store: Store, jobs: int) -> Iterator[Told]:
    """Yields the function `run` tells its events."""
    shown = Progress(todo, store, jobs)
    before = signal.signal(signal.SIGINT, shown.stop)
    try:
        with shown.live or nullcontext():
            yield shown.told
    finally:
        signal.signal(signal.SIGINT, before)


def table(todo: list[Task], results: dict[str, Result], index: Path) -> None:
    """Every result in a line, failures with what went wrong, and where the report is."""
    console = screen()
    rows = grid("lesson", "title", "outcome", "time", "memory", right=("time", "memory"))
    ran = [(task, results[task.name]) for task in todo if task.name in results]
    listed = [(task, result) for task, result in ran if not task.is_resource or result.outcome != OK]
    for task, result in listed:
        took, peak = f"{result.seconds:.0f} s", f"{result.peak:.1f} GB"
        rows.add_row(task.name, task.title, result.outcome, took, peak)
    console.print("", rows, "")
    for task, result in listed:
        if result.detail:
            console.print(f"✗ {task.name}: {result.detail}")
    console.print(f"Report: {shown(str(index))}")
