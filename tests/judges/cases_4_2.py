"""Answers to 4.2's exercises that its own examples can't have: other right ways, mistakes nobody foresaw."""

import math

import numpy as np

from .harness import cases

BLOCK = """
upstream replicas {
    least_conn;   # fewest in flight
    server 127.0.0.1:ONE max_fails=2 fail_timeout=30s;
    server 127.0.0.1:TWO max_fails=2 fail_timeout=30s;
}
"""
SETTINGS = "max_fails=2 fail_timeout=30s"


def _in_numpy(latencies, every):
    """With ranges, as an array."""
    parts = [[x for x in latencies if x < every], *(np.arange(x, every - 1, -every) for x in latencies)]
    return np.concatenate(parts).astype(int)


def _recursive(latencies, every):
    later = [x - every for x in latencies if x - every >= every]
    return latencies + (_recursive(later, every) if later else [])


def _by_division(rate, work, limit):
    most = 1 - 2.996 * work / limit
    return math.ceil(rate * work / most) if most > 0 else None


def _in_a_loop(rate, work, limit):
    for number in range(1, 100_000):
        load = rate / number * work
        if load < 1 and 2.996 * work / (1 - load) <= limit:
            return number
    return None


def _token_bucket(tokens, is_retry):
    if is_retry and tokens < 1:
        return tokens, False
    return (tokens - 1 if is_retry else min(tokens + 0.1, 5)), True


def _but(old, new=""):
    return BLOCK.replace(old, new)


CASES = {
    "4.2a": cases(
        "corrected",
        right=[_in_numpy, _recursive],
        wrong={
            "flat list": lambda latencies, every: [[x] for x in latencies],
            "subtract `every` by hand": lambda latencies, every: [max(x, every) for x in latencies],
        },
    ),
    "4.2b": cases(
        "replicas",
        right=[_by_division, _in_a_loop],
        wrong={
            "whole number, or None": lambda rate, work, limit: (
                rate * work / max(0.1, 1 - 2.996 * work / limit)
            ),
            # counts to a hundred only
            "one by one": lambda rate, work, limit: (
                _by_division(rate, work, limit) if rate < 100 or work < 0.1 else None
            ),
        },
    ),
    "4.2c": cases(
        "upstream",
        right=[
            BLOCK,
            " ".join(BLOCK.replace("# fewest in flight", "").split()),
            _but("30s", "30"),
            _but(SETTINGS, "fail_timeout=30s max_fails=2"),
        ],
        wrong={
            "bears another name": _but("upstream replicas", "upstream others"),
            "one server only": _but(f"server 127.0.0.1:TWO {SETTINGS};"),
            "has another address": _but("127.0.0.1:TWO", "127.0.0.1:7002"),
            "deals requests out in turn": _but("least_conn;"),
            "That rule is another": _but("least_conn", "ip_hash"),
            "a statement more": _but("least_conn;", "least_conn; keepalive 8;"),
            "takes no share": _but(f"TWO {SETTINGS}", f"TWO {SETTINGS} backup"),
            "no word on failures": _but(f"TWO {SETTINGS}", "TWO"),
            "switches the count off": _but("max_fails=2", "max_fails=0"),
            "one failure is enough": _but("max_fails=2"),
            "another number of failures": _but("max_fails=2", "max_fails=3"),
            "pause of its own": _but("fail_timeout=30s"),
            "for another time": _but("30s", "30m"),
            "a setting more": _but("fail_timeout=30s", "fail_timeout=30s weight=2"),
        },
        invalid={
            "refused by nginx: unknown directive": _but("least_conn", "least_connections"),
            "it should be one block": BLOCK + "keepalive_timeout 5s;",
            "it should be the text": ["least_conn"],
            "is empty": "  # nothing yet",
            "holds no block": "server 127.0.0.1:ONE;",
        },
    ),
    "4.2d": cases(
        "budget",
        right=[_token_bucket, lambda tokens, is_retry: np.array(_token_bucket(tokens, is_retry))],
        wrong={
            "Both branches need": lambda tokens, is_retry: None if is_retry else (min(5, tokens + 0.1), True),
            "a tuple": lambda tokens, is_retry: True,
            "tokens come first": lambda tokens, is_retry: _token_bucket(tokens, is_retry)[::-1],
            "then True or False": lambda tokens, is_retry: (tokens, "yes"),
            "four rows": lambda tokens, is_retry: (5, True),
        },
    ),
}
