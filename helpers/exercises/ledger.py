"""The learner's progress: an append-only file of JSON lines, `progress.jsonl`, beside the learner's copies.

`workbook learn` creates it; where there is none (batch runs, recordings) nothing is written. An entry is
{"exercise", "status", "digest", "at"}; a prediction's has "kind": "prediction", and its status says how close it was. The order of lines and the digest of the exercise decide; `at` is for people.
Light: the standard library only, so that `workbook list` can read it at once.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from pathlib import Path

from helpers.files import add_lines

NAME = "progress.jsonl"
TRIED = ("invalid", "wrong", "right")


@dataclasses.dataclass
class State:
    """Where an exercise stands: `right` once answered rightly, even if tried again later; how often it was tried.

    `digest` is that of the exercise when it was right: another one now means that the exercise has changed since.
    `right_at` is when it was first right.
    """

    right: bool = False
    tries: int = 0
    digest: str = ""
    right_at: str = ""


def nearest(folder: Path) -> Path | None:
    """The ledger in `folder` or the nearest folder above it; None where there is none."""
    for place in (folder, *folder.parents):
        if (place / NAME).is_file():
            return place / NAME
    return None


def append(path: Path, exercise: str, status: str, digest: str, **more: str) -> None:
    """Add one entry. Raises OSError where that fails."""
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    entry = {"exercise": exercise, "status": status, "digest": digest, **more, "at": now}
    add_lines(path, json.dumps(entry) + "\n")


def read(path: Path) -> tuple[list[dict[str, str]], int]:
    """The entries in order, and how many lines could not be read and were skipped. Raises OSError if the file can't be."""
    entries, skipped = [], 0
    for line in path.read_bytes().split(b"\n"):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if type(entry) is dict and all(
            type(entry.get(key)) is str for key in ("exercise", "status", "digest")
        ):
            entries.append(entry)
        else:
            skipped += 1
    return entries, skipped


def states(entries: list[dict[str, str]]) -> dict[str, State]:
    """Where each exercise in the ledger stands."""
    found: dict[str, State] = {}
    for entry in entries:
        if entry["status"] not in TRIED:
            continue
        state = found.setdefault(entry["exercise"], State())
        state.tries += 1
        if entry["status"] == "right":
            state.right, state.digest = True, entry["digest"]
            state.right_at = state.right_at or entry.get("at", "")
    return found
