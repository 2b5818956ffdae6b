"""The warm parent: imports what is slow once, then forks a Jupyter kernel for each connection to its private socket.

    parent ──forks──> guardian ──forks──> kernel ──> whatever the kernel starts

`warm.py` starts the parent and talks to it. The parent only accepts and forks: it runs no project code, no TensorFlow
operation and no thread of its own, so that a fork of it is as good as a new process. A kernel's guardian ends it, and
all that it started, when the client closes the connection or dies, and tells the client how the kernel ended.
Guardians don't need the parent: if that is killed, running kernels live on, and the next start makes a new parent. Of a
guardian that is killed, the parent ends what it leaves behind, within seconds.

On a connection (one packet each): client → the request as JSON, with stdin, stdout and stderr as file descriptors;
guardian → `{"pid": …}` or `{"error": …}`, and when the kernel has ended `{"exit": …}`, as subprocess counts it.

`python -m helpers.workbook.warm_parent --stop` ends this environment's parents; running kernels live on.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import logging
import os
import resource
import select
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time
from typing import Any

import psutil

# The slow ones; `tfx.v1` brings TensorFlow, TFDV, TFT, TFMA, ML Metadata, Beam, pandas, matplotlib and scikit-learn.
PRELOAD = "ipykernel.kernelapp,tfx.v1,sklearn.ensemble,sklearn.linear_model,fastapi,uvicorn,httpx"
IDLE = 20 * 60  # seconds without a kernel after which the parent ends
PR_SET_PDEATHSIG, PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 1, 15, 36  # linux/prctl.h


def prctl(option: int, value: int | bytes) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option})")


def peer(connection: socket.socket) -> tuple[int, int]:
    """Process and user id of the one who connected."""
    pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return pid, uid


def main(listener: socket.socket, lock: int) -> None:
    """Preload and serve; in a forked kernel, be that."""
    os.chdir("/")
    prctl(PR_SET_NAME, b"warm-parent")
    prctl(PR_SET_CHILD_SUBREAPER, 1)  # what a killed guardian leaves behind becomes our child
    os.truncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    for name in os.environ.get("WORKBOOK_WARM_PRELOAD", PRELOAD).split(","):
        try:
            importlib.import_module(name)
        except ImportError:  # a kernel will meet it in its own time
            logging.exception("not preloaded: %s", name)
    gc.collect()
    gc.freeze()  # else a collection in a fork writes to every page, and so copies it
    request = serve(listener, lock, float(os.environ.get("WORKBOOK_WARM_IDLE", IDLE)))
    if request:
        run(request)


def serve(listener: socket.socket, lock: int, idle: float) -> dict | None:
    """Fork for each connection until idle for so many seconds. Returns None; or, in a forked kernel, its request."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # guardians that end leave no zombies
    listener.settimeout(min(idle / 2, 5))
    used, guardians = time.monotonic(), set()
    while time.monotonic() - used < idle:
        with contextlib.suppress(TimeoutError):
            client, _ = listener.accept()
            if peer(client)[1] == os.geteuid():
                guardians.add(guardian := os.fork())
                if guardian == 0:
                    listener.close()
                    os.close(lock)
                    return guard(client)
            client.close()
            used = time.monotonic()
        with contextlib.suppress(ChildProcessError):  # has none
            os.waitpid(-1, os.WNOHANG)
            used = time.monotonic()
        end_orphans(guardians)
    return None


def end_orphans(guardians: set[int]) -> None:
    """Kill children that are no guardians: the guardian they had was killed. Forgets guardians that have ended."""
    children = psutil.Process().children()
    guardians.intersection_update([child.pid for child in children])
    for child in children:
        if child.pid not in guardians:
            with contextlib.suppress(psutil.Error):
                child.kill()


def guard(client: socket.socket) -> dict:
    """Fork the kernel and watch over it to its end. Returns in the kernel only."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    guardian = os.getpid()
    try:
        prctl(PR_SET_NAME, b"warm-guardian")
        prctl(PR_SET_CHILD_SUBREAPER, 1)  # what a kernel leaves behind becomes its guardian's child
        owner = os.pidfd_open(peer(client)[0])  # the client may die while a fork of it holds the connection
        client.settimeout(10)
        packet, stdio, _, _ = socket.recv_fds(client, 1 << 20, 3)
        request = json.loads(packet)
        inherit(request)
        kernel = os.fork()
    except (OSError, ValueError) as error:
        tell(client, error=str(error))
        os._exit(1)
    if kernel == 0:
        os.close(owner)
        client.close()
        detach(guardian, request, stdio)
        return request
    for file in stdio:
        os.close(file)
    signal.signal(signal.SIGCHLD, lambda *_: reap_adopted(kernel))
    tell(client, pid=kernel)
    # A client says no more, so readable means closed
    watched: list[Any] = [client, owner, os.pidfd_open(kernel)]
    select.select(watched, [], [])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.kill(kernel, signal.SIGKILL)  # changes nothing for one that has ended
    _, status = os.waitpid(kernel, 0)
    end_descendants()
    if request["folder"]:
        shutil.rmtree(request["folder"], ignore_errors=True)
    tell(client, exit=os.waitstatus_to_exitcode(status))
    os._exit(0)


def tell(client: socket.socket, **message: Any) -> None:
    with contextlib.suppress(OSError):  # the client is gone
        client.sendall(json.dumps(message).encode())


def reap_adopted(kernel: int) -> None:
    while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid != kernel:
        os.waitpid(ended.si_pid, 0)


def end_descendants() -> None:
    """Kill all there are, whatever group or session they made themselves; for 5 s, as some may not be ours to kill."""
    end = time.monotonic() + 5
    while (left := psutil.Process().children(recursive=True)) and time.monotonic() < end:
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(0.005)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def inherit(request: dict) -> None:
    """Take over what a process started by the client would inherit from it. Raises OSError or ValueError."""
    os.chdir(request["cwd"])
    os.umask(request["umask"])
    os.sched_setaffinity(0, request["cpus"])
    os.setpriority(os.PRIO_PROCESS, 0, request["nice"])
    for limit, values in request["limits"]:
        resource.setrlimit(limit, values)


def detach(guardian: int, request: dict, stdio: list[int]) -> None:
    """Make a fresh process of this fork: its own session, signals, streams and environment."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guardian:  # it died before the line above
        os._exit(1)
    os.setsid()
    prctl(PR_SET_NAME, b"warm-kernel")
    as_python_has_them = {signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ}
    for number in signal.valid_signals() - as_python_has_them - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)  # the parent's starter may have ignored some
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for target, file in enumerate(stdio):
        os.dup2(file, target)
        os.close(file)
    os.environ.update(request["env"])  # has all that the parent was started with; what imports have set stays
    time.tzset()


def run(request: dict) -> None:
    """Be the kernel, as `python -m ipykernel_launcher` would be."""
    import ipykernel_launcher
    from ipykernel.kernelapp import IPKernelApp

    sys.argv = [ipykernel_launcher.__file__, *request["argv"]]
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    tempfile.tempdir = None  # forget the parent's
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()  # else every fork draws the same; `random` sees to itself
    logging_to = {  # by libraries that were imported before the notebook's streams were there
        handler: handler.stream.name
        for handler in (reference() for reference in logging._handlerList)  # type: ignore[attr-defined]
        if isinstance(handler, logging.StreamHandler) and handler.stream in (sys.stdout, sys.stderr)
    }
    app = IPKernelApp.instance(parent_handle=os.getppid())
    app.initialize(request["argv"])
    for handler, name in logging_to.items():
        handler.setStream(sys.stdout if name == "<stdout>" else sys.stderr)
    app.start()


def stop() -> int:
    """End this environment's parents, and return how many there were. Running kernels live on."""
    from helpers.workbook import warm_socket  # here only: a parent has no project code in it

    return warm_socket.stop()


if __name__ == "__main__":
    if sys.argv[1:] == ["--stop"]:
        print(f"warm parents ended: {stop()}")
    elif os.fork() == 0:  # the starter is not to have a child
        del sys.path[0]  # this folder, which is not where kernels import from
        main(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
