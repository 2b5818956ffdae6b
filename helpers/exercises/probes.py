"""Collecting, part two: a learner's function is called on copies of the probes; what it did is written down as data."""

from __future__ import annotations

import contextlib
import copy
import dis
import inspect
import io
import json
import linecache
import re
import signal
import sys
import threading
import traceback
import types
from collections.abc import Callable, Iterator
from typing import Any

from helpers.exercises.plain import Blank, NotData, clean, plain, strict

MOST_PRINTED = 1_000


class OverTime(BaseException):
    """The time limit rang. Not an Exception, so that a learner's `except Exception` does not swallow it."""


def is_blank(function: Callable) -> bool:
    """Whether the body is still `...` (or `pass`), with or without a docstring. Read from the bytecode, so no source is needed."""
    function = inspect.unwrap(function) if type(function) is types.FunctionType else function
    if type(function) is not types.FunctionType:
        return False
    body = [step for step in dis.get_instructions(function) if step.opname not in ("RESUME", "NOP")]
    return [step.opname for step in body] in (["LOAD_CONST", "RETURN_VALUE"], ["RETURN_CONST"]) and body[
        0
    ].argval in (None, ...)


def call(function: Callable, args: tuple, seconds: float) -> dict[str, Any]:
    """One probe: {"input", "output"}, or {"input", "error"[, "line"]} if it raised, ran over time or gave no plain data.

    The function gets deep copies, so `input` is what it was given, whatever it did to it. What it prints is passed on,
    up to 1,000 characters. Raises Blank where the output is `...`.
    """
    record: dict[str, Any] = {"input": strict(plain(list(args)))}
    given = copy.deepcopy(args)
    try:
        with _quiet(), _time_limit(seconds):
            output = function(*given)
            record["output"] = strict(plain(output))
    except (KeyboardInterrupt, Blank):
        raise
    except OverTime:
        record["error"] = f"had not returned after {seconds:g} seconds."
    except NotData as problem:
        record["error"] = f"gave an answer that {problem}"
    except BaseException as error:  # noqa: BLE001 - a learner's function may raise anything, SystemExit included
        record["error"] = f"raised {describe(error)}"
        if line := _line(function, error):
            record["line"] = line
    return record


def shown(function: Callable, inputs: list) -> str:
    """The call as a learner would write it, cut to a readable length."""
    name = clean(str(getattr(function, "__name__", "function")), 40)
    parts = [
        text if len(text := json.dumps(item, ensure_ascii=False)) <= 60 else text[:57] + "…"
        for item in inputs
    ]
    return f"{name}({', '.join(parts)})"


def describe(error: BaseException) -> str:
    """Type and message of an exception; addresses are cut, for they differ from run to run."""
    name = clean(type(error).__name__, 60)
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a learner's exception class may have a broken __str__
        text = ""
    text = re.sub(r"0x[0-9a-fA-F]{6,}", "0x…", clean(text, 300))
    return f"{name}: {text}" if text else f"{name}"


def _line(function: Callable, error: BaseException) -> str | None:
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


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise OverTime in the body after `seconds`. Needs the main thread and a system with timers; elsewhere there is no limit.

    A timer that somebody else has set is left alone, and so is the limit then.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or not hasattr(signal, "setitimer")
        or signal.getitimer(signal.ITIMER_REAL)[0]
    ):
        yield
        return
    armed = True

    def ring(number: int, frame: types.FrameType | None) -> None:
        if armed:
            raise OverTime

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class _Cut(io.TextIOBase):
    """Passes text on to a stream until a limit is reached, then drops it: a loop that prints must not flood the page."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.left = stream, MOST_PRINTED

    def write(self, text: str) -> int:
        self.stream.write(text[: self.left])
        self.left -= min(len(text), self.left)
        return len(text)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with contextlib.redirect_stdout(_Cut(sys.stdout)):
        yield
