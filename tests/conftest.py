"""Fixtures several tests share: an output folder of their own, and small notebooks in place of the lessons."""

import os
import textwrap

import pytest

from helpers import syllabus
from helpers.environment import ENVIRONMENT

os.environ.update(ENVIRONMENT)  # tests compute what kernels compute, to the last digit


@pytest.fixture
def own_build(tmp_path, monkeypatch):
    """An output folder for this test alone, in which nothing is verified, cached or stored yet."""
    monkeypatch.setenv("WORKBOOK_BUILD", str(tmp_path / "build"))
    return tmp_path / "build"


@pytest.fixture
def small_syllabus(tmp_path, monkeypatch, own_build):
    """Makes a syllabus of small lessons: `small_syllabus({"1.1": "print(1)"})` with `# %%` cells as text."""
    folder = tmp_path / "notebooks"

    def make(lessons: dict[str, str], needs: dict[str, str] | None = None):
        (folder / "course").mkdir(parents=True, exist_ok=True)
        lines = ["resources:"] if needs else ["resources: {}"]
        for name, call in (needs or {}).items():
            lines.append(f"  {name}: {{title: {name}, call: '{call}'}}")
        lines += ["courses:", "  - folder: course", "    title: A course", "    lessons:"]
        for id, text in lessons.items():
            file = "lesson_" + id.replace(".", "_")
            (folder / "course" / f"{file}.py").write_text(textwrap.dedent(text).lstrip())
            extra = f", needs: [{', '.join(needs)}]" if needs else ""
            lines.append(f"      - {{id: '{id}', file: {file}, title: Lesson {id}{extra}}}")
        (folder / "syllabus.yml").write_text("\n".join(lines) + "\n")
        syllabus.load.cache_clear()

    monkeypatch.setattr(syllabus, "NOTEBOOKS", folder)
    syllabus.load.cache_clear()
    yield make
    monkeypatch.undo()
    syllabus.load.cache_clear()
