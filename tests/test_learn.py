"""The learner's copies: no solutions, never overwritten once touched."""

import json

import nbformat

from helpers.workbook import learn, syllabus

TEXT = """
# %%
from helpers import lesson

# %% tags=["starter"] exercise="1.1a"
answer = ...

# %% tags=["solution"] exercise="1.1a"
answer = 42

# %% exercise="1.1a"
print(answer)
"""


def test_a_copy_has_the_starter_and_the_check_and_not_the_solution(small_syllabus, tmp_path):
    small_syllabus({"1.1": TEXT})
    assert learn.copies(tmp_path / "learn") == []
    text = (tmp_path / "learn/course/lesson_1_1.ipynb").read_text()
    assert "answer = ..." in text and "print(answer)" in text and "42" not in text
    nbformat.validate(nbformat.reads(text, 4))
    assert (tmp_path / "learn/progress.jsonl").exists()


def test_an_untouched_copy_follows_its_lesson_even_if_it_was_run(small_syllabus, tmp_path):
    small_syllabus({"1.1": TEXT})
    learn.copies(tmp_path / "learn")
    path = tmp_path / "learn/course/lesson_1_1.ipynb"
    tree = json.loads(path.read_text())
    tree["cells"][0]["execution_count"] = 3
    path.write_text(json.dumps(tree))
    small_syllabus({"1.1": TEXT.replace("print(answer)", "print(answer + 1)")})
    assert learn.copies(tmp_path / "learn") == []
    assert "answer + 1" in path.read_text()


def test_a_touched_copy_a_corrupt_one_and_the_ledger_are_kept_and_the_learner_is_told(
    small_syllabus, tmp_path
):
    small_syllabus({"1.1": TEXT, "1.2": TEXT})
    learn.copies(tmp_path / "learn")
    (tmp_path / "learn/progress.jsonl").write_text('{"kept": true}\n')
    touched, corrupt = (tmp_path / f"learn/course/lesson_1_{i}.ipynb" for i in (1, 2))
    touched.write_text(touched.read_text().replace("answer = ...", "answer = 41"))
    corrupt.write_text("{")
    before = touched.read_bytes(), corrupt.read_bytes()
    small_syllabus({i: TEXT.replace("print(answer)", "print(answer + 1)") for i in ("1.1", "1.2")})
    told = learn.copies(tmp_path / "learn")
    assert len(told) == 2 and all("kept as it is" in sentence for sentence in told)
    assert (touched.read_bytes(), corrupt.read_bytes()) == before
    assert (tmp_path / "learn/progress.jsonl").read_text() == '{"kept": true}\n'


def test_a_copy_with_outputs_is_left_alone_while_its_lesson_has_not_changed(small_syllabus, tmp_path):
    small_syllabus({"1.1": TEXT})
    learn.copies(tmp_path / "learn")
    path = tmp_path / "learn/course/lesson_1_1.ipynb"
    tree = json.loads(path.read_text())
    tree["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "mine"}]
    path.write_text(json.dumps(tree))
    learn.copies(tmp_path / "learn")
    assert "mine" in path.read_text()


def test_the_copies_of_the_real_lessons_bear_no_solution():
    for lesson in syllabus.load().lessons:
        whole, copy = lesson.notebook(), learn.copy(lesson)
        solutions = [c.source for c in whole.cells if "solution" in c.metadata.get("tags", [])]
        text = "\n".join(c.source for c in copy.cells)
        assert solutions and not [s for s in solutions if s in text]
        assert len(copy.cells) == len(whole.cells) - len(solutions)
