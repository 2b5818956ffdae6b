"""What a lesson goes on with after a check: the learner's answer where it is right, otherwise the lesson's own solution."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import io
import linecache
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

from helpers import display
from helpers.exercises import cells, probes
from helpers.exercises.plain import clean

YOURS = "The lesson goes on with your answer."
ITS_OWN = "The lesson goes on with its own solution."
_OWN = "_the_learners_own"
# What is printed belongs to the whole process: two threads that silence it at once would leave it silent
_silence = threading.RLock()


class CanNotRun(Exception):
    """The lesson's own solution gives nothing here; the message says what to do about it."""


def after(
    exercise_id: str, code: str, names: list[str], answers: dict[str, Any], is_right: bool
) -> tuple[dict[str, Any], str]:
    """What the lesson goes on with, by these names, and the line that says which it is. `code` is the lesson's solution."""
    if is_right:
        return {name: guarded(exercise_id, code, name, answers[name]) for name in names}, YOURS
    try:
        return own(exercise_id, code, names), ITS_OWN
    except CanNotRun as problem:
        return {name: answers.get(name) for name in names}, str(problem)


def own(exercise_id: str, code: str, names: list[str]) -> dict[str, Any]:
    """What the lesson's solution, this code, binds to these names, run in a copy of the notebook's, which stay as they are.

    Raises CanNotRun.
    """
    if not code:
        raise CanNotRun(
            "The lesson's own solution was not found, so it goes on with what you have. "
            "Run `git status` in the workbook's folder: a file may be missing."
        )
    file = f"<solution of {exercise_id}>"
    space = {name: value for name, value in _notebook().items() if name not in names}
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
    try:
        with _silence, contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            exec(compile(code, file, "exec", dont_inherit=True), space)
        return {name: space[name] for name in names}
    except (Exception, SystemExit) as error:  # whatever the names above have become by now
        raise CanNotRun(
            f"The lesson's own solution can't run here ({probes.describe(error)}): run the cells above this one, "
            "then this one again. Until then the lesson goes on with what you have."
        ) from error


def _notebook() -> dict[str, Any]:
    """The names of the notebook; outside IPython, of the program."""
    shell = display.shell()
    return shell.user_ns if shell else vars(sys.modules["__main__"])


# ---- what was handed out -----------------------------------------------------------------------------------------


@dataclasses.dataclass
class Memory:
    """What each exercise's check has handed out, and what the learner had in its place: so that a check that is run again
    judges the learner's answer and not the lesson's."""

    handed: dict[tuple[str, str], tuple[Any, Any, int]] = dataclasses.field(default_factory=dict)

    def learners(self, exercise_id: str, name: str, value: Any) -> Any:
        """The learner's answer: `value`, or what stood there before it was handed out.

        Numbers, short texts and what the notebook knows by another name are the same object by chance, so a cell that has
        bound the name since makes it an answer.
        """
        value = _unwrapped(value)
        if (exercise_id, name) not in self.handed:
            return value
        handed, before, since = self.handed[exercise_id, name]
        if value is not _unwrapped(handed):
            return value
        watch = cells.watch()
        anew = watch.bound(name, since, exercise_id) if watch else isinstance(value, (int, float, str))
        return value if anew else before

    def hand(self, exercise_id: str, name: str, value: Any, theirs: Any) -> None:
        watch = cells.watch()
        self.handed[exercise_id, name] = (value, theirs, len(watch.cells) if watch else 0)


# ---- a right answer meets the real data --------------------------------------------------------------------------

# The lesson's own function in place of one that has failed since its last check, by exercise and name: a solution may be slow
# to run. Not kept with the answer, which may be pickled and sent elsewhere.
_stand_ins: dict[tuple[str, str], Callable] = {}


def guarded(exercise_id: str, code: str, name: str, value: Any) -> Any:
    """A right answer that is a plain function, such that a call that raises is told as the learner's and answered by
    the solution, this code.

    A generator or a coroutine fails when it is run, not when it is called, and a class is more than something to call: they are
    left as they are.
    """
    if type(value) is not types.FunctionType or _runs_later(value):
        return value
    told: set[str] = set()
    key = exercise_id, name
    _stand_ins.pop(key, None)

    def tell(text: str) -> None:
        """Once for each error."""
        if text not in told:
            told.add(text)
            display.note("! Your answer fails here", exercise_id, clean(text, 1_000))

    @functools.wraps(value)
    def answer(*args: Any, **more: Any) -> Any:
        try:
            return value(*args, **more)
        except Exception as error:  # noqa: BLE001 - the learner's function may raise anything
            line = probes.place_of(value, error)
            reason = f"Your `{name}`, right on the check's examples, fails here: {probes.describe(error)}"
            reason += f", on {line}." if line else "."
            try:
                if key not in _stand_ins:
                    _stand_ins[key] = own(exercise_id, code, [name])[name]
                result = _stand_ins[key](*args, **more)
            except CanNotRun:
                tell(reason)
                raise error from None
            except Exception:  # noqa: BLE001 - so the call asks for an error, and the learner's is as good
                raise error from None
            tell(f"{reason}\nThis call is answered by the lesson's own solution.")
            return result

    setattr(answer, _OWN, value)
    return answer


def _runs_later(function: Callable) -> bool:
    kinds = (inspect.isgeneratorfunction, inspect.iscoroutinefunction, inspect.isasyncgenfunction)
    return any(is_so(function) for is_so in kinds)


def _unwrapped(value: Any) -> Any:
    """The learner's own function, where `guarded` has wrapped it."""
    return vars(value).get(_OWN, value) if type(value) is types.FunctionType else value
