"""The learner's copies: no solutions and no claims, in step with their lessons around the learner's own cells, never lost."""

import os

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from helpers import syllabus
from helpers.desk import copies, start_page
from helpers.syllabus import UsageError

TEXT = """
# %% [markdown]
# # 1.1 A lesson
#
# It opens with some prose, long enough to be one paragraph.

# %%
from helpers import lesson

# %% [markdown]
# **Exercise 1.1a.** Give the answer.

# %% tags=["starter"] exercise="1.1a"
answer = ...

# %% tags=["solution"] exercise="1.1a"
answer = 42

# %% exercise="1.1a"
print(answer)

# %% tags=["claim"]
assert 43 > answer, "43 is more"

# %% [markdown]
# It closes with more prose, on something else.
"""
CLOSING = TEXT.replace("It closes with more prose", "It closes with better prose")


@pytest.fixture
def desk(small_syllabus, tmp_path):
    """A learner's folder with a copy of one lesson, and the means to change either side."""

    class Desk:
        folder = tmp_path / "learn"
        path = folder / "course" / "lesson_1_1.ipynb"
        new = folder / "course" / "lesson_1_1.new.ipynb"

        def upstream(self, text, *open_ones):
            small_syllabus({"1.1": text})
            return copies.update(self.folder, open_ones)

        def edit(self, change):
            notebook = self.read()
            change(notebook)
            nbformat.write(notebook, self.path)

        def read(self, path=None):
            return nbformat.read(path or self.path, 4)

        def sources(self, path=None):
            return [cell.source for cell in self.read(path).cells]

        def earlier(self):
            return sorted((self.folder / "earlier").glob("*.ipynb"))

    found = Desk()
    assert found.upstream(TEXT) == []
    return found


def answer(notebook):
    cell = next(c for c in notebook.cells if c.source == "answer = ...")
    cell.source, cell.outputs, cell.execution_count = "answer = 41", [new_output("stream", text="41\n")], 7


def test_a_copy_has_the_starter_and_the_check_and_neither_solution_nor_claim(desk):
    text = desk.path.read_text()
    assert "answer = ..." in text and "print(answer)" in text and "42" not in text and "43" not in text
    nbformat.validate(desk.read())
    assert (desk.folder / "progress.jsonl").exists()


def test_an_untouched_copy_follows_its_lesson_even_if_it_was_run(desk):
    desk.edit(lambda n: n.cells[1].update(execution_count=3, outputs=[new_output("stream", text="ran")]))
    assert desk.upstream(CLOSING) == []
    assert "better prose" in desk.sources()[-1] and not desk.earlier()


def test_while_its_lesson_has_not_changed_a_copy_stays_as_it_is_to_the_byte(desk):
    desk.edit(answer)
    before = desk.path.read_bytes()
    assert desk.upstream(TEXT) == [] and desk.path.read_bytes() == before


def test_a_changed_lesson_is_merged_around_the_learners_answer_whose_output_stays(desk):
    desk.edit(answer)
    desk.edit(lambda n: n.cells.append(new_code_cell("my_own = 1")))
    before = desk.path.read_bytes()
    [told] = desk.upstream(
        CLOSING.replace("from helpers import lesson", "from helpers import lesson  # first")
    )
    assert "your own cells kept" in told
    sources = desk.sources()
    assert "answer = 41" in sources and "my_own = 1" in sources
    assert "from helpers import lesson  # first" in sources and any("better prose" in s for s in sources)
    mine = next(c for c in desk.read().cells if c.source == "answer = 41")
    assert (mine.outputs[0].text, mine.execution_count) == ("41\n", 7)
    assert [p.read_bytes() for p in desk.earlier()] == [before]
    assert (
        desk.upstream(CLOSING.replace("from helpers import lesson", "from helpers import lesson  # first"))
        == []
    )


def test_a_cell_whose_code_changed_upstream_does_not_keep_the_output_of_the_old_code(desk):
    desk.edit(answer)
    desk.edit(lambda n: n.cells[1].update(outputs=[new_output("stream", text="old")], execution_count=1))
    desk.upstream(TEXT.replace("from helpers import lesson", "from helpers import lesson, figures"))
    [cell] = [c for c in desk.read().cells if c.source.startswith("from helpers")]
    assert cell.source.endswith("figures") and not cell.outputs


def test_where_lesson_and_learner_changed_the_same_cell_the_new_lesson_is_laid_beside(desk):
    desk.edit(answer)
    before = desk.path.read_bytes()
    changed = TEXT.replace("answer = ...", "answer = ...  # a number")
    [told] = desk.upstream(changed)
    assert "kept as it is" in told and str(desk.new) in told
    assert desk.path.read_bytes() == before and "answer = ...  # a number" in desk.sources(desk.new)
    assert desk.upstream(changed) == [], "told once"
    [told] = desk.upstream(changed.replace("a number", "one number"))
    assert "lesson_1_1.new-2.ipynb" in told and "# a number" in desk.new.read_text()
    latest = copies.beside(desk.folder, syllabus.load().lesson("1.1"))[-1]
    assert latest.name == "lesson_1_1.new-2.ipynb", "oldest first"


def test_a_cell_the_learner_deleted_stays_away_and_one_that_changed_upstream_is_not_lost_with_it(desk):
    desk.edit(lambda n: n.cells.pop(2))
    assert "your own cells kept" in desk.upstream(CLOSING)[0]
    assert not any("Give the answer" in s for s in desk.sources()) and "better prose" in desk.sources()[-1]
    [told] = desk.upstream(CLOSING.replace("Give the answer", "Give the right answer"))
    assert "kept as it is" in told and any("right answer" in s for s in desk.sources(desk.new))


def test_a_copied_cell_is_the_learners_own(desk):
    desk.edit(lambda n: n.cells.insert(4, new_code_cell(n.cells[3].source + "  # a second try")))
    desk.edit(lambda n: n.cells.insert(1, new_markdown_cell(n.cells[0].source)))
    assert "your own cells kept" in desk.upstream(CLOSING)[0]
    sources = desk.sources()
    assert "answer = ...  # a second try" in sources and sum("# 1.1 A lesson" in s for s in sources) == 2
    ids = [cell.id for cell in desk.read().cells]
    assert len(ids) == len(set(ids))


def test_a_renamed_copy_is_the_learners_and_the_lesson_comes_anew(desk):
    desk.edit(answer)
    mine = desk.path.rename(desk.path.with_name("mine.ipynb"))
    before = mine.read_bytes()
    assert desk.upstream(CLOSING) == []
    assert mine.read_bytes() == before and "answer = ..." in desk.sources()


def test_a_copy_that_is_open_in_jupyterlab_is_left_alone_until_it_is_closed(desk):
    desk.edit(answer)
    before = desk.path.read_bytes()
    [told] = desk.upstream(CLOSING, "course/lesson_1_1.ipynb")
    assert "close it there" in told and desk.path.read_bytes() == before
    assert "your own cells kept" in desk.upstream(CLOSING)[0]


@pytest.mark.parametrize(
    "broken",
    ["{", "", "[]", '{"cells": 3}', "\ud800", "[" * 100_000],
    ids=["cut", "empty", "list", "cells", "bytes", "deep"],
)
def test_a_copy_that_cannot_be_read_is_kept_and_a_fresh_one_laid_beside(desk, broken):
    desk.path.write_bytes(broken.encode("utf8", "surrogatepass"))
    before = desk.path.read_bytes()
    [told] = desk.upstream(CLOSING)
    assert "can't be read" in told and desk.path.read_bytes() == before
    assert "better prose" in desk.sources(desk.new)[-1]


def test_a_copy_whose_note_somebody_overwrote_is_kept_and_a_fresh_one_laid_beside(desk):
    desk.edit(lambda notebook: notebook.metadata.update(workbook="mine"))
    before = desk.path.read_bytes()
    assert "kept as it is" in desk.upstream(CLOSING)[0] and desk.path.read_bytes() == before


def test_without_the_text_it_came_from_a_touched_copy_is_not_merged_by_guess(desk):
    desk.edit(answer)
    for base in (desk.folder / ".workbook").iterdir():
        base.unlink()
    before = desk.path.read_bytes()
    assert "kept as it is" in desk.upstream(CLOSING)[0] and desk.path.read_bytes() == before


def test_a_merge_that_would_lose_a_cell_of_the_learners_is_refused(desk, monkeypatch):
    from nbdime.merging import notebooks

    desk.edit(answer)
    monkeypatch.setattr(notebooks, "merge_notebooks", lambda base, mine, theirs: (theirs, []))
    assert "kept as it is" in desk.upstream(CLOSING)[0] and "answer = 41" in desk.sources()


def test_reset_keeps_the_copy_under_todays_date_each_time_and_the_ledger_as_it_is(desk):
    (desk.folder / "progress.jsonl").write_text('{"kept": true}\n')
    lesson = syllabus.load().lesson("1.1")
    desk.edit(answer)
    first = copies.reset(desk.folder, lesson)
    second = copies.reset(desk.folder, lesson)
    assert first != second and "answer = 41" in desk.sources(first) and "answer = ..." in desk.sources()
    assert (desk.folder / "progress.jsonl").read_text() == '{"kept": true}\n'
    desk.path.unlink()
    assert copies.reset(desk.folder, lesson) is None and desk.path.exists()


def test_a_version_laid_beside_is_news_until_a_reset(desk):
    def news():
        return copies.news(desk.folder, syllabus.load().lesson("1.1"))

    desk.edit(answer)
    assert news() is None
    changed = TEXT.replace("answer = ...", "answer = ...  # a number")
    desk.upstream(changed)
    assert news() == desk.new and desk.new.name in start_page.html(desk.folder)
    copies.reset(desk.folder, syllabus.load().lesson("1.1"))
    assert news() is None and desk.new.exists() and desk.new.name not in start_page.html(desk.folder)
    desk.edit(lambda n: n.cells[3].update(source="answer = 41"))
    desk.upstream(changed.replace("a number", "one number"))
    assert news().name == "lesson_1_1.new-2.ipynb"


def test_a_folder_that_cannot_be_written_is_said_with_what_to_do_and_nothing_is_lost(desk, monkeypatch):
    desk.edit(answer)
    before = desk.path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UsageError, match="No space left on device. Make room"):
        desk.upstream(CLOSING)
    assert desk.path.read_bytes() == before


def test_outputs_that_jupyterlab_trusted_are_trusted_after_a_merge(desk, monkeypatch, tmp_path):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    from nbformat.sign import NotebookNotary

    desk.edit(answer)
    assert not NotebookNotary().check_signature(desk.read())
    NotebookNotary().sign(desk.read())
    desk.upstream(CLOSING)
    assert "better prose" in desk.sources()[-1] and NotebookNotary().check_signature(desk.read())


def test_the_copies_of_the_real_lessons_bear_no_solution_and_no_claim():
    for lesson in syllabus.load().lessons:
        whole, copy = lesson.notebook(), copies.fresh(lesson)
        solutions = [c.source for c in whole.cells if {"solution", "claim"} & set(c.metadata.get("tags", []))]
        text = "\n".join(c.source for c in copy.cells)
        assert solutions and not [s for s in solutions if s in text]
        assert len(copy.cells) == len(whole.cells) - len(solutions)
