"""Imports go one way: lessons and their exercises, the batch side and the desk → what lessons share → the ground floor."""

import pytest

from helpers import ROOT, imports

GROUND = {
    "__init__",
    "display",
    "drawing",
    "environment",
    "figures",
    "files",
    "imports",
    "minutes",
    "syllabus",
}
ABOVE = {"desk", "workbook", "cli"}


@pytest.fixture(scope="module")
def arrows():
    """By file below helpers, lessons or their exercises: the files of helpers that it imports itself, wherever in it."""
    found = {}
    for folder in ("helpers", "notebooks"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            if file.parent.name != ".ipynb_checkpoints":
                code = imports.read_file(file)
                found[file] = {imported for name in code.imports if (imported := module(name))}
    return found


def module(name):
    """The file that a dotted name means: a module's, or of the package that has it as a name. Not its packages', which run first."""
    files = imports.files_of(name)
    return files[-1] if files else None


def room(file):
    """The part of the house a file is in: a package or module of helpers; the command line, which opens all rooms, is its own."""
    inside = file.relative_to(ROOT)
    if inside.parts[0] == "notebooks":
        return "notebooks"
    return "cli" if inside.name == "cli.py" else inside.with_suffix("").parts[1]


def circle(arrows):
    """The places of a circle in the arrows, in order; None where there is none."""
    done = set()

    def walk(place, path):
        if place in path:
            return path[path.index(place) :]
        if place in done:
            return None
        done.add(place)
        return next(filter(None, (walk(to, [*path, place]) for to in sorted(arrows.get(place, ())))), None)

    return next(filter(None, (walk(place, []) for place in arrows)), None)


def wrong(arrows, forbidden):
    """Each arrow between rooms that must not be, as text."""
    return [
        f"{file.relative_to(ROOT)} imports {to.relative_to(ROOT)}"
        for file, targets in arrows.items()
        for to in targets
        if forbidden(room(file), room(to))
    ]


def test_the_ground_floor_stands_on_itself_alone(arrows):
    assert not GROUND - set(map(room, arrows))
    assert not wrong(arrows, lambda here, there: here in GROUND and there not in GROUND)


def test_nothing_below_imports_the_batch_side_or_the_desk(arrows):
    assert not ABOVE - set(map(room, arrows)) and "notebooks" in map(room, arrows)
    assert not wrong(arrows, lambda here, there: here not in ABOVE and there in ABOVE)


def test_no_module_and_no_room_is_reached_from_what_it_imports(arrows):
    assert circle(arrows) is None
    rooms = {}
    for file, targets in arrows.items():
        rooms.setdefault(room(file), set()).update({room(to) for to in targets} - {room(file)})
    assert circle(rooms) is None


def test_an_arrow_up_and_a_circle_would_be_seen():
    files = {name: ROOT / "helpers" / f"{name}.py" for name in ("files", "display", "lesson", "figures")}
    desk = ROOT / "helpers" / "desk" / "lab.py"
    assert wrong(
        {files["files"]: {files["lesson"]}}, lambda here, there: here in GROUND and there not in GROUND
    )
    assert wrong({files["lesson"]: {desk}}, lambda here, there: there in ABOVE)
    round_trip = {files["display"]: {files["files"]}, files["files"]: {desk}, desk: {files["display"]}}
    assert circle({files["lesson"]: {files["display"]}, **round_trip}) == list(round_trip)
    assert circle({1: {2, 3}, 2: {3}, 3: set()}) is None
