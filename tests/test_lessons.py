"""The contract every lesson keeps: its structure, its exercises, its recording."""

import functools
import io
import re
import statistics
import tokenize

import nbformat
import pytest

from helpers import ROOT, syllabus
from helpers.workbook import compare, record

LESSONS = syllabus.load().lessons
IDS = [lesson.id for lesson in LESSONS]
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=IDS)


@functools.cache
def written(lesson):
    return lesson.notebook().cells


@functools.cache
def recorded(lesson):
    return nbformat.read(lesson.recording, 4).cells


def code(lesson):
    return [c for c in written(lesson) if c.cell_type == "code"]


def prose(lesson):
    return [c.source for c in written(lesson) if c.cell_type == "markdown"]


def tagged(lesson, tag):
    return [c for c in code(lesson) if tag in c.metadata.get("tags", [])]


def test_the_syllabus_names_every_lesson_there_is_and_only_those():
    texts = {path for lesson in LESSONS for path in (lesson.source, lesson.exercises)}
    assert set((ROOT / "notebooks").rglob("*.py")) == texts
    for lesson in LESSONS:
        assert set(lesson.after) <= set(IDS), f"{lesson.id} comes after lessons that are not there"
        assert set(lesson.needs) <= {r.id for r in syllabus.load().resources}
        assert all((ROOT / "data" / name).is_dir() for name in lesson.data)


def test_there_is_a_recording_of_every_lesson_and_no_other():
    assert sorted((ROOT / "notebooks").rglob("*.ipynb")) == sorted(lesson.recording for lesson in LESSONS)


def test_the_readme_lists_the_lessons_of_the_syllabus(tmp_path):
    (tmp_path / "README.md").write_text((ROOT / "README.md").read_text())
    assert not record.list_in_readme(tmp_path / "README.md"), "`workbook record` writes the list"


@each_lesson
def test_text_and_recording_are_in_step(lesson):
    assert record.stale(lesson) == [], f"`workbook record {lesson.id}`"


@each_lesson
def test_a_lesson_opens_with_its_title_what_you_will_be_able_to_do_needs_and_minutes(lesson):
    opening = "\n".join(prose(lesson)[:2])
    assert opening.startswith(f"# {lesson.id} {lesson.title}")
    assert re.search(r"able to", opening) and opening.count("\n- ") >= 3
    said = " ".join(opening.split())
    assert re.search(r"[Nn]eeds", said) and f"about {lesson.minutes} minutes" in said, lesson.minutes


@each_lesson
def test_a_lesson_begins_then_names_its_parameters_and_ends_with_the_checklist(lesson):
    cells = code(lesson)
    assert f'lesson.begin("{lesson.id}")' in cells[0].source
    assert "parameters" in cells[1].metadata.get("tags", [])
    assert cells[-1].source.strip() == "lesson.end()"
    headings = re.findall(r"^## (?:\d+ )?(.+)$", "\n".join(prose(lesson)), re.M)
    assert any(heading.startswith("What breaks in production") for heading in headings)
    assert headings[-1] == "What you did"


@each_lesson
def test_a_recording_loads_nothing_from_the_web(lesson):
    for cell in recorded(lesson):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            assert "application/javascript" not in data
            assert not re.search(r"""(src|href)=["']?(https?:)?//""", data.get("text/html", ""))


@each_lesson
def test_lines_end_at_110_columns(lesson):
    """But for what means the line as it is: a table, a fenced block, a string of many lines, a long address.

    In a book of exercises, which is mostly sentences, they end at 120.
    """
    for cell in written(lesson):
        lines = cell.source.splitlines()
        if cell.cell_type == "markdown":
            text = re.sub(r"^```.*?^```|^\|.*?$", "", cell.source, flags=re.M | re.S)
            lines = [f"# {line}" for line in text.splitlines()]
        for token in (
            tokenize.generate_tokens(io.StringIO(cell.source).readline) if cell.cell_type == "code" else ()
        ):
            if token.type == tokenize.STRING and token.end[0] > token.start[0]:
                lines[token.start[0] - 1 : token.end[0]] = [""] * (token.end[0] - token.start[0] + 1)
        long = [line for line in lines if len(line) > 110 and len(max(line.split(), key=len)) < 80]
        assert not long
    assert not [line for line in lesson.exercises.read_text().splitlines() if len(line) > 120]


@each_lesson
def test_cells_are_short(lesson):
    lengths = [len([line for line in c.source.splitlines() if line.strip()]) for c in code(lesson)]
    assert statistics.median(lengths) <= 8
    assert statistics.quantiles(lengths, n=10)[-1] <= 20, sorted(lengths)[-8:]


@each_lesson
def test_each_exercise_is_a_starter_a_solution_and_a_check_in_this_order(lesson):
    ids = syllabus.exercises(lesson)
    assert 2 <= len(ids) <= 5
    for exercise in ids:
        cells = [c for c in code(lesson) if c.metadata.get("exercise") == exercise]
        kinds = [
            next((t for t in c.metadata.get("tags", []) if t in ("starter", "solution")), "check")
            for c in cells
        ]
        assert kinds == ["starter", "solution", "check"], exercise
        assert "..." in cells[0].source
        assert f'lesson.check("{exercise}"' in cells[2].source


@each_lesson
def test_what_follows_an_exercise_does_not_depend_on_the_answer(lesson):
    """Names a solution binds are read by its check alone."""
    import ast

    def names(source, kind):
        tree = ast.parse(re.sub(r"^[%!].*$", "", source, flags=re.M))
        found = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, kind)}
        if kind is ast.Store:
            found |= {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
        return found

    cells = code(lesson)
    for exercise in syllabus.exercises(lesson):
        own = [c for c in cells if c.metadata.get("exercise") == exercise]
        answers = names(own[0].source, ast.Store)
        after = cells[cells.index(own[-1]) + 1 :]
        for cell in after:
            if cell.metadata.get("exercise") is None:
                bound_here = names(cell.source, ast.Store)
                assert not (answers - bound_here) & names(cell.source, ast.Load), (
                    f"{exercise}: {cell.source[:80]}"
                )


@each_lesson
def test_every_solution_is_judged_right_in_the_recording(lesson):
    cells = recorded(lesson)
    checks = [c for c in cells if c.cell_type == "code" and re.search(r"^lesson\.check\(", c.source, re.M)]
    assert checks
    for cell in checks:
        said = cell.outputs[-1]["data"]["text/plain"]
        assert "right" in said.lower().split("\n")[0], f"{cell.source}: {said}"


@each_lesson
def test_a_recording_speaks_no_error_no_stderr_and_no_address_or_path(lesson):
    for cell in recorded(lesson):
        for output in cell.get("outputs", []):
            assert output.output_type != "error" and output.get("name") != "stderr"
            words = str(output.get("text", "")) + str(
                {k: v for k, v in output.get("data", {}).items() if "image" not in k}
            )
            assert not re.search(r"/(tmp|root|home)/|127\.0\.0\.1:\d|localhost:\d|0x[0-9a-f]{8}", words), (
                words[:200]
            )


@each_lesson
def test_tolerances_are_narrow_and_ignored_outputs_have_a_reason(lesson):
    for cell in code(lesson):
        rtol, _ = compare.tolerance(cell.metadata.get("tags", []))
        assert rtol <= 0.1
        if "nbval-ignore-output" in cell.metadata.get("tags", []):
            assert len(cell.metadata.get("reason", "")) > 20
    ignored = len(tagged(lesson, "nbval-ignore-output")) + len(tagged(lesson, "nbval-skip"))
    assert ignored == 0, "none is needed so far: give the reason here when one is"


@each_lesson
def test_every_picture_of_a_recording_has_a_text_that_says_its_finding(lesson):
    for cell in recorded(lesson):
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                assert len(output.data.get("text/plain", "")) > 30, cell.source
                assert "Figure size" not in output.data["text/plain"]
