"""Answers to the exercises of lesson 4.6 that its own examples can't have: other right ways, mistakes nobody foresaw."""

import httpx

from .harness import cases, quoted

PIECE = quoted("4.6a")


def _with(*pairs):
    text = PIECE
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


_LIVE = "tcpSocket: {port: 8501}\n  periodSeconds: 10\n  failureThreshold: 6"
_START = "port: 8501}\n  periodSeconds: 5\n  failureThreshold: 60"
_GET = "/metadata, port: 8501}\n  periodSeconds: 5\n  failureThreshold: 2"
_LIMITS = "  limits: {memory: 2Gi}"


def _numpy_free(now, metric, target, least, most, tolerance=0.1):
    if (1 - tolerance) * target <= metric <= (1 + tolerance) * target:
        many = now
    else:
        many = -((-now * metric) // target)
    return int(sorted([least, many, most])[1])


def _plus_one(now, metric, target, least, most, tolerance=0.1):
    return min(max(now + (metric > target), least), most)


# httpx.get makes a TLS context at each call, which takes longer than the question
_CLIENT = httpx.Client()


def _status(address):
    return _CLIENT.get(address + "/v1/models/late", timeout=5)


def _code(url):
    try:
        return _CLIENT.get(url).status_code
    except httpx.HTTPError:
        return 0


def _by_status(addresses, wanted):
    """Without raise_for_status, and a set for a list."""
    fine = set()
    for name, address in addresses.items():
        try:
            reply = _status(address)
        except httpx.ConnectError:
            continue
        if reply.status_code != 200:
            continue
        serving = [v for v in reply.json()["model_version_status"] if v["state"] == "AVAILABLE"]
        if serving and max(int(v["version"]) for v in serving) == wanted:
            fine.add(name)
    return set(addresses) - fine


def _states(address):
    try:
        return _status(address).raise_for_status().json()["model_version_status"]
    except httpx.HTTPError:
        return []


def _those(test):
    """Names of the replicas whose states pass a test."""
    return lambda addresses, wanted: [name for name, at in addresses.items() if test(_states(at), wanted)]


def _serving(states, as_=int):
    return [as_(one["version"]) for one in states if one["state"] == "AVAILABLE"]


def _silent_is_fine(addresses, wanted):
    found = []
    for name, address in addresses.items():
        try:
            reply = _status(address)
        except httpx.HTTPError:
            continue
        if max(_serving(reply.json().get("model_version_status", [])), default=None) != wanted:
            found.append(name)
    return found


def _broken_is_fine(addresses, wanted):
    found = []
    for name, address in addresses.items():
        try:
            reply = _status(address)
        except httpx.HTTPError:
            found.append(name)
            continue
        if (
            reply.status_code == 200
            and max(_serving(reply.json()["model_version_status"]), default=None) != wanted
        ):
            found.append(name)
    return found


def _no_version_is_fine(addresses, wanted):
    found = []
    for name, address in addresses.items():
        try:
            states = _status(address).raise_for_status().json()["model_version_status"]
        except httpx.HTTPError:
            found.append(name)
            continue
        if states and max(_serving(states), default=None) != wanted:
            found.append(name)
    return found


CASES = {
    "4.6a": cases(
        "piece",
        right=[
            PIECE,
            _with(('cpu: "1"', "cpu: 1"), ("memory: 1Gi", "memory: 1024Mi"), ("periodSeconds: 10\n  ", "")),
            _with(('cpu: "1"', "cpu: 1000m"), ("tcpSocket: {port: 8501}", "tcpSocket: {port: rest}\n  timeoutSeconds: 1")),
            "# mine\n" + PIECE,
        ],
        wrong={
            "is missing, or empty": PIECE[: PIECE.index("livenessProbe")],
            "the schema takes any text": _with(("memory: 2Gi", 'memory: "2 GB"')),
            "The pod asks for nothing": _with(('  requests: {cpu: "1", memory: 1Gi}\n', "")),
            "You limit the CPU": _with((_LIMITS, "  limits: {cpu: 1, memory: 2Gi}")),
            "CPU is not one whole": _with(('cpu: "1"', "cpu: 500m")),
            "Memory has no limit": _with((_LIMITS, "  limits: {}")),
            "A GiB is `Gi`": _with(("1Gi", "1G"), ("2Gi", "2G")),
            "is another size than": _with(("1Gi", "2Gi")),
            "asks in two ways": _with((_LIVE, _LIVE + "\n  httpGet: {path: /v1/models/late, port: 8501}")),
            "that is what made the storm": _with(("tcpSocket: {port: 8501}", "httpGet: {path: /v1/models/late, port: 8501}")),
            "is to open a connection": _with(("tcpSocket: {port: 8501}", "grpc: {port: 8501}")),
            "connection to another port": _with(("tcpSocket: {port: 8501}", "tcpSocket: {port: 8500}")),
            "takes for a port's name": _with((_GET, _GET.replace("8501", '"8501"'))),
            "a single success": _with((_LIVE, _LIVE + "\n  successThreshold: 2")),
            "`readinessProbe` is to GET": _with(
                ("httpGet: {path: /v1/models/late" + _GET, "tcpSocket: {port: 8501}\n  periodSeconds: 5\n  failureThreshold: 2")),
            "answers 200 while the model still loads": _with((_GET, _GET.replace("/metadata", ""))),
            "another path than": _with((_GET, _GET.replace("metadata", "ready"))),
            "asks another port": _with((_GET, _GET.replace("8501", "8500"))),
            "over HTTPS": _with(("metadata, port: 8501}\n  periodSeconds: 5\n  failureThreshold: 60",
                                 "metadata, port: 8501, scheme: HTTPS}\n  periodSeconds: 5\n  failureThreshold: 60")),
            "after 25 minutes": _with((_START, _START.replace("60", "300"))),
            "than after five minutes": _with((_START, _START.replace("60", "5"))),
            "out after more or fewer": _with((_GET, _GET.replace("Threshold: 2", "Threshold: 10"))),
            "than after a minute": _with((_LIVE, _LIVE.replace("Threshold: 6", "Threshold: 60"))),
            "waits before its first": _with((_LIVE, _LIVE + "\n  initialDelaySeconds: 60")),
        },
        invalid={
            "should be YAML text": {"resources": {}},
            "is no YAML": "resources: {requests: [",
            "holds text": "resources",
            "has the key `image`": PIECE + "image: late\n",
            "failureTreshold": _with(("failureThreshold: 6\n", "failureTreshold: 6\n")),
            "is not of type 'integer'": _with(("periodSeconds: 10", "periodSeconds: 10s")),
        },
    ),
    "4.6b": cases(
        "wanted",
        right=[_numpy_free],
        wrong={
            "another count": _plus_one,
            "whole number is asked": lambda now, metric, target, least, most, tolerance=0.1: min(
                max(now * metric / target, least), most),
        },
    ),
    "4.6c": cases(
        "break_even",
        right=[lambda fixed, owned, rented: None if owned >= rented else fixed * (1 / (rented - owned))],
        wrong={
            "another k": lambda fixed, owned, rented: (fixed + 1) / (rented - owned) if rented > owned else None,
            "one number, or `None`": lambda fixed, owned, rented:
                fixed / (rented - owned) if rented > owned else "never",
            "no traffic pays": lambda fixed, owned, rented: fixed / (rented - owned) if rented != owned else None,
            "k is 0": lambda fixed, owned, rented: fixed / (rented - owned) if rented > owned and fixed else None,
        },
    ),
    "4.6d": cases(
        "stale",
        right=[_by_status, _those(lambda states, wanted: max(_serving(states), default=-1) != wanted)],
        wrong={
            "should return a list of names": lambda addresses, wanted: ", ".join(addresses),
            "You list every replica": _those(lambda s, wanted: max(_serving(s, str), default=None) != wanted),
            "You ask for another page": lambda addresses, wanted: [
                name for name, at in addresses.items() if _code(at + "/v1/models/late/metadata") != 200],
            "No replica got a GET": lambda addresses, wanted: list(addresses),
            "is 2 for you": _those(lambda s, wanted: max(_serving(s), default=0) != 2),
            "You list nobody": lambda addresses, wanted: [],
            "Those are the replicas that are right": _those(lambda s, wanted: max(_serving(s), default=0) == wanted),
            "no replica's name": lambda addresses, wanted: [
                address for name, address in addresses.items() if max(_serving(_states(address)), default=0) != wanted],
            "stands on your list": _those(lambda s, wanted: len(s) != 1 or max(_serving(s), default=0) != wanted),
            "where 12 has ended": _those(lambda s, wanted: max(_serving(s), default=0) not in (wanted, 9)),
            "*above* the one wanted": _those(lambda s, wanted: wanted not in _serving(s)),
            "only an older version is not": _those(lambda s, wanted: max(_serving(s), default=0) > wanted or not _serving(s)),
            "answers with the highest. You": _those(lambda s, wanted: _serving(s) != [wanted]),
            "The status page's order": _those(lambda s, wanted: (_serving(s) or [0])[0] != wanted),
            "not done with loading": _those(lambda s, wanted: max([int(x["version"]) for x in s], default=0) != wanted),
            "As texts it is 9": _those(lambda s, wanted: max(_serving(s, str), default="") != str(wanted)),
            "gives no connection": _silent_is_fine,
            "answers 503": _broken_is_fine,
            "no version is available": _those(lambda s, wanted: max(_serving(s) or [wanted if s else 0]) != wanted),
            "lists no version at all": _no_version_is_fine,
            "Version 2 passes": _those(
                lambda s, wanted: max(_serving(s), default=-1) not in (wanted, wanted % 10 if wanted > 10 else wanted)),
            "Version 112 passes": _those(
                lambda s, wanted: not str(max(_serving(s), default="")).endswith(str(wanted))),
            "more than once": lambda addresses, wanted: 2 * sorted(_by_status(addresses, wanted)),
        },
    ),
}  # fmt: skip
