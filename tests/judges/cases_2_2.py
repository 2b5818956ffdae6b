"""Answers to the exercises of lesson 2.2."""

import re

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from helpers import ROOT, datasets
from helpers.exercises import every

from .harness import Cases, cases

_weather = datasets.weather().drop(columns="time_hour")
_flights = datasets.flights()
_known = _flights.tailnum.isin(datasets.planes().tailnum).groupby(_flights.carrier).mean()

AGREED = (ROOT / "data" / "flights" / "schema" / "weather.v1.pbtxt").read_text()
FIXED = "shape {dim {size: 1}}"


def _contract(feature, old, new):
    """The contract that the lesson agrees on, with a text (a pattern) replaced in one feature."""
    before, name, after = AGREED.partition(f'name: "{feature}"\n')
    return before + name + re.sub(old, new, after, count=1, flags=re.DOTALL)


DECISIONS = next(answer["decisions"] for _, answer in every()["2.2c"].examples())

CASES = {
    "2.2a": cases(
        "by_chance",
        right=[_weather.columns[_weather.isna().any() & ~_weather[_weather.month == 1].isna().any()]],
        wrong={
            "describe no feature `time_hour`": {"temp", "dewp", "humid", "wind_speed", "time_hour"},
            "`pressure`: January itself": _weather.columns[_weather.isna().any()],
            "`day`: no hour": _weather.columns[~_weather[_weather.month == 1].isna().any()],
        },
    ),
    "2.2b": cases(
        "weather_contract",
        right=[
            text_format.Parse(AGREED, schema_pb2.Schema()),
            _contract("wind_speed", "max: 160.0", "max: 253.0"),
            _contract("wind_speed", "max: 160.0", "max: 110.0"),
            _contract("temp", "0.98", "0.9"),
            _contract("month", "int_domain {.*?}", ""),
        ],
        wrong={
            "does not read as a schema": "wind_speed: 0 to 160",
            "`temp` is described as INT": _contract("temp", "type: FLOAT", "type: INT"),
            "`humid` has a `lifecycle_stage`": _contract(
                "humid", "type: FLOAT", "type: FLOAT lifecycle_stage: DEPRECATED"
            ),
            "`dewp` must come `min_count` times": _contract("dewp", "min_count: 1", "min_count: 8760"),
            "`temp` has one value an hour": _contract(
                "temp", "value_count {.*?}", "value_count {min: 2 max: 2}"
            ),
            "no longer describes": 'feature { name: "wind_speed" type: FLOAT }',
            "still taken for a boolean": _contract("month", "int_domain {.*?}", "bool_domain {}"),
            "could be absent from more than a tenth": _contract("temp", "min_fraction: 0.98", ""),
            "in more than all hours": _contract("temp", "0.98", "98"),
            "`humid` still has the fixed `shape`": _contract("humid", "value_count {.*?}", FIXED),
            "`wind_speed` has no range": _contract("wind_speed", "float_domain {.*?}", ""),
            "not `int_domain`": _contract("humid", "float_domain {.*?}", "int_domain {max: 100}"),
            "lower limit of `wind_dir`": _contract("wind_dir", "min: 0.0", "min: 1.0"),
            "lower limit of `humid`": _contract("humid", "min: 0.0", "min: 30.0"),
            "There hurricanes begin": _contract("wind_speed", "max: 160.0", "max: 74.0"),
            "limit of `wind_speed` lets values through": _contract("wind_speed", "max: 160.0", "max: 1100.0"),
            "limit of `humid` lets values through": _contract("humid", "max: 100.0", ""),
            "`wind_speed` is one that real weather": _contract("wind_speed", "max: 160.0", "max: 43.0"),
            "`wind_dir` is one that real weather": _contract("wind_dir", "max: 360.0", "max: 359.0"),
            "in month 8: more values": _contract("dewp", "0.98", "1.0"),
            "in month 1: its shape": _contract("pressure", "value_count {.*?}", FIXED),
            "in month 5: values": _contract("temp", "max: 120.0", "max: 90.0"),
            "in month 12: values": _contract("month", "max: 12", "max: 11"),
        },
    ),
    "2.2c": cases(
        "decisions",
        right=[
            {case: f" {word.title()} " for case, word in reversed(DECISIONS.items())},
            {case: word.replace(" ", " the ") for case, word in DECISIONS.items()},
        ],
        wrong={"“wind_speed: 1048 mph” has neither": DECISIONS | {"wind_speed: 1048 mph": "ignore"}},
    ),
    "2.2d": cases(
        "blind",
        right=[_known.index[_known < 0.5]],
        wrong={
            "No carrier has the code `American": {"Envoy Air", "American Airlines Inc."},
            "every carrier": _known.index,
            "the wrong way round": _known.index[_known >= 0.5],
            "`9E`: gaps there are": {"AA", "MQ", "9E", "FL"},
        },
    ),
    "2.2e": Cases(
        given={"mph": [0.035, 0.033, 0.049], "km/h": [0.157, 0.089, 0.072], "knots": [0.031, 0.077, 0.015]},
        right=[{"threshold": 0.06, "hidden": "knots"}, {"threshold": 0.049, "hidden": "Knots"}],
        wrong={
            "rings in 2 of 3": {"threshold": 0.034, "hidden": "knots"},
            "rings in 3 of 3": {"threshold": 0, "hidden": "knots"},
            "rings in 1 of 3": {"threshold": 0.04, "hidden": "km/h"},
            # Only what is greater is reported
            "sleeps through 1 of 3": {"threshold": 0.072, "hidden": "knots"},
            "sleeps through 3 of 3": {"threshold": 1, "hidden": "knots"},
            "does a line not fit": {"threshold": 0.06, "hidden": "km/h"},
        },
    ),
}
