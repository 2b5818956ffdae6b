"""How a verdict is shown."""

from helpers import display
from helpers.exercises.kit import INVALID, NOT_ATTEMPTED, RIGHT, WRONG, Verdict

# A symbol and a word carry the meaning; the colour of the edge (legible on white and on black) only repeats it
_LOOKS = {
    RIGHT: ("✓", "Right", "#009E73"),
    WRONG: ("✗", "Not yet", "#D55E00"),
    INVALID: ("!", "Can't be judged", "#CC79A7"),
    NOT_ATTEMPTED: ("…", "Not attempted", "#888888"),
}


def verdict(exercise_id: str, given: Verdict, *notes: str) -> None:
    """The verdict, its reason, and the notes that are not empty."""
    symbol, word, colour = _LOOKS[given.status]
    display.box(f"{symbol} {word}", exercise_id, [given.reason, *filter(None, notes)], colour)


def prediction(prediction_id: str, status: str, lines: list[str], *notes: str) -> None:
    """How close a guess was, what was said and what it is, and the notes that are not empty."""
    display.box(f"{status.capitalize()}", prediction_id, [*lines, *filter(None, notes)], display.NOTE)


def told(text: str) -> tuple[str, str] | None:
    """The exercise and the status in a text that `verdict` has shown; None in any other."""
    title, dot, about = text.partition("\n")[0].partition(" · ")
    for status, (symbol, word, _) in _LOOKS.items():
        if dot and title == f"{symbol} {word}":
            return about, status
    return None
