"""Answers to the exercises of lesson 4.3 that its own examples can't have: other right ways, mistakes nobody foresaw."""

import os
import shutil
import tempfile
import uuid
from pathlib import Path

import numpy as np
import pandas as pd
from apache_beam.pvalue import TaggedOutput

from helpers.flights.examples import CATEGORIES, FEATURES

from .harness import cases

# ---- 4.3a ----------------------------------------------------------------------------------------------------------

HIGHEST = {"distance": 1e9, "weekday": 6, "day_minute": 1439}


def _wrong(name, value, highest=HIGHEST, lowest=0, text=lambda value: isinstance(value, str) and value):
    if name in CATEGORIES:
        return not text(value)
    return name in highest and (value is None or not lowest <= value <= highest[name])


def _check(
    wrong=_wrong,
    features=FEATURES,
    said=lambda flight, name: (flight["row"], name),
    fit=lambda f: [f],
    tag="rejected",
    rejects=lambda out: [out],
    pick=0,
):
    def checked(flight):
        bad = [name for name in features if wrong(name, flight[name])]
        if bad:
            return rejects(TaggedOutput(tag, said(flight, bad[pick])))
        return fit(flight)

    return checked


def _as_generator(flight):
    bad = next((name for name in FEATURES if _wrong(name, flight[name])), None)
    if bad is None:
        yield flight
    else:
        yield TaggedOutput("rejected", (flight["row"], bad))


def _with_pandas(flight):
    for name in FEATURES:
        value = flight[name]
        missing = pd.isna(value) or value == ""
        if name in (*CATEGORIES, *HIGHEST) and missing:
            return [TaggedOutput("rejected", (flight["row"], name))]
        if name in HIGHEST and not 0 <= value <= HIGHEST[name]:
            return (TaggedOutput("rejected", [flight["row"], name]),)
    return (flight,)


SEEN = []


def _remembers(flight):
    """Drops what it has seen, as if that were a rerun."""
    SEEN.append(flight["row"])
    return _check()(flight) if SEEN.count(flight["row"]) == 1 else []


def _beyond(name, value):
    """Asks whether it is beyond, which NaN never is."""
    if name in CATEGORIES:
        return not isinstance(value, str) or not value
    return name in HIGHEST and (value is None or value < 0 or value > HIGHEST[name])


# ---- 4.3c ----------------------------------------------------------------------------------------------------------


def _text(lines, end="\n"):
    return "".join(f"{line}{end}" for line in lines)


def _with_pid(lines, source, folder):
    part = Path(folder) / f".{source}.{os.getpid()}"
    part.write_text(_text(lines))
    part.rename(Path(folder) / f"{source}.csv")


def _with_tempfile(lines, source, folder):
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".part", delete=False) as file:
        for line in lines:
            file.write(line + "\n")
    shutil.move(file.name, f"{folder}/{source}.csv")


def _plain(lines, source, folder):
    with open(f"{folder}/{source}.csv", "w") as file:
        for line in lines:
            file.write(f"{line}\n")


def _appended(lines, source, folder):
    with open(f"{folder}/{source}.csv", "a", buffering=1) as file:
        for line in lines:
            file.write(f"{line}\n")


def _named_anew(lines, source, folder):
    Path(folder, f"{source}-{uuid.uuid4()}.csv").write_text(_text(lines))


def _part_is_read(lines, source, folder):
    part = f"{folder}/part-{uuid.uuid4()}.csv"
    with open(part, "w") as file:
        file.writelines(f"{line}\n" for line in lines)
    os.replace(part, f"{folder}/{source}.csv")


def _one_part_name(lines, source, folder):
    with open(f"{folder}/{source}.part", "w") as file:
        file.writelines(f"{line}\n" for line in lines)
    os.replace(f"{folder}/{source}.part", f"{folder}/{source}.csv")


def _no_line_ends(lines, source, folder):
    part = Path(folder, f"{uuid.uuid4()}")
    part.write_text("\n".join(lines))
    os.replace(part, f"{folder}/{source}.csv")


def _one_long_line(lines, source, folder):
    part = Path(folder, f"{uuid.uuid4()}")
    part.write_text("".join(lines))
    os.replace(part, f"{folder}/{source}.csv")


def _nothing_for_nothing(lines, source, folder):
    lines = list(lines)
    if lines:
        _with_pid(lines, source, folder)


def _removed_at_last(lines, source, folder):
    part = Path(folder, f"{uuid.uuid4()}")
    part.write_text(_text(lines))
    if os.path.exists(f"{folder}/{source}.csv"):
        os.remove(f"{folder}/{source}.csv")
    os.rename(part, f"{folder}/{source}.csv")


def _copied(lines, source, folder):
    with tempfile.TemporaryDirectory() as other:
        part = Path(other, source)
        part.write_text(_text(lines))
        shutil.copy(part, f"{folder}/{source}.csv")


def _moved(lines, source, folder):
    with tempfile.TemporaryDirectory() as other:
        part = Path(other, source)
        part.write_text(_text(lines))
        shutil.move(part, f"{folder}/{source}.csv")


def _renamed_while_open(lines, source, folder):
    part = f"{folder}/{uuid.uuid4()}"
    with open(part, "w") as file:
        file.writelines(f"{line}\n" for line in lines)
        os.replace(part, f"{folder}/{source}.csv")


def _a_line_for_nothing(lines, source, folder):
    part = Path(folder, f"{uuid.uuid4()}")
    part.write_text("\n".join(lines) + "\n")
    os.replace(part, f"{folder}/{source}.csv")


def _in_any_case(lines, source, folder):
    part = f"{folder}/{uuid.uuid4()}"
    try:
        with open(part, "w") as file:
            for line in lines:
                file.write(f"{line}\n")
    finally:
        os.replace(part, f"{folder}/{source}.csv")


def _hidden(lines, source, folder):
    part = Path(folder, f".{uuid.uuid4()}.csv")
    with open(part, "w") as file:
        file.writelines(f"{line}\n" for line in lines)
    part.replace(Path(folder, f"{source}.csv"))


def _never_renamed(lines, source, folder):
    Path(folder, f"{source}.part").write_text(_text(lines))


def _clears_up(lines, source, folder):
    text = _text(lines)
    for path in Path(folder).glob("*.csv"):
        if path.stem != source:
            path.unlink()
    part = Path(folder, f"{uuid.uuid4()}")
    part.write_text(text)
    os.replace(part, f"{folder}/{source}.csv")


# ---- 4.3d ----------------------------------------------------------------------------------------------------------


def _by_dicts(source, scored, rejected):
    before = dict(zip(source.row, source.digest, strict=True))
    seen, faults = set(), set()
    for row, digest in [
        *zip(scored.row, scored.digest, strict=True),
        *zip(rejected.row, rejected.digest, strict=True),
    ]:
        if row in seen:
            faults.add("twice")
        seen.add(row)
        if row not in before:
            faults.add("unknown")
        elif before[row] != digest:
            faults.add("changed")
    return sorted(faults | ({"missing"} if set(before) - seen else set()))


def _by_outer_merge(source, scored, rejected):
    out = pd.concat([scored, rejected], ignore_index=True)
    both = source.merge(out, on="row", how="outer", indicator=True)
    found = both[both._merge == "both"]
    return {
        name
        for name, there in {
            "missing": (both._merge == "left_only").any(),
            "unknown": (both._merge == "right_only").any(),
            "twice": (out.groupby("row").size() > 1).any(),
            "changed": (found.digest_x != found.digest_y).any(),
        }.items()
        if there
    }


CASES = {
    "4.3a": cases(
        "checked",
        right=[_check(), _as_generator, _with_pandas],
        wrong={
            "gives the element itself": lambda flight: flight,
            "The tag is another": _check(tag="reject"),
            "is a pair": _check(said=lambda flight, name: name),
            "not the flight's `row`": _check(said=lambda flight, name: (name, flight["row"])),
            "more than once": _check(rejects=lambda out: [out, out]),
            "does not come out at all": _check(rejects=lambda out: []),
            "comes out changed": _check(fit=lambda f: [{name: f[name] for name in ["row", "carrier"]}]),
            "the broken ones, too": lambda flight: [flight],
            "without weather": _check(
                lambda name, value: (
                    _wrong(name, value, {**HIGHEST, "temp": 200, "wind_dir": 360}, -99) or _wrong(name, value)
                )
            ),
            "ends of the ranges": _check(
                lambda name, value: name in HIGHEST and not value or _wrong(name, value)
            ),
            "A flight that fits is rejected": _check(
                lambda name, value: name == "distance" and value == 80 or _wrong(name, value)
            ),
            "NaN is no text": _check(lambda name, value: _wrong(name, value, text=bool)),
            "no such airport": _check(
                lambda name, value: _wrong(name, value, text=lambda v: isinstance(v, str))
            ),
            "number that is NaN passes": _check(_beyond),
            "below its range passes": _check(lambda name, value: _wrong(name, value, lowest=-1e9)),
            "beyond the end of its range": _check(
                lambda name, value: _wrong(name, value, {**HIGHEST, "day_minute": 1440, "weekday": 7})
            ),
            "that the model can't take": _check(features=[f for f in FEATURES if f != "carrier"]),
            "Of two faults the first": _check(pick=-1),
            "names another feature": _check(
                said=lambda f, name: (
                    f["row"],
                    FEATURES[FEATURES.index(name) - 1] if f["row"] not in (117, 118) else name,
                )
            ),  # fmt: skip
            "must remember nothing": _remembers,
        },
        invalid={
            "can't be judged yet": lambda flight: 1 / 0,
            "gives nothing back": lambda flight: [].append(flight),
        },
    ),
    "4.3b": cases(
        "ulps",
        right=[
            lambda one, other: abs(one.view(np.int32).astype(int) - other.view(np.int32).astype(int)),
            lambda one, other: np.array(
                [abs(int(a) - int(b)) for a, b in zip(one.view("uint32"), other.view("uint32"), strict=True)],
                int,
            ),
            lambda one, other: np.abs(one.view("int32") - other.view("int32")),
        ],
        wrong={
            "a whole number of steps for each": lambda one, other: int(
                max([0, *np.abs(one.view("int32") - other.view("int32"))])
            ),
            "runs over": lambda one, other: one.view("uint32") - other.view("uint32"),
            "as they are near 1": lambda one, other: np.round(
                np.abs(one - other) / np.finfo("float32").eps
            ).astype(int),
            "another": lambda one, other: np.abs(one.astype("int32") - other.astype("int32")) + 1,
        },
    ),
    "4.3c": cases(
        "write_shard",
        right=[_with_pid, _with_tempfile, _hidden],
        wrong={
            "there is no `*.csv`": _never_renamed,
            "file's name is not": _named_anew,
            "what the killed attempt wrote was kept": _appended,
            "the killed attempt's rest": _part_is_read,
            "After a kill a reader finds": _plain,
            "not those that went in": _one_long_line,
            "the old file is gone": _removed_at_last,
            "You write to the name": _copied,
            "from another folder": _moved,
            "before it is closed": _renamed_while_open,
            "yours holds a line": _a_line_for_nothing,
            "fails in the middle": _in_any_case,
            "has no line end": _no_line_ends,
            "still to be done": _nothing_for_nothing,
            "Writing another shard changed": _clears_up,
            "Of two attempts at once": _one_part_name,
        },
    ),
    "4.3d": cases(
        "reconcile",
        right=[_by_dicts, _by_outer_merge],
        wrong={
            "none of the four": lambda source, scored, rejected: {
                name.upper() for name in _by_dicts(source, scored, rejected)
            },
            "a set of names": lambda source, scored, rejected: not _by_dicts(source, scored, rejected),
            "the faults are others": lambda source, scored, rejected: (
                {"missing", "changed"} - set(_by_dicts(source, scored, rejected))
            ),
        },
    ),
}
