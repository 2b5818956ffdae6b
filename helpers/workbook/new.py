"""Makes a new lesson that holds to the form already: its row in the syllabus, its text, its book of exercises, their cases."""

import json
import re
from pathlib import Path

from helpers import ROOT, files, minutes, syllabus
from helpers.syllabus import NOTEBOOKS, UsageError

TEMPLATES = Path(__file__).parent / "templates" / "new"


def make(lesson_id: str, title: str, root: Path = ROOT) -> list[Path]:
    """Write what a lesson consists of; returns the files, the syllabus first. Raises UsageError, and writes nothing, where it can't be.

    A lesson stands in the order of its number, in the course of the number before the point.
    """
    found = re.fullmatch(r"([1-9]\d*)\.([1-9]\d*)", lesson_id)
    if not found:
        raise UsageError(f"{lesson_id!r} is no number of a lesson. It looks like 3.1: course, point, lesson.")
    if not re.search(r"\w", title) or not title.isprintable():
        raise UsageError("A lesson needs a title, on one line.")
    known = syllabus.load().lessons
    if taken := next((x for x in known if x.id == lesson_id), None):
        raise UsageError(f"Lesson {lesson_id} is there: {taken.source.relative_to(ROOT)}.")
    course, number = map(int, found.groups())
    folder = next((x.folder for x in known if x.id.startswith(f"{course}.")), None)
    if folder is None:
        there = ", ".join(sorted({x.id.split(".")[0] for x in known}))
        raise UsageError(
            f"There is no course {course}; there are {there}. A course is begun in the syllabus by hand."
        )
    file = f"{number:02}_{re.sub(r'[^a-z0-9]+', '_', title.lower()).strip('_')}"
    place = root / NOTEBOOKS.relative_to(ROOT) / folder
    made = {
        place / f"{file}.py": "lesson.py.txt",
        place / "exercises" / f"{file}.py": "exercises.py.txt",
        root / "tests" / "judges" / f"cases_{course}_{number}.py": "cases.py.txt",
    }
    if old := next((path for path in made if path.exists()), None):
        raise UsageError(
            f"{old.relative_to(root)} is there already. Move it away, or take another number or title."
        )
    listed = place.parent / "syllabus.yml"
    text = _with_row(listed.read_text(encoding="utf8"), course, number, file, title)
    words = {"@id": lesson_id, "@title": title}
    templates = {path: (TEMPLATES / name).read_text(encoding="utf8") for path, name in made.items()}
    core, deeper = minutes.parts(
        _filled(templates[place / f"{file}.py"], words)
    )  # a number is a word, like its mark
    words |= {"@minutes": str(minutes.counts(core).minutes), "@deeper": str(minutes.counts(deeper).minutes)}
    for path, template in templates.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(_filled(template, words), encoding="utf8")
    files.write(listed, text)
    return [listed, *made]


def _filled(text: str, words: dict[str, str]) -> str:
    return re.sub(r"@(?:id|title|minutes|deeper)", lambda found: words.get(found[0], found[0]), text)


def _with_row(text: str, course: int, number: int, file: str, title: str) -> str:
    """The syllabus with a row more: before the first of its course with a higher number, else after the last."""
    # As JSON, which is YAML, too: of words as they are, a comma would end them, and 2013 be a number
    values = {"id": f"{course}.{number}", "file": file, "title": title, "seconds": 30}
    row = "".join(f", {name}: {json.dumps(value, ensure_ascii=False)}" for name, value in values.items())
    row = f"      - {{{row[2:]}}}\n"
    own = list(re.finditer(rf'^      - {{id: "{course}\.(\d+)".*\n', text, re.M))
    at = next((found.start() for found in own if int(found[1]) > number), own[-1].end())
    return text[:at] + row + text[at:]
