"""Beam, TFX and C++ quieted: nothing on the page, nothing on stderr."""

import os

import pytest
from nbclient import NotebookClient
from nbformat import v4

from helpers import quiet

TALK = """
import apache_beam as beam
with beam.Pipeline() as pipeline:
    _ = pipeline | beam.Create([1])
"""


def outputs(*sources):
    book = v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])
    NotebookClient(book, timeout=120, kernel_name="python3").execute()
    return [output for cell in book.cells for output in cell.outputs]


@pytest.mark.parametrize("call", ["beam()", "tfx()"])
def test_a_beam_pipeline_in_a_notebook_writes_nothing_onto_the_page(call):
    assert outputs(f"from helpers import quiet; quiet.{call}", TALK) == []


def test_unquieted_it_does():
    assert "http" in str(outputs(TALK)), "Beam is quiet by itself now: helpers/quiet.py can go"


def test_what_native_code_writes_to_stderr_goes_nowhere_and_afterwards_comes_again(capfd):
    with quiet.native():
        os.write(2, b"meanwhile")
    os.write(2, b"afterwards")
    assert capfd.readouterr().err == "afterwards"


def test_what_is_raised_while_native_code_is_quiet_is_raised_and_no_file_stays_open(capfd):
    before = os.listdir("/proc/self/fd")
    with pytest.raises(ValueError, match="mine"), quiet.native():
        raise ValueError("mine")
    os.write(2, b"afterwards")
    assert capfd.readouterr().err == "afterwards"
    assert os.listdir("/proc/self/fd") == before
