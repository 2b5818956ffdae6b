"""Answers to the exercises of lesson 2.10."""

from .harness import Cases


def _materialize(rows):
    held = {}
    for key, event, value in rows:
        if key not in held or event >= held[key][0]:
            held[key] = (event, value)
    return held


def _by_sorting(rows):
    return {key: [event, value] for key, event, value in sorted(rows, key=lambda row: row[1])}


def _holding(replaces):
    def materialize(rows):
        held = {}
        for key, event, value in rows:
            if key not in held or replaces(event, value, *held[key]):
                held[key] = (event, value)
        return held

    return materialize


def _appending(rows):
    held = {}
    for key, event, value in rows:
        held.setdefault(key, []).append((event, value))
    return held


def _across_keys(rows):
    held, newest = {}, float("-inf")
    for key, event, value in rows:
        if event >= newest:
            held[key], newest = (event, value), event
    return held


def _lookup(record, now, ttl):
    if record is None or now - record["event"] > ttl:
        return None
    return record["value"]


def _looking(fresh, gone=None):
    return lambda record, now, ttl: record["value"] if record and fresh(record, now, ttl) else gone


def _best(options, price):
    return max(options, key=lambda option: option[1] - 24 * 60 / option[0] * price)[0]


def _best_in_a_loop(options, price):
    best, most = None, None
    for minutes, dollars in options:
        net = dollars - (1440 / minutes) * price
        if most is None or net > most:
            best, most = minutes, net
    return float(best)


def _choosing(score):
    return lambda options, price: max(options, key=lambda o: score(o[0], o[1], price))[0]


BEHIND = {"A": "32-bit floats", "B": "missing becomes 0", "C": "local clock", "D": "last write wins"}

CASES = {
    "2.10a": Cases(
        right=[{"materialize": _materialize}, {"materialize": _by_sorting}],
        wrong={
            "The last arrival wins": {"materialize": _holding(lambda e, v, old, held: True)},
            "Yours keeps the first.": {"materialize": _holding(lambda e, v, old, held: e > old)},
            "never renews it": {"materialize": _holding(lambda e, v, old, held: False)},
            "the *earliest* event": {"materialize": _holding(lambda e, v, old, held: e <= old)},
            "decide by the value": {"materialize": _holding(lambda e, v, old, held: v >= held)},
            "without the event": {
                "materialize": lambda rows: {k: p[1] for k, p in _materialize(rows).items()}
            },
            "Every key that arrived": {
                "materialize": lambda rows: dict(list(_materialize(rows).items())[:1])
            },
            "arrival decides": {
                "materialize": lambda rows: {
                    k: (e, v) for k, e, v in sorted(rows, key=lambda r: (r[1], r[2]))
                }
            },
            "keep every row": {"materialize": _appending},
            "newest of *any* key": {"materialize": _across_keys},
            "gives nothing back": {"materialize": lambda rows: _materialize(rows) or None},
            "Asked is a dict": {"materialize": lambda rows: list(_materialize(rows).items())},
            "Follow one by hand": {
                "materialize": lambda rows: {k: (e, v) for k, e, v in sorted(rows, key=lambda r: r[2])[::-1]}
            },
        },
    ),
    "2.10b": Cases(
        right=[
            {"lookup": _lookup},
            {"lookup": _looking(lambda r, now, ttl: r["event"] + ttl >= now)},
        ],
        wrong={
            "You count from `written`": {"lookup": _looking(lambda r, now, ttl: now - r["written"] <= ttl)},
            "exactly `ttl`": {"lookup": _looking(lambda r, now, ttl: now - r["event"] < ttl)},
            "never lets a value expire": {"lookup": _looking(lambda r, now, ttl: True)},
            "turned round": {"lookup": _looking(lambda r, now, ttl: now - r["event"] > ttl)},
            "A value of 0 is a value": {
                "lookup": _looking(lambda r, now, ttl: now - r["event"] <= ttl and r["value"])
            },
            "`now` plays no part": {"lookup": _looking(lambda r, now, ttl: r["written"] - r["event"] <= ttl)},
            "You answer 0": {"lookup": _looking(lambda r, now, ttl: now - r["event"] <= ttl, gone=0.0)},
            "turn minutes into hours": {
                "lookup": _looking(lambda r, now, ttl: (now - r["event"]) / 60 <= ttl)
            },
            "the whole record": {"lookup": lambda r, now, ttl: r if r and now - r["event"] <= ttl else None},
            "whether the value is fresh": {
                "lookup": lambda record, now, ttl: bool(record) and now - record["event"] <= ttl
            },
            "never gives a value": {"lookup": lambda record, now, ttl: print(end="")},
            "just before and just after": {"lookup": _looking(lambda r, now, ttl: now - r["event"] <= 30)},
        },
    ),
    "2.10c": Cases(
        given={"behind": BEHIND},
        right=[
            {"faults": BEHIND},
            {"faults": {build: f"{name} " for build, name in reversed(BEHIND.items())}},
        ],
        wrong={
            "all day long": {"faults": {**BEHIND, "B": "local clock", "C": "missing becomes 0"}},
            "crowd in": {"faults": {**BEHIND, "C": "last write wins", "D": "local clock"}},
            "None fits yet": {
                "faults": dict(
                    zip(
                        "ABCD",
                        ["missing becomes 0", "32-bit floats", "last write wins", "local clock"],
                        strict=True,
                    )
                )
            },
            "not of the kind missing": {"faults": {**BEHIND, "A": "missing becomes 0", "B": "32-bit floats"}},
            "none of the four": {"faults": {**BEHIND, "A": "narrow floats"}},
            "one of them twice": {"faults": {**BEHIND, "A": "local clock"}},
            "as text": {"faults": {**BEHIND, "A": 3}},
        },
    ),
    "2.10d": Cases(
        right=[{"best_interval": _best}, {"best_interval": _best_in_a_loop}],
        wrong={
            "leave out the cost": {"best_interval": _choosing(lambda m, d, p: d)},
            "how often the job runs": {"best_interval": lambda o, p: 1440 / _best(o, p)},
            "multiplying with the minutes": {"best_interval": _choosing(lambda m, d, p: d - m * p)},
            "runs of an hour": {"best_interval": _choosing(lambda m, d, p: d - 60 / m * p)},
            "costs least": {"best_interval": _choosing(lambda m, d, p: m)},
            "best ratio": {"best_interval": _choosing(lambda m, d, p: d * m)},
            "earns *least*": {"best_interval": _choosing(lambda m, d, p: 1440 / m * p - d)},
            "return the pair": {"best_interval": lambda o, p: max(o, key=lambda x: x[1] - 1440 / x[0] * p)},
            "minutes of any option": {"best_interval": lambda o, p: max(d - 1440 / m * p for m, d in o)},
            "gives nothing back": {"best_interval": lambda o, p: print(end="")},
            "Asked is a number": {"best_interval": lambda o, p: str(_best(o, p))},
            "by hand": {"best_interval": lambda o, p: _best(o, 2 * p)},
        },
    ),
}
