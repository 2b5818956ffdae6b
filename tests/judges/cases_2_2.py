"""Answers to the exercises of lesson 2.2."""

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from helpers import ROOT, datasets
from helpers.exercises import every

from .harness import Cases, cases

_weather = datasets.weather().drop(columns="time_hour")
_flights = datasets.flights()
_known = _flights.tailnum.isin(datasets.planes().tailnum).groupby(_flights.carrier).mean()


def _contract(**changes):
    """The contract that the lesson agrees on; `changes` maps a feature to a function that edits it."""
    text = (ROOT / "data" / "flights" / "schema" / "weather.v1.pbtxt").read_text()
    schema = text_format.Parse(text, schema_pb2.Schema())
    for feature in schema.feature:
        changes.get(feature.name, lambda feature: None)(feature)
    return schema


def _put(path, value):
    """A function that sets the field at a dotted path."""

    def change(feature):
        *parents, last = path.split(".")
        for parent in parents:
            feature = getattr(feature, parent)
        setattr(feature, last, value)

    return change


def _clear(field):
    return lambda feature: feature.ClearField(field)


def _fixed_shape(feature):
    feature.ClearField("value_count")
    feature.shape.dim.add(size=1)


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
            _contract(),
            _contract(wind_speed=_put("float_domain.max", 253), month=_clear("int_domain")),
            _contract(wind_speed=_put("float_domain.max", 110), temp=_put("presence.min_fraction", 0.9)),
        ],
        wrong={
            "does not read as a schema": "wind_speed: 0 to 160",
            "no longer describes": 'feature { name: "wind_speed" type: FLOAT }',
            "still taken for a boolean": _contract(month=lambda feature: feature.bool_domain.SetInParent()),
            "could be absent from more than a tenth": _contract(temp=_clear("presence")),
            "in more than all hours": _contract(temp=_put("presence.min_fraction", 98)),  # in percent
            "`humid` still has the fixed `shape`": _contract(humid=_fixed_shape),
            "`wind_speed` has no range": _contract(wind_speed=_clear("float_domain")),
            "not `int_domain`": _contract(humid=_put("int_domain.max", 100)),
            "lower limit of `wind_dir`": _contract(wind_dir=_put("float_domain.min", 1)),
            "lower limit of `humid`": _contract(humid=_put("float_domain.min", 30)),
            "There hurricanes begin": _contract(wind_speed=_put("float_domain.max", 74)),
            "limit of `wind_speed` lets values through": _contract(wind_speed=_put("float_domain.max", 1100)),
            "limit of `humid` lets values through": _contract(
                humid=lambda feature: feature.float_domain.ClearField("max")
            ),
            "`wind_speed` is one that real weather": _contract(wind_speed=_put("float_domain.max", 43)),
            "`wind_dir` is one that real weather": _contract(wind_dir=_put("float_domain.max", 359)),
            "`dewp` would raise a false alarm in month 8: more": _contract(
                dewp=_put("presence.min_fraction", 1)
            ),
            "`pressure` would raise a false alarm in month 1: its shape": _contract(pressure=_fixed_shape),
            "`temp` would raise a false alarm in month 5: values": _contract(
                temp=_put("float_domain.max", 90)
            ),
            "`month` would raise a false alarm in month 12": _contract(month=_put("int_domain.max", 11)),
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
            "sleeps through 1 of 3": {
                "threshold": 0.072,
                "hidden": "knots",
            },  # only what is greater is reported
            "sleeps through 3 of 3": {"threshold": 1, "hidden": "knots"},
            "does a line not fit": {"threshold": 0.06, "hidden": "km/h"},
        },
    ),
}
