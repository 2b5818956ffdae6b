"""Predictions: a guess before a result, and how close it was. What is said is returned, never shown here."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any

from helpers.exercises import lesson_of
from helpers.exercises.forms import Choice, Number
from helpers.exercises.plain import Blank, NotData, clean

EXACT, CLOSE, OFF = "exact", "close", "off"
KIND = "prediction"


@dataclasses.dataclass
class Prediction:
    """What a learner has said before the result was shown (None: nothing), and whether it has been."""

    guess: float | str | None = None
    revealed: bool = False


def misplaced(prediction_id: Any, lesson: str) -> str:
    """What is wrong with an id in this lesson ("" where none has begun); empty where nothing is."""
    if type(prediction_id) is not str or not re.fullmatch(r"\d+\.\d+p\d+", prediction_id):
        return f'Ids of predictions look like "{lesson or "2.8"}p1": lesson, p, number.'
    if lesson and lesson_of(prediction_id) != lesson:
        return f"{prediction_id} belongs to lesson {lesson_of(prediction_id)}; this is lesson {lesson}."
    return ""


def read(guess: Any, among: Sequence[str] | None = None) -> float | str:
    """The guess as a number or as one of the words. Raises Blank for `...`, NotData with what is wanted."""
    form = Number() if among is None else Choice(*among)
    try:
        return form.read(guess)
    except (Blank, NotData):
        raise
    except Exception as error:  # noqa: BLE001 - a learner's object may raise anything while it is read
        raise NotData(f"can't be read: it raises {type(error).__name__}. It should be {form.asks}.") from None


def judge(guess: float | str, value: float | str, within: float | None) -> str:
    """How close the guess was. Raises TypeError where one is a number and the other a word."""
    if type(guess) is not type(value):
        raise TypeError(f"the guess is {guess!r}, and what is revealed {value!r}")
    if isinstance(guess, str) or isinstance(value, str):
        return EXACT if str(guess).casefold() == str(value).casefold() else OFF
    if math.isclose(guess, value, rel_tol=1e-9):
        return EXACT
    return CLOSE if within is not None and abs(guess - value) <= within else OFF


def told(guess: float | str, value: float | str, status: str, form: str) -> list[str]:
    """What was said and what it is, as lines."""
    if isinstance(guess, str) or isinstance(value, str):
        same = ", as you said" if status == EXACT else f"; you said {guess}"
        return [f"It is {value}{same}."]
    said, shown = written(guess, form), written(value, form)
    if status == EXACT:
        return [f"It is {shown}, as you said."]
    if said == shown:  # nearer than the lesson shows
        said = f"{guess:g}"
    return [f"You said {said}; it is {shown}.", f"Off by {_distance(abs(guess - value), form)}."]


def written(value: float | str, form: str = "{:g}") -> str:
    """The value as the lesson writes it; a whole number as one. Raises ValueError or LookupError where the form is none for it."""
    if isinstance(value, str):
        return value
    number = int(value) if value == int(value) and abs(value) < 1e15 else value
    return clean(form.format(number), 60)


def _distance(off: float, form: str) -> str:
    text = written(off, form)
    return f"{off:.2g}" if text == written(0.0, form) else text
