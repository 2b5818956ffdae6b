"""The minutes of a lesson: the stated formula on a small text, and that it reads a text as jupytext does."""

import ast
import re
import time
from types import SimpleNamespace

import pytest

from helpers import minutes, syllabus

SMALL = """
# %% [markdown]
# # 9.1 A title
#
# | a | b |
# | --- | --- |
# | 1 | two words |

# %%
from helpers import lesson

lesson.begin("9.1")

# %% tags=["folded"]
def draw(x):
    print(x)


figures.lines(draw, "A title")

# %% prediction="9.1p1"
guess = ...
lesson.predict("9.1p1", guess)

# %% tags=["claim"]
assert low > 0, "it is lower"

# %% [markdown] exercise="9.1a"
# ### Exercise 9.1a: What is asked? (2 points)

# %% tags=["starter"] exercise="9.1a"
answer = ...     # a number

# %% tags=["solution"] exercise="9.1a"
answer = 42
answer

# %% exercise="9.1a"
answer = lesson.check("9.1a", answer=answer)

# %%
def later():
    print(answer)

# %%
table = f(
    answer,
)
table.head(
    3,
)

# %%
lesson.reveal("9.1p1", 3)

# %%
lesson.end()

# %% [markdown]
# ## Deeper
#
# about 10 minutes

# %% tags=["starter"] exercise="9.1b"
more = ...

# %% exercise="9.1b"
more = lesson.check("9.1b", more=more)
"""
LESSON = SimpleNamespace(text=SMALL)


def test_what_counts_is_what_the_formula_names():
    core, deeper = map(minutes.counts, minutes.parts(SMALL))
    # 9.1, A, title; a, b; 1, two, words; Exercise, 9.1a, What, is, asked, 2, points: no sign alone, no rule
    assert core == minutes.Counts(words=15, lines=16, outputs=2, exercises=1, predictions=1, pictures=1)
    assert deeper == minutes.Counts(words=4, lines=2, outputs=0, exercises=1, predictions=0, pictures=0)


@pytest.mark.parametrize(
    "counts, expected",
    [
        (minutes.Counts(1800, 110, 10, 4, 2, 4), 50),  # 10 + 10 + 10 + 20 + 2
        (minutes.Counts(1800, 110, 11, 4, 2, 4), 55),  # and one more
        (minutes.Counts(2400, 220, 16, 4, 2, 4), 70),  # 13.3 + 20 + 16 + 20 + 2
        (minutes.Counts(0, 0, 0, 0, 0, 9), 0),
    ],
)
def test_minutes_are_the_stated_formula_rounded_to_five(counts, expected):
    assert counts.minutes == expected


def test_what_is_left_begins_with_the_exercises_task_and_ends_with_its_part():
    text = SMALL.replace("# about 10 minutes", "# " + "word " * 1800)
    words = "# " + "word " * 1800 + "\n"
    before = SimpleNamespace(text=text.replace("# | a | b |", words))
    after = SimpleNamespace(text=text.replace("# ### Exercise 9.1a", words + "# ### Exercise 9.1a"))
    assert minutes.left(LESSON, "9.1a") == minutes.left(before, "9.1a") == 5
    assert minutes.left(after, "9.1a") == 15
    assert minutes.left(after, "9.1a", after=True) == 5
    assert minutes.left(LESSON, "9.1b") == 5
    assert minutes.of(before) == minutes.Minutes(core=20, deeper=15)
    assert minutes.left(before, "9.1z") == 20


@pytest.mark.parametrize(
    "source, expected",
    [
        ("x = 1\nx", True),
        ("x = 1\nx;", False),
        ('y = """\nx\n"""', False),
        ("figures.table(\n    frame,\n)", True),
        ("for x in xs:\n    print(x)", True),
        ("for x in xs:\n    y.append(x)", False),
        ("with a as b:\n    figures.show(b, alt)\nz = 1", True),
        ("text = figures.alt(b)", False),
        ("blueprint(x)\ny = 1", False),
        ("draw = lambda x: print(x)", False),
        ("%time x = 1\n'done'", True),
        ("def f(:", False),
        ("", False),
    ],
)
def test_a_cell_shows_something_where_it_ends_in_an_expression_or_prints_or_draws(source, expected):
    assert minutes.shows(minutes.Cell(True, frozenset(), "", "", source)) is expected


@pytest.mark.parametrize("lesson", syllabus.load().lessons, ids=lambda lesson: lesson.id)
def test_a_text_is_read_as_jupytext_reads_it(lesson):
    mine = list(minutes.cells(lesson.text))
    theirs = lesson.notebook().cells
    assert [(c.is_code, c.source, c.exercise, c.prediction, c.tags) for c in mine] == [
        (
            c.cell_type == "code",
            c.source.strip("\n"),
            c.metadata.get("exercise", ""),
            c.metadata.get("prediction", ""),
            frozenset(c.metadata.get("tags", ())),
        )
        for c in theirs
    ]
    for cell in mine:
        if cell.is_code and (body := ast.parse(re.sub(r"^[%!].*$", "pass", cell.source, flags=re.M)).body):
            last, _ = minutes._last_statement(cell.source)
            assert type(last) is type(body[-1]), cell.source
            assert not isinstance(last, ast.Expr) or ast.dump(last) == ast.dump(body[-1])


def test_counting_all_lessons_costs_the_command_little():
    minutes.parts.cache_clear()
    minutes.counts.cache_clear()
    start = time.process_time()
    for lesson in syllabus.load().lessons:
        minutes.of(lesson)
    assert time.process_time() - start < 0.5, "`workbook list` says them in a second"
