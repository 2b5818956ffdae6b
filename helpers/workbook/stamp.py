"""What decides what a lesson prints, as digests: the stamp of its recording, and the name of its result in the store."""

import ast
import json
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path

from helpers import ROOT, imports, sha, syllabus
from helpers.syllabus import Lesson

# What every lesson runs in
ENVIRONMENT = ("requirements.lock", ".python-version", "helpers/environment.py")

# The list of lessons, and where exercises stand: a recording shows of them what `lesson.end()` says, and that is said
# anew without executing (`record.write`). So they make nothing stale. tests/test_stamp.py holds that they say nothing else.
SAID_AT_THE_END = (
    "helpers/syllabus.py",
    "helpers/exercises/ledger.py",
    "helpers/exercises/progress.py",
    "helpers/exercises/source.py",
)


def of(lesson: Lesson) -> dict[str, str]:
    """Digests of what produces a lesson's outputs, by what it is."""
    cells = [c.source for c in lesson.notebook().cells if c.cell_type == "code"]
    return {"code": sha(*cells), **_surroundings(lesson)}


def key(lesson: Lesson) -> str:
    """Name of a lesson's result in the store. Reads text only, so that an unchanged run costs no imports."""
    return sha(lesson.text, json.dumps(_surroundings(lesson), sort_keys=True))


def anything() -> str:
    """A digest of all that one's own notebook may use: its code need not be readable here (magics, half an answer)."""
    judges = [imports.read(_judges(lesson)).does for lesson in syllabus.load().lessons]
    return sha(imports.digest(sorted((ROOT / "helpers").rglob("*.py"))), _environment(), *judges)


def reached(code: str) -> str:
    """A digest of the helpers that somebody's code reaches: of all, where it is not readable here."""
    try:
        imports.read(code)
    except SyntaxError:
        return anything()
    return imports.digest(imports.reached(code))


def helpers(lesson: Lesson) -> list[Path]:
    """The files of helpers that a lesson, its judges and what it needs reach by their imports, sorted."""
    needed = [syllabus.load().resource(name).call.partition(":")[0] for name in lesson.needs]
    left_out = [ROOT / name for name in SAID_AT_THE_END]
    return imports.reached(
        _code(lesson), _judges(lesson), *(f"import {module}" for module in needed), but=left_out
    )


def read_as_text(lesson: Lesson) -> list[Path]:
    """The files of this project that a lesson's code or its judges read as they are written, comments and all, sorted.

    They name them by a path from ROOT (as far as that is written out: a folder counts whole), or ask for a helper's
    source in a statement with `inspect.getsource`.
    """
    code = f"{_code(lesson)}\n{_judges(lesson)}"
    if "ROOT" not in code and "getsource" not in code:  # most: to parse them would take a while
        return []
    tree, helper = ast.parse(code), dict[str, str]()
    inner, places = set[ast.expr](), set[Path]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("helpers"):
            helper |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            start, *steps = _operands(node)
            if node not in inner and isinstance(start, ast.Name) and start.id == "ROOT":
                written = takewhile(lambda step: isinstance(step, ast.Constant), steps)
                places.add(ROOT.joinpath(*map(ast.literal_eval, written)))
            inner.add(node.left)  # a path's last slash is met first
    for statement in tree.body:
        nodes = list(ast.walk(statement))
        names = [getattr(node, "attr", "") or getattr(node, "id", "") for node in nodes]
        if any(name.startswith("getsource") for name in names):
            used = {node.id for node in nodes if isinstance(node, ast.Name)}
            places |= {imports.files_of(helper[name])[-1] for name in used & helper.keys()}
    return sorted({file for place in places for file in _files(place)})


def _surroundings(lesson: Lesson) -> dict[str, str]:
    data = [file for name in lesson.data for file in _files(ROOT / "data" / name)]
    return {
        "helpers": imports.digest(helpers(lesson)),
        "judges": imports.read(_judges(lesson)).does,
        # Its cards are prose about the data: a lesson that shows one reads it as text
        "data": _bytes(file for file in data if file.suffix != ".md"),
        "reads": _bytes(read_as_text(lesson)),
        "lock": _environment(),
    }


def _judges(lesson: Lesson) -> str:
    """The code that judges a lesson's exercises."""
    book = lesson.exercises
    return _python(book.read_text(encoding="utf8"), book) if book.is_file() else ""


def _environment() -> str:
    return imports.digest(ROOT / name for name in ENVIRONMENT)


def _code(lesson: Lesson) -> str:
    """A lesson's text as Python: without lines that are IPython's."""
    lines = ("" if line.startswith(("%", "!")) else line for line in lesson.text.splitlines())
    return _python("\n".join(lines), lesson.source)


def _python(code: str, file: Path) -> str:
    """The code of a file. Raises SyntaxError, which names the file, where it is none."""
    try:
        imports.read(code)
    except SyntaxError as error:
        error.filename = str(file)
        raise
    return code


def _operands(path: ast.expr) -> list[ast.expr]:
    if isinstance(path, ast.BinOp) and isinstance(path.op, ast.Div):
        return [*_operands(path.left), path.right]
    return [path]


def _files(place: Path) -> list[Path]:
    """The file, or all files in the folder, sorted; none of what Python caches."""
    found = [place] if place.is_file() else sorted(place.rglob("*"))
    return [file for file in found if file.is_file() and "__pycache__" not in file.parts]


def _bytes(files: Iterable[Path]) -> str:
    return sha(*(part for file in files for part in (str(file.relative_to(ROOT)), file.read_bytes())))
