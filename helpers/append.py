"""Adding lines to a file that only grows: in one write, so that two notebooks can't mix their lines."""

import os
from pathlib import Path


def append(path: Path, lines: str, *, head: str = "", torn: str = "\n") -> None:
    """Add whole lines to the end of a file, which is made, under `head`, where it is missing. Raises OSError where that fails.

    A last line that was torn (a full disk, a killed process) is closed with `torn` first, so that only that line is lost.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o644)
    try:
        size = os.fstat(handle).st_size
        if not size:
            lines = head + lines
        elif os.pread(handle, 1, size - 1) != b"\n":
            lines = torn + lines
        if os.write(handle, lines.encode()) != len(lines.encode()):
            raise OSError("the disk took only a part")
    finally:
        os.close(handle)
