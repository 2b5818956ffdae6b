"""Files are written whole or not at all, grow by whole lines, and notebooks are read whatever somebody made of them."""

import json
import os
import resource
import signal
import stat
import subprocess
import sys
import time

import nbformat
import pytest

from helpers import ROOT, files


@pytest.fixture
def no_room():
    """No file may grow beyond 1 MB: the system refuses the write, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_is_written_is_the_parts_in_order_text_as_utf_8(tmp_path):
    files.write(tmp_path / "a", "é", b"\xff", bytearray(b"z"))
    assert (tmp_path / "a").read_bytes() == b"\xc3\xa9\xffz"
    files.write(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"" and os.listdir(tmp_path) == ["a"]


def test_a_full_disk_is_an_error_and_leaves_what_was_there(tmp_path, no_room):
    files.write(tmp_path / "a", "before")
    with pytest.raises(OSError, match="too large"):
        files.write(tmp_path / "a", b"x" * 900_000, b"x" * 900_000)
    assert (tmp_path / "a").read_text() == "before" and os.listdir(tmp_path) == ["a"]


def test_a_part_that_is_no_text_of_utf_8_leaves_what_was_there(tmp_path):
    files.write(tmp_path / "a", "before")
    with pytest.raises(UnicodeEncodeError):
        files.write(tmp_path / "a", "after\ud83d")
    assert (tmp_path / "a").read_text() == "before" and os.listdir(tmp_path) == ["a"]


def test_a_file_has_the_rights_that_the_user_gives_new_files(tmp_path):
    before = os.umask(0o027)
    try:
        files.write(tmp_path / "a", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_what_a_killed_writer_left_is_cleared_away_by_the_next_and_a_living_ones_is_not(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from helpers import files\n"
        "files.os.replace = lambda *_: (print(flush=True), time.sleep(60))\n"
        "files.write(Path(sys.argv[1]), b'x' * 100_000)\n"
    )
    command = [sys.executable, "-c", code, tmp_path / "a"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as writer:
        writer.stdout.readline()
        files.write(tmp_path / "b", "x")
        assert len(os.listdir(tmp_path)) == 2  # ours, and what the other is still writing
        writer.send_signal(signal.SIGKILL)
    files.write(tmp_path / "b", "x")
    assert os.listdir(tmp_path) == ["b"]


def test_processes_that_write_the_same_file_leave_one_whole_of_theirs(tmp_path):
    code = (
        "import sys; from pathlib import Path; from helpers import files\n"
        "for _ in range(200): files.write(Path(sys.argv[1]), sys.argv[2] * 10_000)\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, tmp_path / "a", x], cwd=ROOT) for x in "xyz"]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        if (tmp_path / "a").exists():
            seen.add((tmp_path / "a").read_text())
        time.sleep(0.001)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert seen and seen <= {letter * 10_000 for letter in "xyz"} and os.listdir(tmp_path) == ["a"]


NOTEBOOK = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1", id="one")])


def test_a_valid_notebook_of_any_format_is_read_also_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "a.ipynb"
    text = nbformat.writes(NOTEBOOK)
    old = nbformat.writes(nbformat.convert(nbformat.reads(text, as_version=4), 3), version=3)
    for content in (text.encode(), b"\xef\xbb\xbf" + text.encode(), old.encode()):
        path.write_bytes(content)
        found = files.valid_notebook(path)
        assert (found.nbformat, found.cells[0].source) == (4, "x = 1")


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"null", b"[]", b'{"nbformat": 4}', b"[" * 100_000]
    + [json.dumps({**NOTEBOOK, key: value}).encode() for key, value in {"cells": 1, "nbformat": "x"}.items()],
    ids=["empty", "no text", "null", "list", "bare", "deep", "cells", "version"],
)
def test_what_is_no_notebook_is_none(tmp_path, content):
    (tmp_path / "a.ipynb").write_bytes(content)
    assert files.valid_notebook(tmp_path / "a.ipynb") is None


def test_where_no_file_can_be_there_is_no_notebook(tmp_path):
    assert files.valid_notebook(tmp_path / "none") is files.valid_notebook(tmp_path) is None
