"""How a judge is written: the decorator `exercise`, the forms an answer can have, and the verdicts `right` and `wrong`.

    @exercise("2.2a", skewed=Names(), hints=("…", "…"))
    def which_features_are_skewed(skewed):
        ...
        return wrong("… the reason that fits this mistake, and never the expected value.")

With `said=`, why an answer is right, the judge yields what is wrong with it instead: the first reason is told, if there is one.

`collect` touches the learner's objects and makes plain data of them; `decide` is a pure function of that data.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from helpers.exercises import register
from helpers.exercises.forms import (
    Choice,
    Form,
    Function,
    Integer,
    Mapping,
    Names,
    Number,
    Numbers,
    Records,
    Text,
)
from helpers.exercises.plain import Blank, NotData, plain, strict
from helpers.exercises.queries import Query
from helpers.exercises.tools import Made, Program, Proto, Reply

__all__ = [
    "INVALID",
    "NOT_ATTEMPTED",
    "RIGHT",
    "WRONG",
    "Choice",
    "Exercise",
    "Form",
    "Function",
    "Integer",
    "Made",
    "Mapping",
    "NotData",
    "Names",
    "Number",
    "Numbers",
    "Program",
    "Proto",
    "Query",
    "Records",
    "Reply",
    "Text",
    "Verdict",
    "assess",
    "collect",
    "decide",
    "exercise",
    "right",
    "wrong",
]

NOT_ATTEMPTED, INVALID, WRONG, RIGHT = "not attempted", "invalid", "wrong", "right"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One of four statuses, and the reason as Markdown with `code` spans."""

    status: str
    reason: str

    def __post_init__(self) -> None:
        if self.status not in (NOT_ATTEMPTED, INVALID, WRONG, RIGHT):
            raise ValueError(f"No such status: {self.status}")
        if not self.reason.strip():
            raise ValueError("A verdict has a reason.")


def right(reason: str) -> Verdict:
    """The answer holds; `reason` says in one sentence why."""
    return Verdict(RIGHT, reason)


def wrong(reason: str) -> Verdict:
    """The answer does not hold; `reason` fits this mistake and does not give the answer away."""
    return Verdict(WRONG, reason)


@dataclasses.dataclass(frozen=True)
class Exercise:
    """An exercise: the form of each answer, two or three hints, and the judge.

    `examples` makes answers, each with the reason it must get: the tests hand them in.
    """

    id: str
    forms: dict[str, Form]
    hints: tuple[str, ...]
    judge: Callable[..., Verdict]
    takes_given: bool = False
    examples: Callable[[], Iterable[tuple[str, dict[str, Any]]]] = tuple

    def __post_init__(self) -> None:
        if type(self.hints) is not tuple or not 2 <= len(self.hints) <= 3:
            raise ValueError(f"Exercise {self.id}: give a tuple of two or three hints.")


def exercise(
    exercise_id: str, *, hints: tuple[str, ...], said: str = "", **forms: Form
) -> Callable[[Callable], Callable]:
    """Register the decorated judge. Its parameters are the names in `forms`, and `given` if it needs context from the lesson.

    With `said` it yields reasons. Only the first is told, so each may rely on what those before it have ruled out.

    Raises ValueError, at import, where parameters and forms disagree, there are not two or three hints, or it yields without `said`.
    """

    def decorate(judge: Callable) -> Callable:
        names = list(inspect.signature(judge).parameters)
        takes_given = "given" in names
        if [name for name in names if name != "given"] != list(forms) or not forms:
            raise ValueError(f"Exercise {exercise_id}: the judge takes {names}, its forms are {list(forms)}.")
        if inspect.isgeneratorfunction(judge) != bool(said):
            raise ValueError(
                f"Exercise {exercise_id}: a judge yields reasons where `said` is given, and nowhere else."
            )
        told = (lambda **answers: next(map(wrong, judge(**answers)), right(said))) if said else judge
        register(Exercise(exercise_id, dict(forms), hints, told, takes_given))
        return judge

    return decorate


def collect(task: Exercise, answers: dict[str, Any]) -> dict[str, Any] | Verdict:
    """The learner's objects as plain data by name; or the verdict, where they are blank or not in the form asked for."""
    if set(answers) != set(task.forms):
        asked = ", ".join(f"`{name}`" for name in task.forms)
        return Verdict(
            INVALID,
            f'Exercise {task.id} asks for {asked}. Call lesson.check("{task.id}", '
            + ", ".join(f"{name}={name}" for name in task.forms)
            + ").",
        )
    data, blank, misfit = {}, [], []
    for name, form in task.forms.items():
        try:
            data[name] = form.taken(answers[name])
        except Blank as place:
            blank.append(f"`{name}{place}`")
        except NotData as problem:
            misfit.append(f"Your `{name}` {problem}")
    if blank:
        return Verdict(
            NOT_ATTEMPTED, f"Replace the `...` of {', '.join(blank)}, run that cell, then this one."
        )
    return Verdict(INVALID, " ".join(misfit)) if misfit else data


def decide(task: Exercise, data: dict[str, Any], given: Any = None) -> Verdict:
    """The judge's verdict on collected data. Pure; raises only where the judge itself is wrong."""
    if not task.takes_given:
        return task.judge(**data)
    if given is None:
        raise ValueError(f"The check of {task.id} must pass given={{…}}.")
    return task.judge(**data, given=strict(plain(given)))


def assess(task: Exercise, answers: dict[str, Any], given: Any = None) -> Verdict:
    """`collect`, then `decide`."""
    data = collect(task, answers)
    return data if isinstance(data, Verdict) else decide(task, data, given)
