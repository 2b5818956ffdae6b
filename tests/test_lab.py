"""`workbook learn`: what JupyterLab is started with, and what is said where it can't be had as usual."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers.desk import lab
from helpers.syllabus import UsageError
from helpers.workbook import warm_socket


@pytest.fixture
def started(small_syllabus, tmp_path, monkeypatch):
    """Starts the lab in a folder of its own; returns the command and the environment that the process would become."""
    small_syllabus({"1.1": "# %%\nprint(1)\n"})
    monkeypatch.setenv("WORKBOOK_LEARN", str(tmp_path / "learn"))
    monkeypatch.setattr(lab, "running", lambda folder: None)
    monkeypatch.setattr(lab, "settle", lambda: None)
    monkeypatch.setattr(warm_socket, "prepare", lambda: None)
    calls = []
    monkeypatch.setattr(
        lab.os, "execve", lambda path, command, environment: calls.append((command, environment))
    )

    def start(browser=False):
        lab.open_lab(None, browser)
        return calls[-1]

    return start


def test_terminals_and_notebooks_find_the_workbooks_own_commands_before_all_others(started, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setenv("SHELL", "/bin/bash")
    command, environment = started()
    assert environment["PATH"].split(os.pathsep) == [str(Path(sys.executable).parent), "/usr/bin"]
    # a login shell would set the path anew
    assert "--ServerApp.terminado_settings={'shell_command': ['/bin/bash']}" in command


@pytest.mark.parametrize("user, said", [(0, [lab.ROOT]), (1000, [])])
def test_root_is_told_in_one_line_and_let_in_as_a_container_has_nobody_else(
    started, monkeypatch, capsys, user, said
):
    monkeypatch.setattr(lab.os, "geteuid", lambda: user)
    command, _ = started()
    assert ("--allow-root" in command) == (user == 0) and capsys.readouterr().out.splitlines() == said


@pytest.mark.parametrize(
    "screen, found, shown",
    [
        ({}, True, False),
        ({"DISPLAY": ":0"}, True, True),
        ({"BROWSER": "w"}, True, True),
        ({"DISPLAY": ":0"}, False, False),
    ],
)
def test_where_no_browser_can_be_shown_one_line_says_what_to_open(
    started, monkeypatch, capsys, screen, found, shown
):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in screen.items():
        monkeypatch.setenv(name, value)

    def get():
        if not found:
            raise lab.webbrowser.Error("could not locate runnable browser")
        return object()

    monkeypatch.setattr(lab.webbrowser, "get", get)
    monkeypatch.setattr(lab.os, "geteuid", lambda: 1000)
    command, _ = started(browser=True)
    assert ("--no-browser" in command) != shown
    assert capsys.readouterr().out.splitlines() == ([] if shown else [lab.NO_BROWSER])


def test_a_folder_in_which_another_jupyterlab_does_not_answer_is_left_to_it_with_what_to_do(
    tmp_path, monkeypatch
):
    hold = (
        "import sys, pathlib; from helpers.desk import lab\n"
        "assert lab._claim(pathlib.Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "held\n"
    assert not lab._claim(tmp_path)
    monkeypatch.setattr(lab, "running", lambda folder: None)
    with pytest.raises(UsageError, match="does not answer: end it"):
        lab._started(tmp_path, seconds=0)
    other.communicate()
    assert lab._claim(tmp_path), "the claim ended with its process"


def test_a_taken_port_is_named_with_the_one_used_and_of_two_starts_at_once_the_second_finds_the_first(
    tmp_path,
):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        folders = {name: str(tmp_path / name) for name in ("learn", "build", "config", "data", "runtime")}
        environment = os.environ | {
            "WORKBOOK_LEARN": folders["learn"],
            "WORKBOOK_BUILD": folders["build"],
            "WORKBOOK_WARM": "0",
            "WORKBOOK_LAB": f"--ServerApp.ip=127.0.0.1 --ServerApp.port={port} --IdentityProvider.token=t",
        }
        environment |= {
            f"JUPYTER_{name.upper()}_DIR": folders[name] for name in ("config", "data", "runtime")
        }
        command = [sys.executable, "-m", "helpers.workbook.cli", "learn", "--no-browser"]
        log = (tmp_path / "log").open("w+")
        first, second = (
            subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
            for _ in "12"
        )
        try:
            for _ in range(600):
                if ended := [process for process in (first, second) if process.poll() is not None]:
                    break
                time.sleep(0.1)
        finally:
            for process in (first, second):
                process.terminate()
                process.wait(30)
    said = Path(log.name).read_text()
    assert [process.returncode for process in ended] == [0], said
    assert "JupyterLab is running already: http://127.0.0.1:" in said
    assert f"Port {port} is taken: JupyterLab is at port " in said


def test_a_lab_behind_a_password_is_found_and_the_copies_open_in_it_are_left(
    small_syllabus, tmp_path, monkeypatch, capsys
):
    small_syllabus({"1.1": "# %%\nprint(1)\n"})
    monkeypatch.setenv("WORKBOOK_LEARN", str(tmp_path / "learn"))
    asked = {"api": {"version": "2"}, "api/sessions": None}  # as it answers without a token
    server = {"root_dir": str(lab.learn_folder()), "url": "http://localhost:1/", "token": ""}
    monkeypatch.setattr(lab, "_ask", lambda server, what: asked[what])
    monkeypatch.setattr("jupyter_server.serverapp.list_running_servers", lambda: [server])
    monkeypatch.setattr(lab.copies, "update", lambda *_: pytest.fail("which are open is not known"))
    lab.open_lab(None, browser=False)
    said = capsys.readouterr().out
    assert "asks for a password" in said and "is running already" in said
