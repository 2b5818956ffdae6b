"""Answers to the exercises of lesson 2.8."""

import functools
import hashlib
import itertools
import json
import operator

import networkx as nx
from ml_metadata.proto import metadata_store_pb2 as mlmd

from .harness import cases

INPUT, OUTPUT = mlmd.Event.INPUT, mlmd.Event.OUTPUT


def _graph(store, verdicts=True):
    graph = nx.DiGraph()
    kinds = {artifact.id: artifact.type for artifact in store.get_artifacts()}
    graph.add_nodes_from(("artifact", number) for number in kinds)
    for event in store.get_events_by_execution_ids([execution.id for execution in store.get_executions()]):
        ends = ("artifact", event.artifact_id), ("execution", event.execution_id)
        if event.type == INPUT and (verdicts or kinds[event.artifact_id] != "ModelBlessing"):
            graph.add_edge(*ends)
        if event.type == OUTPUT:
            graph.add_edge(*reversed(ends))
    return graph


def _touched(store, start):
    return [n for kind, n in nx.descendants(_graph(store), ("artifact", start)) if kind == "artifact"]


def _recursive(store, start):
    found = {}

    def go(artifact):
        for event in store.get_events_by_artifact_ids([artifact]):
            if event.type == INPUT:
                for other in store.get_events_by_execution_ids([event.execution_id]):
                    if other.type == OUTPUT and other.artifact_id not in found:
                        found[other.artifact_id] = event.execution_id
                        go(other.artifact_id)

    go(start)
    found.pop(start, None)
    return found


def _mlmds_own(store, start):
    options = mlmd.LineageSubgraphQueryOptions
    query = options(direction=options.DOWNSTREAM, max_num_hops=100)
    query.starting_artifacts.filter_query = f"id = {start}"
    return {artifact.id for artifact in store.get_lineage_subgraph(query).artifacts} - {start}


def _types_ignored(store, start):
    via = {event.execution_id for event in store.get_events_by_artifact_ids([start])}
    return {event.artifact_id for event in store.get_events_by_execution_ids(via)} - {start}


def _whole_events(store, start):
    return [event for event in store.get_events_by_artifact_ids([start]) if event.type == INPUT]


def _to_delete(store, asked):
    graph, states = _graph(store, verdicts=False), {a.id: a for a in store.get_artifacts()}
    ends = set().union(
        {("artifact", a) for a in asked}, *(nx.descendants(graph, ("artifact", a)) for a in asked)
    )
    return [
        n
        for kind, n in ends
        if kind == "artifact" and states[n].state != mlmd.Artifact.DELETED
        and states[n].type != "ModelBlessing"
    ]  # fmt: skip


def _by_walks(store, asked):
    artifacts = {a.id: a for a in store.get_artifacts()}
    todo, seen = list(asked), set(asked)
    while todo:
        for event in store.get_events_by_artifact_ids([todo.pop()]):
            if event.type != INPUT:
                continue
            for other in store.get_events_by_execution_ids([event.execution_id]):
                new = other.type == OUTPUT and other.artifact_id not in seen
                if new and artifacts[other.artifact_id].type != "ModelBlessing":
                    seen.add(other.artifact_id)
                    todo.append(other.artifact_id)
    return {i for i in seen if artifacts[i].state != mlmd.Artifact.DELETED}


def _union_of_walks(store, asked):
    found = set(asked)
    for number in asked:
        found |= set(_touched(store, number))
    kinds = {a.id: a.type for a in store.get_artifacts()}
    return {i for i in found if kinds[i] != "ModelBlessing"}


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


def _xor(form):
    """The digests of the files, each written in a form, xored: an order it has not, and a decimal number has many lengths."""

    def folder_digest(files):
        return str(functools.reduce(operator.xor, (int(_sha(form(n, files[n])), 16) for n in files), 0))

    return folder_digest


_calls = itertools.count()

_PAIRS = """
WITH made AS (SELECT execution_id, artifact_id FROM Event WHERE type = 4)
SELECT g.artifact_id AS examples, m.artifact_id AS model
FROM Event g, made m
WHERE g.execution_id = m.execution_id AND g.type = 3
  AND EXISTS (SELECT 1 FROM EventPath p WHERE p.event_id = g.id AND p.step_key = 'window')
GROUP BY 1, 2
"""
_BY_UNION = """
SELECT r.artifact_id examples, m.artifact_id model FROM Event r
JOIN EventPath USING (id) JOIN Event m USING (execution_id)
"""

CASES = {
    "2.8a": cases(
        "touched",
        right=[_touched, _recursive],
        wrong={
            "`return` the ids": lambda store, start: None if start == 1 else set(),
            "holds something else": _whole_events,
            "after 100 steps": _mlmds_own,
            "is not what was made with": lambda store, start: {1, 2},
        },
    ),
    "2.8b": cases(
        "trained",
        right=[_PAIRS],
        wrong={
            "the two columns": "SELECT DISTINCT artifact_id, execution_id FROM Event",
            "two ids as numbers": "SELECT DISTINCT GROUP_CONCAT(r.artifact_id) AS examples, m.artifact_id AS model "
            "FROM Event r JOIN EventPath p ON p.event_id = r.id JOIN Event m ON m.execution_id = r.execution_id "
            "WHERE step_key = 'window' AND r.type = 3 AND m.type = 4 GROUP BY m.artifact_id",
            "are not who was trained": "SELECT 11 AS examples, 20 AS model",
        },
        invalid={"SQLite says": _BY_UNION},
    ),
    "2.8c": cases(
        "folder_digest",
        right=[_of_digests, _with_lengths, _xor(lambda name, content: json.dumps([name, content]))],
        wrong={
            "`return` the digest": lambda files: None if files else "",
            "nothing can be compared": lambda files: hash(tuple(sorted(files.items()))) % 10**9,
            "is something else": lambda files: {name: _sha(content) for name, content in files.items()},
            "raw bytes": lambda files: hashlib.sha256(_of_digests(files).encode()).digest(),
            "turned into text": lambda files: "-1" if len(files) > 1 else "123" + str(len(files)),
            "by chance": lambda files: _of_digests(files)[:2],
            "in another order": lambda files: _sha(str(frozenset(files.items()))),
            "a line's end": lambda files: _of_digests({name: text.rstrip() for name, text in files.items()}),
            "became a capital": lambda files: _of_digests({name.lower(): files[name] for name in files}),
            "beyond ASCII": lambda files: hashlib.sha256(
                json.dumps(sorted(files.items()), ensure_ascii=False).encode("ascii", "ignore")
            ).hexdigest(),
            "must be short": lambda files: str(sorted(files.items())),
            "in two calls": lambda files: f"{next(_calls):064}",
            "can't be fooled": lambda files: _sha("\n".join(f"{n}:{files[n]}" for n in sorted(files))),
            "may stand in a name": lambda files: _sha(
                "".join(sorted(_sha(f"{n}:{files[n]}") for n in files))
            ),
            "names belong to it": _xor(lambda name, content: content),
            "from a content to the name": _xor(lambda name, content: name + content),
            "Two different folders": lambda files: _of_digests(files or {"a": "1\nb:2"}),
        },
    ),
    "2.8d": cases(
        "to_delete",
        right=[_to_delete, _by_walks],
        wrong={
            "`return` the ids": lambda store, asked: None if asked else set(),
            "holds something else": lambda store, asked: ["Model 4"],
            "are all empty": lambda store, asked: set(),
            "only judged on": _union_of_walks,
            "other artifacts must go": lambda store, asked: {1, 4},
        },
    ),
}
