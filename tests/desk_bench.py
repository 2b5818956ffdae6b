"""How long the learner's desk takes, in the real JupyterLab and a real browser: a table, and build/desk-bench.json.

`make desk-bench` takes about five minutes. Run it on a machine that does nothing else.
"""

import json
import re
import statistics
import tempfile
import time
from pathlib import Path

import psutil
from browser.conftest import QUIET, Desk, Lab, chromium
from playwright.sync_api import expect, sync_playwright
from rich.console import Console
from rich.table import Table

from helpers import build, syllabus
from helpers.desk import copies

LESSONS = "2.2", "1.1", "2.4"
ROUNDS = 3
PATIENCE = 300_000  # milliseconds


def started(browser, folder: Path) -> tuple[Lab, Desk, float]:
    """`workbook learn` in a new folder; seconds until a link on the start page can be clicked."""
    lab = Lab(folder)
    desk = Desk(browser.new_page(viewport={"width": 1400, "height": 1000}), lab)
    desk.page.goto(f"{lab.url}/lab?token={lab.token}", timeout=PATIENCE)
    expect(desk.page.locator(".workbook-page a").first).to_be_visible(timeout=PATIENCE)
    return lab, desk, time.time() - psutil.Process(lab.process.pid).create_time()


def opened(desk: Desk, name: str) -> float:
    """Seconds from a click on the start page until the lesson is there and its kernel is idle."""
    path = copies.path_of(syllabus.load().lesson(name)).as_posix()
    desk.page.get_by_role("tab", name="Start").click()
    begun = time.monotonic()
    desk.page.locator(f'.workbook-page th a[data-path="{path}"]').first.click()
    expect(desk.notebook.get_by_role("heading", name=f"{name} ").first).to_be_visible(timeout=PATIENCE)
    # The status bar is of the tab in front, once it names this lesson
    expect(desk.page.locator("#jp-main-statusbar")).to_contain_text(Path(path).name, timeout=PATIENCE)
    idle(desk)
    return time.monotonic() - begun


def idle(desk: Desk) -> None:
    expect(desk.page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=PATIENCE)


def ran(desk: Desk) -> tuple[float, float]:
    """Seconds from Run All to the first output, and to the last."""
    begun = time.monotonic()
    desk.menu("Run", "Run All Cells")
    expect(desk.notebook.locator(".jp-OutputArea-output").first).to_be_visible(timeout=PATIENCE)
    first = time.monotonic() - begun
    end = desk.notebook.locator(".jp-OutputArea-output", has_text=re.compile(r"Next: \d"))
    expect(end).to_be_visible(timeout=PATIENCE)
    return first, time.monotonic() - begun


def restarted(desk: Desk) -> float:
    """Seconds from the menu's Restart until the new kernel is idle."""
    begun = time.monotonic()
    with desk.page.expect_response(re.compile("/api/kernels/.*/restart"), timeout=PATIENCE):
        desk.menu("Kernel", "Restart Kernel and Clear Outputs of All Cells…")
        desk.accept()
    idle(desk)
    return time.monotonic() - begun


def memory(lab: Lab) -> dict[str, float]:
    """Gigabytes (PSS: what is shared counts once) of the server, the warm parent, and the kernels, which are its forks."""
    script = str(lab.root / "helpers" / "workbook" / "warm_parent.py")
    server = psutil.Process(lab.process.pid)
    ours = [
        process for process in psutil.process_iter(["cmdline"]) if script in (process.info["cmdline"] or ())
    ]
    kernels = {child for process in [server, *ours] for child in process.children(recursive=True)}
    found = {"server": {server}, "warm parent": {*ours} - kernels, "kernels": kernels}
    return {name: sum(p.memory_full_info().pss for p in those) / 1e9 for name, those in found.items()}


def main(rounds: int = ROUNDS):
    times: dict[str, list[float]] = {}

    def note(name: str, seconds: float) -> None:
        times.setdefault(name, []).append(seconds)

    with sync_playwright() as playwright, tempfile.TemporaryDirectory(prefix="desk-bench-") as folder:
        browser = playwright.chromium.launch(executable_path=chromium(), args=QUIET.split())
        for number in range(rounds):
            lab, desk, seconds = started(browser, Path(folder, str(number)))
            try:
                note("`workbook learn` to the start page", seconds)
                note("click to the open lesson, kernel ready: the first at once", opened(desk, LESSONS[0]))
                first, last = ran(desk)
                note(f"Run All of {LESSONS[0]} to the first output", first)
                note(f"Run All of {LESSONS[0]} to the last", last)
                note("Restart to the kernel ready", restarted(desk))
                ran(desk)
                for name in LESSONS[1:]:
                    note("click to the open lesson, kernel ready: later ones", opened(desk, name))
                    ran(desk)
                held = memory(lab)
            finally:
                desk.page.close()
                lab.stop()
    table = Table("what", "median", "each", box=None)
    for name, values in times.items():
        table.add_row(
            name, f"{statistics.median(values):.1f} s", " ".join(f"{value:.1f}" for value in values)
        )
    parts = ", ".join(f"{name} {value:.2f}" for name, value in held.items())
    table.add_row(f"memory with {', '.join(LESSONS)} run", f"{sum(held.values()):.1f} GB", parts)
    Console(width=120).print(table)
    path = build() / "desk-bench.json"
    path.write_text(json.dumps({"seconds": times, "gigabytes": held}, indent=1) + "\n")
    print(f"Written: {path}")


if __name__ == "__main__":
    main()
