"""Run All of a lesson, many times in a row in the real JupyterLab with both cores busy: how often does it stall?

`make stalls` (twenty minutes or more; RUNS and LESSON set how many and of what). A Run All has stalled when cells
wait (`[*]`), the kernel is idle and nothing moves: it lost a request. Ends with status 1 if one did, or failed.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import pytest
from browser import cells
from browser.conftest import QUIET, Desk, Lab, chromium
from playwright.sync_api import Error, sync_playwright

from helpers import syllabus
from helpers.desk import copies

SPIN = "import os, sys\nwhile os.getppid() == int(sys.argv[1]): pass"  # until this script ends
SLOWER = 20  # times the seconds that the syllabus states for a lesson, at most


@contextlib.contextmanager
def busy(processes: int):
    """Keep so many cores busy."""
    call = [sys.executable, "-S", "-c", SPIN, str(os.getpid())]
    spinning = [subprocess.Popen(call) for _ in range(processes)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


@contextlib.contextmanager
def opened(lesson: syllabus.Lesson, chromium: str):
    """The lesson in a page of its own, in a JupyterLab of its own."""
    with tempfile.TemporaryDirectory(prefix="stalls-") as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET.split())
        lab = Lab(Path(folder))
        try:
            desk = Desk(browser.new_page(viewport={"width": 1400, "height": 1000}), lab)
            desk.open_lesson(copies.path_of(lesson).as_posix())
            yield desk
        finally:
            lab.stop()


def run(desk: Desk, within: float) -> str:
    """What came of a Run All on a new kernel: "ok", "stalled" with the state of the cells, or "failed" with it."""
    try:
        desk.restart("Restart Kernel and Clear Outputs of All Cells…")
        desk.run_all(within)
        return "ok"
    except cells.Still as still:
        return f"{'stalled' if still.stalled else 'failed'}: {still}"
    except (Error, AssertionError) as error:  # of the page: a menu doesn't open, a kernel doesn't start
        return f"failed: {str(error).splitlines()[0]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--lesson", default="1.4", metavar="ID")
    asked = parser.parse_args()
    try:
        lesson, browser = syllabus.load().lesson(asked.lesson), chromium()
    except (syllabus.UsageError, pytest.skip.Exception) as missing:
        parser.error(str(missing))
    cores = os.cpu_count()
    print(f"ipykernel {version('ipykernel')}, Run All of {lesson.id}, {cores} cores kept busy", flush=True)
    outcomes = []
    with busy(cores), opened(lesson, browser) as desk:
        for number in range(1, asked.runs + 1):
            start = time.monotonic()
            outcomes.append(run(desk, SLOWER * lesson.seconds))
            print(f"{number:>3}  {time.monotonic() - start:4.0f} s  {outcomes[-1]}", flush=True)
        cold = Path(desk.lab.log.name).read_text().count("kernel starts cold")
    stalled, failed = (sum(said.startswith(word) for said in outcomes) for word in ("stalled", "failed"))
    print(f"{len(outcomes)} Run Alls, {stalled} stalled, {failed} failed otherwise; {cold} kernels were cold")
    sys.exit(bool(stalled or failed))


if __name__ == "__main__":
    main()
