"""Somebody's notebook files: one that can't be run is a row with its reason, and what is checked is what is executed."""

import json
import os
import subprocess
from pathlib import Path

import nbformat
import nbformat.v4 as v4
import pytest
from runs import WORKBOOK, cell, lesson, notebook, ran

from helpers import syllabus
from helpers.syllabus import UsageError
from helpers.workbook import parameters, tasks
from helpers.workbook.execute import Job, execute

V3 = {
    "metadata": {"name": ""},
    "nbformat": 3,
    "nbformat_minor": 0,
    "worksheets": [
        {
            "metadata": {},
            "cells": [
                {"cell_type": "code", "collapsed": False, "input": ["print('in format', 3)"],
                 "language": "python", "metadata": {}, "outputs": []}
            ],
        }
    ],
}  # fmt: skip


def refusals(*names, **parameters) -> list[str]:
    return [task.refused for task in tasks.tasks(map(str, names), parameters)]


# ---- files that are none --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "3", '{"cells": 3}', '{"nbformat": 4, "cells": [{}]}', "\x00\x01", "[" * 100_000, '{"nbformat": 9}',
     '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "raw", "metadata": {}, "source": "\\ud800"}]}'],
)  # fmt: skip
def test_what_is_no_notebook_is_refused_with_its_name(content, tmp_path):
    (tmp_path / "copy.ipynb").write_text(content)
    [reason] = refusals(tmp_path / "copy.ipynb")
    assert "copy.ipynb is not a notebook that can be read" in reason and len(reason.splitlines()) == 1


@pytest.mark.parametrize(
    ("noted", "said"),
    [
        ({"lesson": "9.9"}, "no lesson '9.9'. Known lessons: 1.1"),
        (["1.1"], "name no lesson"),
        ({"lesson": ["1.1"]}, "name no lesson"),
        ("1.1", "name no lesson"),
    ],
)
def test_a_copy_of_no_lesson_is_refused_with_its_name(noted, said, tmp_path):
    nbformat.write(v4.new_notebook(metadata={"workbook": noted}), tmp_path / "copy.ipynb")
    [reason] = refusals(tmp_path / "copy.ipynb")
    assert "copy.ipynb" in reason and said in reason


def test_one_bad_file_is_one_row_and_the_others_run(tmp_path, own_build):
    """As an instructor calls it, in a folder of what thirty learners handed in."""
    class_ = tmp_path / "class"
    class_.mkdir()
    (class_ / "good.ipynb").write_text(notebook("6 * 7"))
    (class_ / "not json.ipynb").write_text("{")
    (class_ / "link.ipynb").symlink_to("nowhere")
    (class_ / "folder.ipynb").mkdir()
    os.mkfifo(class_ / "pipe.ipynb")
    Path(os.fsdecode(bytes(class_) + b"/\xdcbung.ipynb")).write_text(notebook("print('from unzip')"))
    (class_ / "[red]x[bold] :smile:.ipynb").write_text(notebook("1"))
    (class_ / "v3.ipynb").write_text(json.dumps(V3))
    names = sorted(name for name in os.listdir(class_))
    done = subprocess.run([*WORKBOOK, "run", *names], cwd=class_, capture_output=True, timeout=120)
    said = done.stdout.decode("utf8")
    assert done.returncode == 1 and not done.stderr, done.stderr.decode()
    for name in ("good", r"\xdcbung", "[red]x[bold] :smile:", "v3"):
        assert f"✓ {name}  {name}: ok" in said
    for name, reason in {"not json": "not a notebook", "link": "a broken link", "folder": "a folder", "pipe": "a pipe"}.items():  # fmt: skip
        [row] = [line for line in said.splitlines() if line.startswith(f"✗ {name}: ")]
        assert reason in row
    report = own_build / "report"
    assert "from unzip" in (report / r"pages/\xdcbung.html").read_text()
    assert "in format 3" in (report / "pages/v3.html").read_text()
    assert "refused" in (report / "index.html").read_text()
    again = subprocess.run([*WORKBOOK, "run", "good.ipynb", "v3.ipynb"], cwd=class_, capture_output=True)
    assert again.returncode == 0 and "✓" not in again.stdout.decode(), "both are kept"


def test_two_of_one_name_are_an_error_that_names_both(small_syllabus, tmp_path, monkeypatch):
    small_syllabus({"1.1": lesson("1")})
    monkeypatch.chdir(tmp_path)
    Path("1.1.ipynb").write_text(notebook("1"))
    with pytest.raises(UsageError, match=r"1\.1 and 1\.1\.ipynb would both be told of as '1\.1'"):
        tasks.tasks(["1.1", "1.1.ipynb"], {})
    with pytest.raises(UsageError, match=r"1\.1 and lesson_1_1 would both"):
        tasks.tasks(["1.1", "lesson_1_1"], {})


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree["cells"][0].pop("id"),
        lambda tree: tree["cells"].append(tree["cells"][0]),
        lambda tree: tree["cells"][0]["metadata"].update(tags=None),
        lambda tree: tree["cells"][0].update(outputs=[{"output_type": "of another tool"}]),
        lambda tree: tree["cells"][0].update(executionInfo={"status": "ok"}),
        lambda tree: tree.update(nbformat_minor=9),
    ],
    ids=["no id", "same ids", "no tags", "outputs", "another key", "newer"],
)
def test_what_another_editor_has_made_of_a_notebook_runs_as_papermill_runs_it(change, tmp_path):
    tree = json.loads(notebook("6 * 7"))
    change(tree)
    (tmp_path / "copy.ipynb").write_bytes(b"\xef\xbb\xbf" + json.dumps(tree).encode())
    assert refusals(tmp_path / "copy.ipynb") == [""]


@pytest.mark.parametrize(
    "tree",
    [
        {"cells": [{"cell_type": "markdown", "source": "x"}]},
        {"nbformat": 4, "nbformat_minor": [], "cells": []},
        {"nbformat": 4, "nbformat_minor": {}, "metadata": {}, "cells": []},
        {"nbformat": [4], "cells": 1},
    ],
)
def test_whatever_nbformat_fails_with_is_a_row(tree, tmp_path):
    (tmp_path / "odd.ipynb").write_text(json.dumps(tree))
    [reason] = refusals(tmp_path / "odd.ipynb")
    assert "odd.ipynb is not a notebook that can be read" in reason


def test_two_equal_copies_have_a_result_each(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.ipynb").write_text(notebook("1"))
    a, b = tasks.tasks([str(tmp_path / "a.ipynb"), str(tmp_path / "b.ipynb")], {})
    assert a.key != b.key


# ---- parameters -----------------------------------------------------------------------------------------------------


def test_parameters_are_checked_against_the_cell_they_are_set_after(tmp_path, own_build):
    """JupyterLab's Split Cell leaves two cells with the tag; Papermill sets parameters after the first."""
    path = tmp_path / "split.ipynb"
    tagged = cell("seed = 1", "parameters"), cell("months = 6", "parameters")
    path.write_text(notebook(*tagged, "print('RESULT', seed, months)"))
    with pytest.raises(UsageError, match="no parameter 'months'. Its parameters: seed"):
        tasks.tasks([str(path)], {"months": 99, "seed": 7})
    ran([str(path)], {"seed": 7})
    assert "RESULT 7 6" in next(own_build.glob("report/pages/*")).read_text()
    for before in (
        v4.new_markdown_cell("seed", metadata={"tags": ["parameters"]}),
        cell("seed = 3", "injected-parameters"),
    ):
        path.write_text(notebook(before, *tagged))
        with pytest.raises(UsageError, match="no parameter 'seed'. Its parameters: none"):
            tasks.tasks([str(path)], {"seed": 7})
    path.write_text(notebook(tagged[0], "print(seed)", cell("seed = 3", "injected-parameters")))
    with pytest.raises(UsageError, match="no parameter 'seed'. Its parameters: none"):
        tasks.tasks([str(path)], {"seed": 7})
    path.write_text(notebook(tagged[0], cell("seed = 3", "injected-parameters"), "print(seed)"))
    assert tasks.tasks([str(path)], {"seed": 7})


def test_a_copy_that_lacks_a_parameter_is_a_row_where_others_have_it(tmp_path):
    (tmp_path / "a.ipynb").write_text(notebook(cell("seed = 1", "parameters")))
    (tmp_path / "b.ipynb").write_text(notebook("seed = 1"))
    (tmp_path / "c.ipynb").write_text(notebook(cell("%matplotlib inline\nseed = 1", "parameters")))
    a, b, c = refusals(*(tmp_path / f"{name}.ipynb" for name in "abc"), seed=7)
    assert not a and "no parameter 'seed'" in b and "`parameters` in" in c and "not Python" in c


@pytest.mark.parametrize(
    ("default", "fitting", "others"),
    [
        ("7", ["8", "-1"], ["abc", "7.5", "1e3", "true", "null", "[7]", '"7"']),
        ("0.5", ["1", "0.1", "1e-3"], ["abc", "true", "null"]),
        ("True", ["false", "TRUE"], ["1", "0", "yes"]),
        ("'UA'", ["AA", '"7"', ""], ["7", "true"]),
        ("[1, 2]", ["[3]", "[]"], ["3", "[a, b]", "[1.5]", '["a"]']),
        ("[0.1, 'a', None]", ['[1, "b", null, {}]'], ["x"]),
        ("(1, 2)", ["[3, 4]"], ["3"]),
        ("[]", ["[1, 2]"], ["1"]),
        ("{'a': 1}", ['{"b": 2}'], ["b"]),
        ("None", ["7", "abc", "null", "[1]"], []),
        ("int('7')", ["7", "abc"], []),
    ],
)
def test_a_value_has_the_type_of_its_default_where_that_shows_one(default, fitting, others, tmp_path):
    path = tmp_path / "n.ipynb"
    path.write_text(notebook(cell(f"x = {default}", "parameters")))
    for text in fitting:
        assert tasks.tasks([str(path)], parameters.assignments([f"x={text}"]))[0].parameters
    for text in others:
        with pytest.raises(UsageError, match="takes .* for x, as its .* is"):
            tasks.tasks([str(path)], parameters.assignments([f"x={text}"]))


def test_the_parameters_of_lessons_are_of_types_a_table_can_set():
    """On the real lessons: their own defaults fit."""
    for known in syllabus.load().lessons:
        parameters.check(known.id, known.parameters, json.loads(json.dumps(known.parameters)))


def test_a_value_that_is_not_utf8_is_refused():
    with pytest.raises(UsageError, match="not UTF-8"):
        parameters.assignments(["seed=\udcff"])


# ---- copies that other editors have saved ---------------------------------------------------------------------------


def colab(tree: dict) -> None:
    """Keeps no metadata of others, and no tags."""
    tree["metadata"] = {
        "colab": {"provenance": []},
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
    }
    tree["nbformat_minor"] = 0
    for each in tree["cells"]:
        each["metadata"] = {"id": each.pop("id")}


def vs_code(tree: dict) -> None:
    tree["metadata"] = {"language_info": {"name": "python"}, "orig_nbformat": 4}
    tree["nbformat_minor"] = 2
    for each in tree["cells"]:
        del each["id"]


@pytest.mark.parametrize("saved", [colab, vs_code])
def test_a_copy_that_colab_or_vs_code_has_saved_is_known_again(saved, small_syllabus, tmp_path):
    begins = "from helpers import lesson\nlesson.begin('1.1')"
    small_syllabus({"1.1": f"# %%\n{begins}\n\n{lesson('seed * 6')}"}, needs={"thing": "platform:node"})
    tree = json.loads(nbformat.writes(syllabus.load().lesson("1.1").notebook()))
    saved(tree)
    (tmp_path / "copy.ipynb").write_text(json.dumps(tree))
    _, task = tasks.tasks([str(tmp_path / "copy.ipynb")], {"seed": 7})
    assert (task.title, task.needs, task.refused) == ("Lesson 1.1", ("thing",), "")
    text = task.notebook().replace("lesson.begin('1.1')", "")
    assert "42" in execute(Job("copy", text, {"seed": 7})).notebook, "set where the lesson has them"
