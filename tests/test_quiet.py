"""Beam and TFX in a kernel, quieted: nothing on the page, nothing on stderr."""

import pytest
from nbclient import NotebookClient
from nbformat import v4

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
