"""Warm kernels: as good as cold ones, none left behind, whoever is killed.

Most tests use a parent that preloads no more than ipykernel, in a private folder of their own.
"""

import contextlib
import errno
import json
import os
import random
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import nbformat
import psutil
import pytest
import websocket
from ipykernel.kernelspec import write_kernel_spec
from jupyter_client.manager import KernelManager
from runs import alive

from helpers import ROOT
from helpers.desk import lab
from helpers.syllabus import UsageError
from helpers.workbook import cli, kernelspec, warm_parent, warm_socket

SOON = 30  # seconds: at once, on a machine that is busy; what a test leaves to be ended would run for 90 and more

CLIENT = """
import sys, time
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name="python3")
print(manager.provisioner.pid, manager.provisioner.warm, manager.ip, flush=True)
"""


@pytest.fixture(scope="module")
def shared():
    """A runtime folder for all tests here that leave its parent alive."""
    yield from runtime()


@pytest.fixture
def own():
    """A runtime folder for a test that ends its parent."""
    yield from runtime()


def runtime():
    folder = tempfile.mkdtemp(prefix="wb")
    settings = {
        "XDG_RUNTIME_DIR": folder,
        "WORKBOOK_WARM_PRELOAD": "ipykernel.kernelapp,numpy,psutil",
        "WORKBOOK_WARM": "1",
        "WORKBOOK_WARM_WAIT": "30",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        patch.delenv("WORKBOOK_KERNEL", raising=False)
        yield Path(folder)
        warm_parent.stop()
    left = named("warm-parent", folder) + named("warm-guardian", folder)
    assert gone(*(process.pid for process in left)), left
    shutil.rmtree(folder)


@contextlib.contextmanager
def kernel(**launch):
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(**launch)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=30)
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def says(client, code, timeout=30):
    """What `code` prints in the kernel."""
    printed = []

    def note(message):
        content = message["content"]
        printed.append(content.get("text") or "\n".join(content.get("traceback", [])))

    client.execute_interactive(code, timeout=timeout, output_hook=note)
    return "".join(printed).strip()


def parents(folder):
    """The pids of the parents that have their sockets in this runtime folder."""
    pids = [int(lock.read_text() or 0) for lock in folder.glob("workbook-*/*.lock")]
    return [pid for pid in pids if pid and psutil.pid_exists(pid)]


def named(name, folder):
    """The processes of that name that write to the log of a parent in this runtime folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() == name and any(str(folder) in file.path for file in process.open_files()):
                found.append(process)
    return found


def gone(*pids, within=SOON):
    """Whether none of these processes is left within so many seconds; a zombie is gone."""
    end = time.monotonic() + within
    while any(map(alive, pids)):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def started(code, cold=False, **env):
    """A client in a process of its own, the pid of its kernel, and the folder of the kernel's sockets."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **env},
        stdin=subprocess.PIPE,
    )
    pid, is_warm, address = process.stdout.readline().split()
    assert is_warm == str(not cold)
    return process, int(pid), Path(address).parent


# A fork is as good as a new process


REPORT = """
import json, os, psutil, resource, signal, sys
print(json.dumps({
    "argv": sys.argv, "path": sys.path, "flags": str(sys.flags).replace("dont_write_bytecode=0", "dont_write_bytecode=1"), "bytecode": sys.dont_write_bytecode,
    "cwd": os.getcwd(), "umask": os.umask(0o22), "cpus": sorted(os.sched_getaffinity(0)), "nice": os.nice(0),
    "limits": resource.getrlimit(resource.RLIMIT_NOFILE), "environment": dict(os.environ),
    "signals": {int(n): str(signal.getsignal(n)) for n in signal.valid_signals() - {signal.SIGINT}},
    "blocked": list(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
    "own session": os.getsid(0) == os.getpid() == os.getpgid(0),
    "main": [sys.modules["__main__"] is sys.modules[__name__], hasattr(sys.modules["__main__"], "PRELOAD")],
    "history": get_ipython().history_manager.hist_file, "hash": hash("a"),
    "stdin": os.read(0, 1).decode(), "project": [m for m in sys.modules if m.startswith("helpers")],
    "sockets": len(psutil.Process().net_connections("unix")),
}))
"""


def test_a_fork_finds_what_a_cold_kernel_finds(shared, tmp_path, monkeypatch):
    monkeypatch.setenv("A_NEW_ONE", "1")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    reports = []
    for setting in "1", "0":
        monkeypatch.setenv("WORKBOOK_WARM", setting)
        with kernel(cwd=str(tmp_path)) as (manager, client):
            assert manager.provisioner.warm is (setting == "1")
            reports.append(json.loads(says(client, REPORT)))
    warm_one, cold_one = reports
    for report in reports:
        assert report["environment"].pop("WORKBOOK_KERNEL") == ("warm" if report is warm_one else "cold")
        assert report["environment"].pop("WORKBOOK_WARM")
        assert report["argv"].pop(2)  # the connection file
        # what this process ignores (under nohup, SIGHUP), a cold kernel does too
        for number in signal.valid_signals():
            if signal.getsignal(number) == signal.SIG_IGN:
                report["signals"].pop(str(int(number)), None)
    assert warm_one == cold_one
    assert warm_one["cwd"] == str(tmp_path)
    assert warm_one["environment"]["A_NEW_ONE"] == "1"
    assert warm_one["project"] == []


def test_a_fork_takes_over_its_clients_limits(shared):
    limit, cpus = resource.getrlimit(resource.RLIMIT_NOFILE), os.sched_getaffinity(0)
    with kernel():
        pass  # now there is a parent, without them
    mask = os.umask(0o77)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, limit[1]))
        os.sched_setaffinity(0, {min(cpus)})
        with kernel() as (manager, client):
            said = says(client, "import os, resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0],"
                                " os.sched_getaffinity(0), oct(os.umask(0)))")  # fmt: skip
    finally:
        os.umask(mask)
        os.sched_setaffinity(0, cpus)
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    assert manager.provisioner.warm and said == f"200 {{{min(cpus)}}} 0o77"


def test_a_fork_ignores_no_signals_as_the_starter_of_the_parent_did(own):
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        with kernel() as (_, client):
            assert (
                says(client, "import signal; print(signal.getsignal(signal.SIGUSR1))") == "Handlers.SIG_DFL"
            )
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_fork_keeps_what_imports_have_set_in_the_environment(own, module):
    module("import os; os.environ['SET_ON_IMPORT'] = 'yes'")
    with kernel() as (_, client):
        assert says(client, "import os, preloaded; print(os.environ['SET_ON_IMPORT'])") == "yes"


def test_a_fork_writes_where_it_is_told_to(shared, tmp_path):
    with (
        (tmp_path / "out").open("w") as out,
        kernel(stdout=out, stderr=subprocess.DEVNULL) as (manager, client),
    ):
        assert manager.provisioner.warm  # under pytest, ipykernel leaves 1 and 2 as they are
        says(client, "import os; os.write(1, b'stdout'); os.write(2, b'stderr');")
    assert (tmp_path / "out").read_text() == "stdout"


def test_no_two_forks_draw_the_same_random_numbers(shared):
    draws = set()
    for _ in range(2):
        with kernel() as (_, client):
            draws.add(says(client, "import numpy, random; print(numpy.random.rand(), end=' ')").split()[0])
            draws.add(says(client, "print(random.random())"))
    assert len(draws) == 4


def test_a_library_that_logs_since_before_the_fork_is_read_in_the_notebook(own, module):
    module("import logging; logging.getLogger('library').addHandler(logging.StreamHandler())")
    with kernel() as (manager, client):
        assert manager.provisioner.warm
        says(client, "import logging, preloaded, sys; handler = logging.getLogger('library').handlers[0]")
        assert says(client, "print(handler.stream is sys.stderr)") == "True"


def test_a_kernel_talks_over_private_sockets_warm_or_cold(shared, monkeypatch):
    for setting in "1", "0":
        monkeypatch.setenv("WORKBOOK_WARM", setting)
        with kernel() as (manager, client):
            folder = Path(manager.ip).parent
            assert manager.transport == "ipc" and folder.is_relative_to(shared)
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert len(list(folder.iterdir())) == 5
        assert not folder.exists()


def test_an_address_set_by_the_user_is_kept(shared):
    manager = KernelManager(kernel_name="python3", shell_port=0, ip="127.0.0.1", transport="ipc")
    manager.ip = str(shared / "mine")
    manager.start_kernel()
    try:
        assert manager.ip == str(shared / "mine")
    finally:
        manager.shutdown_kernel(now=True)


# The life of a kernel


def test_an_interrupt_reaches_the_running_cell_and_leaves_the_kernel_alive(shared):
    with kernel() as (manager, client):
        says(client, "x = 1")
        request = client.execute("print('on', flush=True); import time; time.sleep(60)", stop_on_error=False)
        while client.get_iopub_msg(timeout=10)["msg_type"] != "stream":
            pass
        manager.interrupt_kernel()
        reply = client.get_shell_msg(timeout=10)
        while reply["parent_header"]["msg_id"] != request:
            reply = client.get_shell_msg(timeout=10)
        assert reply["content"]["ename"] == "KeyboardInterrupt"
        assert "1" in says(client, "print(x)")


def test_a_restart_gives_a_new_fork_at_the_same_address(shared):
    with kernel() as (manager, client):
        says(client, "x = 1")
        before = manager.provisioner.pid, manager.connection_file, manager.get_connection_info()
        manager.restart_kernel()
        client.wait_for_ready(timeout=30)
        assert "NameError" in says(client, "x")
        after = manager.provisioner.pid, manager.connection_file, manager.get_connection_info()
        assert manager.provisioner.warm
        assert gone(before[0]) and after[0] != before[0] and after[1:] == before[1:]


def test_a_shutdown_is_in_time_and_in_order(shared, tmp_path):
    with kernel() as (manager, client):
        process, manager.shutdown_wait_time = manager.provisioner.process, 2 * SOON
        says(
            client, f"import atexit, pathlib; atexit.register(pathlib.Path({str(tmp_path / 'bye')!r}).touch)"
        )
        manager.shutdown_kernel()
        assert (tmp_path / "bye").exists()
        assert process.returncode == 0, "after half the time it would have been terminated"
        assert not manager.is_alive()


@pytest.mark.parametrize(
    "end, status", [("os._exit(3)", 3), ("os.kill(os.getpid(), 9)", -9), ("os.abort()", -6)]
)
def test_a_kernel_that_dies_is_seen_dead_at_once_with_its_status(shared, end, status):
    with kernel() as (manager, client):
        process, began = manager.provisioner.process, time.monotonic()
        client.execute(f"import os; {end}")
        while manager.is_alive():
            assert time.monotonic() - began < SOON
            time.sleep(0.02)
        assert process.returncode == status


def test_no_request_that_arrives_while_a_reply_leaves_is_lost(shared):
    """ipykernel 7.0 to 7.3 lose the wake-up of one in a few hundred, and wait for ever: Run All stalls."""
    pause = random.Random(0)
    with kernel() as (_, client):
        for _ in range(3):
            client.execute("pass", silent=True)
        for _ in range(1000):
            client.get_shell_msg(timeout=SOON)  # raises Empty where one was lost
            time.sleep(pause.uniform(0, 0.002))
            client.execute("pass", silent=True)


# Nothing is left behind, whoever is killed


LEAVE = """
import subprocess, sys
sleep = [sys.executable, "-c", "import time; time.sleep(99)"]
print(subprocess.Popen(sleep).pid, subprocess.Popen(sleep, start_new_session=True).pid, end=" ", flush=True)
daemon = "import subprocess as s, sys; print(s.Popen(sys.argv[1:], stdout=s.DEVNULL, stderr=s.DEVNULL).pid)"
print(subprocess.run([sys.executable, "-c", daemon, *sleep], start_new_session=True, capture_output=True, text=True).stdout)
"""


def leave(client):
    """Have the kernel start a process in its group, one in its own session, and one that it is not the parent of."""
    return list(map(int, says(client, LEAVE).split()))


def test_a_dead_kernel_takes_along_what_it_started(shared):
    with kernel() as (manager, client):
        left = leave(client)
        assert not gone(*left, within=0.5) and len(left) == 3
        os.kill(manager.provisioner.pid, signal.SIGKILL)
        assert gone(*left)


def test_a_kernel_ends_with_its_killed_client(shared):
    code = (
        CLIENT
        + f"client.execute({LEAVE!r})\nwhile True:\n    m = client.get_iopub_msg()\n    print(m['content'].get('text', ''), flush=True)"
    )
    process, pid, folder = started(code)
    left = []
    while len(left) < 3:
        left += map(int, process.stdout.readline().split())
    process.kill()
    assert gone(pid, *left)
    assert vanishes(folder)


def test_a_kernel_ends_with_its_client_that_forgot_to_shut_it_down(shared):
    process, pid, folder = started(CLIENT + "import os; os._exit(0)")
    process.wait()
    assert gone(pid) and vanishes(folder)


def test_a_kernel_ends_with_its_client_even_if_a_fork_of_that_lives(shared):
    code = (
        CLIENT
        + """
import os
if not (fork := os.fork()):
    time.sleep(99)
print(fork, flush=True)
time.sleep(99)
"""
    )
    process, pid, folder = started(code)
    fork = int(process.stdout.readline())
    process.kill()
    assert gone(pid) and vanishes(folder)
    assert psutil.pid_exists(fork)
    os.kill(fork, signal.SIGKILL)


def test_a_kernel_ends_with_its_killed_guardian(shared):
    with kernel() as (manager, client):
        process = manager.provisioner.process
        group = leave(client)[:1]
        # no thread of the kernel runs meanwhile
        client.execute("import ctypes; ctypes.PyDLL(None).sleep(90)")
        time.sleep(0.2)
        psutil.Process(process.pid).parent().kill()
        assert gone(process.pid)
        assert not manager.is_alive() and process.returncode == -9
        assert gone(*group)


def test_a_kernel_lives_on_without_the_parent(own):
    with kernel() as (manager, client):
        (parent,) = parents(own)
        os.kill(parent, signal.SIGKILL)
        assert gone(parent)
        process = manager.provisioner.process
        assert says(client, "print(6 * 7)") == "42"
        with kernel() as (other, _):
            assert other.provisioner.warm and len(parents(own)) == 1 and parents(own) != [parent]
        client.execute("import os; os._exit(3)")
        assert process.wait() == 3


def vanishes(path, within=SOON):
    end = time.monotonic() + within
    while path.exists() and time.monotonic() < end:
        time.sleep(0.02)
    return not path.exists()


def test_sockets_of_a_killed_client_of_a_cold_kernel_go_at_the_next_start(shared, monkeypatch):
    process, pid, folder = started(CLIENT, cold=True, WORKBOOK_WARM="0")
    process.kill()
    process.wait()
    assert gone(pid) and folder.exists()
    with kernel():
        assert not folder.exists()


# The parent


def test_clients_that_race_get_one_parent(own):
    clients = [
        subprocess.Popen([sys.executable, "-c", CLIENT], stdout=subprocess.PIPE, text=True) for _ in range(6)
    ]
    said = [client.communicate(timeout=60)[0].split() for client in clients]
    assert [is_warm for _, is_warm, _ in said] == ["True"] * 6
    assert len({pid for pid, _, _ in said}) == 6
    assert len(named("warm-parent", own)) == 1


def test_a_parent_is_not_started_while_another_process_is_at_it(own):
    name = warm_socket.parent({})
    with open(f"{name}.lock", "a") as lock:
        assert warm_socket.acquired(lock)
        assert not warm_socket.start(name, {}) and not Path(f"{name}.sock").exists()


def test_the_parent_holds_nothing_of_who_started_it(own):
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", CLIENT], stdin=subprocess.PIPE, capture_output=True, check=True)
    assert time.monotonic() - began < 90  # or else it held the pipe, and this waited for its end
    (pid,) = parents(own)
    parent = psutil.Process(pid)
    assert parent.cwd() == "/" and parent.terminal() is None and os.getsid(pid) != os.getsid(0)
    assert parent.ppid() == 1 or parent.ppid() != os.getpid()
    assert not {"WORKBOOK_WARM_WAIT", "XDG_RUNTIME_DIR", "PYTEST_CURRENT_TEST"} & set(parent.environ())
    files = {os.readlink(f"/proc/{pid}/fd/{file}") for file in os.listdir(f"/proc/{pid}/fd")}
    assert not [file for file in files if file.startswith(("pipe", "/dev/pts"))]


def test_a_parent_without_kernels_ends_and_one_with_does_not(own, monkeypatch):
    monkeypatch.setenv("WORKBOOK_WARM_IDLE", "1")
    with kernel():
        (parent,) = parents(own)
        assert not gone(parent, within=2)
    assert gone(parent)
    with kernel() as (manager, _):
        assert manager.provisioner.warm and parents(own) != [parent]


def test_a_parent_prepared_beforehand_serves_the_kernels_that_follow(own):
    warm_socket.prepare()
    while not (prepared := parents(own)):
        time.sleep(0.02)
    warm_socket.prepare()
    with kernel() as (manager, _):
        assert manager.provisioner.warm and parents(own) == prepared


def test_where_kernels_start_cold_no_parent_is_prepared(own, monkeypatch):
    monkeypatch.setenv("WORKBOOK_WARM", "0")
    monkeypatch.setattr(warm_socket, "start", lambda *given: pytest.fail("starts a parent"))
    warm_socket.prepare()


def test_stop_ends_the_parent_at_once(own):
    with kernel() as (_, client):
        (parent,) = parents(own)
        assert warm_parent.stop() == 1 and gone(parent)
        assert says(client, "print(6 * 7)") == "42"
    assert warm_parent.stop() == 0


def test_stop_ends_a_parent_that_is_importing(own, module):
    module("import time; time.sleep(60)")
    client = subprocess.Popen([sys.executable, "-c", CLIENT], stdout=subprocess.DEVNULL)
    while not parents(own):
        time.sleep(0.02)
    (parent,) = parents(own)
    client.kill()
    client.wait()
    assert warm_parent.stop() == 1 and gone(parent)


@pytest.fixture
def module(own, monkeypatch):
    """Have the parent preload a module of this text."""
    monkeypatch.setenv("WORKBOOK_WARM_PRELOAD", "ipykernel.kernelapp,preloaded")
    monkeypatch.setenv("PYTHONPATH", str(own))
    return (own / "preloaded.py").write_text


def test_kernels_that_differ_in_what_libraries_read_have_different_parents():
    env = {"HOME": "/home/a", "TF_ENABLE_ONEDNN_OPTS": "0", "PATH": "/bin"}
    name = warm_socket.parent(env)
    assert warm_socket.parent({**env, "PATH": "/usr/bin", "PYTHONUNBUFFERED": "1", "HOMEPAGE": "x"}) == name
    for other in (
        {"TF_ENABLE_ONEDNN_OPTS": "1"},
        {"PYTHONPATH": "/a"},
        {"OMP_NUM_THREADS": "1"},
        {"LC_ALL": "C"},
    ):
        assert warm_socket.parent({**env, **other}) != name


def test_a_changed_environment_has_another_parent(monkeypatch):
    name = warm_socket.parent({})
    monkeypatch.setattr(os, "listdir", lambda folder: ["tfx-1.17.0.dist-info"])
    assert warm_socket.parent({}) != name


# Cold, where warm can't be


def cold(caplog, **launch):
    """Start a kernel, which must be cold and work; what the log says."""
    caplog.clear()
    with kernel(**launch) as (manager, client):
        assert manager.provisioner.warm is False
        assert says(client, "import os; print(os.environ['WORKBOOK_KERNEL'])") == "cold"
    return caplog.text


def test_a_kernel_starts_cold_when_told_to(own, monkeypatch, caplog):
    monkeypatch.setenv("WORKBOOK_WARM", "0")
    assert "kernel starts cold: WORKBOOK_WARM=0" in cold(caplog)
    assert not parents(own)


def test_a_kernel_in_a_warm_kernel_starts_cold_where_there_is_no_parent(own, monkeypatch, caplog):
    monkeypatch.setenv("WORKBOOK_KERNEL", "warm")
    assert "would end with it" in cold(caplog)
    monkeypatch.delenv("WORKBOOK_KERNEL")
    with kernel():
        monkeypatch.setenv("WORKBOOK_KERNEL", "warm")
        with kernel() as (manager, _):
            assert manager.provisioner.warm


def test_a_kernel_starts_cold_where_the_parent_breaks_and_soon_after(own, module, caplog):
    module("import os; os._exit(1)")
    assert "ended before it forked" in cold(caplog)
    assert "did not start lately" in cold(caplog)
    warm_parent.stop()
    module("")
    with kernel() as (manager, _):
        assert manager.provisioner.warm


def test_a_kernel_starts_cold_where_the_parent_imports_too_long(own, module, monkeypatch, caplog):
    monkeypatch.setenv("WORKBOOK_WARM_WAIT", "0.5")
    module("import time; time.sleep(3)")
    assert "still importing" in cold(caplog)
    monkeypatch.setenv("WORKBOOK_WARM_WAIT", "30")
    with kernel() as (manager, client):
        assert manager.provisioner.warm
        assert len(named("warm-guardian", own)) == 1, "the one asked for too early was started after all"


def test_a_module_that_fails_to_import_keeps_nobody_from_being_warm(own, module):
    module("import no_such_module")
    with kernel() as (manager, client):
        assert manager.provisioner.warm
        assert "no_such_module" in says(client, "import preloaded")


def test_a_folder_that_others_can_enter_is_not_used(own, caplog):
    warm_socket.private_folder().chmod(0o755)
    with kernel() as (manager, _):
        assert manager.transport == "tcp" and not manager.provisioner.warm
    assert "others can enter" in caplog.text
    next(own.glob("workbook-*")).chmod(0o700)


def test_a_folder_too_deep_for_sockets_is_not_used(own, tmp_path, monkeypatch, caplog):
    deep = tmp_path / ("deep" * 25)
    deep.mkdir()
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    cold(caplog)
    assert "kernel over TCP" in caplog.text and "too long" in caplog.text


def test_a_folder_that_is_a_link_or_a_file_is_not_used(own, tmp_path):
    folder = warm_socket.private_folder()
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(warm_socket.NotPrivate):
        warm_socket.private_folder()
    folder.unlink()
    folder.touch(mode=0o600)
    with pytest.raises(warm_socket.NotPrivate):
        warm_socket.private_folder()
    folder.unlink()


def test_a_kernel_starts_cold_where_a_fork_would_be_another_thing(shared, monkeypatch, caplog):
    assert "makes no pipes" in cold(caplog, stdout=subprocess.PIPE)
    assert "knows no close_fds" in cold(caplog, close_fds=True)
    monkeypatch.setenv("PYTHONPATH", "helpers")
    assert "relative folders" in cold(caplog)


def test_a_folder_that_is_missing_is_the_same_error_as_without_the_parent(shared, tmp_path):
    with pytest.raises(FileNotFoundError):
        KernelManager(kernel_name="python3").start_kernel(cwd=str(tmp_path / "missing"))


# The kernelspec


def test_an_installed_kernelspec_has_no_problems_and_an_altered_or_missing_one_has(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share" / "jupyter"))
    assert "has no kernelspec" in kernelspec.problems(tmp_path)[0]
    file = kernelspec.install(tmp_path)
    assert kernelspec.problems(tmp_path) == []
    assert [path.name for path in file.parent.iterdir()] == ["kernel.json"]
    file.write_text(file.read_text().replace('"PYTHONHASHSEED": "0"', '"PYTHONHASHSEED": "1"'))
    assert "was altered" in kernelspec.problems(tmp_path)[0]
    file.write_text("{")
    assert "is not the workbook's" in kernelspec.problems(tmp_path)[0]


def test_a_kernelspec_that_jupyter_finds_first_is_a_problem(tmp_path, monkeypatch):
    file = kernelspec.install(tmp_path)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share" / "jupyter"))
    for said in kernelspec.problems, kernelspec.heal:
        (problem,) = said()
        assert str(file.parent) in problem


@pytest.fixture
def by_hand(tmp_path, monkeypatch):
    """An environment's kernelspec after an installation of ipykernel by hand: ipykernel's own."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share" / "jupyter"))
    write_kernel_spec(kernelspec.path(tmp_path).parent)
    return kernelspec.path(tmp_path)


def test_a_kernelspec_overwritten_by_an_ipykernel_is_said_with_cause_consequence_and_remedy(
    by_hand, tmp_path
):
    (problem,) = kernelspec.problems(tmp_path)
    assert "installation of ipykernel by hand" in problem and "start cold" in problem
    assert f"Run `{tmp_path}/bin/python -m helpers.workbook.kernelspec`" in problem


def test_an_overwritten_kernelspec_is_healed_in_one_line_and_one_that_was_altered_is_left(by_hand, tmp_path):
    (line,) = kernelspec.heal(tmp_path)
    assert "ipykernel by hand" in line and "\n" not in line
    assert kernelspec.problems(tmp_path) == [] == kernelspec.heal(tmp_path)
    altered = by_hand.read_text().replace('"PYTHONHASHSEED": "0"', '"PYTHONHASHSEED": "1"')
    by_hand.write_text(altered)
    assert kernelspec.heal(tmp_path) == [] and by_hand.read_text() == altered
    by_hand.unlink()
    assert kernelspec.heal(tmp_path) and kernelspec.problems(tmp_path) == []


def test_where_an_overwritten_kernelspec_cant_be_healed_one_line_says_that_kernels_are_cold(
    by_hand, tmp_path, monkeypatch
):
    def refuse(prefix):
        raise PermissionError(errno.EACCES, "Permission denied")  # root may write anywhere: no mode would do

    monkeypatch.setattr(kernelspec, "install", refuse)
    (line,) = kernelspec.heal(tmp_path)
    assert (
        line.startswith("Kernels are cold: ") and "ipykernel by hand" in line and "Permission denied" in line
    )


def test_an_environment_without_the_provisioner_is_left_alone(by_hand, tmp_path, monkeypatch):
    before = by_hand.read_text()
    monkeypatch.setattr(kernelspec, "PROVISIONER", "of-another-project")
    (line,) = kernelspec.heal(tmp_path)
    assert "Install the project again" in line and by_hand.read_text() == before


@pytest.mark.parametrize("command", [["learn", "--no-browser"], ["run", "9.9"], ["record", "9.9"]])
def test_a_command_that_starts_kernels_says_first_that_its_kernelspec_was_overwritten(
    command, monkeypatch, capsys
):
    monkeypatch.setattr(kernelspec, "heal", lambda: ["The kernelspec was overwritten."])
    monkeypatch.setattr(lab, "open_lab", lambda lesson, browser: None)
    monkeypatch.setattr(sys, "argv", ["workbook", *command])
    with contextlib.suppress(UsageError, SystemExit):  # there is no lesson 9.9
        cli.app()
    assert capsys.readouterr().err == "The kernelspec was overwritten.\n"


def test_a_look_at_the_kernelspec_imports_nothing_slow():
    code = "import sys; from helpers.workbook import kernelspec; kernelspec.heal(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"jupyter_client", "tornado", "zmq", "tensorflow"} & set(done.stdout.split())


def test_the_kernelspec_is_written_without_third_parties():
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import helpers.workbook.kernelspec"], cwd=ROOT, check=False
    )
    assert done.returncode == 0


# The programs that start kernels


WARM_CELL = "import os\nprint(os.environ['WORKBOOK_KERNEL'])"


@pytest.fixture
def notebook(tmp_path):
    """The path of a notebook whose recorded output says that its kernel was warm."""
    output = nbformat.v4.new_output("stream", name="stdout", text="warm\n")
    cell = nbformat.v4.new_code_cell(WARM_CELL, outputs=[output], execution_count=1)
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}
    path = tmp_path / "notebook.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=metadata), path)
    return path


def test_papermill_runs_a_notebook_warm(shared, notebook, tmp_path):
    import papermill

    executed = papermill.execute_notebook(notebook, tmp_path / "executed.ipynb", progress_bar=False)
    assert executed.cells[0].outputs[0].text == "warm\n"


def test_nbval_compares_a_notebook_warm(shared, notebook):
    nbval = [sys.executable, "-m", "pytest", "--nbval", "-p", "no:cacheprovider", notebook.name]
    done = subprocess.run(nbval, cwd=notebook.parent, capture_output=True, text=True)
    assert "1 passed" in done.stdout
    notebook.write_text(notebook.read_text().replace("warm\\n", "cold\\n"))
    done = subprocess.run(nbval, cwd=notebook.parent, capture_output=True, text=True)
    assert "1 failed" in done.stdout


class Lab:
    """A running JupyterLab: its REST interface, and a kernel's channels."""

    def __init__(self, folder):
        command = "-m jupyterlab --no-browser --allow-root --ServerApp.port=0 --IdentityProvider.token=secret"
        env = {**os.environ, "JUPYTER_RUNTIME_DIR": str(folder), "JUPYTER_CONFIG_DIR": str(folder / "config")}
        self.log = (folder / "lab.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, *command.split(), f"--ServerApp.root_dir={folder}"],
            env=env,
            stdout=self.log,
            stderr=self.log,
        )
        end = time.monotonic() + 60
        while not (found := list(folder.glob("jpserver-*.json"))):
            assert time.monotonic() < end and self.process.poll() is None, (folder / "lab.log").read_text()
            time.sleep(0.1)
        time.sleep(0.1)
        self.url = json.loads(found[0].read_text())["url"]

    def call(self, path, /, **body):
        answer = httpx.post(f"{self.url}api/{path}?token=secret", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def channels(self, kernel):
        url = self.url.replace("http", "ws", 1)
        return websocket.create_connection(f"{url}api/kernels/{kernel}/channels?token=secret", timeout=30)

    def run(self, channels, code, until="idle"):
        """Execute; returns what it printed or the name of its error."""
        header = {
            "msg_id": os.urandom(8).hex(),
            "msg_type": "execute_request",
            "username": "",
            "session": "s",
        }
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
        }
        message = {
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
            "channel": "shell",
        }
        channels.send(json.dumps(message))
        return self.read(channels, header["msg_id"], until)

    @staticmethod
    def read(channels, request, until="idle"):
        said = ""
        while True:
            message = json.loads(channels.recv())
            content = message["content"]
            if message["parent_header"].get("msg_id") == request:
                said += content.get("text", "") or (
                    content.get("ename", "") if message["channel"] == "iopub" else ""
                )
                if content.get("execution_state") == until or (until != "idle" and until in said):
                    return said if until == "idle" else request


def test_jupyterlab_runs_interrupts_and_restarts_a_kernel_and_takes_it_along_when_killed(shared, tmp_path):
    lab = Lab(tmp_path)
    try:
        kernel_id = lab.call("kernels", name="python3", path="")["id"]
        channels = lab.channels(kernel_id)
        assert (
            lab.run(channels, "import os; x = os.getpid(); print(os.environ['WORKBOOK_KERNEL'])") == "warm\n"
        )
        first = int(lab.run(channels, "print(x)"))
        request = lab.run(channels, "print('on', flush=True); import time; time.sleep(60)", until="on")
        lab.call(f"kernels/{kernel_id}/interrupt")
        assert lab.read(channels, request) == "KeyboardInterrupt"
        assert int(lab.run(channels, "print(x)")) == first
        lab.call(f"kernels/{kernel_id}/restart")
        assert lab.run(channels, "print(x)") == "NameError"
        second = int(
            lab.run(channels, "print(os.getpid() if 'os' in globals() else __import__('os').getpid())")
        )
        assert second != first and gone(first) and psutil.Process(second).name() == "warm-kernel"
        os.kill(second, signal.SIGKILL)  # Jupyter restarts it by itself
        third = None
        while third in (None, second):
            channels = lab.channels(kernel_id)
            third = int(lab.run(channels, "import os; print(os.getpid())") or second)
        lab.process.kill()
        assert gone(third)
    finally:
        lab.process.kill()
        lab.process.wait()
        lab.log.close()


# The real parent


LESSON = """
import time
began = time.monotonic()
import tensorflow_transform, tensorflow_data_validation, tensorflow_model_analysis, pandas, matplotlib.pyplot
from tfx import v1
import numpy, os, tensorflow as tf
took = time.monotonic() - began
tf.keras.utils.set_random_seed(2013)
x = numpy.random.rand(500, 200).astype("float32")
model = tf.keras.Sequential([tf.keras.layers.Dense(64, activation="relu"), tf.keras.layers.Dense(1)])
model.compile("adam", "mse")
history = model.fit(tf.data.Dataset.from_tensor_slices((x, x[:, :1])).shuffle(500).batch(20).prefetch(2), verbose=0)
print(tf.keras.__version__, history.history, model.predict(x, verbose=0).sum(), (x @ x.T).sum(), numpy.log(x).std())
"""


def test_a_warm_kernel_has_tfx_imported_and_computes_to_the_last_digit_what_a_cold_one_does(
    shared, monkeypatch
):
    monkeypatch.delenv("WORKBOOK_WARM_PRELOAD")
    monkeypatch.setenv("WORKBOOK_WARM_WAIT", "120")
    said = []
    for setting in "1", "0":
        monkeypatch.setenv("WORKBOOK_WARM", setting)
        with kernel() as (manager, client):
            assert manager.provisioner.warm is (setting == "1")
            said.append(says(client, LESSON, timeout=120).splitlines()[-1])
            assert (float(says(client, "print(took)")) < 1) is (setting == "1")
    assert said[0] == said[1] and said[0].startswith("3.")
