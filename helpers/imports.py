"""Which files of helpers a piece of code reaches by its imports, and a digest of what they do.

What a file does is its syntax tree without docstrings, comments and what only a type checker reads: a file that
is reworded or laid out anew keeps its digest.
"""

import ast
import contextlib
import hashlib
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from helpers import ROOT

MODULE = re.compile(r"helpers(?:\.\w+)+")


@dataclass(frozen=True)
class Code:
    """What counts of a piece of Python."""

    does: str  # a digest of its syntax tree without docstrings
    # dotted names of helpers, wherever the import stands; some end in a function's name
    imports: tuple[str, ...]
    # the same in strings: what TFX is told, "helpers.flights.trainer.run_fn", or Python, `-m helpers.serving`; and what is
    # imported by Python that is a string, a module that a lesson writes
    names: tuple[str, ...]


def reached(*code: str, but: Iterable[Path] = ()) -> list[Path]:
    """The files of helpers that these pieces of Python run, directly or through each other, sorted.

    but: files that neither count nor lead on. Raises SyntaxError.
    """
    leave, found = set(but), set[Path]()
    todo = [read(text) for text in code]
    while todo:
        one = todo.pop()
        names = (*one.imports, *one.names, *(f"{name}.__main__" for name in one.names))
        for file in {file for name in names for file in files_of(name)} - found - leave:
            found.add(file)
            todo.append(read_file(file))
    return sorted(found)


def digest(files: Iterable[Path]) -> str:
    """Sixteen hex digits that change with what Python files do, with the bytes of others, and with their names."""
    total = hashlib.sha256()
    for file in files:
        what = read_file(file).does if file.suffix == ".py" else hashlib.sha256(file.read_bytes()).hexdigest()
        total.update(f"{file.relative_to(ROOT)} {what}\n".encode())
    return total.hexdigest()[:16]


def files_of(name: str) -> list[Path]:
    """The files that run when a dotted name is imported: its packages' and its module's."""
    parts = name.split(".")
    places = [ROOT.joinpath(*parts[: end + 1]) for end in range(len(parts))]
    return [f for place in places for f in (place / "__init__.py", place.with_suffix(".py")) if f.is_file()]


def read_file(file: Path) -> Code:
    """Raises SyntaxError, which names the file."""
    try:
        return read(file.read_text(encoding="utf-8"), ".".join(file.relative_to(ROOT).parent.parts))
    except SyntaxError as error:
        error.filename = str(file)
        raise


@cache
def read(code: str, package: str = "") -> Code:
    """package: the one the code stands in, which relative imports start from. Raises SyntaxError."""
    said, imports, names = list[str](), list[str](), list[str]()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            imports.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
            imports.extend(
                ".".join([*above, *filter(None, [node.module]), alias.name]) for alias in node.names
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value.startswith("helpers."):
                names.extend(MODULE.findall(node.value)[:1])
            elif "helpers" in node.value and "import" in node.value:
                with contextlib.suppress(SyntaxError, ValueError):  # it is a sentence
                    names.extend(read(textwrap.dedent(node.value), package).imports)
        said.append(type(node).__name__)
        for field in node._fields:
            value = getattr(node, field, None)
            parts = [part for part in value if not _mute(part, code)] if isinstance(value, list) else [value]
            said.append(str(len(parts)))
            for part in parts:
                if isinstance(part, ast.AST):
                    visit(part)
                else:
                    said.append(repr(part))

    visit(ast.parse(code))
    ours = tuple(dict.fromkeys(name for name in imports if name.split(".")[0] == "helpers"))
    return Code(hashlib.sha256(" ".join(said).encode()).hexdigest(), ours, tuple(dict.fromkeys(names)))


def _mute(part: object, code: str) -> bool:
    """Whether a statement does nothing: a docstring in code that asks for none, or what stands under `if TYPE_CHECKING` alone."""
    if isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant):
        return isinstance(part.value.value, str) and "__doc__" not in code
    if isinstance(part, ast.If) and isinstance(part.test, ast.Name) and not part.orelse:
        return part.test.id == "TYPE_CHECKING"
    return False
