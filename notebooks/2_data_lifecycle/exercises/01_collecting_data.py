"""How the exercises of lesson 2.1, Collecting data, are judged."""

from __future__ import annotations

import re

from helpers.exercises.kit import Mapping, exercise
from helpers.exercises.rules import function, names
from helpers.exercises.signs import (
    NOTHING, NO_NAME, STRANGE, Named, follows, has, lacks, listed, number, some, unless, where,
)

_REPORTS = [
    [(8, 9, 41), (9, 10, 43), (10, 11, 47)],
    [(10, 11, 47), (8, 9, 41), (9, 10, 43)],
    [(8, 8.5, 31), (9, 9.5, 33), (8, 10, 37)],
    [(8, 8.5, 31), (8, 9.5, 34), (8, 12, 39)],
    [(9, 9.5, 0), (8, 8.5, 5)],
    [(8, 12, 39), (8, 8.5, 31)],
    [(9, 9, 51), (8, 8.5, 46)],
]
_MOMENTS = (7, 8.75, 9, 9.25, 10, 10.5, 11, 13)


def _latest(keep=lambda event, moment: event[1] <= moment, key=lambda event: (event[0], event[1])):
    """A rule: of the events (happened, known, value) that are kept the value of the
    one with the highest key."""

    def known_value(events, moment):
        kept = [event for event in events if keep(event, moment)]
        return max(kept, key=key)[2] if kept else None

    return known_value


function(
    "2.1a", "known_value", [(events, moment) for events in _REPORTS for moment in _MOMENTS],
    odd={
        "You return whole events, or several values. Asked is one value: the third entry of an event.":
            some(lambda output: type(output) is list),
    },
    rule=_latest(),
    said="Filter by the time of knowing, choose by the time of happening: two times, each with its own job.",
    mistakes={
        "You filter by when things happened. A fact that had happened and was not yet on record "
        "enters: that is the leak.": _latest(lambda e, moment: e[0] <= moment),
        "You have the two times the wrong way round: filter by the time of knowing, choose by the "
        "time of happening.":
            _latest(lambda e, moment: e[0] <= moment, key=lambda e: (e[1], e[0])),
        "You take what was reported last. A correction of an old hour then hides a newer hour.":
            _latest(key=lambda e: (e[1], e[0])),
        "An event known exactly at `moment` is known: it must count.":
            _latest(lambda e, moment: e[1] < moment),
        "Where a fact was reported twice, you take its first report. The newest one known by then counts.":
            _latest(key=lambda e: (e[0], -e[1])),
        "You sort by the hour alone, so of two reports of one hour their place in the list decides. The one "
        "known last counts.": follows(
            lambda events, moment: next(
                (e[2] for e in sorted(events, key=lambda e: e[0])[::-1] if e[1] <= moment), None
            ),
            _latest(key=lambda e: e[0]),
        ),
        "A fact that happens at `moment` and is known at once is known, too.":
            _latest(lambda e, moment: e[1] <= moment and e[0] < moment),
        "You look only for the latest fact, whenever it became known; `moment` plays no part.":
            _latest(lambda e, moment: True),
        "You take the largest value, or sort by it. Which fact counts is decided by its times.":
            _latest(key=lambda e: e[2]),
        "You take the last event of the list. The events come in any order.":
            lambda events, moment: next((e[2] for e in reversed(events) if e[1] <= moment), None),
        "You give the *earliest* fact that was known.": _latest(key=lambda e: (-e[0], e[1])),
        "Before the first report nothing is known, and your function gives a value all the same.":
            where(lambda output, *given: output is not None and _latest()(*given) is None),
        "Sometimes something was known, and your function gives `None`. A value of 0 is a value, too.":
            where(lambda output, *given: output is None and _latest()(*given) is not None),
    },
    otherwise="For some lists the value is another. "
    "Try two hours, with the older one corrected after the newer was reported.",
    hints=(
        "First throw away what was not known at `moment`. Only then ask which fact happened last.",
        "`max` with a key of two numbers decides by the first, and where that is equal, by the second.",
        "Correct an old hour after a newer one was reported: the newer hour must still win.",
    ),
)


_LEAKS = {  # the first that is missing is hinted at
    "miles_per_minute":
        "a column is missing that looks like a property of the route; one of its two parts is "
        "measured in flight",
    "route_day": "a mean is missing that contains the rest of the day, and the flight itself",
    "cancelled_day": "a count is missing that is complete only when the day is over",
    "rain_at_departure": "a measurement is missing that is made in the hour in which the plane leaves",
    "year_rank": "a column is missing that changes slowly and uses the whole year, December included",
    "previous_flight":
        "a column is missing that is known for most flights and not for all: something can "
        "still be in the air",
}
_KNOWN = {
    "departures_hour": "it counts the timetable, which is published months ahead, also for later flights",
    "leg": "it takes a landing only if it came before the alert",
    "queue":
        "it counts only planes that had left before the alert. That it helps much is no proof against it",
    "rain_known": "it takes only weather that was complete at the alert",
    "route_so_far": "its landings all came before the alert",
}

names(
    "2.1b", "leaks", belong=_LEAKS, others=_KNOWN,
    reasons={
        "`{}`: no such column was proposed. Copy the names from the table.": STRANGE,
        "None? Then the score of all eleven together would be what production gets.": NO_NAME,
        "These are all known in time. Perhaps you listed what may be used; asked is what may not.":
            Named(lambda answer: answer.given <= set(_KNOWN), lambda belong: [set(_KNOWN)]),
        **{f"`{name}` is known in time: {why}.": has(name) for name, why in _KNOWN.items()},
        **{f"What you name is right, and {why}.": lacks(name) for name, why in _LEAKS.items()},
    },
    said="Each of them needs something measured after the alert; the score alone would not "
    "have told you which.",
    hints=(
        "Don't go by the score: some honest columns help much, and some leaks help hardly at all. "
        "Ask when each is known.",
        "For a mean or a count: which flights go into it, and when has the last of them ended?",
        "For the two columns about the same plane: what does each say when the earlier trip has not landed?",
    ),
)


_ARTIFACTS = [  # id, span, version
    [(1, 4, 1), (2, 5, 1), (3, 6, 1), (4, 6, 2)],
    [(11, 6, 2), (12, 4, 1), (13, 6, 1), (14, 5, 1), (15, 5, 3), (16, 5, 2)],
    [(21, 1, 1), (22, 2, 1), (23, 5, 1), (24, 6, 1)],
    [(31, 3, 2), (32, 3, 1)],
    [(41, 7, 1), (42, 8, 1), (43, 7, 2), (44, 9, 1), (45, 8, 10), (46, 8, 9)],
    [(51, 9, 1), (52, 11, 1), (53, 10, 1), (54, 10, 2), (55, 8, 1)],
]


def _windows():
    lists = [[dict(zip(("id", "span", "version"), row, strict=True)) for row in rows] for rows in _ARTIFACTS]
    return [(rows, spans) for rows in lists for spans in (1, 2, 3, 5)]


def _last(known, spans):
    return range(max(known) - spans + 1, max(known) + 1)


def _window(key=lambda one: one["version"], inside=_last):
    """A rule: of each span inside the window the id of the artifact with the highest
    key, oldest span first."""

    def training_window(artifacts, spans):
        window = inside([one["span"] for one in artifacts], spans)
        chosen = {one["span"]: one["id"] for one in sorted(artifacts, key=key) if one["span"] in window}
        return [chosen[span] for span in sorted(chosen)]

    return training_window


def _all_versions(artifacts, spans, keep=lambda one, newest_version: True):
    """The ids of all artifacts in the window that are kept."""
    window, version = (
        _last([one["span"] for one in artifacts], spans),
        max(one["version"] for one in artifacts),
    )
    return [one["id"] for one in artifacts if one["span"] in window and keep(one, version)]


def _spans_of(artifacts, spans):
    """The span numbers in the window that were delivered."""
    known = {one["span"] for one in artifacts}
    return sorted(known & set(_last(known, spans)))


def _spans_as_text(artifacts, spans):
    """The window ends at the span that is last in the dictionary."""
    last = int(max(str(one["span"]) for one in artifacts))
    return _window(inside=lambda known, spans: range(last - spans + 1, last + 1))(artifacts, spans)


def _last_artifacts(artifacts, spans):
    """The last ones by span and version, whatever their spans."""
    return [one["id"] for one in sorted(artifacts, key=lambda one: (one["span"], one["version"]))[-spans:]]


def _in_any_order(mistakes):
    given = {reason: rules if type(rules) is tuple else (rules,) for reason, rules in mistakes.items()}
    return {reason: follows(*rules, read=sorted) for reason, rules in given.items()}


function(
    "2.1c", "training_window", _windows,
    odd={
        "For some lists your function gives nothing back.": NOTHING,
        "Asked is a list of ids.": unless(lambda output: type(output) is list),
        "You return whole artifacts. Only their `id`s are asked for.":
            some(lambda output: any(type(item) is dict for item in output)),
        "The list should hold `id`s, which are numbers.": unless(listed(number)),
    },
    rule=_window(),
    said="One artifact for each span, its newest version: "
    "a correction replaces what it corrects, and nothing counts double.",
    mistakes={
        "The right artifacts, newest span first. The oldest should come first.":
            lambda a, n: _window()(a, n)[::-1],
        "You sort spans as text, where 10 comes before 9.": lambda a, n: [
            id_ for _, id_ in sorted(zip([str(s) for s in _spans_of(a, n)], _window()(a, n), strict=True))
        ],
        **_in_any_order({
            "You compare spans as text: then the newest of 9, 10 and 11 is 9.": _spans_as_text,
            "You sort the artifacts and take the last ones. A span of two versions then takes two places.": (
                _last_artifacts, lambda a, n: _window()([one for one in a
                    if one["id"] in _last_artifacts(a, n)], 99),
            ),
            "Those are span numbers. Asked are the ids of what is to be trained on.": (
                lambda a, n: sorted({one["span"] for one in a})[-n:], _spans_of,
            ),
            "The right artifacts, but not in order of their spans.": lambda a, n: sorted(_window()(a, n)),
            "A span that was delivered twice is in your window twice: that is what the Resolver did.":
                _all_versions,
            "You reach further back where a span was never delivered. The window is a range of span numbers.":
                _window(inside=lambda known, n: sorted(set(known))[-n:]),
            "You keep the first version of a span. The correction never reaches the model.":
                _window(lambda one: -one["version"]),
            "You keep the version with the highest `id`. Versions may arrive in another order.":
                _window(lambda one: one["id"]),
            "You compare versions as text, where 10 comes before 9.":
                _window(lambda one: str(one["version"])),
            "Your window holds one span too many.": lambda a, n: _window()(a, n + 1),
            "Your window holds one span too few.": lambda a, n: _window()(a, n - 1),
            "You take the last artifacts of the list. The window is a range of span numbers.":
                lambda a, n: [one["id"] for one in a[-n:]],
            "You keep what has the highest version of all. Each span has a newest version of its own.":
                lambda a, n: _all_versions(a, n, lambda one,
                    newest_version: one["version"] == newest_version),
            "You take every span there is; `spans` plays no part.": _window(inside=lambda known, n: known),
        }),
    },
    otherwise="For some lists the window is another. "
    "Write one down with two versions of a span and with a span missing.",
    hints=(
        "The window is a range of span *numbers*, counted back from the newest one.",
        "A dict from span to its best artifact so far keeps one per span.",
        "Versions are numbers: 10 is newer than 9. The newest version need not have the highest `id`.",
    ),
)


# Counted in the flights of the year
_SCHEDULED, _CANCELLED, _ARRIVED = 336_776, 8_255, 327_346
_LATE, _LATE_OF_ALL, _LATE_FROM_15 = 0.2371497, 0.2305093, 0.2446952  # the last two are mistakes
_SMALL = {"AS", "F9", "HA", "OO", "YV"}


# What the name of the licence may be made of, and what it needs of it
_ZERO = {
    "cc0", "cc", "0", "zero", "creative", "commons", "public", "domain", "dedication", "universal", "v1",
    "1.0", "1",
    "v", "version", "licence", "license", "the",
}


def _cc0(value):
    """Whether it names CC0 and nothing else: "CC0 is not it" and "CC0 and MIT" are other statements."""
    words = re.findall(r"[a-z]+\d*(?![.\d])|\d+(?:\.\d+)*", value.lower()) if type(value) is str else []
    whole = "".join(words)
    return set(words) - {"creativecommonszero"} <= _ZERO and re.search(
        "cc0|cczero|commonszero|publicdomain", whole
    )


def _word(value):
    return re.sub(r"[^a-z0-9]", "", value.lower()) if type(value) is str else ""


@exercise(
    "2.1d",
    my_card=Mapping("unit", "rows", "left out", "late", "small carriers", "licence", "tailnum"),
    hints=(
        "A label needs an arrival. "
        "What does `arr_delay` hold for a cancelled flight, and what for one that was diverted?",
        "Count in the table with labels, `flights[flights.arr_delay.notna()]`, not in the timetable.",
        "The licence stands in section 1. For `tailnum`, ask where it leads, and through what.",
    ),
    said="A reader now knows what a row is, who is not in it, which carriers are thin, and which "
    "column to protect.",
)
def card_of_the_training_table(my_card):
    rows, out, late = my_card["rows"], my_card["left out"], my_card["late"]
    if _word(my_card["unit"]) == "scheduledflight":
        yield "`unit`: the timetable has a row per scheduled flight. This table needs a label in every row."
    if _word(my_card["unit"]) != "flightthatarrived":
        yield "`unit`: what is one row? Choose one of the three texts; the table is not about planes."

    if not all(map(number, (rows, out, late))):
        yield "`rows`, `left out` and `late` are numbers."
    if rows == _SCHEDULED:
        yield "`rows`: that counts the whole timetable, flights without a label included."
    if rows == _SCHEDULED - _CANCELLED:
        yield "`rows`: that counts all flights that left. Not all of those arrived where they should."
    if rows != _ARRIVED:
        yield "`rows`: count the flights that have a label."

    if out == _CANCELLED:
        yield "`left out`: those are the cancelled ones. Some flights left and have no label either."
    if out == _SCHEDULED - _ARRIVED - _CANCELLED:
        yield "`left out`: those are the diverted ones alone. The cancelled ones are missing too."
    if out != _SCHEDULED - _ARRIVED:
        yield "`left out`: rows and left-out flights together must make up the timetable."

    if 1 < late <= 100 and abs(late / 100 - _LATE) < 0.001:
        yield "`late`: that is in per cent; asked is a share between 0 and 1."
    if abs(late - _LATE_OF_ALL) < 0.0006:
        yield "`late`: you divide by the timetable, so that a cancelled flight counts as on time."
    if abs(late - _LATE_FROM_15) < 0.0006:
        yield "`late`: late is *more than* 15 minutes."
    if late in (round(_LATE, 1), round(_LATE, 2)):
        yield "`late`: too few digits. A point of this share is 3,000 flights; give three decimals or more."
    if abs(late - _LATE) > 0.0006:
        yield "`late`: the mean of the label over the rows of the table."

    small = my_card["small carriers"]
    small = list(small) if type(small) is dict else small if type(small) is list else [small]
    if not all(type(name) is str for name in small):
        yield "`small carriers`: a set of carrier codes."
    given = {name.strip().upper() for name in small}
    if extra := sorted(given - _SMALL):
        listed = ", ".join(f"`{name[:40]}`" for name in extra[:3])
        yield f"`small carriers`: {listed} has 1,000 rows or more, or is no carrier here."
    if given != _SMALL:
        yield "`small carriers`: those named belong there, and there are more."

    if not _cc0(my_card["licence"]):
        yield (
            "`licence`: its name alone, as the package of the sources declares it; that stands in section 1."
        )
    if _word(my_card["tailnum"]) == "harmless":
        yield "`tailnum`: no name, true. But section 7 follows it to a public register with names in it."
    if _word(my_card["tailnum"]) != "quasiidentifier":
        yield "`tailnum`: by itself it names a plane. It takes a second table to get from there to someone."
