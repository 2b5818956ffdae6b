"""Answers to the exercises of lesson 4.1."""

import json
import statistics

import pandas as pd

from helpers.exercises import source
from helpers.flights.examples import CATEGORIES, FEATURES

from .harness import cases

WHOLE = {"weekday", "day_minute"}


def _typed(name, value):
    return value if name in CATEGORIES else int(value) if name in WHOLE else float(value)


def _record(flight, convert=_typed, keep=lambda value: value is not None, names=FEATURES):
    return {name: convert(name, flight[name]) for name in names if keep(flight[name])}


def _body(key="examples", also=(), **changes):
    return lambda flights: {
        "signature_name": "classify",
        key: [_record(flight, **changes) | {name: flight[name] for name in also} for flight in flights],
    }


def _changed(**changes):
    return lambda flights: _body()(flights) | changes


CONFIG = next(text for tags, text in source.of("4.1b") if "solution" in tags).split('"""')[1]
SPECIFIC = "specific { versions: 1 versions: 2 }"
STABLE, CANARY = (line for line in CONFIG.splitlines() if "version_labels" in line)


def _but(old, new=""):
    """The lesson's configuration with something replaced."""
    assert old in CONFIG
    return CONFIG.replace(old, new)


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


def _ready(status):
    return "error" not in status and "AVAILABLE" in {x["state"] for x in status["model_version_status"]}


def _is(*states):
    return lambda status: any(x["state"] in states for x in status.get("model_version_status", []))


def _gate(stable, candidate):
    """The gate without numpy."""
    if not all(0 <= chance <= 1 for chance in candidate):
        return {"invalid"}
    reasons = {"level"} if abs(statistics.mean(candidate) - statistics.mean(stable)) > 0.1 else set()
    ranks = [[sorted(chances).index(chance) for chance in chances] for chances in (stable, candidate)]
    if len(set(candidate)) == 1 or statistics.correlation(*ranks) < 0.9:
        reasons.add("order")
    return reasons


def _gate_of_pandas(ranked=pd.Series.rank, off=lambda rank: not rank >= 0.9, sign=abs, most=0.1):
    def reasons_to_hold(stable, candidate):
        stable, candidate = pd.Series(stable, dtype=float), pd.Series(candidate, dtype=float)
        if not candidate.between(0, 1).all():
            return ["invalid"]
        found = {
            "level": sign(candidate.mean() - stable.mean()) > most,
            "order": off(ranked(candidate).corr(ranked(stable))),
        }
        return [name for name, applies in found.items() if applies]

    return reasons_to_hold


CASES = {
    "4.1a": cases(
        "as_examples",
        right=[_body(), _body(convert=lambda name, value: [_typed(name, value)])],
        wrong={
            "becomes the JSON object": lambda flights: [_record(flight) for flight in flights],
            "gives the text already": lambda flights: json.dumps(_body()(flights)),
            "layout of `:predict`": _body("instances"),
            "laid out by feature": lambda flights: {
                "signature_name": "classify",
                "examples": {name: [flight[name] for flight in flights] for name in FEATURES},
            },
            "names another signature": _changed(signature_name="predict_rows"),
            "one dict for each flight": lambda flights: _body()(flights[:1] * 3),
            "does not name the signature": lambda flights: {"examples": _body()(flights)["examples"]},
            "travels along": _body(also=["late"]),
            "`tailnum` is not a feature": _body(also=["tailnum"]),
            "goes out as `null`": _body(
                keep=lambda value: True, convert=lambda name, value: value and _typed(name, value)
            ),
            "you sent a value": _body(
                keep=lambda value: True, convert=lambda name, value: _typed(name, value or 0)
            ),
            "Zero is a measurement": _body(keep=bool),
            "`temp` was known": _body(names=[name for name in FEATURES if name != "temp"]),
            "as a whole number": _body(convert=lambda name, value: int(value) if name in WHOLE else value),
            "with a decimal point": _body(
                convert=lambda name, value: value if name in CATEGORIES else float(value)
            ),
            "goes out as text": _body(convert=lambda name, value: str(value)),
            "with another value": _body(
                convert=lambda name, value: _typed(name, (value - 32) * 5 / 9 if name == "temp" else value)
            ),
            "as the text it was": _body(
                convert=lambda name, value: value.lower() if name == "carrier" else _typed(name, value)
            ),
        },
    ),
    "4.1b": cases(
        "config",
        right=[CONFIG, OTHER_CONFIG],
        wrong={
            "can't read it": CONFIG + "}",
            "an entry without its list": "config { " + CONFIG + " }",
            "holds one `config` for each model": "model_config_list { }",
            "Name and base path": _but("/models/late", "models/late"),
            "lacks the platform": _but('model_platform: "tensorflow"'),
            "Nothing is said about versions": _but(f"model_version_policy {{ {SPECIFIC} }}"),
            "`latest` serves these two today": _but(SPECIFIC, "latest { num_versions: 2 }"),
            "`all` serves whatever": _but(SPECIFIC, "all {}"),
            "is not served": _but("versions: 2"),
            "not asked for": _but("versions: 2", "versions: 2 versions: 3"),
            "wrong way round": _but(
                STABLE + "\n" + CANARY, STABLE.replace("1", "2") + CANARY.replace("2", "1")
            ),
            "no label `stable`": _but(STABLE),
            "no label `canary`": _but(CANARY),
            "another version than it should": _but("value: 2", "value: 1"),
            "nobody asked for": _but(CANARY, CANARY + CANARY.replace("canary", "newest")),
        },
    ),
    "4.1c": cases(
        "is_ready",
        right=[_ready, _is("AVAILABLE")],
        wrong={
            "neither `True` nor `False`": lambda status: True if _ready(status) else None,
            "one by one": _is("AVAILABLE", "LOADING"),
        },
    ),
    "4.1d": cases(
        "reasons_to_hold",
        right=[_gate, _gate_of_pandas()],
        wrong={
            "Pearson's correlation": _gate_of_pandas(ranked=pd.Series),
            "has no rank correlation, and": _gate_of_pandas(off=lambda rank: rank < 0.9),
            "much *less* than before": _gate_of_pandas(sign=float),
            "ranks everything backwards": _gate_of_pandas(off=lambda rank: not abs(rank) >= 0.9),
            "and you name another": lambda stable, candidate: (
                {"invalid"} if len(set(candidate)) == 1 else _gate(stable, candidate)
            ),
            "set of names": lambda stable, candidate: bool(_gate(stable, candidate)),
            "none of the three; they": lambda stable, candidate: set(
                map(str.upper, _gate(stable, candidate))
            ),
            "exactly what the stable version says": lambda stable, candidate: {"order"},
            "Try the rules one at a time": _gate_of_pandas(most=0.2),
        },
    ),
}
