"""How the exercises of lesson 4.3, Batch inference, are judged."""

from __future__ import annotations

import contextlib
import glob
import os
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np

from helpers.exercises.kit import Program, exercise
from helpers.exercises.rules import function
from helpers.exercises.signs import CONSTANT, NOTHING, follows, listed, number, unless
from helpers.flights.examples import WEATHER

# ---- 4.3a: a check that gives Beam's own tagged outputs ----------------------------------------------------

_SOUND = {
    "carrier": "UA", "origin": "EWR", "dest": "IAH", "distance": 1400.0, "weekday": 1, "day_minute": 315,
    "temp": 39.0, "dewp": 28.0, "humid": 62.2, "wind_dir": 250.0, "wind_speed": 12.6, "precip": 0.0,
    "pressure": 1012.2, "visib": 10.0,
}
_GAP = float("nan")
# What is changed of a sound flight, and what must come of it: None, or the first feature that is wrong
_FLIGHTS = [
    ({}, None), ({"carrier": None}, "carrier"), ({"distance": _GAP}, "distance"),
    ({"day_minute": 1440}, "day_minute"),
    ({"day_minute": 0}, None), ({"day_minute": 1439}, None), ({"weekday": 0}, None), ({"weekday": 6}, None),
    ({"weekday": 7}, "weekday"), ({"day_minute": -1}, "day_minute"), ({"weekday": -1}, "weekday"),
    ({"dest": ""}, "dest"), ({"origin": _GAP}, "origin"), ({"weekday": None}, "weekday"),
    (dict.fromkeys(WEATHER, _GAP), None), (dict.fromkeys(WEATHER), None),
    ({"temp": -3.0, "precip": 0.0}, None),
    ({"day_minute": 4000, "carrier": None}, "carrier"), ({"day_minute": -5, "distance": _GAP}, "distance"),
    ({"distance": None}, "distance"), ({"day_minute": _GAP}, "day_minute"), ({"weekday": _GAP}, "weekday"),
    ({"distance": 80.0}, None),
]

def _flights():
    return [{"row": 100 + i, **_SOUND, **changed} for i, (changed, _) in enumerate(_FLIGHTS)]


def _checked_all(checked):
    """What comes of each flight: passed on (and as it was), or rejected; and whether it does so twice."""
    import apache_beam as beam

    def come(flights):
        tags, passed, rejected = set(), [], []
        for flight in flights:
            before, given = repr(flight), checked(flight)
            if given is None:
                raise ValueError("gives nothing back for a flight, and FlatMap wants a list")
            if isinstance(given, (dict, str, beam.pvalue.TaggedOutput)):
                return {"alone": True}
            for element in given:
                if isinstance(element, beam.pvalue.TaggedOutput):
                    tags.add(element.tag)
                    rejected.append(element.value)
                else:
                    passed.append([flight["row"], repr(element) == before])
        return {"alone": False, "tags": sorted(tags), "passed": passed, "rejected": rejected}

    found = come(_flights())
    return {**found, "again": come(_flights()) == found}


@exercise(
    "4.3a",
    checked=Program(_checked_all, seconds=30),
    hints=(
        "Go through `FEATURES` in their order, and stop at the first that is wrong; weather is never wrong.",
        "NaN compares as False with everything: `0 <= value <= 6` is False of it, and so needs no test "
        "of its own. "
        "`None` can't be compared.",
        '`return [flight]`, or `return [beam.pvalue.TaggedOutput("rejected", (flight["row"], name))]`.',
    ),
    said="A row that the model can't take is set aside by name, before it can share a batch with others.",
)
def a_check_that_rejects_by_name(checked):
    if checked["alone"]:
        yield "FlatMap takes a list (or another sequence) of what goes on; yours gives the element itself."
    if set(checked["tags"]) - {"rejected"}:
        yield "The tag is another than asked for, so Beam has no collection for it."
    wanted = {100 + i: fault for i, (_, fault) in enumerate(_FLIGHTS)}
    told = checked["rejected"]
    if any(type(value) is not list or len(value) != 2 for value in told):
        yield "A rejection is a pair: the flight's `row`, and the name of the feature."
    if any(type(row) is not int or row not in wanted for row, _ in told):
        yield "The first of a rejection's pair is not the flight's `row`."
    passed, rejected = {row for row, _ in checked["passed"]}, dict(told)
    if len(checked["passed"]) + len(told) > len(wanted) or passed & set(rejected):
        yield "A flight comes out more than once: it is passed on or rejected, and once."
    if len(passed | set(rejected)) < len(wanted):
        yield "A flight does not come out at all: it is lost, which is what the check is against."
    if not all(same for _, same in checked["passed"]):
        yield "A flight that fits must be passed on as it is; yours comes out changed."
    if not rejected:
        yield "Every flight is passed on, the broken ones, too."
    changed = {100 + i: set(what) for i, (what, _) in enumerate(_FLIGHTS)}
    if any(changed[row] <= set(WEATHER) and changed[row] for row in rejected):
        yield "A flight without weather is rejected. The model was trained with such gaps."
    if set(rejected) & {104, 105, 106, 107}:
        yield "The ends of the ranges belong to them: `weekday` 0 and 6, `day_minute` 0 and 1439."
    if any(wanted[row] is None for row in rejected):
        yield "A flight that fits is rejected."
    if passed & {112}:
        yield "A text that is missing may be NaN instead of `None`, and NaN is no text."
    if passed & {111}:
        yield "An empty text passes; there is no such airport."
    if passed & {102, 120, 121}:
        yield (
            "A number that is NaN passes, and the model would compute with it. NaN compares as False "
            "with everything."
        )
    if passed & {109, 110, 118}:
        yield "A number below its range passes."
    if passed & {103, 108}:
        yield (
            "A number beyond the end of its range passes: the model has 7 weekdays and 1440 minutes, "
            "from 0."
        )
    if any(wanted[row] for row in passed):
        yield "A flight passes that the model can't take."
    if any(rejected[row] != wanted[row] for row in (117, 118)):
        yield "Of two faults the first is named, in the order of `FEATURES`."
    if rejected != {row: name for row, name in wanted.items() if name}:
        yield "A rejection names another feature than the one that is wrong."
    if not checked["again"]:
        yield "Asked again it decides otherwise. Beam may try a bundle twice, so it must remember nothing."


# ---- 4.3b: steps between floats ----------------------------------------------------------------------------


def _pairs():
    def pair(one, other):
        return np.array(one, "float32"), np.array(other, "float32")

    def after(value, steps):
        return (np.array([value], "float32").view("int32") + steps).view("float32")[0]

    return [
        pair([0.5, 0.5, 0.5], [0.5, after(0.5, 1), after(0.5, -1)]),
        pair([0.1, 0.3], [after(0.1, 2), after(0.3, -7)]),
        pair([0.25, after(0.25, -3)], [after(0.25, -3), after(0.25, 4)]),
        pair([0.0, 1.0], [after(0.0, 1), 1.0]),
        pair([0.2], [0.7]), pair([0.9, 0.01], [0.01, 0.9]), pair([], []),
    ]


def _bits(values):
    return [int(bits) for bits in np.array(values, "float32").view("int32")]


def _steps(one, other):
    return [abs(a - b) for a, b in zip(_bits(one), _bits(other), strict=True)]


def _in_units(unit):
    def rule(one, other):
        one, other = np.array(one, "float32"), np.array(other, "float32")
        return [float(x) for x in np.round(np.abs(one - other) / unit(one, other))]

    return rule


function(
    "4.3b", "ulps", _pairs,
    odd={
        "Your function gives nothing back. Does it `return` the array?": NOTHING,
        "Asked is an array: a whole number of steps for each pair.": unless(listed(number)),
    },
    rule=_steps,
    said="The bits of floats that are not negative count up one by one, across powers of two as well.",
    mistakes={
        "Steps have no direction: yours are negative where the other is larger.": follows(
            lambda one, other: [a - b for a, b in zip(_bits(one), _bits(other), strict=True)],
            lambda one, other: [b - a for a, b in zip(_bits(one), _bits(other), strict=True)]),
        "That measures in steps as they are near 1. Below 1 floats lie closer.": follows(
            _in_units(lambda one, other: np.finfo("float32").eps),
            _in_units(lambda one, other: np.finfo("float32").eps / 2)),
        "That takes the step at one of the two for the whole way; at a power of two it changes.": follows(
            _in_units(lambda one, other: np.spacing(one)), _in_units(lambda one, other: np.spacing(other)),
            _in_units(lambda one, other: np.spacing(np.maximum(one, other))),
            _in_units(lambda one, other: np.spacing(np.minimum(one, other)))),
        "An unsigned number can't be negative: where the second is larger, yours runs over.": follows(
            lambda one, other: [(a - b) % 2**32 for a, b in zip(_bits(one), _bits(other), strict=True)],
            lambda one, other: [(b - a) % 2**32 for a, b in zip(_bits(one), _bits(other), strict=True)]),
        "That is the difference itself, not the number of steps.":
            lambda one, other: [abs(a - b) for a, b in zip(one, other, strict=True)],
        "That says whether they differ, not by how many steps.":
            lambda one, other: [int(a != b) for a, b in zip(one, other, strict=True)],
        "Your function gives the same for every pair.": CONSTANT,
    },
    otherwise="Some number of steps is another.",
    hints=(
        '`one.view("int32")` reads the same bits as whole numbers; `astype` would convert the values.',
        "The distance has no sign: take the absolute value of the difference.",
    ),
)


# ---- 4.3c: a file that is whole or not there ---------------------------------------------------------------

_LINES = [f"{row},{'abcdef0123456789'},0.25" for row in range(5)]


def _in_a_process(work):
    """How a forked process that does this ends: its exit code, or minus the signal; in three seconds."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.alarm(3)
            work()
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(pid, 0)[1]
    return os.waitstatus_to_exitcode(status)


def _csvs(folder):
    """The lines of each file that a reader lists."""
    paths = map(Path, sorted(glob.glob(f"{folder}/*.csv")))
    return {path.name: path.read_text().splitlines() for path in paths}


def _watch(folder, done, sizes):
    """From now on in this process, a fork: what is done to names that a reader lists goes into `done`, and
    how large files are when they get such a name, into `sizes`."""
    folder = Path(folder).resolve()

    def listed_name(path):
        path = Path(os.fsdecode(path))
        return path.suffix == ".csv" and not path.name.startswith(".") and path.parent.resolve() == folder

    def hook(event, given):
        if event == "open" and not isinstance(given[0], int) and listed_name(given[0]):
            if given[2] & (os.O_WRONLY | os.O_RDWR):
                done.add("written")
        elif event == "os.remove" and listed_name(given[0]):
            done.add("removed")
        elif event == "os.rename" and listed_name(given[1]):
            old = Path(os.fsdecode(given[0])).resolve()
            sizes.append(old.stat().st_size if old.exists() else None)
            if folder not in old.parents:
                done.add("moved")

    sys.addaudithook(hook)


def _played(write_shard):
    """What stands in the folder, before, while and after shards are written, killed, and written at once."""
    with tempfile.TemporaryDirectory(prefix="shards-") as folder:

        def dying():
            for i, text in enumerate(_LINES):
                if i == 3:
                    os.kill(os.getpid(), signal.SIGKILL)
                yield text

        watched = []

        def watching():
            for text in _LINES:
                watched.append(_csvs(folder))
                yield text

        _in_a_process(lambda: write_shard(dying(), "2013-07", folder))
        found = {"killed": _csvs(folder), "rivals": None}
        done, sizes = set(), []
        _watch(folder, done, sizes)
        write_shard(watching(), "2013-07", folder)
        found["during"], found["first"] = list(watched), _csvs(folder)
        raw = Path(folder, "2013-07.csv")
        found["early"] = raw.exists() and any(size != raw.stat().st_size for size in sizes)
        watched.clear()
        write_shard(watching(), "2013-07", folder)
        found["again"], found["second"] = list(watched), _csvs(folder)
        found["ends"] = raw.read_text().endswith("\n") if raw.exists() else None
        found["done"] = sorted(done)
        write_shard(iter([]), "2013-08", folder)
        found["empty"] = _csvs(folder)

        def failing():
            yield _LINES[0]
            raise EOFError

        with contextlib.suppress(EOFError):
            write_shard(failing(), "2013-09", folder)
        found["failed"] = sorted(_csvs(folder))

    with tempfile.TemporaryDirectory(prefix="rivals-") as folder:
        codes = []

        def overtaken():
            for i, text in enumerate(_LINES):
                if i == 2:
                    codes.append(_in_a_process(lambda: write_shard(iter(_LINES), "2013-07", folder)))
                yield text

        try:
            write_shard(overtaken(), "2013-07", folder)
        except OSError as error:
            found["rivals"] = type(error).__name__
        found["codes"], found["left"] = codes, _csvs(folder)
    return found


_WHOLE = {"2013-07.csv": _LINES}


@exercise(
    "4.3c",
    write_shard=Program(_played, seconds=20),
    hints=(
        "Write to a name that doesn't end in `.csv`, in the same folder; when all is written and "
        "closed, rename.",
        "`os.replace(old, new)` puts the new file in the old one's place in one step, also where there "
        "is one.",
        "Two attempts must not share the name they write to: put `uuid.uuid4()` or `os.getpid()` into it.",
    ),
    said="The name says of which input, and appears at once: a kill leaves nothing, a rerun no second file.",
)
def whole_or_not_there(write_shard):
    found = write_shard
    first = found["first"]
    if not first:
        yield "After the call there is no `*.csv` in the folder."
    if "2013-07.csv" not in first:
        yield (
            "The file's name is not `{folder}/{source}.csv`. A name that is new each time makes "
            "another file."
        )
    if len(first["2013-07.csv"]) > len(_LINES):
        yield (
            "After a kill and a rerun lines are there twice: what the killed attempt wrote was kept, "
            "and appended to."
        )
    if len(first) > 1:
        yield (
            "After a kill and a rerun there is more than one `*.csv`: the killed attempt's rest is "
            "read as a result."
        )
    if found["killed"] or any(found["during"]):
        yield "After a kill a reader finds a `*.csv` that is not whole."
    if first != _WHOLE:
        yield "The file's lines are not those that went in, one on each line."
    if "removed" in found["done"] or any(state != _WHOLE for state in [*found["again"], found["second"]]):
        yield (
            "When a shard is written a second time, the old file is gone or changed before the new "
            "one is whole."
        )
    if "written" in found["done"]:
        yield (
            "You write to the name that is read: until all is written, a reader finds a file that is "
            "not whole."
        )
    if not found["ends"]:
        yield "The last line has no line end behind it."
    if found["early"]:
        yield "The file is renamed before it is closed: what Python holds in its buffer is not in it yet."
    if "moved" in found["done"]:
        yield (
            "You move it from another folder. That may be another file system, and from there a move "
            "is a copy."
        )
    if "2013-08.csv" not in found["empty"]:
        yield "A shard without lines has no file, and looks as if it were still to be done."
    if found["empty"]["2013-08.csv"]:
        yield "A shard without lines has an empty file; yours holds a line."
    if found["empty"] != _WHOLE | {"2013-08.csv": []}:
        yield "Writing another shard changed what was there."
    if "2013-09.csv" in found["failed"]:
        yield (
            "When reading the lines fails in the middle, what was written so far appears as if it "
            "were whole."
        )
    if found["rivals"] or any(found["codes"]) or found["left"] != _WHOLE:
        yield "Of two attempts at once one fails: the other renames or clears away what it writes to."


# ---- 4.3d: reconciling -------------------------------------------------------------------------------------


def _tables():
    import pandas as pd

    def table(text):
        pairs = [(int(text[i]), text[i + 1]) for i in range(0, len(text), 2)]
        rows = np.array([row for row, _ in pairs], "int64")
        digests = np.array([digest for _, digest in pairs], object)
        return pd.DataFrame({"row": rows, "digest": digests})

    return [
        tuple(map(table, texts)) for texts in [
            ("1a2b3c", "3c1a", "2b"), ("1a2b3c", "1a1a", "2b"), ("1a2b", "1a2b", "2b"),
            ("1a2b", "1a2x4d", ""),
            ("1a2b", "1a", "2b2b"), ("1a2b", "1a", "2x"), ("1a", "1a", "5e"), ("", "", ""),
            ("1a2b", "", "1a2b"), ("1a2b", "1b2a", ""), ("1a2a", "1a2a", ""),
            ("1a", "1a7g7g", ""), ("1a2b", "1a1x", "2b"), ("1a2b", "1x1a", "2b"),
        ]
    ]


def _faults(source, scored, rejected):
    before, out = {item["row"]: item["digest"] for item in source}, [*scored, *rejected]
    rows = [item["row"] for item in out]
    found = {
        "missing": any(row not in rows for row in before),
        "twice": len(set(rows)) < len(rows),
        "unknown": any(row not in before for row in rows),
        "changed": any(item["row"] in before and before[item["row"]] != item["digest"] for item in out),
    }
    return sorted(fault for fault, there in found.items() if there)


def _without(fault, instead):
    """The right faults, but one of them by another rule."""

    def rule(source, scored, rejected):
        rest = set(_faults(source, scored, rejected)) - {fault}
        return sorted(rest | ({fault} if instead(source, scored, rejected) else set()))

    return rule


def _rows(*tables):
    return [item["row"] for table in tables for item in table]


def _last_of_each(items):
    return [*{item["row"]: item for item in items}.values()]


def _words(value):
    return type(value) is list and all(type(word) is str for word in value)


_NAMES = {"missing", "twice", "unknown", "changed"}

function(
    "4.3d", "reconcile", _tables,
    odd={
        "Your function gives nothing back. Does it `return` the set?": NOTHING,
        "Asked is a set of names; an empty one, `set()`, where there is no fault.": unless(_words),
        "There is a name that is none of the four in the task.":
            unless(lambda value: _words(value) and set(value) <= _NAMES),
    },
    read=sorted,
    rule=_faults,
    said="Keys say what is missing, doubled or strange, digests what has changed: no count can do either.",
    mistakes={
        "You compare numbers of rows. One lost and one doubled leave the number right.": follows(
            _without("missing", lambda s, a, b: len(a) + len(b) < len(s)),
            _without("twice", lambda s, a, b: len(a) + len(b) > len(s))),
        "A rejected row is accounted for; it is not lost.":
            _without("missing", lambda s, a, b: bool(set(_rows(s)) - set(_rows(a)))),
        "You look for doubled rows in `scored` and `rejected` apart; a row can stand once in each.":
            _without("twice", lambda s, a, b: any(len(set(_rows(t))) < len(t) for t in (a, b))),
        "You look for doubled rows in `scored` alone.":
            _without("twice", lambda s, a, b: len(set(_rows(a))) < len(a)),
        "You look for strange rows in `scored` alone.":
            _without("unknown", lambda s, a, b: bool(set(_rows(a)) - set(_rows(s)))),
        "A row counts for you as doubled only where its digest is the same, too.":
            _without("twice", lambda s, a, b: len({(i["row"], i["digest"]) for i in a + b}) < len(a + b)),
        "The same digests may stand at other rows: compare them row by row.":
            _without("changed", lambda s, a, b: not {i["digest"] for i in a + b} <= {i["digest"] for i in s}),
        "You compare digests in `scored` alone; a rejected row may be another, too.":
            _without("changed", lambda s, a, b: "changed" in _faults(s, a, [])),
        "A row that stands on one side only has no digest to compare; that is another fault.": follows(
            _without("changed", lambda s, a, b: bool({"unknown", "changed"} & set(_faults(s, a, b)))),
            _without("changed", lambda s, a, b: bool(set(_faults(s, a, b)) - {"twice"}))),
        "A row that stands twice may have two digests, and you compare one of them.": follows(
            _without("changed", lambda s, a, b: "changed" in _faults(s, _last_of_each(a + b), [])),
            _without("changed", lambda s, a, b: "changed" in _faults(s, _last_of_each((a + b)[::-1]), []))),
        "You name one fault, and there can be several at once.":
            lambda source, scored, rejected: _faults(source, scored, rejected)[:1],
        "Your function gives the same for all tables.": CONSTANT,
    },
    otherwise="For some tables the faults are others.",
    hints=(
        "`pd.concat([scored, rejected])` first: what came out, in one table.",
        "`.isin`, `.duplicated()`; and a merge on `row` puts both digests side by side.",
    ),
)
