"""What the syllabus reads out of a lesson's text: cells that JupyterLab folds, points, and tasks that are no code."""

import pytest

from helpers import syllabus
from helpers.exercises import source

TEXT = """
# %% tags=["folded"]
plot = 1

# %% tags=["claim"]
assert plot

# %% tags=["parameters"]
seed = 1

# %% [markdown] exercise="1.1a"
# ### Exercise 1.1a: Who has (not) seen it? (2 points)

# %% tags=["starter"] exercise="1.1a"
answer = ...

# %% tags=["solution"] exercise="1.1a"
answer = 42

# %% exercise="1.1a"
answer = lesson.check("1.1a", answer=answer)

# %% [markdown]
# ### Exercise 1.1b
#
# The old way. A task (2 points) is no heading.

# %% tags=["starter"] exercise="1.1b"
other = ...

# %% [markdown]
# ## Deeper
#
# about 10 minutes
"""


@pytest.fixture
def lesson(small_syllabus):
    small_syllabus({"1.1": TEXT})
    return syllabus.load().lesson("1.1")


def test_jupyterlab_folds_plumbing_claims_and_what_is_deeper_and_nothing_else(lesson):
    folded = {c.source.split("\n")[0] for c in lesson.notebook().cells if c.metadata.get("jupyter")}
    assert folded == {"plot = 1", "assert plot"}
    collapsed = [c.source for c in lesson.notebook().cells if c.metadata.get("jp-MarkdownHeadingCollapsed")]
    assert collapsed == ["## Deeper\n\nabout 10 minutes"]


def test_points_stand_in_the_heading_of_the_task_and_are_one_otherwise(lesson):
    assert syllabus.points(lesson) == {"1.1a": 2, "1.1b": 1}


def test_a_task_is_no_code_of_its_exercise_and_a_better_sentence_makes_no_answer_an_old_one(
    lesson, small_syllabus
):
    assert [sorted(tags) for tags, _ in source.of("1.1a")] == [["starter"], ["solution"], []]
    before = source.digest("1.1a")
    small_syllabus({"1.1": TEXT.replace("Who has", "Who of them has")})
    assert source.digest("1.1a") == before
    small_syllabus({"1.1": TEXT.replace("42", "43")})
    assert source.digest("1.1a") != before
