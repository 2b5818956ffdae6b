"""Recordings: written from the text, stamped with what produced them, stale as soon as any of it changes."""

import json

import nbformat
import pytest

from helpers import syllabus
from helpers.syllabus import UsageError
from helpers.workbook import record, run, stamp, tasks
from helpers.workbook.store import Store

TEXT = """
# %% [markdown]
# # One
# Some prose.

# %% tags=["parameters"]
seed = 1

# %% tags=["rtol=0.1"]
seed / 3
"""


def recorded(id="1.1", fresh=False):
    """Record as the command does; returns (lessons executed, lessons given new prose, problems)."""
    todo, prose = record.plan([id], fresh)
    for lesson in prose:
        record.retext(lesson)
    store, executed = Store(), []
    results = run.run(
        todo, store, told=lambda event, task, _: executed.append(task.name) if event == "start" else None
    )
    return executed, [lesson.id for lesson in prose], record.keep(todo, results, store)


def test_a_recording_has_the_outputs_and_the_texts_cells_and_nothing_that_varies(small_syllabus):
    small_syllabus({"1.1": TEXT})
    assert recorded() == (["1.1"], [], [])
    lesson = syllabus.load().lesson("1.1")
    first = lesson.recording.read_bytes()
    notebook = nbformat.reads(first, 4)
    nbformat.validate(notebook)
    assert notebook.cells[2].outputs[0].data["text/plain"] == "0.3333333333333333"
    assert [c.source for c in notebook.cells] == [c.source for c in lesson.notebook().cells]
    assert not any(word in first.decode() for word in ("papermill", "start_time", "/tmp", "iopub"))
    assert record.stale(lesson) == []
    recorded(fresh=True)
    assert lesson.recording.read_bytes() == first, "recorded twice, the same bytes"


def test_new_prose_keeps_the_outputs_and_executes_nothing(small_syllabus):
    small_syllabus({"1.1": TEXT})
    recorded()
    small_syllabus({"1.1": TEXT.replace("Some prose", "Better prose").replace("rtol=0.1", "rtol=0.2")})
    assert recorded() == ([], ["1.1"], [])
    notebook = nbformat.read(syllabus.load().lesson("1.1").recording, 4)
    assert "Better prose" in notebook.cells[0].source
    assert notebook.cells[2].outputs and notebook.cells[2].metadata.tags == ["rtol=0.2"]


ENDS = """
# %%
from helpers import lesson
lesson.begin("1.1")

# %% tags=["starter"] exercise="1.1a"
expected_gain = 7

# %% exercise="1.1a"
expected_gain = lesson.check("1.1a", expected_gain=expected_gain)

# %%
lesson.end()
"""


def test_the_end_tells_the_course_as_it_is_now_and_executes_nothing(small_syllabus):
    """What has run, of the real course, as kernels know it, and what was recorded before."""
    small_syllabus({"1.1": ENDS})
    assert recorded() == (["1.1"], [], [])
    [end] = nbformat.read(syllabus.load().lesson("1.1").recording, 4).cells[-1].outputs
    listed = ["A course", "☐ 1.1 Lesson 1.1: 0 of 1 exercises right", "This was the last lesson."]
    assert end.data["text/plain"].splitlines() == listed
    small_syllabus({"1.1": ENDS, "1.2": "# %%\n1\n"})
    assert record.stale(syllabus.load().lesson("1.1")) == ["end"]
    assert recorded() == ([], ["1.1"], [])
    [end] = nbformat.read(syllabus.load().lesson("1.1").recording, 4).cells[-1].outputs
    assert end.data["text/plain"].splitlines() == [*listed[:2], "☐ 1.2 Lesson 1.2", "Next: 1.2 Lesson 1.2."]
    assert record.stale(syllabus.load().lesson("1.1")) == [] and recorded() == ([], [], [])


def test_the_end_speaks_of_the_verdicts_above_it_and_of_none_in_deeper(small_syllabus):
    """As an execution does, so that nbval finds them equal."""
    begins, _, rest = ENDS.partition("# %% tags")
    exercise = "# %% tags" + rest.partition("# %%\nlesson.end()")[0]
    small_syllabus({"1.1": f"{begins}# %%\nlesson.end()\n\n{exercise}"})
    recorded()
    lesson = syllabus.load().lesson("1.1")
    [end] = [c for c in nbformat.read(lesson.recording, 4).cells if c.source == "lesson.end()"]
    assert "right" not in end.outputs[0].data["text/plain"] and record.stale(lesson) == []


@pytest.mark.parametrize("part", ["code", "helpers", "judges", "data", "reads", "lock"])
def test_a_recording_is_stale_when_any_part_of_its_stamp_has_changed(small_syllabus, part):
    small_syllabus({"1.1": TEXT})
    recorded()
    lesson = syllabus.load().lesson("1.1")
    tree = json.loads(lesson.recording.read_text())
    tree["metadata"]["workbook"]["stamp"][part] = "other"
    lesson.recording.write_text(json.dumps(tree))
    assert record.stale(lesson) == [part]


def test_what_changed_while_a_lesson_ran_is_not_stamped_as_if_it_had_been_there(small_syllabus, monkeypatch):
    small_syllabus({"1.1": TEXT})
    todo, _ = record.plan(["1.1"], fresh=False)
    store = Store()
    results = run.run(todo, store)
    with monkeypatch.context() as patch:
        patch.setattr(stamp, "ENVIRONMENT", ("requirements.lock",))
        [problem] = record.keep(todo, results, store)
        assert "changed while it ran" in problem and not syllabus.load().lesson("1.1").recording.exists()
    assert record.keep(todo, results, store) == []


def test_a_recording_edited_by_hand_is_stale(small_syllabus):
    small_syllabus({"1.1": TEXT})
    recorded()
    lesson = syllabus.load().lesson("1.1")
    lesson.recording.write_text(lesson.recording.read_text().replace("Some prose", "Some other prose"))
    assert record.stale(lesson) == ["text"]


NONSENSE = '{"nbformat": 4, "nbformat_minor": 5, "cells": [], "metadata": {"workbook": %s}}'


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"nbformat": 4, "cells": [{}]}',
        '{"cells": 3}',
        NONSENSE % "[]",
        NONSENSE % '{"stamp": 3}',
    ],
)
def test_a_recording_that_is_no_notebook_is_recorded_anew(small_syllabus, content):
    small_syllabus({"1.1": TEXT})
    syllabus.load().lesson("1.1").recording.write_text(content)
    assert record.stale(syllabus.load().lesson("1.1")) == ["no recording"]


def test_a_recording_whose_code_was_edited_by_hand_is_recorded_anew(small_syllabus):
    small_syllabus({"1.1": TEXT})
    recorded()
    lesson = syllabus.load().lesson("1.1")
    before = lesson.recording.read_bytes()
    notebook = nbformat.reads(before, 4)
    del notebook.cells[2]
    nbformat.write(notebook, lesson.recording)
    assert "code" in record.stale(lesson)
    todo, prose = record.plan(["1.1"], fresh=False)
    assert [task.name for task in todo] == ["1.1"] and not prose
    recorded()
    assert lesson.recording.read_bytes() == before


@pytest.mark.parametrize(
    ("code", "said"),
    [("1 / 0", "cell error"), ("import sys; print('careful', file=sys.stderr)", "stderr: careful")],
)
def test_a_lesson_that_fails_or_speaks_on_stderr_is_not_recorded_and_the_old_recording_stays(
    small_syllabus, code, said
):
    small_syllabus({"1.1": TEXT})
    recorded()
    lesson = syllabus.load().lesson("1.1")
    before = lesson.recording.read_bytes()
    small_syllabus({"1.1": TEXT + f"\n# %%\n{code}\n"})
    _, _, problems = recorded()
    assert len(problems) == 1 and said in problems[0]
    assert lesson.recording.read_bytes() == before


def test_a_solution_tag_or_parameter_name_is_read_from_the_text(small_syllabus):
    small_syllabus({"1.1": TEXT.replace("seed = 1", "seed: int = 1\nrows = [1]\nx, y = 1, 2")})
    lesson = syllabus.load().lesson("1.1")
    assert lesson.parameters == {"seed": 1, "rows": [1]}
    with pytest.raises(UsageError, match="no parameter 'y'"):
        tasks.tasks(["1.1"], {"y": 3})
