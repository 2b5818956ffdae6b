"""Runs tasks: what is already known is not run again, the rest goes to the pool, longest first."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from helpers.workbook import warm_socket
from helpers.workbook.execute import Job
from helpers.workbook.outcomes import BLOCKED, OK, REFUSED, Limits, Result
from helpers.workbook.page import html
from helpers.workbook.pool import Pool
from helpers.workbook.store import Store
from helpers.workbook.tasks import Task

Told = Callable[[str, Task, Result | None], None]


def run(
    todo: list[Task],
    store: Store,
    *,
    jobs: int = 2,
    scheduler: str | None = None,
    limits: Limits = Limits(),
    fresh: bool = False,
    pages: bool = True,
    told: Told = lambda event, task, result: None,
) -> dict[str, Result]:
    """Run the tasks; returns each one's result by name, in the tasks' order.

    `told` hears of every event: ("kept" | "start" | "end", task, result). Results go to the store as they come, so a
    run that is killed goes on from there; with `pages`, their pages do, too. Raises UsageError, soon, when one can't be
    stored.
    """
    results: dict[str, Result] = {}
    with _Painter(store, pages) as painter:
        for task in todo:
            if task.refused:
                results[task.name] = Result(REFUSED, task.refused)
                told("end", task, results[task.name])
                continue
            before = store.get(task.key)
            if before and before.outcome == OK and not fresh and not task.is_resource:
                results[task.name] = before
                told("kept", task, before)
                if not store.has_page(task.key):  # the run that stored it was killed before
                    painter.paint(task)
        left = [task for task in todo if task.name not in results]
        if not all(task.is_resource for task in left):
            for task, result in _run(left, store, jobs, scheduler, limits, told):
                store.put(task.key, result)  # before anybody is told that it has ended
                # Without its notebook: there may be hundreds, too many for memory
                results[task.name] = replace(result, notebook="")
                if result.seconds:
                    store.took(task.name, result.seconds)
                told("end", task, result)
                if result.notebook and not task.is_resource:
                    painter.paint(task)
    return {task.name: results[task.name] for task in todo if task.name in results}


class _Painter:
    """Makes the pages of stored results beside the next lessons: who waits for a worker need not wait for a page."""

    def __init__(self, store: Store, wanted: bool):
        self.store, self.wanted = store, wanted
        self.pages: list[Future[None]] = []

    def paint(self, task: Task) -> None:
        """Have the page made. Raises UsageError when an earlier one could not be stored: nor could what would run now."""
        if self.wanted:
            self.pages.append(self.thread.submit(self._paint, task))
        for page in self.pages:
            if page.done():
                page.result()

    def _paint(self, task: Task) -> None:
        try:
            notebook = self.store.notebook(task.key)
        except (OSError, ValueError):  # gone or damaged since: the report says what there is
            return
        self.store.put_page(task.key, html(notebook, task.title))

    def __enter__(self) -> "_Painter":
        self.thread = ThreadPoolExecutor(1)
        return self

    def __exit__(self, error: object, *_: object) -> None:
        self.thread.shutdown(cancel_futures=error is not None)
        if not error:
            for page in self.pages:
                page.result()


def _run(
    left: list[Task], store: Store, jobs: int, scheduler: str | None, limits: Limits, told: Told
) -> Iterator[tuple[Task, Result]]:
    """The tasks with their results, as they end."""
    needed = {need for task in left for need in task.needs}
    left = [task for task in left if not task.is_resource or task.name in needed]
    left.sort(key=lambda task: (not task.is_resource, -seconds(task, store)))  # others wait for resources
    if scheduler is None:
        warm_socket.prepare()  # TFX is imported while the pool starts
    with Pool(scheduler, jobs) as pool:
        started: dict[Any, Task] = {}
        outcomes: dict[str, str] = {}

        def start(task: Task) -> None:
            job = Job(task.name, task.notebook(), task.parameters, limits)
            started[pool.submit(job, task.key, left.index(task))] = task
            told("start", task, None)

        for task in [t for t in left if not t.needs]:
            start(task)
        for future, result in pool.ended():
            task = started.pop(future)
            outcomes[task.name] = result.outcome
            yield task, result
            if not task.is_resource:
                continue
            for other in [t for t in left if task.name in t.needs and t.name not in outcomes]:
                if result.outcome != OK:
                    outcomes[other.name] = BLOCKED
                    yield other, Result(BLOCKED, f"{task.title}: {result.outcome}. {result.detail}")
                elif all(need in outcomes for need in other.needs):
                    start(other)


def seconds(task: Task, store: Store) -> float:
    """How long a task of this name took last, or what is taken for it."""
    return store.times.get(task.name, task.seconds)
