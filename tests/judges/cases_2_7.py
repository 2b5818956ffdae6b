"""Answers to the exercises of lesson 2.7."""

import hashlib
import json

from .harness import Cases

ROWS = {"train": 1, "eval": 1}


def _problems(announced, counted, age, limit):
    splits = announced.keys() | counted.keys()
    found = sorted(split for split in splits if announced.get(split) != counted.get(split))
    return found + (["stale"] if age > limit else [])


def _problems_in_steps(announced, counted, age, limit):
    found = {split for split in announced if split not in counted or counted[split] != announced[split]}
    found.update(split for split in counted if split not in announced)
    if age > limit:
        found.add("stale")
    return found


def _stale(age, limit):
    return ["stale"] if age > limit else []


def _runs_again(changed, edges):
    again, grown = set(changed), True
    while grown:
        reached = {downstream for upstream, downstream in edges if upstream in again}
        grown = not reached <= again
        again |= reached
    return again


def _runs_again_recursively(changed, edges):
    found = []
    for name in changed:
        found.append(name)
        found += _runs_again_recursively([b for a, b in edges if a == name], edges)
    return sorted(set(found))


def _once(changed, edges):
    found = list(changed)
    for a, b in edges:
        if a in found:
            found.append(b)
    return found


def _sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def _framed(files):
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(_sha(name).encode())
        total.update(_sha(files[name]).encode())
    return total.hexdigest()[:16]


_calls = iter(range(10**9))

CASES = {
    "2.7a": Cases(
        right=[{"problems": _problems}, {"problems": _problems_in_steps}],
        wrong={
            "never the age": {"problems": lambda a, c, age, limit: _problems(a, c, 0, 1)},
            "equals the limit is not above it": {
                "problems": lambda a, c, age, limit: (
                    _problems(a, c, 0, 1) + (["stale"] if age >= limit else [])
                )
            },
            "call a fresh delivery stale": {
                "problems": lambda a, c, age, limit: (
                    _problems(a, c, 0, 1) + (["stale"] if age < limit else [])
                )
            },
            "counted and never announced passes": {
                "problems": lambda a, c, age, limit: [s for s in a if c.get(s) != a[s]] + _stale(age, limit)
            },
            "did not come at all passes": {
                "problems": lambda a, c, age, limit: [s for s in c if c[s] != a.get(s)] + _stale(age, limit)
            },
            "only the splits that both sides know": {
                "problems": lambda a, c, age, limit: (
                    [s for s in a.keys() & c.keys() if c[s] != a[s]] + _stale(age, limit)
                )
            },
            "for an empty one": {
                "problems": lambda a, c, age, limit: (
                    [s for s in a.keys() | c.keys() if c.get(s, 0) != a.get(s, 0)] + _stale(age, limit)
                )
            },
            "one with too many, or one that nobody announced": {
                "problems": lambda a, c, age, limit: [s for s in a if c.get(s, 0) < a[s]] + _stale(age, limit)
            },
            "You compare totals": {
                "problems": lambda a, c, age, limit: (
                    ([*(a.keys() | c.keys())] if sum(a.values()) != sum(c.values()) else [])
                    + _stale(age, limit)
                )
            },
            "no longer look at the age": {
                "problems": lambda a, c, age, limit: _problems(a, c, 0, 1) or _stale(age, limit)
            },
            "no longer look at the splits": {
                "problems": lambda a, c, age, limit: _stale(age, limit) or _problems(a, c, 0, 1)
            },
            "whether something is wrong": {"problems": lambda *args: bool(_problems(*args))},
            "return an empty list": {"problems": lambda *args: _problems(*args) or None},
            "That is a text": {"problems": lambda *args: ", ".join(_problems(*args))},
            "neither splits nor the agreed word": {
                "problems": lambda *args: [name.replace("stale", "too old") for name in _problems(*args)]
            },
        },
    ),
    "2.7b": Cases(
        right=[{"runs_again": _runs_again}, {"runs_again": _runs_again_recursively}],
        wrong={
            "nothing that reads its artifacts": {"runs_again": lambda changed, edges: changed},
            "one step downstream": {
                "runs_again": lambda changed, edges: set(changed) | {b for a, b in edges if a in changed}
            },
            "once through the edges": {"runs_again": _once},
            "leave out the changed components": {
                "runs_again": lambda changed, edges: _runs_again(changed, edges) - set(changed)
            },
            "only the direct readers": {
                "runs_again": lambda changed, edges: {b for a, b in edges if a in changed}
            },
            "You walk upstream": {
                "runs_again": lambda changed, edges: _runs_again(changed, [(b, a) for a, b in edges])
            },
            "You run everything again": {
                "runs_again": lambda changed, edges: {*changed, *(name for edge in edges for name in edge)}
            },
            "that come from the cache": {
                "runs_again": lambda changed, edges: (
                    {name for edge in edges for name in edge} - _runs_again(changed, edges)
                )
            },
            "Does every path": {"runs_again": lambda changed, edges: _runs_again(changed, edges) or None},
            "as a set or list of texts": {
                "runs_again": lambda changed, edges: len(_runs_again(changed, edges))
            },
        },
    ),
    "2.7c": Cases(
        right=[
            {"unnoticed": {"contract edited", "check rewritten", "manifest corrected"}},
            {"unnoticed": ["manifest corrected", "contract edited", "check rewritten", "contract edited"]},
        ],
        wrong={
            "the new name is in the key": {
                "unnoticed": {"contract edited", "contract renamed", "check rewritten", "manifest corrected"}
            },
            "their sizes and times": {"unnoticed": ["span replaced", "contract edited"]},
            "parameter of Transform": {"unnoticed": {"other function", "check rewritten"}},
            "of a higher number": {"unnoticed": {"span added", "check rewritten"}},
            "of which the key holds the path alone": {"unnoticed": {"check rewritten", "manifest corrected"}},
            "Where is its code": {"unnoticed": {"contract edited", "manifest corrected"}},
            "past its declared inputs": {"unnoticed": {"contract edited", "check rewritten"}},
            "None at all": {"unnoticed": set()},
            "that the cache does notice; asked": {
                "unnoticed": {"contract renamed", "span replaced", "other function", "span added"}
            },
            "is not in the table": {"unnoticed": {"contract", "check rewritten"}},
        },
    ),
    "2.7d": Cases(
        right=[
            {"fingerprint": lambda files: _sha(json.dumps(sorted(files.items())))},
            {"fingerprint": _framed},
            {"fingerprint": lambda files: _sha(json.dumps(files, sort_keys=True))},
            {"fingerprint": lambda files: _sha(repr(sorted(files.items())))},
        ],
        wrong={
            "in another order give another text": {"fingerprint": lambda files: _sha(json.dumps(files))},
            "A renamed file": {
                "fingerprint": lambda files: _sha(json.dumps([files[name] for name in sorted(files)]))
            },
            "A changed content": {"fingerprint": lambda files: _sha(json.dumps(sorted(files)))},
            "swap their contents": {
                "fingerprint": lambda files: _sha(json.dumps([sorted(files), sorted(files.values())]))
            },
            "across the border between two files": {
                "fingerprint": lambda files: _sha(
                    json.dumps(sorted(files)) + "".join(files[name] for name in sorted(files))
                )
            },
            "from the name into the content": {
                "fingerprint": lambda files: _sha("|".join(name + files[name] for name in sorted(files)))
            },
            "White space is lost": {
                "fingerprint": lambda files: _sha(
                    json.dumps([(name, text.split()) for name, text in sorted(files.items())])
                )
            },
            "from Python's own `hash`": {
                "fingerprint": lambda files: hash(json.dumps(sorted(files.items()))) % 10**9
            },
            "written as text": {"fingerprint": lambda files: str(hash(json.dumps(sorted(files.items()))))},
            "two different texts": {"fingerprint": lambda files: str(next(_calls))},
            "the same for all files": {"fingerprint": lambda files: _sha("files")},
            "one text for all files together": {
                "fingerprint": lambda files: [_sha(name + text) for name, text in sorted(files.items())]
            },
        },
    ),
}
