"""How the exercises of lesson 4.1, Serving a model, are judged."""

from __future__ import annotations

import re
import types
from functools import partial

import numpy as np
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from helpers.exercises.kit import Function, Text, exercise
from helpers.exercises.rules import function
from helpers.exercises.signs import close, follows, listed, number, right_but, some, unless, where
from helpers.flights.examples import CATEGORIES, FEATURES, LABEL

# How the model takes each feature
_TYPES = {
    name: str if name in CATEGORIES else int if name in ("weekday", "day_minute") else float for name in FEATURES
}
_ABSENT = object()


def _flight(**changes):
    """A flight as the desk's system sends it: numbers written either way, gaps as None, more than the model knows."""
    flight = {
        "carrier": "UA", "flight": 1545, "tailnum": "N14228", "origin": "EWR", "dest": "IAH", "distance": 1400,
        "weekday": 1, "day_minute": 315.0, "temp": 39.02, "dewp": 26.06, "humid": 59.37, "wind_dir": 270,
        "wind_speed": 10.35702, "precip": 0.01, "pressure": 1012.0, "visib": 10, "late": 1,
    }
    return flight | changes


def _shown(faults, *given):
    """The reasons whose test holds."""
    return (reason for reason, shown in faults.items() if shown(*given))


_records = listed(lambda item: type(item) is dict)
_OF_A_BODY = {
    "The body is a dict; the text is made of it when it is sent. Your function gives the text already.":
        lambda body, flights: type(body) is str,
    "The body is a dict, which becomes the JSON object; your function gives something else back.":
        lambda body, flights: type(body) is not dict,
    "That is the layout of `:predict`. `:classify` takes its records under another key; look at the request above.":
        lambda body, flights: "instances" in body or "inputs" in body,
    "Your `examples` is laid out by feature, as the columns of `:predict` are. Here every flight is a record of its "
    "own.": lambda body, flights: type(body.get("examples")) is dict,
    "The body needs a list of records, one dict for each flight, in the same order.":
        lambda body, flights: not _records(body.get("examples")) or len(body["examples"]) != len(flights),
}
# By the feature's type, what the flight had, and what the record says
_OF_A_FEATURE = {
    "A gap in `{}` goes out as `null` or `NaN`. The server refuses the one, and the model computes with the other. How "
    "does a record say that a value is unknown?": lambda kind, known, sent: sent is None,
    "`{}` was a gap and you sent a value. An invented measurement looks like a real one to the model.":
        lambda kind, known, sent: known is None,
    "`{}` was zero, and you left it out. Zero is a measurement; only `None` is a gap.":
        lambda kind, known, sent: known == 0 and sent is _ABSENT,
    "`{}` was known, and your record does not have it.": lambda kind, known, sent: sent is _ABSENT,
    "`{}` should arrive as the text it was.": lambda kind, known, sent: kind is str and sent != known,
    "`{}` is a number and goes out as text, which makes a bytes record of it.":
        lambda kind, known, sent: kind is not str and type(sent) is str,
    "`{}` arrives with another value than the flight had.":
        lambda kind, known, sent: kind is not str and not (number(sent) and close(sent, known, rel=1e-9, abs_=1e-12)),
    "`{}` is `DT_INT64` in the signature, and you write it with a decimal point: a float record, which the parser "
    "refuses.": lambda kind, known, sent: kind is int and type(sent) is not int,
    "`{}` is `DT_FLOAT` in the signature, and you write it as a whole number: an int64 record, which the parser "
    "refuses.": lambda kind, known, sent: kind is float and type(sent) is not float,
}
_OF_A_SIGNATURE = {
    "The body does not name the signature, so the server would take "
    "the default one, whose input and output have other names.": lambda body: "signature_name" not in body,
    "The body names another signature than the request above; that one's input and output have other names.":
        lambda body: body["signature_name"] != "classify",
}


def _of_a_record(row, flight):
    if LABEL in row:
        yield (f"The label `{LABEL}` travels along. The model ignores it today, "
               "but what a prediction never has must not be in its request.")
    if extra := sorted(set(row) - set(FEATURES)):
        yield f"`{extra[0]}` is not a feature of the model. Send what the signature asks for, and nothing else."
    for name, kind in _TYPES.items():
        known, sent = flight[name], row.get(name, _ABSENT)
        if type(sent) is list and len(sent) == 1:
            (sent,) = sent
        if known is not None or sent is not _ABSENT:
            yield from (fault.replace("{}", name) for fault in _shown(_OF_A_FEATURE, kind, known, sent))


@exercise(
    "4.1a",
    as_examples=Function([
        ([_flight()],),
        ([_flight(temp=None, pressure=None)],),
        ([_flight(precip=0, weekday=0, wind_speed=0.0),
          _flight(carrier="DL", dest="ATL", distance=762.5, humid=None, late=0)],),
    ]),
    hints=(
        "Start from the model's features, not from the flight's keys: "
        "what the model does not know has no place in the body.",
        "Three types stand in the table of section 2. Convert every value by it: `float(762)` is written `762.0`.",
        "Test a gap with `is not None`. A plain `if value` throws something else away as well.",
    ),
    said="The JSON alone decides the types of a record, so the client writes each "
    "number in the model's type, and a gap is a feature that is not there.",
)
def what_classify_is_sent(as_examples):
    for record in as_examples:
        body, (flights,) = record["output"], record["input"]
        yield from _shown(_OF_A_BODY, body, flights)
        for row, flight in zip(body["examples"], flights, strict=True):
            yield from _of_a_record(row, flight)
        yield from _shown(_OF_A_SIGNATURE, body)


def _told(model):
    """What the entry of a model tells: its policy, the versions that this names, and its labels."""
    policy = model.model_version_policy
    return types.SimpleNamespace(
        model=model, policy=policy.WhichOneof("policy_choice"), served=set(policy.specific.versions),
        labels=dict(model.version_labels),
    )


_OF_A_CONFIG = {
    "Name and base path tell clients and server where the model is. One of yours differs from the task's.":
        lambda it: (it.model.name, it.model.base_path) != ("late", "/models/late"),
    "The entry lacks the platform, and the server refuses a model whose kind it is not told.":
        lambda it: it.model.model_platform != "tensorflow",
    "Nothing is said about versions, so the highest one is served, and the other is not.": lambda it: it.policy is None,
    "`latest` serves these two today. When a higher number comes onto the shelf, it goes live and the oldest goes.":
        lambda it: it.policy == "latest",
    "`all` serves whatever comes onto the shelf, at once.": lambda it: it.policy == "all",
    "One of the two versions is not served, and a label can't point at it.": lambda it: it.served < {1, 2},
    "The policy names a version that was not asked for.": lambda it: it.served != {1, 2},
    "The labels are the wrong way round: everyone would get the new version, and the testers the old one.":
        lambda it: (it.labels.get("stable"), it.labels.get("canary")) == (2, 1),
    "There is no label `stable`, and clients that ask for it get an error.": lambda it: "stable" not in it.labels,
    "There is no label `canary`, and clients that ask for it get an error.": lambda it: "canary" not in it.labels,
    "A label points at another version than it should.":
        lambda it: (it.labels["stable"], it.labels["canary"]) != (1, 2),
    "There is a label that nobody asked for, and clients may come to rely on it.": lambda it: len(it.labels) > 2,
}


@exercise(
    "4.1b",
    config=Text(),
    hints=(
        "Begin with the configuration shown above; name, path and platform stay as they are.",
        "Of the three policies one names its versions. The other two take what they find.",
        "Each label is an entry of its own: `version_labels { key: … value: … }`.",
    ),
    said="The policy names its versions, so nothing that comes onto the shelf "
    "goes live by itself, and the labels say who may ask for which.",
)
def a_configuration_for_a_canary(config):
    try:
        parsed = text_format.Parse(config.encode(), ModelServerConfig())
    except text_format.ParseError as error:
        if re.match(r"\s*config\b", config):
            yield ("A `config` by itself is an entry without its list, or the "
                   "request of `reload`. The file starts as the example does.")
        yield (f"The server can't read it; it stumbles in line {error.GetLine() or 1}. "
               "Compare braces and field names with the example.")
    models = list(parsed.model_config_list.config)
    if len(models) != 1:
        yield "A `model_config_list` holds one `config` for each model, and we have one model."
    yield from _shown(_OF_A_CONFIG, _told(*models))


def _status(*versions):
    """A status body of (version, state, error code) entries, as the server writes it."""
    return {"model_version_status": [
        {"version": str(version), "state": state, "status": {"error_code": code, "error_message": ""}}
        for version, state, code in versions
    ]}


def _states(body):
    return [entry["state"] for entry in body.get("model_version_status", [])]


function(
    "4.1c", "is_ready",
    [
        (_status((1, "AVAILABLE", "OK")),),
        (_status((3, "END", "DATA_LOSS"), (2, "AVAILABLE", "OK")),),
        (_status((1, "END", "OK")),),
        (_status((1, "LOADING", "OK")),),
        (_status((2, "AVAILABLE", "OK"), (1, "END", "OK")),),
        (_status((2, "UNLOADING", "OK"), (1, "END", "OK")),),
        (_status((2, "END", "INVALID_ARGUMENT"), (1, "END", "DATA_LOSS")),),
        ({"error": "Could not find any versions of model late"},),
        (_status(),),
    ],
    odd={
        "For some status your function says neither `True` nor `False`. Does every path `return` one of them?":
            unless(lambda output: type(output) is bool),
    },
    rule=lambda body: "AVAILABLE" in _states(body),
    said="A model is ready as soon as one of its versions is available, whatever became of the others.",
    mistakes={
        "That only asks whether there is an answer. Look at the answer you got while version 3 was broken.":
            lambda body: _states(body) != [],
        "That only asks whether the body is an error. The body can list versions none of which serves.":
            lambda body: "error" not in body,
        "`error_code` is `OK` for a version that was unloaded in good order, and for one that is still loading.":
            lambda body: any(x["status"]["error_code"] == "OK" for x in body.get("model_version_status", [])),
        "You look at the newest version alone. It may have failed while an older one answers.":
            lambda body: _states(body)[:1] == ["AVAILABLE"],
        "You look at the oldest version alone; it may have been unloaded when a newer one took over.":
            lambda body: _states(body)[-1:] == ["AVAILABLE"],
        "You ask that every version be available. The list keeps those that have ended, so after the first update that "
        "would never hold again.": lambda body: set(_states(body)) == {"AVAILABLE"},
        "`all` of an empty list is true, and it asks too much of a list that keeps the ended versions.":
            lambda body: set(_states(body)) <= {"AVAILABLE"},
        "A version that loads or unloads is not at its end, and answers nobody either.":
            lambda body: set(_states(body)) - {"END"} != set(),
        "The answers are turned round.": lambda body: "AVAILABLE" not in _states(body),
    },
    otherwise="For at least one status your answer differs from what a request would "
    "meet. Go through the five states one by one, alone and beside others.",
    hints=(
        "The body lists every version the server has seen since it started, the highest first.",
        "Which of the states START, LOADING, AVAILABLE, UNLOADING, END "
        "can answer a request? How many versions have to be in it?",
        "A model that the server does not know has a body without `model_version_status`; `dict.get` takes a default.",
    ),
)

_EVEN = [round(0.02 + 0.032 * i, 4) for i in range(31)]  # spread evenly around one half
_LOW = [round(0.05 + 0.4 * (i / 30) ** 2, 4) for i in range(31)]  # mostly small, as chances of lateness are
_NAN = float("nan")


def _each(change, chances=_LOW):
    return [round(change(p), 4) for p in chances]


def _ranks(values):
    return np.argsort(np.argsort(values)).astype(float)


def _pearson(a, b):
    return np.corrcoef(a, b)[0, 1]


def _spearman(a, b):
    return _pearson(_ranks(a), _ranks(b))


def _reasons(
    stable, candidate, *, valid=lambda c: ((c >= 0) & (c <= 1)).all(), alone=True, distance=abs, correlate=_spearman,
    told=("level", "order"),
):
    """The right rule; the keywords let a common mistake take the place of a check."""
    stable, candidate = np.array(stable, float), np.array(candidate, float)
    invalid = [] if valid(candidate) else ["invalid"]
    if invalid and alone:
        return invalid
    there = ~np.isnan(candidate)
    constant = len(set(candidate[there])) == 1
    found = ["level"] * bool(distance(np.nanmean(candidate) - stable.mean()) > 0.1)
    found += ["order"] * (constant or not correlate(stable[there], candidate[there]) >= 0.9)
    return invalid + [name for name in found if name in told or len(found) == 1]


def _on_the_constant(names):
    """A rule: right but for a candidate that says the same of every flight."""
    return lambda stable, candidate: names if len(set(candidate)) == 1 else _reasons(stable, candidate)


def _varied(stable, candidate):
    return len(set(candidate)) > 1


def _slip(**change):
    """A sign: the rule with this change is followed but for the constant candidate, which is a slip of its own."""
    return follows(partial(_reasons, **change), on=_varied)


function(
    "4.1d", "reasons_to_hold",
    # short ones, to be shown where they fail
    [([0.1, 0.2, 0.3, 0.4, 0.5], candidate) for candidate in (
        [0.5, 0.4, 0.3, 0.2, 0.1], [0.3, 0.4, 0.5, 0.6, 0.7], [0.02, 0.04, 0.06, 0.08, 0.1],
        [0.1, 0.2, 0.3, 0.4, _NAN], [0.1, 0.2, 0.3, 0.4, 1.2],
    )] + [(_EVEN, candidate) for candidate in (
        _each(lambda p: 1 - p, _EVEN), [*_each(lambda p: 1 - p, _EVEN[:-1]), _NAN],
        [_EVEN[(7 * i) % 31] for i in range(31)],
    )] + [(_LOW, candidate) for candidate in (
        _LOW, _each(lambda p: 1 - p), _each(lambda p: p * 0.85), _each(lambda p: p * 0.2), _each(lambda p: p + 0.3),
        _each(lambda p: p + 0.13), [*_LOW[:-1], _NAN], [*_LOW[:-1], 1.2], [-0.01, *_LOW[1:]],
        # neighbours exchanged, nearly the same order
        [_LOW[i ^ 1] if i < 30 else _LOW[i] for i in range(31)],
        # the same order, far from a straight line
        [*(round(0.16 + 0.0002 * i, 4) for i in range(30)), 0.95],
        # the same of every flight, at nearly the old mean: no rank correlation
        [0.19] * 31,
    )],
    odd={
        "The gate gives back a set of names, and an empty set for a candidate that may pass.":
            unless(listed(lambda name: type(name) is str)),
        "Your gate gives a name that is none of the three; they are written in small letters.":
            some(lambda output: set(output) - {"invalid", "level", "order"}),
    },
    read=set,
    rule=_reasons,
    said="The gate needs no labels: it compares what the candidate says "
    "with what is said today, in validity, level and order.",
    mistakes={
        "A candidate that says the same of every flight passes. It has no rank correlation, and every comparison with "
        "`nan` is false: ask whether the candidate is good enough, not whether it is too bad.": _on_the_constant([]),
        "A candidate that says the same of every flight, at the old mean, breaks one of the three rules, and you name "
        "another.": right_but(lambda right: _on_the_constant(["level"]), on=_varied),
        "A chance that is not a number, or outside 0 to 1, passes your gate.": _slip(valid=lambda c: True),
        "A value that is not a number passes: it is neither below 0 "
        "nor above 1, because every comparison with it is false.": _slip(valid=lambda c: not ((c < 0) | (c > 1)).any()),
        "Values outside 0 to 1 pass your gate; only gaps are caught.": _slip(valid=lambda c: not np.isnan(c).any()),
        "A candidate that says much *less* than before passes: the difference has a sign.": _slip(distance=lambda d: d),
        "A candidate that says much *more* than before passes: the difference has a sign.":
            _slip(distance=lambda d: -d),
        "That is Pearson's correlation. It blames a candidate that keeps the ranking and bends the line.":
            _slip(correlate=_pearson),
        "A candidate that ranks everything backwards passes: a correlation near −1 is as strong, and the opposite.":
            _slip(correlate=lambda a, b: abs(_spearman(a, b))),
        "You never compare the rankings, so an inverted model with the same mean passes.":
            _slip(correlate=lambda a, b: 1),
        "You never compare the means, so a candidate that says half of everything passes.": _slip(distance=lambda d: 0),
        "When a chance is no chance the other two checks mean nothing; they should not be named.": _slip(alone=False),
        "Where level and order both fail, you name the level alone. The set holds every reason that applies.":
            _slip(told=["level"]),
        "Where level and order both fail, you name the order alone. The set holds every reason that applies.":
            _slip(told=["order"]),
        "Your gate holds back a candidate that says exactly what the stable version says.":
            where(lambda output, stable, candidate: output and stable == candidate),
    },
    otherwise="For some pair the names differ from the three rules. Try the "
    "rules one at a time, on pairs that break only one of them.",
    hints=(
        "Begin with `invalid`, and return at once if it applies. What does `nan < 0` say, what `nan > 1`?",
        "Means may differ in either direction.",
        '`pandas.Series.corr` takes `method="spearman"`. An inverted model has a rank correlation near −1, not near 0; '
        "a model that says the same of every flight has `nan`.",
    ),
)
