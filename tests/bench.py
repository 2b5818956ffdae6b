"""The timings this project promises, measured side by side in one run: a table, and build/bench.json.

`make bench` takes about half an hour on two cores. Every pair is measured in turn; what is compared is the ratio.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from helpers import ROOT, build, syllabus
from helpers.workbook import warm_parent

BIN = Path(sys.prefix) / "bin"
ROUNDS = 3


def seconds(*command, **environment) -> float:
    """Wall time of a command, which must succeed."""
    start = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.monotonic() - start


def kernel(warm: str) -> float:
    """From asking for a kernel to `from tfx import v1` done in it."""
    from jupyter_client.manager import start_new_kernel

    os.environ["WORKBOOK_WARM"] = warm
    start = time.monotonic()
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=120)
    client.execute_interactive("from tfx import v1", timeout=120)
    took = time.monotonic() - start
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    del os.environ["WORKBOOK_WARM"]
    return took


def kernels() -> dict:
    kernel("1")  # the parent's own start is not what is measured here
    pairs = [(kernel("1"), kernel("0")) for _ in range(ROUNDS)]
    return {"warm": [w for w, _ in pairs], "cold": [c for _, c in pairs]}


def lessons() -> dict:
    """All lessons from nothing, the flights pipeline and the warm parent still to be made: one Papermill call after
    another on cold kernels, and `workbook run`; each in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        notebooks = [shutil.copy(lesson.recording, folder) for lesson in syllabus.load().lessons]
        cold = {"WORKBOOK_BUILD": f"{folder}/papermill", "WORKBOOK_WARM": "0"}
        warm = {"WORKBOOK_BUILD": f"{folder}/workbook"}
        warm_parent.stop()
        return {
            "workbook": [seconds(BIN / "workbook", "run", "--jobs", "2", **warm)],
            "unchanged": [seconds(BIN / "workbook", "run", **warm) for _ in range(ROUNDS)],
            "papermill": [
                sum(
                    seconds(
                        BIN / "papermill", "--no-progress-bar", path, "/dev/null", "--cwd", folder, **cold
                    )
                    for path in notebooks
                )
            ],
        }


def main():
    times = {**kernels(), **lessons(), "start": [seconds(BIN / "workbook", "--help") for _ in range(5)]}
    middle = {name: statistics.median(values) for name, values in times.items()}
    rows = [
        ("kernel with TFX imported, warm / cold", middle["warm"], middle["cold"], middle["warm"] / middle["cold"], 0.1),
        ("all lessons, workbook run / Papermill in turn", middle["workbook"], middle["papermill"],
         middle["workbook"] / middle["papermill"], 0.5),
        ("all lessons again, unchanged (s)", middle["unchanged"], None, middle["unchanged"], 3.0),
        ("the command's start (s)", middle["start"], None, middle["start"], 1.0),
    ]  # fmt: skip
    table = Table("measured", "seconds", "against", "figure", "promised", "", box=None)
    for name, this, other, figure, promise in rows:
        mark = "✓" if figure <= promise else "✗"
        table.add_row(
            name, f"{this:.2f}", f"{other:.2f}" if other else "", f"{figure:.3f}", f"≤ {promise:g}", mark
        )
    Console(width=120).print(table)
    path = build() / "bench.json"
    path.write_text(json.dumps({"seconds": times, "figures": {r[0]: r[3] for r in rows}}, indent=1) + "\n")
    print(f"Written: {path}")
    sys.exit(any(figure > promise for *_, figure, promise in rows))


if __name__ == "__main__":
    main()
