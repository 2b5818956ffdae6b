"""Collecting, part two: a learner's function is called on copies of the probes; what came of it is written down as data."""

from __future__ import annotations

import contextlib
import copy
import dis
import functools
import inspect
import linecache
import re
import traceback
import types
from collections.abc import Callable, Generator
from typing import Any

from helpers.exercises import sandbox
from helpers.exercises.plain import Blank, NotData, clean, plain, strict


def is_blank(function: Callable) -> bool:
    """Whether the body is still `...` (or `pass`), with or without a docstring. Read from the bytecode, so no source is needed."""
    function = inspect.unwrap(function) if type(function) is types.FunctionType else function
    if type(function) is not types.FunctionType:
        return False
    body = [step for step in dis.get_instructions(function) if step.opname not in ("RESUME", "NOP")]
    return [step.opname for step in body] in (["LOAD_CONST", "RETURN_VALUE"], ["RETURN_CONST"]) and body[
        0
    ].argval in (None, ...)


def calls(function: Callable, probes: list[tuple], seconds: float) -> Generator[dict[str, Any]]:
    """One record a probe: {"input", "output"}, or {"input", "error"[, "line"]} if it raised, ran over time or gave no plain data.

    The function gets deep copies, so `input` is what it was given, whatever it did to it. It is called in a sandbox, so
    what it changes there (a global, a memo) lasts from probe to probe and is not seen afterwards. Raises Blank where the
    output is `...`.
    """
    inputs = [strict(plain(list(args))) for args in probes]
    tasks = [functools.partial(outcome_of, function, args, function) for args in probes]
    with contextlib.closing(sandbox.run(tasks, seconds)) as outcomes:
        for given, outcome in zip(inputs, outcomes, strict=True):
            if "blank" in outcome:
                raise Blank("")
            yield {"input": given, **outcome}


def call(name: str, given: list) -> tuple[str, str]:
    """The call of a function as a learner would write it; and below it, as code on lines of their own, the small tables it gets."""
    tables = [item for item in given if _is_table(item)]
    names = ["table"] if len(tables) == 1 else [f"table {i + 1}" for i in range(len(tables))]
    words = [names[tables.index(item)] if item in tables else short(item, 120) for item in given]
    return f"{clean(name, 40)}({', '.join(words)})", "".join(f"\n`{_drawn(rows)}`" for rows in tables)


def short(item: Any, most: int) -> str:
    """Data as Python writes it, for a code span, cut."""
    return clean(repr(item), most).replace("`", "'")


def _is_table(item: Any) -> bool:
    """Whether it is a DataFrame's data, small enough to be shown."""
    return (
        type(item) is list
        and all(type(row) is dict for row in item)
        and 0 < len(item) <= 8
        and len(item[0]) <= 6
    )


def _drawn(rows: list[dict]) -> str:
    """Rows in columns, for a font of one width."""
    cells = [list(rows[0]), *([str(row.get(name, "")) for name in rows[0]] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells
    )


def describe(error: BaseException) -> str:
    """Type and message of an exception; addresses are cut, for they differ from run to run."""
    name = clean(type(error).__name__, 60)
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a learner's exception class may have a broken __str__
        text = ""
    text = re.sub(r"0x[0-9a-fA-F]{6,}", "0x…", clean(text, 300))
    return f"{name}: {text}" if text else f"{name}"


def outcome_of(function: Callable, args: tuple, learners: Callable) -> dict[str, Any]:
    """What came of one call: {"output"}, {"error"[, "line" of the learner's code]}, or {"blank"} for `...`."""
    try:
        return {"output": strict(plain(function(*copy.deepcopy(args))))}
    except Blank:
        return {"blank": True}
    except NotData as problem:
        return {"error": f"gave an answer that {problem}"}
    except BaseException as error:  # noqa: BLE001 - a learner's function may raise anything, SystemExit included
        outcome = {"error": f"raised {describe(error)}"}
        if line := place_of(learners, error):
            outcome["line"] = line
        return outcome


def failure(outcome: dict[str, Any]) -> str:
    """What an outcome's error says, and on which line of the learner's code it came, as what follows "it"."""
    place = f" It failed on {outcome['line']}." if "line" in outcome else ""
    return f"{outcome['error'].rstrip('.')}.{place}"


def place_of(function: Callable, error: BaseException) -> str | None:
    """The line of the learner's own code on which it failed: the deepest frame that lies in the cell of their function."""
    code = getattr(
        inspect.unwrap(function) if type(function) is types.FunctionType else function, "__code__", None
    )
    if type(code) is not types.CodeType:
        return None
    frames = [
        (frame.f_code, number)
        for frame, number in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == code.co_filename
    ]
    if not frames:
        return None
    inner, number = frames[-1]
    owner = code if inner.co_name.startswith("<") else inner
    text = clean(linecache.getline(inner.co_filename, number).strip(), 120)
    return f"line {number - owner.co_firstlineno + 1} of `{owner.co_name}`" + (f": `{text}`" if text else "")
