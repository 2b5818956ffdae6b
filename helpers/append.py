"""Adding lines to a file that only grows: in one write, so that two notebooks can't mix their lines."""

from __future__ import annotations

import os
from pathlib import Path


def add_lines(path: Path, lines: str, *, head: str | None = None, torn: str = "\n") -> None:
    """Add whole lines to the end of a file. Raises OSError where that fails, also where it is missing and no `head` is given
    to make it with.

    A last line that was torn (a full disk, a killed process) is closed with `torn` first, so that only that line is lost.
    """
    make = 0 if head is None else os.O_CREAT
    handle = os.open(path, os.O_RDWR | make | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o644)
    try:
        size = os.fstat(handle).st_size
        if not size:
            lines = (head or "") + lines
        elif os.pread(handle, 1, size - 1) != b"\n":
            lines = torn + lines
        if os.write(handle, lines.encode()) != len(lines.encode()):
            raise OSError("the disk took only a part")
    finally:
        os.close(handle)
