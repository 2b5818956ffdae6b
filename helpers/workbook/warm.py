"""Kernels in half a second: a jupyter_client provisioner that has a parent with TensorFlow and TFX imported fork them.

The environment's `python3` kernelspec names it, so Papermill, nbval and JupyterLab alike get warm kernels. Where one
can't be had, the kernel starts cold and the log says why. Either way it talks over Unix sockets in a folder of its
own: over TCP, kernels that start in parallel race for ports.

Environment variables, for the process that starts the kernel:
`WORKBOOK_WARM=0` starts cold; `WORKBOOK_WARM_WAIT` is how many seconds to wait for a parent that is still importing;
`WORKBOOK_WARM_IDLE` after how many without a kernel it ends; `WORKBOOK_WARM_PRELOAD` which modules it imports.
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

from jupyter_client.localinterfaces import localhost
from jupyter_client.provisioning import LocalProvisioner

from helpers.workbook import warm_parent

WAIT = 90  # seconds; importing TFX takes 6 to 20 on two cores
TRIES = 2  # a parent may end, being idle, just when it is asked
RETRY = 600  # seconds for which a parent that died each time is not tried again
# Python and libraries read these when they start, so kernels that differ in one need different parents.
READ_AT_START = re.compile(
    "CUDA_|GRPC_|HOME$|KERAS_|LANG|LC_|LD_|MKL_|MPL|NPY_|OMP_|OPENBLAS_|PROTOCOL_BUFFERS_|TF_|TFX_|XLA_"
    "|PYTHON(?!DONTWRITEBYTECODE|UNBUFFERED)|WORKBOOK_WARM_(IDLE|PRELOAD)$"
)


class Cold(Exception):
    """Why a kernel can't be forked."""


class ForkedKernel:
    """A kernel as its client sees it: the part of `subprocess.Popen` that LocalProvisioner uses."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, guardian: socket.socket):
        self.pid, self.guardian, self.returncode = pid, guardian, None

    def poll(self) -> int | None:
        """The exit status as Popen has it, or None while the kernel runs."""
        if self.returncode is None:
            try:
                packet = self.guardian.recv(4096)
            except BlockingIOError:
                return None
            if packet:
                self.returncode = json.loads(packet)["exit"]
            else:  # somebody killed the guardian, and so the kernel; what that had started is left to us
                self.returncode = -signal.SIGKILL
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
            self.guardian.close()
        return self.returncode

    def wait(self) -> int:
        """The exit status, once there is one."""
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
    """Has the warm parent fork a kernel, or else starts it as LocalProvisioner does."""

    warm = False  # whether the running kernel is a fork
    folder = None  # of its sockets

    async def pre_launch(self, **kwargs) -> dict:
        manager = self.parent
        free = manager and manager.transport == "tcp" and manager.ip == localhost() and not any(manager.ports)
        if self.folder or (free and sys.platform != "win32"):  # whoever has set an address gets that
            try:
                self.folder = kernel_folder(self.kernel_id)
                manager.transport, manager.ip = "ipc", str(self.folder / "c")
            except warm_parent.NotPrivate as error:
                self.log.warning("kernel over TCP: %s", error)
        return await super().pre_launch(**kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs) -> dict:
        env = kwargs["env"] = {**(kwargs.get("env") or os.environ), "WORKBOOK_KERNEL": "warm"}
        try:
            self.process = await self._fork(cmd, **self._scrub_kwargs(kwargs))
        except (Cold, OSError, subprocess.SubprocessError, asyncio.TimeoutError) as reason:
            self.log.warning("kernel starts cold: %s", str(reason) or "the warm parent is still importing")
            self.warm, env["WORKBOOK_KERNEL"] = False, "cold"
            return await super().launch_kernel(cmd, **kwargs)
        self.warm, self.pid, self.pgid = True, self.process.pid, self.process.pid
        self.cwd = kwargs.get("cwd") or Path.cwd()
        return self.connection_info

    async def cleanup(self, restart: bool = False) -> None:
        await super().cleanup(restart=restart)
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    async def _fork(self, cmd, env, cwd=None, stdin=None, stdout=None, stderr=None, **other) -> ForkedKernel:
        refuse_what_a_fork_cannot_be(cmd, env, [name for name, value in other.items() if value])
        request = {
            "argv": cmd[3:],
            "cwd": os.path.abspath(cwd or "."),
            "env": {**env, "JPY_PARENT_PID": str(os.getpid())},
            "folder": self.folder and str(self.folder),
            **inherited(),
        }
        with open(os.devnull, "r+b") as null:
            stdio = [descriptor(given, default) for given, default in ((stdin, null), (stdout, 1), (stderr, 2))]
            answer = ask(json.dumps(request).encode(), stdio, env)
            reply, connection = await asyncio.wait_for(answer, float(env.get("WORKBOOK_WARM_WAIT", WAIT)))
        if "error" in reply:
            connection.close()
            raise Cold(reply["error"])
        return ForkedKernel(reply["pid"], connection)


def refuse_what_a_fork_cannot_be(cmd: list[str], env: dict, other: list[str]) -> None:
    """Raise Cold where a fork would not be what was asked for."""
    if env.get("WORKBOOK_WARM") == "0":
        raise Cold("WORKBOOK_WARM=0")
    if not hasattr(os, "pidfd_open"):
        raise Cold("a warm kernel needs Linux 5.3 or later")
    if other:
        raise Cold(f"the warm parent knows no {', '.join(other)}")
    here, there = (os.path.realpath(os.path.dirname(python)) for python in (sys.executable, cmd[0]))
    if here != there or cmd[1:3] != ["-m", "ipykernel_launcher"]:
        raise Cold(f"this is not the environment's ipykernel: {' '.join(cmd[:3])}")
    if not all(map(os.path.isabs, filter(None, env.get("PYTHONPATH", "").split(os.pathsep)))):
        raise Cold("PYTHONPATH has relative folders, which depend on where a kernel starts")


async def ask(packet: bytes, stdio: list[int], env: dict) -> tuple[dict, socket.socket]:
    """Send a request to the parent, started if there is none. Returns its guardian's answer, and the line to it."""
    name = parent_name(env)
    broken = name.with_suffix(".broken")
    if broken.exists() and time.time() - broken.stat().st_mtime < RETRY:
        raise Cold(f"the warm parent did not start lately; see {name}.log")
    for _ in range(TRIES):
        with contextlib.suppress(ConnectionError):
            line = await connect(name, env)
            try:
                socket.send_fds(line, [packet], stdio)
                if answer := await asyncio.get_running_loop().sock_recv(line, 4096):
                    return json.loads(answer), line
            except BaseException:  # a time-out, too: a closed line tells the guardian to end the kernel
                line.close()
                raise
            line.close()
    broken.touch()
    raise Cold(f"the warm parent ended before it forked; see {name}.log")


async def connect(name: Path, env: dict) -> socket.socket:
    """A line to the parent, started if there is none. While it imports it does not answer."""
    starts = 0
    while starts < TRIES:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        line.setblocking(False)
        try:
            line.connect(f"{name}.sock")
            return line
        except (FileNotFoundError, ConnectionRefusedError):
            line.close()
            starts += start(name, env)
            await asyncio.sleep(0.02)
    raise ConnectionRefusedError


def start(name: Path, env: dict) -> bool:
    """Start a parent, unless another process is at it. Who connects while it imports, waits."""
    if os.environ.get("WORKBOOK_KERNEL") == "warm":
        raise Cold("a parent started in a warm kernel would end with it")
    with open(f"{name}.lock", "a") as lock, open(f"{name}.log", "a") as log:
        if not warm_parent.acquired(lock):
            return False
        log.truncate(0)
        Path(f"{name}.sock").unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(f"{name}.sock")
            listener.listen(512)
            files = listener.fileno(), lock.fileno()
            subprocess.run(
                [sys.executable, warm_parent.__file__, *map(str, files)],
                env={"MPLBACKEND": "module://matplotlib_inline.backend_inline", **kept(env)},  # as ipykernel sets it
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=files,
                start_new_session=True,
                check=True,
            )
        return True


def kept(env: dict) -> dict:
    """What of a kernel's environment its parent must have had from its start."""
    return {name: env[name] for name in sorted(env) if READ_AT_START.match(name)}


def parent_name(env: dict) -> Path:
    """Where a parent has its socket, lock and log, less the suffix; elsewhere if anything in it would be different."""
    identity = [
        kept(env),
        sys.executable,
        sorted(os.listdir(sysconfig.get_path("purelib"))),  # what is installed, with versions
        Path(warm_parent.__file__).read_text(),
        [os.readlink(f"/proc/self/ns/{kind}") for kind in ("mnt", "net", "pid", "user")],  # a container is elsewhere
    ]
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
    return warm_parent.private_folder() / f"{warm_parent.environment()}-{digest}"


def inherited() -> dict:
    """What a process started here would inherit, beside environment and streams."""
    limits = sorted({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")})
    return {
        "umask": int(re.search(r"^Umask:\s*(\d+)", Path("/proc/self/status").read_text(), re.MULTILINE)[1], 8),
        "cpus": sorted(os.sched_getaffinity(0)),
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "limits": [(limit, resource.getrlimit(limit)) for limit in limits],
    }


def descriptor(given, default) -> int:
    """The file descriptor that Popen would make of a stream. Raises Cold where that is a new one."""
    stream = default if given is None else given
    number = stream if isinstance(stream, int) else stream.fileno()
    if number < 0:
        raise Cold("the warm parent makes no pipes")
    return number


def kernel_folder(kernel: str) -> Path:
    """A private folder for a kernel's sockets. Removes on the way those whose client was killed."""
    folder = warm_parent.private_folder()
    for left in folder.glob("*.kernel"):
        try:
            os.kill(int(left.name.partition("-")[0]), 0)
        except ProcessLookupError:
            shutil.rmtree(left, ignore_errors=True)
    own = folder / f"{os.getpid()}-{kernel[:8]}.kernel"
    own.mkdir(mode=0o700, exist_ok=True)
    return own
