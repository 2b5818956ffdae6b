"""The measure of `make spread`: how much of its tolerance a cell's deviation takes."""

import math

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


def test_a_deviation_beyond_the_tolerance_is_seen_in_the_midst_of_a_lesson(monkeypatch):
    """The whole way from two executed notebooks to a row of the table; a cell's number shifted by three tolerances."""
    lesson = spread.syllabus.load().lesson("1.5")
    text = lesson.notebook()
    code = [c for c in text.cells if c.cell_type == "code"]
    place = next(n for n, c in enumerate(code) if "rtol" in str(c.metadata.get("tags")))
    rtol, _ = spread.compare.tolerance(code[place].metadata.tags)
    runs = {}
    for name, value in {spread.AS_SET: 0.5, "oneDNN": 0.5 * (1 + 3 * rtol)}.items():
        notebook = lesson.notebook()
        [c for c in notebook.cells if c.cell_type == "code"][place].outputs = cell(f"CNN {value:.6f}")
        runs[name] = {lesson.id: notebook}
    [row] = [row for row in spread.rows(lesson, runs) if row["used"]]
    assert row["cell"] == place and row["most by"] == "oneDNN"
    assert row["used"] == pytest.approx(3, rel=0.02)
