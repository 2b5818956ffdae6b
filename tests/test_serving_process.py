"""The embedded model server as a guest: ports, threads, a forked kernel, a running event loop, a process of its own."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import psutil
import pytest
from serving_models import put, serving

from helpers.serving import ModelServer
from helpers.serving.__main__ import main

PREDICT = "/v1/models/tiny:predict"


def sockets():
    return {
        (c.laddr, c.status) for c in psutil.Process().net_connections("tcp") if c.status == psutil.CONN_LISTEN
    }


def test_closing_leaves_no_thread_and_no_listening_socket(tmp_path):
    put(tmp_path, 1)
    threads, listening = set(threading.enumerate()), sockets()
    with serving({"tiny": tmp_path}, file_system_poll_wait_seconds=0.05) as (server, clients):
        assert clients.post(PREDICT, {"instances": [1]})[0] == 200
        assert len(sockets() - listening) == 2
        rest_port = int(server.rest_url.rpartition(":")[2])
    deadline = time.monotonic() + 60
    while set(threading.enumerate()) - threads and time.monotonic() < deadline:
        time.sleep(0.02)  # a thread of grpc's client side may take a moment
    assert set(threading.enumerate()) - threads == set()
    assert sockets() == listening
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", rest_port))
    server.close()  # a second time does nothing


def test_a_taken_port_is_named_in_the_error_and_nothing_stays_behind(tmp_path):
    put(tmp_path, 1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        threads, listening = set(threading.enumerate()), sockets()
        with pytest.raises(OSError, match=f"REST port {port} of 127.0.0.1 is taken"):
            ModelServer({"tiny": tmp_path}, rest_api_port=port)
        with pytest.raises(OSError, match=f"gRPC port {port} of 127.0.0.1 is taken"):
            ModelServer({"tiny": tmp_path}, port=port)
        assert set(threading.enumerate()) == threads and sockets() == listening


def test_two_servers_never_share_a_port(tmp_path):
    put(tmp_path, 1)
    with serving({"tiny": tmp_path}) as (first, _clients):
        taken = int(first.grpc_target.rpartition(":")[2])
        with pytest.raises(OSError, match=f"gRPC port {taken} of 127.0.0.1 is taken"):
            ModelServer({"tiny": tmp_path}, port=taken)


def test_a_server_runs_beside_a_running_event_loop(tmp_path):
    put(tmp_path, 1)

    async def as_in_a_notebook():
        with serving({"tiny": tmp_path}) as (server, _clients):
            async with httpx.AsyncClient(base_url=server.rest_url) as client:
                answers = await asyncio.gather(
                    *(client.post(PREDICT, json={"instances": [n]}) for n in range(8))
                )
            return [answer.json()["predictions"][0] for answer in answers]

    assert asyncio.run(as_in_a_notebook()) == [float(n + 2) for n in range(8)]


FORKED = """
import os, sys, tensorflow, grpc
import helpers.serving                                # the parent has everything imported, nothing started
child = os.fork()
if child == 0:
    from serving_models import serving
    from pathlib import Path
    with serving({"tiny": Path(sys.argv[1])}) as (server, clients):
        good = clients.post("/v1/models/tiny:predict", {"instances": [1]}) == (200, {"predictions": [3.0]})
        good = good and float(clients.predict("tiny", x=tensorflow.constant([1.0]).numpy())["y"][0]) == 3
    sys.stdout.flush()
    os._exit(0 if good else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_server_runs_in_a_process_forked_from_one_that_has_tensorflow_imported(tmp_path):
    put(tmp_path, 1)
    here = os.path.dirname(__file__)
    finished = subprocess.run(
        [sys.executable, "-c", FORKED, str(tmp_path)],
        cwd=here,
        timeout=300,
        env={**os.environ, "PYTHONPATH": here},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr


def started(tmp_path, *flags):
    return subprocess.Popen(
        [sys.executable, "-m", "helpers.serving", "--port=0", "--rest_api_port=0", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_server_runs_as_a_process_with_tf_servings_flags_until_it_is_told_to_stop(tmp_path):
    put(tmp_path / "tiny", 1)
    file, batching = tmp_path / "models.config", tmp_path / "batching.config"
    file.write_text(
        f'model_config_list {{ config {{ name: "tiny" base_path: "{tmp_path / "tiny"}" '
        'model_platform: "tensorflow" version_labels { key: "stable" value: 1 } } }'
    )
    batching.write_text(
        "max_batch_size: { value: 8 }\nallowed_batch_sizes: 8\npad_variable_length_inputs: true"
    )
    process = started(
        tmp_path,
        f"--model_config_file={file}",
        "--model_config_file_poll_wait_seconds=0.1",
        "--enable_batching",
        f"--batching_parameters_file={batching}",
        "--allow_version_labels_for_unavailable_models=true",
    )
    try:
        assert process.stdout.readline().startswith("Running ModelServer at 127.0.0.1:")
        url = process.stdout.readline().split()[-1]
        body = {"instances": [1]}
        answer = httpx.post(url + "/v1/models/tiny/labels/stable:predict", json=body)
        assert answer.json() == {"predictions": [3.0]}
        file.write_text(file.read_text().replace('name: "tiny"', 'name: "renamed"'))
        deadline = time.monotonic() + 60
        while httpx.post(url + "/v1/models/renamed:predict", json=body).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=120) == 0, process.stderr.read()


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ([], "INVALID_ARGUMENT: Could not find base path"),
        (
            ["--enable_batching", "--batching_parameters_file={file}"],
            "INVALID_ARGUMENT: Invalid protobuf file",
        ),
        (
            ["--batching_parameters_file={file}"],
            "INVALID_ARGUMENT: --batching_parameters_file is set without",
        ),
    ],
)
def test_a_process_that_cannot_start_says_why_in_one_line(tmp_path, flags, reason, monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # this process keeps its own
    file = tmp_path / "batching.txt"
    file.write_bytes(b"\xff")
    with pytest.raises(SystemExit) as ended:
        main([f"--model_base_path={tmp_path / 'none'}", *(flag.format(file=file) for flag in flags)])
    assert str(ended.value).startswith(f"Failed to start server. Error: {reason}")
    assert "\n" not in str(ended.value)
