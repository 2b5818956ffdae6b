"""Judges of lesson 4.1, Serving a model."""

from __future__ import annotations

import math
import re

import numpy as np
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from helpers.exercises.kit import Function, Text, exercise, right, wrong
from helpers.flights.examples import CATEGORIES, FEATURES, LABEL

_WHOLE = {"weekday", "day_minute"}  # the features that the model takes as int64; the other numbers are floats


def _flight(**changes):
    """A flight as the desk's system sends it: numbers written either way, gaps as None, and more than the model knows."""
    flight = {
        "carrier": "UA",
        "flight": 1545,
        "tailnum": "N14228",
        "origin": "EWR",
        "dest": "IAH",
        "distance": 1400,
        "weekday": 1,
        "day_minute": 315.0,
        "temp": 39.02,
        "dewp": 26.06,
        "humid": 59.37,
        "wind_dir": 270,
        "wind_speed": 10.35702,
        "precip": 0.01,
        "pressure": 1012.0,
        "visib": 10,
        "late": 1,
    }
    return flight | changes


_DESK = [
    ([_flight()],),
    ([_flight(temp=None, pressure=None)],),
    (
        [
            _flight(precip=0, weekday=0, wind_speed=0.0),
            _flight(carrier="DL", dest="ATL", distance=762.5, humid=None, late=0),
        ],
    ),
]


@exercise(
    "4.1a",
    as_examples=Function(_DESK),
    hints=(
        "Start from the model's features, not from the flight's keys: what the model does not know has no place in the body.",
        "Three types stand in the table of section 2. Convert every value by it: `float(762)` is written `762.0`.",
        "Test a gap with `is not None`. A plain `if value` throws something else away as well.",
    ),
)
def what_classify_is_sent(as_examples):
    for record in as_examples:
        reason = _body_fault(record["output"], record["input"][0])
        if reason:
            return wrong(reason)
    return right(
        "The JSON alone decides the types of a record, so the client writes each number in the model's type, and a gap "
        "is a feature that is not there."
    )


def _body_fault(body, flights):
    if type(body) is str:
        return "The body is a dict; the text is made of it when it is sent. Your function gives the text already."
    if type(body) is not dict:
        return "The body is a dict, which becomes the JSON object; your function gives something else back."
    if "instances" in body or "inputs" in body:
        return "That is the layout of `:predict`. `:classify` takes its records under another key; look at the request above."
    rows = body.get("examples")
    if type(rows) is dict:
        return "Your `examples` is laid out by feature, as the columns of `:predict` are. Here every flight is a record of its own."
    if type(rows) is not list or len(rows) != len(flights) or any(type(row) is not dict for row in rows):
        return "The body needs a list of records, one dict for each flight, in the same order."
    for row, flight in zip(rows, flights, strict=True):
        reason = _record_fault(row, flight)
        if reason:
            return reason
    if "signature_name" in body and body["signature_name"] != "classify":
        return "The body names another signature than the request above; that one's input and output have other names."
    if "signature_name" not in body:
        return (
            "The body does not name the signature, so the server would take the default one, whose input and output have "
            "other names."
        )
    return None


def _record_fault(row, flight):
    row = {
        name: value[0] if type(value) is list and len(value) == 1 else value for name, value in row.items()
    }
    if LABEL in row:
        return f"The label `{LABEL}` travels along. The model ignores it today, but what a prediction never has must not be in its request."
    if extra := sorted(set(row) - set(FEATURES)):
        return (
            f"`{extra[0]}` is not a feature of the model. Send what the signature asks for, and nothing else."
        )
    for name in FEATURES:
        known = flight[name]
        if name in row and row[name] is None:
            return f"A gap in `{name}` goes out as `null` or `NaN`. The server refuses the one, and the model computes with the other. How does a record say that a value is unknown?"
        if known is None and name in row:
            return f"`{name}` was a gap and you sent a value. An invented measurement looks like a real one to the model."
        if known is None:
            continue
        if name not in row:
            return (
                f"`{name}` was zero, and you left it out. Zero is a measurement; only `None` is a gap."
                if known == 0
                else f"`{name}` was known, and your record does not have it."
            )
        if reason := _value_fault(name, row[name], known):
            return reason
    return None


def _value_fault(name, value, known):
    if name in CATEGORIES:
        return None if value == known else f"`{name}` should arrive as the text it was."
    if type(value) is str:
        return f"`{name}` is a number and goes out as text, which makes a bytes record of it."
    if type(value) not in (int, float) or not math.isclose(value, known, rel_tol=1e-9, abs_tol=1e-12):
        return f"`{name}` arrives with another value than the flight had."
    if name in _WHOLE and type(value) is not int:
        return f"`{name}` is `DT_INT64` in the signature, and you write it with a decimal point: a float record, which the parser refuses."
    if name not in _WHOLE and type(value) is not float:
        return f"`{name}` is `DT_FLOAT` in the signature, and you write it as a whole number: an int64 record, which the parser refuses."
    return None


@exercise(
    "4.1b",
    config=Text(),
    hints=(
        "Begin with the configuration shown above; name, path and platform stay as they are.",
        "Of the three policies one names its versions. The other two take what they find.",
        "Each label is an entry of its own: `version_labels { key: … value: … }`.",
    ),
)
def a_configuration_for_a_canary(config):
    try:
        parsed = text_format.Parse(config.encode(), ModelServerConfig())
    except UnicodeEncodeError:
        return wrong("The text holds characters that no file can hold. Write it anew, in plain letters.")
    except text_format.ParseError as error:
        if re.match(r"\s*config\b", config):
            return wrong(
                "A `config` by itself is an entry without its list, or the request of `reload`. The file starts as the example does."
            )
        return wrong(
            f"The server can't read it; it stumbles in line {error.GetLine() or 1}. Compare braces and field names with the example."
        )
    models = list(parsed.model_config_list.config)
    if len(models) != 1:
        return wrong("A `model_config_list` holds one `config` for each model, and we have one model.")
    model = models[0]
    if (model.name, model.base_path) != ("late", "/models/late"):
        return wrong(
            "Name and base path tell clients and server where the model is. One of yours differs from the task's."
        )
    if model.model_platform != "tensorflow":
        return wrong(
            "The entry lacks the platform, and the server refuses a model whose kind it is not told."
        )
    return (
        _policy_fault(model.model_version_policy)
        or _labels_fault(model.version_labels)
        or right(
            "The policy names its versions, so nothing that comes onto the shelf goes live by itself, and the labels say who may ask for which."
        )
    )


def _policy_fault(policy):
    choice = policy.WhichOneof("policy_choice")
    if choice is None:
        return wrong("Nothing is said about versions, so the highest one is served, and the other is not.")
    if choice == "latest":
        return wrong(
            "`latest` serves these two today. When a higher number comes onto the shelf, it goes live and the oldest goes."
        )
    if choice == "all":
        return wrong("`all` serves whatever comes onto the shelf, at once.")
    served = set(policy.specific.versions)
    if served == {1, 2}:
        return None
    return wrong(
        "One of the two versions is not served, and a label can't point at it."
        if served < {1, 2}
        else "The policy names a version that was not asked for."
    )


def _labels_fault(labels):
    if (labels.get("stable"), labels.get("canary")) == (2, 1):
        return wrong(
            "The labels are the wrong way round: everyone would get the new version, and the testers the old one."
        )
    for label in ("stable", "canary"):
        if label not in labels:
            return wrong(f"There is no label `{label}`, and clients that ask for it get an error.")
    if (labels["stable"], labels["canary"]) != (1, 2):
        return wrong("A label points at another version than it should.")
    if len(labels) > 2:
        return wrong("There is a label that nobody asked for, and clients may come to rely on it.")
    return None


def _status(*versions):
    """A status body of (version, state, error code) entries, as the server writes it."""
    return {
        "model_version_status": [
            {"version": str(version), "state": state, "status": {"error_code": code, "error_message": ""}}
            for version, state, code in versions
        ]
    }


_STATUSES = [
    (_status((1, "AVAILABLE", "OK")), True),
    (_status((3, "END", "DATA_LOSS"), (2, "AVAILABLE", "OK")), True),
    (_status((1, "END", "OK")), False),
    (_status((1, "LOADING", "OK")), False),
    (_status((2, "AVAILABLE", "OK"), (1, "END", "OK")), True),
    (_status((2, "UNLOADING", "OK"), (1, "END", "OK")), False),
    (_status((2, "END", "INVALID_ARGUMENT"), (1, "END", "DATA_LOSS")), False),
    ({"error": "Could not find any versions of model late"}, False),
    (_status(), False),
]


def _entries(body):
    return body.get("model_version_status", [])


_READY_MISTAKES = {
    "That only asks whether there is an answer. Look at the answer you got while version 3 was broken.": lambda body: (
        bool(_entries(body))
    ),
    "That only asks whether the body is an error. The body can list versions none of which serves.": lambda body: (
        "error" not in body
    ),
    "`error_code` is `OK` for a version that was unloaded in good order, and for one that is still loading.": lambda body: (
        any(entry["status"]["error_code"] == "OK" for entry in _entries(body))
    ),
    "You look at the newest version alone. It may have failed while an older one answers.": lambda body: (
        bool(_entries(body)) and _entries(body)[0]["state"] == "AVAILABLE"
    ),
    "You look at the oldest version alone; it may have been unloaded when a newer one took over.": lambda body: (
        bool(_entries(body)) and _entries(body)[-1]["state"] == "AVAILABLE"
    ),
    "You ask that every version be available. The list keeps those that have ended, so after the first update that would never hold again.": lambda body: (
        bool(_entries(body)) and all(entry["state"] == "AVAILABLE" for entry in _entries(body))
    ),
    "`all` of an empty list is true, and it asks too much of a list that keeps the ended versions.": lambda body: (
        all(entry["state"] == "AVAILABLE" for entry in _entries(body))
    ),
    "A version that loads or unloads is not at its end, and answers nobody either.": lambda body: any(
        entry["state"] != "END" for entry in _entries(body)
    ),
    "The answers are turned round.": lambda body: (
        not any(entry["state"] == "AVAILABLE" for entry in _entries(body))
    ),
}


@exercise(
    "4.1c",
    is_ready=Function([(body,) for body, _ready in _STATUSES]),
    hints=(
        "The body lists every version the server has seen since it started, the highest first.",
        "Which of the states START, LOADING, AVAILABLE, UNLOADING, END can answer a request? How many versions have to be in it?",
        "A model that the server does not know has a body without `model_version_status`; `dict.get` takes a default.",
    ),
)
def when_a_model_is_ready(is_ready):
    answers = [record["output"] for record in is_ready]
    if any(type(answer) is not bool for answer in answers):
        return wrong(
            "For some status your function says neither `True` nor `False`. Does every path `return` one of them?"
        )
    if answers == [ready for _body, ready in _STATUSES]:
        return right(
            "A model is ready as soon as one of its versions is available, whatever became of the others."
        )
    for reason, mistake in _READY_MISTAKES.items():
        if answers == [mistake(body) for body, _ready in _STATUSES]:
            return wrong(reason)
    return wrong(
        "For at least one status your answer differs from what a request would meet. Go through the five states one by one, "
        "alone and beside others."
    )


_EVEN = [round(0.02 + 0.032 * i, 4) for i in range(31)]  # spread evenly around one half
_LOW = [round(0.05 + 0.4 * (i / 30) ** 2, 4) for i in range(31)]  # mostly small, as chances of lateness are
_SWAPPED = [
    _LOW[i ^ 1] if i < 30 else _LOW[i] for i in range(31)
]  # neighbours exchanged: nearly the same order
_MIXED = [_EVEN[(7 * i) % 31] for i in range(31)]
_STEEP = [round(0.16 + 0.0002 * i, 4) for i in range(30)] + [0.95]  # the same order, far from a straight line

_PAIRS = [
    (_LOW, _LOW),
    (_LOW, [round(p * 0.85, 4) for p in _LOW]),
    (_LOW, _SWAPPED),
    (_LOW, _STEEP),
    (_EVEN, [round(1 - p, 4) for p in _EVEN]),
    (_EVEN, _MIXED),
    (_LOW, [round(1 - p, 4) for p in _LOW]),
    (_LOW, [round(p * 0.2, 4) for p in _LOW]),
    (_LOW, [round(p + 0.3, 4) for p in _LOW]),
    (_LOW, [round(p + 0.13, 4) for p in _LOW]),
    (_LOW, [*_LOW[:-1], float("nan")]),
    (_LOW, [*_LOW[:-1], 1.2]),
    (_LOW, [-0.01, *_LOW[1:]]),
    (_EVEN, [*[round(1 - p, 4) for p in _EVEN[:-1]], float("nan")]),
    (_LOW, [0.19] * 31),  # the same of every flight, at nearly the old mean: no rank correlation
]


def _ranks(values):
    return np.argsort(np.argsort(values)).astype(float)


def _held(
    stable,
    candidate,
    *,
    correlate=lambda a, b: np.corrcoef(_ranks(a), _ranks(b))[0, 1],
    distance=abs,
    valid=lambda c: bool(((c >= 0) & (c <= 1)).all()),
    alone=True,
    told=frozenset({"level", "order"}),
):
    """The reasons for one pair; the keywords let a common mistake take the place of a check."""
    stable, candidate = np.array(stable), np.array(candidate)
    reasons = set() if valid(candidate) else {"invalid"}
    if reasons and alone:
        return reasons
    reasons |= {"level"} if distance(float(np.nanmean(candidate) - np.nanmean(stable))) > 0.1 else set()
    both = ~np.isnan(candidate)
    told_apart = len(set(candidate[both])) > 1
    ordered = told_apart and correlate(stable[both], candidate[both]) >= 0.9
    reasons |= set() if ordered else {"order"}
    return reasons & told if {"level", "order"} <= reasons else reasons


_GATE_MISTAKES = {
    "A chance that is not a number, or outside 0 to 1, passes your gate.": {"valid": lambda c: True},
    "A value that is not a number passes: it is neither below 0 nor above 1, because every comparison with it is false.": {
        "valid": lambda c: not bool(((c < 0) | (c > 1)).any())
    },
    "Values outside 0 to 1 pass your gate; only gaps are caught.": {"valid": lambda c: not np.isnan(c).any()},
    "A candidate that says much *less* than before passes: the difference has a sign.": {
        "distance": lambda d: d
    },
    "A candidate that says much *more* than before passes: the difference has a sign.": {
        "distance": lambda d: -d
    },
    "That is Pearson's correlation. It blames a candidate that keeps the ranking and bends the line.": {
        "correlate": lambda a, b: np.corrcoef(a, b)[0, 1]
    },
    "A candidate that ranks everything backwards passes: a correlation near −1 is as strong, and the opposite.": {
        "correlate": lambda a, b: abs(np.corrcoef(_ranks(a), _ranks(b))[0, 1])
    },
    "You never compare the rankings, so an inverted model with the same mean passes.": {
        "correlate": lambda a, b: 1.0
    },
    "You never compare the means, so a candidate that says half of everything passes.": {
        "distance": lambda d: 0.0
    },
    "When a chance is no chance the other two checks mean nothing; they should not be named.": {
        "alone": False
    },
    "Where level and order both fail, you name the level alone. The set holds every reason that applies.": {
        "told": {"level"}
    },
    "Where level and order both fail, you name the order alone. The set holds every reason that applies.": {
        "told": {"order"}
    },
}


@exercise(
    "4.1d",
    reasons_to_hold=Function(_PAIRS),
    hints=(
        "Begin with `invalid`, and return at once if it applies. What does `nan < 0` say, what `nan > 1`?",
        "Means may differ in either direction.",
        '`pandas.Series.corr` takes `method="spearman"`. An inverted model has a rank correlation near −1, not near 0; a '
        "model that says the same of every flight has `nan`.",
    ),
)
def a_gate_before_the_label_moves(reasons_to_hold):
    answers = [record["output"] for record in reasons_to_hold]
    if any(type(answer) is not list or any(type(name) is not str for name in answer) for answer in answers):
        return wrong("The gate gives back a set of names, and an empty set for a candidate that may pass.")
    answers = [set(answer) for answer in answers]
    if set().union(*answers) - {"invalid", "level", "order"}:
        return wrong("Your gate gives a name that is none of the three; they are written in small letters.")
    *varied, constant = answers  # the candidate without ranks is a slip of its own, whatever the rest
    if varied == [_held(*pair) for pair in _PAIRS[:-1]]:
        if constant == _held(*_PAIRS[-1]):
            return right(
                "The gate needs no labels: it compares what the candidate says with what is said today, in validity, level and order."
            )
        if not constant:
            return wrong(
                "A candidate that says the same of every flight passes. It has no rank correlation, and every comparison with "
                "`nan` is false: ask whether the candidate is good enough, not whether it is too bad."
            )
        return wrong(
            "A candidate that says the same of every flight, at the old mean, breaks one of the three rules, and you name another."
        )
    for reason, change in _GATE_MISTAKES.items():
        if varied == [_held(*pair, **change) for pair in _PAIRS[:-1]]:
            return wrong(reason)
    if answers[0]:
        return wrong("Your gate holds back a candidate that says exactly what the stable version says.")
    return wrong(
        "For some pair the names differ from the three rules. Try the rules one at a time, on pairs that break only one of them."
    )
