"""How the exercises of lesson 4.4, Edge and browser, are judged."""

from __future__ import annotations

import functools
import io
import json
import math
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from helpers.exercises.kit import Made, exercise
from helpers.exercises.plain import Blank, NotData
from helpers.exercises.rules import function
from helpers.exercises.signs import NEVER, close, optional, unless

# ---- 4.4a: a model that brings its facts along ---------------------------------------------------


def _look_at_file(content: Any) -> dict[str, Any]:
    """What lies in front, and what the archive at the end holds, by name: JSON, or None where it is none."""
    if isinstance(content, bytearray | memoryview):
        content = bytes(content)
    if isinstance(content, io.BytesIO):
        raise NotData("is the file object; it should be its content, bytes: `….getvalue()`")
    if type(content) is not bytes:
        raise NotData("should be bytes, the content of one file")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            begins = min((member.header_offset for member in archive.infolist()), default=len(content))
            held = {name: _json(archive.read(name)) for name in archive.namelist()[:20]}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, OSError):
        begins, held = len(content), None
    return {"front": content[4:8] == b"TFL3", "runs": _runs(content), "begins": begins, "held": held}


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _runs(content: bytes) -> bool:
    """Whether LiteRT opens it and finds the model's two inputs."""
    if content[4:8] != b"TFL3":
        return False
    from ai_edge_litert.interpreter import Interpreter

    from helpers import quiet

    with quiet.native():
        try:
            return len(Interpreter(model_content=content).get_input_details()) > 0
        except (ValueError, RuntimeError):
            return False


@exercise(
    "4.4a",
    packed=Made("bytes: the model's content, and after it a ZIP archive", _look_at_file),
    hints=(
        '`file = io.BytesIO(files["LiteRT"])` is a file that holds the model.',
        '`with zipfile.ZipFile(file, "a") as archive:` appends; inside, `archive.writestr(name, text)`, '
        "once for "
        "each of the two, with `json.dumps(…)` as text.",
        "After the `with`, when the directory is written, `packed = file.getvalue()`.",
    ),
    said="LiteRT reads from the front and finds its model unchanged; a reader of archives reads from "
    "the end and finds "
    "the facts, so that neither can travel without the other.",
)
def a_model_with_its_facts(packed, given):
    held = packed["held"]
    if not packed["front"]:
        yield (
            "The file does not begin with the model, so LiteRT can't read it. "
            'Mode `"w"` begins anew; and the archive comes after the model, not before it.'
        )
    if held is None:
        yield (
            "The model is there, and at the end no archive can be read. Is the content taken after the "
            "archive was "
            "closed? Its directory is written then."
        )
    if not held:
        yield "The archive is empty."
    if missing := {"facts.json", "selftest.json"} - set(held):
        inside = any(name.split("/")[-1] in missing for name in held)
        yield (
            f"The archive has no `{min(missing)}`."
            + (" It lies in a folder there, or under a longer name." if inside else "")
        )
    if None in (held["facts.json"], held["selftest.json"]):
        yield (
            "One of the two is no JSON. `str(facts)` looks alike; `json.dumps(facts)` is what others "
            "can read."
        )
    if held["facts.json"] == given["selftest"] and held["selftest.json"] == given["facts"]:
        yield "The two are swapped: facts lie under the self-test's name."
    for name, key in (("facts.json", "facts"), ("selftest.json", "selftest")):
        if type(held[name]) is str:
            yield f"`{name}` holds one long text: it went through `json.dumps` twice."
        if not close(held[name], given[key], rel=1e-9, abs_=1e-12):
            yield f"`{name}` is JSON and holds something else than `{key}`."
    if packed["begins"] != given["model"]:
        yield (
            "Between the model and the archive there is something else, or the model is not the one of "
            "this section."
        )
    if not packed["runs"]:
        yield "The archive is right, and LiteRT can't open the model in front of it. Was it changed?"


# ---- 4.4b: the first row that differs ------------------------------------------------------------


def _arrays(*pairs: tuple[list[float], list[float], float]) -> list[tuple]:
    return [(np.array(a, "float32"), np.array(b, "float32"), ulps) for a, b, ulps in pairs]


def _next(value: float, ulps: int) -> float:
    """The float32 so many ulps of `value` away."""
    return float(np.float32(value + ulps * float(np.spacing(np.float32(value)))))


def _probes_of_rows() -> list[tuple]:
    half, tenth = 0.5, float(np.float32(0.1))
    return _arrays(
        ([half, half, tenth], [half, _next(half, 2), _next(tenth, 16)], 2),
        ([half, half, tenth], [half, _next(half, 2), _next(tenth, 16)], 1),
        ([half, tenth], [half, tenth], 0),
        ([half, tenth], [half, _next(tenth, 1)], 0),
        ([0.75, 0.75, 0.75], [0.75, 0.25, _next(0.75, 3)], 2),
        ([0.75, 0.75], [_next(0.75, 5), 0.1], 2),
        ([tenth, half, half], [tenth, math.nan, _next(half, 4)], 2),
        ([0.9, 0.01, 0.02], [_next(0.9, 1), _next(0.01, 6), 0.02], 4),
        ([0.9, 0.01], [_next(0.9, 4), _next(0.01, -4)], 4),
        ([0.9, tenth], [_next(0.9, 6), tenth], 4),
        ([half, 0.9], [half, _next(0.9, -6)], 4),
    )


def _ulps(a: float, b: float | None) -> float:
    return math.inf if b is None else abs(b - a) / float(np.spacing(np.float32(abs(a))))


def _first(where) -> Any:
    return lambda here, there, ulps: next(
        (i for i, (a, b) in enumerate(zip(here, there, strict=True)) if where(a, b, ulps)), None
    )


def _whole(value: Any) -> bool:
    return type(value) is int or (type(value) is float and value == int(value))


function(
    "4.4b", "first_row", _probes_of_rows,
    odd={
        "Your function never finds a row. Does it `return` the index?": NEVER,
        "Asked is one index, a whole number, or `None`.": unless(optional(_whole)),
    },
    rule=_first(lambda a, b, ulps: _ulps(a, b) > ulps),
    said="An ulp grows with the number, so one tolerance in ulps is fair to small chances and large "
    "ones; a NaN is within "
    "no tolerance.",
    mistakes={
        "Where no row differs you give 0. That is the first row; nothing found is `None`.":
            lambda here, there, ulps: _first(lambda a, b, u: _ulps(a, b) > u)(here, there, ulps) or 0,
        "Where no row differs you give −1, an index that Python takes for the last row. Nothing found "
        "is `None`.":
            lambda here, there, ulps: next(
                (i for i, (a, b) in enumerate(zip(here, there, strict=True)) if _ulps(a, b) > ulps), -1),
        "Exactly `ulps` away is still within.":
            _first(lambda a, b, ulps: b is None or (_ulps(a, b) >= ulps and a != b)),
        "A NaN slips through: every comparison with it is False, so ask what is *within*, and take the "
        "opposite.":
            _first(lambda a, b, ulps: b is not None and _ulps(a, b) > ulps),
        "You look in one direction only. A row that is smaller there differs as well.":
            _first(lambda a, b, ulps: b is None or (b > a and _ulps(a, b) > ulps)),
        "That allows a share of the number, as `rtol` does. An ulp is the same from 0.5 up to 1.":
            _first(lambda a, b, ulps: b is None or abs(b - a) > ulps * float(np.spacing(np.float32(1))) * a),
        "That takes the ulp of 1 for every number. At 0.1 an ulp is a sixteenth of it.":
            _first(lambda a, b, ulps: b is None or abs(b - a) > ulps * float(np.spacing(np.float32(1)))),
        "Those are ulps of float64, half a billion times finer. Take the spacing before you convert.":
            _first(lambda a, b, ulps: b is None or abs(b - a) > ulps * float(np.spacing(abs(a)))),
        "You count rows from 1.": lambda here, there, ulps: next(
            (i for i, (a, b) in enumerate(zip(here, there, strict=True), 1) if _ulps(a, b) > ulps), None),
        "That is the last row that differs.": lambda here, there, ulps: next(
            (i for i in reversed(range(len(here))) if _ulps(here[i], there[i]) > ulps), None),
        "That is the row that differs most.": lambda here, there, ulps: max(
            (i for i in range(len(here)) if _ulps(here[i], there[i]) > ulps),
            key=lambda i: _ulps(here[i], there[i]), default=None),
        "That is how many rows differ.": lambda here, there, ulps: sum(
            _ulps(a, b) > ulps for a, b in zip(here, there, strict=True)) or None,
    },
    otherwise="For some arrays another row is the first. Divide the difference by "
    "`np.spacing(here)`, row by row.",
    hints=(
        "`np.spacing(here)` has the ulp of each row, float32.",
        "Make the difference in float64 (`there.astype(float) - here`), and mark what is *not* within "
        "`ulps` of them.",
        "`np.argmax` of an array of True and False is the first True; ask `.any()` before.",
    ),
)  # fmt: skip


# ---- 4.4c: where do they part --------------------------------------------------------------------


def _stages(**stages: list) -> dict[str, np.ndarray]:
    return {name: np.array(values, float) for name, values in stages.items()}


def _probes_of_stages() -> list[tuple]:
    right = {"ids": [[1], [4]], "numbers": [[0.0, 2.0], [4.0, 1.0]], "late": [[0.2], [0.4]]}

    def told(within: float, **changed: list) -> tuple:
        return _stages(**right), _stages(**(right | changed)), within

    backwards = _stages(**right | {"numbers": [[0.0, 2.0], [2.0, 1.0]], "late": [[0.3], [0.4]]})
    return [
        told(0.1),
        told(0.1, numbers=[[0.0, 2.0], [2.0, 1.0]]),
        told(0.25, numbers=[[0.0, 2.0], [2.0, 1.0]]),
        told(0.24, numbers=[[0.0, 2.0], [2.0, 1.0]], late=[[0.9], [0.1]]),
        told(0.3, numbers=[[0.0, 2.0], [2.0, 1.0]], late=[[0.9], [0.1]]),
        told(0.2, numbers=[[1.0, 1.0], [4.0, 1.0]]),
        told(0.2, numbers=[[0.0, 2.0], [6.0, 1.0]]),
        (_stages(bias=[3.0, 3.0], late=[0.2, 0.4]), _stages(bias=[3.0, 3.0], late=[0.2, 0.1]), 0.1),
        (_stages(bias=[3.0, 3.0], late=[0.2, 0.4]), _stages(bias=[3.0, 3.5], late=[0.2, 0.4]), 0.1),
        (_stages(bias=[3.0, 3.0], late=[0.2, 0.4]), _stages(bias=[3.0, 3.05], late=[0.2, 0.1]), 0.1),
        (_stages(**right), dict(reversed(backwards.items())), 0.1),
        (_stages(**right), backwards, 0.1),
        told(0.1, ids=[[1], [2]], late=[[0.9], [0.1]]),
        told(0.01, late=[[0.2], [0.43]]),
        told(0.12, numbers=[[0.0, 2.0], [4.4, 1.4]]),
        told(0.05, numbers=[[0.0, 2.0], [2.0, 1.0]], late=[[0.2], [0.43]]),
        told(0.1, numbers=[[1.0, 1.0], [4.0, 1.0]]),
        told(0.1, late=[[0.2], [0.43]]),
        told(0.12, late=[[0.2], [0.43]]),
        told(0.3, late=[[0.2], [0.46]]),
        told(0.05, numbers=[[0.4, 2.0], [4.0, 1.0]]),
        told(0.15, numbers=[[0.0, 2.0], [4.4, 1.4]]),
    ]


def _flat(values: Any) -> list[float]:
    return [x for item in values for x in _flat(item)] if type(values) is list else [values]


def _rms(differences: list[float]) -> float:
    return math.sqrt(sum(d * d for d in differences) / len(differences))


def _by(measure, order=lambda here, there: here, slack=1e-12) -> Any:
    """The first stage for which measure(here, there) is beyond the tolerance, in the order of one of "
    "the two."""

    def rule(here, there, within):
        return next(
            (
                name
                for name in order(here, there)
                if measure(_flat(here[name]), _flat(there[name])) > within + slack
            ),
            None,
        )

    return rule


def _range(values: list[float]) -> float:
    return max(values) - min(values) or 1.0


def _nrmse(here: list[float], there: list[float]) -> float:
    return _rms([b - a for a, b in zip(here, there, strict=True)]) / _range(here)


def _worst(here, there, within):
    errors = {name: _nrmse(_flat(here[name]), _flat(there[name])) for name in here}
    name = max(errors, key=errors.get)
    return name if errors[name] > within + 1e-12 else None


def _last(here, there, within):
    return _by(_nrmse, lambda here, there: reversed(list(here)))(here, there, within)


def _without_constants(here, there, within):
    return _by(lambda a, b: _nrmse(a, b) if max(a) > min(a) else 0.0)(here, there, within)


function(
    "4.4c", "first_stage", _probes_of_stages,
    odd={
        "Your function never finds a stage. Does it `return` the name?": NEVER,
        "Asked is the name of a stage, or `None`.": unless(optional(lambda output: type(output) is str)),
    },
    rule=_by(_nrmse),
    said="The first stage that parts is where the fault lies; all later ones only pass it on. Divided "
    "by its range, each stage "
    "is measured by its own size.",
    mistakes={
        "That is the stage with the largest error. A fault grows on its way; asked is where it "
        "begins.": _worst,
        "That is the last stage beyond the tolerance. Asked is the first.": _last,
        "You go through the stages in the order of `there`. The order of computation is that of `here`.":
            _by(_nrmse, lambda here, there: there),
        "An error of exactly `within` is still within.": _by(_nrmse, slack=-1e-12),
        "You go through the names in alphabetical order. The order of computation is that of `here`.":
            _by(_nrmse, lambda here, there: sorted(here)),
        "You add the squares up. Take their mean.":
            _by(lambda a, b: _nrmse(a, b) * math.sqrt(len(a))),
        "You divide by the largest number. The range is largest minus smallest.":
            _by(lambda a, b: _rms([y - x for x, y in zip(a, b, strict=True)]) / (max(map(abs, a)) or 1.0)),
        "A range of zero: the error grows beyond all limits, however small it is. Divide by 1 there.":
            _by(lambda a, b: _nrmse(a, b) if max(a) > min(a) else math.inf if a != b else 0.0),
        "The error is not divided by the range, so a stage of large numbers looks worse than it is.":
            _by(lambda a, b: _rms([y - x for x, y in zip(a, b, strict=True)])),
        "You divide by the range of `there`; the fault itself would change the measure. Take that of `here`.":
            _by(lambda a, b: _rms([y - x for x, y in zip(a, b, strict=True)]) / _range(b)),
        "A constant stage never parts for you: its range is zero, and then you should divide by 1.":
            _without_constants,
        "Differences of both signs cancel in your mean. Square them first.":
            _by(lambda a, b: abs(sum(y - x for x, y in zip(a, b, strict=True))) / len(a) / _range(a)),
        "That is the mean of the absolute differences. Squared, a few large ones count more.":
            _by(lambda a, b: sum(abs(y - x) for x, y in zip(a, b, strict=True)) / len(a) / _range(a)),
        "The root is missing: that is the mean squared difference over the range.":
            _by(lambda a, b: _rms([y - x for x, y in zip(a, b, strict=True)]) ** 2 / _range(a)),
        "That is the largest difference over the range, not the root of the mean square.":
            _by(lambda a, b: max(abs(y - x) for x, y in zip(a, b, strict=True)) / _range(a)),
        "You divide by the standard deviation. Here the range is asked for, largest minus smallest.":
            _by(lambda a, b: _rms([y - x for x, y in zip(a, b, strict=True)]) / (float(np.std(a)) or 1.0)),
    },
    otherwise="For some stages the answer is another. Compute the table's four numbers by hand.",
    hints=(
        "Go through `here.items()`; dicts keep their order.",
        "`np.sqrt(np.mean((there[name] - expected) ** 2)) / (expected.max() - expected.min())`.",
        "Compare each with `within` and return at once; after the loop, `None`. Mind a range of zero.",
    ),
)  # fmt: skip


# ---- 4.4d: the gap, in JavaScript ----------------------------------------------------------------

_PLAIN, _RAIN = {"mean": 1000, "deviation": 10, "log": False}, {"mean": 0.5, "deviation": 0.5, "log": True}
_NEAR = {"mean": 5, "deviation": 10, "log": False}
# JSON knows neither undefined nor NaN
_ASKED = [
    (value, fact)
    for fact in (_PLAIN, _RAIN, _NEAR)
    for value in (1005, 900, 1200, 0, 0.01, -3, 1000, "null", "undefined", "NaN")
    if not (fact["log"] and value == -3)
]
_JUDGE = Path(__file__).with_suffix(".js")  # runs in Node what was handed in


@functools.lru_cache(64)
def _in_node(text: str) -> dict[str, Any] | None:
    """What the judge's script says of it; None where Node gives no answer."""
    node, given = Path(sys.prefix) / "bin" / "node", json.dumps({"text": text, "asked": _ASKED})
    try:
        done = subprocess.run([node, _JUDGE], input=given, text=True, capture_output=True, timeout=60)
        return json.loads(done.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, OSError, ValueError, IndexError):
        return None


def _look_at_script(text: Any) -> list[Any]:
    """What the function gives for each of the values asked, from Node: a number, or a word."""
    if type(text) is not str:
        raise NotData("should be the text of a JavaScript function, a string")
    if not text.strip() or any(line.strip() == "..." for line in text.splitlines()):
        raise Blank("")
    if len(text) > 20_000:
        raise NotData("is longer than any such function; it should be a few lines")
    found = _in_node(text)
    if found is None:
        raise NotData("can't be run: Node gave no answer. Where it is missing, `make setup` brings it")
    if "error" in found:
        where = f" in line {found['line']}" if found["line"] else ""
        said = found["error"]
        if "timed out" in said:
            raise NotData("had not returned after a second: is there a loop without an end?")
        raise NotData(f"can't be judged yet: Node says{where}: `{said}`")
    return found["outputs"]


def _right(value: Any, fact: dict[str, Any]) -> Any:
    return 0.0 if type(value) is str else _scaled(value, fact)


def _z(value: float, fact: dict[str, Any]) -> float:
    return ((math.log1p(100 * value) if fact["log"] else value) - fact["mean"]) / fact["deviation"]


def _scaled(value: float, fact: dict[str, Any]) -> float:
    return min(4.0, max(-4.0, _z(value, fact)))


def _told_apart(outputs: list[Any], rule, *, on=lambda value, fact: True) -> bool:
    """Whether the outputs are this rule's, on these values."""
    return all(
        close(out, rule(value, fact))
        for out, (value, fact) in zip(outputs, _ASKED, strict=True)
        if on(value, fact)
    )


def _gap(*which: str):
    return lambda value, fact: value in which if type(value) is str else False


def _measured(value: Any, fact: dict[str, Any]) -> bool:
    return type(value) is not str


@exercise(
    "4.4d",
    mended=Made("the text of a JavaScript function, a string", _look_at_script),
    hints=(
        "One line at the head is enough: where `value` is a gap, `return 0`.",
        "`value == null` holds for `null` and `undefined`, and for nothing else.",
        "`NaN` equals nothing, not even itself; `Number.isNaN(value)` asks for it. And `!value` is true "
        "of 0 as well.",
    ),
    said="All three kinds of gap become the average, and a measured zero stays a measurement.",
)
def the_gap_in_javascript(mended):
    if any(out in ("undefined", "null") for out in mended):
        yield "For some value your function gives nothing back. Does every path `return` a number?"
    if any(type(out) is str and out not in ("NaN", "Infinity", "-Infinity") for out in mended):
        yield "For some value your function gives something that is no number."
    if _told_apart(mended, _right):
        return
    zero = [out for out, (value, _) in zip(mended, _ASKED, strict=True) if value == 0]
    if all(close(out, 0.0) for out in zero):
        yield "A measured 0 is taken for a gap: `!value` and `value ||` are true of zero, too."
    if _told_apart(mended, lambda value, fact: max(-4.0, _z(value, fact)), on=_measured):
        yield "Large values are not cut off."
    if _told_apart(mended, _z, on=_measured):
        yield "Values are no longer cut off, at neither end."
    if _told_apart(mended, lambda value, fact: _scaled(value, fact | {"log": False}), on=_measured):
        yield "Rain is scaled without its logarithm: `log` says where it is taken."
    if not _told_apart(mended, _right, on=_measured):
        yield "Measured values come out otherwise than from `STANDARDISED`. Only the gaps should change."
    if _told_apart(mended, lambda value, fact: _scaled(0.0, fact), on=_gap("null")):
        yield "`null` is still reckoned with as 0, which is no average but a very low measurement."
    if not _told_apart(mended, _right, on=_gap("null")):
        yield "`null` does not give 0."
    undefined = _told_apart(mended, _right, on=_gap("undefined"))
    if not undefined and not _told_apart(mended, _right, on=_gap("NaN")):
        yield "`null` is caught; `undefined` and `NaN` are not, and come out as no number."
    if not undefined:
        yield (
            "`undefined` slips through: a name that is not in the row. `===` tells it from `null`, `==` "
            "doesn't."
        )
    yield "`NaN` slips through. It equals nothing, not even itself; `Number.isNaN` asks for it."


# ---- 4.4e: choose --------------------------------------------------------------------------------

_COLUMNS = ("latency", "memory", "libraries")


def _probes_of_options() -> list[tuple]:
    import pandas as pd

    names = "abcdef"

    def told(rows: list[tuple], latency: float, memory: float, libraries: float, private: bool) -> tuple:
        frame = pd.DataFrame(rows, columns=[*_COLUMNS, "leaves"], index=list(names[: len(rows)]))
        return frame, dict(zip((*_COLUMNS, "private"), (latency, memory, libraries, private), strict=True))

    rows = [(5, 30, 20, False), (1, 80, 25, False), (6, 10, 10, False), (40, 0, 0, True)]
    return [
        told(rows, 5, 80, 100, False),
        told(rows, 50, 80, 100, False),
        told(rows, 50, 80, 100, True),
        told(rows, 4, 80, 100, False),
        told(rows, 4, 79, 100, False),
        told(rows, 5, 80, 20, False),
        told(rows, 5, 29, 100, True),
        told([(2, 2, 7, False), (1, 1, 7, False), (3, 3, 9, False)], 5, 5, 10, True),
        told([(3, 4, 7, False), (1, 4, 6, False), (2, 5, 1, False)], 5, 5, 10, False),
        told([(2, 2, 9, True), (1, 3, 12, False), (4, 1, 15, False)], 5, 5, 20, True),
        told([(2, 2, 30, False), (1, 3, 25, False)], 5, 5, 20, False),
        told([(9, 1, 1, False), (3, 9, 2, False), (3, 3, 8, False)], 5, 5, 10, False),
    ]


def _fits(row: dict, limits: dict, columns=_COLUMNS, strictly=False, private=True) -> bool:
    within = all(row[c] < limits[c] if strictly else row[c] <= limits[c] for c in columns)
    return within and not (private and limits["private"] and row["leaves"])


def _choice(least="memory", last=False, **how) -> Any:
    """The rule on plain data: rows with their names under `index`."""

    def rule(options, limits):
        rows = [
            (name, row) for name, row in zip("abcdef", options, strict=False) if _fits(row, limits, **how)
        ]
        rows = rows[::-1] if last else rows
        return min(rows, key=lambda it: it[1][least])[0] if rows else None

    return rule


def _always_private(options, limits):
    return _choice()(options, limits | {"private": True})


def _only_leaving(options, limits):
    rows = [(n, r) for n, r in zip("abcdef", options, strict=False)
            if _fits(r, limits, private=False) and r["leaves"] == limits["private"]]  # fmt: skip
    return min(rows, key=lambda it: it[1]["memory"])[0] if rows else None


def _first_that_fits(options, limits):
    return next((n for n, r in zip("abcdef", options, strict=False) if _fits(r, limits)), None)


function(
    "4.4e", "choose", _probes_of_options,
    odd={
        "Your function never chooses. Does it `return` the name?": NEVER,
        "Asked is the name of an option, its label in the index, or `None`.":
            unless(optional(lambda output: type(output) is str)),
    },
    rule=_choice(),
    said="What breaks a limit is out, however good it is elsewhere; only among what is left one compares.",
    mistakes={
        "A limit itself is still allowed.": _choice(strictly=True),
        "You don't look at `leaves` where `private` is True.": _choice(private=False),
        "You keep out what leaves the device everywhere. Only a private place asks for that.":
            _always_private,
        "You ask that `leaves` equals `private`: the wrong way round.": _only_leaving,
        "You don't look at `latency`.": _choice(columns=("memory", "libraries")),
        "You don't look at the limit on `memory`; the least may still be too much.":
            _choice(columns=("latency", "libraries")),
        "You don't look at the limit on `libraries`.":
            _choice(columns=("latency", "memory")),
        "That is the fastest of those within the limits. Asked is the one with the least memory.":
            _choice(least="latency"),
        "That is the one with the fewest libraries. Asked is the one with the least memory.":
            _choice(least="libraries"),
        "That is the first within the limits. Compare their `memory`.": _first_that_fits,
        "Of equals you take the last; asked is the first.": _choice(last=True),
    },
    otherwise="For some options another one is chosen. Strike out, row by row, what breaks a limit.",
    hints=(
        "First a mask: three comparisons with `<=`, and `~options.leaves` where the place is private.",
        "`fitting = options[mask]`; if `fitting.empty`, there is none.",
        "`fitting.memory.idxmin()` is the label of the smallest, the first of equals.",
    ),
)  # fmt: skip
