"""How the exercises of lesson 2.8, Lineage and provenance, are judged."""

from __future__ import annotations

from helpers.exercises.digests import between, digest, own_hash
from helpers.exercises.rules import function, names
from helpers.exercises.signs import (
    CONSTANT, NOTHING, NO_NAME, STRANGE, Sign, follows, has, lacks, only, some, unless, whole,
)

_WEEKS = [  # run: (execution, artifact, kind), as in the lesson
    ("gen1", 1, "output"), ("gen2", 2, "output"), ("train2", 1, "input"), ("train2", 3, "output"),
    ("gate2", 2, "input"), ("gate2", 3, "input"), ("gate2", 4, "output"), ("push2", 3, "input"), ("push2", 4, "input"),
    ("push2", 5, "output"), ("gen3", 6, "output"), ("train3", 2, "input"), ("train3", 6, "input"),
    ("train3", 7, "output"),
]
_CACHED = [  # execution 20 made 3 from 1; 21 and 22 were answered from the cache
    (20, 1, "input"), (20, 3, "output"), (21, 1, "input"), (21, 3, "output"), (22, 3, "input"), (22, 4, "output"),
    (22, 5, "output"), (23, 9, "input"), (23, 8, "output"),
]
_CIRCLE = [  # an update in place: the same artifact is input and output
    (1, 1, "input"), (1, 2, "output"), (2, 2, "input"), (2, 1, "output"), (2, 3, "output"),
]
_SAME_NUMBERS = [  # artifacts and executions are counted apart: execution 2 has nothing to do with artifact 2
    (1, 1, "input"), (1, 2, "output"), (2, 5, "input"), (2, 6, "output"),
]
_LONG = [(k, k, "input") for k in range(40)] + [(k, k + 1, "output") for k in range(40)]


def _walk(into="input", out=("output",), steps=99, start_too=False):
    """A rule: from artifacts to the executions that have them `into`, and on to what these have `out`."""

    def touched(events, start):
        found, newest, left = set(), {start}, steps
        while newest and left:
            readers = {execution for execution, artifact, kind in events if kind == into and artifact in newest}
            newest = {artifact for execution, artifact, kind in events if kind in out and execution in readers} - found
            found |= newest
            left -= 1
        return found if start_too else found - {start}

    return touched


_forward = _walk()


def _one_number_space(events, start):
    """Takes an execution for the artifact of the same number."""
    edges = [(a, e) if kind == "input" else (e, a) for e, a, kind in events]
    found, newest = {start}, {start}
    while newest:
        newest = {end for source, end in edges if source in newest} - found
        found |= newest
    return (found & _artifacts(events)) - {start}


def _in_order(events, start):
    """Goes through the events once, in the order given."""
    found, readers = {start}, set()
    for execution, artifact, kind in events:
        if kind == "input" and artifact in found:
            readers.add(execution)
        if kind == "output" and execution in readers:
            found.add(artifact)
    return found - {start}


def _artifacts(events):
    return {artifact for _, artifact, _ in events}


def _readers(events, start):
    reached = _forward(events, start) | {start}
    return {execution for execution, artifact, kind in events if kind == "input" and artifact in reached}


def _of_executions(outputs, inputs):
    """Whether ids of executions are given where they are numbers: not in the first five probes."""
    if any(type(output) is not list for output in outputs[5:]):
        return False
    given = [(i, events) for output, (events, _) in zip(outputs[5:], inputs[5:], strict=True) for i in output]
    strange = [i for i, events in given if type(i) is int and i not in _artifacts(events)]
    return bool(strange) and all(i in [execution for execution, _, _ in events] for i, events in given)


def _members(output):
    """A list, set or dict's keys of whole numbers as a set; else None."""
    if type(output) not in (list, dict):
        return None
    ids = [int(i) if type(i) is str and i.isdecimal() and len(i) < 10 else i for i in output]  # the keys of a dict
    return set(ids) if all(type(i) in (int, float) for i in ids) else None


function(
    "2.8a", "touched",
    [
        (_WEEKS, 1), (_WEEKS, 2), (_WEEKS, 6), (_WEEKS, 5), (_WEEKS[::-1], 1), (_CACHED, 1), (_CACHED, 3), (_CACHED, 9),
        (_CIRCLE, 1), (_LONG, 0), (_SAME_NUMBERS, 1),
    ],
    odd={
        "Your function gives nothing back. Does it `return` the ids?": NOTHING,
        "You give the ids of executions. Asked are artifacts.":
            Sign(whole(_of_executions).shown, lambda right: _readers),
        "Asked is a set (or list) of artifacts' ids; yours holds something else.":
            some(lambda output: _members(output) is None),
    },
    rule=_forward,
    read=_members,
    said="From the artifact to those who read it, to what they made, until nothing is new: the closure, with no "
    "regard to order.",
    mistakes={
        "The artifact itself is in your answer. It was asked for without.":
            lambda events, start: _forward(events, start) | {start},
        "Where the way leads back to the artifact itself, it is in your answer. It was asked for without.":
            _walk(start_too=True),
        "You went one step. What was made from that has the artifact in its ancestry, too.": _walk(steps=1),
        "You went two steps and stopped. Go on until nothing new is found.": _walk(steps=2),
        "That is the walk backward: what the artifact was made *from*.": _walk("output", ["input"]),
        "You take execution 2 for artifact 2. The two are counted separately, so their numbers must be kept apart.":
            _one_number_space,
        "You take in what the executions *read* beside the artifact. That was not made with it: follow only outputs.":
            _walk(out=["input", "output"]),
        "Those are all artifacts there are, reached or not.":
            follows(lambda events, start: _artifacts(events), lambda events, start: _artifacts(events) - {start}),
        "Your walk holds only if the events come in order of time. They may come in any order.": Sign(
            lambda answer: _members(answer.outputs[0]) == _forward(*answer.inputs[0]) != _members(answer.outputs[4]),
            lambda right: _in_order,
        ),
    },
    otherwise="For some events your set is not what was made with the artifact. Draw the five-line example with two "
    "cached executions, and walk it by hand.",
    hints=(
        "Turn the walk of section 3 round: first the executions that *read* the artifact, then what those *made*.",
        "One step is not enough. Go on from what was newly found, until nothing new is found.",
        "Keep a set of what was found already, and go on only from what is not in it: a circle then ends, and repeats "
        "cost nothing.",
    ),
)


def _duty(
    training=("trained_on",), judging=("judged_on", "rival_trained_on"),
    heaviest="train again", least="keep", judge_first=False,
):
    """A rule: a bad span in what `training` names demands the heaviest duty, in what `judging` names to judge again."""

    def duty(model, bad):
        spans = {**model, "judged_on": [model["judged_on"]]}
        train, judge = (any(bad in spans[part] for part in parts) for parts in (training, judging))
        if train and not (judge_first and judge):
            return heaviest
        return "judge again" if judge else least

    return duty


def _model(trained_on, judged_on, rival):
    return {"trained_on": trained_on, "judged_on": judged_on, "rival_trained_on": rival}


def _word(output):
    return output.strip().casefold()


function(
    "2.8b", "duty",
    [
        (_model([1], 2, []), 3), (_model([1, 2], 3, [1]), 3), (_model([2, 3], 4, [1, 2]), 3),
        (_model([3, 4], 5, [2, 3]), 3), (_model([4, 5], 6, [3, 4]), 3), (_model([5, 6], 7, [4, 5]), 3),
        (_model([3], 3, []), 3), (_model([1], 2, []), 2), (_model([7, 8], 9, [6, 7]), 6),
        (_model([7, 8], 9, [6, 7]), 8), (_model([12, 13], 14, [11, 12]), 1),
    ],
    odd={
        "For some models your function gives nothing back. Every model gets an answer.": NOTHING,
        "The answer is one of the three texts that the exercise names, letter by letter.":
            unless(lambda output: type(output) is str and _word(output) in ("train again", "judge again", "keep")),
    },
    rule=_duty(),
    read=_word,
    said="Rows that shaped the weights demand training; rows behind a verdict demand judging.",
    mistakes={
        "Your function says the same of every model.": CONSTANT,
        "A model won against a rival that was trained on the bad span, and its verdict stands with you. A handicapped "
        "rival is easily beaten.": _duty(judging=["judged_on"]),
        "A model was judged on the bad span itself, and its verdict stands with you.":
            _duty(judging=["rival_trained_on"]),
        "You look only at what it was trained on. A verdict can be spoiled as well.": _duty(judging=[]),
        "A model that was trained on the bad span is only judged again, because its verdict is spoiled as well. The "
        "heaviest duty counts.": _duty(judge_first=True),
        "Judging again does not help a model whose weights come from the bad span.": _duty(heaviest="judge again"),
        "You train everything again that was touched. Clean weights need no new training.":
            _duty(training=["trained_on", "judged_on", "rival_trained_on"]),
        "What the rival was trained on has shaped the rival's weights, not the model's own.":
            _duty(training=["trained_on", "rival_trained_on"]),
        "Being judged on a span leaves the weights as they were. Only the verdict is spoiled.":
            _duty(training=["trained_on", "judged_on"]),
        "Some models had nothing to do with the bad span. They need nothing.": _duty(least="judge again"),
    },
    otherwise="For some models the duty is another one. Take the table of section 4 and go through it line by line.",
    hints=(
        "Ask in the order of weight: is the bad span among what it was trained on? If not: did it have a part in the "
        "verdict?",
        'A verdict has two sources: the span it was judged on (`model["judged_on"]`), and the spans of the rival.',
        "`in` asks whether a span is in a list; `judged_on` is one number, not a list.",
    ),
)

_FOLDER = {"data.gz": "flights", "stats.pb": "means", "BLESSED": ""}
_SHIFTED = [files for sign in [*":=,/|", "\t", "\0", "\n"] for files in ({f"a{sign}b": "c"}, {"a": f"b{sign}c"})]
_SECOND_FILE = [{"a": f"1{outer}b{inner}2"} for inner, outer in ("=,", ":,", "\0\0", "\0\n", "\n\n", ("\0", ""))]


def _joined(form):
    """What is kept of a folder by somebody who joins the files, each written in this form."""
    return lambda files: "\n".join(form.format(*item) for item in sorted(files.items()))


def _lengths(outputs):
    return {len(text) for text in outputs}


digest(
    "2.8c", "folder_digest", [_FOLDER, dict(_FOLDER), {}],
    odd={
        "Your function gives nothing back. Does it `return` the digest?": NOTHING,
        "Asked is a text. Python's own `hash` is a number that differs from process to process, so nothing can be "
        "compared with it tomorrow.": some(lambda output: type(output) is int),
        "Those are raw bytes. Asked is a text: `hexdigest()` gives one, `digest()` does not.":
            some(lambda output: type(output) is str and "\ufffd" in output),
        "Asked is one text for the whole folder; yours is something else.": unless(lambda output: type(output) is str),
        "Your texts are short and of different lengths, like a number of `hash` turned into text. That one differs "
        "from process to process: take SHA-256.":
            Sign(lambda answer: own_hash(answer.outputs) and len(_lengths(answer.outputs)) > 1),
        "The text gets longer with the folder. A digest has one length, whatever it was made of.":
            Sign(lambda answer: len(_lengths(answer.outputs)) > 1),
    },
    kept=lambda files: sorted(files.items()),
    said="Sorted, with names, and with borders that nothing can blur: what differs shows.",
    mistakes={
        "Every folder gets the same digest.": CONSTANT,
        "The same files get different digests in two calls.": between(_FOLDER),
        "The same files in another order get another digest. A folder has no order: sort first.": between(
            _FOLDER,
            {name: _FOLDER[name] for name in ("BLESSED", "stats.pb", "data.gz")},
            {name: _FOLDER[name] for name in ("stats.pb", "BLESSED", "data.gz")},
            kept=lambda files: list(files.items()),
        ),
        "A content was changed, keeping its length, and the digest is the same.": between(
            _FOLDER, {**_FOLDER, "data.gz": "flightz"},
            kept=lambda files: [(name, len(files[name])) for name in sorted(files)],
        ),
        "The content of one file was changed, keeping its length, and the digest is the same. Does every file count?":
            between(
                _FOLDER, {**_FOLDER, "stats.pb": "nodes"}, kept=lambda files: [sorted(files), files.get("data.gz")],
            ),
        "A file was renamed and the digest is the same: names belong to it.": between(
            _FOLDER, {"data.gz": "flights", "stats.pbtxt": "means", "BLESSED": ""},
            kept=lambda files: sorted(files.values()),
        ),
        "Two files have exchanged their contents and the digest is the same: each content must be tied to its name.":
            between(
                _FOLDER, {"data.gz": "means", "stats.pb": "flights", "BLESSED": ""},
                kept=lambda files: [sorted(files), sorted(files.values())],
            ),
        "An empty file was added and the digest is the same.": between(
            _FOLDER, {**_FOLDER, "NOTES": ""}, {"data.gz": "flights", "stats.pb": "means"},
            kept=lambda files: sorted(item for item in files.items() if item[1]),
        ),
        "A letter has moved from a content to the name before it. What you join must keep its borders.": between(
            _FOLDER, {"data.gzf": "lights", "stats.pb": "means", "BLESSED": ""}, kept=_joined("{}{}"),
        ),
        "A letter has moved from one file to its neighbour. What you join must keep its borders.": between(
            {"a": "xb", "c": "y"}, {"a": "x", "bc": "y"},
            kept=lambda files: "".join(f"{name}:{files[name]}" for name in sorted(files)),
        ),
        "One file whose content looks like a line of yours, and two files: they get the same digest. A separator can "
        "occur in a content; a length, a digest or JSON can't be fooled.":
            between({"a": "1\nb:2"}, {"a": "1", "b": "2"}, kept=_joined("{}:{}")),
        "A border between name and content that is a space, or nothing, can be shifted. Use a digest of each content, "
        "its length, or JSON.": between({"a b": "c"}, {"a": "b c"}, kept=_joined("{} {}")),
        "A letter has moved from one content to the next, and the digest is the same. Where does a content end?":
            between(
                {"a": "xy", "b": "z"}, {"a": "x", "b": "yz"},
                kept=lambda files: [sorted(files), "".join(files[name] for name in sorted(files))],
            ),
        "The sign that you put between the parts may stand in a name or a content as well, so two folders get one "
        "digest. Use JSON, lengths, or a digest of each part.":
            between(*_SHIFTED, *_SECOND_FILE, {"a": "1", "b": "2"}, kept=_joined("{}={}")),
    },
    otherwise="Two different folders get the same digest.",
    hints=(
        "`sorted(files.items())` is the same whatever the order of the dict, and keeps each name beside its content.",
        "Joining texts loses the borders: `ab` + `c` is `a` + `bc`. `json.dumps` keeps them; so does a digest of each "
        "content.",
        "`hashlib.sha256(text.encode()).hexdigest()` is the digest of a text.",
    ),
)

_HOLD = ["Examples", "ExampleStatistics", "Model", "PushedModel", "OnlineTable"]
_HOLD_NOT = ["ExampleAnomalies", "Schema", "ModelBlessing"]
_TYPES = [*_HOLD, *_HOLD_NOT]

names(
    "2.8d", "holds",
    belong=_HOLD,
    others=_HOLD_NOT,
    read=lambda name: next((known for known in _TYPES if known.casefold() == name.casefold()), name),
    reasons={
        "None? Then there would be nothing to delete.": NO_NAME,
        "`{}` is none of the eight types.": STRANGE,
        "All eight? Some of them hold only numbers, or rules.": only(*_TYPES),
        "`ExampleAnomalies` names features that failed a check, and `tailnum` failed none.": has("ExampleAnomalies"),
        "`Schema` says of `tailnum` that it is a text that must be there. It lists no values.": has("Schema"),
        "`ModelBlessing` of our gate is two numbers: blessed or not, and an id.": has("ModelBlessing"),
        "Something is missing. One place is the rows themselves: the key is a column of theirs.": lacks("Examples"),
        "Something is missing. One thing is an aggregate, and names the plane all the same. What do statistics of a "
        "text column list?": lacks("ExampleStatistics"),
        "Something is missing. One thing has a weight for each plane. It must know which weight is whose.":
            lacks("Model"),
        "Something is missing. A copy of something that holds the number holds it as well.": lacks("PushedModel"),
        "Something is missing. One thing is looked up by the plane's number.": lacks("OnlineTable"),
    },
    said="Rows, an aggregate of them, what was learned from them, and the copies of that.",
    hints=(
        "Go through the eight and ask: could a person who reads this file learn that the plane was in the data?",
        "Statistics of text columns, and one-hot encoders, both keep a list of the values they have seen.",
    ),
)
