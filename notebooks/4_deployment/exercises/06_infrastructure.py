"""How the exercises of lesson 4.6, Infrastructure, are judged."""

import contextlib
import functools
import json
import math
import re
import selectors
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from helpers.exercises.kit import Program, Text, exercise
from helpers.exercises.plain import Blank, NotData, clean, kind
from helpers.exercises.rules import function
from helpers.exercises.signs import CONSTANT, NOTHING, number, optional, right_but, unless

# ---- 4.6a: probes and resources ----------------------------------------------------------------------------

_KEYS = ("resources", "startupProbe", "readinessProbe", "livenessProbe")
_ASKS = "YAML text of four keys, as `draft` is"


class _Piece(Text):
    """YAML text of a part of a container, read as its dict once Kubernetes's strict schema takes it."""

    asks = _ASKS

    def read(self, value):
        if type(value) is not str:
            raise NotData(f"is {kind(value)}; it should be {_ASKS}.")
        return self._parsed(super().read(value))

    def _parsed(self, text):
        import yaml

        try:
            piece = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f" Line {mark.line + 1} is where the parser stops." if mark else ""
            raise NotData(
                f"is no YAML: {clean(str(getattr(error, 'problem', '') or error), 80)}.{where}"
            ) from None
        if piece in (..., "...") or piece is None:
            raise Blank("")
        if type(piece) is not dict or not all(type(key) is str for key in piece):
            raise NotData(f"holds {kind(piece)}; it should be {_ASKS}.")
        if strange := sorted(set(piece) - set(_KEYS)):
            raise NotData(f"has the key `{clean(strange[0], 40)}`; it should be {_ASKS}.")
        text = json.dumps(piece)
        if said := _said_by_the_schema(text):
            raise NotData(said)
        return json.loads(text)


@functools.lru_cache(maxsize=256)  # the package reads its schemas anew at each call
def _said_by_the_schema(text):
    """What Kubernetes's strict schema has against a piece, given as JSON; empty where nothing."""
    import kubernetes_validate

    container = {"name": "late", **json.loads(text)}
    pod = {"metadata": {"labels": {"app": "late"}}, "spec": {"containers": [container]}}
    whole = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "late"},
             "spec": {"selector": {"matchLabels": {"app": "late"}}, "template": pod}}  # fmt: skip
    try:
        kubernetes_validate.validate(whole, "1.37", strict=True)
    except kubernetes_validate.ValidationError as error:
        where = ".".join(str(part) for part in list(error.path)[5:])
        said = clean(error.message, 160)
        return f"is refused by Kubernetes's strict schema{' at `' + where + '`' if where else ''}: {said}"
    return ""


_UNITS = {"": 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def _quantity(value):
    """A quantity as a number; None where it is absent, NaN where Kubernetes could not read it."""
    if value is None:
        return None
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]*)?)(m|k|M|G|Ki|Mi|Gi)?", str(value))
    return float(found[1]) * _UNITS[found[2] or ""] if found else math.nan


def _of_the_resources(resources):
    asked, most = resources.get("requests") or {}, resources.get("limits") or {}
    for where, sizes in (("requests", asked), ("limits", most)):
        for name, value in sizes.items():
            if math.isnan(_quantity(value)):
                yield (
                    f"`{clean(str(value), 20)}`, in `{where}` for {clean(name, 20)}, is no quantity: "
                    "the schema takes any text, the cluster does not."
                )
    cpu, memory = _quantity(asked.get("cpu")), _quantity(asked.get("memory"))
    if not asked:
        yield (
            "The pod asks for nothing. Without `requests` the autoscaler has no hundred per cent to "
            "measure against."
        )
    if "cpu" in most:
        yield (
            "You limit the CPU. That throttles a pod while the machine has CPU to spare; asked is a "
            "limit on memory alone."
        )
    if cpu != 1:
        yield "In `requests`, CPU is not one whole processor."
    if _quantity(most.get("memory")) is None:
        yield "Memory has no limit, so one leaking pod takes its neighbours along."
    if {memory, _quantity(most["memory"])} & {1e9, 2e9}:
        yield "`G` is a billion bytes. A GiB is `Gi`."
    if memory != 2**30 or _quantity(most["memory"]) != 2**31:
        yield (
            "Memory: what the pod asks for (`requests`), or the most it may take (`limits`), is "
            "another size than the table's."
        )


_WAYS = {"httpGet", "tcpSocket", "exec", "grpc"}


def _of_a_get(name, probe):
    get = probe.get("httpGet")
    if not get:
        yield f"`{name}` is to GET a page: `httpGet`."
    if get.get("path") == "/v1/models/late":
        yield (
            f"`{name}` asks for the status page, which answers 200 while the model still loads. Its "
            "path ends in `/metadata`."
        )
    if get.get("path") != "/v1/models/late/metadata":
        yield f"`{name}` asks for another path than `/v1/models/late/metadata`."
    if get.get("port") not in (8501, "rest"):
        yield f"`{name}` asks another port than 8501."
    if get.get("scheme", "HTTP") != "HTTP" or get.get("host"):
        yield (
            f"`{name}` asks over HTTPS, or another host. The server speaks plain HTTP at the pod's own "
            "address."
        )


def _often(probe):
    return probe.get("periodSeconds") or 10, probe.get("failureThreshold") or 3


@exercise(
    "4.6a",
    piece=_Piece(),
    hints=(
        "Begin with `draft`, one key a block, and add what the table names.",
        "At most 5 minutes at one probe every 5 s are 60 failures in a row.",
        "The liveness probe has no path: `tcpSocket: {port: 8501}`, every 10 s, 6 failures.",
    ),
    said="Readiness asks whether the model answers; liveness asks only what a restart can mend.",
)
def probes_and_resources(piece):
    for key in _KEYS:
        if not piece.get(key):
            yield f"`{key}` is missing, or empty. Four keys are asked for."
    yield from _of_the_resources(piece["resources"])
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        if len(_WAYS & {way for way, what in piece[name].items() if what is not None}) > 1:
            yield f"`{name}` asks in two ways at once. The schema lets it pass, the cluster refuses it."
    startup, readiness, liveness = (piece[name] for name in _KEYS[1:])
    if "httpGet" in liveness:
        yield (
            "Your liveness probe GETs a page, and so stands in the queue with the requests: that is "
            "what made the storm."
        )
    if not liveness.get("tcpSocket"):
        yield "The liveness probe is to open a connection: `tcpSocket`."
    if any(probe.get("tcpSocket", probe.get("httpGet", {})).get("port") == "8501" for probe in
           (startup, readiness, liveness)):
        yield "`\"8501\"` is text, which the cluster takes for a port's name. The number has no quotes."
    if any((probe.get("successThreshold") or 1) != 1 for probe in (startup, liveness)):
        yield (
            "A startup or liveness probe has passed after a single success: the schema lets another "
            "`successThreshold` pass, the cluster refuses it."
        )
    if liveness["tcpSocket"].get("port") not in (8501, "rest"):
        yield "The liveness probe opens a connection to another port than 8501."
    yield from _of_a_get("readinessProbe", readiness)
    yield from _of_a_get("startupProbe", startup)
    every, failures = _often(startup)
    if (every, failures) == (5, 300):
        yield "`failureThreshold` counts probes, not seconds: your startup probe gives up after 25 minutes."
    if every != 5 or every * failures != 300:
        yield (
            "The startup probe asks at another pace, or gives up earlier or later than after five "
            "minutes. Pace times failures is what it takes."
        )
    if _often(readiness) != (5, 2):
        yield (
            "The readiness probe asks at another pace, or the pod is out after more or fewer "
            "failures, than the table says."
        )
    every, failures = _often(liveness)
    if every != 10 or every * failures != 60:
        yield (
            "The liveness probe asks at another pace, or kills earlier or later than after a minute. "
            "Pace times failures is what it takes."
        )
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        if (piece[name].get("initialDelaySeconds") or 0) > 0:
            yield (
                f"`{name}` waits before its first question (`initialDelaySeconds`). That is what the "
                "startup probe is for."
            )


# ---- 4.6b: the autoscaler's rule ---------------------------------------------------------------------------


def _wanted(now, metric, target, least, most, tolerance=0.1, *, up=math.ceil, near=None, keep=True):
    ratio = metric / target
    near = near or (lambda ratio, tolerance: abs(ratio - 1) <= tolerance)
    many = now if keep and near(ratio, tolerance) else up(now * ratio)
    return min(max(many, least), most)


def _slip(**how):
    """The rule, with one part of it done otherwise, or one input taken for another."""
    inputs = ("now", "metric", "target", "least", "most", "tolerance")

    def rule(*given):
        told = dict(zip(inputs, given, strict=True))
        told |= {name: value for name, value in how.items() if name in inputs}
        parts = {name: part for name, part in how.items() if name not in inputs}
        return _wanted(**told, **parts)

    return rule


def _unclamped_within(now, metric, target, least, most, tolerance):
    near = abs(metric / target - 1) <= tolerance
    return now if near else _wanted(now, metric, target, least, most, tolerance)


def _by_difference(now, metric, target, least, most, tolerance):
    near = abs(metric - target) <= tolerance
    return _wanted(now, metric, target, least, most, tolerance, near=lambda ratio, tolerance: near)


function(
    "4.6b", "wanted",
    # ratios that floats hold exactly where a limit is met
    [
        (1, 200, 100, 1, 20, 0.1), (4, 50, 100, 1, 20, 0.1), (4, 70, 60, 1, 20, 0.1),
        (10, 63, 60, 1, 20, 0.1), (10, 57, 60, 1, 20, 0.1), (8, 75, 60, 1, 20, 0.25),
        (8, 45, 60, 1, 20, 0.25), (8, 75, 60, 1, 20, 0.1), (10, 90, 60, 2, 12, 0.1), (4, 0, 60, 2, 20, 0.1),
        (1, 60, 60, 2, 20, 0.1), (15, 60, 60, 2, 12, 0.1), (8, 72, 60, 1, 20, 0.25),
        (8, 0.75, 0.5, 1, 20, 0.25), (5, 75, 60, 1, 20, 0.1), (7, 32, 64, 1, 20, 0.1),
        (3, 80, 64, 1, 20, 0.1), (9, 100, 50, 2, 12, 0.1), (1, 62, 60, 2, 20, 0.1),
        (10, 66.3, 60, 1, 20, 0.1), (10, 53.75, 60, 1, 20, 0.1),
    ],
    odd={
        "Your function gives nothing back. Does it `return` the number?": NOTHING,
        "Replicas are counted: one whole number is asked for.":
            unless(lambda output: number(output) and math.isfinite(output) and output == int(output)),
    },
    rule=_wanted,
    said="A ratio is about proportions: twice the load on each pod asks for twice the pods, and a flicker "
    "for none.",
    mistakes={
        "Rounded to the nearest, 6.25 becomes 6, and the pods stay above the target: round up.":
            _slip(up=round),
        "You round down, and the pods stay above the target.": _slip(up=math.floor),
        "You round down and add one, which is one too many where the number is whole.":
            _slip(up=lambda x: math.floor(x) + 1),
        "You never use the tolerance, so every flicker of the metric moves pods.": _slip(keep=False),
        "A ratio that differs from 1 by exactly `tolerance` changes nothing yet.":
            _slip(near=lambda ratio, tolerance: abs(ratio - 1) < tolerance),
        "The tolerance holds in both directions: a ratio a little under 1 changes nothing, too.":
            _slip(near=lambda ratio, tolerance: 0 <= ratio - 1 <= tolerance),
        "`ratio - 1` without `abs`: every ratio below 1 counts as near, and the service never shrinks.":
            _slip(near=lambda ratio, tolerance: ratio - 1 <= tolerance),
        "`rel_tol` of `math.isclose` is a share of the larger number. Asked is how far the ratio is from 1.":
            _slip(near=lambda ratio, tolerance: math.isclose(ratio, 1, rel_tol=tolerance)),
        "You round the ratio before you compare it with the tolerance.":
            _slip(near=lambda ratio, tolerance: abs(round(ratio, 2) - 1) <= tolerance),
        "The tolerance is 0.1 for you, whatever is handed in.": _slip(tolerance=0.1),
        "You compare the difference of metric and target with the tolerance. It is about their ratio.":
            _by_difference,
        "Within the tolerance you return `now` as it is. `least` and `most` hold there, too.":
            _unclamped_within,
        "Your ratio is upside down: more load gives fewer replicas.":
            lambda now, metric, target, *more: _wanted(now, target, metric or 1e-9, *more),
        "`least` is never held: at night nobody would be left to answer.": _slip(least=0),
        "`most` is never held.": _slip(most=10**9),
        "`least` and `most` are never held.": _slip(least=0, most=10**9),
        "That is the ratio rounded up; it has to be multiplied with `now` first.": _slip(now=1, keep=False),
        "Your function gives the same number whatever comes.": CONSTANT,
    },
    otherwise="For some numbers another count comes out.",
    hints=(
        "First the ratio. Is it near 1? Then `now`, otherwise `math.ceil(now * ratio)`.",
        "`min(max(number, least), most)` last, for both cases.",
    ),
)  # fmt: skip

# ---- 4.6c: break-even --------------------------------------------------------------------------------------


def _break_even(fixed, owned, rented):
    return fixed / (rented - owned) if rented > owned else None


function(
    "4.6c", "break_even",
    [(1000, 100, 300), (1000, 100, 200), (0, 100, 200), (1000, 300, 300), (1000, 300, 200), (100, 0, 1000),
     (15000.0, 2250.0, 3250.0), (500, 100, 1100), (0, 300, 200)],
    odd={"Asked is one number, or `None`.":
         unless(optional(lambda output: number(output) and math.isfinite(output)))},
    rule=_break_even,
    said="Each unit of traffic saves the difference of the two, and k of them pay for what is fixed.",
    mistakes={
        "Where renting is not dearer per unit of traffic, no traffic pays for what is fixed: `None`, "
        "not a number.":
            right_but(lambda right: lambda fixed, owned, rented: right(fixed, owned, rented) or 0.0,
                      on=lambda fixed, owned, rented: rented > owned),
        "You return nothing where `fixed` is 0. Then owning is the cheaper from the start: k is 0.":
            right_but(lambda right: lambda fixed, owned, rented: right(fixed, owned, rented) or None,
                      on=lambda fixed, owned, rented: fixed != 0),
        "You leave out what owning costs for each unit of traffic.":
            lambda fixed, owned, rented: fixed / rented if rented > owned else None,
        "You add the two costs of traffic. What a unit saves is their difference.":
            lambda fixed, owned, rented: fixed / (rented + owned) if rented > owned else None,
        "`fixed` stays as it is with k times the traffic; you let it grow, too.":
            lambda fixed, owned, rented: (fixed + owned) / rented if rented > owned else None,
        "Upside down: the fixed cost is divided by what a unit saves.":
            lambda fixed, owned, rented: (rented - owned) / fixed if rented > owned and fixed else None,
        "k is not rounded: 1.5 times the traffic of today is an answer.":
            lambda fixed, owned, rented: math.ceil(fixed / (rented - owned)) if rented > owned else None,
        "A k below 1 is an answer, too: owning is the cheaper even for less than the traffic of today.":
            lambda fixed, owned, rented: max(1, fixed / (rented - owned)) if rented > owned else None,
        "The two costs are exchanged: you ask from where on renting is the cheaper.":
            lambda fixed, owned, rented: _break_even(fixed, rented, owned),
    },
    otherwise="For some costs another k comes out. Put it into both sides: are they the same?",
    hints=(
        "At break-even fixed + k · owned = k · rented.",
        "So k is `fixed` divided by the difference; a difference of nothing, or less, is never.",
    ),
)  # fmt: skip

# ---- 4.6d: who runs another version ------------------------------------------------------------------------

_A, _L, _E = "AVAILABLE", "LOADING", "END"
_FLEETS = [  # wanted, and what each kind of replica says (None: nobody listens; a number: that status)
    (2, {"fine": {2: _A, 1: _E}}),
    (2, {"fine": {2: _A}, "both": {2: _A, 1: _A}, "turned": {1: _A, 2: _A}, "old": {1: _A},
         "loads": {2: _L, 1: _A}}),
    (1, {"ahead": {2: _A, 1: _A}}),
    (12, {"texts": {12: _A, 9: _A}, "nine": {9: _A, 12: _E}, "two": {2: _A}, "long": {112: _A}}),
    (2, {"gone": None, "broken": 503, "nothing": {2: _E}, "none": {}}),
]  # fmt: skip
_ORDER = ["fine", "both", "turned", "texts", "old", "ahead", "loads", "nine", "gone", "broken", "nothing",
          "none", "two", "long"]  # fmt: skip


def _highest(said):
    serving = [version for version, state in said.items() if state == _A] if type(said) is dict else []
    return max(serving, default=None)


def _stale(wanted, fleet):
    return sorted(name for name, said in fleet.items() if _highest(said) != wanted)


class _Page(BaseHTTPRequestHandler):
    """A replica's status page."""

    def do_GET(self):
        said = self.server.said
        self.server.asked.append(self.path)
        body = {"model_version_status": [
            {"version": str(version), "state": state, "status": {"error_code": "OK", "error_message": ""}}
            for version, state in (said if type(said) is dict else {}).items()
        ]}  # fmt: skip
        code = said if type(said) is int else 200 if self.path == "/v1/models/late" else 404
        text = json.dumps(body if code == 200 else {"error": "not here"}).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        """Nothing to stderr."""


def _played(stale):
    """What the function says of each fleet of small servers, by kinds; and the pages that it asked for."""
    with contextlib.ExitStack() as stack:
        listening, fleets, asked = selectors.DefaultSelector(), [], []
        for wanted, fleet in _FLEETS:
            addresses, kinds = {}, {}
            for number, (one, said) in enumerate(fleet.items()):
                server = HTTPServer(("127.0.0.1", 0), _Page)
                stack.callback(server.server_close)
                kinds[f"late-{number}"], server.said, server.asked = one, said, asked
                addresses[f"late-{number}"] = f"http://127.0.0.1:{server.server_port}"
                if said is None:
                    server.server_close()
                else:
                    listening.register(server, selectors.EVENT_READ)
            fleets.append((wanted, addresses, kinds))
        over = threading.Event()
        answering = threading.Thread(target=_answer, args=(listening, over), daemon=True)
        stack.callback(lambda: (over.set(), answering.join()))
        answering.start()
        found = [_listed(stale(dict(addresses), wanted), kinds) for wanted, addresses, kinds in fleets]
        return {"found": found, "asked": sorted(set(asked))}


def _answer(listening, over):
    """Answer whoever asks one of these servers, until it is over."""
    while not over.is_set():
        for key, _ in listening.select(0.02):
            key.fileobj.handle_request()


def _listed(found, kinds):
    """The kinds of the replicas listed, "?" for what is no name; None where it is no list."""
    if found is None or type(found) in (str, dict) or not hasattr(found, "__iter__"):
        return None
    return [kinds.get(name, "?") if type(name) is str else "?" for name in found]


_OF_A_REPLICA = {
    "fine": "A replica that answers with the version wanted stands on your list.",
    "both": "A replica with an older version beside the one wanted answers with the highest. You list it.",
    "turned": "The status page's order is no promise: the highest version counts, not the first or the last.",
    "texts": "Of 9 and 12 the higher is 12. As texts it is 9: make numbers of them first.",
    "old": "A replica that has only an older version is not on your list.",
    "ahead": "A replica whose highest available version is *above* the one wanted answers with that one: "
             "it is stale, though it has the one wanted, too.",
    "loads": "A replica that is not done with loading the version wanted, and answers with the old one, "
             "is stale. Look at `state`.",
    "nine": "A replica on 9, where 12 has ended, is not on your list.",
    "gone": "A replica that gives no connection is not on your list. Nobody knows what it runs.",
    "broken": "A replica that answers 503 is not on your list.",
    "nothing": "A replica of which no version is available is not on your list.",
    "none": "A replica whose page lists no version at all is not on your list.",
    "two": "Version 2 passes where 12 is wanted: compare numbers, not parts of texts.",
    "long": "Version 112 passes where 12 is wanted: compare numbers, not parts of texts.",
}  # fmt: skip


@exercise(
    "4.6d",
    stale=Program(_played, seconds=40),
    hints=(
        "`httpx.get(…).raise_for_status()` raises for 503, and is an `httpx.HTTPError`, as a lost "
        "connection is.",
        '`[int(one["version"]) for one in states if one["state"] == "AVAILABLE"]`',
        "`max(…, default=None) != wanted` holds for an empty list, too.",
    ),
    said="Each replica was asked itself, and who did not answer counts as unknown, not as right.",
)
def who_is_stale(stale):
    stale, asked = stale["found"], stale["asked"]
    if any(found is None for found in stale):
        yield "Your function should return a list of names, also where all is well."
    pairs = [(wanted, fleet, set(found)) for (wanted, fleet), found in zip(_FLEETS, stale, strict=True)]
    if asked and "/v1/models/late" not in asked:
        yield "You ask for another page than the task names; a replica's versions don't stand there."
    if not asked and any(found for _, _, found in pairs):
        yield "No replica got a GET from you."
    if all(found == {one for one, said in fleet.items() if _highest(said) != 2} for _, fleet, found in pairs):
        yield "The version wanted is 2 for you, whatever is handed in."
    if all(found == set(fleet) for _, fleet, found in pairs):
        yield (
            "You list every replica. `version` in the body is a text and `wanted` a number: they are "
            "never equal."
        )
    if not any(found for _, _, found in pairs):
        yield "You list nobody, whatever the replicas say."
    if all(found == set(fleet) - set(_stale(wanted, fleet)) for wanted, fleet, found in pairs):
        yield "Those are the replicas that are right. Asked are the others."
    if any("?" in found for _, _, found in pairs):
        yield "Your list holds something that is no replica's name. Names are the keys of `addresses`."
    for name in _ORDER:
        for wanted, fleet, found in pairs:
            if name in fleet and (name in found) != (name in _stale(wanted, fleet)):
                yield _OF_A_REPLICA[name]
    if any(len(found) != len(set(found)) for found in stale):
        yield "A replica is listed more than once."
