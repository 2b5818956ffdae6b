"""How the exercises of lesson 2.10, Storing features, are judged."""

from __future__ import annotations

from helpers.exercises.kit import Mapping, exercise
from helpers.exercises.rules import function
from helpers.exercises.signs import NEVER, NOTHING, close, each, follows, number, some, unless, where


def _holding(replaces):
    """A rule: what is held under each key, if one row replaces another by their events and values."""

    def materialize(rows):
        held = {}
        for key, event, value in rows:
            if key not in held or replaces(event, value, *held[key]):
                held[key] = [event, value]
        return held

    return materialize


def _newest_of_any_key(rows):
    held, newest = {}, None
    for key, event, value in rows:
        if newest is None or event >= newest:
            held[key], newest = [event, value], event
    return held


def _after_the_row_before(rows):
    """Compares each row with the one of its key that came before, whether that was held or not."""
    held, before = {}, {}
    for key, event, value in rows:
        if event >= before.get(key, event):
            held[key] = [event, value]
        before[key] = event
    return held


_held = _holding(lambda event, value, held, old: event >= held)


def _every(test):
    """Whether what is held under each key passes the test."""
    return lambda output: all(map(test, output.values()))


def _events(output):
    return {key: event for key, (event, _) in output.items()}


function(
    "2.10a", "materialize",
    [
        ([("JFK", 1, 10), ("JFK", 2, 20), ("JFK", 3, 15)],),
        ([("JFK", 1, 10), ("JFK", 3, 30), ("JFK", 2, 99)],),
        ([("JFK", 1, 10), ("LGA", 1, 40), ("JFK", 2, 20), ("LGA", 1, 35)],),
        ([("EWR", 5, 50), ("EWR", 5, 45), ("EWR", 4, 60)],),
        ([("EWR", 5, 45), ("LGA", 2, 7), ("EWR", 5, 50), ("LGA", 3, 0)],),
        ([],),
        ([("JFK", 5, 50), ("JFK", 3, 30), ("JFK", 4, 40)],),
        ([("LGA", 1, 10), ("LGA", 2, float("nan"))],),
    ],
    odd={
        "Your function gives nothing back. Does it `return` the dict, also for an empty list?": NOTHING,
        "Asked is a dict from key to `(event, value)`.": unless(lambda output: type(output) is dict),
        "You keep every row of a key. The store holds one: replace, do not append.":
            unless(_every(lambda pair: type(pair) is not list or not pair or type(pair[0]) is not list)),
        "Under each key there should be the pair `(event, value)`: without the event the next "
        "write can't be judged.":
            unless(_every(lambda pair: type(pair) is list and len(pair) == 2)),
    },
    rule=_held,
    said="What arrives late may not replace what is newer. The order of arrival decides between two reports "
    "of one event, and nowhere else.",
    mistakes={
        "The last arrival wins in yours. A message that was held up for hours then replaces a newer one.":
            _holding(lambda event, value, held, old: True),
        "An event that is told again is a correction: the later arrival counts. Yours keeps the first.":
            _holding(lambda event, value, held, old: event > held),
        "Yours keeps what came first under each key and never renews it.":
            _holding(lambda event, value, held, old: False),
        "Yours holds the *earliest* event of each key.":
            _holding(lambda event, value, held, old: event <= held),
        "You decide by the value. Which row counts is decided by its event, and then by its arrival.":
            _holding(lambda event, value, held, old: None not in (value, old) and value >= old),
        "You compare each row with the newest of *any* key. Every key has a newest event of its own.":
            _newest_of_any_key,
        "You compare each row with the one before it. What counts is the event that the store holds.":
            _after_the_row_before,
        "Event and value have changed places in your pairs.":
            lambda rows: {key: pair[::-1] for key, pair in _held(rows).items()},
        "A missing value is news, too: at that event there was none. You leave it out.":
            lambda rows: _held([row for row in rows if row[2] is not None]),
        "Every key that arrived must be there, each once, and no other.":
            where(lambda output, rows: set(output) != {key for key, _, _ in rows}),
        "Your events are right, and some values are not. Where an event was told twice, arrival decides.":
            follows(
                _holding(lambda event, value, held, old: event > held or event == held and value > old),
                read=_events
            ),
    },
    otherwise="For some lists another row should be held. Follow one by hand in which the events "
    "come out of order.",
    hints=(
        "Go through the rows in order and keep a dict. For each row ask: may it replace what is "
        "held under its key?",
        "It may if its event is not earlier than the one that is held.",
        "Try a key told at event 3 and then at event 2; and one told twice at event 5.",
    ),
)


def _looking(fresh, gone=None):
    """A rule: the value where there is a record that is fresh."""
    return lambda record, now, ttl: record["value"] if record and fresh(record, now, ttl) else gone


def _fresh(record, now, ttl):
    return now - record["event"] <= ttl


function(
    "2.10b", "lookup",
    [
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
        ({"event": 50, "written": 51, "value": 2.5}, 60, 0),
        ({"event": 60, "written": 60, "value": 2.5}, 60, 0),
    ],
    odd={
        "You say whether the value is fresh. Asked is the value itself, or `None`.":
            each(lambda output: type(output) is bool),
        "You return the whole record. Asked is its value.": some(lambda output: type(output) is dict),
    },
    # False is no value of 0
    same=lambda one, other: type(one) is not bool and close(one, other),
    rule=_looking(_fresh),
    said="The job's diligence does not make a value fresh: the age counts from the moment it describes.",
    mistakes={
        "You turn minutes into hours. All times here, `ttl` as well, are minutes.":
            _looking(lambda r, now, ttl: (now - r["event"]) / 60 <= ttl),
        "You count from `written`. A job that keeps copying a dead source then looks fresh for ever.":
            follows(
                _looking(lambda r, now, ttl: now - r["written"] <= ttl),
                _looking(lambda r, now, ttl: now - r["written"] < ttl),
            ),
        "An age of exactly `ttl` is not older than `ttl`: that value still counts.":
            _looking(lambda r, now, ttl: now - r["event"] < ttl),
        "Yours never lets a value expire.": _looking(lambda r, now, ttl: True),
        "Yours is turned round: it gives the stale values and hides the fresh ones.":
            _looking(lambda *given: not _fresh(*given)),
        "A value of 0 is a value. Test for `None`, not for truth.":
            _looking(lambda r, now, ttl: _fresh(r, now, ttl) and r["value"]),
        "You compare the time between event and writing with `ttl`; `now` plays no part.":
            _looking(lambda r, now, ttl: r["written"] - r["event"] <= ttl),
        "You answer 0 where there is nothing. A model takes that for a measurement; say `None`.":
            _looking(_fresh, gone=0),
        "A `ttl` of 0 is the strictest there is. You take it for none at all.":
            _looking(lambda r, now, ttl: ttl == 0 or _fresh(r, now, ttl)),
        "You return the age. Asked is the value.":
            lambda r, now, ttl: now - r["event"] if r and _fresh(r, now, ttl) else None,
        "`None` is no text: write it without quotation marks.": _looking(_fresh, gone="None"),
        "Your function never gives a value. Does it `return` one?": NEVER,
    },
    otherwise="For some records the answer is another. Try a record just before and just after its `ttl`.",
    hints=(
        "If the source went silent at noon and the job copies noon's value every hour: how old is it at six?",
        "The age is `now` minus the moment that the value describes.",
        "Three things to check: no record at all, an age of exactly `ttl`, a value of 0.",
    ),
)

# The plainest first
_LOOKS = {
    "missing becomes 0": "There the offline side would have no value wherever the two differ.",
    "32-bit floats": "There each pair would agree in its first digits.",
    "local clock": "There values that move with the hour would differ all day long, by more than digits.",
    "last write wins":
        "There the differences would crowd in the hour of the daily correction run, and be rare elsewhere.",
}


@exercise(
    "2.10c",
    faults=Mapping("A", "B", "C", "D"),
    hints=(
        '`differences("A").sample(10)` shows the kind; `.isna().mean()` and '
        '`.hour.value_counts()` show the pattern.',
        "One kind has no value offline at all. One agrees up to the "
        "eighth digit. Which two are left, and when do they differ?",
        "The correction run is at noon UTC. What it wrote is half a day old, and the hourly row at "
        "12:05 replaces it.",
    ),
    said="Gaps filled, digits lost, a few minutes a day, or everything at once: each fault "
    "leaves its own shape.",
)
def faults_by_their_shape(faults, given):
    if any(type(name) is not str for name in faults.values()):
        yield "Give each build one of the four names, as text."
    named = {build: faults[build].strip() for build in "ABCD"}
    if unknown := sorted(set(named.values()) - set(_LOOKS)):
        yield f"`{unknown[0][:40]}` is none of the four faults. Copy their names from the list."
    if len(set(named.values())) < 4:
        yield "Each fault was built once, and you name one of them twice."
    off = {named[build]: build for build in "ABCD" if named[build] != given["behind"][build]}
    if len(off) == 4:
        yield f"None fits yet. Begin with A, which you call {named['A']}. {_LOOKS[named['A']]}"
    for plainest in filter(off.get, _LOOKS):
        yield f"{off[plainest]} is not of the kind {plainest}. {_LOOKS[plainest]}"


def _best(score, give=lambda minutes: minutes):
    """A rule: the option of the highest score, by its minutes, its dollars and the price of a run."""
    return lambda options, price: give(max(options, key=lambda option: score(*option, price))[0])


def _earned(minutes, dollars, price):
    return dollars - 1440 / minutes * price


def _most(options, price):
    return max(_earned(*option, price) for option in options)


_OFFERS = [
    [(15, 8200.0), (60, 8000.0), (360, 6500.0), (1440, 5400.0)],
    [(1440, 5400.0), (15, 8200.0), (360, 6500.0), (60, 8000.0)],
    [(60, 900.0), (720, 850.0), (1440, 500.0)],
    [(30, 100.0), (120, 40.0), (480, -10.0)],
    [(30, 500.0), (60, 520.0), (120, 300.0)],
    [(1440, 30.0), (2880, 26.0)],
    [(1440, 30.0), (2880, 22.0)],
    [(30, 0.0), (480, 200.0)],
]

function(
    "2.10d", "best_interval",
    [(options, price) for options in _OFFERS for price in (0.5, 10, 100)]
    + [([(15, 500.0), (60, 480.0), (1440, 100.0)], 50)],
    odd={
        "Where every option loses, the one that loses least still earns most. You give nothing back.":
            follows(
                lambda options, price: _best(_earned)(options, price) if _most(options, price) > 0 else None
            ),
        "Your function gives nothing back. Does it `return` the minutes?": NOTHING,
        "You return the pair. Asked are its minutes.": some(lambda output: type(output) is list),
        "Asked is a number of minutes.": unless(number),
    },
    rule=_best(_earned),
    said="Freshness has a falling return and a rising price, so the "
    "best interval lies where one run more no longer pays.",
    mistakes={
        "The cost of the runs is left out, or hardly counts, or is the same for all. How often a "
        "day does the job run?":
            follows(*(_best(lambda m, d, p, cost=cost: d - cost(m, p)) for cost in (
                lambda m, p: 0, lambda m, p: p / m, lambda m, p: p * m / 1440,
            ))),
        "Every other day is half a run a day. Count runs as a fraction: rounded, such a run costs "
        "nothing, or double.":
            follows(
                _best(lambda m, d, p: d - 1440 // m * p), _best(lambda m, d, p: d - max(1, 1440 / m) * p),
                _best(lambda m, d, p: d + -1440 // m * p),
            ),
        "You add the cost of the runs to what they earn.": _best(lambda m, d, p: d + 1440 / m * p),
        "A day has 24 hours: you count the runs of half of it.": _best(lambda m, d, p: d - 720 / m * p),
        "The dollars are those of a day. Do not multiply them by the runs.":
            _best(lambda m, d, p: 1440 / m * (d - p)),
        "You count runs by multiplying with the minutes. The longer the interval, the fewer runs.":
            _best(lambda m, d, p: d - m * p),
        "You count the runs of an hour, and the dollars of a day.": _best(lambda m, d, p: d - 60 / m * p),
        "You count hours as if they were minutes: a day has more minutes than that.":
            _best(lambda m, d, p: d - 24 / m * p),
        "You take the option that costs least, whatever it earns.": _best(lambda m, d, p: m),
        "Yours earns most per run, or per dollar spent. Asked is the most a day, the runs paid.":
            _best(lambda m, d, p: d * m / p),
        "You found the option that earns *least*.": _best(lambda *option: -_earned(*option)),
        "You return how often the job runs a day. Asked are the minutes between two runs.":
            _best(_earned, lambda minutes: 1440 / minutes),
        "You return something that is not the minutes of any option: dollars, perhaps, or a position.":
            where(lambda output, options, price: output not in dict(options)),
    },
    otherwise="For some prices another option earns more. Work out the runs of a day for one option by hand.",
    hints=(
        "A day has 1,440 minutes. How many runs are in it, and what do they cost together?",
        "Earned a day, less runs times price: compute that for each option.",
        "`max(options, key=…)` gives the whole pair; asked are its minutes.",
    ),
)
