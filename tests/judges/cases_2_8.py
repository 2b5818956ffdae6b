"""Answers to the exercises of lesson 2.8."""

import hashlib
import itertools

import networkx as nx

from .harness import cases


def _touched(events, start):
    graph = nx.DiGraph()
    graph.add_node(("artifact", start))
    for execution, artifact, kind in events:
        ends = ("artifact", artifact), ("execution", execution)
        graph.add_edge(*(ends if kind == "input" else reversed(ends)))
    return [number for kind, number in nx.descendants(graph, ("artifact", start)) if kind == "artifact"]


def _recursive(events, start):
    found = {}

    def go(artifact):
        for reader in {e for e, a, kind in events if kind == "input" and a == artifact}:
            for made in {a for e, a, kind in events if kind == "output" and e == reader}:
                if made not in found:
                    found[made] = reader
                    go(made)

    go(start)
    found.pop(start, None)
    return found


def _one_number_space(events, start):
    graph = nx.DiGraph((a, e) if kind == "input" else (e, a) for e, a, kind in events)
    graph.add_node(start)
    return nx.descendants(graph, start) & {a for _, a, _ in events}


def _by_sets(model, bad):
    if {bad} & set(model["trained_on"]):
        return "Train again"
    return "judge again" if bad in {model["judged_on"], *model["rival_trained_on"]} else "keep"


def _sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def _of_digests(files):
    return _sha("".join(_sha(name) + _sha(files[name]) for name in sorted(files)))


def _with_lengths(files):
    total = hashlib.blake2b()
    for name, content in sorted(files.items()):
        for part in (name, content):
            total.update(f"{len(part)}:{part}".encode())
    return total.hexdigest()


_calls = itertools.count()

CASES = {
    "2.8a": cases(
        "touched",
        right=[_touched, _recursive],
        wrong={
            "`return` the ids": lambda events, start: None if start else set(),
            "holds something else": lambda events, start: {("artifact", 1)},
            "counted separately": _one_number_space,
            "walk it by hand": lambda events, start: {1, 2},
        },
    ),
    "2.8b": cases(
        "duty",
        right=[_by_sets],
        wrong={
            "gives nothing back": lambda model, bad: "train again" if bad in model["trained_on"] else None,
            "letter by letter": lambda model, bad: "recall",
            "line by line": lambda model, bad: "keep" if bad == 3 else "judge again",
        },
    ),
    "2.8c": cases(
        "folder_digest",
        right=[_of_digests, _with_lengths],
        wrong={
            "`return` the digest": lambda files: None if files else "",
            "nothing can be compared": lambda files: hash(tuple(sorted(files.items()))) % 10**9,
            "is something else": lambda files: {name: _sha(content) for name, content in files.items()},
            "raw bytes": lambda files: hashlib.sha256(_of_digests(files).encode()).digest(),
            "turned into text": lambda files: "-1" if len(files) > 1 else "123" + str(len(files)),
            "gets longer": lambda files: str(sorted(files.items())),
            "in two calls": lambda files: f"{next(_calls):064}",
            "can't be fooled": lambda files: _sha("\n".join(f"{n}:{files[n]}" for n in sorted(files))),
            "may stand in a name": lambda files: _sha(
                "".join(sorted(_sha(f"{n}:{files[n]}") for n in files))
            ),
            "Two different folders": lambda files: _of_digests(files or {"a": "1\nb:2"}),
        },
    ),
    "2.8d": cases(
        "holds",
        right=[["model", "examples", "examplestatistics", "pushedmodel", "onlinetable"]],
        wrong={"`Transform` is none of the eight": {"Examples", "Transform"}},
    ),
}
