"""Answers to the exercises of lesson 2.10."""

import math

from .harness import cases


def _materialize(rows):
    held = {}
    for key, event, value in rows:
        if key not in held or event >= held[key][0]:
            held[key] = (event, value)
    return held


def _by_sorting(rows):
    return {key: [event, value] for key, event, value in sorted(rows, key=lambda row: row[1])}


def _across_keys(rows):
    held, newest = {}, float("-inf")
    for key, event, value in rows:
        if event >= newest:
            held[key], newest = (event, value), event
    return held


def _after_the_row_before(rows):
    held, last = {}, {}
    for key, event, value in rows:
        if key not in last or event >= last[key]:
            held[key] = (event, value)
        last[key] = event
    return held


def _lookup(record, now, ttl):
    if record is None or now - record["event"] > ttl:
        return None
    return record["value"]


def _best_in_a_loop(options, price):
    best, most = None, None
    for minutes, dollars in options:
        net = dollars - (1440 / minutes) * price
        if most is None or net > most:
            best, most = minutes, net
    return float(best)


BEHIND = {"A": "32-bit floats", "B": "missing becomes 0", "C": "local clock", "D": "last write wins"}
NONE_FITS = {"A": "last write wins", "B": "local clock", "C": "32-bit floats", "D": "missing becomes 0"}

CASES = {
    "2.10a": cases(
        "materialize",
        right=[_materialize, _by_sorting],
        wrong={
            "without the event": lambda rows: {key: value for key, event, value in sorted(rows)},
            "Every key that arrived": lambda rows: dict(list(_materialize(rows).items())[:1]),
            "arrival decides": lambda rows: {key: (event, value) for key, event, value in sorted(rows)},
            "keep every row": lambda rows: {
                key: [row[1:] for row in rows if row[0] == key] for key, *_ in rows
            },
            "newest of *any* key": _across_keys,
            "the one before it": _after_the_row_before,
            "You leave it out": lambda rows: _materialize([row for row in rows if row[2] == row[2]]),
            "also for an empty list": lambda rows: _materialize(rows) or None,
            "Asked is a dict": lambda rows: list(_materialize(rows).items()),
            "Follow one by hand": lambda rows: {
                key: pair for key, *pair in sorted(rows, key=lambda r: -r[1] * r[2])
            },
        },
    ),
    "2.10b": cases(
        "lookup",
        right=[_lookup],
        wrong={
            "the whole record": lambda record, now, ttl: record if _lookup(record, now, ttl) else None,
            "whether the value is fresh": lambda record, now, ttl: _lookup(record, now, ttl) is not None,
            "You answer 0": lambda record, now, ttl: _lookup(record, now, ttl) or 0.0,
            "the strictest there is": lambda record, now, ttl: record and _lookup(record, now, ttl or now),
            "You count from `written`": lambda record, now, ttl: (
                record["value"] if record and record["written"] > now - ttl else None
            ),
            "just before and just after": lambda record, now, ttl: _lookup(record, now, ttl / 2),
        },
    ),
    "2.10c": cases(
        "faults",
        given={"behind": BEHIND},
        right=[BEHIND, {build: f"{name} " for build, name in reversed(BEHIND.items())}],
        wrong={
            "not of the kind missing": {**BEHIND, "A": "missing becomes 0", "B": "32-bit floats"},
            "in its first digits": {**BEHIND, "A": "local clock", "C": "32-bit floats"},
            "all day long": {**BEHIND, "C": "last write wins", "D": "local clock"},
            "None fits yet": NONE_FITS,
            "none of the four": {**BEHIND, "A": "narrow floats"},
            "one of them twice": {**BEHIND, "A": "local clock"},
            "as text": {**BEHIND, "A": 3},
        },
    ),
    "2.10d": cases(
        "best_interval",
        right=[_best_in_a_loop],
        wrong={
            "return the pair": lambda options, price: max(options, key=lambda o: o[1] - 1440 / o[0] * price),
            "minutes of any option": lambda options, price: max(d - 1440 / m * price for m, d in options),
            "Asked is a number": lambda options, price: str(_best_in_a_loop(options, price)),
            "by hand": lambda options, price: _best_in_a_loop(options, 2 * price),
            "Count runs as a fraction": lambda options, price: max(
                options, key=lambda option: option[1] - math.ceil(1440 / option[0]) * price
            )[0],
            "the one that loses least": lambda options, price: max(
                [(d - 1440 / m * price, m) for m, d in options if d > 1440 / m * price], default=(0, None)
            )[1],
        },
    ),
}
