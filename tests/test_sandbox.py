"""A judged call ends when its time is over, whatever it does; the process that judges lives on with its state."""

import contextlib
import ctypes
import functools
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import warnings

import pytest

from helpers.exercises import sandbox
from helpers.exercises.forms import Function

ENDLESS = 10**12


@pytest.fixture(params=[True, False], ids=["in a process", "in a thread"])
def place(request, monkeypatch):
    """Both ways a function is called; the second is that of a system without fork."""
    monkeypatch.setattr(sandbox, "FORKS", request.param)


@pytest.fixture
def in_a_thread(monkeypatch):
    monkeypatch.setattr(sandbox, "FORKS", False)


def record(function, seconds=0.4):
    """What is written down of one call with the number 3. Fails if the call outlasts its time by far."""
    before, threads = time.monotonic(), threading.active_count()
    (made,) = Function([(3,)], may_raise=True, seconds=seconds).read(function)
    assert time.monotonic() - before < 20
    return made


OVER = {"input": [3], "error": "had not returned after 0.4 seconds."}


def loops(x):
    while True:
        x += 1


def bare(x):
    while True:
        try:
            x += 1
        except:  # noqa: E722 - so learners write it
            pass


def base_exception(x):
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(0.01)


def bare_and_asleep(x):
    while True:
        try:
            time.sleep(0.01)
        except:  # noqa: E722
            pass


def finally_continues(x):
    while True:
        try:
            time.sleep(0.01)
        finally:
            continue


def bare_in_bare(x):
    while True:
        try:
            bare_and_asleep(x)
        except:  # noqa: E722
            pass


def never_done():
    try:
        while True:
            yield 1
    except:  # noqa: E722
        yield from never_done()


def generator(x):
    return sum(never_done())


def recursion(x):
    try:
        return recursion(x) + recursion(x)
    except:  # noqa: E722
        return recursion(x)


def prints(x):
    while True:
        print("again")


def sleeps(x):
    time.sleep(1000)


def waits_for_a_lock(x):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def starts_threads(x):
    for _ in range(3):
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
    time.sleep(1000)


def starts_a_process(x):
    subprocess.run(["sleep", "1000"], check=False)


class Callable:
    def __call__(self, x):
        return loops(x)


PYTHON = [
    loops,
    base_exception,
    bare_and_asleep,
    finally_continues,
    prints,
    sleeps,
    waits_for_a_lock,
    starts_threads,
    functools.partial(loops),
    Callable(),
    lambda x: loops(x),
    time.sleep and (lambda x: time.sleep(1000)),
]


@pytest.mark.parametrize("function", PYTHON)
def test_a_call_ends_when_its_time_is_over_and_is_not_running_afterwards(place, function):
    threads = set(threading.enumerate())
    assert record(function) == OVER
    deadline = time.monotonic() + 20
    own = [t for t in threading.enumerate() if t not in threads]
    print(own)
