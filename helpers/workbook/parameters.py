"""Parameters as the command line and tables give them, and whether a lesson takes them."""

import ast
import csv
import json
from pathlib import Path
from typing import Any

from helpers.syllabus import UsageError


class Misfit(UsageError):
    """Parameters that a lesson doesn't have, or not of this type."""


def check(name: str, known: dict, values: dict) -> None:
    """Raise Misfit unless these values fit the parameters known by their defaults."""
    if unknown := sorted(set(values) - set(known)):
        raise Misfit(
            f"Lesson {name} has no parameter {', '.join(map(repr, unknown))}. "
            f"Its parameters: {', '.join(known) or 'none'}."
        )
    for parameter, given in values.items():
        if not fits(given, known[parameter]):
            kind = KINDS[type(known[parameter])]
            raise Misfit(
                f"Lesson {name} takes {kind} for {parameter}, as its {known[parameter]!r} is; {given!r} is not."
            )


KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: """text ('"7"', in quotes, where it is a number)""",
    list: "a list",
    tuple: "a list",
    dict: "a dict",
}


def fits(given: Any, default: Any) -> bool:
    """Whether a value has its default's type; a whole number is a float, too. A default that shows no type takes anything."""
    if isinstance(default, (list, tuple)):
        return isinstance(given, list) and (
            not default or all(any(fits(each, one) for one in default) for each in given)
        )
    if type(default) is float:
        return type(given) in (int, float)
    return type(default) not in KINDS or type(given) is type(default)


def table(path: Path) -> list[dict]:
    """Rows of a CSV file as parameters; `value` says what its cells mean."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # Excel begins it with a mark
            reader = csv.DictReader(file)
            rows = list(reader)
    except OSError as error:
        raise UsageError(f"The table {path} can't be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"The table {path} is not CSV in UTF-8 ({error}). Save it as such.") from error
    if not rows:
        raise UsageError(f"The table {path} has no rows under its head.")
    names = [name.strip() for name in reader.fieldnames or ()]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"The table {path} has two columns {', '.join(map(repr, twice))}. Remove one.")
    for number, row in enumerate(rows, 1):
        if None in row or None in row.values():
            raise UsageError(f"Row {number} of {path} has not as many values as the head has names.")
    return [{name.strip(): value(text) for name, text in row.items()} for row in rows]


def assignments(words: list[str]) -> dict:
    """`["seed=7", "months=[1, 2]"]` as parameters."""
    pairs = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name.strip().isidentifier():
            raise UsageError(f"{word!r} is not of the form name=value.")
        try:
            word.encode()
        except UnicodeEncodeError:
            raise UsageError(f"{word!r} is not UTF-8.") from None
        pairs[name.strip()] = value(text)
    return pairs


def value(text: str) -> Any:
    """What JSON or Python writes (7, 1e-3, 20_000, true, None, [1, 2], and "7" in quotes for text); the rest is text.

    Not YAML, which makes 750 of 12:30 and false of NO.
    """
    text = text.strip()
    if text in ("TRUE", "FALSE"):  # Excel
        return text == "TRUE"
    for read in (json.loads, ast.literal_eval):
        try:
            return json.loads(json.dumps(read(text)))  # as it will reach the lesson
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return text
