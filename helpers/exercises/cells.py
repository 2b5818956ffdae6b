"""The cells that a kernel has run since a lesson looked, and whether one of them has bound a name: a new answer, or the old object."""

from __future__ import annotations

import ast
import dataclasses
import dis
import math
import types
from collections.abc import Collection
from typing import Any, TypeGuard

from helpers import display


@dataclasses.dataclass
class Cell:
    """A cell as it was typed. Where it raised: the line, and what the statement there had bound before; what stands below has not run."""

    text: str
    stopped: float = math.inf
    before: Collection[str] = ()


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
                self.cells[-1].stopped, self.cells[-1].before = _place(result.error_in_exec)

    def bound(self, name: str, since: int, exercise_id: str) -> bool:
        """Whether a cell from number `since` on has bound the name, but for what this exercise's check gave back."""
        return any(
            binds(self._python(cell.text), name, exercise_id, cell.stopped, cell.before)
            for cell in self.cells[since:]
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
    shell = display.shell()
    if not shell:
        return None
    if _watch is None or _watch.shell is not shell:
        _watch = Watch(shell)
    return _watch


def binds(
    code: str, name: str, exercise_id: str = "", stopped: float = math.inf, before: Collection[str] = ()
) -> bool:
    """Whether the code, run as a cell as far as `Cell` says, binds the name at its top level: nothing in a function's body counts.

    What a check of this exercise gives back is not counted.
    """
    try:
        for statement in ast.parse(code).body:
            if (statement.end_lineno or 0) >= stopped:
                return name in before
            if name in _names(statement, exercise_id):
                return True
    except (SyntaxError, TypeError, ValueError, RecursionError):  # it has not run at all
        pass
    return False


def _names(statement: ast.stmt, exercise_id: str) -> set[str]:
    value = getattr(statement, "value", None)
    if _is_call(value, "check") and _first(value) == exercise_id:
        # What it is called with, if that isn't what stands at the name
        return {x.arg for x in value.keywords if x.arg and getattr(x.value, "id", "") != x.arg}
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    names = _stored(compile(ast.Module([statement], []), "<cell>", "exec", flags))
    for call in ast.walk(statement):
        # These magics run code, which they have as a text, in the notebook
        if _is_call(call, "run_cell_magic", "run_line_magic") and _first(call) in ("time", "capture", "prun"):
            for timed in ast.parse(ast.literal_eval(call.args[-1])).body:
                names |= _names(timed, exercise_id)
    return names


def _stored(code: types.CodeType, end: float = math.inf) -> set[str]:
    """The names that the code binds before this place in it."""
    return {
        step.argval
        for step in dis.get_instructions(code)
        if step.opname == "STORE_NAME" and step.offset < end
    }


def _is_call(node: Any, *names: str) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in names


def _first(call: ast.Call) -> Any:
    """The first argument, where it is written out."""
    return call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None


def _place(error: BaseException) -> tuple[float, Collection[str]]:
    """The line of the cell on which it stopped, and what the statement there had bound by then."""
    trace = error.__traceback__
    while trace and not trace.tb_frame.f_code.co_name.startswith(("<module>", "<cell line")):
        trace = trace.tb_next
    return (trace.tb_lineno, _stored(trace.tb_frame.f_code, trace.tb_lasti)) if trace else (math.inf, ())
