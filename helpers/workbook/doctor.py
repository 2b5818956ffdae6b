"""What is wrong with an environment, a sentence each with its remedy."""

import os
import platform
import re
import shutil
import sys
import sysconfig
from importlib.metadata import distributions
from pathlib import Path

from helpers import ROOT, build
from helpers.workbook import kernelspec
from helpers.workbook.store import unmade

DISK, MEMORY = 2.0, 4.0  # gigabytes a run of all lessons needs


def problems() -> list[str]:
    """Everything that is wrong; empty when nothing is."""
    found = []
    for check in (interpreter, versions, data, kernel, resources):
        try:
            found += check()
        except ImportError as error:
            found.append(f"{error.name or error} can't be imported: run `rm -r .venv; make setup`.")
    return found


def interpreter() -> list[str]:
    wanted = (ROOT / ".python-version").read_text().strip()
    if platform.python_version().startswith(wanted + "."):
        return []
    return [
        f"Python is {platform.python_version()}, the lessons need {wanted}: run `make setup` and use .venv."
    ]


def versions(lock: str | None = None) -> list[str]:
    """Packages that are missing or of another version than requirements.lock pins."""
    lock = (ROOT / "requirements.lock").read_text() if lock is None else lock
    pinned = {
        _name(n): v for n, v in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", lock, re.M)
    }
    here = {
        _name(d.metadata["Name"]): d.version
        for d in distributions(path=[sysconfig.get_path("purelib")])
        if d.metadata["Name"]
    }
    wrong = [
        f"{name} is {here[name]}, the lock pins {version}" if name in here else f"{name} {version} is missing"
        for name, version in sorted(pinned.items())
        if here.get(name) != version
    ]
    return [f"{what}: run `rm .venv/.ready; make setup`." for what in wrong]


def data() -> list[str]:
    """Data packages that are missing or altered."""
    from helpers import datasets

    return datasets.verify()


def kernel() -> list[str]:
    """A kernelspec that is missing, altered, or hidden by another."""
    return kernelspec.problems(Path(sys.prefix))


def resources() -> list[str]:
    """Too little disk or memory for the lessons, or no folder for what they make."""
    import psutil

    found = []
    try:
        folder = build()
        free = shutil.disk_usage(folder).free / 1e9
        if free < DISK:
            found.append(
                f"{free:.1f} GB of disk are free, the lessons need {DISK:g}: make room, or `make clean`."
            )
        if not os.access(folder, os.W_OK):
            found.append(
                f"{folder} can't be written: make it writable, or name another folder in WORKBOOK_BUILD."
            )
    except OSError as error:
        found.append(unmade(error))
    memory = psutil.virtual_memory().available / 1e9
    if memory < MEMORY:
        found.append(
            f"{memory:.1f} GB of memory are free, a lesson needs up to {MEMORY:g}: close other programs."
        )
    return found


def _name(name: str) -> str:
    """A package's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
