"""Judges of lesson 2.7, A data pipeline in TFX."""

from __future__ import annotations

from helpers.exercises.kit import Function, Names, exercise, right, wrong
from helpers.exercises.rules import own_hash


def _name_sets(records: list[dict]) -> list[set[str]] | None:
    """Each output as a set of names; None where one is no list of texts."""
    outputs = [record["output"] for record in records]
    if any(type(output) is not list or any(type(name) is not str for name in output) for output in outputs):
        return None
    return [set(output) for output in outputs]


# ------------------------------------------------------------------------------------------------- 2.7a


def _problems(announced, counted, age, limit):
    found = {
        split for split in announced.keys() | counted.keys() if announced.get(split) != counted.get(split)
    }
    return found | ({"stale"} if age > limit else set())


_MISTAKES_A = [
    (
        lambda a, c, age, limit: _problems(a, c, 0, 1),
        "You compare the rows and never the age: an old delivery passes.",
    ),
    (
        lambda a, c, age, limit: _problems(a, c, age + 1e-9, limit),
        "A delivery whose age equals the limit is not above it.",
    ),
    (
        lambda a, c, age, limit: _problems(a, c, limit, age),
        "You call a fresh delivery stale, and an old one fresh.",
    ),
    (
        lambda a, c, age, limit: _problems(a, {s: n for s, n in c.items() if s in a}, age, limit),
        "A split that was counted and never announced passes. It is no less wrong than one that is missing.",
    ),
    (
        lambda a, c, age, limit: _problems({s: n for s, n in a.items() if s in c}, c, age, limit),
        "A split that was announced and did not come at all passes.",
    ),
    (
        lambda a, c, age, limit: _problems(
            {s: n for s, n in a.items() if s in c}, {s: n for s, n in c.items() if s in a}, age, limit
        ),
        "You compare only the splits that both sides know.",
    ),
    (
        lambda a, c, age, limit: (
            {s for s in a.keys() | c.keys() if a.get(s, 0) != c.get(s, 0)} | _problems({}, {}, age, limit)
        ),
        "You take a split that one side does not know for an empty one. An announced split of 0 rows that never came differs, too.",
    ),
    (
        lambda a, c, age, limit: (
            {s for s in a.keys() | c.keys() if a.get(s, 0) > c.get(s, -1)} | _problems({}, {}, age, limit)
        ),
        "You look for rows that are missing. Too many rows, a file delivered twice, are a problem as well.",
    ),
    (
        lambda a, c, age, limit: {s for s in a if a[s] > c.get(s, 0)} | _problems({}, {}, age, limit),
        "Only a split with too few rows is found; one with too many, or one that nobody announced, passes.",
    ),
    (
        lambda a, c, age, limit: (
            (a.keys() | c.keys() if sum(a.values()) != sum(c.values()) else set())
            | _problems({}, {}, age, limit)
        ),
        "You compare totals. Rows that moved from one split to the other leave the total as it was.",
    ),
    (
        lambda a, c, age, limit: _problems(a, c, 0, 1) or _problems({}, {}, age, limit),
        "Where a split differs you no longer look at the age. Report everything that is wrong.",
    ),
    (
        lambda a, c, age, limit: _problems({}, {}, age, limit) or _problems(a, c, 0, 1),
        "Where the delivery is too old you no longer look at the splits. Report everything that is wrong.",
    ),
    (
        lambda a, c, age, limit: (a.keys() | c.keys() | {"stale"}) - _problems(a, c, age, limit),
        "It is turned round: you list what is in order.",
    ),
]


@exercise(
    "2.7a",
    problems=Function(
        [
            ({"train": 2100, "eval": 700}, {"train": 2100, "eval": 700}, 5, 24),
            ({"train": 2100, "eval": 700}, {"train": 1050, "eval": 350}, 5, 24),
            ({"train": 2100, "eval": 700}, {"train": 2100, "eval": 350}, 5, 24),
            ({"train": 2100, "eval": 700}, {"train": 4200, "eval": 700}, 5, 24),
            ({"train": 2100, "eval": 700}, {"train": 2000, "eval": 800}, 5, 24),
            ({"train": 2100, "eval": 700}, {"train": 2100}, 5, 24),
            ({"train": 2100}, {"train": 2100, "test": 30}, 5, 24),
            ({"train": 2100, "test": 0}, {"train": 2100}, 5, 24),
            ({"train": 900}, {"train": 900}, 25, 24),
            ({"train": 900}, {"train": 900}, 24, 24),
            ({"train": 900}, {"train": 800}, 90.5, 72),
        ]
    ),
    hints=(
        "Which splits are there at all? `announced.keys() | counted.keys()` has those of both sides.",
        "`some_dict.get(split)` gives None where the split is not known, and None equals no number.",
        "Two questions that don't exclude each other: collect the splits first, then add the word for the age.",
    ),
)
def what_is_wrong_with_a_delivery(problems):
    outputs = [record["output"] for record in problems]
    if any(output is None for output in outputs):
        return wrong(
            "For some deliveries your function gives nothing back. Where there is no problem, return an empty list."
        )
    if any(type(output) is bool for output in outputs):
        return wrong("That says whether something is wrong. Asked is what: the names.")
    if any(type(output) is str for output in outputs):
        return wrong("That is a text; return a list, with one text for each problem.")
    said = _name_sets(problems)
    if said is None:
        return wrong("Return a list of texts: names of splits, and the word for an old delivery.")

    def same(rule) -> bool:
        return said == [set(rule(*record["input"])) for record in problems]

    if same(_problems):
        return right(
            "Too few, too many, unannounced and never come: all are caught by asking both sides about every split either knows."
        )
    for rule, reason in _MISTAKES_A:
        if same(rule):
            return wrong(reason)
    if any(
        names - {"stale"} - record["input"][0].keys() - record["input"][1].keys()
        for names, record in zip(said, problems, strict=True)
    ):
        return wrong("Some of your names are neither splits nor the agreed word for age. Copy the words.")
    return wrong(
        "For some deliveries the list differs from what the two dicts and the age say. Try one by hand."
    )


# ------------------------------------------------------------------------------------------------- 2.7b


def _downstream(changed, edges):
    found = set(changed)
    while more := {b for a, b in edges if a in found} - found:
        found |= more
    return found


def _one_pass(changed, edges):
    found = set(changed)
    for a, b in edges:
        if a in found:
            found.add(b)
    return found


def _steps(number):
    def rule(changed, edges):
        found = set(changed)
        for _ in range(number):
            found |= {b for a, b in edges if a in found}
        return found

    return rule


_MISTAKES_B = [
    (lambda changed, edges: set(changed), "You name what changed, and nothing that reads its artifacts."),
    (_steps(1), "You go one step downstream. Who reads what *that* one leaves gets new artifacts, too."),
    (_steps(2), "You stop after two steps. Go on until nothing is added."),
    (
        _one_pass,
        "You go once through the edges in the order given. An edge that comes too early in the list is missed: repeat until nothing is added.",
    ),
    (
        lambda changed, edges: _downstream(changed, edges) - set(changed),
        "You leave out the changed components themselves. Their own key is another one now.",
    ),
    (
        lambda changed, edges: {b for a, b in edges if a in changed},
        "You name only the direct readers of what changed.",
    ),
    (
        lambda changed, edges: _downstream(changed, [(b, a) for a, b in edges]),
        "You walk upstream. What comes before a change does not read it.",
    ),
    (
        lambda changed, edges: _downstream(changed, edges) | _downstream(changed, [(b, a) for a, b in edges]),
        "You walk in both directions. What comes before a change does not read it.",
    ),
    (
        lambda changed, edges: set(changed) | {name for edge in edges for name in edge},
        "You run everything again. Then a cache would be of no use.",
    ),
    (
        lambda changed, edges: (
            ({name for edge in edges for name in edge} | set(changed)) - _downstream(changed, edges)
        ),
        "Those are the components that come from the cache; asked are the others.",
    ),
]

_FLOW = [
    ("ExampleValidator", "Gate"),
    ("Rows", "Statistics"),
    ("Statistics", "ExampleValidator"),
    ("Schema", "ExampleValidator"),
    ("Rows", "Transform"),
    ("Schema", "Transform"),
    ("Transform", "Trainer"),
    ("Rows", "Trainer"),
    ("Trainer", "Pusher"),
]
_CHAIN = [("d", "e"), ("c", "d"), ("b", "c"), ("a", "b"), ("x", "e")]


@exercise(
    "2.7b",
    runs_again=Function(
        [
            (["Rows"], _FLOW),
            (["Schema"], _FLOW),
            (["Transform"], _FLOW),
            (["Pusher"], _FLOW),
            ([], _FLOW),
            (["Statistics", "Trainer"], _FLOW),
            (["a"], _CHAIN),
            (["x"], _CHAIN),
            (["b", "x"], _CHAIN),
            (["alone"], [("a", "b")]),
        ]
    ),
    hints=(
        "Begin with what changed. Who reads it? And who reads those?",
        "`{downstream for upstream, downstream in edges if upstream in again}` is one step. How often is it needed?",
        "Repeat the step until it adds nothing. The order of the edges in the list then plays no part.",
    ),
)
def what_runs_again_after_a_change(runs_again):
    outputs = [record["output"] for record in runs_again]
    if any(output is None for output in outputs):
        return wrong("For some changes your function gives nothing back. Does every path `return`?")
    said = _name_sets(runs_again)
    if said is None:
        return wrong("Return the names of the components, as a set or list of texts.")

    def same(rule) -> bool:
        return said == [set(rule(*record["input"])) for record in runs_again]

    if same(_downstream):
        return right(
            "A new artifact has a new id, so the change travels along every data edge downstream, and along none upstream."
        )
    for rule, reason in _MISTAKES_B:
        if same(rule):
            return wrong(reason)
    if any(set(r["input"][0]) - names for names, r in zip(said, runs_again, strict=True)):
        return wrong("Some changed components are missing from their own answer.")
    return wrong(
        "In some pipelines a component is missing, or one too many is there. Follow the edges of a small one by hand."
    )


# ------------------------------------------------------------------------------------------------- 2.7c

_UNNOTICED = {"contract edited", "check rewritten", "manifest corrected"}
_NOTICED = {
    "contract renamed": "The file name is a parameter of the import, and it is another text now: the new name is in the key.",
    "span replaced": "ExampleGen does look at its files: their sizes and times are in its key.",
    "other function": "The function's path is a parameter of Transform, and it is another text now.",
    "span added": "A span of a higher number is found by the pattern, and it is a parameter of ExampleGen.",
}
_MISSED = {
    "contract edited": "One is missing: think of a file of which the key holds the path alone.",
    "check rewritten": "One is missing: the key names the executor by its path. Where is its code?",
    "manifest corrected": "One is missing: a component that reads a file past its declared inputs.",
}


@exercise(
    "2.7c",
    unnoticed=Names(),
    hints=(
        "Ask of each change: which *text or number* in the key of which component is different afterwards?",
        "A parameter that holds a path changes when the path does, whatever happens to the file behind it.",
        "ExampleGen is the exception: it looks at the files of its splits. Only of its splits.",
    ),
)
def which_changes_the_cache_does_not_notice(unnoticed):
    named = set(unnoticed)
    if unknown := named - _UNNOTICED - _NOTICED.keys():
        return wrong(f"`{min(unknown)}` is not in the table. Copy the names from its first column.")
    if not named:
        return wrong("None at all? Then the new features above would have run.")
    if named == set(_NOTICED):
        return wrong("Those are the changes that the cache does notice; asked are the others.")
    for name, reason in _NOTICED.items():
        if name in named:
            return wrong(reason)
    for name, reason in _MISSED.items():
        if name not in named:
            return wrong(reason)
    return right(
        "All three stand behind a path: a file under an old name, the code behind an executor's name, a file read past the inputs."
    )


# ------------------------------------------------------------------------------------------------- 2.7d

_BASE = {"features.py": "import x\ny = 1\n", "names.py": "z = 2\n"}
_FILES = [
    _BASE,
    dict(_BASE),
    dict(reversed(_BASE.items())),
    {"features.py": "import x\ny = 2\n", "names.py": "z = 2\n"},
    {"features.py": "import x\ny = 1\n", "names.py": "z = 3\n"},
    {"features.py": "import x\ny = 1\n", "other.py": "z = 2\n"},
    {"features.py": "z = 2\n", "names.py": "import x\ny = 1\n"},
    {"features.py": "import x\n", "names.py": "y = 1\nz = 2\n"},
    {"features.py": "import x\ny = 1\nz = 2\n", "names.py": ""},
    {"features.py": "import x\ny = 1\n", "names.p": "yz = 2\n"},
    {"features.py": "import x\ny = 1\n"},
    {"features.py": "import x\n y = 1\n", "names.py": "z = 2\n"},
    {"features.py": "import x\ny = 1\nnames.pyz = 2\n"},
    {},
]


def _groups(values: list) -> list[int]:
    """For each value, the place of the first one that equals it."""
    return [next(i for i, other in enumerate(values) if other == value) for value in values]


@exercise(
    "2.7d",
    fingerprint=Function([(files,) for files in _FILES]),
    hints=(
        "`sorted(files.items())` is in the same order whatever the order of the dict.",
        "A digest takes one text or bytes. How do you write names and contents into one text so that it can be taken apart again?",
        "`json.dumps` of a list of pairs marks where each part begins and ends.",
    ),
)
def whether_a_digest_can_be_trusted(fingerprint):
    outputs = [record["output"] for record in fingerprint]
    files = [record["input"][0] for record in fingerprint]
    if any(output is None for output in outputs):
        return wrong("For some files your function gives nothing back. Does it `return` the digest?")
    if any(type(output) in (int, float) for output in outputs):
        return wrong(
            "That is a number. Asked is a text; and a number from Python's own `hash` is another one in the next process."
        )
    if any(type(output) is not str for output in outputs):
        return wrong("Asked is one text for all files together.")
    if own_hash(outputs) and len(max(outputs, key=len)) > 14:
        return wrong(
            "That looks like Python's own `hash`, written as text: it is another one in the next process."
        )
    if _groups(outputs) == _groups(files):
        return right("Names, contents and the borders between them are in it, and the order is not.")
    if len(set(outputs)) == 1:
        return wrong("Your digest is the same for all files.")

    def alike(one: int, other: int) -> bool:
        return outputs[one] == outputs[other]

    if not alike(0, 1):
        return wrong(
            "The same files gave two different texts. Nothing drawn, no time and no address may enter."
        )
    if not alike(0, 2):
        return wrong("The same files in another order give another text. Sort before you digest.")
    if alike(0, 3) or alike(0, 4):
        return wrong("A changed content goes unnoticed. Are all the contents in it, whole?")
    if alike(0, 5):
        return wrong(
            "A renamed file goes unnoticed, and what imports it fails or takes another. Names belong into the digest."
        )
    if alike(0, 6):
        return wrong(
            "Two files swap their contents, and you don't notice: each content must stand beside its own name."
        )
    if alike(0, 11):
        return wrong("White space is lost on the way. In Python an indentation is code.")
    if alike(0, 7) or alike(0, 8) or alike(7, 8) or alike(0, 12):
        return wrong(
            "A line moves across the border between two files, and you don't notice: joined texts must show where one ends."
        )
    if alike(0, 9):
        return wrong(
            "A letter moves from the name into the content, and you don't notice: mark the border between the two."
        )
    if alike(0, 10):
        return wrong("A file disappears, and you don't notice.")
    return wrong("Some files that differ get the same text.")
