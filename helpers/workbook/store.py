"""Results on disk, each in a folder named by the digest of what produced it; whole or not there at all."""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path

import psutil

from helpers import build, files
from helpers.syllabus import UsageError
from helpers.workbook.outcomes import Result


class Store:
    """`build/runs`: a folder a result, holding result.json, notebook.ipynb and, soon after them, page.html."""

    def __init__(self, folder: Path | None = None):
        try:
            self.folder = folder or build() / "runs"
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(unmade(error)) from error
        for left in self.folder.glob(".part-*"):  # of a run that was killed while writing
            _, pid, key, *_ = left.name.split("-")
            if not psutil.pid_exists(int(pid)):
                if (left / "old").exists():  # the new one is whole and was about to take the old one's place
                    with suppress(OSError), self.locked():  # somebody else's has
                        os.rename(left, self.path(key))
                        shutil.rmtree(self.path(key) / "old", ignore_errors=True)
                shutil.rmtree(left, ignore_errors=True)

    @cached_property
    def times(self) -> dict[str, float]:
        """Seconds each lesson took last, by name: what `longest first` and `time left` go by."""
        try:
            return json.loads((self.folder / "times.json").read_text())
        except (OSError, ValueError):
            return {}

    def took(self, name: str, seconds: float) -> None:
        self.times[name] = seconds
        with writing("A lesson's time", self.folder):
            files.write(self.folder / "times.json", json.dumps(self.times, sort_keys=True))

    def path(self, key: str) -> Path:
        return self.folder / key

    def get(self, key: str) -> Result | None:
        """The result under this digest, without its long texts; None when there is none that can be read."""
        try:
            return Result(**json.loads((self.path(key) / "result.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def put(self, key: str, result: Result) -> None:
        """Write beside, then rename: after a kill at any moment, the next run has the old result or the new one."""
        with writing("A result", self.folder):
            part = Path(tempfile.mkdtemp(prefix=f".part-{os.getpid()}-{key}-", dir=self.folder))
            try:
                # Half a character, which a cell may have printed, becomes JSON's escape for it
                (part / "notebook.ipynb").write_bytes(result.notebook.encode("utf8", "backslashreplace"))
                (part / "result.json").write_text(json.dumps(asdict(replace(result, notebook=""))))
                with self.locked():
                    if self.path(key).exists():
                        os.rename(self.path(key), part / "old")
                    try:
                        os.rename(part, self.path(key))
                    except OSError:
                        if (part / "old").exists():
                            os.rename(part / "old", self.path(key))
                        raise
                    shutil.rmtree(self.path(key) / "old", ignore_errors=True)
            except OSError:
                shutil.rmtree(part, ignore_errors=True)
                raise

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs, which may be storing the same, from doing so."""
        with open(self.folder / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def notebook(self, key: str) -> str:
        """The executed notebook under this digest, as JSON text."""
        with self.locked():
            return (self.path(key) / "notebook.ipynb").read_text(encoding="utf8")

    def has_page(self, key: str) -> bool:
        return (self.path(key) / "page.html").exists()

    def put_page(self, key: str, page: str) -> None:
        """Add the page of the notebook under this digest."""
        with writing("A page", self.folder), self.locked():
            files.write(self.path(key) / "page.html", page)


@contextmanager
def writing(what: str, folder: Path) -> Iterator[None]:
    """Tells a failure to write as what to do about it."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{what} could not be stored in {folder}: {error.strerror}. Make room or the folder writable and "
            "call again: what has finished is kept."
        ) from error


def unmade(error: OSError) -> str:
    """Why there is no folder for what is made, and what to do about it."""
    return (
        f"The output folder {error.filename} can't be made: {error.strerror}. Make it writable, or name another in "
        "WORKBOOK_BUILD."
    )
