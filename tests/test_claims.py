"""Claims in runs: one that doesn't hold fails its lesson and is named; with other parameters than the defaults none is asked."""

import nbformat
import nbformat.v4 as v4
import pytest
from runs import cell, ran

from helpers import build, syllabus
from helpers.workbook import claims, page, record, tasks
from helpers.workbook.store import Store

TEXT = """
# %% tags=["parameters"]
seed = 1
sizes = (1, 2)
share = 0.5

# %%
print("seed", seed)

# %% tags=["claim"]
# Only seed one is small
assert seed == 1, "the seed is small"
"""


def sources(task) -> list[str]:
    return [c.source for c in nbformat.reads(task.notebook(), 4).cells]


@pytest.mark.parametrize(
    ("values", "asked"),
    [
        ({}, True),
        ({"seed": 1}, True),
        ({"seed": 1, "sizes": [1, 2], "share": 0.5}, True),
        ({"seed": 7}, False),
        ({"sizes": [1, 2, 3]}, False),
        ({"seed": 1, "share": 0.25}, False),
    ],
)
def test_claims_are_asked_of_the_defaults_alone_given_or_not(small_syllabus, values, asked):
    small_syllabus({"1.1": TEXT})
    [task] = tasks.tasks(["1.1"], values)
    found = sources(task)
    assert any("assert" in text for text in found) is asked
    notes = [text for text in found if "1 of them is a claim that was not tested" in text]
    assert bool(notes) is not asked
    for name, value in values.items() if notes else ():
        assert (f"`{name} = {value}`" in notes[0]) is (value not in (1, 0.5, [1, 2]))


def test_a_computed_default_may_be_any_so_a_value_for_it_is_another():
    assert claims.others({"a": 3, "b": 4}, {"a": ..., "b": 4}) == {"a": 3}


def test_a_claim_that_does_not_hold_fails_its_lesson_and_is_named_as_what_it_says(small_syllabus):
    small_syllabus(
        {"1.1": TEXT.replace("seed == 1,", "seed == 2,"), "1.2": TEXT.replace("seed == 1", "sed == 1")}
    )
    results, _ = ran()
    assert results["1.1"].outcome == results["1.2"].outcome == "cell error"
    assert results["1.1"].detail == 'Cell 3: the claim "the seed is small" doesn\'t hold.'
    assert results["1.2"].detail == "Cell 3: NameError: name 'sed' is not defined"
    assert claims.failed("") == "a claim doesn't hold; it has no message."
    shown = (build() / "report" / "index.html").read_text()
    assert "the claim &quot;the seed is small&quot; doesn&#x27;t hold." in shown


def test_such_a_lesson_is_not_recorded(small_syllabus):
    small_syllabus({"1.1": TEXT.replace("seed == 1,", "seed == 2,")})
    results, _ = ran()
    todo = tasks.tasks([], {})
    assert record.keep(todo, results, Store()) == [
        'Lesson 1.1 is not recorded: cell error. Cell 3: the claim "the seed is small" doesn\'t hold.'
    ]
    assert not syllabus.load().lesson("1.1").recording.exists()


def test_a_run_with_other_parameters_says_on_its_page_that_claims_were_not_tested(small_syllabus):
    small_syllabus({"1.1": TEXT})
    results, _ = ran(parameters={}, rows=[{"seed": 7}, {"seed": 1}])
    assert {result.outcome for result in results.values()} == {"ok"}
    other, same = ((build() / f"report/pages/1.1-row-00{row}.html").read_text() for row in (1, 2))
    note = "1 of them is a claim that was not tested in this run, with <code>seed = 7</code>"
    assert note in other and "<summary>" not in other and "seed 7" in other
    assert "not tested" not in same and "<summary>Only seed one is small</summary>" in same


def test_a_page_folds_what_the_lesson_folds_says_what_it_is_and_opens_where_it_failed():
    failed = cell("assert x", "claim")
    failed.outputs = [v4.new_output("error", ename="AssertionError", evalue="no", traceback=["no"])]
    cells = [cell("# The <plot>\nx = 1", "folded"), cell("x = 2", "folded"), failed, cell("# In view\nx = 3")]
    html = page.html(nbformat.writes(v4.new_notebook(cells=cells)), "x")
    assert html.count("<details") == 3 and html.count("<details open") == 1
    for said in ("The &lt;plot&gt;", "Code", "Claim"):
        assert f"<summary>{said}</summary>" in html


def test_a_task_is_a_card_and_a_cell_whose_metadata_are_anybodys_is_shown():
    task = v4.new_markdown_cell("### Exercise 1.1a: It", metadata={"exercise": "1.1a"})
    odd = v4.new_markdown_cell("odd", metadata={"exercise": {"a": "</section>"}})
    html = page.html(nbformat.writes(v4.new_notebook(cells=[task, odd])), "x")
    assert html.count('<section class="workbook-task">') == html.count("</section>") == 1 and "odd" in html
