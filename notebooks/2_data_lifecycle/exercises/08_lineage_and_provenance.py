"""How the exercises of lesson 2.8, Lineage and provenance, are judged."""

from __future__ import annotations

import itertools
import re

from helpers.exercises.digests import between, digest, own_hash
from helpers.exercises.kit import Query
from helpers.exercises.rules import function
from helpers.exercises.signs import CONSTANT, NOTHING, Sign, follows, some, unless, where
from helpers.exercises.stores import OnStores, artifacts, events, stored

# ---- small stores (what their texts mean: stores.py) -------------------------------------------------------


def _walk(into=("INPUT",), out=("OUTPUT",), steps=999, start_too=False, readers=None, more=False):
    """A rule: from artifacts to the executions that have them `into`, and on to what these have `out`.

    readers: of so many executions each; start_too: the start where the way leads back to it; more: it in any
    case.
    """

    def touched(held, start):
        happened, found, newest, left = events(held), set(), {start}, steps
        while newest and left:
            via = set()
            for number in newest:
                via |= set([e for e, a, kind in happened if kind in into and a == number][:readers])
            newest = {a for e, a, kind in happened if kind in out and e in via} - found
            found |= newest
            left -= 1
        return (found if start_too else found - {start}) | ({start} if more else set())

    return touched


_forward = _walk()
_ANY = ("INPUT", "OUTPUT", "INTERNAL_OUTPUT")


def _one_number_space(held, start):
    """Takes an execution for the artifact of the same number."""
    edges = [(a, e) if kind == "INPUT" else (e, a) for e, a, kind in events(held)]
    found, newest = {start}, {start}
    while newest:
        newest = {end for source, end in edges if source in newest} - found
        found |= newest
    return (found & _all(held, start)) - {start}


def _in_order(held, start):
    """Goes through the executions once, in the order of their ids."""
    found = {start}
    for number in sorted({e for e, _, _ in events(held)}):
        if any(e == number and kind == "INPUT" and a in found for e, a, kind in events(held)):
            found |= {a for e, a, kind in events(held) if e == number and kind == "OUTPUT"}
    return found - {start}


def _all(held, start):
    return set(range(1, len(artifacts(held)) + 1))


def _readers(held, start):
    reached = _forward(held, start) | {start}
    return {e for e, a, kind in events(held) if kind == "INPUT" and a in reached}


def _one_maker(which):
    """Knows of each artifact one execution that made it, the first (0) or the last (-1)."""

    def touched(held, start):
        makers = {
            a: [e for e, b, kind in events(held) if kind == "OUTPUT" and b == a] for a in _all(held, start)
        }
        steps = {e: ([], []) for e, _, _ in events(held)}
        for e, a, kind in events(held):
            if kind == "INPUT" or (kind == "OUTPUT" and e == makers[a][which]):
                steps[e][kind == "OUTPUT"].append(str(a))
        kept = ";".join(f"{e}:{','.join(reads)}>{','.join(gives)}" for e, (reads, gives) in steps.items())
        return _forward(stored(kept, held["artifacts"]), start)

    return touched


def _members(output):
    """A list, set or dict's keys of whole numbers as a set; else None."""
    if type(output) not in (list, dict):
        return None
    # the keys of a dict
    ids = [int(i) if type(i) is str and i.isdecimal() and len(i) < 10 else i for i in output]
    return set(ids) if all(type(i) in (int, float) for i in ids) else None


_FOUR = stored("2:>2;1:>1;3:2;2:1")
_WEEKS = stored("1:>1;2:>2;3:1>3;4:2,3>4;5:3,4>5;6:>6;7:2,6>7")
_CACHED = stored("1:1>3;2:2>3;3:3>4,5;4:9>8;5:2>6;6:3>7;7:1>3")
_DIAMOND = stored("1:1>2,3;2:2>4;3:3>5;4:4,5>6;5:6>7")
_IN_PLACE = stored("1:1>1,2;2:2>3")
_CIRCLE = stored("1:1>2;2:2>1,3")
_RESOLVER = stored("1:>1;2:1~3;3:3>4;4:1>2")
_BESIDE = stored("1:5>1,2;2:2>3;3:1>4")
_LATE_IDS = stored("3:1>2;2:2>3;1:3>4")
_LONG = stored(";".join(f"{k}:{k}>{k + 1}" for k in range(1, 61)))

function(
    "2.8a", "touched",
    form=OnStores([
        (_FOUR, 1), (_FOUR, 2), (_WEEKS, 1), (_WEEKS, 2), (_WEEKS, 5), (_CACHED, 1), (_CACHED, 2),
        (_CACHED, 3), (_CACHED, 9), (_DIAMOND, 1), (_IN_PLACE, 1), (_CIRCLE, 1),
        (_RESOLVER, 1), (_BESIDE, 1), (_LATE_IDS, 1), (_LONG, 1),
    ]),
    odd={
        "Your function gives nothing back. Does it `return` the ids?": NOTHING,
        "Asked is a set (or list) of artifacts' ids; yours holds something else. An event has "
        "`artifact_id`, an artifact `id`.": some(lambda output: _members(output) is None),
    },
    rule=_forward,
    read=_members,
    said="From the artifact to those who read it, to what they made, until nothing is new: the closure.",
    mistakes={
        "Your sets are all empty. What leads away from an artifact are the events by which it was *read*; "
        "and `event.type` compares with `mlmd.Event.INPUT`, not with text.":
            lambda held, start: set(),
        "You give the ids of executions. Asked are artifacts.": _readers,
        "The artifact itself is in your answer. It was asked for without.": _walk(more=True),
        "Where the way leads back to the artifact itself, it is in your answer. It was asked for without.":
            _walk(start_too=True),
        "You went one step. What was made from that has the artifact in its ancestry, too.":
            follows(_walk(steps=1), _walk(steps=1, start_too=True)),
        "You went two steps and stopped. Go on until nothing new is found.": _walk(steps=2),
        "It ends after 50 generations. (MLMD's own walk does, after 100 steps between "
        "artifacts and executions.)":
            follows(_walk(steps=50), _walk(out=("OUTPUT", "INTERNAL_OUTPUT"), steps=50)),
        "That is the walk backward: what the artifact was made *from*.":
            follows(_walk(["OUTPUT"], ["INPUT"]), _walk(["OUTPUT"], ["INPUT"], start_too=True)),
        "You take execution 2 for artifact 2. The two are counted separately, so their numbers "
        "must be kept apart.":
            _one_number_space,
        "What a resolver has chosen (`INTERNAL_OUTPUT`) was not made by it. Follow only `OUTPUT`.":
            _walk(out=["OUTPUT", "INTERNAL_OUTPUT"]),
        "You take in what the executions *read* beside the artifact. That was not made with it: "
        "follow only `OUTPUT`.":
            follows(_walk(out=["INPUT", "OUTPUT"]), _walk(out=_ANY)),
        "You go on from who *made* an artifact as well as from who read it: so what was made beside it comes "
        "in, which is not made *with* it. Begin with `INPUT` events.":
            follows(_walk(into=_ANY), _walk(into=["INPUT", "OUTPUT"]), _walk(into=["OUTPUT"])),
        "Of an artifact with several makers you know one. What any of them read, it was made with.":
            follows(_one_maker(0), _one_maker(-1)),
        "Of several executions that read an artifact, you follow one. It may be input of many.":
            _walk(readers=1),
        "Those are all artifacts there are, reached or not.":
            follows(_all, lambda held, start: _all(held, start) - {start}),
        "Your walk holds only if executions come in order of time. Their ids don't promise that: repeat "
        "until nothing is new.": _in_order,
    },
    otherwise="For some stores your set is not what was made with the artifact. A store is "
    "written below as `execution:read>made`, one after another (`~` for `>`: what a resolver chose).",
    hints=(
        "Turn the walk of section 3 round: first the executions that *read* the artifact, then "
        "what those *made*.",
        "`store.get_events_by_artifact_ids` and `store.get_events_by_execution_ids` both take a set of ids. "
        "Filter each answer by `event.type`.",
        "Keep a set of what was found already, and go on only from what is not in it: a circle then ends, "
        "and repeats cost nothing.",
    ),
)


# ---- a store's tables --------------------------------------------------------------------------------------

_TYPES = {"<": 3, ">": 4, "~": 6}


def _tables(text, first=1):
    """Event and EventPath from a text such as "7<window:11,12;7>model:20"; events are
    numbered from `first` on."""
    events, paths = [], []
    for step in text.split(";"):
        execution, sign, key, listed = re.fullmatch(r"(\d+)([<>~])(\w+):([\d,]+)", step).groups()
        for place, artifact in enumerate(listed.split(",")):
            number = first + len(events)
            events.append({"id": number, "artifact_id": int(artifact), "execution_id": int(execution),
                           "type": _TYPES[sign],
                           "milliseconds_since_epoch": 1370000000000 + number})  # fmt: skip
            paths += [{"event_id": number, "is_index_step": 0, "step_index": None, "step_key": key},
                      {"event_id": number, "is_index_step": 1, "step_index": place,
                          "step_key": None}]  # fmt: skip
    return events, paths


_ONE = "7<window:11,12;7<schema:5;7>model:20"
_STORES = [
    _tables(_ONE),
    _tables(f"6~window:11,12;{_ONE};8<examples:13;8<model:20;8>blessing:21"),
    _tables(f"{_ONE};9<window:11,12;9<schema:5;9>model:20", first=31),  # 9 was answered from the cache
    _tables("1<window:1;1<schema:2;1>model:3;2<window:1,4;2<schema:2;2>model:6"),
    _tables("3<window:8;3<schema:2;4<window:9;4>model:10"),  # 3 has failed
    _tables("5<raw:1;5>window:2;5>log:3;6<window:2;6~window:7;6>model:4"),
]


def _trained(
    keys=("window",), read=(3,), made=(4,), path="id", by="execution_id", named="read", itself=True,
    repeated=False, swapped=False, one=None,
):  # fmt: skip
    """A rule: what was read under one of the keys, beside what was made, by events with `by` in common.

    by: None for any two. named: whose key it is, of what was read or made. path: what a row of EventPath is
    found by; None: any event of the execution. itself: an event may stand beside itself. one: of
    each model's examples (min, max).
    """

    def rows(events, paths):
        pairs = []
        for r, m in itertools.product(events, events):
            if r["type"] in read and m["type"] in made and by in (None, *[k for k in r if r[k] == m[k]]):
                one_event = r if named == "read" else m
                ids = (
                    [one_event[path]]
                    if path
                    else [e["id"] for e in events if e["execution_id"] == r["execution_id"]]
                )
                found = [p for p in paths if p["event_id"] in ids and (keys is None or p["step_key"] in keys)]
                pairs += [(r["artifact_id"], m["artifact_id"]) for p in found if itself or r is not m]
        if one:
            pairs = [(one(e for e, other in pairs if other == m), m) for m in {m for _, m in pairs}]
        pairs = pairs if repeated else sorted(set(pairs))
        names = ("model", "examples") if swapped else ("examples", "model")
        return [dict(zip(names, pair, strict=True)) for pair in pairs]

    return rows


def _either(*, of, **more):
    """The rows are those of the rule so changed in one of these ways, or with pairs that come twice."""
    ways = [{**more, **way} for way in of]
    return follows(*(_trained(**way) for way in ways), *(_trained(**way, repeated=True) for way in ways))


def _named(output):
    """Whether each row has the two columns asked for."""
    return type(output) is list and all(
        type(row) is dict and set(row) == {"examples", "model"} for row in output
    )


def _pairs(output):
    """The rows as pairs in order; None where they are no pairs of whole numbers."""
    if not _named(output) or any(type(cell) not in (int, float) for row in output for cell in row.values()):
        return None
    return sorted([row["examples"], row["model"]] for row in output)


function(
    "2.8b", "trained",
    form=Query(("Event", "EventPath"), _STORES, engine="sqlite"),
    odd={
        "Asked are the two columns `examples` and `model`. Name them with `AS`.": unless(_named),
        "Asked is one row for each pair, with two ids as numbers. A cell of yours holds something else.":
            some(lambda output: _named(output) and _pairs(output) is None),
    },
    rule=_trained(),
    read=_pairs,
    said="From what was read under that name to the execution, from the execution to what it made, "
    "and each pair once.",
    mistakes={
        "Your query finds no rows. In the tables types are numbers, and events belong together "
        "by their execution.":
            _trained(read=()),
        "The columns are exchanged: under `examples` stand the ids of models.":
            follows(_trained(swapped=True), _trained(swapped=True, repeated=True)),
        "Some pairs come twice: a training answered from the cache has the window and the model "
        "of an earlier one.":
            _trained(repeated=True),
        "Each model has one of the examples of its window, and no others. A window is a list.":
            follows(_trained(one=min), _trained(one=max)),
        "What else was read comes in as examples, such as the schema. What an input was for stands in "
        "`EventPath.step_key`, in the row of that very event.": _either(of=[
            {"keys": None}, {"path": None}, {"named": "made", "keys": ("model",)},
            {"named": "made", "keys": None},
            {"keys": ("window", "examples")}, {"keys": ("window", "examples", "model", "raw")},
            {"keys": ("window", "examples", "model", "raw", None)},
        ]),
        "As models come in what the executions have read or chosen. What they made has the type 4.":
            _either(of=[
            {"made": (3, 4, 6)}, {"made": (4, 6)}, {"made": (3, 4, 6), "read": (3, 4, 6)}, {"made": (3, 6)},
            {"made": (3, 4, 6), "itself": False}, {"made": (3, 4, 6), "read": (3, 4, 6), "itself": False},
        ]),
        "Types are exchanged: 3 is what was read, 4 what was made.":
            _either(of=[{"read": (4,), "made": (3,)}]),
        "The name `window` stands in the events of those who chose or made something so named, too. What was "
        "read has the type 3.": _either(of=[{"read": (3, 4, 6)}, {"read": (3, 6)}, {"read": (3, 4)}]),
        "`EventPath.event_id` is the id of an event. You compare it with something else.":
            _either(of=[{"path": "artifact_id"}, {"path": "execution_id"}]),
        "You put together events of one artifact. What was read and what was made have the "
        "*execution* in common.":
            _either(of=[{}], by="artifact_id"),
        "What was read by one execution stands beside what another has made. Join the two by `execution_id`.":
            _either(of=[{}], by=None),
    },
    otherwise="On some small store your rows are not who was trained on what.",
    hints=(
        "You need `Event` twice: once for what was read, once for what was made, joined by `execution_id`. "
        "Beside the first stands its row in `EventPath`.",
        "Three conditions: the name is `'window'`, the one event has type 3, the other type 4.",
        "`SELECT DISTINCT given.artifact_id AS examples, made.artifact_id AS model FROM "
        "Event AS given JOIN …`",
    ),
)


# ---- a digest ----------------------------------------------------------------------------------------------

_FOLDER = {"data.gz": "flights", "stats.pb": "means", "BLESSED": ""}
_SHIFTED = [
    files for sign in [*":=,/|", "\t", "\0", "\n"] for files in ({f"a{sign}b": "c"}, {"a": f"b{sign}c"})
]
_SECOND_FILE = [
    {"a": f"1{outer}b{inner}2"} for inner, outer in ("=,", ":,", "\0\0", "\0\n", "\n\n", ("\0", ""))
]


def _joined(form):
    """What is kept of a folder by somebody who joins the files, each written in this form."""
    return lambda files: "\n".join(form.format(*item) for item in sorted(files.items()))


def _lengths(outputs):
    return {len(text) for text in outputs}


digest(
    "2.8c", "folder_digest", [_FOLDER, dict(_FOLDER), {}, {"data.gz": "flights" * 100}],
    odd={
        "Your function gives nothing back. Does it `return` the digest?": NOTHING,
        "Asked is a text. Python's own `hash` is a number that differs from process to process, so nothing "
        "can be compared with it tomorrow.": some(lambda output: type(output) is int),
        "Those are raw bytes. Asked is a text: `hexdigest()` gives one, `digest()` does not.":
            some(lambda output: type(output) is str and "\ufffd" in output),
        "Asked is one text for the whole folder; yours is something else.":
            unless(lambda output: type(output) is str),
        "Your texts are short and of different lengths, like a number turned into text. That of `hash` "
        "differs from process to process, and a checksum is easily the same for two folders: take SHA-256.":
            Sign(lambda answer: own_hash(answer.outputs) and len(_lengths(answer.outputs)) > 1),
        "Your texts are so short that two folders get one by chance. Keep the whole SHA-256.":
            Sign(lambda answer: len(set(answer.outputs)) > 1 and max(_lengths(answer.outputs)) < 8),
        "The text gets longer with the folder. A digest of gigabytes must be short.":
            where(lambda output, files: len(output) > 300),
    },
    kept=lambda files: sorted(files.items()),
    said="Whatever the order, each content is tied to its name, and no border can be shifted: "
    "what differs shows.",
    mistakes={
        "Every folder gets the same digest.": CONSTANT,
        "The same files get different digests in two calls.": between(_FOLDER),
        "The same files in another order get another digest. A folder has no order: sort first.": between(
            _FOLDER,
            {name: _FOLDER[name] for name in ("BLESSED", "stats.pb", "data.gz")},
            {name: _FOLDER[name] for name in ("stats.pb", "BLESSED", "data.gz")},
            # A set of many has another order, too, if it was filled in another
            {f"part-{k}": "rows" for k in range(40)}, {f"part-{k}": "rows" for k in reversed(range(40))},
            kept=lambda files: list(files.items()),
        ),
        "A content was changed, keeping its length, and the digest is the same.": between(
            _FOLDER, {**_FOLDER, "data.gz": "flightz"},
            kept=lambda files: [(name, len(files[name])) for name in sorted(files)],
        ),
        "The content of one file was changed, keeping its length, and the digest is the same. "
        "Does every file count?":
            between(
                _FOLDER, {**_FOLDER, "stats.pb": "nodes"},
                kept=lambda files: [sorted(files), files.get("data.gz")],
            ),
        "A file was renamed and the digest is the same: names belong to it.": between(
            _FOLDER, {"data.gz": "flights", "stats.pbtxt": "means", "BLESSED": ""},
            kept=lambda files: sorted(files.values()),
        ),
        "Two files have exchanged their contents and the digest is the same: each content must "
        "be tied to its name.":
            between(
                _FOLDER, {"data.gz": "means", "stats.pb": "flights", "BLESSED": ""},
                kept=lambda files: [sorted(files), sorted(files.values())],
            ),
        "An empty file was added and the digest is the same.": between(
            _FOLDER, {**_FOLDER, "NOTES": ""}, {"data.gz": "flights", "stats.pb": "means"},
            kept=lambda files: sorted(item for item in files.items() if item[1]),
        ),
        "A space or a line's end was added to a content, and the digest is the same. Each character counts.":
            between(
            {"a": "xy"}, {"a": "xy\n"}, {"a": " xy"},
            kept=lambda files: sorted((name, content.strip()) for name, content in files.items()),
        ),
        "A small letter of a name or content became a capital, and the digest is the same.": between(
            {"a": "xy"}, {"A": "xy"}, {"a": "Xy"},
            kept=lambda files: sorted((name.lower(), content.lower()) for name, content in files.items()),
        ),
        "A letter beyond ASCII was changed, and the digest is the same. `text.encode()` keeps all letters.":
            between(
            {"a": "é"}, {"a": "è"}, {"é": "x"}, {"è": "x"},
            kept=lambda files: ascii(sorted(files.items())).replace("\\xe9", "?").replace("\\xe8", "?"),
        ),
        "A letter has moved from a content to the name before it. What you join must keep its borders.":
            between(
            _FOLDER, {"data.gzf": "lights", "stats.pb": "means", "BLESSED": ""}, kept=_joined("{}{}"),
        ),
        "A letter has moved from one file to its neighbour. What you join must keep its borders.": between(
            {"a": "xb", "c": "y"}, {"a": "x", "bc": "y"},
            kept=lambda files: "".join(f"{name}:{files[name]}" for name in sorted(files)),
        ),
        "One file whose content looks like a line of yours, and two files: they get the same digest. A "
        "separator can occur in a content; a length, a digest or JSON can't be fooled.":
            between({"a": "1\nb:2"}, {"a": "1", "b": "2"}, kept=_joined("{}:{}")),
        "A border between name and content that is a space, or nothing, can be shifted. Use a digest of each "
        "content, its length, or JSON.": between({"a b": "c"}, {"a": "b c"}, kept=_joined("{} {}")),
        "A letter has moved from one content to the next, and the digest is the same. Where "
        "does a content end?":
            between(
                {"a": "xy", "b": "z"}, {"a": "x", "b": "yz"},
                kept=lambda files: [sorted(files), "".join(files[name] for name in sorted(files))],
            ),
        "The sign that you put between the parts may stand in a name or a content as well, so two folders "
        "get one digest. Use JSON, lengths, or a digest of each part.":
            between(*_SHIFTED, *_SECOND_FILE, {"a": "1", "b": "2"}, kept=_joined("{}={}")),
    },
    otherwise="Two different folders get the same digest.",
    hints=(
        "`sorted(files.items())` is the same whatever the order of the dict, and keeps each name "
        "beside its content.",
        "Joining texts loses the borders: `ab` + `c` is `a` + `bc`. `json.dumps` keeps them; so does a "
        "digest of each content.",
        "`hashlib.sha256(text.encode()).hexdigest()` is the digest of a text.",
    ),
)


# ---- a deletion --------------------------------------------------------------------------------------------


def _gone(
    verdicts=False, through=False, deleted=False, past=True, only=None, first=False, asked_too=True,
    steps=999, into="INPUT", out=("OUTPUT",), stays=("ModelBlessing",),
):  # fmt: skip
    """A rule: what must be deleted.

    verdicts: they are given, too; through: they are walked through. deleted: given, too; past: walked
    through, or only where asked for ("start"). only: of these states. first: of those asked for, the first;
    asked_too: they are given.
    """

    def to_delete(held, asked):
        kind = {i: name for i, (name, _) in enumerate(artifacts(held), start=1)}
        state = {i: name for i, (_, name) in enumerate(artifacts(held), start=1)}
        start = set(asked[:1] if first else asked)
        found, newest, left = set(start), start, steps
        while newest and left:
            newest = {
                i for i in newest if past is True or state[i] != "DELETED" or (past == "start" and i in start)
            }
            via = {e for e, a, event in events(held) if event == into and a in newest}
            made = {a for e, a, event in events(held) if event in out and e in via} - found
            found |= {a for a in made if verdicts or through or kind[a] not in stays}
            newest = {a for a in made if through or kind[a] not in stays}
            left -= 1
        found = {a for a in found if verdicts or kind[a] not in stays}
        found = {a for a in found if only is None or state[a] in only}
        return {a for a in found if (deleted or state[a] != "DELETED") and (asked_too or a not in start)}

    return to_delete


def _not_deleted(held, *but):
    numbered = enumerate(artifacts(held), start=1)
    return {i for i, (kind, state) in numbered if state != "DELETED" and kind not in but}


_EXAMPLE = stored("1:1>2;2:1>3;3:2>4;4:3>5",
                 "Examples;Model/DELETED;ModelBlessing;PushedModel;PushedModel")  # fmt: skip
_TWO = stored("1:1>3;2:2>4;3:4>5;4:6>7",
             "Examples;Examples;ExampleStatistics;Model;PushedModel;Examples;Model")  # fmt: skip
_BOTH_WAYS = stored("1:1>2;2:1,2>3;3:2,3>4", "Examples;Model;ModelBlessing;PushedModel")
_WARM = stored("1:1>2;2:2>3;3:3>4;4:4>5",
              "Examples/DELETED;Model/DELETED;Model/DELETED;Model;PushedModel")  # fmt: skip
_STATES = stored("1:1>2,3,4;2:2>5;3:3",
                "Examples/MARKED_FOR_DELETION;Model/ABANDONED;Model/PENDING;Model;"
                "PushedModel/UNKNOWN")  # fmt: skip
_ROUND = stored("1:1>1,2;2:2~3;3:3>4;4:2>5;5:2>5", "Examples;Model;Examples;Model;PushedModel")
_INFRA = stored("1:1>2;2:2>3;3:2,3>4", "Examples;Model;InfraBlessing;PushedModel")

function(
    "2.8d", "to_delete",
    form=OnStores([
        (_EXAMPLE, [1]), (_EXAMPLE, [2]), (_TWO, [1, 2]), (_TWO, [6]), (_TWO, []), (_BOTH_WAYS, [1]),
        (_WARM, [1]),
        (_STATES, [1]), (_ROUND, [1]), (_INFRA, [1]),
    ]),
    odd={
        "Your function gives nothing back. Does it `return` the ids?": NOTHING,
        "Asked is a set (or list) of artifacts' ids; yours holds something else. An event has "
        "`artifact_id`, an artifact `id`.": some(lambda output: _members(output) is None),
    },
    rule=_gone(),
    read=_members,
    said="Whatever may hold rows goes, also behind what is deleted already; verdicts carry none, and nothing "
    "is reached through them.",
    mistakes={
        "Your sets are all empty. Those in `asked` must go, and what was made with them.":
            lambda held, asked: set(),
        "The examples asked for are not in your answer. They hold the plane first of all.":
            _gone(asked_too=False),
        "That is the walk of 2.8a: it gives verdicts and what is deleted already, and not the "
        "examples themselves.":
            follows(
                _gone(verdicts=True, through=True, deleted=True, asked_too=False),
                _gone(verdicts=True, through=True, asked_too=False),
            ),
        "You go on through verdicts. A model that was only judged on the plane's week holds no row of it.":
            follows(
            _gone(through=True), _gone(through=True, deleted=True), _gone(through=True, past=False),
            _gone(through=True, past="start"),
        ),
        "Verdicts are in your answer, and all behind them. They carry no rows: they stay.": follows(
            _gone(verdicts=True, through=True), _gone(verdicts=True, through=True, deleted=True),
        ),
        "You don't go on from verdicts, which is right, and delete them, which is not asked.":
            _gone(verdicts=True),
        "What is `DELETED` ends your walk. Copies made of it may be there still: go on through it.": follows(
            _gone(past="start"), _gone(past="start", deleted=True), _gone(past=False),
            _gone(past=False, deleted=True),
        ),
        "In your answer is what is `DELETED` already.": _gone(deleted=True),
        "You give only what is live. What is marked, abandoned or pending may have files as well.":
            follows(_gone(only=("LIVE",)), _gone(only=("LIVE", "MARKED_FOR_DELETION"))),
        "You start from one of those in `asked`. Each of them must be walked from.": _gone(first=True),
        "You give what is in `asked`, and nothing that was made with it.": follows(
            _gone(steps=0), _gone(steps=0, deleted=True),
        ),
        "You went one step. Copies of what was made must go, too: repeat until nothing is new.":
            _gone(steps=1),
        "What a resolver has chosen (`INTERNAL_OUTPUT`) was not made by it.":
            _gone(out=("OUTPUT", "INTERNAL_OUTPUT")),
        "Those are all artifacts of the store, reached or not.": follows(
            lambda held, asked: _not_deleted(held), lambda held, asked: _not_deleted(held, "ModelBlessing"),
                _all,
        ),
        "Only `ModelBlessing` stays. You leave out other types as well.":
            follows(_gone(stays=("ModelBlessing", "InfraBlessing"))),
    },
    otherwise="On some small store other artifacts must go than you say. A store "
    "is written below as `execution:read>made`, one after another (`~` for `>`: what a resolver chose).",
    hints=(
        "It is `touched` from several starts at once: begin with `found, newest = set(asked), set(asked)`.",
        "A dict from id to artifact gives you type and state: `{a.id: a for a in store.get_artifacts()}`.",
        "Take verdicts out of what was *newly made*, before you go on. Take what is `DELETED` "
        "out at the very end.",
    ),
)
