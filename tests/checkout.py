"""A copy of what git tracks, in another folder: for tests and scripts that run the workbook elsewhere, or change it."""

import os
import shutil
import subprocess
from pathlib import Path

from helpers import ROOT


def make(folder: Path) -> dict[str, str]:
    """Copy the checkout to `folder`; returns the environment in which Python there finds that copy, not this one."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return {**os.environ, "PYTHONPATH": str(folder)}
