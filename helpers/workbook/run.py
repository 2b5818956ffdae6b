"""Runs lessons: what is already known is not run again, the rest goes to a Dask pool, longest first."""

import ast
import csv
import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from helpers import ROOT
from helpers.workbook import syllabus, warm_socket
from helpers.workbook.execute import BLOCKED, DEAD_KERNEL, OK, Job, Limits, Result, execute
from helpers.workbook.page import html
from helpers.workbook.store import Store
from helpers.workbook.syllabus import Lesson, UsageError


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


# ---- what is asked for --------------------------------------------------------------------------------------------


def tasks(names: Iterable[str], parameters: dict, rows: list[dict] | None = None) -> list[Task]:
    """Tasks for these lessons (all, when none is named), once, or once per row of a table.

    Raises UsageError for an unknown lesson or parameter name, before anything runs.
    """
    known = syllabus.load()
    names = list(names) or [lesson.id for lesson in known.lessons]
    found = [task for name in names for task in _of(name, parameters, rows)]
    needed = dict.fromkeys(need for task in found for need in task.needs)
    return [_resource(known.resource(need)) for need in needed] + found


def _of(name: str, parameters: dict, rows: list[dict] | None) -> list[Task]:
    if name.endswith(".ipynb"):
        make, key, allowed, needs, title = _copy(Path(name))
        expected = Task.seconds
        name = name.removesuffix(".ipynb")
    else:
        lesson = syllabus.load().lesson(name)
        name, title, needs, expected = lesson.id, lesson.title, lesson.needs, lesson.seconds
        make, key, allowed = _writer(lesson), lambda p: syllabus.key(lesson, p), lambda: lesson.parameters
    many = []
    for number, row in enumerate(rows if rows is not None else [{}], 1):
        values = {**parameters, **row}
        if values:
            unknown = sorted(set(values) - set(allowed()))
            if unknown:
                raise UsageError(
                    f"Lesson {name} has no parameter {', '.join(map(repr, unknown))}. "
                    f"Its parameters: {', '.join(allowed()) or 'none'}."
                )
        label = f"{name}-row-{number:03d}" if rows is not None else name
        many.append(Task(label, title, key(values), make, values, needs, expected))
    return many


def _writer(lesson: Lesson) -> Callable[[], str]:
    def write() -> str:
        import nbformat

        return nbformat.writes(lesson.notebook())

    return write


def _copy(path: Path):
    """A notebook file of somebody's: a learner's copy, or one's own."""
    import nbformat

    try:
        text = path.read_text(encoding="utf8")
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
        code = "\n".join(c.source for c in notebook.cells if "parameters" in c.metadata.get("tags", []))
        of = notebook.metadata.get("workbook", {}).get("lesson")
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.") from error
    except (ValueError, AttributeError, KeyError, TypeError, nbformat.ValidationError) as error:
        said = str(error).splitlines()
        raise UsageError(
            f"{path} is not a notebook that can be read ({said[0][:100] if said else 'empty'}). Restore it from a copy."
        ) from error
    lesson = syllabus.load().lesson(of) if of else None
    around = syllabus.key(lesson) if lesson else _helpers_and_lock()

    def allowed():
        try:
            return syllabus.parameter_names(code)
        except (SyntaxError, ValueError) as error:
            raise UsageError(
                f"The cell tagged `parameters` in {path} is not Python ({error}). Leave only assignments in it."
            ) from error

    return (
        lambda: text,
        lambda values: syllabus.sha(text, json.dumps(values, sort_keys=True), around),
        allowed,
        lesson.needs if lesson else (),
        lesson.title if lesson else path.stem,
    )


def _helpers_and_lock() -> str:
    """What one's own notebook may import: all of it, for its code need not be readable here (magics, half an answer)."""
    files = sorted((ROOT / "helpers").rglob("*.py")) + [ROOT / name for name in syllabus.ENVIRONMENT]
    return syllabus.sha(*(part for f in files for part in (str(f.relative_to(ROOT)), f.read_bytes())))


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

    key = syllabus.sha(resource.call)
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
    for task in todo:
        before = store.get(task.key)
        if before and before.outcome == OK and not fresh and not task.is_resource:
            results[task.name] = before
            told("kept", task, before)
    left = [task for task in todo if task.name not in results]
    if all(task.is_resource for task in left):
        return {task.name: results[task.name] for task in todo if task.name in results}

    needed = {need for task in left for need in task.needs}
    left = [task for task in left if not task.is_resource or task.name in needed]
    left.sort(key=lambda task: (not task.is_resource, -seconds(task, store)))  # others wait for resources
    if scheduler is None:
        warm_socket.prepare()  # TFX is imported while the pool starts
    with _pool(scheduler, jobs) as pool, ThreadPoolExecutor(1) as writer:
        waiting = pool.as_completed()
        started: dict = {}
        written: list = []

        def keep(task, result):
            """Render and store beside the next lesson; who is waiting for a worker need not wait for a page."""
            page = html(result.notebook, task.title) if result.notebook and not task.is_resource else ""
            store.put(task.key, result, page)
            store.took(task.name, result.seconds)

        def start(task):
            job = Job(task.name, task.notebook(), task.parameters, limits)
            future = pool.submit(job, left.index(task))
            started[future] = task
            waiting.add(future)
            told("start", task, None)

        for task in [t for t in left if not t.needs]:
            start(task)
        for future in waiting:
            task = started[future]
            result = pool.result(future)
            results[task.name] = result
            written.append(writer.submit(keep, task, result))
            told("end", task, result)
            for storing in written:
                if storing.done():
                    storing.result()  # a full disk ends the run here: what else would run could not be kept
            if not task.is_resource:
                continue
            for other in [t for t in left if task.name in t.needs and t.name not in results]:
                if result.outcome != OK:
                    blocked = Result(BLOCKED, f"{task.title}: {result.outcome}. {result.detail}")
                    results[other.name] = blocked
                    written.append(writer.submit(keep, other, blocked))
                    told("end", other, blocked)
                elif all(need in results for need in other.needs):
                    start(other)
        for storing in written:
            storing.result()  # raises what went wrong in it
    return {task.name: results[task.name] for task in todo if task.name in results}


def seconds(task: Task, store: Store) -> float:
    """How long a task of this name took last, or what is taken for it."""
    return store.times.get(task.name, task.seconds)


class _pool:
    """The Dask pool: threads here, each waiting for the process that runs its lesson, or a cluster's workers."""

    def __init__(self, scheduler: str | None, jobs: int):
        from distributed import Client, LocalCluster

        self.cluster = None
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

    def submit(self, job: Job, place: int):
        """Run the job; of those that wait for a worker, the one with the lowest place is next."""
        return self.client.submit(
            execute, job, key=f"{job.name}-{place}", pure=False, priority=-place, retries=1
        )

    def as_completed(self):
        from distributed import as_completed

        return as_completed()

    def result(self, future) -> Result:
        from distributed import CancelledError, KilledWorker

        try:
            return future.result()
        except (KilledWorker, CancelledError) as error:
            return Result(DEAD_KERNEL, f"The worker running it was lost: {type(error).__name__}.")

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        if error:
            return  # closing would wait half a minute for lessons that run; they end with this process
        self.client.close()
        if self.cluster:
            self.cluster.close()
