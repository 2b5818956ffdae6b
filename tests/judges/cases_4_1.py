"""Answers to the exercises of lesson 4.1."""

import functools
import json
import os
import statistics
import tempfile
from pathlib import Path

import httpx
import pandas as pd
import tensorflow as tf
from google.protobuf import text_format
from scipy.stats import spearmanr
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from helpers.flights.examples import CATEGORIES, FEATURES

from .harness import cases, quoted

WHOLE = {"weekday", "day_minute"}


def _flight(**changes):
    """A flight as the desk's system sends it: numbers written either way, gaps as None, more than the model knows."""
    flight = {
        "carrier": "UA", "flight": 1545, "tailnum": "N14228", "origin": "EWR", "dest": "IAH", "distance": 1400,
        "weekday": 1, "day_minute": 315.0, "temp": 39.02, "dewp": 26.06, "humid": 59.37, "wind_dir": 270,
        "wind_speed": 10.35702, "precip": 0.01, "pressure": 1012.0, "visib": 10, "late": 1,
    }  # fmt: skip
    return flight | changes


FLIGHTS = [
    _flight(),
    _flight(temp=None, pressure=None),
    _flight(precip=0, weekday=0, wind_speed=0.0),
    _flight(carrier="DL", dest="ATL", distance=762.5, humid=None, late=0),
]
LATE = [0.19, 0.22, 0.25, 0.4]
RESULTS = {"results": [[["on time", 1 - p], ["late", p + 1e-7]] for p in LATE]}


def _typed(name, value):
    return value if name in CATEGORIES else int(value) if name in WHOLE else float(value)


def _record(flight, convert=_typed, keep=lambda value: value is not None, names=FEATURES):
    return {name: convert(name, flight[name]) for name in names if keep(flight[name])}


def _body(key="examples", also=(), **changes):
    records = [_record(flight, **changes) | {name: flight[name] for name in also} for flight in FLIGHTS]
    return {"signature_name": "classify", key: records}


def _reply(body=None, method="POST", path="/v1/models/late:classify", status=200, got=RESULTS):
    """What httpx gives back for this request."""
    content = body if isinstance(body, str) else json.dumps(_body() if body is None else body)
    request = httpx.Request(method, f"http://127.0.0.1:8501{path}", content=content)
    return httpx.Response(status, json=got, request=request)


REFUSED = {"error": "Data types don't match."}


CONFIG = quoted("4.1b")
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


def _message():
    """The configuration as a message, put together in Python."""
    message = ModelServerConfig()
    entry = message.model_config_list.config.add(
        name="late", base_path="/models/late", model_platform="tensorflow"
    )
    entry.model_version_policy.specific.versions.extend([2, 1])
    entry.version_labels["canary"], entry.version_labels["stable"] = 2, 1
    return message


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


def _order_of_order(chances):
    return pd.Series(chances.to_numpy().argsort().argsort())


def _gate_of_scipy(stable, candidate):
    """Written with comparisons that are all false of nan."""
    if ((candidate < 0) | (candidate > 1)).any():
        return {"invalid"}
    reasons = {"level"} if abs(candidate.mean() - stable.mean()) > 0.1 else set()
    return reasons if spearmanr(stable, candidate)[0] >= 0.9 else reasons | {"order"}


# ---- 4.1e: small models that say minute of the day / 3000, and exactly 0.3 at 900 ------------------------------------

KINDS = {
    name: "string" if name in CATEGORIES else "int64" if name in WHOLE else "float32" for name in FEATURES
}
MODELS = tempfile.TemporaryDirectory(prefix="cases-4-1-")


def _late(rows):
    minute = rows["day_minute"]
    return tf.where(tf.cast(minute, tf.int64) == 900, 0.3, tf.cast(minute, tf.float32) / 3000)


def _today(**rows):
    return {"late": _late(rows)}


def _alerts(alert=lambda late: late >= 0.3, late=lambda late: late, **more):
    def alerts(**rows):
        chance = _late(rows)
        return {"late": late(chance), "alert": alert(chance)} | {
            name: make(chance) for name, make in more.items()
        }

    return alerts


class Saved(os.PathLike):
    """The folder of a SavedModel, made when it is first looked at: `predict_rows`, and a signature which is `alerts` as asked for.

    Told otherwise: its function, that of `predict_rows` (or None), its name; names, kinds and rows of its inputs; `alone`: handed
    over without a name; `within`: the folder below the one told; `kept`: the share of the graph that was copied.
    """

    def __init__(
        self,
        alerts=None,
        today=_today,
        name="alerts",
        kinds=KINDS,
        rows=None,
        alone=False,
        within=".",
        kept=1.0,
    ):
        self.alerts, self.today, self.name, self.kinds = alerts or _alerts(), today, name, kinds
        self.rows, self.alone, self.within, self.kept = rows, alone, within, kept

    def __fspath__(self):
        return self.folder

    @functools.cached_property
    def folder(self):
        folder = tempfile.mkdtemp(dir=MODELS.name)
        new = self._concrete(self.alerts, self.kinds, self.rows)
        doors = {self.name: new} | ({"predict_rows": self._concrete(self.today)} if self.today else {})
        tf.saved_model.save(
            tf.Module(), str(Path(folder, self.within)), signatures=new if self.alone else doors
        )
        graph = Path(folder, self.within, "saved_model.pb")
        graph.write_bytes(graph.read_bytes()[: int(self.kept * graph.stat().st_size)])
        return folder

    @staticmethod
    def _concrete(function, kinds=KINDS, rows=None):
        specs = {name: tf.TensorSpec([rows, 1], kind, name) for name, kind in kinds.items()}
        return tf.function(function, autograph=False).get_concrete_function(**specs)


def _asserting(**rows):
    with tf.control_dependencies([tf.debugging.assert_all_finite(rows["pressure"], "no pressure")]):
        return {"late": tf.identity(_late(rows)), "alert": _late(rows) >= 0.3}


def _for_many(**rows):
    with tf.control_dependencies([tf.debugging.assert_greater(tf.shape(rows["temp"])[0], 1)]):
        return {"late": tf.identity(_late(rows)), "alert": _late(rows) >= 0.3}


def _positional(**rows):
    return _alerts()(day_minute=rows["day_minute_"])


CASES = {
    "4.1a": cases(
        "reply",
        right=[
            _reply(),
            _reply(_body(convert=lambda name, value: [_typed(name, value)])),
            _reply(path="/v1/models/late/versions/1:classify"),
        ],
        wrong={
            "which carries no records": _reply(method="GET", status=400, got=REFUSED),
            "is not where our model takes requests": _reply(
                path="/v1/models/lat:classify", status=404, got=REFUSED
            ),
            "The request went to": _reply(path="/v1/models/late:predict", status=400, got=REFUSED),
            "no JSON object": _reply([_record(flight) for flight in FLIGHTS], status=400, got=REFUSED),
            "layout of `:predict`": _reply(_body("instances"), status=400, got=REFUSED),
            "has no `examples`": _reply(_body("records"), status=400, got=REFUSED),
            "laid out by feature": _reply(
                {
                    "signature_name": "classify",
                    "examples": {name: [flight[name] for flight in FLIGHTS] for name in FEATURES},
                }
            ),
            "names another signature": _reply(
                _body() | {"signature_name": "predict_rows"}, status=400, got=REFUSED
            ),
            "is one record by itself": _reply(_body() | {"examples": _body()["examples"][0]}),
            "stand in another order": _reply(_body() | {"examples": _body()["examples"][::-1]}),
            "one dict for each flight": _reply(_body() | {"examples": _body()["examples"][:1]}),
            "does not name the signature": _reply({"examples": _body()["examples"]}, status=400, got=REFUSED),
            "travels along": _reply(_body(also=["late"])),
            "`tailnum` is not a feature": _reply(_body(also=["tailnum"])),
            "goes out as `null`": _reply(
                _body(keep=lambda value: True, convert=lambda name, value: value and _typed(name, value)),
                status=400,
                got=REFUSED,
            ),
            "you sent a value": _reply(
                _body(keep=lambda value: True, convert=lambda name, value: _typed(name, value or 0))
            ),
            "Zero is a measurement": _reply(_body(keep=bool)),
            "`temp` was known": _reply(_body(names=[name for name in FEATURES if name != "temp"])),
            "as a whole number": _reply(
                _body(convert=lambda name, value: int(value) if name in WHOLE else value),
                status=400,
                got=REFUSED,
            ),
            "with a decimal point": _reply(
                _body(convert=lambda name, value: value if name in CATEGORIES else float(value)),
                status=400,
                got=REFUSED,
            ),
            "goes out as text": _reply(_body(convert=lambda name, value: str(value))),
            "with another value": _reply(
                _body(
                    convert=lambda name, value: _typed(
                        name, (value - 32) * 5 / 9 if name == "temp" else value
                    )
                )
            ),
            "as the text it was": _reply(
                _body(convert=lambda name, value: value.lower() if name == "carrier" else _typed(name, value))
            ),
            "send an empty list": _reply(
                _body(
                    keep=lambda value: True,
                    convert=lambda name, value: [] if value is None else _typed(name, value),
                )
            ),
            "came later in the lesson": _reply(
                status=400, got={"error": "No signature was found with the name: classify"}
            ),
            "what it did not like": _reply(status=503, got=REFUSED),
            "the answer is not version 1's": _reply(
                got={"results": [[["on time", p], ["late", 1 - p]] for p in LATE]}
            ),
        },
        given={"flights": FLIGHTS, "late": LATE},
        invalid={"it should be": {"method": "POST"}},
    ),
    "4.1b": cases(
        "config",
        right=[
            CONFIG,
            OTHER_CONFIG,
            _message(),
            _but("/models/late", "/models/late/"),
            text_format.Parse(CONFIG, ModelServerConfig()),
        ],
        wrong={
            "holds one `config` for each model": "model_config_list { }",
            "bears another name": _but('"late"', '"Late"'),
            "where the server has the shelf": _but("/models/late", "models/late"),
            "lacks the platform": _but('model_platform: "tensorflow"'),
            "another than the example's": _but('"tensorflow"', '"pytorch"'),
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
        invalid={"is no text form": CONFIG + "}"},
    ),
    "4.1c": cases(
        "is_ready",
        right=[_ready, _is("AVAILABLE")],
        wrong={
            "neither `True` nor `False`": lambda status: True if _ready(status) else None,
            "answers nobody yet": _is("AVAILABLE", "LOADING"),
            "stands inside `UNAVAILABLE`": lambda status: "AVAILABLE" in json.dumps(status),
            "ask for exactly one": lambda status: str(status).count("'AVAILABLE'") == 1,
            "never says `True`": lambda status: status.get("state") == "AVAILABLE",
            "because a version has failed": lambda status: (
                _ready(status)
                and not any(
                    version["status"]["error_code"] != "OK" for version in status["model_version_status"]
                )
            ),
            "newest version alone": lambda status: (
                "model_version_status" in status and status["model_version_status"][0]["state"] == "AVAILABLE"
            ),
            "one by one": lambda status: len(status.get("model_version_status", [])) == 1,
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
            "it is neither below 0": _gate_of_scipy,
            "Equal chances have equal ranks": _gate_of_pandas(ranked=_order_of_order),
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
    "4.1e": cases(
        "made",
        right=[
            Saved(),
            Saved(_alerts(lambda late: late[:, 0] >= 0.3)),
            Saved(kinds=dict(reversed(KINDS.items()))),
        ],
        wrong={
            "A server can't load it": Saved(kept=0.5),
            "as a function is that is given by itself": Saved(alone=True),
            "there is no `alerts`": Saved(name="alert"),
            "and it is gone": Saved(today=None),
            "which no client sends": Saved(_positional, kinds={f"{name}_": KINDS[name] for name in KINDS}),
            "does not take `carrier`": Saved(kinds={"day_minute": "int64"}),
            "as another type than version 1": Saved(kinds=KINDS | {"day_minute": "float32"}),
            "fixes the shape": Saved(rows=1),
            "has no output `late`; it has `output_0`": Saved(lambda **rows: _late(rows)),
            "has no output `alert`": Saved(_today),
            "may come to rely on it": Saved(_alerts(threshold=lambda late: 0 * late + 0.3)),
            "another type than the chance": Saved(_alerts(late=lambda late: tf.cast(late, tf.float64))),
            "gives a `bool` by itself": Saved(_alerts(lambda late: tf.cast(late >= 0.3, tf.int64))),
            "has lost its output `late`": Saved(today=lambda **rows: {"chance": _late(rows)}),
            "has more outputs than `late`": Saved(today=_alerts()),
            "with a gap, `alerts` fails": Saved(_asserting),
            "a batch of one, `alerts` fails": Saved(_for_many),
            "with a gap, `alert` is not a list": Saved(_alerts(lambda late: tf.reduce_any(late >= 0.3))),
            "a batch of one, `alert` is not a list": Saved(_alerts(lambda late: tf.squeeze(late >= 0.3))),
            "the chance of being on time": Saved(_alerts(late=lambda late: 1 - late)),
            "another chance than": Saved(_alerts(late=lambda late: late * 0.8)),
            "turned round": Saved(_alerts(lambda late: late < 0.3)),
            "*at least* 0.3": Saved(_alerts(lambda late: late > 0.3)),
            "whatever its chance": Saved(_alerts(lambda late: late >= 0.5)),
            "Which number": Saved(_alerts(lambda late: late >= 0.2)),
        },
        invalid={
            "it should be the path": {"folder": 1},
            "folder of versions": Saved(within="1"),
            "there is no `saved_model.pb`": "alerts",
        },
    ),
}
