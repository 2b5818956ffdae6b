"""Which files a piece of code reaches, and what changes their digest: what they do, not how they are written."""

import pytest

from helpers import imports

PACKAGE = {
    "__init__.py": "",
    "start.py": "from helpers import direct\ndef late():\n    from . import within\n    from .deep import inner\nRUN = 'helpers.told.run_fn'\n"
    "WRITTEN = '''\n    from helpers.written import name as other\n    '''\nAPART = ['-m', 'helpers.apart']\nSAID = 'We import helpers.idle.'\n",
    "written.py": "name = 1\n",
    "apart/__init__.py": "",
    "apart/__main__.py": "",
    "direct.py": '"""Says how."""\n\nimport helpers.deep.other  # a comment\n\nx = 1\n',
    "within.py": "import os\n",
    "told.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from helpers import typed\n",
    "typed.py": "",
    "idle.py": "",
    "deep/__init__.py": "",
    "deep/inner.py": "from .. import start\nfrom ..sibling import name\n",
    "deep/other.py": "",
    "sibling.py": "name = 1\n",
}


@pytest.fixture
def helpers(tmp_path, monkeypatch):
    """A small package `helpers`, and the folder it is in."""
    for name, text in PACKAGE.items():
        file = tmp_path / "helpers" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.setattr(imports, "ROOT", tmp_path)
    return tmp_path / "helpers"


def test_every_file_that_runs_is_reached_and_no_other(helpers):
    found = {str(file.relative_to(helpers)) for file in imports.reached("import helpers.start")}
    assert found == set(PACKAGE) - {"idle.py", "typed.py"}
    assert imports.reached("import os\nfrom numpy import helpers") == []


def test_what_is_left_out_leads_nowhere(helpers):
    found = imports.reached("import helpers.start", but=[helpers / "direct.py"])
    assert not {helpers / "direct.py", helpers / "deep" / "other.py"} & set(found)


@pytest.mark.parametrize(
    "change",
    [
        ("direct.py", PACKAGE["direct.py"].replace("x = 1", "x = 2")),
        ("told.py", "x = 1\n" + PACKAGE["told.py"]),
        ("within.py", "import os, sys\n"),
        ("deep/inner.py", PACKAGE["deep/inner.py"].replace("..sibling", "..direct")),
    ],
)
def test_a_change_of_what_a_file_does_is_seen(helpers, change):
    before = imports.digest(imports.reached("import helpers.start"))
    (helpers / change[0]).write_text(change[1])
    assert imports.digest(imports.reached("import helpers.start")) != before


def test_other_words_and_another_layout_change_nothing(helpers):
    before = imports.digest(imports.reached("import helpers.start"))
    (helpers / "direct.py").write_text("# new\nimport helpers.deep.other\nx = (\n    1\n)\n")
    (helpers / "within.py").write_text('"""New."""\n' + PACKAGE["within.py"])
    (helpers / "told.py").write_text(PACKAGE["told.py"].replace("typed", "untyped"))
    (helpers / "idle.py").write_text("x = 1")
    assert imports.digest(imports.reached("import helpers.start")) == before


def test_a_docstring_that_the_code_asks_for_is_part_of_what_it_does():
    text = 'def f():\n    """{}"""\n'
    assert imports.read(text.format("a")).does == imports.read(text.format("b")).does
    text += "print(f.__doc__)\n"
    assert imports.read(text.format("a")).does != imports.read(text.format("b")).does


def test_a_file_that_is_not_python_counts_with_its_bytes_and_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(imports, "ROOT", tmp_path)
    digests = []
    for name, text in (("a", "x"), ("a", "y"), ("b", "y")):
        (tmp_path / name).write_text(text)
        digests.append(imports.digest([tmp_path / name]))
    assert len(set(digests)) == 3
