"""Sets up the environment in .venv, once; needs nothing but Python 3.8 or newer. Called by make before every target.

What is missing is said in one line with its remedy, before minutes are spent. A digest of what the environment is made
from, written last, tells a finished set-up from one that was cut off.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
READY = VENV / ".ready"
TFJS = Path("helpers") / "tfjs"
UV_VERSION = "uv>=0.5"
CPUINFO = Path("/proc/cpuinfo")
GIGABYTES = 8
GIGABYTES_LATER = 2  # a changed lock replaces some packages


class Missing(Exception):
    """Something the set-up needs is not there; the message says what to do."""


def wanted() -> str:
    """The version of Python the environment is made with."""
    return (ROOT / ".python-version").read_text().strip()


def digest() -> str:
    """Digest of the files the environment is made from."""
    parts = [ROOT / "requirements.lock", ROOT / "pyproject.toml", ROOT / ".python-version", Path(__file__)]
    parts += [Path(__file__).with_name("kernelspec.py"), ROOT / "helpers" / "environment.py"]
    parts += [ROOT / TFJS / "package-lock.json"]
    return hashlib.sha256(b"\0".join(part.read_bytes() for part in parts) + str(ROOT).encode()).hexdigest()


def ready() -> bool:
    """Whether the environment is there, whole, and made from what the files say now."""
    try:
        return READY.read_text() == digest() and (VENV / "bin" / "python").exists()
    except OSError:
        return False


def preflight() -> None:
    """Raise Missing for what would fail only after minutes."""
    machine = (platform.system(), platform.machine())
    if machine not in (("Linux", "x86_64"), ("Darwin", "x86_64")):
        raise Missing(
            "TFX 1.16 has no packages for {} on {}. Use the Dockerfile or the devcontainer: README, "
            "'Windows, Apple silicon, ARM'.".format(*machine)
        )
    # An emulator may show its host's processor, which has no such line.
    flags = re.search(r"^flags\s*:(.*)", CPUINFO.read_text(), re.M) if CPUINFO.exists() else None
    if flags and "avx2" not in flags.group(1).split():
        raise Missing("This processor has no AVX2, which the packages compute with: use another machine.")
    if not any(shutil.which(name) for name in ("c++", "g++", "clang++")):
        raise Missing(
            "A C++ compiler is missing: `apt-get install g++`, `dnf install gcc-c++` or `xcode-select --install`."
        )
    python = VENV / "bin" / "python"
    if python.exists():
        ask = [str(python), "-I", "-c", "import sys; print('Python %d.%d' % sys.version_info[:2])"]
        done = subprocess.run(ask, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        found = done.stdout.decode().strip() or "a Python that doesn't start"
        if found != "Python " + wanted():
            raise Missing(
                ".venv has {}, the workbook needs {}: `rm -rf .venv` and call again.".format(found, wanted())
            )
    free = shutil.disk_usage(str(ROOT)).free / 1e9
    installed = any(VENV.glob("lib/python*/site-packages/tensorflow"))
    needed = GIGABYTES_LATER if installed else GIGABYTES
    if free < needed:
        raise Missing(
            "{:.1f} GB of disk are free, the set-up needs {}: make room and call again.".format(free, needed)
        )


def find_uv() -> str:
    """uv from the PATH, or brought into .venv/tools by this Python's pip."""
    found = shutil.which("uv")
    if found:
        return found
    tools = VENV / "tools"
    uv = tools / "bin" / "uv"
    if not uv.exists():
        print("Fetching uv, the installer …", flush=True)
        call = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run(
            call + ["--target", str(tools), "--upgrade", UV_VERSION], stderr=subprocess.PIPE
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace")
            if "No module named pip" in said:
                raise Missing(
                    "Neither uv nor pip is here: `apt-get install python3-pip`, or install uv, and call again."
                )
            raise Missing(explain(said))
    return str(uv)


def explain(said: str) -> str:
    """The remedy for what an installer said on its way out."""
    lowered = said.lower()
    if "no space left" in lowered:
        return "The disk is full: make room and call again."
    if "no interpreter found" in lowered or re.search(r"failed to download `?http\S*/cpython-", lowered):
        return "Python {} is missing and can't be fetched: install it (`pyenv install {}`) and call again.".format(
            wanted(), wanted()
        )
    network = "dns error|failed to fetch|error sending request|connection|no matching distribution|timed out"
    if re.search(network, lowered):
        return "The package index can't be reached; the first set-up needs it: check network, proxy or mirror, and call again."
    lines = said.strip().splitlines()
    return "The set-up failed: {}".format(lines[-1] if lines else "no message")


def step(said: str, *command: str) -> None:
    """Run one step; its words are shown only if it fails."""
    print(said, flush=True)
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH")}
    # Copied: a file edited in .venv must not be edited in the cache too
    environment.update(VIRTUAL_ENV=str(VENV), UV_LINK_MODE="copy")
    done = subprocess.run(
        command, cwd=str(ROOT), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        words = done.stdout.decode(errors="replace")
        sys.stderr.write(words)
        raise Missing(explain(words))


def install_tfjs() -> None:
    """TensorFlow.js for lesson 4.4, by the npm in the environment; the other lessons need none of it."""
    place = VENV / "share" / "tfjs"
    place.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(str(ROOT / TFJS / name), str(place / name))
    try:
        # Scripts of packages stay unrun
        step(
            "Installing TensorFlow.js …",
            str(VENV / "bin" / "npm"), "ci", "--prefix", str(place), "--ignore-scripts", "--no-audit", "--no-fund",
        )  # fmt: skip
    except Missing as error:
        sys.stderr.write(
            "{}\nLesson 4.4 goes without TensorFlow.js; to try again: `rm .venv/.ready`, and call again.\n".format(
                error
            )
        )


def setup() -> None:
    """Make the environment anew unless it is ready."""
    preflight()
    uv = find_uv()
    if READY.exists():
        READY.unlink()
    if not (VENV / "bin" / "python").exists():
        said = "Making .venv with Python {} …".format(wanted())
        step(said, uv, "venv", "--allow-existing", "--python", wanted(), str(VENV))
    step(
        "Installing 357 packages (about a minute, 3 GB) …",
        uv, "pip", "sync", "--compile-bytecode", "--require-hashes", "requirements.lock",
    )  # fmt: skip
    step("Installing the workbook …", uv, "pip", "install", "--no-deps", "--no-build-isolation", "-e", ".")
    install_tfjs()
    step("Installing the kernel …", str(VENV / "bin" / "python"), "-m", "helpers.workbook.kernelspec")
    READY.write_text(digest())


def main() -> int:
    if ready():
        return 0
    try:
        import fcntl

        # Two makes at once: the second waits, and finds it done
        with open(str(ROOT / ".setup.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not ready():
                setup()
    except ImportError:
        print(
            "setup: Windows has no packages of TFX 1.16. Use the Dockerfile or the devcontainer.",
            file=sys.stderr,
        )
        return 1
    except (Missing, OSError) as error:
        print("setup: {}".format(error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
