"""Answers to the exercises of lesson 2.8."""

import hashlib
import json

from .harness import Cases

CASES = {}

# ---------------------------------------------------------------------------------------------------- 2.8a


def touched(events, start):
    found, newest = set(), {start}
    while newest:
        readers = {
            execution for execution, artifact, kind in events if kind == "input" and artifact in newest
        }
        made = {artifact for execution, artifact, kind in events if kind == "output" and execution in readers}
        newest = made - found - {start}
        found |= newest
    return found


def with_networkx(events, start):
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_node(("artifact", start))
    for execution, artifact, kind in events:
        ends = ("artifact", artifact), ("execution", execution)
        graph.add_edge(*(ends if kind == "input" else reversed(ends)))
    return [node for kind, node in nx.descendants(graph, ("artifact", start)) if kind == "artifact"]


def recursive(events, start):
    found = set()

    def go(artifact):
        for reader in {e for e, a, k in events if k == "input" and a == artifact}:
            for made in {a for e, a, k in events if k == "output" and e == reader}:
                if made not in found:
                    found.add(made)
                    go(made)

    go(start)
    return sorted(found - {start})


def steps(number):
    def walk(events, start):
        found, newest = set(), {start}
        for _ in range(number):
            readers = {e for e, a, k in events if k == "input" and a in newest}
            newest = {a for e, a, k in events if k == "output" and e in readers}
            found |= newest
        return found - {start}

    return walk


def in_order(events, start):
    found, readers = {start}, set()
    for execution, artifact, kind in events:
        if kind == "input" and artifact in found:
            readers.add(execution)
        if kind == "output" and execution in readers:
            found.add(artifact)
    return found - {start}


def turned(events):
    return [(e, a, "output" if kind == "input" else "input") for e, a, kind in events]


def readers_of(events, start):
    ids = touched(events, start) | {start}
    return {e if type(e) is int else 99 for e, a, k in events if k == "input" and a in ids}


def circling(events, start):
    return touched(events, start) | ({start} if start == 1 and len(events) == 5 else set())


def one_number_space(events, start):
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_node(start)
    graph.add_edges_from((a, e) if kind == "input" else (e, a) for e, a, kind in events)
    return nx.descendants(graph, start) & {a for _, a, _ in events}


def read_beside(events, start):
    found, newest = set(), {start}
    while newest:
        readers = {e for e, a, k in events if k == "input" and a in newest}
        newest = {a for e, a, k in events if e in readers} - found
        found |= newest
    return found - {start}


CASES["2.8a"] = Cases(
    right=[{"touched": touched}, {"touched": with_networkx}, {"touched": recursive}],
    wrong={
        "`return` the ids": {"touched": lambda events, start: None if start else set()},
        "holds something else": {"touched": lambda events, start: {("artifact", 1)}},
        "The artifact itself is in your answer": {
            "touched": lambda events, start: touched(events, start) | {start}
        },
        "leads back to the artifact itself": {"touched": circling},
        "You went one step": {"touched": steps(1)},
        "two steps and stopped": {"touched": steps(2)},
        "the walk backward": {"touched": lambda events, start: touched(turned(events), start)},
        "all artifacts there are": {"touched": lambda events, start: {a for _, a, _ in events}},
        "ids of executions": {"touched": readers_of},
        "counted separately": {"touched": one_number_space},
        "follow only outputs": {"touched": read_beside},
        "in order of time": {"touched": in_order},
        "walk it by hand": {"touched": lambda events, start: {1, 2}},
    },
)

# ---------------------------------------------------------------------------------------------------- 2.8b


def duty(model, bad):
    if bad in model["trained_on"]:
        return "train again"
    return "judge again" if bad == model["judged_on"] or bad in model["rival_trained_on"] else "keep"


def by_sets(model, bad):
    if {bad} & set(model["trained_on"]):
        return "Train again"
    return "judge again" if bad in {model["judged_on"], *model["rival_trained_on"]} else "keep"


def without(key, empty):
    return lambda model, bad: duty({**model, key: empty}, bad)


def judge_first(model, bad):
    verdict = duty({**model, "trained_on": []}, bad)
    return verdict if verdict == "judge again" else duty(model, bad)


CASES["2.8b"] = Cases(
    right=[{"duty": duty}, {"duty": by_sets}],
    wrong={
        "gives nothing back": {
            "duty": lambda model, bad: "train again" if bad in model["trained_on"] else None
        },
        "letter by letter": {"duty": lambda model, bad: "recall"},
        "the same of every model": {"duty": lambda model, bad: "keep"},
        "A handicapped rival": {"duty": without("rival_trained_on", [])},
        "was judged on the bad span itself": {"duty": without("judged_on", -1)},
        "only at what it was trained on": {
            "duty": lambda model, bad: duty({**model, "judged_on": -1, "rival_trained_on": []}, bad)
        },
        "The heaviest duty counts": {"duty": judge_first},
        "does not help a model": {
            "duty": lambda model, bad: duty(model, bad).replace("train again", "judge again")
        },
        "Clean weights need no": {
            "duty": lambda model, bad: duty(model, bad).replace("judge again", "train again")
        },
        "the rival's weights, not": {
            "duty": lambda model, bad: "train again" if bad in model["rival_trained_on"] else duty(model, bad)
        },
        "leaves the weights as they were": {
            "duty": lambda model, bad: "train again" if bad == model["judged_on"] else duty(model, bad)
        },
        "They need nothing": {"duty": lambda model, bad: duty(model, bad).replace("keep", "judge again")},
        "line by line": {"duty": lambda model, bad: "keep" if bad == 3 else "judge again"},
    },
)

# ---------------------------------------------------------------------------------------------------- 2.8c


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def folder_digest(files):
    return sha(json.dumps(sorted(files.items())))


def of_digests(files):
    return sha("".join(sha(name) + sha(files[name]) for name in sorted(files)))


def with_lengths(files):
    total = hashlib.blake2b()
    for name, content in sorted(files.items()):
        for part in (name, content):
            total.update(f"{len(part)}:{part}".encode())
    return total.hexdigest()


CASES["2.8c"] = Cases(
    right=[{"folder_digest": folder_digest}, {"folder_digest": of_digests}, {"folder_digest": with_lengths}],
    wrong={
        "`return` the digest": {"folder_digest": lambda files: None if files else ""},
        "Python's own `hash`": {"folder_digest": lambda files: hash(tuple(sorted(files.items()))) % 10**9},
        "is something else": {
            "folder_digest": lambda files: {name: sha(content) for name, content in files.items()}
        },
        "Every folder gets the same": {"folder_digest": lambda files: sha("files")},
        "gets longer": {"folder_digest": lambda files: json.dumps(sorted(files.items()))},
        "sort first": {"folder_digest": lambda files: sha(json.dumps(files))},
        "A content was changed": {"folder_digest": lambda files: sha(json.dumps(sorted(files)))},
        "names belong to it": {"folder_digest": lambda files: sha(json.dumps(sorted(files.values())))},
        "tied to its name": {
            "folder_digest": lambda files: sha(json.dumps([sorted(files), sorted(files.values())]))
        },
        "An empty file was added": {
            "folder_digest": lambda files: sha(json.dumps(sorted(item for item in files.items() if item[1])))
        },
        "from a content to the name": {
            "folder_digest": lambda files: sha("".join(name + files[name] for name in sorted(files)))
        },
        "can't be fooled": {
            "folder_digest": lambda files: sha("\n".join(f"{name}:{files[name]}" for name in sorted(files)))
        },
        "can be shifted": {
            "folder_digest": lambda files: sha("\0".join(f"{name} {files[name]}" for name in sorted(files)))
        },
        "Where does a content end": {
            "folder_digest": lambda files: sha(
                "".join(sorted(files)) + "".join(files[n] for n in sorted(files))
            )
        },
        "may stand in a name": {
            "folder_digest": lambda files: sha(
                "".join(sorted(sha(f"{n}:{text}") for n, text in files.items()))
            )
        },
        "raw bytes": {
            "folder_digest": lambda files: hashlib.sha256(json.dumps(sorted(files.items())).encode()).digest()
        },
        "turned into text": {
            "folder_digest": lambda files: "-1" if len(files) > 1 else "123" + str(len(files))
        },
        "Does every file count": {
            "folder_digest": lambda files: sha(json.dumps([sorted(files), files.get("data.gz")]))
        },
    },
)

# ---------------------------------------------------------------------------------------------------- 2.8d

HOLDS = {"Examples", "ExampleStatistics", "Model", "PushedModel", "OnlineTable"}

CASES["2.8d"] = Cases(
    right=[{"holds": HOLDS}, {"holds": sorted(name.lower() for name in HOLDS)}],
    wrong={
        "nothing to delete": {"holds": set()},
        "none of the eight": {"holds": HOLDS | {"Transform"}},
        "All eight?": {"holds": HOLDS | {"Schema", "ExampleAnomalies", "ModelBlessing"}},
        "`tailnum` failed none": {"holds": HOLDS | {"ExampleAnomalies"}},
        "lists no values": {"holds": HOLDS | {"Schema"}},
        "is two numbers": {"holds": HOLDS | {"ModelBlessing"}},
        "the rows themselves": {"holds": HOLDS - {"Examples"}},
        "names the plane all the same": {"holds": HOLDS - {"ExampleStatistics"}},
        "which weight is whose": {"holds": HOLDS - {"Model"}},
        "A copy of something": {"holds": HOLDS - {"PushedModel"}},
        "looked up by": {"holds": HOLDS - {"OnlineTable"}},
    },
)
