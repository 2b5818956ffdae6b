"""Judges of lesson 2.1, Collecting data."""

import functools
import re

from helpers import datasets
from helpers.exercises.kit import Function, Mapping, Names, Verdict, exercise, right, wrong
from helpers.exercises.outputs import number


def listed(names) -> str:
    return ", ".join(f"`{name[:40]}`" for name in names)


_REPORTS = [
    [(8, 9, 41), (9, 10, 43), (10, 11, 47)],
    [(10, 11, 47), (8, 9, 41), (9, 10, 43)],
    [(8, 8.5, 31), (9, 9.5, 33), (8, 10, 37)],
    [(8, 8.5, 31), (8, 9.5, 34), (8, 12, 39)],
    [(9, 9.5, 0), (8, 8.5, 5)],
]
_MOMENTS = (7, 8.75, 9, 9.25, 10, 10.5, 11, 13)


def _as_known(events, moment):
    known = [event for event in events if event[1] <= moment]
    return max(known, key=lambda event: (event[0], event[1]))[2] if known else None


@exercise(
    "2.1a",
    known_value=Function([(events, moment) for events in _REPORTS for moment in _MOMENTS]),
    hints=(
        "First throw away what was not known at `moment`. Only then ask which fact happened last.",
        "`max` with a key of two numbers decides by the first, and where that is equal, by the second.",
        "Correct an old hour after a newer one was reported: the newer hour must still win.",
    ),
)
def value_as_it_was_known(known_value: list[dict]) -> Verdict:
    outputs = [record["output"] for record in known_value]
    if any(type(output) is list for output in outputs):
        return wrong(
            "You return whole events, or several values. Asked is one value: the third entry of an event."
        )

    def same(formula) -> bool:
        try:
            expected = [formula([tuple(e) for e in r["input"][0]], r["input"][1]) for r in known_value]
        except (TypeError, ValueError, IndexError):
            return False
        return outputs == expected

    def pick(keep, key):
        def formula(events, moment):
            kept = [event for event in events if keep(event, moment)]
            return max(kept, key=key)[2] if kept else None

        return formula

    if same(_as_known):
        return right(
            "Filter by the time of knowing, choose by the time of happening: two times, each with its own job."
        )
    both, seen = (lambda e: (e[0], e[1])), (lambda e, m: e[1] <= m)
    mistakes = {
        "You filter by when things happened. A fact that had happened and was not yet on record enters: that is the leak.": pick(
            lambda e, m: e[0] <= m, both
        ),
        "You have the two times the wrong way round: filter by the time of knowing, choose by the time of happening.": pick(
            lambda e, m: e[0] <= m, lambda e: (e[1], e[0])
        ),
        "You take what was reported last. A correction of an old hour then hides a newer hour.": pick(
            seen, lambda e: (e[1], e[0])
        ),
        "An event known exactly at `moment` is known: it must count.": pick(lambda e, m: e[1] < m, both),
        "Where a fact was reported twice, you take its first report. The newest one known by then counts.": pick(
            seen, lambda e: (e[0], -e[1])
        ),
        "You look only for the latest fact, whenever it became known; `moment` plays no part.": pick(
            lambda e, m: True, both
        ),
        "You take the largest value, or sort by it. Which fact counts is decided by its times.": pick(
            seen, lambda e: e[2]
        ),
        "You take the last event of the list. The events come in any order.": lambda events, moment: next(
            (e[2] for e in reversed(events) if e[1] <= moment), None
        ),
        "You give the *earliest* fact that was known.": pick(seen, lambda e: (-e[0], e[1])),
    }
    for reason, formula in mistakes.items():
        if same(formula):
            return wrong(reason)
    nothing = [r for r in known_value if _as_known(r["input"][0], r["input"][1]) is None]
    if any(r["output"] is not None for r in nothing):
        return wrong(
            "Before the first report nothing is known, and your function gives a value all the same."
        )
    if any(o is None for o, r in zip(outputs, known_value, strict=True) if r not in nothing):
        return wrong(
            "Sometimes something was known, and your function gives `None`. A value of 0 is a value, too."
        )
    return wrong(
        "For some lists the value is another. Try two hours, with the older one corrected after the newer was reported."
    )


_LEAKS = {
    "rain_at_departure": "a measurement is missing that is made in the hour in which the plane leaves",
    "cancelled_day": "a count is missing that is complete only when the day is over",
    "previous_flight": "a column is missing that is known for most flights and not for all: something can still be in the air",
    "route_day": "a mean is missing that contains the rest of the day, and the flight itself",
    "year_rank": "a column is missing that changes slowly and uses the whole year, December included",
    "miles_per_minute": "a column is missing that looks like a property of the route; one of its two parts is measured in flight",
}
_KNOWN = {
    "departures_hour": "it counts the timetable, which is published months ahead, also for later flights",
    "rain_known": "it takes only weather that was complete at the alert",
    "queue": "it counts only planes that had left before the alert. That it helps much is no proof against it",
    "leg": "it takes a landing only if it came before the alert",
    "route_so_far": "its landings all came before the alert",
}


@exercise(
    "2.1b",
    leaks=Names(),
    hints=(
        "Don't go by the score: some honest columns help much, and some leaks help hardly at all. Ask when each is known.",
        "For a mean or a count: which flights go into it, and when has the last of them ended?",
        "For the two columns about the same plane: what does each say when the earlier trip has not landed?",
    ),
)
def columns_that_are_not_known_in_time(leaks: list[str]) -> Verdict:
    given = set(leaks)
    if unknown := sorted(given - set(_LEAKS) - set(_KNOWN)):
        return wrong(f"{listed(unknown[:3])}: no such column was proposed. Copy the names from the table.")
    if not given:
        return wrong("None? Then the score of all eleven together would be what production gets.")
    if not given & set(_LEAKS):
        return wrong(
            "These are all known in time. Perhaps you listed what may be used; asked is what may not."
        )
    if honest := sorted(given & set(_KNOWN)):
        return wrong(f"`{honest[0]}` is known in time: {_KNOWN[honest[0]]}.")
    missing = [name for name in _LEAKS if name not in given]
    if not missing:
        return right(
            "Each of them needs something measured after the alert; the score alone would not have told you which."
        )
    order = [
        "miles_per_minute",
        "route_day",
        "cancelled_day",
        "rain_at_departure",
        "year_rank",
        "previous_flight",
    ]
    first = next(name for name in order if name in missing)
    return wrong(f"What you name is right, and {_LEAKS[first]}.")


_ARTIFACTS = [
    [(1, 4, 1), (2, 5, 1), (3, 6, 1), (4, 6, 2)],
    [(11, 6, 2), (12, 4, 1), (13, 6, 1), (14, 5, 1), (15, 5, 3), (16, 5, 2)],
    [(21, 1, 1), (22, 2, 1), (23, 5, 1), (24, 6, 1)],
    [(31, 3, 2), (32, 3, 1)],
    [(41, 7, 1), (42, 8, 1), (43, 7, 2), (44, 9, 1), (45, 8, 10), (46, 8, 9)],
]


def _window(artifacts, spans, pick=lambda one: one["version"]):
    newest = max(one["span"] for one in artifacts)
    chosen = {}
    for one in artifacts:
        held = chosen.get(one["span"])
        if one["span"] > newest - spans and (held is None or pick(one) > pick(held)):
            chosen[one["span"]] = one
    return [chosen[span]["id"] for span in sorted(chosen)]


def _window_probes():
    lists = [[dict(zip(("id", "span", "version"), row, strict=True)) for row in rows] for rows in _ARTIFACTS]
    return [(rows, spans) for rows in lists for spans in (1, 2, 3, 5)]


@exercise(
    "2.1c",
    training_window=Function(_window_probes),
    hints=(
        "The window is a range of span *numbers*, counted back from the newest one.",
        "A dict from span to its best artifact so far keeps one per span.",
        "Versions are numbers: 10 is newer than 9. The newest version need not have the highest `id`.",
    ),
)
def newest_version_of_each_span(training_window: list[dict]) -> Verdict:
    outputs = [record["output"] for record in training_window]
    if any(output is None for output in outputs):
        return wrong("For some lists your function gives nothing back.")
    if not all(type(output) is list for output in outputs):
        return wrong("Asked is a list of ids.")
    if any(type(item) is dict for output in outputs for item in output):
        return wrong("You return whole artifacts. Only their `id`s are asked for.")
    if not all(number(item) for output in outputs for item in output):
        return wrong("The list should hold `id`s, which are numbers.")

    def same(formula, key=lambda ids: ids) -> bool:
        return all(
            key(output) == key(formula(*r["input"]))
            for output, r in zip(outputs, training_window, strict=True)
        )

    def all_versions(artifacts, spans):
        newest = max(one["span"] for one in artifacts)
        return [one["id"] for one in artifacts if one["span"] > newest - spans]

    def delivered(artifacts, spans):
        last = sorted({one["span"] for one in artifacts})[-spans:]
        return _window([one for one in artifacts if one["span"] in last], 10**6)

    if same(_window):
        return right(
            "One artifact for each span, its newest version: a correction replaces what it corrects, and nothing counts double."
        )
    mistakes = {
        "A span that was delivered twice is in your window twice: that is what the Resolver did.": all_versions,
        "You reach further back where a span was never delivered. The window is a range of span numbers.": delivered,
        "You keep the first version of a span. The correction never reaches the model.": lambda a, n: _window(
            a, n, lambda one: -one["version"]
        ),
        "You keep the version with the highest `id`. Versions may arrive in another order.": lambda a, n: (
            _window(a, n, lambda one: one["id"])
        ),
        "You compare versions as text, where 10 comes before 9.": lambda a, n: _window(
            a, n, lambda one: str(one["version"])
        ),
        "Your window holds one span too many.": lambda a, n: _window(a, n + 1),
        "Your window holds one span too few.": lambda a, n: _window(a, n - 1) if n > 1 else [],
        "You take the last artifacts of the list. The window is a range of span numbers.": lambda a, n: [
            one["id"] for one in a[-n:]
        ],
        "You keep what has the highest version of all. Each span has a newest version of its own.": lambda a, n: [
            one["id"]
            for one in a
            if one["span"] > max(other["span"] for other in a) - n
            and one["version"] == max(other["version"] for other in a)
        ],
        "You take every span there is; `spans` plays no part.": lambda a, n: _window(a, 10**6),
    }
    if same(lambda a, n: _window(a, n)[::-1]):
        return wrong("The right artifacts, newest span first. The oldest should come first.")
    if same(_window, sorted):
        return wrong("The right artifacts, but not in order of their spans.")
    for reason, formula in mistakes.items():
        if same(formula, sorted):
            return wrong(reason)
    return wrong(
        "For some lists the window is another. Write one down with two versions of a span and with a span missing."
    )


@functools.cache
def _counts() -> dict:
    flights = datasets.flights()
    arrived = flights[flights.arr_delay.notna()]
    sizes = arrived.carrier.value_counts()
    return {
        "scheduled": len(flights),
        "cancelled": int(flights.dep_delay.isna().sum()),
        "rows": len(arrived),
        "late": float((arrived.arr_delay > 15).mean()),
        "late_of_all": float((flights.arr_delay > 15).mean()),
        "late_from_15": float((arrived.arr_delay >= 15).mean()),
        "small": sorted(sizes[sizes < 1000].index),
    }


def _word(value) -> str:
    return re.sub(r"[^a-z0-9]", "", value.lower()) if type(value) is str else ""


@exercise(
    "2.1d",
    my_card=Mapping("unit", "rows", "left out", "late", "small carriers", "licence", "tailnum"),
    hints=(
        "A label needs an arrival. What does `arr_delay` hold for a cancelled flight, and what for one that was diverted?",
        "Count in the table with labels, `flights[flights.arr_delay.notna()]`, not in the timetable.",
        "The licence stands in section 1. For `tailnum`, ask where it leads, and through what.",
    ),
)
def card_of_the_training_table(my_card: dict) -> Verdict:
    true = _counts()
    rows, out, late = my_card["rows"], my_card["left out"], my_card["late"]
    if _word(my_card["unit"]) == "scheduledflight":
        return wrong(
            "`unit`: the timetable has a row per scheduled flight. This table needs a label in every row."
        )
    if _word(my_card["unit"]) != "flightthatarrived":
        return wrong("`unit`: what is one row? Choose one of the three texts; the table is not about planes.")
    if not all(number(value) for value in (rows, out, late)):
        return wrong("`rows`, `left out` and `late` are numbers.")
    if rows == true["scheduled"]:
        return wrong("`rows`: that counts the whole timetable, flights without a label included.")
    if rows == true["scheduled"] - true["cancelled"]:
        return wrong("`rows`: that counts all flights that left. Not all of those arrived where they should.")
    if rows != true["rows"]:
        return wrong("`rows`: count the flights that have a label.")
    if out == true["cancelled"]:
        return wrong("`left out`: those are the cancelled ones. Some flights left and have no label either.")
    if out == true["scheduled"] - true["rows"] - true["cancelled"]:
        return wrong("`left out`: those are the diverted ones alone. The cancelled ones are missing too.")
    if out != true["scheduled"] - true["rows"]:
        return wrong("`left out`: rows and left-out flights together must make up the timetable.")
    if 1 < late <= 100 and abs(late / 100 - true["late"]) < 0.001:
        return wrong("`late`: that is in per cent; asked is a share between 0 and 1.")
    if abs(late - true["late_of_all"]) < 0.0006:
        return wrong("`late`: you divide by the timetable, so that a cancelled flight counts as on time.")
    if abs(late - true["late_from_15"]) < 0.0006:
        return wrong("`late`: late is *more than* 15 minutes.")
    if late in {round(true["late"], digits) for digits in (1, 2)}:
        return wrong(
            "`late`: too few digits. A point of this share is 3,000 flights; give three decimals or more."
        )
    if abs(late - true["late"]) > 0.0006:
        return wrong("`late`: the mean of the label over the rows of the table.")
    small = my_card["small carriers"]
    small = [small] if type(small) is str else sorted(small) if type(small) is dict else small
    if type(small) is not list or not all(type(name) is str for name in small):
        return wrong("`small carriers`: a set of carrier codes.")
    given = {name.strip().upper() for name in small}
    if extra := sorted(given - set(true["small"])):
        return wrong(f"`small carriers`: {listed(extra[:3])} has 1,000 rows or more, or is no carrier here.")
    if given != set(true["small"]):
        return wrong("`small carriers`: those named belong there, and there are more.")
    if not re.match(r"(cc0|creativecommonszero|publicdomain)", _word(my_card["licence"])):
        return wrong("`licence`: read what the package of the sources declares; it stands in section 1.")
    if _word(my_card["tailnum"]) == "harmless":
        return wrong(
            "`tailnum`: no name, true. But section 7 follows it to a public register with names in it."
        )
    if _word(my_card["tailnum"]) != "quasiidentifier":
        return wrong(
            "`tailnum`: by itself it names a plane. It takes a second table to get from there to someone."
        )
    return right(
        "A reader now knows what a row is, who is not in it, which carriers are thin, and which column to protect."
    )
