"""Running lessons: outcomes told truthfully, results kept whole, unchanged work not done again."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import nbformat
import psutil
import pytest
from runs import WORKBOOK, cell, lesson, notebook, ran

from helpers import ROOT, imports
from helpers.syllabus import UsageError
from helpers.workbook import parameters, pool, report, run, stamp, tasks
from helpers.workbook.execute import Job, execute
from helpers.workbook.outcomes import Limits, Result
from helpers.workbook.page import html
from helpers.workbook.store import Store

# ---- the outcomes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "outcome", "said"),
    [
        ("x = 1", "ok", ""),
        ("def f():\n    return 1 / 0\nf()", "cell error", "ZeroDivisionError: division by zero"),
        ("import time; time.sleep(99)", "cell time-out", "import time; time.sleep(99)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "dead kernel", "died of SIGKILL"),
        ("import os; os.kill(os.getpid(), 40)", "dead kernel", "died of signal 40"),
        ("x = b'x' * 1_200_000_000; import time; time.sleep(60)", "dead kernel", "over the limit of 1 GB"),
    ],
)
def test_a_lesson_ends_as_what_it_is(code, outcome, said):
    limits = Limits(cell=3 if outcome == "cell time-out" else 60, lesson=120, memory=1)
    result = execute(Job("x", notebook("print(6 * 7)", code), limits=limits))
    assert result.outcome == outcome
    assert said in result.detail
    assert "42" in str(nbformat.reads(result.notebook, 4).cells), "what was executed before is kept"


def test_a_lesson_whose_cells_are_short_but_many_ends_at_the_lessons_limit():
    result = execute(Job("x", notebook(*["import time; time.sleep(1)"] * 9), limits=Limits(cell=3, lesson=3)))
    assert result.outcome == "lesson time-out"
    assert "3 s" in result.detail


def test_what_was_executed_before_a_failure_is_in_the_page_and_the_notebook():
    result = execute(Job("x", notebook("print('before')", "1 / 0", "print('after')")))
    page = html(result.notebook, "x")
    assert "before" in page and "ZeroDivisionError" in page
    outputs = [c.get("outputs") for c in nbformat.reads(result.notebook, 4).cells if c.cell_type == "code"]
    assert outputs[0] and not outputs[-1]


def test_a_page_needs_no_network_to_be_read():
    page = html(execute(Job("x", notebook("1"))).notebook, "x")
    import re

    assert not re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(?:https?:)?//', page)


def test_a_lesson_is_blocked_by_what_it_needs_and_says_why(small_syllabus):
    small_syllabus({"1.1": lesson("1"), "1.2": lesson("2")}, needs={"broken": "math:no_such_function"})
    results, executed = ran()
    assert executed == ["broken"]
    assert results["1.1"].outcome == results["1.2"].outcome == "blocked"
    assert "broken: cell error" in results["1.1"].detail and "ImportError" in results["1.1"].detail


def test_what_is_needed_by_two_is_made_once_and_not_at_all_when_nothing_is_left_to_run(
    small_syllabus, tmp_path
):
    (tmp_path / "made").touch()
    small_syllabus({"1.1": lesson("1"), "1.2": lesson("2")}, needs={"thing": "platform:node"})
    assert ran()[1] == ["1.1", "1.2", "thing"]
    assert ran()[1] == []


def test_of_all_that_may_run_the_longest_is_next_even_when_it_had_to_wait(tmp_path):
    def task(name, seconds, **more):
        return tasks.Task(name, name, name, lambda: notebook("1"), seconds=seconds, **more)

    todo = [
        task("c", 1),
        task("b", 2),
        task("a", 3),
        task("d", 9, needs=("r",)),
        task("r", 0, is_resource=True),
    ]
    ended = []
    run.run(
        todo,
        Store(tmp_path / "runs"),
        jobs=1,
        told=lambda event, task, _: ended.append(task.name) if event == "end" else None,
    )
    assert ended == ["r", "a", "d", "b", "c"], "d was free once a had begun"


# ---- what is kept ---------------------------------------------------------------------------------------------------


def test_only_what_has_changed_or_failed_runs_again(small_syllabus):
    texts = {"1.1": lesson("print('one')"), "1.2": lesson("print('two')"), "1.3": lesson("1 / 0")}
    small_syllabus(texts)
    results, executed = ran()
    assert [results[i].outcome for i in texts] == ["ok", "ok", "cell error"]
    assert ran()[1] == ["1.3"]
    small_syllabus({**texts, "1.2": lesson("print('other')")})
    assert ran()[1] == ["1.2", "1.3"]
    assert ran(["1.1"], fresh=True)[1] == ["1.1"]


def test_every_declared_parameter_reaches_its_notebook(small_syllabus):
    small_syllabus({"1.1": lesson("print(seed, sizes)")})
    ran(["1.1"], {"seed": 7, "sizes": [3, 4]})
    page = Path(os.environ["WORKBOOK_BUILD"], "report/pages/1.1.html").read_text()
    assert "7 [3, 4]" in page
    assert ran(["1.1"], {"seed": 8})[1] == ["1.1"], "other parameters are another result"


def test_each_row_of_a_table_has_a_result_of_its_own(small_syllabus, tmp_path):
    small_syllabus({"1.1": lesson("print('seed', seed * 2)")})
    (tmp_path / "t.csv").write_text("seed\n21\n50\n")
    results, _ = ran(["1.1"], rows=parameters.table(tmp_path / "t.csv"))
    assert list(results) == ["1.1-row-001", "1.1-row-002"]
    pages = [Path(os.environ["WORKBOOK_BUILD"], f"report/pages/{name}.html").read_text() for name in results]
    assert "seed 42" in pages[0] and "seed 100" in pages[1]


def test_ones_own_notebook_runs_again_when_a_helper_or_the_lock_has_changed(tmp_path, monkeypatch):
    (tmp_path / "own.ipynb").write_text(notebook("%load_ext autoreload", "from helpers import figures"))
    house = tmp_path / "house"
    for name in ("helpers/figures.py", *stamp.ENVIRONMENT):
        (house / name).parent.mkdir(parents=True, exist_ok=True)
        (house / name).write_text("1")
    monkeypatch.setattr(imports, "ROOT", house)
    monkeypatch.setattr(stamp, "ROOT", house)
    keys = []
    for name in (None, "helpers/figures.py", "requirements.lock"):
        if name:
            (house / name).write_text("2")
        keys.append(tasks.tasks([str(tmp_path / "own.ipynb")], {})[0].key)
    assert len(set(keys)) == 3


def test_a_damaged_result_is_made_again(small_syllabus):
    small_syllabus({"1.1": lesson("1")})
    ran()
    (Store().path(tasks.tasks(["1.1"], {})[0].key) / "result.json").write_text('{"outcome": "o')
    assert ran()[1] == ["1.1"]


# ---- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "9.9"], "no lesson '9.9'. Known lessons: 1.1"),
        (["run", "1.1", "-p", "sead=1"], "no parameter 'sead'. Its parameters: "),
        (["run", "1.1", "-p", "seed"], "'seed' is not of the form name=value"),
        (["run", "1.1", "--each", "nowhere.csv"], "nowhere.csv can't be read"),
        (["run", "nowhere.ipynb"], "nowhere.ipynb is not there"),
        (["run", "1.1", "-p", "seed=abc"], "1.1 takes a whole number for seed, as its"),
        (["run", "1.1", "--scheduler", "tcp://127.0.0.1:9"], "No Dask scheduler answers"),
        (["learn", "9.9"], "no lesson '9.9'"),
    ],
)
def test_bad_words_are_answered_in_one_line_that_says_what_to_do(words, said, own_build):
    done = subprocess.run([*WORKBOOK, *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert said in done.stderr and len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("content", ["", "seed\n", "seed,sizes\n1\n", "seed\n1,2\n"])
def test_a_table_that_is_not_one_is_refused(content, tmp_path):
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(UsageError, match="table|Row"):
        parameters.table(tmp_path / "t.csv")


@pytest.mark.parametrize(
    "content",
    [b"seed\n\xfc\n", b"seed\n1\x00\n", b"seed,sizes, seed\n1,2,3\n"],
    ids=["latin-1", "nul", "twice"],
)
def test_a_table_that_would_be_misread_is_refused(content, tmp_path):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(UsageError, match="not CSV in UTF-8|two columns 'seed'"):
        parameters.table(tmp_path / "t.csv")


def test_a_table_of_excels_names_its_first_column_as_it_reads(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfseed,full\r\n7,FALSE\r\n")
    assert parameters.table(tmp_path / "t.csv") == [{"seed": 7, "full": False}]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("7", 7), ("1e-3", 0.001), (".5", 0.5), ("20_000", 20_000), ("true", True), ("False", False)],
        *[
            ("null", None),
            ("[1, 2]", [1, 2]),
            ("['a']", ["a"]),
            ('{"a": 1}', {"a": 1}),
            ('"7"', "7"),
            ("", ""),
        ],
        *[(text, text) for text in ("N3EUAA", "2013-01-01", "12:30", "NO", "007", "{1, 2}", "1j", "[a")],
    ],
)
def test_a_value_is_what_json_or_python_writes_and_else_text(text, value):
    found = parameters.assignments([f"seed={text}"])["seed"]
    assert found == value and type(found) is type(value)


def test_an_output_folder_that_cant_be_made_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("WORKBOOK_BUILD", str(tmp_path / "file" / "build"))
    with pytest.raises(UsageError, match="WORKBOOK_BUILD"):
        Store()


def test_a_full_disk_is_said_and_what_has_finished_is_kept(small_syllabus, tmp_path):
    """A real full disk: a small tmpfs where we may mount one, else the error the system would give."""
    small_syllabus({"1.1": lesson("1"), "1.2": lesson("2")})
    store = Store()
    ran(["1.1"])
    before = sorted(p.name for p in store.folder.iterdir())
    result = execute(Job("x", notebook("1")))
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(UsageError, match="could not be stored"):
            store.put("other", replace(result, notebook="x" * 10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(p.name for p in store.folder.iterdir()) == before


def test_a_run_whose_results_cant_be_stored_ends_soon_in_one_line(tmp_path):
    runs = tmp_path / "build/runs"
    breaks = f"import pathlib; p = pathlib.Path({str(runs)!r}); p.rename(p.with_name('old')); p.touch()"
    for name, code in {"a": breaks, "c": "import time; time.sleep(70)"}.items():
        (tmp_path / f"{name}.ipynb").write_text(notebook(code))
    call = [*WORKBOOK, "run", *(str(tmp_path / f"{name}.ipynb") for name in "ac")]
    done = subprocess.run(call, env=contained(tmp_path, "build"), capture_output=True, text=True)
    assert done.returncode == 2
    assert "could not be stored" in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert not done.stdout, "nothing was stored, so nothing is said to have ended; c is not waited for"


def test_a_report_or_a_time_that_cant_be_stored_is_said(small_syllabus):
    small_syllabus({"1.1": lesson("1")})
    store = Store()
    (store.folder.parent / "report").touch()
    with pytest.raises(UsageError, match="The report can't be written"):
        report.write([], {}, store)
    shutil.rmtree(store.folder)
    with pytest.raises(UsageError, match="time could not be stored"):
        store.took("1.1", 1.0)


# ---- stored, then said ----------------------------------------------------------------------------------------------


def test_what_is_said_to_have_ended_is_stored_before_any_page_is_made(small_syllabus, monkeypatch):
    small_syllabus({"1.1": lesson("1"), "1.2": lesson("2")})
    said, order = [], []

    def told(event, task, result):
        said.append((event, task.name))
        assert event != "end" or Store().get(task.key).outcome == "ok"
        assert event != "end" or Store().notebook(task.key)

    def slow(notebook, title):
        order.append(list(said))
        return html(notebook, title)

    monkeypatch.setattr(run, "html", slow)
    run.run(tasks.tasks([], {}), Store(), told=told)
    assert [event for event, _ in said].count("end") == 2 and all(order)


def test_a_run_that_is_ended_after_it_said_so_has_stored_it_and_the_page_is_made_later(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.ipynb").write_text(notebook(f"print('in {name}')"))
    environment = contained(tmp_path, "build")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sitecustomize.py").write_text(
        "import helpers.workbook.page, os, signal\n"
        "helpers.workbook.page.html = lambda *_: os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    call = [*WORKBOOK, "run", "a.ipynb", "b.ipynb", "--jobs", "1"]
    path = os.pathsep.join([str(tmp_path / "bin"), str(ROOT)])
    ended = subprocess.run(
        call, cwd=tmp_path, env={**environment, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert ended.returncode == -signal.SIGTERM and "✓ a " in ended.stdout, ended.stderr
    results = {path: path.stat().st_ino for path in (tmp_path / "build/runs").glob("*/result.json")}
    assert len(results) == ended.stdout.count("✓")
    again = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert again.returncode == 0 and "✓ a " not in again.stdout
    assert {path: path.stat().st_ino for path in results} == results, "made once"
    assert "in a" in (tmp_path / "build/report/pages/a.html").read_text(), "made later"


# ---- killed ---------------------------------------------------------------------------------------------------------


def family(folder: Path) -> list[psutil.Process]:
    """What is left of runs with their output and scratch folders in this one: told by environment or current folder.

    A warm kernel keeps its parent's environment in /proc, so it is known by where it runs.
    """
    found = []
    for process in psutil.process_iter():
        try:
            places = [process.environ().get("WORKBOOK_BUILD", ""), process.cwd()]
            another = process.pid != os.getpid() and process.name() != "warm-parent"
            if another and process.status() != psutil.STATUS_ZOMBIE:
                found += [process] if any(place.startswith(str(folder)) for place in places) else []
        except psutil.Error:
            continue
    return found


def contained(folder: Path, name: str) -> dict:
    """An environment in which a run keeps output and scratch in this folder, and shares the machine's warm parent."""
    (folder / "scratch").mkdir(exist_ok=True)
    runtime = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return {
        **os.environ,
        "WORKBOOK_BUILD": str(folder / name),
        "TMPDIR": str(folder / "scratch"),
        "XDG_RUNTIME_DIR": runtime,
    }


def test_the_search_for_left_processes_sees_a_warm_kernel(tmp_path):
    (tmp_path / "n.ipynb").write_text(notebook("import time; time.sleep(30)"))
    call = [*WORKBOOK, "run", str(tmp_path / "n.ipynb")]
    with subprocess.Popen(call, env=contained(tmp_path, "build"), stdout=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 60
        names = set()
        while "warm-kernel" not in names and time.monotonic() < deadline:
            names = {process.name() for process in family(tmp_path)}
            time.sleep(0.2)
        running.kill()
    assert "warm-kernel" in names


def test_killed_twenty_times_at_random_moments_a_run_goes_on_from_where_it_was(tmp_path):
    """What goes on is killed again, up to four times, before it is left to end: then it is checked, and the next begins."""
    chance, kept_at_least_once = random.Random(2013), 0
    for i in range(4):
        nbformat.write(
            nbformat.reads(notebook(f"import time; time.sleep(0.3); print({i})"), 4), tmp_path / f"n{i}.ipynb"
        )
    run = [*WORKBOOK, "run", *(str(tmp_path / f"n{i}.ipynb") for i in range(4))]
    kept, kills = {}, 0
    for round_ in range(20):
        if not kills:
            build = tmp_path / f"build{round_}"
            environment = contained(tmp_path, build.name)
        running = subprocess.Popen(run, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if round_ % 2:  # in the midst of it, however slow the machine: some moment after the next result
            while running.poll() is None and len(results(build)) == len(kept):
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 0.5))
        else:
            time.sleep(chance.uniform(0.2, 5.0))
        running.send_signal(signal.SIGKILL)
        running.wait()
        deadline = time.monotonic() + 10
        while (left := family(tmp_path)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not left, f"left behind: {[p.cmdline() for p in left]}"
        before, kept, kills = kept, results(build), kills + 1
        assert before.items() <= kept.items(), "a finished result was made again"
        for path in kept:
            assert json.loads(path.read_text())["outcome"] == "ok"
            nbformat.read(path.with_name("notebook.ipynb"), 4)
        kept_at_least_once += 0 < len(kept) < 4
        if kills == 4 or len(kept) == 4 or round_ == 19:
            done = subprocess.run(run, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            assert kept.items() <= results(build).items(), "a finished result was made again"
            assert len(results(build)) == 4
            assert not list((build / "runs").glob(".part-*"))
            kept, kills = {}, 0
    assert kept_at_least_once >= 2, "the moments were not random enough to test anything"


def results(build: Path) -> dict[Path, int]:
    """The results a run has stored, and which file each is."""
    return {path: path.stat().st_ino for path in (build / "runs").glob("*/result.json")}


def test_ctrl_c_says_that_the_same_command_goes_on(tmp_path):
    (tmp_path / "n.ipynb").write_text(notebook("import time; time.sleep(60)"))
    running = subprocess.Popen(
        [*WORKBOOK, "run", str(tmp_path / "n.ipynb")],
        env=contained(tmp_path, "build"),
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(4)
    running.send_signal(signal.SIGINT)
    assert running.wait(20) == 130
    assert "goes on from there" in running.stderr.read()
    time.sleep(2)
    assert not family(tmp_path)


# ---- a cluster ------------------------------------------------------------------------------------------------------


@pytest.fixture
def scheduler(tmp_path):
    """A Dask scheduler on a free port of this machine; yields its address and a function that starts a worker."""
    file = tmp_path / "scheduler.json"
    started = []

    def start(*words):
        call = [
            sys.executable,
            "-m",
            "distributed.cli.dask_" + words[0],
            *words[1:],
            "--scheduler-file",
            str(file),
        ]
        call += ["--no-dashboard", "--host", "127.0.0.1"]
        started.append(
            subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path)
        )
        return started[-1]

    start("scheduler", "--port", "0")
    deadline = time.monotonic() + 30
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    yield json.loads(file.read_text())["address"], lambda: start("worker", "--nthreads", "1", "--no-nanny")
    for process in started:
        process.kill()
        process.wait()


def once_there_is_a_worker(call):
    """The call's result, as soon as the scheduler has a worker to give it to."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return call()
        except UsageError:
            assert time.monotonic() < deadline, "the worker never came"
            time.sleep(0.2)


def test_a_cluster_by_address_runs_lessons_as_the_local_pool_does(small_syllabus, scheduler):
    address, start_worker = scheduler
    small_syllabus({"1.1": lesson("print('on the cluster')")})
    with pytest.raises(UsageError, match="has no workers"):
        ran(scheduler=address)
    start_worker()
    results, executed = once_there_is_a_worker(lambda: ran(scheduler=address))
    assert executed == ["1.1"] and results["1.1"].outcome == "ok"
    assert "on the cluster" in Path(os.environ["WORKBOOK_BUILD"], "report/pages/1.1.html").read_text()


def test_a_lesson_whose_worker_is_killed_runs_on_another(tmp_path, own_build, scheduler):
    address, start_worker = scheduler
    first, mark = start_worker(), tmp_path / "started"
    code = f"import pathlib, time; pathlib.Path({str(mark)!r}).touch(); time.sleep(2); print('done')"
    (tmp_path / "n.ipynb").write_text(notebook(code))

    def kill_when_running():
        while not mark.exists():
            time.sleep(0.1)
        start_worker()
        first.kill()

    threading.Thread(target=kill_when_running, daemon=True).start()
    todo = tasks.tasks([str(tmp_path / "n.ipynb")], {})
    results = once_there_is_a_worker(lambda: run.run(todo, Store(), scheduler=address))
    assert [r.outcome for r in results.values()] == ["ok"]


def test_two_runs_on_one_scheduler_do_not_get_each_others_results(tmp_path, scheduler):
    """Of the same lesson, with other parameters and other places to store, while the first one's is still running."""
    address, start_worker = scheduler
    start_worker()
    go = tmp_path / "go"
    code = f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.1)\nprint('seed', seed)"
    (tmp_path / "n.ipynb").write_text(notebook(cell("seed = 1", "parameters"), code))

    def run_with(seed):
        todo = tasks.tasks([str(tmp_path / "n.ipynb")], {"seed": seed})
        store = Store(tmp_path / f"runs-{seed}")
        once_there_is_a_worker(
            lambda: run.run(todo, store, scheduler=address, told=lambda *said: started.append(said))
        )
        return (store.path(todo[0].key) / "notebook.ipynb").read_text()

    started: list = []
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(run_with, seed) for seed in (111, 222)]
        while len(started) < 2:
            time.sleep(0.1)
        go.touch()
    assert "seed 111" in both[0].result() and "seed 222" in both[1].result()


# ---- a lesson's process and the store, by themselves -----------------------------------------------------------------


@pytest.mark.parametrize(
    "dies", ["exit 3", """read job; printf '{"outcome": "ok", "notebook": "{'; kill -9 $$"""]
)
def test_a_process_that_dies_before_it_reads_its_job_or_while_it_answers_is_a_dead_kernel(
    dies, tmp_path, monkeypatch
):
    (tmp_path / "python").write_text(f"#!/bin/sh\n{dies}\n")
    (tmp_path / "python").chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr("helpers.workbook.execute.asdict", lambda job: time.sleep(0.5) or asdict(job))
    result = execute(Job("x", notebook("1")))  # written when the process has long ended
    assert result.outcome == "dead kernel" and "2 times" in result.detail


def test_a_large_job_is_read_in_large_pieces():
    code = """
from pathlib import Path
from helpers.workbook import engine
engine.papermill = lambda job, guards: engine.Result("ok", Path("/proc/self/io").read_text())
engine.main()
"""
    job = json.dumps({"name": "x", "notebook": "x" * 1_000_000, "limits": {}}).encode() + b"\n"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        child.stdin.write(job)
        child.stdin.flush()
        said = json.loads(child.stdout.read())["detail"]
    assert int(said.split("syscr:")[1].split()[0]) < 500_000


@pytest.mark.parametrize("kernelspec", [None, {"name": "conda-env-gone-py", "display_name": "Gone"}])
def test_a_notebook_that_names_no_kernel_or_one_that_is_not_there_runs_in_ours(kernelspec):
    made = nbformat.reads(notebook("print(7 * number)"), 4)
    del made.metadata["kernelspec"]
    if kernelspec:
        made.metadata.kernelspec = kernelspec
    result = execute(Job("x", nbformat.writes(made), {"number": 6}))
    assert result.outcome == "ok", result.detail
    assert "42" in html(result.notebook, "x")


def test_runs_that_store_the_same_at_once_do_not_fail(own_build):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: Store().put("same", Result("ok", str(i))), range(100)))
    assert Store().get("same").outcome == "ok"
    assert not list(Store().folder.glob(".part-*"))


def test_killed_between_taking_away_the_old_result_and_storing_the_new_one_has_a_result(
    own_build, monkeypatch
):
    Store().put("same", Result("ok", "old"))
    rename = os.rename

    def killed(source, target):
        if Path(target).name == "same":
            raise KeyboardInterrupt
        rename(source, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "getpid", lambda: 2**22 + 1)  # of a process that is no more
        patch.setattr(os, "rename", killed)
        Store().put("same", Result("ok", "new"))
    store = Store()
    assert store.get("same").detail == "new"
    assert [path.name for path in store.folder.iterdir() if not path.name.startswith(".")] == ["same"]
    assert not list(store.folder.glob(".part-*")) and not (store.path("same") / "old").exists()


def test_a_result_that_cant_take_the_old_ones_place_leaves_it_there(own_build, monkeypatch):
    Store().put("same", Result("ok", "old"))
    rename = os.rename

    def full(source, target):
        if Path(target).name == "same" and Path(source).name != "old":
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(UsageError, match="No space left"):
        Store().put("same", Result("ok", "new"))
    assert Store().get("same").detail == "old"


def test_a_worker_that_cant_run_a_lesson_is_its_result_and_the_others_run(small_syllabus, monkeypatch):
    small_syllabus({"1.1": lesson("1"), "1.2": lesson("2")})

    def fails(job, tries=2):
        if job.name == "1.1":
            raise OSError(24, "Too many open files")
        return Result("ok", notebook=job.notebook)

    monkeypatch.setattr(pool, "execute", fails)
    results, _ = ran()
    assert results["1.1"].outcome == "dead kernel" and "Too many open files" in results["1.1"].detail
    assert results["1.2"].outcome == "ok"
