"""The real JupyterLab, as `workbook learn` starts it in a copy of the checkout, and a page of a real browser on it.

A test marked `after("test_…")` lives on what that one left, and is skipped where it did not pass. A test that fails
leaves pictures of its pages, the state of their cells and JupyterLab's log in build/browser.
"""

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import checkout
import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from browser import cells, evidence

expect.set_options(timeout=60_000)  # milliseconds
ANSWER = 120  # seconds until JupyterLab does
START = 180_000  # until a kernel is there: after 90 s without a warm parent, one is started cold
PASSED = pytest.StashKey()  # the tests that have, as (path, name)
QUIET = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"


class Lab:
    """A JupyterLab in a learner's folder, and what a learner or an author does around it."""

    def __init__(self, folder: Path):
        self.root, self.learn = folder / "checkout", folder / "learn"
        self.token = secrets.token_hex(8)
        self.environment = (
            checkout.make(self.root)
            | {
                "WORKBOOK_LEARN": str(self.learn),
                "WORKBOOK_BUILD": str(folder / "build"),
                "WORKBOOK_WARM_IDLE": "60",  # seconds after which the parent of this copy ends, when no kernel is left
                "JUPYTER_CONFIG_DIR": str(folder / "jupyter"),  # nothing of the user's own settings
                "JUPYTER_DATA_DIR": str(folder / "jupyter-data"),
                "JUPYTER_RUNTIME_DIR": str(folder / "jupyter-runtime"),
            }
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        options = f"--allow-root --ServerApp.port={port} --ServerApp.ip=127.0.0.1 --IdentityProvider.token={self.token}"
        self.log = (folder / "lab.log").open("w")
        self.process = subprocess.Popen(
            self._command("learn", "--no-browser"),
            cwd=self.root,
            env=self.environment | {"WORKBOOK_LAB": options},
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        try:
            self._wait()
        except AssertionError:
            self.stop()
            raise

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "helpers.workbook.cli", *words]

    def _wait(self) -> None:
        end = time.monotonic() + ANSWER
        while time.monotonic() < end:
            try:
                return httpx.get(
                    f"{self.url}/api/status?token={self.token}", trust_env=False
                ).raise_for_status()
            except httpx.HTTPError:
                assert self.process.poll() is None, Path(self.log.name).read_text()
                time.sleep(0.1)
        raise AssertionError(f"JupyterLab does not answer: {Path(self.log.name).read_text()}")

    def workbook(self, *words: str) -> str:
        """What the command says, in this learner's checkout."""
        done = subprocess.run(
            self._command(*words), cwd=self.root, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def until_said(self, sentence: str, *words: str) -> None:
        """Call the command until it says so: it asks JupyterLab, where what was closed is gone only a moment later."""
        end = time.monotonic() + ANSWER
        while sentence not in (said := self.workbook(*words)):
            assert time.monotonic() < end, said
            time.sleep(0.2)

    def rewrite(self, file: str, old: str, new: str) -> None:
        """Change a lesson upstream."""
        path = self.root / "notebooks" / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def stop(self) -> None:
        for number in signal.SIGTERM, signal.SIGKILL:
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):  # ended; hangs
                os.killpg(self.process.pid, number)
                self.process.wait(60)
                break
        self.log.close()


class Desk:
    """What a learner does in the page."""

    def __init__(self, page: Page, lab: Lab):
        self.page, self.lab = page, lab

    def open(self, place: str = "lab") -> None:
        self.page.goto(f"{self.lab.url}/{place}?token={self.lab.token}", timeout=60_000)
        expect(self.page.locator("#jp-main-dock-panel")).to_be_visible()

    def open_lesson(self, path: str) -> None:
        """Open a copy and wait for its kernel; what is run before JupyterLab has one is not run at all."""
        self.open(f"lab/tree/{path}")
        status = self.page.locator("#jp-main-statusbar")  # of the tab in front, once it is this one
        expect(status).to_contain_text(path.split("/")[-1])
        expect(status).to_contain_text("| Idle", timeout=START)

    @property
    def notebook(self):
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    def cell(self, text: str):
        """The first code cell that holds this text."""
        return self.notebook.locator(".jp-CodeCell", has_text=text).first

    def menu(self, name: str, item: str) -> None:
        self.page.get_by_role("menuitem", name=name, exact=True).click()
        self.page.locator(".lm-Menu-item", has_text=item).first.click()

    def accept(self) -> None:
        """The dialog's default answer."""
        self.page.locator(".jp-Dialog .jp-mod-accept").click()

    def write(self, cell, code: str) -> None:
        """Replace a cell's code, by keyboard."""
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(code)

    def run(self, cell) -> None:
        """Run a cell by keyboard and wait until it has run; its prompt shows [*] from the key press on."""
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        prompt = cell.locator(".jp-InputPrompt")
        cells.wait(self.page, lambda _: re.fullmatch(r"\[\d+\]:", prompt.inner_text()))

    def run_all(self, within: float = float("inf")) -> None:
        """Run all cells and wait until each has run. Raises cells.Still if one doesn't, or not in so many seconds."""
        last = cells.read(self.page).last
        self.menu("Run", "Run All Cells")
        cells.wait(self.page, lambda now: now.cells and all(cell.number > last for cell in now.cells), within)

    def restart(self, how: str = "Restart Kernel…") -> None:
        """Restart the kernel and wait until the new one is there."""
        with self.page.expect_response(re.compile("/api/kernels/.*/restart"), timeout=START):
            self.menu("Kernel", how)
            self.accept()
        expect(self.page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=START)

    def save(self) -> None:
        self.page.keyboard.press("Control+s")
        expect(self.page.locator(".lm-TabBar-tab.lm-mod-current.jp-mod-dirty")).to_have_count(0)


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "after(test, …): lives on what these tests of its module left; skipped if one did not pass"
    )
    config.stash[PASSED] = set()


def pytest_runtest_setup(item):
    for name in (name for mark in item.iter_markers("after") for name in mark.args):
        assert hasattr(item.module, name), f"there is no {name} to come after"
        if (item.path, name) not in item.config.stash[PASSED]:
            pytest.skip(f"lives on {name}, which did not pass")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" and report.passed:
        item.config.stash[PASSED].add((item.path, item.name))
    if report.failed and "browser" in item.funcargs:
        folder = evidence.leave(item, item.funcargs["browser"], item.funcargs.get("lab"))
        report.sections.append(("pages, cells and log", str(folder)))
    return report


def chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found and os.environ.get("CI"):
        pytest.fail("CI needs a Chromium: .ci/run installs it")
    return found or pytest.skip("no Chromium here: `apt-get install chromium`")


@pytest.fixture(scope="module")
def browser():
    path = chromium()
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=QUIET.split())


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    """One JupyterLab for the tests of a module, which go through a learner's day in order."""
    found = Lab(tmp_path_factory.mktemp("lab"))
    yield found
    found.stop()


@pytest.fixture
def desk(browser, lab):
    """A page; when the test ends, no request has left the machine and nothing went wrong in the page unseen."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    out, errors = [], []
    page.on(
        "request", lambda r: out.append(r.url) if not r.url.startswith((lab.url, "data:", "blob:")) else None
    )
    # what JupyterLab itself lets through: when a kernel restarts with messages under way; and, from its manager of
    # widgets, when a kernel is shut down before it was asked for the widgets that it holds
    usual = "Canceled future", "No current kernel"
    page.on("pageerror", lambda error: any(x in str(error) for x in usual) or errors.append(str(error)))
    yield Desk(page, lab)
    page.close()
    assert not [url for url in out if not url.startswith(lab.url.replace("http", "ws"))] and not errors
