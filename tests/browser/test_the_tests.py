"""How the browser's tests wait and fail: as long as something moves, and with something to look at."""

import os
import re
import signal
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import psutil
import pytest
import stalls
from nbformat.v4 import new_code_cell, new_notebook

from browser import cells
from browser.cells import Cell, Cells
from browser.conftest import Lab, chromium
from helpers import ROOT

# ---- waits, on a clock of their own -----------------------------------------------------------------------------------


class Page:
    """Shows one state after the other, a second each, and the last one for ever."""

    def __init__(self, *states):
        self.states, self.clock = list(states), 0.0

    def evaluate(self, script):
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {
            "kernel": state[0],
            "cells": [{"prompt": p, "code": "x", "output": "y" if "1" in p else ""} for p in state[1:]],
        }

    def wait_for_timeout(self, milliseconds):
        self.clock += milliseconds / 1000


@pytest.fixture
def waits(monkeypatch):
    """How long a wait for three numbered cells takes on a page, or what it raises."""
    monkeypatch.setattr(cells, "LOOK", 1000)

    def wait(page, **limits):
        monkeypatch.setattr(cells, "time", SimpleNamespace(monotonic=lambda: page.clock))
        cells.wait(page, lambda now: all(cell.number for cell in now.cells), **limits)
        return page.clock

    return wait


def test_a_wait_goes_on_as_long_as_cells_get_done_however_long_that_takes(waits):
    slow = [["| Idle", "[1]:", "[*]:"]] * (cells.IDLE - 5), [["| Busy", "[1]:", "[*]:"]] * (cells.BUSY - 5)
    assert waits(Page(*slow[0], *slow[1], *slow[0], ["| Idle", "[1]:", "[2]:"])) > cells.BUSY


def test_an_idle_kernel_and_cells_that_wait_are_a_stall_after_a_minute(waits):
    with pytest.raises(
        cells.Still, match=r"Nothing has moved for 61 s: the kernel is Idle, 1 of 3.*2 show \[\*\]"
    ) as e:
        waits(Page(["| Idle", "[*]:", "[*]:", "[*]:"], ["| Idle", "[1]:", "[*]:", "[*]:"]))
    assert e.value.stalled


def test_a_busy_kernel_gets_longer_and_is_no_stall(waits):
    with pytest.raises(cells.Still, match="Nothing has moved for 301 s: the kernel is Busy") as e:
        waits(Page(["| Busy", "[*]:"]))
    assert not e.value.stalled


def test_an_idle_kernel_and_cells_that_were_not_sent_are_no_stall(waits):
    with pytest.raises(cells.Still, match="the kernel is Idle") as e:
        waits(Page(["| Idle", "[1]:", "[ ]:"]))
    assert not e.value.stalled


def test_a_wait_within_a_limit_ends_though_cells_get_done(waits):
    moving = [["| Busy", f"[{i}]:", "[*]:"] for i in range(1, 60)]
    with pytest.raises(cells.Still, match="Not done after 31 s"):
        waits(Page(*moving), within=30)


# ---- stalls.py --------------------------------------------------------------------------------------------------------


class Desk:
    """One on which Run All ends as told."""

    def __init__(self, end):
        self.end = end

    def restart(self, how):
        assert "Clear Outputs" in how

    def run_all(self, within):
        if self.end:
            raise self.end


def test_a_stall_is_counted_and_told_from_other_failures():
    waiting, sent = (Cell("[*]:", "x", ""),), (Cell("[ ]:", "x", ""),)
    assert stalls.run(Desk(None), 9) == "ok"
    assert stalls.run(Desk(cells.Still("Nothing", Cells("| Idle", waiting))), 9).startswith(
        "stalled: Nothing"
    )
    for other in Cells("| Busy", waiting), Cells("| Idle", sent):
        assert stalls.run(Desk(cells.Still("Nothing", other)), 9).startswith("failed: Nothing")


def test_cores_are_kept_busy_and_are_free_afterwards_whoever_is_killed():
    with stalls.busy(2):
        spinning = psutil.Process().children()
        assert len(spinning) == 2
    assert not [process for process in spinning if process.is_running()]
    code = "import psutil, stalls, time\nwith stalls.busy(1):\n    print(psutil.Process().children()[0].pid, flush=True); time.sleep(99)"
    call = [sys.executable, "-c", code]
    with subprocess.Popen(call, cwd=ROOT / "tests", stdout=subprocess.PIPE, text=True) as killed:
        spinner = psutil.Process(int(killed.stdout.readline()))
        killed.kill()
    _, left = psutil.wait_procs([spinner], 60)
    for process in left:
        process.kill()
    assert not left


# ---- in the real JupyterLab -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    """A JupyterLab whose kernels have nothing imported: what is run here needs nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBOOK_WARM_PRELOAD", "ipykernel.kernelapp")
        found = Lab(tmp_path_factory.mktemp("lab"))
    code = ["import os; print(os.getpid())", "'two'", "raise SystemExit('three')"]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = new_notebook(cells=[new_code_cell(text) for text in code], metadata=kernel)
    nbformat.write(notebook, found.learn / "three.ipynb")
    yield found
    found.stop()


def test_a_kernel_that_takes_no_request_is_seen_as_a_stall_and_a_restart_goes_on(desk, monkeypatch):
    monkeypatch.setattr(cells, "IDLE", 5)
    desk.open_lesson("three.ipynb")
    desk.run(desk.cell("os.getpid()"))
    seen = cells.read(desk.page)
    assert seen.idle and [cell.prompt for cell in seen.cells] == ["[1]:", "[ ]:", "[ ]:"]
    pid = int(seen.cells[0].output)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(cells.Still) as still:
        desk.run_all()
    os.kill(pid, signal.SIGCONT)
    assert still.value.stalled and still.value.cells.waiting == 3
    monkeypatch.undo()
    assert stalls.run(desk, 120) == "ok"
    seen = cells.read(desk.page)
    assert [cell.number for cell in seen.cells] == [1, 2, 3] and int(seen.cells[0].output) != pid
    assert "[2]: 'two'" in str(seen) and "SystemExit: three" in str(seen)


# ---- failures ---------------------------------------------------------------------------------------------------------

FAILING = """
import pytest

NOTEBOOK = '''<div id="jp-main-statusbar"><span class="jp-StatusBar-TextItem">Python 3 | Idle</span></div>
<div class="jp-NotebookPanel"><div class="jp-CodeCell"><div class="jp-InputPrompt">[7]:</div>
<div class="cm-line">print("there")</div><div class="jp-OutputArea"><div class="jp-OutputArea-child">there</div></div></div></div>'''

def test_first(browser):
    browser.new_page().set_content(NOTEBOOK)
    assert False, "of no use"

@pytest.mark.after("test_first")
def test_second(): pass

@pytest.mark.after("test_second")
def test_third(): pass

def test_alone(): pass

@pytest.mark.after("test_alone")
def test_after_it(): pass

@pytest.mark.after("test_frist")
def test_mistyped(): pass
"""


def test_a_failure_is_one_failure_and_leaves_a_picture_and_the_cells_in_a_folder_it_names(tmp_path):
    chromium()
    (tmp_path / "test_day.py").write_text(FAILING)
    call = [sys.executable, "-m", "pytest", "-rs", "-p", "browser.conftest", "-p", "no:cacheprovider", "."]
    paths = {"PYTHONPATH": str(ROOT / "tests"), "WORKBOOK_BUILD": str(tmp_path / "build")}
    done = subprocess.run(call, cwd=tmp_path, env={**os.environ, **paths}, capture_output=True, text=True)
    said = done.stdout
    assert "1 failed, 2 passed, 2 skipped, 1 error" in said, said
    assert "lives on test_first, which did not pass" in said and "test_second, which did not" in said
    assert "there is no test_frist to come after" in said
    folder = tmp_path / "build" / "browser" / "test_day" / "test_first"
    assert re.search(rf"- pages, cells and log -+\n{folder}\n", said)
    assert (folder / "page_1.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "cells_1.txt").read_text().splitlines() == [
        "Kernel: Python 3 | Idle",
        '   [7]: print("there")',
        "Last output, of [7]: there",
    ]
