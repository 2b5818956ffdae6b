"""Watches a kernel from the process that runs its lesson: its memory, its time, that nothing it started outlives it."""

import ctypes
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from helpers import ROOT, build, learn_folder
from helpers.workbook.outcomes import DEAD_KERNEL, LESSON_TIMEOUT, Limits
from helpers.workbook.warm_parent import PR_SET_CHILD_SUBREAPER, prctl

SHARED = Path("/dev/shm")  # whose files are memory
IN_CREATE = 0x100  # linux/inotify.h


class Guard(threading.Thread):
    """Ends the kernel that holds too much memory or takes too long; `verdict` then says so, as outcome and detail."""

    def __init__(self, limits: Limits):
        super().__init__(daemon=True)
        self.limits, self.files = limits, SharedFiles()
        self.keeper = psutil.Process()  # whose descendants are the kernel and all it started
        self.family: set[psutil.Process] = set()
        self.process: Any = None  # the kernel's, as its provisioner has it
        self.verdict: tuple[str, str] | None = None
        self.peak, self.done = 0.0, threading.Event()
        self.start_time = time.monotonic()

    def watch(self, provisioner: Any) -> None:
        """The kernel is there, and has executed nothing yet."""
        self.process = provisioner.process
        if getattr(provisioner, "warm", False):
            with suppress(psutil.Error):  # it is no more
                guardian = psutil.Process(self.process.pid).parent()
                self.keeper = guardian or self.keeper  # it gets what the kernel leaves behind
        elif sys.platform == "linux":
            prctl(PR_SET_CHILD_SUBREAPER, 1)  # then we do
        self.members()
        threading.Thread(target=self.files.follow, args=[lambda: self.family], daemon=True).start()

    def members(self) -> set[psutil.Process]:
        """The kernel and all that it started, also what was seen before its guardian was killed."""
        found = set()
        with suppress(psutil.Error):
            found.update(self.keeper.children(recursive=True))
        self.family = {process for process in self.family | found if process.is_running()}
        return self.family

    def run(self) -> None:
        while not self.done.wait(0.5):  # looking for a kernel's children takes 10 ms
            if time.monotonic() - self.start_time > self.limits.lesson:
                self.end(LESSON_TIMEOUT, f"The lesson took longer than {self.limits.lesson:g} s.")
            held = self.held(resident)
            if held > self.limits.memory:  # it may be less: what forks share was counted for each of them
                held = self.held(proportional)
            self.peak = max(self.peak, held)
            if held > self.limits.memory:
                self.end(
                    DEAD_KERNEL,
                    f"The lesson held {held:.2f} GB, over the limit of {self.limits.memory:g} GB, and was stopped.",
                )

    def held(self, weight: Callable[[psutil.Process], int]) -> float:
        """Gigabytes of the kernel, what it started, the files they made in shared memory, and us, who collect its output."""
        family = self.members()
        files = self.files.size(family)
        mapped = sum(map(shared, family)) if files else 0  # of them; it is among what processes hold
        return (sum(map(weight, [psutil.Process(), *family])) + max(0, files - mapped)) / 1e9

    def end(self, outcome: str, detail: str) -> None:
        self.verdict = self.verdict or (outcome, detail)
        self.kill()

    def kill(self) -> None:
        """End the kernel and whatever it started, in whatever session, and remove its files in shared memory."""
        family = self.members()
        for process in family:  # what they write to now stays open while it is looked at
            with suppress(psutil.Error):
                process.suspend()
        self.files.look(family)
        for process in family:
            with suppress(psutil.Error):
                process.kill()
        self.files.remove()


def resident(process: psutil.Process) -> int:
    """Bytes in memory."""
    with suppress(psutil.Error):  # just gone
        return process.memory_info().rss
    return 0


def proportional(process: psutil.Process) -> int:
    """Bytes in memory, those shared with others in part, where the system says so. Takes 10 ms for a gigabyte."""
    with suppress(psutil.Error, AttributeError):  # a zombie, or not Linux
        return process.memory_full_info().pss
    return resident(process)


def shared(process: psutil.Process) -> int:
    """Bytes of shared memory among those in memory."""
    with suppress(OSError):
        found = re.search(r"^RssShmem:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text(), re.M)
        return int(found[1]) * 1024 if found else 0
    return 0


class SharedFiles:
    """The files a lesson's processes made in shared memory: they were not there before, and one of these writes to them.

    Once a file is closed, nothing tells who made it. So the processes are looked at whenever one is made, and twice a
    second; only a small one can be closed by then.
    """

    def __init__(self) -> None:
        # What is in these is to stay
        self.kept = {str(folder.resolve()) for folder in (ROOT, build(), learn_folder())}
        self.before = {entry.inode() for entry in self.all()}
        self.ours: set[int] = set()  # inodes, which stay when a file is renamed

    def all(self) -> Iterator[os.DirEntry]:
        """Whatever is in shared memory, but for what is to stay."""
        todo: list[str | Path] = [SHARED]
        while todo:
            with suppress(OSError):  # not on this system, just removed, or not ours to read
                for entry in os.scandir(todo.pop()):
                    if entry.path in self.kept:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
                    yield entry

    def follow(self, family: Callable[[], set[psutil.Process]]) -> None:
        """Look at these processes whenever a file is made."""
        if not SHARED.exists():
            return
        libc = ctypes.CDLL(None, use_errno=True)
        watch = libc.inotify_init1(os.O_CLOEXEC)
        while watch >= 0:
            for folder, _, _ in os.walk(SHARED):
                libc.inotify_add_watch(watch, os.fsencode(folder), IN_CREATE)
            self.look(family())
            os.read(watch, 1 << 16)

    def look(self, family: set[psutil.Process]) -> None:
        """Note which files these processes write to."""
        for process in list(family):
            with suppress(OSError):  # it has just ended
                for link in os.scandir(f"/proc/{process.pid}/fd"):
                    self.note(process.pid, link)

    def note(self, pid: int, link: os.DirEntry) -> None:
        with suppress(OSError):  # it has just been closed, or is removed already
            path = os.readlink(link.path)
            if path.startswith(f"{SHARED}/"):
                flags = Path(f"/proc/{pid}/fdinfo/{link.name}").read_text().split("flags:")[1].split()[0]
                inode = os.stat(path).st_ino
                if int(flags, 8) & os.O_ACCMODE != os.O_RDONLY and inode not in self.before:
                    self.ours.add(inode)

    def size(self, family: set[psutil.Process]) -> int:
        """Bytes they take."""
        self.look(family)
        total = 0
        for file in self.mine():
            with suppress(OSError):
                total += file.stat().st_blocks * 512
        return total

    def mine(self) -> list[os.DirEntry]:
        return [file for file in self.all() if file.inode() in self.ours] if self.ours else []

    def remove(self) -> None:
        """Remove them, and the folders made for them."""
        for file in self.mine():
            folder = Path(file.path).parent
            with suppress(OSError):  # it has just been removed; or the folder holds another one
                os.unlink(file.path)
                if folder != SHARED and folder.stat().st_ino not in self.before:
                    folder.rmdir()
