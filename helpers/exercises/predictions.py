"""Predictions: a guess before a result, and how close it was. What is said is returned, never shown here."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any

from helpers.exercises import lesson_of
from helpers.exercises.forms import Choice, Number, Text
from helpers.exercises.plain import Blank, clean

EXACT, CLOSE, OFF = "exact", "close", "off"
KIND = "prediction"


@dataclasses.dataclass
class Prediction:
    """What a learner has said before the result was shown (None: nothing), and whether it has been."""

    guess: float | str | None = None
    revealed: bool = False

    def guessed(self, guess: Any, among: Sequence[str] | None) -> str:
        """Keep the guess, if it is the first and comes before the result; what to say. Raises NotData with what is wanted."""
        kept = "" if self.guess is None else f"Your first guess counts: {_written(self.guess)}."
        try:
            said = (Number() if among is None else Choice(*among)).taken(guess)
        except Blank:
            return kept or "No guess: none is needed."
        if self.guess is None and not self.revealed:
            self.guess = said
        if self.guess == said:
            return f"Your guess: {_written(said)}."
        return (
            f"Your guess, {_written(said)}, comes after the result: it doesn't count."
            if self.revealed
            else kept
        )

    def reveal(self, value: Any, within: float | None, form: str) -> tuple[str, list[str]]:
        """How close the guess was ("" where there is none), and what to say. Raises in any way where the lesson calls it wrongly."""
        is_ = Text().read(value) if isinstance(value, str) else Number().read(value)
        if self.guess is None:
            status, lines = "", [f"It is {_written(is_, form)}."]
        else:
            status = _judge(self.guess, is_, within)
            lines = _told(self.guess, is_, status, form)
        self.revealed = True
        return status, lines


def misplaced(prediction_id: Any, lesson: str) -> str:
    """What is wrong with an id in this lesson ("" where none has begun); empty where nothing is."""
    if type(prediction_id) is not str or not re.fullmatch(r"\d+\.\d+p\d+", prediction_id):
        return f'Ids of predictions look like "{lesson or "2.8"}p1": lesson, p, number.'
    if lesson and lesson_of(prediction_id) != lesson:
        return f"{prediction_id} belongs to lesson {lesson_of(prediction_id)}; this is lesson {lesson}."
    return ""


def _judge(guess: float | str, value: float | str, within: float | None) -> str:
    """How close the guess was. Raises TypeError where one is a number and the other a word."""
    if type(guess) is not type(value):
        raise TypeError(f"the guess is {guess!r}, and what is revealed {value!r}")
    if isinstance(guess, str) or isinstance(value, str):
        return EXACT if str(guess).casefold() == str(value).casefold() else OFF
    if math.isclose(guess, value, rel_tol=1e-9):
        return EXACT
    return CLOSE if within is not None and abs(guess - value) <= within else OFF


def _told(guess: float | str, value: float | str, status: str, form: str) -> list[str]:
    """What was said and what it is, as lines."""
    if isinstance(guess, str) or isinstance(value, str):
        same = ", as you said" if status == EXACT else f"; you said {guess}"
        return [f"It is {value}{same}."]
    said, shown = _written(guess, form), _written(value, form)
    if status == EXACT:
        return [f"It is {shown}, as you said."]
    if said == shown:  # nearer than the lesson shows
        said = f"{guess:g}"
    return [f"You said {said}; it is {shown}.", f"Off by {_distance(abs(guess - value), form)}."]


def _written(value: float | str, form: str = "{:g}") -> str:
    """The value as the lesson writes it; a whole number as one. Raises ValueError or LookupError where the form is none for it."""
    if isinstance(value, str):
        return value
    number = int(value) if value == int(value) and abs(value) < 1e15 else value
    return clean(form.format(number), 60)


def _distance(off: float, form: str) -> str:
    text = _written(off, form)
    return f"{off:.2g}" if text == _written(0.0, form) else text
