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
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.localinterfaces import localhost
from jupyter_client.provisioning import LocalProvisioner

from helpers.workbook.warm_socket import Cold, ask, kernel_folder

WAIT = 90  # seconds; importing TFX takes 6 to 20 on two cores


class ForkedKernel:
    """A kernel as its client sees it: the part of `subprocess.Popen` that LocalProvisioner uses."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, guardian: socket.socket):
        self.pid, self.guardian = pid, guardian
        self.returncode: int | None = None

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
        while (status := self.poll()) is None:
            time.sleep(0.02)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has ended, and we are not told yet
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class WarmProvisioner(LocalProvisioner):
    """Has the warm parent fork a kernel, or else starts it as LocalProvisioner does."""

    warm = False  # whether the running kernel is a fork
    folder: Path | None = None  # of its sockets
    process: Any

    async def pre_launch(self, **kwargs: Any) -> dict:
        manager: Any = self.parent
        free = manager and manager.transport == "tcp" and manager.ip == localhost() and not any(manager.ports)
        if self.folder or free:  # whoever has set an address gets that
            try:
                self.folder = kernel_folder(self.kernel_id)
                manager.transport, manager.ip = "ipc", str(self.folder / "c")
            except (Cold, OSError) as error:
                self.log.warning("kernel over TCP: %s", error)
        return await super().pre_launch(**kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
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

    async def _fork(
        self, cmd: list[str], env: dict, cwd: str | None = None,
        stdin: Any = None, stdout: Any = None, stderr: Any = None, **other: Any,
    ) -> ForkedKernel:  # fmt: skip
        refuse_what_a_fork_cannot_be(cmd, env, [name for name, value in other.items() if value])
        request = {
            "argv": cmd[3:],
            "cwd": os.path.abspath(cwd or "."),
            "env": {**env, "JPY_PARENT_PID": str(os.getpid())},
            "folder": self.folder and str(self.folder),
            **inherited(),
        }
        with open(os.devnull, "r+b") as null:
            stdio = [descriptor(stdin, null, null), descriptor(stdout, 1, null), descriptor(stderr, 2, null)]
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


def inherited() -> dict:
    """What a process started here would inherit, beside environment and streams."""
    limits = sorted({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")})
    return {
        "umask": int(re.findall(r"^Umask:\s*(\d+)", Path("/proc/self/status").read_text(), re.M)[0], 8),
        "cpus": sorted(os.sched_getaffinity(0)),
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "limits": [(limit, resource.getrlimit(limit)) for limit in limits],
    }


def descriptor(given: Any, default: Any, null: Any) -> int:
    """The file descriptor that Popen would make of `given`. Raises Cold for a pipe."""
    stream = {None: default, subprocess.DEVNULL: null}.get(given, given)
    number = stream if isinstance(stream, int) else stream.fileno()
    if number < 0:
        raise Cold("the warm parent makes no pipes")
    return number
