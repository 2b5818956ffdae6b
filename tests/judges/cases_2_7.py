"""Answers to the exercises of lesson 2.7."""

import hashlib
import json

import networkx as nx

from .harness import cases


def _problems(announced, counted, age, limit):
    found = {split for split in announced if split not in counted or counted[split] != announced[split]}
    found.update(split for split in counted if split not in announced)
    if age > limit:
        found.add("stale")
    return found


def _recursively(changed, edges):
    found = list(changed)
    for name in changed:
        found += _recursively([b for a, b in edges if a == name], edges)
    return found


def _runs_again(changed, edges):
    graph = nx.DiGraph(edges)
    graph.add_nodes_from(changed)
    return set(changed).union(*(nx.descendants(graph, name) for name in changed))


def _in_one_pass(changed, edges):
    found = set(changed)
    for a, b in sorted(edges):
        if a in found:
            found.add(b)
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
    "2.7a": cases(
        "problems",
        right=[_problems, lambda *given: sorted(_problems(*given))],
        wrong={
            "whether something is wrong": lambda *given: bool(_problems(*given)),
            "return an empty list": lambda *given: _problems(*given) or None,
            "That is a text": lambda *given: ", ".join(_problems(*given)),
            "Return a list of texts": lambda *given: len(_problems(*given)),
            "neither splits nor the agreed word": lambda *given: [
                name.replace("stale", "too old") for name in _problems(*given)
            ],
            "named twice": lambda *given: sorted(_problems(*given)) * 2,
            "the first split that differs": lambda a, c, age, limit: [
                *sorted(_problems(a, c, 0, 1))[:1],
                *["stale"] * (age > limit),
            ],
            "0 is a number": lambda a, c, *ages: [
                *_problems(a, c, *ages),
                *(split for split in a if a[split] == c.get(split) == 0),
            ],
            "Try one by hand": lambda *given: [name for name in _problems(*given) if name != "eval"],
        },
    ),
    "2.7b": cases(
        "runs_again",
        right=[_runs_again, _recursively],
        wrong={
            "Does every path": lambda changed, edges: _runs_again(changed, edges) or None,
            "as a set or list of texts": lambda changed, edges: len(_runs_again(changed, edges)),
            "missing from their own answer": lambda changed, edges: _runs_again(changed[:1], edges),
            "turn comes too early": _in_one_pass,
            "a small one by hand": lambda changed, edges: _runs_again(changed, edges) - {"Gate"},
        },
    ),
    "2.7c": cases(
        "unnoticed",
        right=[["manifest corrected", "contract edited", "check rewritten", "contract edited"]],
        wrong={"`contract` is not in the table": {"contract", "check rewritten"}},
    ),
    "2.7d": cases(
        "fingerprint",
        right=[
            _framed,
            lambda files: _sha(json.dumps(files, sort_keys=True)),
            lambda files: _sha(repr(sorted(files.items()))),
            lambda files: str(int(_framed(files) * 2, 16)),
            lambda files: hex(int(_framed(files), 16)),
        ],
        wrong={
            "a number from Python's own": lambda files: hash(json.dumps(sorted(files.items()))) % 10**9,
            "a number with a sign": lambda files: f"{hash(json.dumps(sorted(files.items()))):x}",
            "can't be told from": lambda files: str(abs(hash(json.dumps(sorted(files.items()))))),
            "White space is lost": lambda files: _framed(
                {name: text.strip() for name, text in files.items()}
            ),
            "two different texts": lambda files: str(next(_calls)),
            "one text for all files together": lambda files: [_sha(name) for name in sorted(files)],
            "across the border": lambda files: _sha("".join(name + files[name] for name in sorted(files))),
            "can stand in a file": lambda files: _sha(
                "".join(f"{name}: {files[name]}, " for name in sorted(files))
            ),
            "Sort before you digest": lambda files: _sha(
                repr(sorted(files.items(), key=lambda item: item[1]))
            ),
            "in their order": lambda files: _sha(
                repr([(n, sorted(files[n].splitlines(True))) for n in sorted(files)])
            ),
            "beyond ASCII": lambda files: hashlib.sha256(
                repr(sorted(files.items())).encode("ascii", "replace")
            ).hexdigest(),
            "that differ get the same text": lambda files: _framed(
                files or {"features.py": "import x\ny = 1\n"}
            ),
        },
    ),
}
