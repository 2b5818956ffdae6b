"""How the workbook speaks in a notebook: each message as HTML (for both themes of JupyterLab) and, of equal worth, as plain text."""

from __future__ import annotations

import base64
import html
import re
import sys
from typing import Any

NOTE = "#56B4E9"


def note(title: str, exercise_id: str, text: str) -> None:
    box(title, exercise_id, [text], NOTE)


def box(title: str, about: str, lines: list[str], colour: str) -> None:
    """A title, what it is about, and paragraphs with `code` spans, with a coloured edge."""
    body = "".join(f'<div style="margin-top:.25em">{_rich(line)}</div>' for line in lines)
    page = (
        f'<div role="status" style="border-left:4px solid {colour};padding:.3em .9em;margin:.4em 0;'
        f'max-width:38em;line-height:1.5"><strong>{html.escape(title)}</strong>'
        f'<span style="opacity:.75"> · {html.escape(about)}</span>{body}</div>'
    )
    say("\n".join([f"{title} · {about}", *lines]), {"text/html": page})


def say(
    text: str, rich: dict[str, str] | None = None, *, picture: bytes | None = None, size: dict | None = None
) -> None:
    """Display text together with its other forms by MIME type, or with a PNG and its size; outside Jupyter, print the text."""
    if shell() is None:
        print(text)
        return
    from IPython.display import display

    forms = {"text/plain": text, **(rich or {})}
    if picture is not None:
        forms["image/png"] = base64.b64encode(picture).decode()
    display(forms, raw=True, metadata={"image/png": size} if size else {})


def shell() -> Any:
    """IPython's shell, in whose notebook this runs; None outside IPython, which is not imported to find out."""
    return getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()


def _rich(text: str) -> str:
    """Escaped HTML; `code` spans become <code>, those of several lines blocks that keep their columns; line breaks <br>."""
    parts = [html.escape(part) for part in re.split(r"(?:\n(?=`[^`\n]*\n))?`([^`]+)`", text)]
    block = ' style="display:block;white-space:pre;overflow-x:auto;margin-top:.25em"'
    return "".join(
        f"<code{block if chr(10) in part else ''}>{part}</code>" if i % 2 else part.replace("\n", "<br>")
        for i, part in enumerate(parts)
    )
