"""The cells that a kernel has run since a lesson looked, and whether one of them has bound a name: a new answer, or the old object."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import math
import sys
import traceback
from collections.abc import Iterator
from typing import Any, TypeGuard

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclasses.dataclass
class Cell:
    """A cell as it was typed; `stopped` is the line on which it raised: what stands there and below has bound nothing."""

    text: str
    stopped: float = math.inf


class Watch:
    """Remembers a shell's cells from now on, the one that runs now included."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        running = shell.history_manager.input_hist_raw[-1:] if shell.history_manager else []
        self.cells = [Cell(text) for text in running]
        shell.events.register("pre_run_cell", self._starts)
        shell.events.register("post_run_cell", self._ended)

    def _starts(self, info: Any) -> None:
        self.cells.append(Cell(info.raw_cell))

    def _ended(self, result: Any) -> None:
        if self.cells and self.cells[-1].text == result.info.raw_cell:
            if result.error_before_exec:
                self.cells[-1].stopped = 0
            elif result.error_in_exec:
                self.cells[-1].stopped = _line(result.error_in_exec)

    def bound(self, name: str, since: int, exercise_id: str) -> bool:
        """Whether a cell from number `since` on has bound the name, but for what this exercise's check gave back."""
        return any(
            binds(self._python(cell.text), name, exercise_id, cell.stopped) for cell in self.cells[since:]
        )

    def _python(self, text: str) -> str:
        """The cell with its magics as calls; nothing where it is no Python, and so has not run."""
        try:
            return self.shell.transform_cell(text)
        except SyntaxError:
            return ""


_watch: Watch | None = None


def watch() -> Watch | None:
    """The watch over this kernel's cells; None outside IPython."""
    global _watch
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", bool)()
    if not shell:
        return None
    if _watch is None or _watch.shell is not shell:
        _watch = Watch(shell)
    return _watch


def binds(code: str, name: str, exercise_id: str = "", stopped: float = math.inf) -> bool:
    """Whether the code, run as a cell up to the line `stopped`, binds the name at its top level: nothing in a function's body counts.

    What a check of this exercise gives back is not counted.
    """
    try:
        return name in _names(ast.parse(code), exercise_id, stopped)
    except (SyntaxError, ValueError, RecursionError):  # it has not run at all
        return False


def _names(node: ast.AST, exercise_id: str, stopped: float) -> Iterator[str]:
    if isinstance(node, ast.stmt) and not _has_run(node, stopped):
        return
    if isinstance(node, _DEFINITIONS):
        yield node.name
    elif isinstance(node, ast.Assign) and _checks(node.value, exercise_id):
        yield from _names(node.value, exercise_id, stopped)
    elif isinstance(node, ast.Lambda):
        return
    elif isinstance(node, ast.comprehension):  # its targets are its own
        for own in (node.iter, *node.ifs):
            yield from _names(own, exercise_id, stopped)
    else:
        yield from _own_names(node, exercise_id)
        for part in ast.iter_child_nodes(node):
            yield from _names(part, exercise_id, stopped)


def _own_names(node: ast.AST, exercise_id: str) -> Iterator[str]:
    """The names that this node alone binds."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]
    elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
        yield node.name
    elif _checks(node, exercise_id):  # what it is called with, if that isn't what stands at the name
        yield from (x.arg for x in node.keywords if x.arg and getattr(x.value, "id", "") != x.arg)
    elif isinstance(node, ast.Call) and _is_timed(node):
        code = node.args[-1]
        if isinstance(code, ast.Constant) and type(code.value) is str:
            with contextlib.suppress(SyntaxError):
                yield from _names(ast.parse(code.value), exercise_id, math.inf)


def _has_run(node: ast.stmt, stopped: float) -> bool:
    """A block has begun above the line where the cell stopped; any other statement has ended there."""
    block = hasattr(node, "body") and not isinstance(node, _DEFINITIONS)
    return (node.lineno if block else node.end_lineno or node.lineno) < stopped


def _checks(node: ast.AST, exercise_id: str) -> TypeGuard[ast.Call]:
    """Whether it is the call `lesson.check("2.2a", …)` of this exercise."""
    if not (isinstance(node, ast.Call) and _called(node) == "check" and node.args):
        return False
    return isinstance(node.args[0], ast.Constant) and node.args[0].value == exercise_id


def _is_timed(node: ast.Call) -> bool:
    """Whether it is one of the magics that run code, which they have as a text, in the notebook."""
    magic = node.args[0] if _called(node) in ("run_cell_magic", "run_line_magic") else None
    return isinstance(magic, ast.Constant) and magic.value in ("time", "capture", "prun")


def _called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def _line(error: BaseException) -> float:
    """The line of the cell on which it stopped."""
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_name.startswith(("<module>", "<cell line")):
            return number
    return math.inf
