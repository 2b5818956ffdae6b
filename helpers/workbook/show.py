"""What a run says while it runs: a live line on a terminal, plain lines elsewhere, a table at the end."""

import os
import signal
import sys
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path

from helpers.workbook.notebook_file import shown
from helpers.workbook.outcomes import OK, Result
from helpers.workbook.run import seconds
from helpers.workbook.store import Store
from helpers.workbook.tasks import Task


def screen():
    """Where all output goes: as wide as the terminal, without line breaks of its own in a log, every sign as it is."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 200)


@contextmanager
def progress(todo: list[Task], store: Store, jobs: int):
    """Yields the function `run` tells its events; on a terminal the last line shows what runs and the time left."""
    from rich.live import Live

    console = screen()
    expected = {task.name: seconds(task, store) for task in todo}
    running: dict[str, float] = {}
    queued: list[str] = []  # submitted; the longest is next, `jobs` at a time
    left = {task.name for task in todo}
    ended = {"taken": 0.0, "expected": 0.0}  # seconds of lessons: how fast this machine is today

    def begin() -> None:
        while queued and len(running) < jobs:
            running[queued.pop(0)] = time.monotonic()

    def time_left() -> float:
        pace, now = ended["taken"] / ended["expected"] if ended["expected"] else 1, time.monotonic()
        rest = sum(max(pace * expected[name] - (now - running.get(name, now)), 1) for name in left)
        return rest / max(1, min(jobs, len(left)))

    def line() -> str:
        now = ", ".join(f"{name} {time.monotonic() - since:.0f} s" for name, since in running.items())
        return (
            f"  running {now}; {len(left)} to go, about {time_left():.0f} s left" if left and running else ""
        )

    live = (
        Live(console=console, get_renderable=line, refresh_per_second=2, transient=True)
        if console.is_terminal
        else None
    )

    def told(event: str, task: Task, result: Result | None) -> None:
        if event == "start":
            queued.append(task.name)
            queued.sort(key=expected.get, reverse=True)
            begin()
            return
        running.pop(task.name, None)
        left.discard(task.name)
        if task.name in queued:  # a cluster may run more of them at a time than we know of
            queued.remove(task.name)
        if event == "kept":
            return
        begin()
        if result.outcome == OK and not task.is_resource:
            ended["taken"] += result.seconds
            ended["expected"] += expected[task.name]
        mark = "✓" if result.outcome == OK else "✗"
        rest = f"; {len(left)} to go, about {time_left():.0f} s left" if left and not live else ""
        console.print(f"{mark} {task.name}  {task.title}: {result.outcome}, {result.seconds:.0f} s{rest}")

    def stop(*_) -> None:
        """Ctrl-C: leave at once. Lessons end with this process; waiting for the pool's threads would take minutes."""
        if live:
            live.stop()
        print("\nStopped. What had finished is kept; the same command goes on from there.", file=sys.stderr)
        sys.stderr.flush()
        os._exit(130)

    before = signal.signal(signal.SIGINT, stop)
    try:
        with live or nullcontext():
            yield told
    finally:
        signal.signal(signal.SIGINT, before)


def table(todo: list[Task], results: dict[str, Result], index: Path) -> None:
    """Every result in a line, failures with what went wrong, and where the report is."""
    from rich.table import Table

    console = screen()
    rows = Table(box=None, pad_edge=False)
    for name, where in [
        ("lesson", "left"),
        ("title", "left"),
        ("outcome", "left"),
        ("time", "right"),
        ("memory", "right"),
    ]:
        rows.add_column(name, justify=where, overflow="fold")
    listed = [
        task
        for task in todo
        if task.name in results and (not task.is_resource or results[task.name].outcome != OK)
    ]
    for task in listed:
        result = results[task.name]
        rows.add_row(
            task.name, task.title, result.outcome, f"{result.seconds:.0f} s", f"{result.peak:.1f} GB"
        )
    console.print("", rows, "")
    for task in listed:
        if results[task.name].detail:
            console.print(f"✗ {task.name}: {results[task.name].detail}")
    console.print(f"Report: {shown(str(index))}")
