"""What a run is asked for, as tasks: lessons, somebody's copies of them, and the resources that these need."""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from helpers import sha, syllabus
from helpers.syllabus import Lesson, Resource, UsageError
from helpers.workbook import claims, notebook_file, stamp
from helpers.workbook.notebook_file import shown
from helpers.workbook.parameters import Misfit, check


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


def tasks(names: Iterable[str], parameters: dict, rows: list[dict] | None = None) -> list[Task]:
    """Tasks for these lessons (all, when none is named), once, or once per row of a table.

    A file that can't be run becomes a task that says so, and the others run. Raises UsageError, before anything runs, for
    an unknown lesson, for parameters that fit nothing that is named, and for two tasks of one name.
    """
    known = syllabus.load()
    names = list(names) or [lesson.id for lesson in known.lessons]
    found: list[tuple[str, Task]] = []
    misfits: list[Misfit] = []
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
    """The tasks of one lesson or file: one, or one per row."""
    task, known = _of_file(name) if name.endswith(".ipynb") else _of_lesson(name)
    many = []
    for number, row in enumerate(rows if rows is not None else [{}], 1):
        values = {**parameters, **row}
        label = f"{task.name}-row-{number:03d}" if rows is not None else task.name
        text = task.notebook
        if values:
            defaults = known()
            check(label, defaults, values)
            if other := claims.others(values, defaults):
                text = partial(claims.without, task.notebook, other)
        key = sha(task.key, json.dumps(values, sort_keys=True))
        many.append(replace(task, name=label, key=key, parameters=values, notebook=text))
    return many


def _of_lesson(name: str) -> tuple[Task, Callable[[], dict]]:
    """The task of a lesson, and how to learn of its parameters: reading them takes longer than an unchanged run."""
    lesson = syllabus.load().lesson(name)
    key, text = stamp.key(lesson), partial(_text, lesson)
    task = Task(lesson.id, lesson.title, key, text, needs=lesson.needs, seconds=lesson.seconds)
    return task, lambda: lesson.parameters


def _of_file(name: str) -> tuple[Task, Callable[[], dict]]:
    """The task of a notebook file, and how to learn of its parameters."""
    file, label = notebook_file.read(Path(name)), shown(name.removesuffix(".ipynb"))
    lesson = file.lesson
    title = lesson.title if lesson else Path(label).name
    code = "\n".join(cell.source for cell in file.notebook.cells if cell.cell_type == "code")
    around = [stamp.key(lesson), stamp.reached(code)] if lesson else [stamp.anything()]
    key = sha(label, title, file.content, *around)
    task = Task(label, title, key, lambda: file.text)
    if lesson:
        task = replace(task, needs=lesson.needs, seconds=lesson.seconds)
    return task, partial(_parameters, label, file.notebook)


def _text(lesson: Lesson) -> str:
    import nbformat

    return nbformat.writes(lesson.notebook())


def _parameters(label: str, notebook: Any) -> dict:
    try:
        return syllabus.parameters(notebook)
    except (SyntaxError, ValueError) as error:
        raise UsageError(
            f"The cell tagged `parameters` in {label}.ipynb is not Python ({error}). Leave only assignments in it."
        ) from error


def _resource(resource: Resource) -> Task:
    """A resource is made in a kernel like any lesson, by a notebook of one cell."""
    key, text = sha(resource.call), partial(_call, resource.call)
    return Task(resource.id, resource.title, key, text, seconds=resource.seconds, is_resource=True)


def _call(call: str) -> str:
    import nbformat.v4 as v4

    module, function = call.split(":")
    cell = v4.new_code_cell(f"from {module} import {function}\n{function}();")
    kernel = {"name": "python3", "display_name": "Python 3"}
    return json.dumps(v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel}))
