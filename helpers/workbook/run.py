"""Runs lessons: what is already known is not run again, the rest goes to a Dask pool, longest first."""

import ast
import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

from helpers import sha, syllabus
from helpers.syllabus import Lesson, UsageError
from helpers.workbook import notebook_file, stamp, warm_socket
from helpers.workbook.execute import Job, execute
from helpers.workbook.notebook_file import shown
from helpers.workbook.outcomes import BLOCKED, DEAD_KERNEL, OK, REFUSED, Limits, Result
from helpers.workbook.page import html
from helpers.workbook.store import Store


@dataclass(frozen=True)
class Task:
    """One thing to run: a lesson (or somebody's copy of it) with parameters, or a resource lessons need."""

    name: str
    title: str
    key: str
    notebook: Callable[[], str]
    parameters: dict = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    seconds: float = 40  # what it is taken for until it has run here
    is_resource: bool = False
    refused: str = ""  # why it can't run


# ---- what is asked for --------------------------------------------------------------------------------------------


def tasks(names: Iterable[str], parameters: dict, rows: list[dict] | None = None) -> list[Task]:
    """Tasks for these lessons (all, when none is named), once, or once per row of a table.

    A file that can't be run becomes a task that says so, and the others run. Raises UsageError, before anything runs, for
    an unknown lesson, for parameters that fit nothing that is named, and for two tasks of one name.
    """
    known = syllabus.load()
    names = list(names) or [lesson.id for lesson in known.lessons]
    found: list[tuple[str, Task]] = []
    misfits = []
    for name in names:
        try:
            made = _of(name, parameters, rows)
        except UsageError as error:
            if not name.endswith(".ipynb"):
                raise
            if not os.path.lexists(name):  # a typo; a link that leads nowhere is there
                raise UsageError(f"{shown(name)} is not there.") from error
            label = shown(name.removesuffix(".ipynb"))
            made = [Task(label, label, sha("refused", label), str, refused=str(error))]
            misfits += [error] if isinstance(error, Misfit) else []
        found += [(shown(name), task) for task in made]
    if len(misfits) == len(names):
        raise misfits[0]
    needed = dict.fromkeys(need for _, task in found for need in task.needs)
    resources = [_resource(known.resource(need)) for need in needed]
    return _named_apart([(f"the resource {task.name}", task) for task in resources] + found)


def _named_apart(found: list[tuple[str, Task]]) -> list[Task]:
    """The tasks, if no two have one name; else UsageError with what both were asked for as."""
    origins: dict[str, str] = {}
    for origin, task in found:
        if task.name in origins:
            raise UsageError(
                f"{origins[task.name]} and {origin} would both be told of as {task.name!r}. Leave one out, or rename it."
            )
        origins[task.name] = origin
    return [task for _, task in found]


def _of(name: str, parameters: dict, rows: list[dict] | None) -> list[Task]:
    if name.endswith(".ipynb"):
        file, label = notebook_file.read(Path(name)), shown(name.removesuffix(".ipynb"))
        lesson, write = file.lesson, lambda: file.text
        title = lesson.title if lesson else Path(label).name
        around = stamp.key(lesson) if lesson else stamp.anything()

        def key(values):
            return sha(label, title, file.content, json.dumps(values, sort_keys=True), around)
    else:
        file, lesson = None, syllabus.load().lesson(name)
        label, title, write = lesson.id, lesson.title, _writer(lesson)

        def key(values):
            return stamp.key(lesson, values)

    needs, expected = (lesson.needs, lesson.seconds) if lesson else ((), Task.seconds)
    many = []
    for number, row in enumerate(rows if rows is not None else [{}], 1):
        values = {**parameters, **row}
        name = f"{label}-row-{number:03d}" if rows is not None else label
        if values:
            check(name, _parameters(label, file.notebook) if file else lesson.parameters, values)
        many.append(Task(name, title, key(values), write, values, needs, expected))
    return many


def _writer(lesson: Lesson) -> Callable[[], str]:
    def write() -> str:
        import nbformat

        return nbformat.writes(lesson.notebook())

    return write


def _parameters(label: str, notebook) -> dict:
    try:
        return syllabus.parameters(notebook)
    except (SyntaxError, ValueError) as error:
        raise UsageError(
            f"The cell tagged `parameters` in {label}.ipynb is not Python ({error}). Leave only assignments in it."
        ) from error


class Misfit(UsageError):
    """Parameters that a lesson doesn't have, or not of this type."""


def check(name: str, known: dict, values: dict) -> None:
    """Raise Misfit unless these values fit the parameters known by their defaults."""
    if unknown := sorted(set(values) - set(known)):
        raise Misfit(
            f"Lesson {name} has no parameter {', '.join(map(repr, unknown))}. "
            f"Its parameters: {', '.join(known) or 'none'}."
        )
    for parameter, given in values.items():
        if not fits(given, known[parameter]):
            kind = KINDS[type(known[parameter])]
            raise Misfit(
                f"Lesson {name} takes {kind} for {parameter}, as its {known[parameter]!r} is; {given!r} is not."
            )


KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: """text ('"7"', in quotes, where it is a number)""",
    list: "a list",
    tuple: "a list",
    dict: "a dict",
}


def fits(given, default) -> bool:
    """Whether a value has its default's type; a whole number is a float, too. A default that shows no type takes anything."""
    if isinstance(default, (list, tuple)):
        return isinstance(given, list) and (
            not default or all(any(fits(each, one) for one in default) for each in given)
        )
    if type(default) is float:
        return type(given) in (int, float)
    return type(default) not in KINDS or type(given) is type(default)


def _resource(resource) -> Task:
    """A resource is made in a kernel like any lesson, by a notebook of one cell."""
    module, function = resource.call.split(":")
    code = f"from {module} import {function}\n{function}();"

    def write() -> str:
        import nbformat.v4 as v4

        return json.dumps(
            v4.new_notebook(
                cells=[v4.new_code_cell(code)],
                metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
            )
        )

    key = sha(resource.call)
    return Task(resource.id, resource.title, key, write, seconds=resource.seconds, is_resource=True)


def table(path: Path) -> list[dict]:
    """Rows of a CSV file as parameters; `value` says what its cells mean."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # Excel begins it with a mark
            reader = csv.DictReader(file)
            rows = list(reader)
    except OSError as error:
        raise UsageError(f"The table {path} can't be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"The table {path} is not CSV in UTF-8 ({error}). Save it as such.") from error
    if not rows:
        raise UsageError(f"The table {path} has no rows under its head.")
    names = [name.strip() for name in reader.fieldnames]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"The table {path} has two columns {', '.join(map(repr, twice))}. Remove one.")
    for number, row in enumerate(rows, 1):
        if None in row or None in row.values():
            raise UsageError(f"Row {number} of {path} has not as many values as the head has names.")
    return [{name.strip(): value(text) for name, text in row.items()} for row in rows]


def assignments(words: list[str]) -> dict:
    """`["seed=7", "months=[1, 2]"]` as parameters."""
    pairs = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name.strip().isidentifier():
            raise UsageError(f"{word!r} is not of the form name=value.")
        try:
            word.encode()
        except UnicodeEncodeError:
            raise UsageError(f"{word!r} is not UTF-8.") from None
        pairs[name.strip()] = value(text)
    return pairs


def value(text: str):
    """What JSON or Python writes (7, 1e-3, 20_000, true, None, [1, 2], and "7" in quotes for text); the rest is text.

    Not YAML, which makes 750 of 12:30 and false of NO.
    """
    text = text.strip()
    if text in ("TRUE", "FALSE"):  # Excel
        return text == "TRUE"
    for read in (json.loads, ast.literal_eval):
        try:
            return json.loads(json.dumps(read(text)))  # as it will reach the lesson
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return text


# ---- running ------------------------------------------------------------------------------------------------------


def run(
    todo: list[Task],
    store: Store,
    *,
    jobs: int = 2,
    scheduler: str | None = None,
    limits: Limits = Limits(),
    fresh: bool = False,
    told: Callable[[str, Task, Result | None], None] = lambda event, task, result: None,
) -> dict[str, Result]:
    """Run the tasks; returns each one's result by name, in the tasks' order.

    `told` hears of every event: ("kept" | "start" | "end", task, result). Results go to the store as they come, so a
    run that is killed goes on from there. Raises UsageError, soon, when one can't be stored.
    """
    results: dict[str, Result] = {}
    with _Painter(store) as painter:
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
                store.put(task.key, result)  # first; then it is said to have ended
                results[task.name] = replace(result, notebook="")  # there may be hundreds
                if result.seconds:
                    store.took(task.name, result.seconds)
                told("end", task, result)
                if result.notebook and not task.is_resource:
                    painter.paint(task)
    return {task.name: results[task.name] for task in todo if task.name in results}


class _Painter:
    """Makes the pages of stored results beside the next lessons: who waits for a worker need not wait for a page."""

    def __init__(self, store: Store):
        self.store, self.pages = store, []

    def paint(self, task: Task) -> None:
        """Have the page made. Raises UsageError when an earlier one could not be stored: nor could what would run now."""
        self.pages.append(self.thread.submit(self._paint, task))
        for page in self.pages:
            if page.done():
                page.result()

    def _paint(self, task):
        try:
            notebook = self.store.notebook(task.key)
        except (OSError, ValueError):  # gone or damaged since: the report says what there is
            return
        self.store.put_page(task.key, html(notebook, task.title))

    def __enter__(self):
        self.thread = ThreadPoolExecutor(1)
        return self

    def __exit__(self, error, *_):
        self.thread.shutdown(cancel_futures=error is not None)
        if not error:
            for page in self.pages:
                page.result()


def _run(left, store, jobs, scheduler, limits, told) -> Iterator[tuple[Task, Result]]:
    """The tasks with their results, as they end."""
    needed = {need for task in left for need in task.needs}
    left = [task for task in left if not task.is_resource or task.name in needed]
    left.sort(key=lambda task: (not task.is_resource, -seconds(task, store)))  # others wait for resources
    if scheduler is None:
        warm_socket.prepare()  # TFX is imported while the pool starts
    with _pool(scheduler, jobs) as pool:
        waiting = pool.as_completed()
        started: dict = {}
        outcomes: dict[str, str] = {}

        def start(task):
            job = Job(task.name, task.notebook(), task.parameters, limits)
            future = pool.submit(job, task.key, left.index(task))
            started[future] = task
            waiting.add(future)
            told("start", task, None)

        for task in [t for t in left if not t.needs]:
            start(task)
        for future in waiting:
            task = started.pop(future)
            result = pool.result(future)
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


class _pool:
    """The Dask pool: threads here, each waiting for the process that runs its lesson, or a cluster's workers."""

    def __init__(self, scheduler: str | None, jobs: int):
        from distributed import Client, LocalCluster

        self.cluster, self.run = None, uuid4().hex
        if scheduler is None:
            self.cluster = LocalCluster(
                n_workers=1,
                threads_per_worker=jobs,
                processes=False,
                dashboard_address=":0",
                memory_limit=None,
            )
        try:
            self.client = Client(self.cluster or scheduler, timeout=15)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"No Dask scheduler answers at {scheduler}. Start one (`dask scheduler`) or leave --scheduler out."
            ) from error
        if scheduler and not self.client.nthreads():
            self.client.close()
            raise UsageError(
                f"The scheduler at {scheduler} has no workers. Start some: `dask worker {scheduler} --nthreads 1`."
            )

    def submit(self, job: Job, digest: str, place: int):
        """Run the job; of those that wait for a worker, the one with the lowest place is next.

        A cluster's scheduler answers a key it knows with the result it has, whoever asks.
        """
        key = f"{job.name}-{digest}-{place}-{self.run}"
        return self.client.submit(execute, job, key=key, pure=False, priority=-place, retries=1)

    def as_completed(self):
        from distributed import as_completed

        return as_completed()

    def result(self, future) -> Result:
        from distributed import CancelledError, KilledWorker

        try:
            return future.result()
        except (KilledWorker, CancelledError) as error:
            return Result(DEAD_KERNEL, f"The worker running it was lost: {type(error).__name__}.")
        except (
            Exception
        ) as error:  # a worker's machine may have no room or no helpers: the others' lessons go on
            return Result(DEAD_KERNEL, f"It could not be run: {error!r:.300}")

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        if error:
            return  # closing would wait half a minute for lessons that run; they end with this process
        self.client.close()
        if self.cluster:
            self.cluster.close()
