"""How long a lesson takes a learner, by one stated formula from its text, so that lesson, syllabus and start page say the same.

minutes = words / 180 + visible lines / 11 + outputs + 5 × exercises + predictions, rounded to 5.

It reads the text itself, for jupytext's import would cost the command a third of a second.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from helpers.syllabus import Lesson

WORDS, LINES, EXERCISE = 180, 11, 5  # a minute reads so many words, or lines of code; minutes of an exercise
UNSEEN = {"folded", "claim", "solution"}  # tags of cells whose code is not in a reader's way
SHOWING = re.compile(
    r"\b(?:print|display|figures\.(?:show|md|overview|lines|bars))\("
)  # wherever it is called
KIT = re.compile(r"lesson\.\w+\(")


@dataclass(frozen=True)
class Cell:
    """A cell as the text has it: its kind, tags, exercise and prediction (empty where it has none), and source."""

    is_code: bool
    tags: frozenset[str]
    exercise: str
    prediction: str
    source: str


@dataclass(frozen=True)
class Counts:
    """What of some cells costs time. `pictures` cost none of their own: they are outputs."""

    words: int
    lines: int
    outputs: int
    exercises: int
    predictions: int
    pictures: int

    @property
    def minutes(self) -> int:
        exact = self.words / WORDS + self.lines / LINES + self.outputs
        return 5 * round((exact + EXERCISE * self.exercises + self.predictions) / 5)


@dataclass(frozen=True)
class Minutes:
    """Of the core path, and of the section "Deeper", which is 0 where there is none."""

    core: int
    deeper: int


def of(lesson: Lesson) -> Minutes:
    """The minutes of a lesson. Raises UsageError where it has no text."""
    core, deeper = parts(lesson.text)
    return Minutes(counts(core).minutes, counts(deeper).minutes)


def left(lesson: Lesson, exercise_id: str, *, after: bool = False) -> int:
    """Minutes from the first cell of an exercise, its task, or `after` its last, to the end of its part.

    Those of the core path where it has no such cell.
    """
    core, deeper = parts(lesson.text)
    for part in (core, deeper):
        names = [cell.exercise for cell in part]
        if exercise_id in names:
            start = len(names) - names[::-1].index(exercise_id) if after else names.index(exercise_id)
            return max(5, counts(part[start:]).minutes)
    return counts(core).minutes


@lru_cache(maxsize=64)  # room for every lesson: the start page asks every two seconds
def parts(text: str) -> tuple[tuple[Cell, ...], tuple[Cell, ...]]:
    """The cells of the core path, and those from the heading `## Deeper` on."""
    found = tuple(cells(text))
    deeper = (i for i, cell in enumerate(found) if not cell.is_code and re.match(r"## Deeper\b", cell.source))
    at = next(deeper, len(found))
    return found[:at], found[at:]


@lru_cache(maxsize=256)
def counts(part: tuple[Cell, ...]) -> Counts:
    """Counts of these cells.

    words: runs of signs between spaces in Markdown cells that hold a letter or a digit; so a table's bars and rules are none, and
    what stands in a fenced block counts like prose.
    lines: of code cells that are not folded, claim or solution, those that are not blank; a comment is read, too.
    outputs: code cells that show something of the lesson's own (`shows`), in view or folded.
    pictures: calls of `figures.show`, `overview`, `lines` and `bars` as the text has them; a loop may draw more.
    """
    code = [cell for cell in part if cell.is_code]
    return Counts(
        words=sum(words(cell.source) for cell in part if not cell.is_code),
        lines=sum(lines(cell.source) for cell in code if not cell.tags & UNSEEN),
        outputs=sum(shows(cell) for cell in code),
        exercises=len({cell.exercise for cell in code} - {""}),
        predictions=len({cell.prediction for cell in code} - {""}),
        pictures=sum(len(re.findall(r"\bfigures\.(?:show|overview|lines|bars)\(", c.source)) for c in code),
    )


def words(prose: str) -> int:
    return len(re.findall(r"\S*[^\W_]\S*", prose))


def lines(code: str) -> int:
    return sum(bool(line.strip()) for line in code.splitlines())


def shows(cell: Cell) -> bool:
    """Whether a cell shows something that is to be read: its last statement is a bare expression, or it prints or draws.

    What the kit says (begin, a check, a guess, the end), a claim and what a function would print are none.
    """
    if cell.exercise or cell.prediction or "claim" in cell.tags:
        return False
    code = re.sub(r"^[%!].*$", "pass", cell.source, flags=re.M)
    last, text = _last_statement(code)
    if isinstance(last, ast.Expr) and not KIT.match(text) and not text.rstrip().endswith(";"):
        return True
    if not SHOWING.search(code):
        return False
    try:
        return any(SHOWING.fullmatch(ast.unparse(call.func) + "(") for call in _calls(ast.parse(code)))
    except SyntaxError:  # half an answer, or a magic further in
        return False


def _last_statement(code: str) -> tuple[ast.stmt | None, str]:
    """The last statement at the top level, and its code; to parse all that comes before it would take three times as long."""
    rows = code.splitlines()
    for start in reversed(range(len(rows))):
        if rows[start][:1].strip(" )]}#"):
            text = "\n".join(rows[start:])
            try:
                return ast.parse(text).body[-1], text
            except SyntaxError:
                continue  # the end of a longer one
    return None, ""


def _calls(node: ast.AST) -> Iterable[ast.Call]:
    """The calls in a statement, but not in functions and classes that it defines."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
        return
    if isinstance(node, ast.Call):
        yield node
    for inner in ast.iter_child_nodes(node):
        yield from _calls(inner)


def cells(text: str) -> Iterable[Cell]:
    """The cells of a text in jupytext's percent form, without its front matter."""
    for part in re.split(r"^# %%(?=\s|$)", text, flags=re.M)[1:]:
        head, _, source = part.partition("\n")
        is_code = not re.search(r"\[markdown\]", head)
        source = source if is_code else re.sub(r"^# ?", "", source, flags=re.M)
        tags = re.search(r"\btags=\[([^\]]*)\]", head)
        names = {key: found[1] for key in ("exercise", "prediction") if (found := _named(key, head))}
        yield Cell(
            is_code,
            frozenset(re.findall(r'"([^"]+)"', tags[1]) if tags else ()),
            names.get("exercise", ""),
            names.get("prediction", ""),
            source.strip("\n"),
        )


def _named(key: str, head: str) -> re.Match[str] | None:
    return re.search(rf'\b{key}="([^"]*)"', head)
