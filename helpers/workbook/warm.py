"""Kernels in half a second: a jupyter_client provisioner that has a parent with TensorFlow and TFX imported fork them.

The environment's `python3` kernelspec names it, so Papermill, nbval and JupyterLab alike get warm kernels. Where one
can't be had, the kernel starts cold and the log says why. Either way it talks over Unix sockets in a folder of its
own: over TCP, kernels that start in parallel race for ports.

Environment variables: `WORKBOOK_WARM=0` starts cold; `WORKBOOK_WARM_WAIT`: how many seconds to wait for a parent that is
still importing; `WORKBOOK_WARM_IDLE`: after how many without a kernel it ends; `WORKBOOK_WARM_PRELOAD`: what it imports.
A kernel finds `WORKBOOK_KERNEL=warm` or `cold` in its own environment; the provisioner says it as `warm`.
"""
import asyncio
import contextlib
import hashlib
import json
import os
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from jupyter_client.provisioning import LocalProvisioner

from helpers.workbook import warm_parent

WAIT = 90  # seconds; importing TFX takes 15 to 20 on two idle cores
RETRY = 600  # seconds for which a parent that broke twice in a row is not tried again
# Libraries read these on import, so kernels that differ in one need different parents.
READ_ON_IMPORT = tuple(
    "CUDA_ GRPC_ HOME KERAS_ LANG LC_ LD_ MKL_ MPL NPY_ OMP_ OPENBLAS_ PROTOCOL_BUFFERS_ PYTHON TF_ TFX_ XLA_"
    " WORKBOOK_WARM_PRELOAD".split()
)
SET_AFTER_FORK = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}  # the parent can do without


class Cold(Exception):
    """Why a kernel can't be forked."""


class ForkedKernel:
    """A kernel seen from its client: what LocalProvisioner uses of `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, guardian: socket.socket):
        self.pid, self.guardian, self.returncode = pid, guardian, None

    def poll(self) -> int | None:
        """The exit status once the kernel has ended, as Popen counts it; None before."""
        if self.returncode is None:
            try:
                packet = self.guardian.recv(4096)
            except BlockingIOError:
                return None
            if not packet:  # the guardian was killed, and its kernel with it; what that started is left to us
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
            self.returncode = json.loads(packet)["exit"] if packet else -signal.SIGKILL
            self.guardian.close()
        return self.returncode

    def wait(self) -> int:
        while self.poll() is None:
            select.select([self.guardian], [], [])
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class WarmProvisioner(LocalProvisioner):
    """Forks a kernel from the warm parent, or starts it as LocalProvisioner does."""

    warm = False  # how the latest launch went
    folder = None  # of the kernel's sockets

    async def pre_launch(self, **kwargs) -> dict:
        manager = self.parent
        local = manager and manager.transport == "tcp" and manager.ip == "127.0.0.1" and not any(manager.ports)
        if sys.platform != "win32" and (local or self.folder):  # else whoever set an address gets it
            try:
                self.folder = kernel_folder(self.kernel_id)
                manager.transport, manager.ip = "ipc", str(self.folder / "c")
            except OSError as error:
                self.log.warning("kernel over TCP: %s", error)
        return await super().pre_launch(**kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs):
        kwargs["env"] = {**(kwargs.get("env") or os.environ), "JPY_PARENT_PID": str(os.getpid())}
        try:
            self.process = await self._fork(cmd, **{**kwargs, "env": {**kwargs["env"], "WORKBOOK_KERNEL": "warm"}})
        except (Cold, OSError, TimeoutError, asyncio.TimeoutError) as reason:
            self.warm = False
            self.log.warning("kernel starts cold: %s", reason or "the warm parent is still importing")
            kwargs["env"]["WORKBOOK_KERNEL"] = "cold"
            return await super().launch_kernel(cmd, **kwargs)
        self.warm = True
        self.pid = self.pgid = self.process.pid
        self.cwd = kwargs.get("cwd") or Path.cwd()
        return self.connection_info

    async def cleanup(self, restart: bool = False) -> None:
        await super().cleanup(restart=restart)
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    async def _fork(self, cmd: list[str], env: dict, cwd=None, stdin=None, stdout=None, stderr=None, **other):
        """The kernel `cmd` forked from the warm parent. Raises Cold, OSError or a time-out where that can't be."""
        possible(cmd, env, {name: value for name, value in other.items() if value})
        request = {"argv": cmd[3:], "env": env, "cwd": str(Path(cwd or ".").absolute()), "folder": self.folder and str(self.folder)}
        packet = json.dumps(request | inherited()).encode()
        with open(os.devnull, "r+b") as null:
            stdio = [descriptor(stdin, null), descriptor(stdout, 1), descriptor(stderr, 2)]
            reply, guardian = await asyncio.wait_for(ask(packet, stdio, env), float(env.get("WORKBOOK_WARM_WAIT", WAIT)))
        if "error" in reply:
            guardian.close()
            raise Cold(reply["error"])
        return ForkedKernel(reply["pid"], guardian)


def possible(cmd: list[str], env: dict, other: dict) -> None:
    """Raise Cold where a fork would not be what was asked for."""
    if env.get("WORKBOOK_WARM") == "0":
        raise Cold("WORKBOOK_WARM=0")
    if sys.platform != "linux" or not hasattr(os, "pidfd_open"):
        raise Cold("warm kernels need Linux 5.3")
    if other:
        raise Cold(f"the warm parent knows no {', '.join(other)}")
    here, there = (os.path.realpath(os.path.dirname(python)) for python in (sys.executable, cmd[0]))
    if here != there or cmd[1:3] != ["-m", "ipykernel_launcher"]:
        raise Cold(f"not this environment's ipykernel: {' '.join(cmd[:3])}")
    if not all(map(os.path.isabs, filter(None, env.get("PYTHONPATH", "").split(os.pathsep)))):
        raise Cold("PYTHONPATH has relative folders, and a parent serves kernels in many")


async def ask(packet: bytes, stdio: list[int], env: dict) -> tuple[dict, socket.socket]:
    """Send a request to the parent, started if need be; its guardian's reply and the connection to that."""
    name = parent_name(env)
    broken = name.with_suffix(".broken")
    if broken.exists() and time.time() - broken.stat().st_mtime < RETRY:
        raise Cold(f"the warm parent did not start; see {name.with_suffix('.log')}")
    for _ in range(2):  # a parent may end, being idle, while it is asked
        connection = await connect(name, env)
        try:
            with contextlib.suppress(ConnectionError):
                socket.send_fds(connection, [packet], stdio)
                if reply := await asyncio.get_running_loop().sock_recv(connection, 4096):
                    return json.loads(reply), connection
        except BaseException:
            connection.close()
            raise
        connection.close()
    broken.touch()
    raise Cold(f"the warm parent ended before it answered; see {name.with_suffix('.log')}")


async def connect(name: Path, env: dict) -> socket.socket:
    """A connection to the parent of that name, started if there is none."""
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.setblocking(False)
        try:
            connection.connect(str(name.with_suffix(".sock")))
            return connection
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            if not start(name, env):
                await asyncio.sleep(0.02)


def start(name: Path, env: dict) -> bool:
    """Start a parent, unless another process is at it. It answers once it has imported; who connects earlier waits."""
    if os.environ.get("WORKBOOK_KERNEL") == "warm":
        raise Cold("a parent started here would end with this kernel")
    with open(name.with_suffix(".lock"), "a") as lock, open(name.with_suffix(".log"), "ab") as log:
        if not warm_parent.acquired(lock):
            return False
        log.truncate(0)
        path = name.with_suffix(".sock")
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(path))
            listener.listen(512)
            files = listener.fileno(), lock.fileno()
            subprocess.run(
                [sys.executable, warm_parent.__file__, *map(str, files)], pass_fds=files, cwd="/", start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True,
                env={"MPLBACKEND": "module://matplotlib_inline.backend_inline", **kept(env), "PATH": os.defpath},
            )
        return True


def kept(env: dict) -> dict:
    """The part of a kernel's environment that its parent must have had when it imported."""
    names = (name for name in sorted(env) if name.startswith(READ_ON_IMPORT) and name not in SET_AFTER_FORK)
    return {name: env[name] for name in names}


def parent_name(env: dict) -> Path:
    """Path, without suffix, of the parent's files: another one for whatever would make it another process."""
    identity = [
        kept(env),
        sys.executable,
        sorted(os.listdir(sysconfig.get_path("purelib"))),  # what is installed, with versions
        Path(warm_parent.__file__).read_text(),
        [os.readlink(f"/proc/self/ns/{kind}") for kind in ("mnt", "net", "pid", "user")],
    ]
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
    return warm_parent.private_folder() / f"{warm_parent.environment()}-{digest}"


def inherited() -> dict:
    """What a process started from here would inherit, beside streams and environment."""
    limits = {getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
    return {
        "umask": int(re.search(r"^Umask:\s*(\d+)", Path("/proc/self/status").read_text(), re.M)[1], 8),
        "cpus": sorted(os.sched_getaffinity(0)),
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "limits": [(limit, resource.getrlimit(limit)) for limit in sorted(limits)],
    }


def descriptor(stream, default) -> int:
    """The file descriptor that Popen would make of `stream`. Raises Cold for a pipe."""
    stream = default if stream is None else stream
    number = stream if isinstance(stream, int) else stream.fileno()
    if number < 0:
        raise Cold("the warm parent makes no pipes")
    return number


def kernel_folder(kernel: str) -> Path:
    """A new private folder for a kernel's sockets; folders whose client was killed are removed on the way."""
    parent = warm_parent.private_folder()
    for left in parent.glob("[0-9]*.kernel"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(int(left.name.split("-")[0]), 0)
            continue
        shutil.rmtree(left, ignore_errors=True)
    folder = parent / f"{os.getpid()}-{kernel[:8]}.kernel"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
