"""What makes a recording stale: whatever can change its outputs, and nothing else. Held on copies of the real lessons."""

import ast
import modulefinder
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from helpers import ROOT, display, imports, lesson, syllabus
from helpers.exercises import source, view
from helpers.workbook import cli, record, stamp, tasks

LESSONS = syllabus.load().lessons
each_lesson = pytest.mark.parametrize("one", LESSONS, ids=[one.id for one in LESSONS])
DOCUMENTED = (ast.Module, ast.FunctionDef, ast.ClassDef)
SAID = [ROOT / name for name in stamp.SAID_AT_THE_END]


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A copy of all that stamps are made of, which a test may change."""
    for name in ("helpers", "notebooks", "data"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.ipynb", "__pycache__"))
    for name in stamp.ENVIRONMENT:
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.setattr(imports, "ROOT", tmp_path)
    monkeypatch.setattr(stamp, "ROOT", tmp_path)
    monkeypatch.setattr(syllabus, "NOTEBOOKS", tmp_path / "notebooks")
    syllabus.load.cache_clear()
    yield tmp_path
    syllabus.load.cache_clear()


def changed(before: dict) -> set[str]:
    """The lessons whose results have another name than before."""
    syllabus.load.cache_clear()
    return {id for id, key in keys().items() if before.get(id) != key}


def keys() -> dict[str, str]:
    return {one.id: stamp.key(one) for one in syllabus.load().lessons}


def altered(code: str) -> str:
    """The code with its first constant or operator altered; where it has neither, with a statement more."""
    tree = ast.parse(code)
    silent = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and node not in silent
            and isinstance(node.value, (int, float, str))
        ):
            node.value = f"{node.value}x" if isinstance(node.value, str) else node.value + 1
            break
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            node.op = ast.Sub()
            break
    else:
        return code + "\nx = 1\n"
    return ast.unparse(tree)


# ---- what counts -----------------------------------------------------------------------------------------------------


def test_a_change_in_any_file_that_a_lesson_or_its_judge_reaches_is_seen_by_that_lesson_and_by_no_other(
    house,
):
    lessons = syllabus.load().lessons
    reach = {one.id: stamp.helpers(one) for one in lessons}
    judges = {one.id: one.exercises for one in lessons}

    def stamps() -> dict[str, tuple[str, str]]:
        return {
            one.id: (imports.digest(reach[one.id]), imports.read(stamp._judges(one)).does) for one in lessons
        }

    before = stamps()
    assert all(stamp._surroundings(one)["helpers"] == before[one.id][0] for one in lessons)
    assert len(files := sorted({*judges.values()}.union(*reach.values()))) > 40
    for file in files:
        text = file.read_text(encoding="utf8")
        file.write_text(altered(text), encoding="utf8")
        seen = {id for id, now in stamps().items() if now != before[id]}
        assert seen == {id for id in reach if file in (*reach[id], judges[id])}, file
        file.write_text(text, encoding="utf8")


@each_lesson
def test_what_python_would_import_is_reached(one):
    """By the standard library's own reading of the bytecode, for which third parties are not there."""
    finder = modulefinder.ModuleFinder(path=[str(ROOT)])
    finder.run_script(str(one.source))
    found = {Path(module.__file__) for name, module in finder.modules.items() if name.startswith("helpers")}
    assert len(found) > 5 and found <= {*imports.reached(one.text)}


def test_what_a_lesson_needs_runs_in_or_reads_counts(house):
    before = keys()
    everything = set(before)
    for name, seen in {
        "requirements.lock": everything,
        ".python-version": everything,
        "data/rated_words/table.csv": {one.id for one in LESSONS if "rated_words" in one.data},
        "data/flights/card.md": {"2.1"},  # which shows it
        "notebooks/1_scoping/01_whole_loop.py": {"1.1"},
    }.items():
        file = house / name
        file.write_text((file.read_text() if file.exists() else "") + "\n# more\n")
        assert changed(before) == seen, name
        before = keys()
    environment = house / "helpers/environment.py"
    environment.write_text(altered(environment.read_text()))
    assert changed(before) == everything
    needing = {one.id for one in syllabus.load().lessons if one.needs}
    assert needing and all(
        house / "helpers/flights/trainer.py" in stamp.helpers(one)
        for one in syllabus.load().lessons
        if one.needs
    ), "TFX is told it in a string"


def reads(code: str) -> tuple[list[ast.Name], list[ast.expr]]:
    """Where code names ROOT, and where it goes on from there with a slash and a name that is written out."""
    nodes = list(ast.walk(ast.parse(code)))
    slashes = [n for n in nodes if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div)]
    return [n for n in nodes if getattr(n, "id", getattr(n, "attr", "")) == "ROOT"], [
        n.left for n in slashes if isinstance(n.left, ast.Name) and isinstance(n.right, ast.Constant)
    ]


def test_lessons_and_their_judges_name_what_they_read_in_the_way_that_is_seen():
    """Not by `ROOT.joinpath`, an f-string, or a first step that is computed, which would mean the whole project."""
    for one in LESSONS:
        for code in (stamp._code(one), stamp._judges(one)):
            named, seen = reads(code)
            assert {*named} <= {*seen}, one.id
    for unseen in ('ROOT.joinpath("data")', "ROOT / name", 'f"{ROOT}/data"', 'helpers.ROOT / "data"'):
        named, seen = reads(unseen)
        assert {*named} - {*seen}, unseen


def test_what_a_judge_reads_counts(house):
    one = syllabus.load().lesson("1.3")
    with one.exercises.open("a") as book:
        book.write('\nfrom helpers import ROOT\nTEXT = (ROOT / "data" / "loans" / "card.md").read_text()\n')
    before = keys()
    (house / "data" / "loans" / "card.md").write_text("more")
    assert changed(before) == {"1.3"}


@pytest.mark.parametrize("more", ["", "%matplotlib inline", "half an answer"])
def test_what_a_copy_of_a_lesson_imports_of_its_own_counts_for_the_copy_alone(house, tmp_path, more):
    notebook = syllabus.load().lesson("1.2").notebook()
    notebook.cells.append(nbformat.v4.new_code_cell(f"from helpers import serving\n{more}"))
    nbformat.write(notebook, tmp_path / "copy.ipynb")

    def copy() -> str:
        return tasks.tasks([str(tmp_path / "copy.ipynb")], {})[-1].key

    before, same = copy(), keys()
    for name in ("helpers/serving/rest.py", "helpers/exercises/progress.py"):  # which says the end
        (house / name).write_text(altered((house / name).read_text()))
        assert copy() != before and "1.2" not in changed(same), name
        before = copy()
    reword(house / "helpers/serving/rest.py")
    assert copy() == before
    (house / "helpers/widgets/labeling.py").write_text("x = 1")
    assert (copy() == before) == (not more), "only code that can't be read may use anything"


@pytest.mark.parametrize(
    "name",
    [
        "notebooks/2_data_lifecycle/09_labels.py",
        "notebooks/2_data_lifecycle/exercises/09_labels.py",
        "helpers/exercises/kit.py",
    ],
)
def test_what_is_no_python_is_named_with_its_line(house, name, monkeypatch, capsys):
    with (house / name).open("a") as file:
        file.write("\nx = (\n")
    monkeypatch.setattr(cli, "app", lambda: stamp.key(syllabus.load().lesson("2.9")))
    monkeypatch.setattr(cli.os, "_exit", sys.exit)
    with pytest.raises(SystemExit):
        cli.main()
    place = f"{house / name}, line {len((house / name).read_text().splitlines())}"
    assert capsys.readouterr().err == f"workbook: {place}: '(' was never closed\n"


# ---- what doesn't ----------------------------------------------------------------------------------------------------


def test_a_comment_or_a_docstring_in_helpers_executes_only_who_shows_it(house):
    before, whole = keys(), stamp.anything()
    shown = {one.id: stamp.read_as_text(one) for one in syllabus.load().lessons}
    for file in (house / "helpers").rglob("*.py"):
        reword(file)
    who = {id for id, files in shown.items() if any(house / "helpers" in file.parents for file in files)}
    assert {"1.1", "1.5", "2.7"} <= who < set(before)
    assert changed(before) == who and stamp.anything() == whole


def reword(file: Path) -> None:
    """Another docstring and other comments, and another line for everything."""
    text = file.read_text(encoding="utf8")
    if "__doc__" not in text:
        if ast.get_docstring(ast.parse(text)):
            text = text.partition('"""')[2].partition('"""')[2]
        text = f'"""Other words."""\n{text}'
    file.write_text(f"# A comment.\n\n{text}\n# Another.\n", encoding="utf8")


def test_a_lesson_more_and_another_title_execute_nothing(house):
    before, listed = keys(), house / "notebooks" / "syllabus.yml"
    row = '      - {id: "1.99", file: 99_new, title: New}\n'
    text = listed.read_text().replace(
        "  - folder: 2_data_lifecycle\n", f"{row}  - folder: 2_data_lifecycle\n"
    )
    listed.write_text(text.replace("title: Collecting data", "title: Other"))
    (house / "notebooks/1_scoping/99_new.py").write_text("# %%\n1\n")
    assert changed(before) == {"1.99"}


def test_what_is_said_at_the_end_alone_is_asked_by_lesson_alone_and_no_lesson_asks_for_more():
    """So that no other output of a recording can hang on it."""
    names = {".".join(file.relative_to(ROOT).with_suffix("").parts) for file in SAID}
    for one in LESSONS:
        tree = ast.parse(one.text)
        calls = {
            n.attr
            for n in ast.walk(tree)
            if isinstance(n, ast.Attribute) and getattr(n.value, "id", "") == "lesson"
        }
        assert calls <= {"begin", "check", "desk", "scratch", "predict", "reveal", "end"}, one.id
        for file in [one.source, one.exercises, *stamp.helpers(one)]:
            asked = {name for name in imports.read(file.read_text(encoding="utf8")).imports if name in names}
            if file == ROOT / "helpers" / "exercises" / "__init__.py":
                asked -= {"helpers.syllabus"}  # where a lesson's book of exercises lies
            assert not asked or file == ROOT / "helpers" / "lesson.py", f"{file} asks {asked}"


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """What runs in it is displayed as in a kernel, and as in a recording there is no ledger."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("IPython.get_ipython", InteractiveShell.instance)
    monkeypatch.setattr(lesson, "_session", lesson._Session())
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_what_is_said_at_the_end_alone_says_nothing_else(shell, monkeypatch):
    """`begin`, `desk`, `check` and predictions say the same where it answers otherwise."""

    def said() -> list:
        with capture_output() as shown:
            lesson.begin("1.1")
            for answer in (7, ..., lambda *_: 0, lambda *_: 1 / 0):
                lesson.check("1.1a", expected_gain=answer)
            lesson.check("1.1a")
            lesson.predict("1.1p1", ...)
            lesson.reveal("1.1p1", 3)
            print(lesson.desk())
            right = lesson.Verdict("right", "Yes.")
            view.verdict("1.1b", right, lesson._write("1.1b", right))
        return [shown.stdout, *(output.data for output in shown.outputs)]

    first = said()
    assert len(first) == 9
    # The solution that is handed out is the lesson's own code, which its stamp follows
    solution = [cell for cell in source.of("1.1a") if "solution" in cell[0]]
    monkeypatch.setattr(lesson.source, "of", lambda _: [*solution, (frozenset(), "other")])
    monkeypatch.setattr(lesson.ledger, "states", lambda _: {})
    monkeypatch.setattr(lesson.standings, "of", lambda *_: [])
    monkeypatch.setattr(syllabus.Syllabus, "next", lambda *_: None)
    monkeypatch.setattr(syllabus, "exercises", lambda _: [])
    assert said() == first


def test_no_recording_shows_words_of_a_helper_but_of_one_it_is_said_to_read():
    """Docstrings and comments, which no other stamp follows."""
    for one in LESSONS:
        cells = nbformat.read(one.recording, 4).cells
        shown = "\n".join(str(output) for cell in cells for output in cell.get("outputs", []))
        for file in {*stamp.helpers(one)} - {*stamp.read_as_text(one)}:
            text = file.read_text(encoding="utf8")
            docs = [ast.get_docstring(n) for n in ast.walk(ast.parse(text)) if isinstance(n, DOCUMENTED)]
            comments = [line.partition("# ")[2] for line in text.splitlines()]
            words = [
                line for line in [*"\n".join(filter(None, docs)).splitlines(), *comments] if len(line) > 30
            ]
            assert not [line for line in words if line in shown], f"{one.id} shows {file}"


# ---- the end is refilled ---------------------------------------------------------------------------------------------


@each_lesson
def test_the_end_is_refilled_as_an_execution_shows_it(one, shell):
    """With the verdicts of the recording above it, then with one exercise not tried, then with none."""
    notebook = nbformat.read(one.recording, 4)
    end = next(i for i, cell in enumerate(notebook.cells) if cell.source.strip() == "lesson.end()")
    told = {
        cell.id: view.told(cell.outputs[-1].get("data", {}).get("text/plain", ""))
        for cell in notebook.cells
        if cell.get("outputs")
    }
    checks = [cell for cell in notebook.cells if told.get(cell.id)]
    assert len(checks) == len(syllabus.exercises(one))
    for tried in (checks, checks[1:], []):
        for cell in checks:
            cell.outputs = cell.outputs if cell in tried else []
        lesson.begin(one.id)
        for cell in tried:
            if cell not in notebook.cells[:end]:
                continue  # of "Deeper"
            name, status = told[cell.id]
            lesson._write(name, lesson.Verdict(status, "Why."))
        with capture_output() as shown:
            lesson.end()
        [executed] = shown.outputs
        [(cell, [refilled])] = record._endings(one, notebook)
        assert cell is notebook.cells[end]
        assert (refilled.data, refilled.metadata) == (executed.data, executed.metadata)


def test_a_verdict_is_read_from_what_it_showed():
    for status in ("right", "wrong", "invalid", "not attempted"):
        said = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(display, "say", lambda text, rich, said=said: said.append(text))
            view.verdict("2.2a", lesson.Verdict(status, "Why.\nAnd more."))
            display.note("Hint 1 of 3", "2.2a", "✓ Right · 2.2b")
        assert [view.told(text) for text in said] == [("2.2a", status), None]
    assert view.told("✓ Right") is None
