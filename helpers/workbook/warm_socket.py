"""The way to the warm parent: where it listens, and how to start, ask and stop it."""

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any, TextIO

import psutil

from helpers.environment import ENVIRONMENT

SCRIPT = Path(__file__).with_name("warm_parent.py")
TRIES = 2  # a parent may end, being idle, just when it is asked
LONGEST = 103  # bytes of a socket's path on macOS; Linux takes four more
RETRY = 600  # seconds for which a parent that died each time is not tried again
# Python and libraries read these when they start, so kernels that differ in one need different parents.
READ_AT_START = re.compile(
    "CUDA_|GRPC_|HOME$|KERAS_|LANG|LC_|LD_|MKL_|MPL|NPY_|OMP_|OPENBLAS_|PROTOCOL_BUFFERS_|TF_|TFX_|XLA_"
    "|PYTHON(?!DONTWRITEBYTECODE|UNBUFFERED)|WORKBOOK_WARM_(IDLE|PRELOAD)$"
)


class Cold(Exception):
    """Why a kernel can't be forked."""


class NotPrivate(Cold):
    """The folder for sockets could be read or replaced by somebody else."""


def private_folder() -> Path:
    """The user's own folder for sockets on this machine or in this container, made on demand. Raises NotPrivate."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    base = runtime if os.access(runtime, os.W_OK) else tempfile.gettempdir()
    spaces = [f"/proc/self/ns/{kind}" for kind in ("mnt", "net", "pid", "user")]
    here = digest([platform.node(), *map(os.readlink, filter(os.path.lexists, spaces))], 6)
    folder = Path(base, f"workbook-{os.geteuid()}-{here}")
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise NotPrivate(f"others can enter {folder}; remove it, or `chmod 700` it if it is yours")
    return folder


def kernel_folder(kernel: str) -> Path:
    """A private folder for a kernel's sockets. Removes on the way those whose client was killed."""
    folder = private_folder()
    for left in folder.glob("*.kernel"):
        if not psutil.pid_exists(int(left.name.partition("-")[0])):
            shutil.rmtree(left, ignore_errors=True)
    own = folder / f"{os.getpid()}-{kernel[:8]}.kernel"
    if len(os.fsencode(own / "c-1")) > LONGEST:
        raise Cold(f"{folder} is too long a path for sockets; name a shorter one in XDG_RUNTIME_DIR")
    own.mkdir(mode=0o700, exist_ok=True)
    return own


def parent(env: dict) -> Path:
    """Where a parent for kernels with `env` has socket, lock and log, less the suffix.

    It is another place for whatever would make it another process.
    """
    installed = sorted(os.listdir(sysconfig.get_path("purelib")))  # names have versions
    identity = [sys.executable, installed, kept(env), SCRIPT.read_text()]
    return private_folder() / f"{digest(sys.prefix, 8)}-{digest(identity, 16)}"


def kept(env: dict) -> dict:
    """What of a kernel's environment its parent must have had from its start."""
    return {name: env[name] for name in sorted(env) if READ_AT_START.match(name)}


def digest(value: Any, length: int) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:length]


async def ask(packet: bytes, stdio: list[int], env: dict) -> tuple[dict, socket.socket]:
    """Send a request to the parent, started if there is none. Returns its guardian's answer, and the line to it."""
    name = parent(env)
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


def prepare() -> None:
    """Have a parent ready for the kernels that this process, or one it starts, will ask for. Does not wait for it."""
    env = {**os.environ, **ENVIRONMENT}
    if env.get("WORKBOOK_WARM") == "0":
        return
    with contextlib.suppress(Cold, OSError):  # the first kernel will say why
        start(parent(env), env)


def start(name: Path, env: dict) -> bool:
    """Start a parent, unless another process is at it."""
    if os.environ.get("WORKBOOK_KERNEL") == "warm":
        raise Cold("a parent started in a warm kernel would end with it")
    with open(f"{name}.lock", "a") as lock, open(f"{name}.log", "a") as log:
        if not acquired(lock):
            return False
        log.truncate(0)
        Path(f"{name}.sock").unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(f"{name}.sock")
            listener.listen(512)
            files = listener.fileno(), lock.fileno()
            subprocess.run(
                [sys.executable, SCRIPT, *map(str, files)],
                # As ipykernel sets it
                env={"MPLBACKEND": "module://matplotlib_inline.backend_inline", **kept(env)},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=files,
                start_new_session=True,
                check=True,
            )
        return True


def stop() -> int:
    """End this environment's parents at once, those still importing too. Returns how many there were."""
    ended = set()
    for path in private_folder().glob(f"{digest(sys.prefix, 8)}-*.lock"):
        with path.open() as lock:
            while not acquired(lock):
                lock.seek(0)
                if pid := int(lock.read() or 0):  # else it is only just starting
                    os.kill(pid, signal.SIGKILL)
                    ended.add(pid)
                time.sleep(0.05)
        for suffix in (".sock", ".log", ".broken"):
            path.with_suffix(suffix).unlink(missing_ok=True)
    return len(ended)


def acquired(lock: TextIO) -> bool:
    """Whether the lock on this open file could be had. A parent holds its lock as long as it lives."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
