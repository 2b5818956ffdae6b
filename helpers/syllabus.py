"""The lessons as the syllabus lists them: their text, parameters and exercises. Everything that lists lessons asks here."""

import ast
import hashlib
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import yaml

from helpers import ROOT, minutes

NOTEBOOKS = ROOT / "notebooks"


class UsageError(Exception):
    """What the caller asked for cannot be done; the message says what to do instead."""


@dataclass(frozen=True)
class Lesson:
    """One lesson: where its text is, what a learner should know first, and what it reads."""

    id: str
    title: str
    course: str
    folder: str
    file: str
    seconds: float = 40
    data: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def source(self) -> Path:
        """The text, the only file edited by hand."""
        return NOTEBOOKS / self.folder / f"{self.file}.py"

    @property
    def recording(self) -> Path:
        """The notebook with outputs, written by `workbook record`."""
        return self.source.with_suffix(".ipynb")

    @property
    def exercises(self) -> Path:
        """The book of its exercises: how each is judged."""
        return self.source.parent / "exercises" / self.source.name

    @cached_property
    def text(self) -> str:
        try:
            return self.source.read_text(encoding="utf8")
        except FileNotFoundError:
            raise UsageError(
                f"Lesson {self.id} has no text: {self.source.relative_to(ROOT)} is missing."
            ) from None

    @property
    def minutes(self) -> int:
        """A learner's time for the core path, reading and exercises included, by the formula of helpers/minutes.py."""
        return minutes.of(self).core

    @cached_property
    def parameters(self) -> dict:
        """What `-p` and `--each` may set, with the defaults."""
        return parameters(self.notebook())

    def notebook(self):
        """The text as a notebook without outputs (nbformat v4), its cell ids derived from their content."""
        import jupytext

        notebook = jupytext.reads(self.text, fmt="py:percent")
        notebook.metadata = {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "workbook": {"lesson": self.id},
        }
        seen: dict[str, int] = {}
        for cell in notebook.cells:
            _fold(cell)
            name = hashlib.sha256(cell.source.encode()).hexdigest()[:8]
            seen[name] = seen.get(name, 0) + 1
            cell.id = name if seen[name] == 1 else f"{name}-{seen[name]}"
        notebook.nbformat, notebook.nbformat_minor = 4, 5
        return notebook


def _fold(cell) -> None:
    """Have JupyterLab fold what is beside the path: the code of plumbing, plots and claims, and the section "Deeper"."""
    if cell.cell_type == "markdown" and re.match(r"## Deeper\b", cell.source):
        cell.metadata["jp-MarkdownHeadingCollapsed"] = True
    elif cell.cell_type == "code" and {"folded", "claim"} & set(cell.metadata.get("tags", ())):
        cell.metadata["jupyter"] = {"source_hidden": True}


@dataclass(frozen=True)
class Resource:
    """What lessons may need before they start: `call` (`module:function`) makes it, or finds it made."""

    id: str
    title: str
    call: str
    seconds: float = 40


@dataclass(frozen=True)
class Syllabus:
    lessons: tuple[Lesson, ...]
    resources: tuple[Resource, ...]

    def lesson(self, name: str) -> Lesson:
        """The lesson with this id (`2.2`) or file name (`02_validating_data`)."""
        for lesson in self.lessons:
            if name in (lesson.id, lesson.file):
                return lesson
        known = ", ".join(lesson.id for lesson in self.lessons)
        raise UsageError(f"There is no lesson {name!r}. Known lessons: {known}.")

    def resource(self, name: str) -> Resource:
        return next(r for r in self.resources if r.id == name)

    def next(self, lesson: Lesson) -> Lesson | None:
        """The lesson after this one in the order of the course; None after the last."""
        place = self.lessons.index(lesson) + 1
        return self.lessons[place] if place < len(self.lessons) else None


@lru_cache(maxsize=1)
def load() -> Syllabus:
    """Read notebooks/syllabus.yml, the one list of lessons."""
    tree = yaml.safe_load((NOTEBOOKS / "syllabus.yml").read_text(encoding="utf8"))
    lessons = [
        Lesson(
            course=course["title"],
            folder=course["folder"],
            **{k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()},
        )
        for course in tree["courses"]
        for entry in course["lessons"]
    ]
    resources = [Resource(id=name, **entry) for name, entry in tree["resources"].items()]
    return Syllabus(tuple(lessons), tuple(resources))


def parameters(notebook) -> dict:
    """Names and defaults in the cell Papermill sets parameters after: of those tagged `parameters`, the first.

    Where an earlier run has set some, Papermill does so again in that place: none, if it isn't right after the defaults.
    Raises SyntaxError or ValueError when the cell is not Python.
    """
    tags = [cell.metadata.get("tags", []) for cell in notebook.cells]
    first = next((i for i, names in enumerate(tags) if "parameters" in names), None)
    before = next((i for i, names in enumerate(tags) if "injected-parameters" in names), None)
    if first is None or notebook.cells[first].cell_type != "code" or before not in (None, first + 1):
        return {}
    return defaults(notebook.cells[first].source)


def defaults(code: str) -> dict:
    """What a piece of code assigns at its top level, by name in order; `...` where it does not write the value out."""
    found = {}
    for statement in ast.parse(code).body:
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        else:
            targets = [statement.target] if isinstance(statement, ast.AnnAssign) else []
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        try:
            value = ast.literal_eval(statement.value) if names else ...
        except (ValueError, TypeError):  # computed, or a bare annotation
            value = ...
        found |= dict.fromkeys(names, value)
    return found


def abilities(lesson: Lesson) -> list[str]:
    """What a learner will be able to do: the bullets of the lesson's opening, as Markdown."""
    opening = lesson.text.partition("able to")[2].partition("# %%")[0]
    items = re.findall(r"^# - (.+(?:\n#   .+)*)", opening, re.M)
    return [re.sub(r"\n#\s+", " ", item).rstrip(" ;.") for item in items]


def exercises(lesson: Lesson) -> list[str]:
    """Ids of the exercises in a lesson's text, in order."""
    return list(
        dict.fromkeys(re.findall(r'^# %%.*\btags=\["starter"\].*\bexercise="([^"]+)"', lesson.text, re.M))
    )


def points(lesson: Lesson) -> dict[str, int]:
    """By exercise what it counts, as the heading of its task says; 1 where that says nothing."""
    said = re.findall(r"^# ### Exercise (\S+?):? .*\((\d+) points?\)\s*$", lesson.text, re.M)
    return dict.fromkeys(exercises(lesson), 1) | {name: int(number) for name, number in said}
