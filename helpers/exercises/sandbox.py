"""Where a learner's function is called: in a process of its own, which can be ended whatever the function does.

A check forks this process. The child calls the function and writes down what came of it; the parent kills the child
when time is over. Only so can C code be ended, or a loop around a bare `except`, and what crashes is not the kernel.

After a fork, threads of C libraries are missing: TensorFlow, scikit-learn and gRPC may wait for them for ever. So a
child that waits instead of computing proves nothing, and the function is called again, in a thread of this process.
There, and where the system can't fork, one thing outlasts its time: code that keeps Python's lock. One that computes
while it waits for a thread of the kernel (`while not done: pass`) is taken for slow.
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import faulthandler
import functools
import gc
import io
import json
import multiprocessing
import os
import resource
import select
import signal
import socket
import sys
import threading
import time
import types
from collections.abc import Callable, Generator, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any, cast

from helpers import display

FORKS = sys.platform == "linux"
MOST_PRINTED = 1_000
LONGEST = 50_000_000  # bytes of a message: an answer has at most 100,000 values and 200,000 characters
PR_SET_PDEATHSIG = 1  # linux/prctl.h

Task = Callable[[], dict[str, Any]]


class OverTime(BaseException):
    """Time is over: raised in a thread from outside. Where it is swallowed it comes again at the next line."""

    def __init__(self) -> None:
        frame: types.FrameType | None = sys._getframe(1)
        while frame and frame.f_code is not _until_over_time.__code__:
            frame.f_trace = _raise
            frame = frame.f_back
        sys.settrace(_raise)


class _NotHere(Exception):
    """No verdict comes from a process: there is none to be had, or it waits, maybe for a thread that it has not."""


def run(tasks: Sequence[Task], seconds: float, fork: bool = True) -> Generator[dict[str, Any]]:
    """What each task returns, as JSON would keep it; or {"error": …} if it took longer than `seconds` or ended its process.

    One process serves all tasks until one of them fails so; the next gets a new one. What a task changes in memory stays
    there: a memo lasts from task to task, and is seen afterwards only if the task had to be called in a thread. What it
    writes to files is there to stay. What it prints is passed on, up to 1,000 characters. Without `fork` all is done in threads.
    """
    place, done = _in_child if FORKS and fork else _in_thread, 0
    while done < len(tasks):
        try:
            for outcome in place(tasks[done:], seconds):
                done += 1
                yield outcome
        except _NotHere:
            place = _in_thread


def _over_time(seconds: float) -> dict[str, str]:
    return {"error": f"had not returned after {seconds:g} seconds."}


# ---- in a process ------------------------------------------------------------------------------------------------


def _in_child(tasks: Sequence[Task], seconds: float) -> Iterator[dict[str, Any]]:
    """Outcomes up to the first task that has to be ended or ends its process. Raises _NotHere."""
    context = multiprocessing.get_context("fork")
    messages, to_us = context.Pipe(duplex=False)
    received = bytearray()
    child = context.Process(target=_work, args=(tasks, seconds, to_us))
    try:
        child.start()
    except OSError:  # no memory or no place for a process
        raise _NotHere from None
    finally:
        to_us.close()
    try:
        for _ in tasks:
            outcome = _outcome(child, messages, received, seconds)
            yield outcome or _over_time(seconds)
            if outcome is None:
                return
    except EOFError:
        end = time.monotonic() + seconds
        while child.exitcode is None and time.monotonic() < end:  # join(seconds) would trust in the pipe, too
            time.sleep(0.01)
        yield _over_time(seconds) if child.exitcode is None else _ended(child.exitcode)
    finally:
        child.kill()
        with contextlib.suppress(ProcessLookupError):  # it has no group yet, or no more
            os.killpg(cast(int, child.pid), signal.SIGKILL)
        child.join()
        messages.close()


def _outcome(child: Any, messages: Connection, received: bytearray, seconds: float) -> dict[str, Any] | None:
    """The child's next outcome, or None if time is over before. Passes on what it prints.

    A message is a line of JSON. What else the function may have written to the pipe is left out; `received` holds what has
    come of the next message. Raises EOFError if the child has ended, and _NotHere if it waits.
    """
    printed = {"stdout": _Cut(sys.stdout.write), "stderr": _Cut(sys.stderr.write)}
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if b"\n" not in received:
            if messages.poll(min(left, 0.1)):
                received += _read(messages, received)
            # It has ended, and a process it has started holds the pipe
            elif child.exitcode is not None and not messages.poll():
                raise EOFError
            continue
        line, _, rest = received.partition(b"\n")
        received[:] = rest
        try:
            about, content = json.loads(line)
        except (ValueError, TypeError, RecursionError):
            continue
        if about == "outcome":
            return content
        if about == "waits":
            raise _NotHere
        if about in ("stdout", "stderr"):
            printed[about].write(str(content))
    return None


def _read(messages: Connection, received: bytearray) -> bytes:
    """The next bytes. Raises EOFError where none will come. Forgets what has grown longer than any message of ours."""
    if len(received) > LONGEST:
        received.clear()
    if piece := os.read(messages.fileno(), 1 << 16):
        return piece
    raise EOFError


def _ended(status: int) -> dict[str, str]:
    ending = f"exit status {status}" if status >= 0 else signal.strsignal(-status) or f"signal {-status}"
    return {"error": f"ended the process: {ending}."}


def _work(tasks: list[Task], seconds: float, to_parent: Connection) -> None:
    """Be the child: send the tasks' outcomes. Never returns, for nothing of the kernel's may be tidied up here."""
    lock, owner = threading.Lock(), os.getpid()

    def send(about: str, content: Any = None) -> None:
        if os.getpid() != owner:  # the learner's function has forked
            os._exit(0)
        left = memoryview(json.dumps([about, content]).encode() + b"\n")
        with lock:
            while left:
                left = left[os.write(to_parent.fileno(), left) :]

    try:
        try:
            _detach()
        except Exception:  # noqa: BLE001 - whatever this system lacks for it, the call can be made elsewhere
            return send("waits")
        threading.Thread(target=_watch, args=(send, min(1.0, seconds / 4)), daemon=True).start()
        for task in tasks:
            sys.stdout, sys.stderr = (_Cut(functools.partial(send, name)) for name in ("stdout", "stderr"))
            send("outcome", task())
    finally:
        os._exit(0)


def _detach() -> None:
    """Leave the kernel in peace: its interrupts, its input, its wake-ups; and be the first to go when memory is short."""
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.disable()  # the verdict says it
    gc.freeze()  # else a collection writes to every page of the kernel's, and so copies it
    signal.set_wakeup_fd(-1)
    _hang_up()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    builtins.input = _no_input
    if shell := display.shell():
        from IPython.core.displaypub import DisplayPublisher

        shell.display_pub = DisplayPublisher()  # prints what is displayed


def _hang_up() -> None:
    """Put silence in place of the connections and the wake-ups by which the kernel and its threads live.

    Two processes that speak on one connection, or wait at one `epoll`, get each other's answers. So who uses one that the
    kernel has opened waits here, and is called again there.
    """
    names = os.listdir("/proc/self/fd")
    silence, silent = socket.socketpair()
    os.dup(silent.fileno())  # as long as it is open, who reads the other end waits
    for name in names:
        with contextlib.suppress(OSError):  # the listing's own
            about, file = os.readlink(f"/proc/self/fd/{name}"), int(name)
            if about.startswith("socket:") and file > 2:
                os.dup2(silence.fileno(), file)
            elif about == "anon_inode:[eventpoll]":
                with select.epoll() as fresh:
                    os.dup2(fresh.fileno(), file)
            elif about == "anon_inode:[eventfd]":
                counter = os.eventfd(0)
                os.dup2(counter, file)
                os.close(counter)


def _no_input(*args: Any) -> str:
    raise EOFError("a function that is judged can ask for nothing")


def _watch(send: Callable, pause: float) -> None:
    """Say so when the child has computed nothing for a while. Says nothing while C code keeps Python's lock."""
    while True:
        before = time.process_time()
        time.sleep(pause)
        if time.process_time() - before < pause / 20:
            send("waits")


# ---- in a thread -------------------------------------------------------------------------------------------------


def _in_thread(tasks: Sequence[Task], seconds: float) -> Iterator[dict[str, Any]]:
    """Outcomes of all tasks. A thread whose time is over is told to end; one that swallows even that is left behind."""
    for task in tasks:
        outcomes: list[dict[str, Any]] = []
        thread = threading.Thread(target=_until_over_time, args=(task, outcomes), daemon=True)
        out, err = _Cut(sys.stdout.write), _Cut(sys.stderr.write)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                thread.start()
                thread.join(seconds)
        finally:
            if thread.is_alive():
                number, error = ctypes.c_ulong(cast(int, thread.ident)), ctypes.py_object(OverTime)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(number, error)
        yield outcomes[0] if outcomes else _over_time(seconds)


def _until_over_time(task: Task, outcomes: list[dict[str, Any]]) -> None:
    try:
        outcomes.append(task())
    except OverTime:
        sys.settrace(None)


def _raise(frame: types.FrameType, event: str, value: Any) -> None:
    raise OverTime


class _Cut(io.TextIOBase):
    """A stream that passes text on until a limit is reached, then drops it: a loop that prints must not flood the page."""

    def __init__(self, write: Callable[[str], Any]) -> None:
        self.pass_on, self.left = write, MOST_PRINTED

    def write(self, text: str) -> int:
        if self.left:
            self.pass_on(text[: self.left])
            self.left -= min(len(text), self.left)
        return len(text)
