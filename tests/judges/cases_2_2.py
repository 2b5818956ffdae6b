"""Right and wrong answers to the exercises of lesson 2.2."""

from tensorflow_metadata.proto.v0 import schema_pb2

from .harness import Cases

CASES = {}

# ------------------------------------------------------------------------------------ 2.2 Validating data with TFDV

CASES["2.2a"] = Cases(
    right=[
        {"by_chance": {"temp", "dewp", "humid", "wind_speed"}},
        {"by_chance": ["wind_speed", "humid", "dewp", "temp", "temp"]},
    ],
    wrong={
        "An empty answer": {"by_chance": set()},
        "describe no feature `time_hour`": {
            "by_chance": {"temp", "dewp", "humid", "wind_speed", "time_hour"}
        },
        "`pressure`, `wind_dir`, `wind_gust`: January itself": {
            "by_chance": {"temp", "dewp", "humid", "wind_speed", "wind_dir", "wind_gust", "pressure"}
        },
        "`precip`, `visib`: no hour of the year": {
            "by_chance": {"temp", "dewp", "humid", "wind_speed", "precip", "visib"}
        },
        "it is not all": {"by_chance": {"wind_speed"}},
        "`day`, `hour`, `month`, `origin`, `precip`, `visib`, `year`: no hour": {  # all that is required
            "by_chance": [
                *("origin", "year", "month", "day", "hour"),
                *("temp", "dewp", "humid", "wind_speed", "precip", "visib"),
            ]
        },
        "describe no feature `wind`": {"by_chance": {"temp", "dewp", "humid", "wind"}},
    },
)


def weather_schema(**changes):
    """The solution of 2.2b on what TFDV infers from January; `changes` maps a feature to a function that edits it."""
    schema = schema_pb2.Schema()
    schema.feature.add(name="origin", type="BYTES", domain="origin")
    schema.string_domain.add(name="origin", value=["EWR", "JFK", "LGA"])
    for name in ["year", "month", "day", "hour"]:
        schema.feature.add(name=name, type="INT")
    for name in [
        "temp",
        "dewp",
        "humid",
        "wind_dir",
        "wind_speed",
        "wind_gust",
        "precip",
        "pressure",
        "visib",
    ]:
        schema.feature.add(name=name, type="FLOAT")
    for feature in schema.feature:
        feature.presence.min_count = 1
        if feature.name in ("wind_dir", "wind_gust", "pressure"):
            feature.value_count.min = feature.value_count.max = 1
        else:
            feature.presence.min_fraction = 1
            feature.shape.dim.add(size=1)
        if feature.name in ("temp", "dewp", "humid", "wind_speed"):
            feature.presence.min_fraction = 0.98
            feature.value_count.min = feature.value_count.max = 1
        if feature.name == "month":
            feature.int_domain.min, feature.int_domain.max = 1, 12
        if feature.name in (high := {"humid": 100, "wind_dir": 360, "wind_speed": 160}):
            feature.float_domain.min, feature.float_domain.max = 0, high[feature.name]
        if feature.name in changes:
            changes[feature.name](feature)
    return {"weather_contract": schema}


def put(path, value):
    """A function that sets the field at a dotted path."""

    def change(feature):
        *parents, last = path.split(".")
        for parent in parents:
            feature = getattr(feature, parent)
        setattr(feature, last, value)

    return change


def clear(field):
    return lambda feature: feature.ClearField(field)


def fixed_shape(feature):
    feature.ClearField("value_count")
    feature.shape.dim.add(size=1)


CASES["2.2b"] = Cases(
    right=[
        weather_schema(),
        weather_schema(
            wind_speed=put("float_domain.max", 253),
            month=clear("int_domain"),
            temp=put("presence.min_fraction", 0.9),
        ),
        weather_schema(wind_speed=put("float_domain.max", 110), pressure=put("presence.min_fraction", 0.8)),
    ],
    wrong={
        "does not read as a schema": {"weather_contract": "wind_speed: 0 to 160"},
        "no longer describes": {"weather_contract": 'feature { name: "wind_speed" type: FLOAT }'},
        "still taken for a boolean": weather_schema(month=lambda feature: feature.bool_domain.SetInParent()),
        "could be absent from more than a tenth": weather_schema(temp=clear("presence")),
        "`temp` is to be present in more than all hours": weather_schema(
            temp=put("presence.min_fraction", 98)  # in percent
        ),
        "`humid` still has the fixed `shape`": weather_schema(humid=fixed_shape),
        "`wind_speed` has no range": weather_schema(wind_speed=clear("float_domain")),
        "not `int_domain`": weather_schema(humid=put("int_domain.max", 100)),
        "lower limit of `wind_dir`": weather_schema(wind_dir=put("float_domain.min", 1)),
        "lower limit of `humid`": weather_schema(humid=put("float_domain.min", 30)),
        "There hurricanes begin": weather_schema(wind_speed=put("float_domain.max", 74)),
        "limit of `wind_speed` lets values through": weather_schema(wind_speed=put("float_domain.max", 1100)),
        "limit of `humid` lets values through": weather_schema(
            humid=lambda feature: feature.float_domain.ClearField("max")
        ),
        "limit of `wind_speed` is one that real weather can exceed": weather_schema(
            wind_speed=put("float_domain.max", 43)
        ),
        "limit of `wind_dir` is one that real weather": weather_schema(wind_dir=put("float_domain.max", 359)),
        "`dewp` would raise a false alarm in month 8: more values": weather_schema(
            dewp=put("presence.min_fraction", 1)
        ),
        "`pressure` would raise a false alarm in month 1: its shape": weather_schema(pressure=fixed_shape),
        "`temp` would raise a false alarm in month 5: values": weather_schema(
            temp=put("float_domain.max", 90)
        ),
        "`month` would raise a false alarm in month 12": weather_schema(month=put("int_domain.max", 11)),
    },
)

DECISIONS = {
    "month: values other than 0 and 1": "change schema",
    "dest: BGR and CHO in March": "change schema",
    "distance: 17 miles, EWR to LGA": "fix data",
    "wind_speed: 1048 mph": "fix data",
    "wind_speed: missing in 1 hour of March": "change schema",
    "dep_delay: found in serving data": "fix data",
}


def but(case, decision):
    return {"decisions": DECISIONS | {case: decision}}


CASES["2.2c"] = Cases(
    right=[
        {"decisions": DECISIONS},
        {"decisions": {case: f" {word.title()} " for case, word in reversed(DECISIONS.items())}},
        {"decisions": {case: word.replace(" ", " the ") for case, word in DECISIONS.items()}},
    ],
    wrong={
        "Which calendar": but("month: values other than 0 and 1", "fix data"),
        "Bangor": but("dest: BGR and CHO in March", "fix data"),
        "across the city": but("distance: 17 miles, EWR to LGA", "change schema"),
        "what could the range of the wind still refuse": but("wind_speed: 1048 mph", "change schema"),
        "silent for an hour": but("wind_speed: missing in 1 hour of March", "fix data"),
        "what it can't have when it is asked": but("dep_delay: found in serving data", "change schema"),
        "“wind_speed: 1048 mph” has neither": but("wind_speed: 1048 mph", "ignore"),
        "“distance: 17 miles, EWR to LGA” has neither": but("distance: 17 miles, EWR to LGA", "drop the row"),
    },
)

CASES["2.2d"] = Cases(
    right=[{"blind": {"MQ", "AA"}}, {"blind": ["MQ", "AA", "MQ"]}],
    wrong={
        "None at all": {"blind": []},
        "names of slices": {"blind": {"carrier_MQ", "carrier_AA"}},
        "No carrier has the code `ZZ`": {"blind": {"MQ", "AA", "ZZ"}},
        "every carrier": {
            "blind": {
                "9E",
                "AA",
                "AS",
                "B6",
                "DL",
                "EV",
                "F9",
                "FL",
                "HA",
                "MQ",
                "OO",
                "UA",
                "US",
                "VX",
                "WN",
                "YV",
            }
        },
        "the wrong way round": {
            "blind": {"9E", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "OO", "UA", "US", "VX", "WN", "YV"}
        },
        "`9E`, `FL`: gaps there are": {"blind": {"AA", "MQ", "9E", "FL"}},
        "`US`: gaps there are": {"blind": {"AA", "MQ", "US"}},
        "No carrier has the code `American Airlines Inc.`, `Envoy Air`": {
            "blind": {"Envoy Air", "American Airlines Inc."}
        },
        "another slice is as dark": {"blind": {"MQ"}},
    },
)

DRIFT = {"mph": [0.035, 0.033, 0.049], "km/h": [0.157, 0.089, 0.072], "knots": [0.031, 0.077, 0.015]}
CASES["2.2e"] = Cases(
    given=DRIFT,
    right=[{"threshold": 0.06, "hidden": "knots"}, {"threshold": 0.049, "hidden": "Knots"}],
    wrong={
        "rings in 2 of 3": {"threshold": 0.034, "hidden": "knots"},
        "rings in 3 of 3": {"threshold": 0, "hidden": "knots"},
        "rings in 1 of 3": {"threshold": 0.04, "hidden": "km/h"},
        "sleeps through 1 of 3": {"threshold": 0.072, "hidden": "knots"},  # only what is greater is reported
        "sleeps through 2 of 3": {"threshold": 0.1, "hidden": "knots"},
        "sleeps through 3 of 3": {"threshold": 1, "hidden": "knots"},
        "does a line not fit": {"threshold": 0.06, "hidden": "km/h"},
    },
)
