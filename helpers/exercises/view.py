"""How the lesson kit speaks: each message as HTML (for both themes of JupyterLab) and, of equal worth, as plain text."""

from __future__ import annotations

import base64
import html
import re
import sys

from helpers.exercises.kit import INVALID, NOT_ATTEMPTED, RIGHT, WRONG, Verdict

# A symbol and a word carry the meaning; the colour of the edge (legible on white and on black) only repeats it.
_LOOKS = {
    RIGHT: ("✓", "Right", "#009E73"),
    WRONG: ("✗", "Not yet", "#D55E00"),
    INVALID: ("!", "Can't be judged", "#CC79A7"),
    NOT_ATTEMPTED: ("…", "Not attempted", "#888888"),
}
_NOTE = "#56B4E9"


def verdict(exercise_id: str, given: Verdict, *notes: str) -> None:
    """The verdict, its reason, and the notes that are not empty."""
    symbol, word, colour = _LOOKS[given.status]
    box(f"{symbol} {word}", exercise_id, [given.reason, *filter(None, notes)], colour)


def told(text: str) -> tuple[str, str] | None:
    """The exercise and the status in a text that `verdict` has shown; None in any other."""
    title, dot, about = text.partition("\n")[0].partition(" · ")
    for status, (symbol, word, _) in _LOOKS.items():
        if dot and title == f"{symbol} {word}":
            return about, status
    return None


def note(title: str, exercise_id: str, text: str) -> None:
    box(title, exercise_id, [text], _NOTE)


def box(title: str, about: str, lines: list[str], colour: str) -> None:
    """A title, what it is about, and paragraphs with `code` spans, with a coloured edge."""
    body = "".join(f'<div style="margin-top:.25em">{_rich(line)}</div>' for line in lines)
    page = (
        f'<div role="status" style="border-left:4px solid {colour};padding:.3em .9em;margin:.4em 0;'
        f'max-width:38em;line-height:1.5"><strong>{html.escape(title)}</strong>'
        f'<span style="opacity:.75"> · {html.escape(about)}</span>{body}</div>'
    )
    say("\n".join([f"{title} · {about}", *lines]), **{"text/html": page})


def say(text: str, *, picture: bytes | None = None, size: dict | None = None, **rich: str) -> None:
    """Display text together with its other forms by MIME type, or with a PNG and its size; outside Jupyter, print the text."""
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        print(text)
        return
    from IPython.display import display

    forms = {"text/plain": text, **rich}
    if picture is not None:
        forms["image/png"] = base64.b64encode(picture).decode()
    display(forms, raw=True, metadata={"image/png": size} if size else {})


def _rich(text: str) -> str:
    """Escaped HTML; `code` spans become <code>, line breaks <br>."""
    parts = re.split(r"`([^`]+)`", text)
    return "".join(
        f"<code>{html.escape(part)}</code>" if i % 2 else html.escape(part).replace("\n", "<br>")
        for i, part in enumerate(parts)
    )
