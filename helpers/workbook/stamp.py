"""What decides what a lesson prints, as digests: the stamp of its recording, and the name of its result in the store."""

import ast
import json
from pathlib import Path

from helpers import ROOT, sha, syllabus
from helpers.syllabus import Lesson

ENVIRONMENT = ("requirements.lock", ".python-version", "helpers/environment.py")  # what every lesson runs in


def helper_files(code: str, lesson: Lesson | None = None) -> list[Path]:
    """Files of `helpers` that this code reaches by its imports, transitively, sorted.

    TFX modules of the running case name each other in strings, so a package other than the root and the batch side
    counts as a whole. Judges are looked up by lesson.
    """
    todo, found = [code], set()
    if lesson is not None:
        todo += [f"import helpers.exercises.lesson_{lesson.id.replace('.', '_')}"]
        todo += [f"import {syllabus.load().resource(r).call.split(':')[0]}" for r in lesson.needs]
    while todo:
        for node in ast.walk(ast.parse(todo.pop())):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
            for module in modules:
                for file in _files_of(module):
                    if file not in found:
                        found.add(file)
                        todo.append(file.read_text(encoding="utf8"))
    return sorted(found)


def _files_of(module: str) -> list[Path]:
    parts = module.split(".")
    if parts[0] != "helpers":
        return []
    if len(parts) > 1 and parts[1] in ("flights", "serving", "monitoring"):
        return sorted((ROOT / "helpers" / parts[1]).rglob("*.py"))
    place = ROOT.joinpath(*parts)
    return [f for f in (place.with_suffix(".py"), place / "__init__.py") if f.is_file()]


def of(lesson: Lesson, parameters: dict | None = None) -> dict:
    """Digests of what produces a lesson's outputs: code cells, helpers, data, lock, syllabus, parameters."""
    cells = [c.source for c in lesson.notebook().cells if c.cell_type == "code"]
    return {"code": sha(*cells), "parameters": parameters or {}, **_surroundings("\n".join(cells), lesson)}


def key(lesson: Lesson, parameters: dict | None = None) -> str:
    """Name of a lesson's result in the store. Reads text only, so that an unchanged run costs no imports."""
    code = "\n".join(line for line in lesson.text.splitlines() if not line.startswith(("#", "%", "!")))
    return sha(lesson.text, json.dumps([parameters or {}, _surroundings(code, lesson)], sort_keys=True))


def _surroundings(code: str, lesson: Lesson) -> dict:
    data = [f for name in lesson.data for f in sorted((ROOT / "data" / name).rglob("*")) if f.is_file()]
    named = [part for f in data for part in (str(f.relative_to(ROOT)), f.read_bytes())]
    helpers = [
        part for f in helper_files(code, lesson) for part in (str(f.relative_to(ROOT)), f.read_bytes())
    ]
    course = [entry for entry in syllabus.load().lessons if entry.course == lesson.course]
    shown = [*course, *filter(None, [syllabus.load().next(lesson)])]  # by `lesson.end()`
    return {
        "helpers": sha(*helpers),
        "data": sha(*named),
        "lock": sha(*((ROOT / name).read_bytes() for name in ENVIRONMENT)),
        "syllabus": sha(*(f"{entry.id} {entry.title}" for entry in shown)),
    }
