"""Claims: cells that assert what a lesson's sentences say. They speak of its own parameters, so a run with others leaves them out."""

import json
from collections.abc import Callable
from typing import Any

CLAIM = "claim"


def others(values: dict, defaults: dict) -> dict:
    """Of the values given for parameters those that are not the defaults; a default that is computed may be any."""
    return {name: value for name, value in values.items() if _plain(defaults[name]) != value}


def without(text: Callable[[], str], values: dict) -> str:
    """The notebook (as JSON text) without claims, and after its parameters a line that says so. As it is, if it has none."""
    import nbformat
    from nbformat.v4 import new_markdown_cell

    notebook = nbformat.reads(text(), as_version=4)
    kept = [cell for cell in notebook.cells if CLAIM not in _tags(cell)]
    if count := len(notebook.cells) - len(kept):
        at = next(i for i, cell in enumerate(kept) if "parameters" in _tags(cell))
        kept.insert(at + 1, new_markdown_cell(said(count, values), id="claims-left-out"))
        notebook.cells = kept
    return nbformat.writes(notebook)


def said(count: int, values: dict) -> str:
    """What a reader of the page should know."""
    shown = ", ".join(f"`{name} = {json.dumps(value, ensure_ascii=False)}`" for name, value in values.items())
    claims = "1 of them is a claim that was" if count == 1 else f"{count} of them are claims that were"
    return f"*The sentences of this lesson speak of its own parameters; {claims} not tested in this run, with {shown}.*"


def failed(message: str) -> str:
    """How a claim that doesn't hold is told: its assertion's message is the sentence in short."""
    return f'the claim "{message}" doesn\'t hold.' if message else "a claim doesn't hold; it has no message."


def _tags(cell: Any) -> list[str]:
    return cell.metadata.get("tags", [])


def _plain(default: Any) -> Any:
    """A default as JSON would give it: a tuple is a list there. What can't be written equals nothing."""
    try:
        return json.loads(json.dumps(default))
    except TypeError:
        return default
