"""How the exercises of lesson 2.2, Validating data with TFDV, are judged."""

from __future__ import annotations

import functools
import math

from helpers import datasets
from helpers.exercises.kit import Choice, Number, Text, exercise
from helpers.exercises.rules import choices, names
from helpers.exercises.signs import NO_NAME, STRANGE, Named, has, lacks, only

_BY_CHANCE = ("temp", "dewp", "humid", "wind_speed")  # no gap in January, and one in the year
_GAPS_IN_JANUARY = {"wind_dir", "wind_gust", "pressure"}
_NO_GAP_ALL_YEAR = {"origin", "year", "month", "day", "hour", "precip", "visib"}

names(
    "2.2a", "by_chance", belong=_BY_CHANCE, others=_GAPS_IN_JANUARY | _NO_GAP_ALL_YEAR,
    reasons={
        "An empty answer says January told the truth about every gap. Count the gaps of the whole year once.":
            NO_NAME,
        "The statistics of the weather describe no feature `{}`.": STRANGE,
        "`{}`: January itself had gaps here, so the proposal never required a value.": has(*_GAPS_IN_JANUARY),
        "`{}`: no hour of the year lacks a value, so this demand was never disappointed.":
            has(*_NO_GAP_ALL_YEAR),
        "What you name is right, but it is not all. A single silent hour in the year counts as a gap.":
            lacks(*_BY_CHANCE),
    },
    said="January had no gap in them and the year has: the demand for 100 % was a property of the sample.",
    hints=(
        "Two conditions meet: the proposal says `required`, and the statistics of the year count a gap.",
        '`summary(year_stats, "num_stats")` has a column `missing`. One missing hour is enough.',
        "`set(...) & set(...)` keeps what is in both.",
    ),
)


# from and to: fair upper limits
_HIGHEST = {"humid": (100, 100), "wind_dir": (360, 360), "wind_speed": (75, 253)}
_HURRICANE = 74  # mph


@functools.cache
def _months():
    """By month and feature of the weather: share present, least and largest value; the
    one impossible wind left out."""
    weather = datasets.weather().select_dtypes("number")
    weather["wind_speed"] = weather.wind_speed.where(weather.wind_speed < 253)
    return {
        month: {name: (float(x.notna().mean()), float(x.min()), float(x.max())) for name, x in rows.items()}
        for month, rows in weather.groupby("month")
    }


class Schema(Text):
    """A schema. Read as its text."""

    asks = "a `schema_pb2.Schema`"


@exercise(
    "2.2b",
    weather_contract=Schema(),
    hints=(
        "`schema_pb2.Schema()` makes an empty schema and `.CopyFrom(inferred_weather)` fills it. "
        "Then `limit` and `optional` change it.",
        "Ask of each upper limit: could the world exceed it without an error in the data? "
        "And what would it still let through?",
        "`optional` does two things, and both are needed: the share goes down, and the fixed shape gives "
        "way.",
    ),
    said="Every month passes, February but for its one impossible wind; and the limits are the "
    "world's, not January's.",
)
def contract_for_the_weather(weather_contract):
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2  # plain protobuf: does not import TensorFlow

    try:
        schema = text_format.Parse(weather_contract, schema_pb2.Schema())
    except text_format.ParseError:
        yield "This text does not read as a schema. Bind the `schema_pb2.Schema` itself."
    features = {feature.name: feature for feature in schema.feature}
    if lost := [name for name in _months()[1] if name not in features]:
        listed = ", ".join(f"`{name}`" for name in lost)
        yield (f"The contract no longer describes {listed}, and what is not described is not validated. "
               "Start from a copy of `inferred_weather`.")
    if features["month"].HasField("bool_domain"):
        yield "`month` is still taken for a boolean, so that the year would end in January."
    for feature in schema.feature:
        yield from _impossible(feature)
    for name in _BY_CHANCE:
        yield from _faults_of_presence(features[name])
    for name, fair in _HIGHEST.items():
        yield from _faults_of_range(features[name], *fair)
    for name, feature in features.items():
        for month, seen in _months().items():
            for fault in _false_alarms(feature, *seen[name]) if name in seen else ():
                yield f"`{name}` would raise a false alarm in month {month}: {fault}."


def _impossible(feature):
    """What in a feature's description no hour could meet, or what keeps it from being validated."""
    name, kinds = feature.name, {"O": "BYTES", "i": "INT", "f": "FLOAT"}
    asked = type(feature).DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[feature.type].name
    if name in _kinds() and asked != kinds[_kinds()[name]]:
        yield f"`{name}` is described as {asked}, which is not the type of its values."
    if feature.lifecycle_stage not in (0, 3, 4):  # not set, beta, production
        yield f"`{name}` has a `lifecycle_stage` in which nothing is validated."
    if feature.presence.min_count > 600:  # a sixth of February's hours and more come from every airport
        yield f"`{name}` must come `min_count` times, in a batch of any size. The share is enough."
    counts = feature.value_count
    if counts.min > 1 or (counts.HasField("max") and counts.max < 1):
        yield f"`{name}` has one value an hour; its `value_count` asks for another number."


@functools.cache
def _kinds():
    """By column of the weather the kind of its values, as numpy writes it."""
    return {name: kind.kind for name, kind in datasets.weather().dtypes.items()}


def _faults_of_presence(feature):
    """What is wrong with the demand on a feature that may be silent for an hour."""
    share = feature.presence.min_fraction
    if not share >= 0.9:  # NaN too
        yield (f"`{feature.name}` could be absent from more than a tenth of the hours unnoticed: "
               "lower the demand, but keep one.")
    if share > 1:
        yield f"`{feature.name}` is to be present in more than all hours: a share lies between 0 and 1."
    if share < 1 and feature.WhichOneof("shape_type") == "shape":
        yield (f"`{feature.name}` still has the fixed `shape`, which promises a value in every example; "
               "TFDV will complain at the first gap.")


def _faults_of_range(feature, lowest, highest):
    """What is wrong with a range that must begin at 0 and end between two values."""
    kind, (low, high) = feature.WhichOneof("domain_info"), _range(feature)
    if kind is None:
        yield f"`{feature.name}` has no range: any number passes."
    if kind != "float_domain":
        yield f"`{feature.name}` is a float, so its limits belong into `float_domain`, not `{kind}`."
    if low != 0:
        yield f"The lower limit of `{feature.name}` is not the smallest value that can exist."
    if not high <= highest:
        yield f"The upper limit of `{feature.name}` lets values through that no weather can produce."
    if feature.name == "wind_speed" and high == _HURRICANE:
        yield "There hurricanes begin, they do not end: the alarm would ring in every one."
    if high < lowest:
        yield (f"The upper limit of `{feature.name}` is one that real weather can exceed: "
               "it describes what was seen, and the alarm would ring when it is needed least.")


def _false_alarms(feature, present, least, largest):
    """How a feature's demands clash with a month that is in order."""
    low, high = _range(feature)
    if feature.presence.min_fraction > present:
        yield "more values are demanded than the stations sent"
    if present < 1 and feature.WhichOneof("shape_type") == "shape":
        yield "its shape promises a value in every example"
    if least < low or largest > high:
        yield "values that occurred lie outside its limits"


def _range(feature):
    """The limits that a feature sets to numbers; infinite where it sets none."""
    kind = feature.WhichOneof("domain_info")
    if kind not in ("float_domain", "int_domain"):
        return -math.inf, math.inf
    domain = getattr(feature, kind)
    return domain.min if domain.HasField("min") else -math.inf, domain.max if domain.HasField(
        "max"
    ) else math.inf


choices(
    "2.2c", "decisions", {
        "month: values other than 0 and 1":
            ("change schema", "Which calendar has only the months 0 and 1? Ask where the boolean came from."),
        "dest: BGR and CHO in March":
            ("change "
            "schema", "Bangor and Charlottesville exist, and their flights arrived. What would you repair?"),
        "distance: 17 miles, EWR to LGA":
            ("fix data", "A flight across the city without a plane or a departure: "
             "which later flights would profit if such rows were allowed?"),
        "wind_speed: 1048 mph":
            ("fix data", "If 1048 mph were allowed, what could the range of the wind still refuse?"),
        "wind_speed: missing in 1 hour of March":
            ("change schema", "A station was silent for an hour. "
             "With what honest value would you fill it, and who promised there would be none to fill?"),
        "dep_delay: found in serving data":
            ("fix data", "Were `dep_delay` accepted here, "
             "the model would learn from what it can't have when it is asked."),
    },
    read=lambda word: word.strip().lower().replace(" the ", " "),
    odd="The case “{}” has neither of the two decisions to choose from.",
    said="Where the world is as the data say, the schema gives way; where it can't be, the data do.",
    hints=(
        "Ask who is right: can the world be as the data say? Then the schema was too narrow.",
        "Ask what the alarm would be worth afterwards: a range that takes in an impossible "
        "value refuses nothing.",
        "Three of the six are faults of what arrives.",
    ),
)


_DARK = {"AA", "MQ"}  # carriers of whose flights less than half have the facts of their plane
_SEEN = {"9E", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "OO", "UA", "US", "VX", "WN", "YV"}

names(
    "2.2d", "blind", belong=_DARK, others=_SEEN,
    reasons={
        "None at all? The average passes; ask each slice on its own.": NO_NAME,
        "Among them are names of slices, the whole perhaps, as TFDV writes them. Give the codes "
        "of carriers alone.":
            Named(lambda answer: any(name.startswith("carrier_") or name == "All "
            "Examples" for name in answer.given),
                  lambda belong: [{f"carrier_{code}" for code in belong}, belong | {"All Examples"}]),
        "No carrier has the code `{}`.": STRANGE,
        "That is every carrier: then the average could not be as high as it is.": only(*_DARK, *_SEEN),
        "These are the carriers whose planes are mostly known: the comparison is the wrong way round.":
            only(*_SEEN),
        "`{}`: gaps there are, but most flights do have the facts. Compare shares, not counts.": has(*_SEEN),
        "True of what you name, but another slice is as dark. Go through all of them.": lacks(*_DARK),
    },
    said="The average of all flights passed, and for these carriers most of the feature does not exist.",
    hints=(
        "`common_stats` of `seats` counts `num_missing` and `num_non_missing`; the share is what you "
        "compare.",
        "Or let TFDV find them: a copy of `facts_schema` in which `seats` demands `min_fraction = 0.5`, "
        "and `anomalies` for every slice.",
        'A slice\'s name is `carrier_` and the code; `name.removeprefix("carrier_")` leaves the code.',
    ),
)


@exercise(
    "2.2e",
    threshold=Number(low=0, high=1),
    hidden=Choice("km/h", "knots"),
    hints=(
        "TFDV raises an anomaly where the drift is greater than the threshold. "
        "Two columns of `wind_drift` bound it, one from each side.",
        "From below: the largest drift in mph. From above: the smallest in km/h. For knots, "
        "compare the same two.",
    ),
    said="The line lies between weather and fault in every month; with the other unit some months as "
    "recorded drift more than some in which nothing but the unit is wrong.",
)
def choose_a_threshold(threshold, hidden, given):
    mph, kmh = given["mph"], given["km/h"]
    if false_alarms := sum(drift > threshold for drift in mph):
        yield f"It rings in {false_alarms} of {len(mph)} months in which nothing is wrong."
    if missed := sum(drift <= threshold for drift in kmh):
        yield f"It sleeps through {missed} of {len(kmh)} months in which the wind arrives in km/h."
    if min(given[hidden]) > max(mph):
        yield ("The threshold holds. But for the unit you name, "
               "does a line not fit above all months as recorded and below all of its own?")
