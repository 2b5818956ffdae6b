"""Answers to the exercises of lesson 2.1."""

from helpers import datasets

from .harness import Cases


def _best(keep, key):
    def known_value(events, moment):
        kept = [event for event in events if keep(event, moment)]
        return max(kept, key=key)[2] if kept else None

    return known_value


def _seen(event, moment):
    return event[1] <= moment


def _by_happening(event):
    return event[0], event[1]


def _in_a_loop(events, moment):
    best = None
    for happened, known, value in sorted(events):
        if known <= moment:
            best = value
            del happened
    return best


def _newest_of_latest(events, moment):
    known = [(happened, known, value) for happened, known, value in events if known <= moment]
    if not known:
        return None
    last = max(happened for happened, _, _ in known)
    return sorted((known, value) for happened, known, value in known if happened == last)[-1][1]


def _truthy(events, moment):
    return _best(_seen, _by_happening)(events, moment) or None


def _falls_back(events, moment):
    known = [event for event in events if event[1] <= moment] or events
    return max(known)[2]


LEAKS = {
    "rain_at_departure",
    "cancelled_day",
    "previous_flight",
    "route_day",
    "year_rank",
    "miles_per_minute",
}


def _window(artifacts, spans):
    newest_span = max((one["span"] for one in artifacts), default=0)
    best = {}
    for one in sorted(artifacts, key=lambda one: (one["span"], one["version"])):
        if one["span"] > newest_span - spans:
            best[one["span"]] = one["id"]
    return list(best.values())


def _window_with_pandas(artifacts, spans):
    import pandas as pd

    table = pd.DataFrame(artifacts).sort_values(["span", "version"])
    table = table[table.span > table.span.max() - spans]
    return table.groupby("span").id.last()


def _per_span(artifacts, spans, pick):
    newest_span = max(one["span"] for one in artifacts)
    inside = sorted({one["span"] for one in artifacts if one["span"] > newest_span - spans})
    return [max((one for one in artifacts if one["span"] == span), key=pick)["id"] for span in inside]


def _every_version(artifacts, spans):
    newest_span = max(one["span"] for one in artifacts)
    return [one["id"] for one in artifacts if one["span"] > newest_span - spans]


def _delivered(artifacts, spans):
    inside = sorted({one["span"] for one in artifacts})[-spans:]
    return [
        max((one for one in artifacts if one["span"] == span), key=lambda one: one["version"])["id"]
        for span in inside
    ]


def _highest_of_all(artifacts, spans):
    newest_span = max(one["span"] for one in artifacts)
    newest_version = max(one["version"] for one in artifacts)
    return [
        one["id"]
        for one in artifacts
        if one["span"] > newest_span - spans and one["version"] == newest_version
    ]


_flights = datasets.flights()
_arrived = _flights[_flights.arr_delay.notna()]
_sizes = _arrived.carrier.value_counts()
CARD = {
    "unit": "flight that arrived",
    "rows": len(_arrived),
    "left out": len(_flights) - len(_arrived),
    "late": (_arrived.arr_delay > 15).mean(),
    "small carriers": set(_sizes[_sizes < 1000].index),
    "licence": "CC0 1.0",
    "tailnum": "quasi-identifier",
}
_cancelled = int(_flights.dep_delay.isna().sum())


def _card(**entries):
    return {"my_card": CARD | {name.replace("_", " "): value for name, value in entries.items()}}


CASES = {
    "2.1a": Cases(
        right=[
            {"known_value": _best(_seen, _by_happening)},
            {"known_value": _in_a_loop},
            {"known_value": _newest_of_latest},
        ],
        wrong={
            "You filter by when things happened": {
                "known_value": _best(lambda e, m: e[0] <= m, _by_happening)
            },
            "the wrong way round": {"known_value": _best(lambda e, m: e[0] <= m, lambda e: (e[1], e[0]))},
            "hides a newer hour": {"known_value": _best(_seen, lambda e: e[1])},
            "known exactly at `moment` is known": {
                "known_value": _best(lambda e, m: e[1] < m, _by_happening)
            },
            "you take its first report": {"known_value": _best(_seen, lambda e: (e[0], -e[1]))},
            "`moment` plays no part": {"known_value": _best(lambda e, m: True, _by_happening)},
            "largest value": {"known_value": _best(_seen, lambda e: e[2])},
            "last event of the list": {
                "known_value": lambda events, moment: next(
                    (e[2] for e in events[::-1] if e[1] <= moment), None
                )
            },
            "*earliest* fact": {"known_value": _best(_seen, lambda e: (-e[0], e[1]))},
            "whole events": {"known_value": lambda events, moment: [e for e in events if e[1] <= moment]},
            "A value of 0 is a value": {"known_value": _truthy},
            "Before the first report nothing is known": {"known_value": _falls_back},
        },
    ),
    "2.1b": Cases(
        right=[{"leaks": LEAKS}, {"leaks": sorted(LEAKS)}],
        wrong={
            "None? Then the score": {"leaks": set()},
            "no such column": {"leaks": LEAKS | {"air_time"}},
            "asked is what may not": {
                "leaks": {"queue", "leg", "rain_known", "departures_hour", "route_so_far"}
            },
            "`queue` is known in time": {"leaks": LEAKS | {"queue"}},
            "counts the timetable": {"leaks": LEAKS | {"departures_hour"}},
            "a landing only if it came before": {"leaks": LEAKS | {"leg"}},
            "can still be in the air": {"leaks": LEAKS - {"previous_flight"}},
            "December included": {"leaks": LEAKS - {"year_rank"}},
            "in the hour in which the plane leaves": {"leaks": LEAKS - {"rain_at_departure"}},
            "the flight itself": {"leaks": LEAKS - {"route_day"}},
            "when the day is over": {"leaks": LEAKS - {"cancelled_day"}},
            "a property of the route": {"leaks": LEAKS - {"miles_per_minute"}},
        },
    ),
    "2.1c": Cases(
        right=[{"training_window": _window}, {"training_window": _window_with_pandas}],
        wrong={
            "in your window twice": {"training_window": _every_version},
            "was never delivered": {"training_window": _delivered},
            "keep the first version": {
                "training_window": lambda a, n: _per_span(a, n, lambda one: -one["version"])
            },
            "highest `id`": {"training_window": lambda a, n: _per_span(a, n, lambda one: one["id"])},
            "versions as text": {
                "training_window": lambda a, n: _per_span(a, n, lambda one: str(one["version"]))
            },
            "one span too many": {"training_window": lambda a, n: _window(a, n + 1)},
            "newest span first": {"training_window": lambda a, n: _window(a, n)[::-1]},
            "`spans` plays no part": {"training_window": lambda a, n: _window(a, 100)},
            "last artifacts of the list": {"training_window": lambda a, n: [one["id"] for one in a[-n:]]},
            "a newest version of its own": {"training_window": _highest_of_all},
            "whole artifacts": {"training_window": lambda a, n: a[-n:]},
            "Asked is a list": {"training_window": lambda a, n: len(_window(a, n))},
        },
    ),
    "2.1d": Cases(
        right=[
            {"my_card": CARD},
            _card(late=round(CARD["late"], 3), licence="cc0", small_carriers=sorted(CARD["small carriers"])),
        ],
        wrong={
            "row per scheduled flight": _card(unit="scheduled flight"),
            "the table is not about planes": _card(unit="plane"),
            "counts the whole timetable": _card(rows=len(_flights)),
            "all flights that left": _card(rows=len(_flights) - _cancelled),
            "those are the cancelled ones": _card(left_out=_cancelled),
            "diverted ones alone": _card(left_out=CARD["left out"] - _cancelled),
            "counts as on time": _card(late=(_flights.arr_delay > 15).mean()),
            "in per cent": _card(late=100 * CARD["late"]),
            "too few digits": _card(late=round(CARD["late"], 2)),
            "*more than* 15": _card(late=(_arrived.arr_delay >= 15).mean()),
            "there are more": _card(small_carriers={"OO"}),
            "1,000 rows or more": _card(small_carriers=CARD["small carriers"] | {"FL"}),
            "read what the package": _card(licence="MIT"),
            "No name, true".lower(): _card(tailnum="harmless"),
            "takes a second table": _card(tailnum="identifies a person"),
        },
    ),
}
