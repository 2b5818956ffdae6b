"""How the exercises of lesson 4.1, Serving a model, are judged."""

from __future__ import annotations

import os
import re
import types
from functools import partial
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau, rankdata, spearmanr

from helpers.exercises.kit import Made, Proto, Reply, exercise
from helpers.exercises.plain import NotData, clean, kind
from helpers.exercises.rules import function
from helpers.exercises.signs import close, follows, listed, number, right_but, some, unless, where
from helpers.flights.examples import CATEGORIES, FEATURES, LABEL

# How the model takes each feature
_TYPES = {
    name: str if name in CATEGORIES else int if name in ("weekday", "day_minute") else float
    for name in FEATURES
}
_ABSENT = object()


def _shown(faults, *given):
    """The reasons whose test holds."""
    return (reason for reason, shown in faults.items() if shown(*given))




def _hours(rows):
    """What tells one flight from another, as text."""
    return [str([row.get(name) for name in CATEGORIES]) for row in rows]


_records = listed(lambda item: type(item) is dict)
_OF_A_BODY = {
    "What was sent is no JSON object. `json.dumps` makes the text of a dict.":
        lambda body, flights: type(body) is not dict,
    "That is the layout of `:predict`. `:classify` takes its records under another key; look at "
    "the request above.":
        lambda body, flights: "instances" in body or "inputs" in body,
    "`examples` is one record by itself. It takes a list, also where there is one flight.":
        lambda body, flights:
        type(body.get("examples")) is dict and all(
            type(x) not in (list, dict) for x in body["examples"].values()
        ),
    "Your `examples` is laid out by feature, as the columns of `:predict` are. Here every flight is a "
    "record of its own.": lambda body, flights: type(body.get("examples")) is dict,
    "The body has no `examples`; that is the key of the records.":
        lambda body, flights: "examples" not in body,
    "`examples` needs a list of records, one dict for each flight, in the same order.":
        lambda body, flights: not _records(body["examples"]) or len(body["examples"]) != len(flights),
    "The records stand in another order than the flights, so the answers would be given to the wrong ones.":
        lambda body, flights: _hours(body["examples"]) != _hours(flights)
        and sorted(_hours(body["examples"])) == sorted(_hours(flights)),
}
# By the feature's type, what the flight had, and what the record says
_OF_A_FEATURE = {
    "A gap in `{}` goes out as `null` or `NaN`. The server refuses the one, and the model computes with the "
    "other. How does a record say that a value is unknown?": lambda kind, known, sent: sent is None,
    "`{}` was a gap and you send an empty list. The model may take it as one; asked was to "
    "leave the name out.":
        lambda kind, known, sent: known is None and sent == [],
    "`{}` was a gap and you sent a value. An invented measurement looks like a real one to the model.":
        lambda kind, known, sent: known is None,
    "`{}` was zero, and you left it out. Zero is a measurement; only `None` is a gap.":
        lambda kind, known, sent: known == 0 and sent is _ABSENT,
    "`{}` was known, and your record does not have it.": lambda kind, known, sent: sent is _ABSENT,
    "`{}` should arrive as the text it was.": lambda kind, known, sent: kind is str and sent != known,
    "`{}` is a number and goes out as text, which makes a bytes record of it.":
        lambda kind, known, sent: kind is not str and type(sent) is str,
    "`{}` arrives with another value than the flight had.":
        lambda kind, known, sent: (
            kind is not str and not (number(sent) and close(sent, known, rel=1e-9, abs_=1e-12))
        ),
    "`{}` is `DT_INT64` in the signature, and you write it with a decimal point: a float record, which "
    "the parser refuses.": lambda kind, known, sent: kind is int and type(sent) is not int,
    "`{}` is `DT_FLOAT` in the signature, and you write it as a whole number: an int64 record, which "
    "the parser refuses.": lambda kind, known, sent: kind is float and type(sent) is not float,
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
        yield (
            f"`{extra[0]}` is not a feature of the model. Send what the signature asks for, and nothing else."
        )
    for name, type_ in _TYPES.items():
        known, sent = flight[name], row.get(name, _ABSENT)
        if type(sent) is list and len(sent) == 1:
            (sent,) = sent
        if known is not None or sent is not _ABSENT:
            yield from (fault.replace("{}", name) for fault in _shown(_OF_A_FEATURE, type_, known, sent))


_PATH = re.compile(r"/v1/models/late(?:/(?:versions|labels)/[^/:]+)?:(\w+)$")


def _of_a_path(method, path):
    if method != "POST":
        yield (f"This response answers a `{clean(method, 10)}`, which carries no records: "
               "the server only reads its path.")
    found = _PATH.search(path)
    if not found:
        yield (f"`{clean(path, 60)}` is not where our model takes requests; the path is shown "
               "at the head of section 3.")
    elif found[1].lower() != "classify":
        yield f"The request went to `:{clean(found[1], 20)}`. Records in JSON are taken by another method."


@exercise(
    "4.1a",
    reply=Reply(),
    hints=(
        "Start from the model's features, not from the flight's keys: "
        "what the model does not know has no place in the body.",
        "Three types stand in the table of section 1. Convert every value by it: `float(762)` "
        "is written `762.0`.",
        "Test a gap with `is not None`; a plain `if value` throws zeros away as well. "
        'Then `post({"examples": records}, signature="classify", method="classify")`.',
    ),
    said="The JSON alone decides the types of a record, so the client writes each "
    "number in the model's type, and a gap is a feature that is not there.",
)
def what_classify_is_sent(reply, given):
    flights, body = given["flights"], reply["sent"]
    yield from _of_a_path(reply["method"], reply["path"])
    yield from _shown(_OF_A_BODY, body, flights)
    for row, flight in zip(body["examples"], flights, strict=True):
        yield from _of_a_record(row, flight)
    yield from _shown(_OF_A_SIGNATURE, body)
    if _lacks_the_signature(reply["got"]):
        yield ("The version that answers by now came later in the lesson and has no `classify`. Run the "
        "lesson from its start up to here.")
    if reply["status"] != 200:
        yield (
            f"The server answered {reply['status']}. Its `error` says what it did not like: "
            "print `reply.json()`."
        )
    if not _is_the_reference(reply["got"], given["late"]):
        yield ("The request is right, and the answer is not version 1's. Another version was live when you "
               "sent it, or another server: run the lesson from its start up to here.")


_NO_SIGNATURE = re.compile("No signature")


def _lacks_the_signature(got):
    return bool(_NO_SIGNATURE.search(str(got)))


def _is_the_reference(got, late):
    """Whether an answer of `:classify` holds these chances of being late, to three digits."""
    results = got.get("results") if type(got) is dict else None
    if not listed(listed(lambda pair: type(pair) is list
        and len(pair) == 2))(results) or len(results) != len(late):
        return False
    said = [{str(name): score for name, score in classes}.get("late") for classes in results]
    return all(
        number(one) and close(one, other, rel=1e-3, abs_=1e-3) for one, other in zip(said, late, strict=True)
    )


def _look_at_config(message):
    """What the entries of a configuration tell: names, policy, the versions that this names, and labels."""
    return [
        {
            "name": model.name, "base_path": model.base_path, "platform": model.model_platform,
            "policy": model.model_version_policy.WhichOneof("policy_choice"),
            "served":
                sorted(set(model.model_version_policy.specific.versions)),
                "labels": dict(model.version_labels),
        }
        for model in message.model_config_list.config
    ]


_OF_A_CONFIG = {
    "The entry bears another name than the one in the example, which clients ask for.":
        lambda it: it.name != "late",
    "The base path is where the server has the shelf, as in the example. The lesson puts our "
    "folder in its place.":
        lambda it: it.base_path.rstrip("/") != "/models/late",
    "The entry lacks the platform, and the server refuses a model whose kind it is not told.":
        lambda it: not it.platform,
    "The platform is another than the example's.":
        lambda it: it.platform != "tensorflow",
    "Nothing is said about versions, so the highest one is served, and the other is not.":
        lambda it: it.policy is None,
    "`latest` serves these two today. When a higher number comes onto the shelf, it goes live "
    "and the oldest goes.":
        lambda it: it.policy == "latest",
    "`all` serves whatever comes onto the shelf, at once.": lambda it: it.policy == "all",
    "One of the two versions is not served, and a label can't point at it.":
        lambda it: not {1, 2} <= set(it.served),
    "The policy names a version that was not asked for.": lambda it: it.served != [1, 2],
    "The labels are the wrong way round: everyone would get the new version, and the testers the old one.":
        lambda it: (it.labels.get("stable"), it.labels.get("canary")) == (2, 1),
    "There is no label `stable`, and clients that ask for it get an error.":
        lambda it: "stable" not in it.labels,
    "There is no label `canary`, and clients that ask for it get an error.":
        lambda it: "canary" not in it.labels,
    "A label points at another version than it should.":
        lambda it: (it.labels["stable"], it.labels["canary"]) != (1, 2),
    "There is a label that nobody asked for, and clients may come to rely on it.":
        lambda it: len(it.labels) > 2,
}


@exercise(
    "4.1b",
    config=Proto("tensorflow_serving.config.model_server_config_pb2:ModelServerConfig", _look_at_config),
    hints=(
        "Begin with the configuration shown above; name, path and platform stay as they are.",
        "Of the three policies one names its versions. The other two take what they find.",
        "Each label is an entry of its own: `version_labels { key: … value: … }`.",
    ),
    said="The policy names its versions, so nothing that comes onto the shelf "
    "goes live by itself, and the labels say who may ask for which.",
)
def a_configuration_for_a_canary(config):
    if len(config) != 1:
        yield "A `model_config_list` holds one `config` for each model, and we have one model."
    yield from _shown(_OF_A_CONFIG, types.SimpleNamespace(**config[0]))


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
        (_status((1, "START", "OK")),),
        (_status((2, "LOADING", "OK"), (1, "AVAILABLE", "OK")),),
        (_status((3, "END", "OK"), (2, "AVAILABLE", "OK"), (1, "END", "OK")),),
        (_status((1, "END", "UNAVAILABLE")),),
        (_status((2, "AVAILABLE", "OK"), (1, "AVAILABLE", "OK")),),
        ({"error": "Could not find any versions of model late"},),
    ],
    odd={
        "For some status your function says neither `True` nor `False`. Does every path `return` one of "
        "them?":
            unless(lambda output: type(output) is bool),
    },
    rule=lambda body: "AVAILABLE" in _states(body),
    said="A model is ready as soon as one of its versions is available, whatever became of the others.",
    mistakes={
        "That says `True` of everything. A body can list versions none of which serves.": lambda body: True,
        "That never says `True`. The states are words in capital letters, one in each entry of the list.":
            lambda body: False,
        "You look for the word in the whole text, and it stands inside `UNAVAILABLE` as well, an error code.":
            lambda body: "AVAILABLE" in str(body),
        "A version that starts or loads answers nobody yet.": follows(
            lambda body: bool({"AVAILABLE", "LOADING"} & set(_states(body))),
            lambda body: bool({"AVAILABLE", "LOADING", "START"} & set(_states(body))),
            lambda body: bool({"AVAILABLE", "START"} & set(_states(body))),
        ),
        "A version that unloads finishes what it has begun, and takes no new request.":
            lambda body: bool({"AVAILABLE", "UNLOADING"} & set(_states(body))),
        "You ask for exactly one. With labels two versions answer at the same time.":
            lambda body: _states(body).count("AVAILABLE") == 1,
        "You hold the whole model back because a version has failed. That takes nothing "
        "from one that answers.":
            lambda body: "AVAILABLE" in _states(body) and all(
                x["status"]["error_code"] == "OK" for x in body["model_version_status"]),
        "That only asks whether the body is an error. The body can list versions none of which serves.":
            lambda body: "error" not in body,
        "`error_code` is `OK` for a version that was unloaded in good order, and for one "
        "that is still loading.":
            lambda body: any(x["status"]["error_code"] == "OK" for x in body.get("model_version_status", [])),
        "You look at the newest version alone. It may have failed while an older one answers.":
            lambda body: _states(body)[:1] == ["AVAILABLE"],
        "You look at the oldest version alone; it may have been unloaded when a newer one took over.":
            lambda body: _states(body)[-1:] == ["AVAILABLE"],
        "You ask that every version be available. The list keeps those that have ended, so after the first "
        "update that would never hold again.": lambda body: set(_states(body)) == {"AVAILABLE"},
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
        "A model that the server does not know has a body without `model_version_status`; "
        "`dict.get` takes a default.",
    ),
)

_EVEN = [round(0.02 + 0.032 * i, 4) for i in range(31)]  # spread evenly around one half
_LOW = [round(0.05 + 0.4 * (i / 30) ** 2, 4) for i in range(31)]  # mostly small, as chances of lateness are
_NAN = float("nan")


def _each(change, chances=_LOW):
    return [round(change(p), 4) for p in chances]


def _pearson(a, b):
    return np.corrcoef(a, b)[0, 1]


def _spearman(a, b, ranks=rankdata):
    return _pearson(ranks(a), ranks(b))


def _ordinal(values):
    """Ranks without ties: of equal values the first comes first."""
    return rankdata(values, "ordinal")


def _order_of_order(values):
    """Ranks without ties, of equal values in any order: NumPy's sort is stable for short arrays alone."""
    return np.argsort(np.argsort(values))


def _not_outside(candidate):
    return not ((candidate < 0) | (candidate > 1)).any()


def _apart(stable, candidate, middle=np.mean):
    """How far the middles are apart, with its sign."""
    return middle(candidate) - middle(stable)


def _reasons(
    stable, candidate, *, valid=lambda c: ((c >= 0) & (c <= 1)).all(), alone=True,
    far=lambda s, c: abs(_apart(s, c)) > 0.1, correlate=_spearman, least=0.9, told=("level", "order"),
    drop=True,
):
    """The right rule; the keywords let a common mistake take the place of a check."""
    stable, candidate = np.array(stable, float), np.array(candidate, float)
    invalid = [] if valid(candidate) else ["invalid"]
    if invalid and alone:
        return invalid
    # pandas leaves a pair with a gap out, NumPy and SciPy answer nan
    there = ~(np.isnan(candidate) & drop)
    stable, candidate = stable[there], candidate[there]
    constant = len(set(candidate)) == 1
    found = ["level"] * bool(far(stable, candidate))
    found += ["order"] * (constant or not correlate(stable, candidate) >= least)
    return invalid + [name for name in found if name in told or len(found) == 1]


def _on_the_constant(names):
    """A rule: right but for a candidate that says the same of every flight."""
    return lambda stable, candidate: names if len(set(candidate)) == 1 else _reasons(stable, candidate)


def _varied(stable, candidate):
    return len(set(candidate)) > 1


def _slip(**change):
    """A sign: the rule with this change is followed but for the constant candidate,
    which is a slip of its own."""
    return follows(partial(_reasons, **change), on=_varied)


def _probes(stable, *candidates):
    return [(np.array(stable), np.array(candidate)) for candidate in candidates]


_MIXED = [_LOW[(7 * i) % 31] for i in range(31)]  # the same chances, not in their order
_PAIRED = {_LOW[i]: _LOW[i ^ 1] if i < 30 else _LOW[i] for i in range(31)}  # neighbours exchanged

function(
    "4.1d", "reasons_to_hold",
    # short ones, to be shown where they fail
    _probes(
        [0.1, 0.2, 0.3, 0.4, 0.5],
        [0.5, 0.4, 0.3, 0.2, 0.1], [0.3, 0.4, 0.5, 0.6, 0.7], [0.02, 0.04, 0.06, 0.08, 0.1],
        [0.1, 0.2, 0.3, 0.4, _NAN], [0.1, 0.2, 0.3, 0.4, 1.2], [0.0, 0.2, 0.3, 0.4, 1.0],
        [10.0, 20.0, 30.0, 40.0, 50.0],
        # the same of nearly every flight, and of every flight, beside flights in their order
        [0.3, 0.3, 0.3, 0.3, 0.31], [0.3, 0.3, 0.3, 0.3, 0.3],
    ) + _probes(
        _EVEN,
        _each(lambda p: 1 - p, _EVEN), [*_each(lambda p: 1 - p, _EVEN[:-1]), _NAN],
        [_EVEN[(7 * i) % 31] for i in range(31)],
        # another order, and not reversed
        [*_EVEN[8:16], *_EVEN[:8], *_EVEN[16:]], [*_EVEN[11:22], *_EVEN[:11], *_EVEN[22:]],
        # timid: each chance moves, the mean stays
        _each(lambda p: 0.5 + 0.4 * (p - 0.5), _EVEN),
    ) + _probes(
        _LOW,
        _LOW, _each(lambda p: 1 - p), _each(lambda p: p * 0.85), _each(lambda p: p * 0.2),
        _each(lambda p: p + 0.3),
        _each(lambda p: p + 0.13), [*_LOW[:-1], _NAN], [*_LOW[:-1], 1.2], [-0.01, *_LOW[1:]],
        list(_PAIRED.values()),
        # one flight far from its place
        [_LOW[14], *_LOW[:14], *_LOW[15:]],
        # blocks of four reversed: each is near its place
        [_LOW[i ^ 3] if i < 28 else _LOW[i] for i in range(31)],
        # the same order, far from a straight line
        [*(round(0.16 + 0.0002 * i, 4) for i in range(30)), 0.95],
        # the same of nearly every flight, and of every flight, at nearly the old mean
        [0.17] * 28 + [0.3, 0.4, 0.5], [0.19] * 31,
        # the upper third says more, the middle flight the same
        [*_LOW[:20], *_each(lambda p: p + 0.35, _LOW[20:])],
    ) + _probes(_MIXED, [_PAIRED[p] for p in _MIXED], _MIXED),
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
        "A candidate that says the same of every flight passes. It has no rank correlation, and every "
        "comparison with `nan` is false: ask whether the candidate is good enough, not whether it is too "
        "bad.":
            _on_the_constant([]),
        "A candidate that says the same of every flight, at the old mean, breaks one of the three rules, "
        "and you name another.": right_but(lambda right: _on_the_constant(["level"]), on=_varied),
        "A chance that is not a number, or outside 0 to 1, passes your gate.": _slip(valid=lambda c: True),
        "A value that is not a number passes: it is neither below 0 "
        "nor above 1, because every comparison with it is false.": follows(
            partial(_reasons, valid=_not_outside), partial(_reasons, valid=_not_outside, drop=False),
            on=_varied),
        "Values outside 0 to 1 pass your gate; only gaps are caught.":
            _slip(valid=lambda c: not np.isnan(c).any()),
        "One chance that is none passes among good ones: every one of them has to hold.":
            _slip(valid=lambda c: ((c >= 0) & (c <= 1)).any()),
        "0 and 1 are chances as well; your gate calls them invalid.":
            _slip(valid=lambda c: ((c > 0) & (c < 1)).all()),
        "A candidate that says much *less* than before passes: the difference has a sign.":
            _slip(far=lambda s, c: _apart(s, c) > 0.1),
        "A candidate that says much *more* than before passes: the difference has a sign.":
            _slip(far=lambda s, c: _apart(s, c) < -0.1),
        "Those are medians. A candidate that says more of a third of the flights keeps its median.":
            _slip(far=lambda s, c: abs(_apart(s, c, np.median)) > 0.1),
        "You compare flight by flight. The level is one number for each version: the mean of its chances.":
            follows(
            partial(_reasons, far=lambda s, c: abs(c - s).mean() > 0.1),
            partial(_reasons, far=lambda s, c: (abs(c - s) > 0.1).any()), on=_varied),
        "You take the 0.1 as a tenth of the mean. It is a difference of two chances.":
            _slip(far=lambda s, c: abs(_apart(s, c)) > 0.1 * s.mean()),
        "That is Pearson's correlation. It blames a candidate that keeps the ranking and bends the line.":
            _slip(correlate=_pearson),
        "That is Kendall's correlation. It is another measure, and stricter at the same limit.":
            _slip(correlate=lambda a, b: kendalltau(a, b)[0]),
        "`argsort` gives the places of the sorted values, not the ranks of the values. Where the stable "
        "chances come unsorted the two differ.": _slip(correlate=lambda a, b: _spearman(a, b, np.argsort)),
        "Equal chances have equal ranks. Yours come in the order of the flights, so a candidate that says "
        "the same of nearly every flight looks well ordered.": follows(
            partial(_reasons, correlate=partial(_spearman, ranks=_ordinal)),
            partial(_reasons, correlate=partial(_spearman, ranks=_order_of_order)), on=_varied),
        "The second value of `spearmanr` is the p-value, small where the two lists have to do with each "
        "other in either direction.": _slip(correlate=lambda a, b: spearmanr(a, b)[1]),
        "Only a reversed order is held. An order may be lost without being reversed.": follows(
            partial(_reasons, least=0), partial(_reasons, least=-0.9), partial(_reasons, least=-0.5),
            on=_varied),
        "A candidate that ranks everything backwards passes: a correlation near −1 is as "
        "strong, and the opposite.":
            _slip(correlate=lambda a, b: abs(_spearman(a, b))),
        "You never compare the rankings, so an inverted model with the same mean passes.":
            _slip(correlate=lambda a, b: 1),
        "You never compare the means, so a candidate that says half of everything passes.":
            _slip(far=lambda s, c: False),
        "When a chance is no chance the other two checks mean nothing; they should not be named.":
            _slip(alone=False),
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
        '`pandas.Series.corr` takes `method="spearman"`. An inverted model has a rank correlation near −1, '
        "not near 0; a model that says the same of every flight has `nan`.",
    ),
)

_ASKED = {
    name: {str: "DT_STRING", int: "DT_INT64", float: "DT_FLOAT"}[type_] for name, type_ in _TYPES.items()
}


def _requests():
    """Flights to ask about, by what they are: the features in order, as columns."""
    of_each = [
        ("UA", "EWR", "MCO", 937.0, 6, 502, 41.0, 30.92, 67.09, 0.0, 0.0, 0.0, 1019.3, 10.0),
        ("UA", "EWR", "MIA", 1085.0, 4, 896, 46.04, 26.06, 45.33, 330.0, 13.80936, 0.0, 1005.2, 10.0),
        ("AA", "JFK", "MIA", 1089.0, 0, 900, 35.06, 19.94, 53.66, 80.0, 18.41248, 0.0, 1027.0, 10.0),
        ("EV", "EWR", "CLT", 529.0, 4, 912, 44.06, 24.98, 46.73, 310.0, 12.65858, 0.0, 1005.3, 10.0),
        ("B6", "EWR", "MCO", 937.0, 6, 1275, 46.4, 44.6, 93.4, 120.0, 11.5078, 0.04, _NAN, 3.0),
    ]
    return {"five flights, one with a gap": of_each, "a batch of one": of_each[3:4]}


def _look_at_model(value):
    """What a server finds in a SavedModel's folder: signatures, and what those with
    the model's inputs answer."""
    from helpers.serving import ServingError
    from helpers.serving.metrics import Metrics
    from helpers.serving.savedmodel import SavedModel

    folder = _folder(value)
    try:
        model = SavedModel(folder, Metrics())
    except ServingError as error:
        return {"refused": clean(error.message.replace(str(folder), "the folder"), 300)}
    try:
        doors = {name: door for name, door in model.signatures.items() if not name.startswith("__")}
        return {
            "doors": {name: {"inputs": _infos(door.inputs), "outputs": _infos(door.outputs)}
                      for name, door in doors.items()},
            "said": {name: {what: _said(model, door, flights) for what, flights in _requests().items()}
                     for name, door in doors.items() if _types(_infos(door.inputs)) == _ASKED},
        }
    finally:
        model.close()


def _folder(value):
    if not isinstance(value, (str, os.PathLike)):
        raise NotData(f"is {kind(value)}; it should be the path of a SavedModel's folder.")
    try:
        folder = Path(value)
        if (folder / "saved_model.pb").is_file():
            return folder
        if any(folder.glob("*/saved_model.pb")):
            raise NotData("is a folder of versions; it should be the one that holds `saved_model.pb` itself.")
    # no path at all: too long, or with signs that no path has
    except (OSError, ValueError):
        pass
    raise NotData("is no SavedModel's folder: there is no `saved_model.pb` in it.")


def _infos(tensors):
    """Type and shape by name, as `/metadata` publishes them; the shape is None where
    nothing is known of it."""
    from helpers.serving.tensors import type_name

    return {
        name: {"type": "DT_" + type_name(info.dtype).upper(),
               "shape": None if info.tensor_shape.unknown_rank else [d.size for d in info.tensor_shape.dim]}
        for name, info in sorted(tensors.items())
    }


def _types(infos):
    return {name: info["type"] for name, info in infos.items()}


def _said(model, door, flights):
    """Outputs by name, each a list of rows as the server would send it, or the error."""
    import tensorflow as tf

    from helpers.serving import ServingError

    columns = dict(zip(FEATURES, zip(*flights, strict=True), strict=True))
    feeds = {
        info.name: np.array(columns[name], tf.as_dtype(info.dtype).as_numpy_dtype).reshape(-1, 1)
        for name, info in door.inputs.items()
    }
    names = sorted(door.outputs)
    try:
        values = model.run(feeds, [door.outputs[name].name for name in names])
    except ServingError as error:
        return {"error": clean(error.message, 120)}
    return {name: value.tolist() for name, value in zip(names, values, strict=True)}


def _of_the_doors(doors):
    if "alerts" not in doors and set(doors) == {"serving_default"}:
        yield ("Your one signature is called `serving_default`, as a function is that is given by itself. "
               "`signatures=` takes a dict from name to function.")
    for name in ("alerts", "predict_rows"):
        if name not in doors:
            there = ", ".join(f"`{clean(other, 40)}`" for other in sorted(doors)) or "none"
            yield {
                "alerts": f"The new signature is missing: there is no `alerts`. The model has {there}.",
                "predict_rows":
                    f"The clients of today ask `predict_rows`, and it is gone. The model has {there}.",
            }[name]
    for name in ("predict_rows", "alerts"):
        yield from _of_the_inputs(name, doors[name]["inputs"])


def _of_the_inputs(door, inputs):
    found = _types(inputs)
    if strange := sorted(set(found) - set(_ASKED)):
        yield (f"`{door}` asks for an input `{clean(strange[0], 40)}`, which no client sends. The names are "
        "those of the features, and come from the arguments of the concrete function.")
    if missing := [name for name in _ASKED if name not in found]:
        yield f"`{door}` does not take `{missing[0]}`, so clients that send it are refused."
    for name in _ASKED:
        if found[name] != _ASKED[name]:
            yield (
                f"`{door}` takes `{name}` as another type than version 1 does; over gRPC every "
                "client would fail."
            )
    for name in _ASKED:
        info = inputs[name]
        if info["shape"] is not None and (len(info["shape"]) != 2 or info["shape"][0] != -1):
            yield (f"`{door}` fixes the shape of `{name}` otherwise than version 1: any number of "
            "rows, one column each.")


def _of_the_outputs(outputs):
    if missing := [name for name in ("late", "alert") if name not in outputs]:
        there = ", ".join(f"`{clean(other, 40)}`" for other in sorted(outputs))
        yield (f"`alerts` has no output `{missing[0]}`; it has {there}. "
               "The keys of the dict that it returns are the names.")
    if extra := sorted(set(outputs) - {"late", "alert"}):
        yield (f"`alerts` has an output `{clean(extra[0], 40)}` that nobody asked for, "
               "and clients may come to rely on it.")
    if outputs["late"]["type"] != "DT_FLOAT":
        yield "`late` is of another type than the chance that `predict_rows` gives."
    if outputs["alert"]["type"] != "DT_BOOL":
        yield ("`alert` should arrive as true or false; yours is of another type. "
               "A comparison gives a `bool` by itself.")


def _flat(column):
    """[[a], [b]] as [a, b]."""
    return [row[0] if type(row) is list and len(row) == 1 else row for row in column]


def _of_the_answers(today, new, what):
    for door, said in (("predict_rows", today), ("alerts", new)):
        if "error" in said:
            yield f"Asked about {what}, `{door}` fails: {said['error']}"
    for name in ("late", "alert"):
        if not (type(new[name]) is list and len(new[name]) == len(today["late"])):
            yield f"Asked about {what}, `{name}` is not a list with one value for each flight."
    chance, late, alert = (_flat(column) for column in (today["late"], new["late"], new["alert"]))
    if not close(late, chance, abs_=1e-5):
        if close(late, [1 - p for p in chance], abs_=1e-5):
            yield "`late` is the chance of being on time: the complement of what `predict_rows` says."
        yield "`late` is another chance than `predict_rows` gives for the same flights."
    right = [p >= 0.3 for p in chance]
    if alert == right:
        return
    if alert == [not one for one in right]:
        yield "`alert` is turned round: true where the chance is small."
    if alert == [bool(p > np.float32(0.3)) for p in chance]:
        yield "A chance of exactly 0.3 is worth an alert as well: *at least* 0.3."
    if len(set(alert)) == 1 and len(alert) > 1:
        yield ("`alert` says the same of every flight, whatever its chance: is it computed from `late`, "
               "inside the function?")
    yield "`alert` does not say whether the chance is at least 0.3. Which number is it compared with?"


@exercise(
    "4.1e",
    made=Made("a SavedModel's folder", _look_at_model),
    hints=(
        "`changed` has the pattern: a `tf.function` around `signatures[\"predict_rows\"]`, and its concrete "
        "function for `specs`. Yours returns a dict with two entries.",
        "`tf.saved_model.save(module, str(folder), signatures={…})` takes both signatures by name; version "
        "1's own can be handed on as it is.",
        "The module must hold what the signatures read, as in `publish`: `module.weights` and "
        "`module.vocabularies`.",
    ),
    said="A server can load it, the clients of today find their signature, and new ones "
    "get the chance and the decision from one request.",
)
def a_signature_of_ones_own(made):
    if "refused" in made:
        yield f"A server can't load it: {made['refused']}"
    yield from _of_the_doors(made["doors"])
    yield from _of_the_outputs(made["doors"]["alerts"]["outputs"])
    if "late" not in made["doors"]["predict_rows"]["outputs"]:
        yield "`predict_rows` has lost its output `late`, which the clients of today read."
    if set(made["doors"]["predict_rows"]["outputs"]) != {"late"}:
        yield ("`predict_rows` has more outputs than `late`. Over REST one output comes as a list and two "
        "come as a dict, which the clients of today can't read.")
    for what, new in made["said"]["alerts"].items():
        yield from _of_the_answers(made["said"]["predict_rows"][what], new, what)
