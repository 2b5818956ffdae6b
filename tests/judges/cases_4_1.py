"""Answers to the exercises of lesson 4.1."""

import json
import math
import statistics

from helpers.flights.examples import CATEGORIES, FEATURES

from .harness import Cases

WHOLE = {"weekday", "day_minute"}


def _typed(name, value):
    return value if name in CATEGORIES else int(value) if name in WHOLE else float(value)


def _record(flight, convert=_typed, keep=lambda value: value is not None, names=FEATURES):
    return {name: convert(name, flight[name]) for name in names if keep(flight[name])}


def _body(key="examples", **changes):
    return lambda flights: {
        "signature_name": "classify",
        key: [_record(flight, **changes) for flight in flights],
    }


def _listed(flights):
    """Another right answer: every feature as a list of one, built in a loop."""
    body = {"examples": [], "signature_name": "classify"}
    for flight in flights:
        record = {}
        for name in reversed(FEATURES):
            if flight[name] is not None:
                record[name] = [_typed(name, flight[name])]
        body["examples"].append(record)
    return body


POLICY = "model_version_policy { specific { versions: 1 versions: 2 } }"
LABELS = 'version_labels { key: "stable" value: 1 } version_labels { key: "canary" value: 2 }'


def _config(
    policy=POLICY, labels=LABELS, name="late", path="/models/late", platform='model_platform: "tensorflow"'
):
    return f'model_config_list {{ config {{ name: "{name}" base_path: "{path}" {platform} {policy} {labels} }} }}'


OTHER_CONFIG = """
# the same, written otherwise
model_config_list: <
  config: <
    version_labels: < value: 2, key: 'canary' >
    version_labels: < value: 1, key: 'stable' >
    model_version_policy: < specific: < versions: [2, 1] > >
    model_platform: 'tensorflow'
    base_path: '/models/late'
    name: 'late'
  >
>
"""


def _entries(status):
    return status.get("model_version_status", [])


def _ready(status):
    return any(version["state"] == "AVAILABLE" for version in _entries(status))


def _ready_by_steps(status):
    if "error" in status:
        return False
    return "AVAILABLE" in {version["state"] for version in status["model_version_status"]}


def _pearson(a, b):
    return statistics.correlation(a, b) if len(set(b)) > 1 else math.nan


def _spearman(a, b):
    def rank(values):
        return [sorted(values).index(value) for value in values]

    return _pearson(rank(a), rank(b))


def _valid(candidate):
    return all(0 <= chance <= 1 for chance in candidate)


def _gate(valid=_valid, distance=abs, correlate=_spearman, alone=True, ordered=lambda rank: rank >= 0.9):
    def reasons_to_hold(stable, candidate):
        reasons = set()
        if not valid(candidate):
            reasons.add("invalid")
            if alone:
                return reasons
        pairs = [(s, c) for s, c in zip(stable, candidate, strict=True) if not math.isnan(c)]
        stable_, candidate_ = [s for s, _ in pairs], [c for _, c in pairs]
        if distance(statistics.mean(candidate_) - statistics.mean(stable)) > 0.1:
            reasons.add("level")
        if not ordered(correlate(stable_, candidate_)):
            reasons.add("order")
        return reasons

    return reasons_to_hold


def _first_of(*names):
    def reasons_to_hold(stable, candidate):
        found = _gate()(stable, candidate)
        return [name for name in names if name in found][:1]

    return reasons_to_hold


def _gate_of_pandas(stable, candidate):
    import pandas as pd

    stable, candidate = pd.Series(stable, dtype=float), pd.Series(candidate, dtype=float)
    if not candidate.between(0, 1).all():
        return {"invalid"}
    found = {
        "level": abs(candidate.mean() - stable.mean()) > 0.1,
        "order": candidate.nunique() == 1 or candidate.corr(stable, method="spearman") < 0.9,
    }
    return [name for name, applies in found.items() if applies]


CASES = {
    "4.1a": Cases(
        right=[{"as_examples": _body()}, {"as_examples": _listed}],
        wrong={
            "becomes the JSON object": {
                "as_examples": lambda flights: [_record(flight) for flight in flights]
            },
            "gives the text already": {"as_examples": lambda flights: json.dumps(_body()(flights))},
            "layout of `:predict`": {"as_examples": _body("instances")},
            "laid out by feature": {
                "as_examples": lambda flights: {
                    "signature_name": "classify",
                    "examples": {
                        name: [_typed(name, flight[name]) for flight in flights if flight[name] is not None]
                        for name in FEATURES
                    },
                }
            },
            "names another signature": {
                "as_examples": lambda flights: {**_body()(flights), "signature_name": "predict_rows"}
            },
            "one dict for each flight": {
                "as_examples": lambda flights: {
                    "signature_name": "classify",
                    "examples": [_record(flights[0])] * 3,
                }
            },
            "does not name the signature": {
                "as_examples": lambda flights: {"examples": _body()(flights)["examples"]}
            },
            "travels along": {
                "as_examples": lambda flights: {
                    "signature_name": "classify",
                    "examples": [{**_record(flight), "late": flight["late"]} for flight in flights],
                }
            },
            "`tailnum` is not a feature": {
                "as_examples": lambda flights: {
                    "signature_name": "classify",
                    "examples": [{**_record(flight), "tailnum": flight["tailnum"]} for flight in flights],
                }
            },
            "goes out as `null`": {
                "as_examples": _body(
                    keep=lambda value: True,
                    convert=lambda name, value: value if value is None else _typed(name, value),
                )
            },
            "you sent a value": {
                "as_examples": _body(
                    keep=lambda value: True,
                    convert=lambda name, value: _typed(name, 0 if value is None else value),
                )
            },
            "Zero is a measurement": {"as_examples": _body(keep=bool)},
            "`temp` was known": {"as_examples": _body(names=[name for name in FEATURES if name != "temp"])},
            "as a whole number": {
                "as_examples": _body(convert=lambda name, value: int(value) if name in WHOLE else value)
            },
            "with a decimal point": {
                "as_examples": _body(
                    convert=lambda name, value: value if name in CATEGORIES else float(value)
                )
            },
            "goes out as text": {"as_examples": _body(convert=lambda name, value: str(value))},
            "with another value": {
                "as_examples": _body(
                    convert=lambda name, value: _typed(
                        name, (value - 32) * 5 / 9 if name == "temp" else value
                    )
                )
            },
            "as the text it was": {
                "as_examples": _body(
                    convert=lambda name, value: value.lower() if name == "carrier" else _typed(name, value)
                )
            },
        },
    ),
    "4.1b": Cases(
        right=[{"config": _config()}, {"config": OTHER_CONFIG}],
        wrong={
            "can't read it": {"config": _config() + "}"},
            "an entry without its list": {"config": "config { " + _config() + " }"},
            "nobody asked for": {
                "config": _config(labels=LABELS + ' version_labels { key: "newest" value: 2 }')
            },
            "holds one `config` for each model": {"config": "model_config_list { }"},
            "Name and base path": {"config": _config(path="models/late")},
            "lacks the platform": {"config": _config(platform="")},
            "Nothing is said about versions": {"config": _config(policy="")},
            "`latest` serves these two today": {
                "config": _config("model_version_policy { latest { num_versions: 2 } }")
            },
            "`all` serves whatever": {"config": _config("model_version_policy { all {} }")},
            "is not served": {"config": _config("model_version_policy { specific { versions: 1 } }")},
            "not asked for": {
                "config": _config("model_version_policy { specific { versions: 1 versions: 2 versions: 3 } }")
            },
            "wrong way round": {
                "config": _config(
                    labels='version_labels { key: "stable" value: 2 } version_labels { key: "canary" value: 1 }'
                )
            },
            "no label `canary`": {"config": _config(labels='version_labels { key: "stable" value: 1 }')},
            "another version than it should": {
                "config": _config(labels=LABELS.replace("value: 2", "value: 1"))
            },
        },
    ),
    "4.1c": Cases(
        right=[{"is_ready": _ready}, {"is_ready": _ready_by_steps}],
        wrong={
            "whether there is an answer": {"is_ready": lambda status: len(_entries(status)) > 0},
            "whether the body is an error": {"is_ready": lambda status: "error" not in status},
            "unloaded in good order": {
                "is_ready": lambda status: any(
                    version["status"]["error_code"] == "OK" for version in _entries(status)
                )
            },
            "newest version alone": {
                "is_ready": lambda status: [v["state"] for v in _entries(status)][:1] == ["AVAILABLE"]
            },
            "oldest version alone": {
                "is_ready": lambda status: [v["state"] for v in _entries(status)][-1:] == ["AVAILABLE"]
            },
            "every version be available": {
                "is_ready": lambda status: {v["state"] for v in _entries(status)} == {"AVAILABLE"}
            },
            "of an empty list": {
                "is_ready": lambda status: all(v["state"] == "AVAILABLE" for v in _entries(status))
            },
            "not at its end": {"is_ready": lambda status: any(v["state"] != "END" for v in _entries(status))},
            "turned round": {"is_ready": lambda status: not _ready(status)},
            "neither `True` nor `False`": {"is_ready": lambda status: True if _ready(status) else None},
            "one by one": {
                "is_ready": lambda status: any(
                    v["state"] in ("AVAILABLE", "LOADING") for v in _entries(status)
                )
            },
        },
    ),
    "4.1d": Cases(
        right=[{"reasons_to_hold": _gate_of_pandas}, {"reasons_to_hold": _gate()}],
        wrong={
            "or outside 0 to 1, passes": {"reasons_to_hold": _gate(valid=lambda candidate: True)},
            "every comparison with it is false": {
                "reasons_to_hold": _gate(
                    valid=lambda candidate: not any(chance < 0 or chance > 1 for chance in candidate)
                )
            },
            "only gaps are caught": {
                "reasons_to_hold": _gate(valid=lambda candidate: not any(map(math.isnan, candidate)))
            },
            "much *less* than before": {"reasons_to_hold": _gate(distance=lambda difference: difference)},
            "much *more* than before": {"reasons_to_hold": _gate(distance=lambda difference: -difference)},
            "Pearson's correlation": {"reasons_to_hold": _gate(correlate=_pearson)},
            "has no rank correlation, and": {"reasons_to_hold": _gate(ordered=lambda rank: not rank < 0.9)},
            "and you name another": {
                "reasons_to_hold": lambda stable, candidate: (
                    {"invalid"} if len(set(candidate)) == 1 else _gate()(stable, candidate)
                )
            },
            "ranks everything backwards": {
                "reasons_to_hold": _gate(correlate=lambda a, b: abs(_spearman(a, b)))
            },
            "never compare the rankings": {"reasons_to_hold": _gate(correlate=lambda a, b: 1)},
            "never compare the means": {"reasons_to_hold": _gate(distance=lambda difference: 0)},
            "they should not be named": {"reasons_to_hold": _gate(alone=False)},
            "name the level alone": {"reasons_to_hold": _first_of("invalid", "level", "order")},
            "name the order alone": {"reasons_to_hold": _first_of("invalid", "order", "level")},
            "set of names": {
                "reasons_to_hold": lambda stable, candidate: bool(_gate_of_pandas(stable, candidate))
            },
            "none of the three; they": {
                "reasons_to_hold": lambda stable, candidate: {
                    name.upper() for name in _gate_of_pandas(stable, candidate)
                }
            },
            "exactly what the stable version says": {"reasons_to_hold": lambda stable, candidate: {"order"}},
            "Try the rules one at a time": {
                "reasons_to_hold": _gate(distance=lambda difference: abs(difference) / 2)
            },
        },
    ),
}
