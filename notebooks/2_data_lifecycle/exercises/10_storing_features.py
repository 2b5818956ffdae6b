"""Judges of lesson 2.10, Storing features."""

from helpers.exercises.kit import Function, Mapping, Verdict, exercise, right, wrong
from helpers.exercises.outputs import number

_ARRIVALS = [
    [("JFK", 1, 10), ("JFK", 2, 20), ("JFK", 3, 15)],
    [("JFK", 1, 10), ("JFK", 3, 30), ("JFK", 2, 99)],
    [("JFK", 1, 10), ("LGA", 1, 40), ("JFK", 2, 20), ("LGA", 1, 35)],
    [("EWR", 5, 50), ("EWR", 5, 45), ("EWR", 4, 60)],
    [("EWR", 5, 45), ("LGA", 2, 7), ("EWR", 5, 50), ("LGA", 3, 0)],
    [],
]


def _held(rows, replaces) -> dict:
    held = {}
    for key, event, value in rows:
        if key not in held or replaces(event, value, *held[key]):
            held[key] = [event, value]
    return held


def _held_across(rows) -> dict:
    """What is held if a row is compared with the newest row of any key."""
    held, newest = {}, None
    for key, event, value in rows:
        if newest is None or event >= newest:
            held[key], newest = [event, value], event
    return held


@exercise(
    "2.10a",
    materialize=Function([(rows,) for rows in _ARRIVALS]),
    hints=(
        "Go through the rows in order and keep a dict. For each row ask: may it replace what is held under its key?",
        "It may if its event is not earlier than the one that is held.",
        "Try a key told at event 3 and then at event 2; and one told twice at event 5.",
    ),
)
def the_newest_event_is_held(materialize: list[dict]) -> Verdict:
    outputs = [record["output"] for record in materialize]
    if any(output is None for output in outputs):
        return wrong("Your function gives nothing back. Does it `return` the dict, also for an empty list?")
    if any(type(output) is not dict for output in outputs):
        return wrong("Asked is a dict from key to `(event, value)`.")
    if any(
        type(pair) is list and pair and type(pair[0]) is list
        for output in outputs
        for pair in output.values()
    ):
        return wrong("You keep every row of a key. The store holds one: replace, do not append.")
    if any(type(pair) is not list or len(pair) != 2 for output in outputs for pair in output.values()):
        return wrong(
            "Under each key there should be the pair `(event, value)`: without the event the next write can't be judged."
        )
    inputs = [record["input"][0] for record in materialize]

    def same(replaces) -> bool:
        return outputs == [_held(rows, replaces) for rows in inputs]

    if same(lambda event, value, old, held: event >= old):
        return right(
            "What arrives late may not replace what is newer, and a correction of the same event may: the order of arrival no longer matters."
        )
    mistakes = {
        "The last arrival wins in yours. A message that was held up for hours then replaces a newer one.": lambda e, v, old, held: (
            True
        ),
        "An event that is told again is a correction: the later arrival counts. Yours keeps the first.": lambda e, v, old, held: (
            e > old
        ),
        "Yours keeps what came first under each key and never renews it.": lambda e, v, old, held: False,
        "Yours holds the *earliest* event of each key.": lambda e, v, old, held: e <= old,
        "You decide by the value. Which row counts is decided by its event, and then by its arrival.": lambda e, v, old, held: (
            v >= held
        ),
    }
    for reason, replaces in mistakes.items():
        if same(replaces):
            return wrong(reason)
    if outputs == [_held_across(rows) for rows in inputs]:
        return wrong(
            "You compare each row with the newest of *any* key. Every key has a newest event of its own."
        )
    if any(set(output) != {row[0] for row in rows} for output, rows in zip(outputs, inputs, strict=True)):
        return wrong("Every key that arrived must be there, each once, and no other.")
    if all(
        {key: pair[0] for key, pair in output.items()}
        == {key: pair[0] for key, pair in _held(rows, lambda e, v, old, held: e >= old).items()}
        for output, rows in zip(outputs, inputs, strict=True)
    ):
        return wrong(
            "Your events are right, and some values are not. Where an event was told twice, arrival decides."
        )
    return wrong(
        "For some lists another row should be held. Follow one by hand in which the events come out of order."
    )


_RECORDS = [
    ({"event": 0, "written": 60, "value": 12.5}, 70, 60),
    ({"event": 0, "written": 5, "value": 12.5}, 30, 60),
    ({"event": 10, "written": 12, "value": 7.0}, 70, 60),
    ({"event": 10, "written": 11, "value": 7.0}, 71, 60),
    ({"event": 40, "written": 41, "value": 0.0}, 50, 60),
    ({"event": 100, "written": 160, "value": 31.0}, 170, 90),
    ({"event": 100, "written": 700, "value": 31.0}, 710, 90),
    ({"event": 0, "written": 5, "value": 3.5}, 200, 60),
    ({"event": 0, "written": 5, "value": 3.5}, 9000, 60),
    (None, 50, 60),
]


@exercise(
    "2.10b",
    lookup=Function(_RECORDS),
    hints=(
        "If the source went silent at noon and the job copies noon's value every hour: how old is it at six?",
        "The age is `now` minus the moment that the value describes.",
        "Three things to check: no record at all, an age of exactly `ttl`, a value of 0.",
    ),
)
def a_stale_value_is_missing(lookup: list[dict]) -> Verdict:
    outputs = [record["output"] for record in lookup]
    inputs = [record["input"] for record in lookup]

    def same(fresh, gone=None) -> bool:
        expected = [
            gone if record is None or not fresh(record, now, ttl) else record["value"]
            for record, now, ttl in inputs
        ]
        return outputs == expected and [type(o) is bool for o in outputs] == [False] * len(outputs)

    if same(lambda r, now, ttl: now - r["event"] <= ttl):
        return right(
            "The job's diligence does not make a value fresh: the age counts from the moment it describes."
        )
    if all(type(output) is bool for output in outputs):
        return wrong("You say whether the value is fresh. Asked is the value itself, or `None`.")
    if any(type(output) is dict for output in outputs):
        return wrong("You return the whole record. Asked is its value.")
    mistakes = {
        "You turn minutes into hours. All times here, `ttl` as well, are minutes.": lambda r, now, ttl: (
            (now - r["event"]) / 60 <= ttl
        ),
        "You count from `written`. A job that keeps copying a dead source then looks fresh for ever.": lambda r, now, ttl: (
            now - r["written"] <= ttl
        ),
        "An age of exactly `ttl` is not older than `ttl`: that value still counts.": lambda r, now, ttl: (
            now - r["event"] < ttl
        ),
        "Yours never lets a value expire.": lambda r, now, ttl: True,
        "Yours is turned round: it gives the stale values and hides the fresh ones.": lambda r, now, ttl: (
            now - r["event"] > ttl
        ),
        "A value of 0 is a value. Test for `None`, not for truth.": lambda r, now, ttl: (
            now - r["event"] <= ttl and r["value"] != 0
        ),
        "You compare the time between event and writing with `ttl`; `now` plays no part.": lambda r, now, ttl: (
            r["written"] - r["event"] <= ttl
        ),
    }
    for reason, fresh in mistakes.items():
        if same(fresh):
            return wrong(reason)
    if same(lambda r, now, ttl: now - r["event"] <= ttl, gone=0) or same(
        lambda r, now, ttl: now - r["event"] <= ttl, gone=0.0
    ):
        return wrong("You answer 0 where there is nothing. A model takes that for a measurement; say `None`.")
    if all(output is None for output in outputs):
        return wrong("Your function never gives a value. Does it `return` one?")
    return wrong("For some records the answer is another. Try a record just before and just after its `ttl`.")


_LOOKS = {
    "missing becomes 0": "There the offline side would have no value wherever the two differ.",
    "local clock": "There values that move with the hour would differ all day long, by more than digits.",
    "last write wins": "There the differences would crowd in the hour of the daily correction run, and be rare elsewhere.",
    "32-bit floats": "There each pair would agree in its first digits.",
}


@exercise(
    "2.10c",
    faults=Mapping("A", "B", "C", "D"),
    hints=(
        '`differences("A").sample(10)` shows the kind; `.isna().mean()` and `.hour.value_counts()` show the pattern.',
        "One kind has no value offline at all. One agrees up to the eighth digit. Which two are left, and when do they differ?",
        "The correction run is at noon UTC. What it wrote is half a day old, and the hourly row at 12:05 replaces it.",
    ),
)
def faults_by_their_shape(faults: dict, given: dict) -> Verdict:
    if any(type(name) is not str for name in faults.values()):
        return wrong("Give each build one of the four names, as text.")
    named = {build: faults[build].strip() for build in "ABCD"}
    if unknown := sorted(set(named.values()) - set(_LOOKS)):
        return wrong(f"`{unknown[0][:40]}` is none of the four faults. Copy their names from the list.")
    if len(set(named.values())) < 4:
        return wrong("Each fault was built once, and you name one of them twice.")
    off = [build for build in "ABCD" if named[build] != given["behind"][build]]
    if not off:
        return right(
            "Gaps filled, digits lost, a few minutes a day, or everything at once: each fault leaves its own shape."
        )
    if len(off) == 4:
        return wrong(
            f"None fits yet. Begin with {off[0]}, which you call {named[off[0]]}. {_LOOKS[named[off[0]]]}"
        )
    return wrong(f"{off[0]} is not of the kind {named[off[0]]}. {_LOOKS[named[off[0]]]}")


_OFFERS = [
    [(15, 8200.0), (60, 8000.0), (360, 6500.0), (1440, 5400.0)],
    [(1440, 5400.0), (15, 8200.0), (360, 6500.0), (60, 8000.0)],
    [(60, 900.0), (720, 850.0), (1440, 500.0)],
    [(30, 100.0), (120, 40.0), (480, -10.0)],
    [(30, 500.0), (60, 520.0), (120, 300.0)],
]
_PRICES = (0.5, 10, 100)


@exercise(
    "2.10d",
    best_interval=Function([(options, price) for options in _OFFERS for price in _PRICES]),
    hints=(
        "A day has 1,440 minutes. How many runs are in it, and what do they cost together?",
        "Earned a day, less runs times price: compute that for each option.",
        "`max(options, key=…)` gives the whole pair; asked are its minutes.",
    ),
)
def the_interval_that_earns_most(best_interval: list[dict]) -> Verdict:
    outputs = [record["output"] for record in best_interval]
    if any(output is None for output in outputs):
        return wrong("Your function gives nothing back. Does it `return` the minutes?")
    if any(type(output) is list for output in outputs):
        return wrong("You return the pair. Asked are its minutes.")
    if not all(number(output) for output in outputs):
        return wrong("Asked is a number of minutes.")

    def same(score) -> bool:
        try:
            return outputs == [
                max(options, key=lambda option: score(option[0], option[1], price))[0]
                for options, price in (record["input"] for record in best_interval)
            ]
        except ZeroDivisionError:
            return False

    if same(lambda minutes, dollars, price: dollars - 1440 / minutes * price):
        return right(
            "Freshness has a falling return and a rising price, so the best interval lies where one run more no longer pays."
        )
    mistakes = {
        "You leave out the cost of the runs, or pay for one a day however often the job runs.": lambda m, d, p: (
            d
        ),
        "You count runs by multiplying with the minutes. The longer the interval, the fewer runs.": lambda m, d, p: (
            d - m * p
        ),
        "You count the runs of an hour, and the dollars of a day.": lambda m, d, p: d - 60 / m * p,
        "You count hours as if they were minutes: a day has more minutes than that.": lambda m, d, p: (
            d - 24 / m * p
        ),
        "You take the option that costs least, whatever it earns.": lambda m, d, p: -p / m,
        "You divide by the cost. The best ratio is not the most money.": lambda m, d, p: d / (1440 / m * p),
        "You found the option that earns *least*.": lambda m, d, p: 1440 / m * p - d,
    }
    for reason, score in mistakes.items():
        if same(score):
            return wrong(reason)
    nets = [
        {1440 / minutes: dollars - 1440 / minutes * price for minutes, dollars in options}
        for options, price in (record["input"] for record in best_interval)
    ]
    if outputs == [max(net, key=net.get) for net in nets]:
        return wrong("You return how often the job runs a day. Asked are the minutes between two runs.")
    if any(
        output not in [option[0] for option in record["input"][0]]
        for output, record in zip(outputs, best_interval, strict=True)
    ):
        return wrong(
            "You return something that is not the minutes of any option: dollars, perhaps, or a position."
        )
    return wrong(
        "For some prices another option earns more. Work out the runs of a day for one option by hand."
    )
