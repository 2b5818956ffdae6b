"""Judges of lesson 2.8, Lineage and provenance."""

from collections import defaultdict

from helpers.exercises.kit import Function, Names, Verdict, exercise, right, wrong
from helpers.exercises.digests import own_hash

# ------------------------------------------------------------------------------------------- 2.8a the forward walk

_WEEKS = [  # run: (execution, artifact, kind), as in the lesson
    ("gen1", 1, "output"),
    ("gen2", 2, "output"),
    ("train2", 1, "input"),
    ("train2", 3, "output"),
    ("gate2", 2, "input"),
    ("gate2", 3, "input"),
    ("gate2", 4, "output"),
    ("push2", 3, "input"),
    ("push2", 4, "input"),
    ("push2", 5, "output"),
    ("gen3", 6, "output"),
    ("train3", 2, "input"),
    ("train3", 6, "input"),
    ("train3", 7, "output"),
]
_CACHED = [  # execution 20 made 3 from 1; 21 and 22 were answered from the cache
    (20, 1, "input"),
    (20, 3, "output"),
    (21, 1, "input"),
    (21, 3, "output"),
    (22, 3, "input"),
    (22, 4, "output"),
    (22, 5, "output"),
    (23, 9, "input"),
    (23, 8, "output"),
]
_CIRCLE = [  # an update in place: the same artifact is input and output
    (1, 1, "input"),
    (1, 2, "output"),
    (2, 2, "input"),
    (2, 1, "output"),
    (2, 3, "output"),
]
_SAME_NUMBERS = [  # artifacts and executions are counted apart: execution 2 has nothing to do with artifact 2
    (1, 1, "input"),
    (1, 2, "output"),
    (2, 5, "input"),
    (2, 6, "output"),
]
_PROBES = [
    (_WEEKS, 1),
    (_WEEKS, 2),
    (_WEEKS, 6),
    (_WEEKS, 5),
    (list(reversed(_WEEKS)), 1),
    (_CACHED, 1),
    (_CACHED, 3),
    (_CACHED, 9),
    (_CIRCLE, 1),
    ([(k, k, "input") for k in range(40)] + [(k, k + 1, "output") for k in range(40)], 0),
    (_SAME_NUMBERS, 1),
]


def _walk(events, start, into="input", out="output", steps=10**6) -> set:
    found, newest = set(), {start}
    while newest and steps:
        steps -= 1
        readers = {execution for execution, artifact, kind in events if kind == into and artifact in newest}
        made = {artifact for execution, artifact, kind in events if kind == out and execution in readers}
        newest = made - found
        found |= newest
    return found


def _confused(events, start) -> set:
    """The walk of who takes an execution for the artifact of the same number."""
    found, newest = set(), {start}
    while newest:
        newest = {
            end
            for execution, artifact, kind in events
            for source, end in [(artifact, execution) if kind == "input" else (execution, artifact)]
            if source in newest
        } - found
        found |= newest
    return found & {artifact for _, artifact, _ in events}


def _read_beside(events, start) -> set:
    """The walk that takes in what the executions read besides."""
    found, newest = {start}, {start}
    while newest:
        readers = {
            execution for execution, artifact, kind in events if kind == "input" and artifact in newest
        }
        newest = {artifact for execution, artifact, _ in events if execution in readers} - found
        found |= newest
    return found


def _members(output) -> set | None:
    """A list, set or dict's keys of whole numbers as a set; else None."""
    if type(output) is dict:
        output = list(output)
    if type(output) is not list:
        return None
    numbers = []
    for item in output:
        if type(item) is str and item.isdecimal() and len(item) < 10:
            item = int(item)  # the keys of a dict
        if type(item) not in (int, float):
            return None
        numbers.append(item)
    return set(numbers)


@exercise(
    "2.8a",
    touched=Function(_PROBES),
    hints=(
        "Turn the walk of section 3 round: first the executions that *read* the artifact, then what those *made*.",
        "One step is not enough. Go on from what was newly found, until nothing new is found.",
        "Keep a set of what was found already, and go on only from what is not in it: a circle then ends, and repeats cost nothing.",
    ),
)
def what_an_artifact_touched(touched: list) -> Verdict:
    answers = [_members(record["output"]) for record in touched]
    if any(record["output"] is None for record in touched):
        return wrong("Your function gives nothing back. Does it `return` the ids?")
    if any(answer is None for answer in answers):
        return wrong("Asked is a set (or list) of artifacts' ids; yours holds something else.")

    def same(formula) -> bool:
        return all(answer == formula(*probe) for answer, probe in zip(answers, _PROBES, strict=True))

    if same(lambda events, start: _walk(events, start) - {start}):
        return right(
            "From the artifact to those who read it, to what they made, until nothing is new: the closure, with no regard to order."
        )
    if same(lambda events, start: _walk(events, start) | {start}):
        return wrong("The artifact itself is in your answer. It was asked for without.")
    if same(lambda events, start: _walk(events, start)):
        return wrong(
            "Where the way leads back to the artifact itself, it is in your answer. It was asked for without."
        )
    if same(lambda events, start: _walk(events, start, steps=1) - {start}):
        return wrong("You went one step. What was made from that has the artifact in its ancestry, too.")
    if same(lambda events, start: _walk(events, start, steps=2) - {start}):
        return wrong("You went two steps and stopped. Go on until nothing new is found.")
    if same(lambda events, start: _walk(events, start, "output", "input") - {start}):
        return wrong("That is the walk backward: what the artifact was made *from*.")
    if same(lambda events, start: _confused(events, start) - {start}):
        return wrong(
            "You take execution 2 for artifact 2. The two are counted separately, so their numbers must be kept apart."
        )
    if same(lambda events, start: _read_beside(events, start) - {start}):
        return wrong(
            "You take in what the executions *read* beside the artifact. That was not made with it: follow only outputs."
        )
    every = [{artifact for _, artifact, _ in events} for events, _ in _PROBES]
    if all(answer | {probe[1]} == all_ for answer, probe, all_ in zip(answers, _PROBES, every, strict=True)):
        return wrong("Those are all artifacts there are, reached or not.")
    executions = [{execution for execution, _, _ in events} for events, _ in _PROBES]
    if all(answer <= ids for answer, ids in zip(answers[5:], executions[5:], strict=True)) and any(
        answer - all_ for answer, all_ in zip(answers[5:], every[5:], strict=True)
    ):
        return wrong("You give the ids of executions. Asked are artifacts.")
    if answers[0] != answers[4] and answers[0] == _walk(*_PROBES[0]):
        return wrong("Your walk holds only if the events come in order of time. They may come in any order.")
    return wrong(
        "For some events your set is not what was made with the artifact. Draw the five-line example with two cached executions, and walk it by hand."
    )


# ------------------------------------------------------------------------------------------------ 2.8b who is recalled


def _model(trained_on, judged_on, rival) -> dict:
    return {"trained_on": trained_on, "judged_on": judged_on, "rival_trained_on": rival}


_MODELS = [
    (_model([1], 2, []), 3),
    (_model([1, 2], 3, [1]), 3),
    (_model([2, 3], 4, [1, 2]), 3),
    (_model([3, 4], 5, [2, 3]), 3),
    (_model([4, 5], 6, [3, 4]), 3),
    (_model([5, 6], 7, [4, 5]), 3),
    (_model([3], 3, []), 3),
    (_model([1], 2, []), 2),
    (_model([7, 8], 9, [6, 7]), 6),
    (_model([7, 8], 9, [6, 7]), 8),
    (_model([12, 13], 14, [11, 12]), 1),
]


@exercise(
    "2.8b",
    duty=Function(_MODELS),
    hints=(
        "Ask in the order of weight: is the bad span among what it was trained on? If not: did it have a part in the verdict?",
        'A verdict has two sources: the span it was judged on (`model["judged_on"]`), and the spans of the rival.',
        "`in` asks whether a span is in a list; `judged_on` is one number, not a list.",
    ),
)
def what_a_bad_span_demands(duty: list) -> Verdict:
    words = ("train again", "judge again", "keep")
    answers = [record["output"] for record in duty]
    if any(answer is None for answer in answers):
        return wrong("For some models your function gives nothing back. Every model gets an answer.")
    if any(type(answer) is not str or answer.strip().casefold() not in words for answer in answers):
        return wrong("The answer is one of the three texts that the exercise names, letter by letter.")
    answers = [answer.strip().casefold() for answer in answers]

    def same(trained=True, judged=True, rival=True, judge_first=False, heaviest="train again") -> bool:
        def decide(model, bad):
            verdict = (judged and bad == model["judged_on"]) or (rival and bad in model["rival_trained_on"])
            if judge_first and verdict:
                return "judge again"
            if trained and bad in model["trained_on"]:
                return heaviest
            return "judge again" if verdict else "keep"

        return answers == [decide(*probe) for probe in _MODELS]

    if same():
        return right("Rows that shaped the weights demand training; rows behind a verdict demand judging.")
    if len(set(answers)) == 1:
        return wrong("Your function says the same of every model.")
    if same(rival=False):
        return wrong(
            "A model won against a rival that was trained on the bad span, and its verdict stands with you. A handicapped rival is easily beaten."
        )
    if same(judged=False):
        return wrong("A model was judged on the bad span itself, and its verdict stands with you.")
    if same(judged=False, rival=False):
        return wrong("You look only at what it was trained on. A verdict can be spoiled as well.")
    if same(judge_first=True):
        return wrong(
            "A model that was trained on the bad span is only judged again, because its verdict is spoiled as well. The heaviest duty counts."
        )
    if same(heaviest="judge again"):
        return wrong("Judging again does not help a model whose weights come from the bad span.")

    def all_suspects(model, bad):
        part = [*model["trained_on"], model["judged_on"], *model["rival_trained_on"]]
        return "train again" if bad in part else "keep"

    if answers == [all_suspects(*probe) for probe in _MODELS]:
        return wrong("You train everything again that was touched. Clean weights need no new training.")

    def with_rival(model, bad):
        if bad in model["trained_on"] or bad in model["rival_trained_on"]:
            return "train again"
        return "judge again" if bad == model["judged_on"] else "keep"

    if answers == [with_rival(*probe) for probe in _MODELS]:
        return wrong("What the rival was trained on has shaped the rival's weights, not the model's own.")

    def with_judged(model, bad):
        if bad in model["trained_on"] or bad == model["judged_on"]:
            return "train again"
        return "judge again" if bad in model["rival_trained_on"] else "keep"

    if answers == [with_judged(*probe) for probe in _MODELS]:
        return wrong("Being judged on a span leaves the weights as they were. Only the verdict is spoiled.")

    def older(model, bad):
        return "train again" if bad in model["trained_on"] else "judge again"

    if answers == [older(*probe) for probe in _MODELS]:
        return wrong("Some models had nothing to do with the bad span. They need nothing.")
    return wrong(
        "For some models the duty is another one. Take the table of section 4 and go through it line by line."
    )


# ------------------------------------------------------------------------------------------- 2.8c one digest for a folder

_BASE = {"data.gz": "flights", "stats.pb": "means", "BLESSED": ""}
_SIGN = "The sign that you put between the parts may stand in a name or a content as well, so two folders get one digest. Use JSON, lengths, or a digest of each part."
_FOLDERS = {  # name: (files, group: folders of one group must get one digest, question otherwise)
    "base": (_BASE, 0, ""),
    "another order": (
        dict(reversed(list(_BASE.items()))),
        0,
        "The same files in another order get another digest. A folder has no order: sort first.",
    ),
    "base again": (dict(_BASE), 0, "The same files get different digests in two calls."),
    "a third order": (
        {name: _BASE[name] for name in ("stats.pb", "BLESSED", "data.gz")},
        0,
        "The same files in another order get another digest. A folder has no order: sort first.",
    ),
    "content changed": (
        {**_BASE, "data.gz": "flightz"},
        1,
        "A content was changed, keeping its length, and the digest is the same.",
    ),
    "content of the last changed": (
        {**_BASE, "stats.pb": "nodes"},
        2,
        "The content of one file was changed, keeping its length, and the digest is the same. Does every file count?",
    ),
    "renamed": (
        {"data.gz": "flights", "stats.pbtxt": "means", "BLESSED": ""},
        3,
        "A file was renamed and the digest is the same: names belong to it.",
    ),
    "swapped": (
        {"data.gz": "means", "stats.pb": "flights", "BLESSED": ""},
        4,
        "Two files have exchanged their contents and the digest is the same: each content must be tied to its name.",
    ),
    "empty file more": (
        {**_BASE, "NOTES": ""},
        5,
        "An empty file was added and the digest is the same.",
    ),
    "file missing": (
        {"data.gz": "flights", "stats.pb": "means"},
        6,
        "An empty file is missing and the digest is the same.",
    ),
    "moved to the name": (
        {"data.gzf": "lights", "stats.pb": "means", "BLESSED": ""},
        7,
        "A letter has moved from a content to the name before it. What you join must keep its borders.",
    ),
    "moved between files, 1": ({"a": "xb", "c": "y"}, 8, ""),
    "moved between files, 2": (
        {"a": "x", "bc": "y"},
        9,
        "A letter has moved from one file to its neighbour. What you join must keep its borders.",
    ),
    "with separators, 1": ({"a": "1\nb:2"}, 10, ""),
    "with separators, 2": (
        {"a": "1", "b": "2"},
        11,
        "One file whose content looks like a line of yours, and two files: they get the same digest. A separator can occur in a content; a length, a digest or JSON can't be fooled.",
    ),
    "with spaces, 1": ({"a b": "c"}, 12, ""),
    "with spaces, 2": (
        {"a": "b c"},
        13,
        "A border between name and content that is a space, or nothing, can be shifted. Use a digest of each content, its length, or JSON.",
    ),
    "moved between contents, 1": ({"a": "xy", "b": "z"}, 15, ""),
    "moved between contents, 2": (
        {"a": "x", "b": "yz"},
        16,
        "A letter has moved from one content to the next, and the digest is the same. Where does a content end?",
    ),
    **{
        f"shifted {sign!r}, {number}": (
            {f"a{sign}b": "c"} if number == 1 else {"a": f"b{sign}c"},
            (sign, number),
            _SIGN if number == 2 else "",
        )
        for sign in (":", "=", "\t", "\0", ",", "/", "\n", "|")
        for number in (1, 2)
    },
    **{
        f"second file {inner!r} {outer!r}": ({"a": f"1{outer}b{inner}2"}, (inner, outer), _SIGN)
        for inner, outer in (("=", ","), (":", ","), ("\0", "\0"), ("\0", "\n"), ("\n", "\n"), ("\0", ""))
    },
    "nothing": ({}, 14, "An empty folder must have a digest of its own."),
}


@exercise(
    "2.8c",
    folder_digest=Function([(files,) for files, _, _ in _FOLDERS.values()]),
    hints=(
        "`sorted(files.items())` is the same whatever the order of the dict, and keeps each name beside its content.",
        "Joining texts loses the borders: `ab` + `c` is `a` + `bc`. `json.dumps` keeps them; so does a digest of each content.",
        "`hashlib.sha256(text.encode()).hexdigest()` is the digest of a text.",
    ),
)
def one_digest_for_a_folder(folder_digest: list) -> Verdict:
    digests = [record["output"] for record in folder_digest]
    if any(digest is None for digest in digests):
        return wrong("Your function gives nothing back. Does it `return` the digest?")
    if any(type(digest) is int for digest in digests):
        return wrong(
            "Asked is a text. Python's own `hash` is a number that differs from process to process, so nothing can be compared with it tomorrow."
        )
    if any(type(digest) is str and "\ufffd" in digest for digest in digests):
        return wrong("Those are raw bytes. Asked is a text: `hexdigest()` gives one, `digest()` does not.")
    if any(type(digest) is not str for digest in digests):
        return wrong("Asked is one text for the whole folder; yours is something else.")
    if own_hash(digests) and len({len(digest) for digest in digests}) > 1:
        return wrong(
            "Your texts are short and of different lengths, like a number of `hash` turned into text. That one differs from process to process: take SHA-256."
        )
    if len(set(digests)) == 1:
        return wrong("Every folder gets the same digest.")
    if len({len(digest) for digest in digests}) > 1:
        return wrong(
            "The text gets longer with the folder. A digest has one length, whatever it was made of."
        )
    by_group = defaultdict(set)
    for digest, (_, group, question) in zip(digests, _FOLDERS.values(), strict=True):
        if by_group[group] and digest not in by_group[group]:
            return wrong(question)
        if any(digest in seen for other, seen in by_group.items() if other != group):
            return wrong(question or "Two different folders get the same digest.")
        by_group[group].add(digest)
    return right("Sorted, with names, and with borders that nothing can blur: what differs shows.")


# ------------------------------------------------------------------------------------------------- 2.8d where is it?

_HOLD = {
    "Examples": "One place is the rows themselves: the key is a column of theirs.",
    "ExampleStatistics": "One thing is an aggregate, and names the plane all the same. What do statistics of a text column list?",
    "Model": "One thing has a weight for each plane. It must know which weight is whose.",
    "PushedModel": "A copy of something that holds the number holds it as well.",
    "OnlineTable": "One thing is looked up by the plane's number.",
}
_DO_NOT = {
    "ExampleAnomalies": "`ExampleAnomalies` names features that failed a check, and `tailnum` failed none.",
    "Schema": "`Schema` says of `tailnum` that it is a text that must be there. It lists no values.",
    "ModelBlessing": "`ModelBlessing` of our gate is two numbers: blessed or not, and an id.",
}


@exercise(
    "2.8d",
    holds=Names(),
    hints=(
        "Go through the eight and ask: could a person who reads this file learn that the plane was in the data?",
        "Statistics of text columns, and one-hot encoders, both keep a list of the values they have seen.",
    ),
)
def which_artifacts_hold_the_key(holds: list[str]) -> Verdict:
    known = {name.casefold(): name for name in [*_HOLD, *_DO_NOT]}
    if not holds:
        return wrong("None? Then there would be nothing to delete.")
    if unknown := sorted(name for name in holds if name.casefold() not in known):
        return wrong(f"`{unknown[0][:40]}` is none of the eight types.")
    given = {known[name.casefold()] for name in holds}
    if given == set(known.values()):
        return wrong("All eight? Some of them hold only numbers, or rules.")
    for name, reason in _DO_NOT.items():
        if name in given:
            return wrong(reason)
    for name, reason in _HOLD.items():
        if name not in given:
            return wrong(f"Something is missing. {reason}")
    return right("Rows, an aggregate of them, what was learned from them, and the copies of that.")
