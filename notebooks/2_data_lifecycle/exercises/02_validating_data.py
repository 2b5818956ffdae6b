"""Judges of lesson 2.2, Validating data with TFDV."""

import functools
import math

from helpers import datasets
from helpers.exercises.kit import (
    Choice,
    Mapping,
    Names,
    Number,
    Text,
    Verdict,
    exercise,
    right,
    wrong,
)


def listed(names) -> str:
    return ", ".join(f"`{name[:40]}`" for name in names)


@functools.cache
def _gaps() -> tuple[dict[str, int], dict[str, int]]:
    """Gaps by column of the weather, in January and in the year."""
    weather = datasets.weather().drop(columns="time_hour")
    return dict(weather[weather.month == 1].isna().sum()), dict(weather.isna().sum())


@exercise(
    "2.2a",
    by_chance=Names(),
    hints=(
        "Two conditions meet: the proposal says `required`, and the statistics of the year count a gap.",
        '`summary(year_stats, "num_stats")` has a column `missing`. One missing hour is enough.',
        "`set(...) & set(...)` keeps what is in both.",
    ),
)
def required_by_chance(by_chance: list[str]) -> Verdict:
    january, year = _gaps()
    chance = {name for name in year if year[name] and not january[name]}
    if not by_chance:
        return wrong(
            "An empty answer says January told the truth about every gap. Count the gaps of the whole year once."
        )
    if unknown := [name for name in by_chance if name not in year]:
        return wrong(f"The statistics of the weather describe no feature {listed(unknown)}.")
    if optional := [name for name in by_chance if january[name]]:
        return wrong(
            f"{listed(optional)}: January itself had gaps here, so the proposal never required a value."
        )
    if solid := [name for name in by_chance if not year[name]]:
        return wrong(
            f"{listed(solid)}: no hour of the year lacks a value, so this demand was never disappointed."
        )
    if chance - set(by_chance):
        return wrong(
            "What you name is right, but it is not all. A single silent hour in the year counts as a gap."
        )
    return right(
        "January had no gap in them and the year has: the demand for 100 % was a property of the sample."
    )


_OFTEN = ("temp", "dewp", "humid", "wind_speed")
_HIGHEST = {
    "humid": (100, 100),
    "wind_dir": (360, 360),
    "wind_speed": (75, 253),
}  # the lowest and highest fair upper limit
_HURRICANE = 74  # mph


@functools.cache
def _months() -> dict[int, dict[str, tuple[float, float, float]]]:
    """By month and feature of the weather: share present, least and largest value; the one impossible wind left out."""
    weather = datasets.weather().select_dtypes("number")
    weather["wind_speed"] = weather.wind_speed.where(weather.wind_speed < 253)
    return {
        month: {
            name: (float(column.notna().mean()), float(column.min()), float(column.max()))
            for name, column in rows.items()
        }
        for month, rows in weather.groupby("month")
    }


class Schema(Text):
    """A schema. Read as its text."""

    asks = "a `schema_pb2.Schema`"


@exercise(
    "2.2b",
    weather_contract=Schema(),
    hints=(
        "`schema_pb2.Schema()` makes an empty schema and `.CopyFrom(inferred_weather)` fills it. Then `limit` and `optional` change it.",
        "Ask of each upper limit: could the world exceed it without an error in the data? And what would it still let through?",
        "`optional` does two things, and both are needed: the share goes down, and the fixed shape gives way.",
    ),
)
def contract_for_the_weather(weather_contract: str) -> Verdict:
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2  # plain protobuf: does not import TensorFlow

    try:
        schema = text_format.Parse(weather_contract, schema_pb2.Schema())
    except text_format.ParseError:
        return wrong("This text does not read as a schema. Bind the `schema_pb2.Schema` itself.")
    features = {feature.name: feature for feature in schema.feature}
    if lost := [name for name in _months()[1] if name not in features]:
        return wrong(
            f"The contract no longer describes {listed(lost)}, and what is not described is not validated. "
            "Start from a copy of `inferred_weather`."
        )
    if features["month"].HasField("bool_domain"):
        return wrong("`month` is still taken for a boolean, so that the year would end in January.")
    for name in _OFTEN:
        if verdict := _presence(features[name]):
            return verdict
    for name, (lowest, highest) in _HIGHEST.items():
        if verdict := _limits(features[name], lowest, highest):
            return verdict
    for name, feature in features.items():
        for month, seen in _months().items():
            if name in seen and (fault := _false_alarm(feature, *seen[name])):
                return wrong(f"`{name}` would raise a false alarm in month {month}: {fault}.")
    return right(
        "Every month passes, February but for its one impossible wind; and the limits are the world's, not January's."
    )


def _presence(feature) -> Verdict | None:
    """What is wrong with the demand on a feature that may be silent for an hour."""
    share = feature.presence.min_fraction
    if not share >= 0.9:  # NaN too
        return wrong(
            f"`{feature.name}` could be absent from more than a tenth of the hours unnoticed: "
            "lower the demand, but keep one."
        )
    if share > 1:
        return wrong(
            f"`{feature.name}` is to be present in more than all hours: a share lies between 0 and 1."
        )
    if share < 1 and feature.WhichOneof("shape_type") == "shape":
        return wrong(
            f"`{feature.name}` still has the fixed `shape`, which promises a value in every example; "
            "TFDV will complain at the first gap."
        )
    return None


def _limits(feature, lowest: float, highest: float) -> Verdict | None:
    """What is wrong with a range that must begin at 0 and end between two values."""
    kind = feature.WhichOneof("domain_info")
    if kind is None:
        return wrong(f"`{feature.name}` has no range: any number passes.")
    if kind != "float_domain":
        return wrong(f"`{feature.name}` is a float, so its limits belong into `float_domain`, not `{kind}`.")
    low = feature.float_domain.min if feature.float_domain.HasField("min") else -math.inf
    high = feature.float_domain.max if feature.float_domain.HasField("max") else math.inf
    if low != 0:
        return wrong(f"The lower limit of `{feature.name}` is not the smallest value that can exist.")
    if not high <= highest:
        return wrong(f"The upper limit of `{feature.name}` lets values through that no weather can produce.")
    if feature.name == "wind_speed" and high == _HURRICANE:
        return wrong("There hurricanes begin, they do not end: the alarm would ring in every one.")
    if high < lowest:
        return wrong(
            f"The upper limit of `{feature.name}` is one that real weather can exceed: "
            "it describes what was seen, and the alarm would ring when it is needed least."
        )
    return None


def _false_alarm(feature, present: float, low: float, high: float) -> str:
    """How a feature's demands clash with a month that is in order; empty if they don't."""
    kind = feature.WhichOneof("domain_info")
    domain = getattr(feature, kind) if kind in ("float_domain", "int_domain") else None
    if feature.presence.min_fraction > present:
        return "more values are demanded than the stations sent"
    if present < 1 and feature.WhichOneof("shape_type") == "shape":
        return "its shape promises a value in every example"
    if domain and (
        domain.HasField("min") and low < domain.min or domain.HasField("max") and high > domain.max
    ):
        return "values that occurred lie outside its limits"
    return ""


_CASES = {  # case: (decision, what to ask whoever decides otherwise)
    "month: values other than 0 and 1": (
        "change schema",
        "Which calendar has only the months 0 and 1? Ask where the boolean came from.",
    ),
    "dest: BGR and CHO in March": (
        "change schema",
        "Bangor and Charlottesville exist, and their flights arrived. What would you repair?",
    ),
    "distance: 17 miles, EWR to LGA": (
        "fix data",
        "A flight across the city without a plane or a departure: which later flights would profit if such rows were allowed?",
    ),
    "wind_speed: 1048 mph": (
        "fix data",
        "If 1048 mph were allowed, what could the range of the wind still refuse?",
    ),
    "wind_speed: missing in 1 hour of March": (
        "change schema",
        "A station was silent for an hour. With what honest value would you fill it, and who promised there would be none to fill?",
    ),
    "dep_delay: found in serving data": (
        "fix data",
        "Were `dep_delay` accepted here, the model would learn from what it can't have when it is asked.",
    ),
}


@exercise(
    "2.2c",
    decisions=Mapping(*_CASES),
    hints=(
        "Ask who is right: can the world be as the data say? Then the schema was too narrow.",
        "Ask what the alarm would be worth afterwards: a range that takes in an impossible value refuses nothing.",
        "Three of the six are faults of what arrives.",
    ),
)
def decide_each_anomaly(decisions: dict) -> Verdict:
    given = {case: str(decisions[case]).strip().lower().replace(" the ", " ") for case in _CASES}
    if odd := [case for case in _CASES if given[case] not in {word for word, _ in _CASES.values()}]:
        return wrong(f"The case “{odd[0]}” has neither of the two decisions to choose from.")
    for case, (decision, question) in _CASES.items():
        if given[case] != decision:
            return wrong(question)
    return right("Where the world is as the data say, the schema gives way; where it can't be, the data do.")


@functools.cache
def _share_with_facts() -> dict[str, float]:
    flights = datasets.flights()
    known = flights.tailnum.isin(datasets.planes().tailnum)
    return {carrier: float(share) for carrier, share in known.groupby(flights.carrier).mean().items()}


@exercise(
    "2.2d",
    blind=Names(),
    hints=(
        "`common_stats` of `seats` counts `num_missing` and `num_non_missing`; the share is what you compare.",
        "Or let TFDV find them: a copy of `facts_schema` in which `seats` demands `min_fraction = 0.5`, and `anomalies` for every slice.",
        'A slice\'s name is `carrier_` and the code; `name.removeprefix("carrier_")` leaves the code.',
    ),
)
def blind_slices(blind: list[str]) -> Verdict:
    shares = _share_with_facts()
    found = {carrier for carrier, share in shares.items() if share < 0.5}
    if not blind:
        return wrong("None at all? The average passes; ask each slice on its own.")
    if any(name.startswith("carrier_") or name == "All Examples" for name in blind):
        return wrong(
            "Among them are names of slices, the whole perhaps, as TFDV writes them. Give the codes of carriers alone."
        )
    if unknown := [name for name in blind if name not in shares]:
        return wrong(f"No carrier has the code {listed(unknown)}.")
    if len(blind) == len(shares):
        return wrong("That is every carrier: then the average could not be as high as it is.")
    if found.isdisjoint(blind) and len(blind) == len(shares) - len(found):
        return wrong(
            "These are the carriers whose planes are mostly known: the comparison is the wrong way round."
        )
    if seeing := [name for name in blind if name not in found]:
        return wrong(
            f"{listed(seeing)}: gaps there are, but most flights do have the facts. Compare shares, not counts."
        )
    if found - set(blind):
        return wrong("True of what you name, but another slice is as dark. Go through all of them.")
    return right(
        "The average of all flights passed, and for these carriers most of the feature does not exist."
    )


@exercise(
    "2.2e",
    threshold=Number(low=0, high=1),
    hidden=Choice("km/h", "knots"),
    hints=(
        "TFDV raises an anomaly where the drift is greater than the threshold. Two columns of `wind_drift` bound it, one from each side.",
        "From below: the largest drift in mph. From above: the smallest in km/h. For knots, compare the same two.",
    ),
)
def choose_a_threshold(threshold: float, hidden: str, given: dict) -> Verdict:
    false_alarms = sum(value > threshold for value in given["mph"])
    missed = sum(value <= threshold for value in given["km/h"])
    if false_alarms:
        return wrong(f"It rings in {false_alarms} of {len(given['mph'])} months in which nothing is wrong.")
    if missed:
        return wrong(
            f"It sleeps through {missed} of {len(given['km/h'])} months in which the wind arrives in km/h."
        )
    separable = {unit for unit in ("km/h", "knots") if min(given[unit]) > max(given["mph"])}
    if hidden in separable:
        return wrong(
            "The threshold holds. But for the unit you name, does a line not fit above all months as recorded and below all of its own?"
        )
    return right(
        "The line lies between weather and fault; a factor near 1 changes the wind less than the seasons do."
    )
