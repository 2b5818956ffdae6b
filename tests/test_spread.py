"""The measure of `make spread`: how much of its tolerance a cell's deviation takes."""

import copy
import math
import types

import nbformat.v4 as v4
import pytest
import spread


def cell(words):
    return [v4.new_output("execute_result", {"text/plain": words})]


@pytest.mark.parametrize(
    ("old", "new", "tags", "share"),
    [
        ("AUC 0.700", "AUC 0.700", ["rtol=0.02"], 0),
        ("AUC 0.700", "AUC 0.707", ["rtol=0.02"], 0.5),
        ("AUC 0.700", "AUC 0.742", ["rtol=0.02"], 3),  # beyond: `make test` fails on it, too
        ("loss -0.2", "loss +0.3", ["atol=0.25"], 2),
        ("saved 100", "saved 104", ["rtol=0.01", "atol=1"], 2),
        ("saved 100", "saved 101", ["atol=2"], 0.5),
        ("AUC 0.700", "AUC 0.701", [], math.inf),
        ("best: trees", "best: CNN", ["rtol=0.1"], math.inf),
        ("19 of 20", "20 of 20", ["rtol=0.1"], 0.53),
    ],
)
def test_a_deviation_is_told_in_units_of_the_tolerance(old, new, tags, share):
    used, said = spread.used(cell(old), cell(new), tags)
    assert used == pytest.approx(share, rel=0.02)
    assert bool(said) == (old != new)


def test_a_wrong_number_is_seen_in_the_midst_of_a_lesson_and_its_variant_named():
    """From executed notebooks to the table, with the second of three cells off by three times its tolerance."""
    cells = [
        v4.new_code_cell("1"),
        v4.new_code_cell("2", metadata={"tags": ["rtol=0.02"]}),
        v4.new_code_cell("3"),
    ]

    def executed(middle):
        notebook = v4.new_notebook(cells=[v4.new_markdown_cell("why"), *copy.deepcopy(cells)])
        for place, words in enumerate(["sound", middle, "sound"], 1):
            notebook.cells[place].outputs = cell(words)
        return {"9.9": notebook}

    lesson = types.SimpleNamespace(id="9.9", notebook=lambda: v4.new_notebook(cells=cells))
    runs = {
        spread.AS_SET: executed("AUC 0.500"),
        "one thread": executed("AUC 0.501"),
        "oneDNN": executed("AUC 0.530"),
    }
    [row] = spread.rows(lesson, runs)
    assert (row["cell"], row["most by"]) == (1, "oneDNN")
    assert row["used"] == pytest.approx(3, rel=0.02)
    assert row["one thread"] == pytest.approx(0.1, rel=0.02)
