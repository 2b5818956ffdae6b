"""Reading and writing files so that neither a full disk nor a killed process loses anything. Standard library first: the setup
uses it, too."""

import atexit
import contextlib
import json
import os
import platform
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import Any


def write(path: Path, *parts: str | bytes | bytearray) -> None:
    """Make the file hold these parts (text as UTF-8), whole or not at all: it is written beside and then renamed.

    Raises OSError, and leaves what was there. Clears away what killed writers left in the folder.
    """
    mine = f".writing-{platform.node()}-"
    for left in path.parent.glob(f"{mine}*-*"):
        if not runs(left.name.removeprefix(mine).split("-")[0]):
            with contextlib.suppress(OSError):
                left.unlink()
    draft = path.with_name(f"{mine}{os.getpid()}-{uuid.uuid4().hex}")
    try:
        with draft.open("xb") as file:
            file.writelines(part.encode() if isinstance(part, str) else part for part in parts)
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


def add_lines(path: Path, lines: str, *, head: str | None = None, torn: str = "\n") -> None:
    """Add whole lines to the end of a file that only grows, in one write, so that two notebooks can't mix theirs. Raises
    OSError where that fails, also where the file is missing and no `head` is given to make it with.

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


def runs(process: str) -> bool:
    """Whether a process of this number is alive on this machine; True where that can't be told."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OSError):
        return True
    return True


def scratch(root: Path, kind: str) -> Path:
    """An empty folder below `root` for this process alone, removed when it ends; those of processes that were killed are removed now."""
    here = f"{kind}-{platform.node()}-"
    root.mkdir(exist_ok=True)
    for old in root.glob(f"{here}*-*"):
        if not runs(old.name.removeprefix(here).split("-")[0]):
            shutil.rmtree(old, ignore_errors=True)
    folder, owner = Path(tempfile.mkdtemp(prefix=f"{here}{os.getpid()}-", dir=root)), os.getpid()

    def clear() -> None:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(clear)
    return folder


def notebook(content: bytes) -> Any:
    """The notebook in a file of any nbformat, as nbformat 4, not yet valid. It is anybody's JSON in nbformat's hands, which fails
    in as many ways as there are: catch Exception."""
    import nbformat

    found = nbformat.convert(nbformat.reader.reads(content.decode("utf-8-sig")), 4)
    # An older format's class is no notebook to Papermill and nbdime
    return nbformat.from_dict(json.loads(json.dumps(found)))


def valid_notebook(path: Path) -> Any:
    """The notebook (nbformat 4) at this path; None where there is none that can be read."""
    import nbformat

    try:
        found = notebook(path.read_bytes())
        nbformat.validate(found)
    except Exception:  # noqa: BLE001 - see `notebook`; a file we can't read is its owner's to mend
        return None
    return found
