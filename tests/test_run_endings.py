"""How lessons end, told as it is; what they print, kept as far as it is of use; what they start, ended with them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from runs import alive, cell, notebook, outputs

from helpers.workbook import collect, guard
from helpers.workbook.execute import Job, Limits, execute
from helpers.workbook.page import html


def ended(*cells, **limits):
    return execute(Job("x", notebook(*cells), limits=Limits(**{"cell": 60, "lesson": 120, **limits})))


# ---- a cell that ends the lesson, or may fail -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "outcome", "said"),
    [
        (["1", "exit()", "3", "4"], "cell error", "Cell 2 ended the lesson by exit() or quit(); 2 cells after it were not"),
        (["1", "import sys; sys.exit(0)", "3"], "cell error", "Cell 2 ended the lesson by sys.exit(); 1 cell after it was not"),
        (["1", "import os; os._exit(0)", "3"], "dead kernel", "Cell 2: the kernel's process was ended, with status 0, as os._exit"),
        (["1", "quit()"], "ok", ""),
        (["1", "import sys; sys.exit(3)", "3"], "cell error", "Cell 2: SystemExit: 3"),
    ],
    ids=["exit", "sys.exit", "os._exit", "last", "status"],
)  # fmt: skip
def test_a_cell_that_ends_the_lesson_is_named_with_the_cells_not_run(cells, outcome, said):
    result = ended(*cells)
    assert result.outcome == outcome and said in result.detail, result.detail
    assert outcome == "ok" or "not run" in result.detail or "SystemExit" in result.detail


def test_a_cell_tagged_raises_exception_may_raise_and_the_lesson_goes_on():
    """As in JupyterLab, nbclient and nbval; and what comes after it is told as ever."""
    expected = cell("1 / 0", "raises-exception")
    result = ended(expected, "print(6 * 7)")
    assert (result.outcome, result.detail) == ("ok", "")
    assert [out.output_type for out in outputs(result)] == ["error", "stream"]
    assert "papermill-error" not in result.notebook
    result = ended(expected, "raise ValueError('\\x1b[31mred\\x1b[0m and\\x07\\nmore')", "3")
    assert (result.outcome, result.detail) == ("cell error", "Cell 2: ValueError: red and")


# ---- output ---------------------------------------------------------------------------------------------------------


def test_output_without_end_is_named_and_kept_to_a_megabyte():
    result = ended("import time; print('before')", "while True: print('x' * 100_000); time.sleep(0.01)")
    assert result.outcome == "cell error" and "Cell 2 has output without end" in result.detail
    before, kept = outputs(result)
    assert (
        before.text == "before\n" and kept.text.startswith("xxx") and kept.text.endswith(f"{collect.MORE}\n")
    )
    assert 1_000_000 <= len(kept.text) < 1_001_000


def test_a_cell_that_is_stopped_while_it_prints_and_prints_is_said_to():
    code = "import time\nprint('x' * 2_000_000)\nwhile True: print(1); time.sleep(.01)"
    result = ended(code, cell=3)
    assert result.outcome == "cell time-out" and "Cell 1 has more output than is kept" in result.detail


def test_of_much_output_each_kind_is_kept_in_part_and_the_lesson_is_ok():
    result = ended(
        "for i in range(300): print('x' * 9999, flush=True)",  # many pieces become one
        "import sys; print('y' * 3_000_000, file=sys.stderr)",
        "'z' * 3_000_000",
        "from IPython.display import HTML, clear_output, display\nfor i in range(30): display(HTML('h' * 1_000_000))",
        "for i in range(30): print('p' * 100_000); clear_output()\nprint('last')",
        "shown = display('a', display_id=True)\nfor i in range(30): shown.update('u' * 100_000)\nshown.update('last')",
        "raise ValueError('e' * 3_000_000)",
    )
    assert "Cell 7: ValueError: eee" in result.detail
    long, err, value, *displays, last, updated, error = outputs(result)
    assert last.text == "last\n" and updated.data["text/plain"] == "'last'"
    for text in (long.text, err.text, value.data["text/plain"], error.evalue):
        assert 1_000_000 <= len(text) < 1_001_000 and text.endswith(f"{collect.MORE}\n")
    assert 9 <= len(displays) <= 11 and displays[-1].data == {"text/plain": collect.MORE}


def test_who_collects_the_output_counts_towards_the_memory_limit():
    result = ended("import psutil, time; print(psutil.Process().memory_info().rss); time.sleep(2)")
    assert result.peak * 1e9 > int(outputs(result)[0].text) + 50e6, "papermill alone takes more"


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg=="


def test_a_bundle_that_is_not_of_the_type_it_says_loses_neither_notebook_nor_page():
    wrong = [{"text/html": {"a": 1}}, {"image/png": "no base64!"}, {"image/png": "aGVsbG8="}, {"text/plain": ["a", 1]},
             {"image/svg+xml": 3}, {"image/jpeg": PNG}, {"x/y": None, "text/plain": "fine"}]  # fmt: skip
    right = [{"image/png": PNG}, {"application/json": {"a": [1]}}, {"application/x.y+json": [1, "a"]}]
    code = f"from IPython.display import display\nfor data in {[*wrong, *right]}: display(data, raw=True)"
    result = ended(code, "print('after')")
    assert (result.outcome, result.detail) == ("ok", "")
    shown = [dict(out.data) for out in outputs(result)[:-1]]
    assert [data["text/plain"] for data in shown[: len(wrong)]] == [
        *(f"[not kept, since it is not of that type: {next(iter(data))}]" for data in wrong[:-1]),
        "fine\n[not kept, since it is not of that type: x/y]",
    ]
    assert shown[len(wrong) :] == right
    assert "after" in html(result.notebook, "x")


def test_what_no_kernel_should_send_loses_nothing_of_what_came_before():
    code = "get_ipython().kernel.session.send(get_ipython().kernel.iopub_socket, 'stream', {}, parent=get_ipython().kernel.get_parent())"
    result = ended("print('before')", code)
    assert result.outcome == "dead kernel" and "could not be read" in result.detail
    assert "before" in result.notebook


# ---- what a lesson starts -------------------------------------------------------------------------------------------

DAEMON = """
import os, pathlib, subprocess, time
def note():
    pathlib.Path({path!r}).with_suffix(".part").write_text(str(os.getpid()))
    os.rename(pathlib.Path({path!r}).with_suffix(".part"), {path!r})
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        {rest}
    os._exit(0)
while not os.path.exists({path!r}): time.sleep(0.01)
"""
FORKED = "note(); time.sleep(600)"
HOLDS = "note(); x = b'x' * 1_500_000_000; time.sleep(600)"
KILLS_ITS_PARENT = (
    f"os.kill(os.getppid(), {signal.SIGKILL:d}); time.sleep(60)"  # its guardian; cold: the lesson's process
)


def is_gone(path: Path, within: float = 30) -> bool:
    pid, end = int(path.read_text()), time.monotonic() + within
    while alive(pid):
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            return False
        time.sleep(0.1)
    return True


@pytest.mark.parametrize("warm", ["1", "0"], ids=["warm", "cold"])
def test_a_daemon_ends_with_the_lesson_even_if_its_keeper_is_killed(warm, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_WARM", warm)
    code = DAEMON.format(path=str(tmp_path / "pid"), rest=FORKED)
    execute(Job("x", notebook(code, KILLS_ITS_PARENT)), tries=1)
    assert is_gone(tmp_path / "pid")


@pytest.mark.parametrize("warm", ["1", "0"], ids=["warm", "cold"])
def test_a_daemon_counts_towards_the_memory_limit(warm, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_WARM", warm)
    result = ended(DAEMON.format(path=str(tmp_path / "pid"), rest=HOLDS), "time.sleep(60)", memory=1.4)
    assert result.outcome == "dead kernel" and "over the limit" in result.detail
    assert is_gone(tmp_path / "pid")


@pytest.fixture
def shared():
    """A name in shared memory that is free, and is so again afterwards."""
    path = Path(f"/dev/shm/workbook-test-{os.getpid()}")
    yield path
    for left in path.parent.glob(f"{path.name}*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def test_an_output_folder_in_shared_memory_stays(shared, monkeypatch):
    monkeypatch.setenv("WORKBOOK_BUILD", str(shared))
    code = "file = (build() / 'cached').open('w'); print('x', file=file, flush=True); time.sleep(2)"
    ended(f"import time; from helpers import build; {code}")
    assert (shared / "cached").read_text() == "x\n"


# Each is open for a while: who made one that is closed at once, nothing tells
WRITES = """
import time
for i in range(30):
    with open({path!r} + str(i), 'wb') as file:
        file.write(b'x' * 150_000_000)
        time.sleep(0.5)
time.sleep(60)
"""
MAPS = "from multiprocessing.shared_memory import SharedMemory\nm = SharedMemory({name!r}, create=True, size=1_500_000_000)\nm.buf[:] = bytes(1_500_000_000)\ntime.sleep(60)"


@pytest.mark.parametrize("code", [WRITES, MAPS], ids=["files", "a segment"])
def test_shared_memory_counts_towards_the_limit_and_ends_with_the_lesson(code, shared):
    (shared.with_name(f"{shared.name}-another's")).write_bytes(b"x")
    result = ended(code.format(path=str(shared), name=shared.name), memory=1)
    assert result.outcome == "dead kernel" and "over the limit" in result.detail
    assert [path.name for path in shared.parent.glob(f"{shared.name}*")] == [f"{shared.name}-another's"]


def test_a_file_that_is_made_at_the_last_moment_is_removed_too(shared):
    watch = guard.Guard(Limits())
    writes = f"import time; file = open({str(shared)!r}, 'wb'); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", writes], stdout=subprocess.PIPE) as process:
        process.stdout.readline()  # it is there, and the guard has not looked since
        watch.keeper = psutil.Process(process.pid)
        watch.family = {watch.keeper}
        watch.kill()
    assert process.returncode == -signal.SIGKILL and not shared.exists()


def test_memory_that_processes_share_is_counted_once(shared, monkeypatch):
    """What forks have in common, and a segment that all of them map."""
    monkeypatch.setenv("WORKBOOK_WARM", "0")
    code = f"""
import os, time
from multiprocessing.shared_memory import SharedMemory
m = SharedMemory({shared.name!r}, create=True, size=200_000_000)
m.buf[:] = bytes(200_000_000)
x = b"x" * 200_000_000
for _ in range(5):
    if os.fork() == 0: sum(m.buf[::4096]); time.sleep(600)
time.sleep(2)
"""
    result = ended(code, memory=1)
    assert result.outcome == "ok" and 0.4 < result.peak < 1
    assert not shared.exists()
