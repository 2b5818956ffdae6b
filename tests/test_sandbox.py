"""A judged call ends when its time is over, whatever it does, and the process that judges lives on with its state."""

import concurrent.futures
import contextlib
import functools
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from jupyter_client.manager import KernelManager

from helpers.environment import ENVIRONMENT
from helpers.exercises import sandbox
from helpers.exercises.forms import Function
from helpers.exercises.plain import NotData

SECONDS = 0.5
OVER = {"input": [3], "error": "had not returned after 0.5 seconds."}


@pytest.fixture
def in_a_thread(monkeypatch):
    """As on a system that can't fork."""
    monkeypatch.setattr(sandbox, "FORKS", False)


def records(function, *probes, seconds=SECONDS):
    """What is written down of calls with these numbers, 3 unless told. It must be long over before a test would time out."""
    before = time.monotonic()
    made = Function([(x,) for x in probes or (3,)], may_raise=True, seconds=seconds).read(function)
    assert time.monotonic() - before < 30
    return made


def forks():
    """The forks of this process that live."""
    here = psutil.Process()
    return [child for child in here.children() if child.cmdline() == here.cmdline()]


# ---- nothing outlasts its time -----------------------------------------------------------------------------------


# ruff: noqa: E722, SIM105, B012 - so learners write it


def loops(x):
    while True:
        x += 1


def bare(x):
    while True:
        try:
            x += 1
        except:
            pass


def bare_and_asleep(x):
    while True:
        try:
            time.sleep(0.01)
        except:
            pass


def base_exception(x):
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(0.01)


def finally_continues(x):
    while True:
        try:
            time.sleep(0.01)
        finally:
            continue


def bare_in_bare(x):
    while True:
        try:
            bare_and_asleep(x)
        except:
            pass


def generator(x):
    def never_done():
        while True:
            try:
                yield time.sleep(0.01)
            except:
                pass

    return list(never_done())


def recursion(x):
    try:
        return recursion(x) + recursion(x)
    except:
        return recursion(x)


def prints(x):
    while True:
        print("again")


def sleeps(x):
    time.sleep(3)


def waits_for_itself(x):
    lock = threading.Lock()
    return lock.acquire() and lock.acquire(timeout=3)


def starts_threads(x):
    for _ in range(3):
        threading.Thread(target=time.sleep, args=(3,), daemon=True).start()
    time.sleep(3)


def starts_a_process(x):
    subprocess.run([sys.executable, "-c", "import time; time.sleep(3)"], check=False)


def deaf(x):
    for number in (signal.SIGALRM, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    loops(x)


class Callable:
    def __call__(self, x):
        return loops(x)


@pytest.mark.parametrize(
    "function",
    [
        loops,
        bare,
        bare_and_asleep,
        base_exception,
        finally_continues,
        bare_in_bare,
        generator,
        recursion,
        prints,
        sleeps,
        waits_for_itself,
        starts_threads,
        starts_a_process,
        deaf,
        Callable(),
        functools.partial(loops),
        lambda x: loops(x),
        lambda x: os.closerange(3, 10_000) or loops(x),
        lambda x: sum(range(10**12)),
        lambda x: 7 ** (7**9),
        lambda x: "x" * 30 + str(max(range(10**12))),
    ],
)
def test_a_call_ends_when_its_time_is_over(function, capsys):
    assert records(function) == [OVER]
    assert forks() == []


@pytest.mark.parametrize(
    "function",
    [loops, bare_and_asleep, base_exception, finally_continues, bare_in_bare, generator, prints, sleeps],
)
def test_without_a_process_of_its_own_a_call_ends_as_well(function, in_a_thread, capsys):
    assert records(function) == [OVER]


@pytest.mark.parametrize("function", [loops, bare_and_asleep, base_exception, finally_continues, generator])
def test_a_thread_whose_time_is_over_does_not_run_on(function, in_a_thread):
    before = set(threading.enumerate())
    records(function)
    for thread in set(threading.enumerate()) - before:
        thread.join(20)
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize(
    "function, ending",
    [
        (lambda x: os._exit(3), "exit status 3"),
        (lambda x: os.kill(os.getpid(), signal.SIGKILL), "Killed"),
        (lambda x: os.abort(), "Aborted"),
        (lambda x: os.kill(os.getpid(), signal.SIGSEGV), "Segmentation fault"),
        (lambda x: os.closerange(3, 10_000), "exit status 0"),
    ],
)
def test_a_call_that_ends_its_process_is_a_verdict(function, ending):
    assert records(function) == [{"input": [3], "error": f"ended the process: {ending}."}]
    with pytest.raises(NotData, match=r"can't be judged yet: `<lambda>\(3\)` ended the process: "):
        Function([(3,)]).read(function)


def test_calls_after_one_that_was_ended_are_made(capsys):
    def function(x):
        return loops(x) if x == 1 else os._exit(1) if x == 2 else x

    said = [record.get("output", record.get("error", "")[:5]) for record in records(function, 0, 1, 2, 3)]
    assert said == [0, "had n", "ended", 3]


def test_sys_exit_and_an_interrupt_are_errors_like_others():
    def interrupts(x):
        raise KeyboardInterrupt

    assert records(lambda x: sys.exit(3))[0]["error"] == "raised SystemExit: 3"
    assert records(interrupts)[0]["error"] == "raised KeyboardInterrupt"


# ---- the process that judges lives on ----------------------------------------------------------------------------


def test_a_memo_lasts_from_call_to_call_and_is_not_seen_afterwards():
    memo = []
    assert [record["output"] for record in records(lambda x: memo.append(x) or len(memo), 5, 5)] == [1, 2]
    assert memo == []


def test_a_call_that_forks_is_written_down_once():
    assert [record["output"] for record in records(lambda x: os.fork() and x, 1, 2)] == [1, 2]


def test_what_a_call_says_is_passed_on_up_to_a_page(capsys):
    def talks(x):
        print("out")
        print("careful", file=sys.stderr)
        print("x" * 2_000)

    records(talks)
    said = capsys.readouterr()
    assert said.out.startswith("out\nxxx") and len(said.out) == 1_000 and said.err == "careful\n"


def test_a_call_that_asks_is_told_that_nobody_answers():
    assert records(lambda x: input("?"))[0]["error"].startswith("raised EOFError")


def test_a_call_that_looks_again_and_again_whether_a_thread_of_the_kernel_is_done_is_made_there():
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pool.submit(int).result()  # the thread is there before the fork

        def polls(x):
            future = pool.submit(lambda: x + 1)
            while not future.done():
                time.sleep(0.0005)
            return future.result()

        assert records(polls, seconds=20) == [{"input": [3], "output": 4}]


@pytest.mark.parametrize("then", [lambda x: x, loops])
def test_what_a_call_writes_to_the_connection_by_which_it_is_judged_is_left_out(then):
    def scribbles(x):
        frame = sys._getframe()
        while "to_parent" not in frame.f_locals:
            frame = frame.f_back
        os.write(
            frame.f_locals["to_parent"].fileno(),
            b'hello\n7\n["stdout"]\n["of", "none"]\n' + b"\x7f" * 99 + b"\n",
        )
        return then(x)

    [record] = records(scribbles)
    assert record == OVER or record == {"input": [3], "output": 3}


def test_where_a_process_cant_be_set_apart_a_call_is_made_all_the_same(monkeypatch):
    def fails():
        raise OSError("no /proc here")

    monkeypatch.setattr(sandbox, "_detach", fails)
    assert records(lambda x: x) == [{"input": [3], "output": 3}]


def test_where_no_process_is_to_be_had_a_call_is_made_all_the_same(monkeypatch):
    def full():
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", full)
    assert records(lambda x: x) == [{"input": [3], "output": 3}]


def test_an_interrupt_of_the_check_ends_the_call():
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        records(loops, seconds=20)
    assert forks() == []


def test_a_call_ends_with_the_process_that_judges():
    code = (
        "import os; from helpers.exercises.forms import Function\n"
        "def told(x):\n    print(os.getpid(), flush=True)\n    while True: pass\n"
        "Function([(1,)], seconds=60).read(told)"
    )
    judging = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    called = psutil.Process(int(judging.stdout.readline()))
    judging.kill()
    judging.wait()
    with contextlib.suppress(psutil.NoSuchProcess):
        called.wait(20)
    judging.stdout.close()


def test_a_connection_of_the_kernel_is_not_spoken_on_by_the_call():
    import socket

    ours, theirs = socket.socketpair()

    def asks(x):
        ours.sendall(b"%d" % x)
        return int(ours.recv(9))

    def answers():
        for _ in range(2):
            theirs.sendall(b"%d" % (int(theirs.recv(9)) + 1))

    thread = threading.Thread(target=answers)
    thread.start()
    assert [record["output"] for record in records(asks, 5, 7, seconds=5)] == [6, 8]
    thread.join(20)


# ---- in a kernel -------------------------------------------------------------------------------------------------

KERNEL = """
from helpers.exercises.forms import Function
from helpers.exercises.plain import NotData
from IPython.display import display
def judge(function, seconds=20):
    try: print(Function([(3,)], seconds=seconds).read(function)[0]["output"])
    except NotData as problem: print(problem)
"""
CELLS = {
    "def fails(x):\n    y = 0\n    return x / y\njudge(fails)": "It failed on line 3 of `fails`: `return x / y`.",
    "def ends(x):\n    import os\n    os.abort()\njudge(ends)": "ended the process: Aborted.",
    "judge(lambda x: sum(range(10**12)), 0.5)": "had not returned after 0.5 seconds.",
    "judge(lambda x: display(x) or 8)": "3\n8",
    "import http.server, httpx, threading\n"
    "class Site(http.server.BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    "        self.send_response(200); self.end_headers(); self.wfile.write(self.path[1:].encode())\n"
    "    def log_message(self, *about): pass\n"
    "site = http.server.HTTPServer(('127.0.0.1', 0), Site)\n"
    "threading.Thread(target=site.serve_forever, daemon=True).start()\n"
    "judge(lambda x: int(httpx.get(f'http://127.0.0.1:{site.server_port}/{x}').text))": "3",
    "import duckdb\nkept = duckdb.connect()\nkept.execute('create table t as select 4 n')\n"
    "judge(lambda x: kept.execute('select n + ? from t', [x]).fetchone()[0])": "7",
    "from sklearn.ensemble import HistGradientBoostingRegressor as Trees\nimport numpy as np\n"
    "trees = Trees(max_iter=2).fit(np.ones((500, 2)), np.ones(500))\n"
    "judge(lambda x: len(trees.predict(np.ones((x, 2)))))": "3",
    "import grpc, threading\nfrom concurrent.futures import ThreadPoolExecutor\n"
    "class Double(grpc.GenericRpcHandler):\n"
    "    def service(self, details):\n"
    "        return grpc.unary_unary_rpc_method_handler(lambda body, context: body * 2)\n"
    "server = grpc.server(ThreadPoolExecutor(1), handlers=(Double(),))\n"
    "port = server.add_insecure_port('127.0.0.1:0')\nserver.start()\n"
    "call = grpc.insecure_channel(f'127.0.0.1:{port}').unary_unary('/a/b')\n"
    "call(b'x')\njudge(lambda x: call(b'x' * x).decode()); print(call(b'y').decode())": "xxxxxx\nyy",
}


@pytest.fixture(scope="module")
def client():
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=os.environ | ENVIRONMENT | {"WORKBOOK_WARM": "0"})
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=120)
    client.execute_interactive(KERNEL, timeout=60)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.mark.parametrize("cell", CELLS)
def test_in_a_kernel_a_cells_function_is_called_beside_whatever_the_kernel_runs(client, cell):
    said = []
    client.execute_interactive(
        cell,
        timeout=120,
        output_hook=lambda message: said.append(message["content"].get("text", str(message))),
    )
    assert CELLS[cell] in "".join(said) and not any("fork" in text for text in said), said
