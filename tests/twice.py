"""Records all lessons twice, from different folders, in opposite order, with one worker and with two, and compares.

`make twice`: both must agree with each other and with the committed recordings, cell by cell, but for the tolerances
the cells declare. Takes as long as the lessons three times over.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import checkout
import nbformat

from helpers import syllabus
from helpers.workbook import compare, kernelspec


def executed(
    folder: Path,
    names: list[str],
    jobs: int,
    settings: dict[str, str] | None = None,
    added: dict[str, str] | None = None,
) -> dict:
    """Run the lessons from a copy of this checkout in `folder`; returns the executed notebooks by lesson id.

    With `settings`, that copy computes with these in place of helpers/environment.py's, and so do its kernels. `added` is
    code by the name of the copy's file that it goes to the end of.
    """
    environment = checkout.make(folder / "checkout") | {"WORKBOOK_BUILD": str(folder / "build")}
    for name, code in (added or {}).items():
        with (folder / "checkout" / name).open("a") as file:
            file.write(code)
    if settings:
        (folder / "checkout" / "helpers" / "environment.py").write_text(f"ENVIRONMENT = {settings!r}\n")
        spec = folder / "jupyter" / "kernels" / "python3" / "kernel.json"
        spec.parent.mkdir(parents=True)
        spec.write_text(json.dumps(kernelspec.content() | {"env": settings}))
        environment |= {"JUPYTER_PATH": str(folder / "jupyter"), "WORKBOOK_WARM_IDLE": "60"}
    call = [sys.executable, "-m", "helpers.workbook.cli", "run", *names, "--jobs", str(jobs)]
    subprocess.run(call, cwd=folder / "checkout", env=environment, check=True, stdout=subprocess.DEVNULL)
    pages = folder / "build" / "report" / "notebooks"
    return {page.stem: nbformat.read(page, 4) for page in pages.glob("*.ipynb")}


def differences(one, other) -> list[str]:
    """What differs between two executed notebooks, cell by cell."""
    pairs = [
        (a, b) for a, b in zip(one.cells, other.cells, strict=True) if a.cell_type == b.cell_type == "code"
    ]
    said = [
        (i, compare.outputs_differ(a.outputs, b.outputs, a.metadata.get("tags", [])))
        for i, (a, b) in enumerate(pairs)
    ]
    return [f"code cell {i}: {difference}" for i, difference in said if difference]


def main():
    names = [lesson.id for lesson in syllabus.load().lessons]
    with tempfile.TemporaryDirectory(prefix="twice-") as folder:
        first = executed(Path(folder, "one"), names, jobs=1)
        second = executed(Path(folder, "another", "place"), names[::-1], jobs=2)
    bad = 0
    for lesson in syllabus.load().lessons:
        recorded = nbformat.read(lesson.recording, 4)
        for title, pair in {
            "one worker, two workers": (first[lesson.id], second[lesson.id]),
            "recording, one worker": (recorded, first[lesson.id]),
        }.items():
            found = differences(*pair)
            bad += len(found)
            print(f"{'✗' if found else '✓'} {lesson.id} ({title}): {len(found)} cells differ")
            print(*(f"    {line}" for line in found), sep="\n" if found else "", end="\n" if found else "")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
