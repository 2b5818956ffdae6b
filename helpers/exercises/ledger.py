"""The learner's progress: an append-only file of JSON lines, `progress.jsonl`, beside the learner's copies.

`workbook learn` creates it; where there is none (batch runs, recordings) nothing is written. An entry is
{"exercise", "status", "digest", "at"}. The order of lines and the digest of the exercise decide; `at` is for people.
Light: the standard library only, so that `workbook list` can read it at once.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
from pathlib import Path

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


def append(path: Path, exercise: str, status: str, digest: str) -> None:
    """Add one entry in a single write, so that two notebooks can't mix their lines. Raises OSError where that fails.

    A last line that was torn (a full disk, a killed process) is closed first, so that only that line is lost.
    """
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    line = json.dumps({"exercise": exercise, "status": status, "digest": digest, "at": now}) + "\n"
    handle = os.open(path, os.O_RDWR | os.O_APPEND | getattr(os, "O_CLOEXEC", 0))
    try:
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            line = "\n" + line
        if os.write(handle, line.encode()) != len(line):
            raise OSError("the line was written only in part")
    finally:
        os.close(handle)


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
