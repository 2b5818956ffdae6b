"""How the exercises of lesson 2.7, A data pipeline in TFX, are judged."""

from __future__ import annotations

import re

from helpers.exercises.digests import between, digest
from helpers.exercises.rules import function, names
from helpers.exercises.signs import (
    CONSTANT, NOTHING, NO_NAME, STRANGE, each, follows, has, lacks, listed, only, some, unless, where,
    whole,
)


def _text(value):
    return type(value) is str


def _wrong_rows(announced, counted):
    return {
        split for split in announced.keys() | counted.keys() if announced.get(split) != counted.get(split)
    }


def _stale(age, limit):
    return {"stale"} if age > limit else set()


def _problems(rows=_wrong_rows, stale=_stale):
    """A rule: the splits that `rows` finds, and the word for age that `stale` adds."""
    return lambda announced, counted, age, limit: {*rows(announced, counted), *stale(age, limit)}


_usual = _problems()


def _all_or_one(output, given):
    """Whether of the splits that differ one is named, and the word for age where it belongs."""
    announced, counted, age, limit = given
    rows, stale = _wrong_rows(announced, counted), _stale(age, limit)
    return len(rows & set(output)) == min(len(rows), 1) and set(output) - rows == stale


function(
    "2.7a", "problems",
    [
        ({"train": 2100, "eval": 700}, {"train": 2100, "eval": 700}, 5, 24),
        ({"train": 2100, "eval": 700}, {"train": 1050, "eval": 350}, 5, 24),
        ({"train": 2100, "eval": 700}, {"train": 2100, "eval": 350}, 5, 24),
        ({"train": 2100, "eval": 700}, {"train": 4200, "eval": 700}, 5, 24),
        ({"train": 2100, "eval": 700}, {"train": 2000, "eval": 800}, 5, 24),
        ({"train": 2100, "eval": 700}, {"train": 2100}, 5, 24),
        ({"train": 2100}, {"train": 2100, "test": 30}, 5, 24),
        ({"train": 2100, "test": 0}, {"train": 2100}, 5, 24),
        ({"train": 900}, {"train": 900}, 24.5, 24),
        ({"train": 900}, {"train": 900}, 40, 24),
        ({"train": 900}, {"train": 900}, 30, 48),
        ({"train": 900}, {"train": 900}, 24, 24),
        ({"train": 900}, {"train": 800}, 90.5, 72),
        ({"train": 900, "eval": 0}, {"train": 900, "eval": 0}, 5, 24),
        ({"train": 900}, {"train": 901}, 200, 6),
    ],
    odd={
        "For some deliveries your function gives nothing back. Where there is no problem, "
        "return an empty list.":
            NOTHING,
        "That says whether something is wrong. Asked is what: the names.":
            some(lambda output: type(output) is bool),
        "That is a text; return a list, with one text for each problem.": some(_text),
        "Return a list of texts: names of splits, and the word for an old delivery.": unless(listed(_text)),
        "For some delivery a split is named twice.":
            where(lambda output, *given: len(set(output)) < len(output)),
    },
    rule=_usual,
    read=set,
    said="Too few, too many, unannounced and never come: all are caught by asking both sides about every "
    "split either knows.",
    mistakes={
        "You compare the rows and never the age: an old delivery passes.":
            _problems(stale=lambda age, limit: set()),
        "A delivery whose age equals the limit is not above it.":
            _problems(stale=lambda age, limit: {"stale"} if age >= limit else set()),
        "You call a fresh delivery stale, and an old one fresh.":
            _problems(stale=lambda age, limit: _stale(limit, age)),
        "A split that was counted and never announced passes. It is no less wrong than one that is missing.":
            _problems(lambda a, c: {s for s in a if a[s] != c.get(s)}),
        "A split that was announced and did not come at all passes.":
            _problems(lambda a, c: {s for s in c if a.get(s) != c[s]}),
        "You compare only the splits that both sides know.":
            _problems(lambda a, c: {s for s in a.keys() & c.keys() if a[s] != c[s]}),
        "You take a split that one side does not know for an empty one. An announced split of 0 rows that "
        "never came differs, too.":
            _problems(lambda a, c: {s for s in a.keys() | c.keys() if a.get(s, 0) != c.get(s, 0)}),
        "You look for rows that are missing. Too many rows, a file delivered twice, are a problem as well.":
            _problems(lambda a, c: {s for s in a if a[s] > c.get(s, -1)}),
        "Only a split with too few rows is found; one with too many, or one that nobody announced, passes.":
            _problems(lambda a, c: {s for s in a if a[s] > c.get(s, 0)}),
        "You look for rows that are too many. Rows that are missing are a problem as well.":
            follows(*(_problems(lambda a, c, gap=gap: {s for s in c if c[s] > a.get(s, gap)})
                for gap in (-1, 1e9))),
        "A split of 0 rows on both sides agrees: 0 is a number, not a gap.":
            _problems(lambda a, c: {s for s in a.keys() | c.keys() if a.get(s) != c.get(s) or not a[s]}),
        "`age` and `limit` are both in hours; you compare days with hours.":
            _problems(stale=lambda age, limit: _stale(age / 24, limit)),
        "A delivery whose rows agree can be too old as well: yours asks for its age only "
        "where a split differs.":
            lambda a, c, age, limit: _wrong_rows(a, c) and _usual(a, c, age, limit),
        "You compare with 24 hours, whatever the limit is.":
            _problems(stale=lambda age, limit: _stale(age, 24)),
        "You stop at the first split that differs. Report everything that is wrong.":
            whole(
                lambda outputs, inputs: all(_all_or_one(*both) for both in zip(outputs, inputs, strict=True))
            ),
        "You compare totals. Rows that moved from one split to the other leave the total as it was.":
            _problems(lambda a, c: a.keys() | c.keys() if sum(a.values()) != sum(c.values()) else set()),
        "Where a split differs you no longer look at the age. Report everything that is wrong.":
            lambda a, c, age, limit: _wrong_rows(a, c) or _stale(age, limit),
        "Where the delivery is too old you no longer look at the splits. Report everything that is wrong.":
            lambda a, c, age, limit: _stale(age, limit) or _wrong_rows(a, c),
        "It is turned round: you list what is in order.": follows(
            lambda a, c, age, limit: {*a, *c, "stale"} - _usual(a, c, age, limit),
            _problems(lambda a, c: (a.keys() | c.keys()) - _wrong_rows(a, c)),
        ),
        "Some of your names are neither splits nor the agreed word for age. Copy the words.":
            where(lambda output, a, c, age, limit: set(output) - {"stale", *a, *c}),
    },
    otherwise="For some deliveries the list differs from what the two dicts and the age say. Try one by "
    "hand.",
    hints=(
        "Which splits are there at all? `announced.keys() | counted.keys()` has those of both sides.",
        "`some_dict.get(split)` gives None where the split is not known, and None equals no number.",
        "Two questions that don't exclude each other: collect the splits first, then add "
        "the word for the age.",
    ),
)


def _steps(number=99):
    """A rule: what is reached from the changed components in so many steps."""

    def runs_again(changed, edges):
        found = set(changed)
        for _ in range(number):
            found |= {b for a, b in edges if a in found}
        return found

    return runs_again


_downstream = _steps()


def _one_pass(changed, edges):
    found = set(changed)
    for a, b in edges:
        if a in found:
            found.add(b)
    return found


def _when_all_inputs_are_new(changed, edges):
    found = set(changed)
    for _ in edges:
        readers = {reader for _, reader in edges}
        found |= {reader for reader in readers if all(a in found for a, b in edges if b == reader)}
    return found


def _upstream(changed, edges):
    return _downstream(changed, [(b, a) for a, b in edges])


def _all(changed, edges):
    return {*changed, *(name for edge in edges for name in edge)}


_FLOW = [
    ("ExampleValidator", "Gate"), ("Rows", "Statistics"), ("Statistics", "ExampleValidator"),
    ("Schema", "ExampleValidator"), ("Rows", "Transform"), ("Schema", "Transform"), ("Transform", "Trainer"),
    ("Rows", "Trainer"), ("Trainer", "Pusher"),
]
_CHAIN = [("d", "e"), ("c", "d"), ("b", "c"), ("a", "b"), ("x", "e")]
_LONG = list(zip("hgfedcba", "ihgfedcb", strict=True))  # eight steps, the last one first

function(
    "2.7b", "runs_again",
    [
        (["Rows"], _FLOW), (["Schema"], _FLOW), (["Transform"], _FLOW), (["Pusher"], _FLOW), ([], _FLOW),
        (["Statistics", "Trainer"], _FLOW), (["a"], _CHAIN), (["x"], _CHAIN), (["b", "x"], _CHAIN),
        (["alone"], [("a", "b")]), (["a"], _LONG),
    ],
    odd={
        "For some changes your function gives nothing back. Does every path `return`?": NOTHING,
        "Return the names of the components, as a set or list of texts.": unless(listed(_text)),
    },
    rule=_downstream,
    read=set,
    said="A new artifact has a new id, so the change travels along every data edge downstream, and "
    "along none upstream.",
    mistakes={
        "You name what changed, and nothing that reads its artifacts.": _steps(0),
        "You go one step downstream. Who reads what *that* one leaves gets new artifacts, too.": _steps(1),
        "You take a fixed number of steps, and a pipeline may be longer. Go on until nothing is added.":
            follows(*map(_steps, range(2, 8))),
        "You go once through the edges. An edge whose turn comes too early is missed: repeat "
        "until nothing is added.":
            follows(_one_pass, lambda changed, edges: _one_pass(changed, sorted(edges))),
        "One new input is enough, and you wait until all of them are new.": _when_all_inputs_are_new,
        "A component may have several readers. A dict made of the pairs keeps the last of them.":
            lambda changed, edges: _downstream(changed, list(dict(edges).items())),
        "You leave out the changed components themselves. Their own key is another one now.":
            lambda changed, edges: _downstream(changed, edges) - set(changed),
        "You name only the direct readers of what changed.":
            lambda changed, edges: {b for a, b in edges if a in changed},
        "You walk upstream. What comes before a change does not read it.": _upstream,
        "You walk in both directions. What comes before a change does not read it.":
            lambda *given: _downstream(*given) | _upstream(*given),
        "You run everything again. Then a cache would be of no use.":
            follows(_all, lambda changed, edges: _all(changed, edges) if changed else set()),
        "Those are the components that come from the cache; asked are the others.":
            lambda *given: _all(*given) - _downstream(*given),
        "Some changed components are missing from their own answer.":
            where(lambda output, changed, edges: set(changed) - set(output)),
    },
    otherwise="In some pipelines a component is missing, or one too many is there. Follow the edges of a "
    "small one by hand.",
    hints=(
        "Begin with what changed. Who reads it? And who reads those?",
        "`{downstream for upstream, downstream in edges if upstream in again}` is one step. How "
        "often is it needed?",
        "Repeat the step until it adds nothing. The order of the edges in the list then plays no part.",
    ),
)

names(
    "2.7c", "unnoticed",
    belong=["contract edited", "check rewritten", "manifest corrected"],
    others=["contract renamed", "span replaced", "other function", "span added"],
    reasons={
        "`{}` is not in the table. Copy the names from its first column.": STRANGE,
        "None at all? Then the new features above would have run.": NO_NAME,
        "Those are the changes that the cache does notice; asked are the others.":
            only("contract renamed", "span replaced", "other function", "span added"),
        "The file name is a parameter of the import, and it is another text now: the new name is in the key.":
            has("contract renamed"),
        "ExampleGen does look at its files: their sizes and times are in its key.": has("span replaced"),
        "The function's path is a parameter of Transform, and it is another text now.": has("other function"),
        "A span of a higher number is found by the pattern, and it is a parameter of ExampleGen.":
            has("span added"),
        "One is missing: think of a file of which the key holds the path alone.": lacks("contract edited"),
        "One is missing: the key names the executor by its path. Where is its code?":
            lacks("check rewritten"),
        "One is missing: a component that reads a file past its declared inputs.":
            lacks("manifest corrected"),
    },
    said="All three stand behind a path: a file under an old name, the code behind an executor's name, a "
    "file read past the inputs.",
    hints=(
        "Ask of each change: which *text or number* in the key of which component is different afterwards?",
        "A parameter that holds a path changes when the path does, whatever happens to the file behind it.",
        "ExampleGen is the exception: it looks at the files of its splits. Only of its splits.",
    ),
)

_FILES = {"features.py": "import x\ny = 1\n", "names.py": "z = 2\n"}
# Whoever sorts by the texts leaves these two as they come
_TWINS = {"one.py": "z = 2\n", "two.py": "z = 2\n"}
# What may stand between two files, and between a name and its text
_MARKS = [(one, two) for one in ("", "\n") for two in ("\n", "\0", "\t", " ", ":", ": ", "=")]
_MARKS += [("\0", "\0"), (" ", " "), (",", ","), ("|", "|"), (",", ":"), (", ", ": ")]


def _texts(files):
    return [files[name] for name in sorted(files)]


digest(
    "2.7d", "fingerprint", [_FILES, dict(_FILES), {}],
    odd={
        "For some files your function gives nothing back. Does it `return` the digest?": NOTHING,
        "That is a number. Asked is a text; and a number from Python's own `hash` is another one "
        "in the next process.":
            some(lambda output: type(output) in (int, float)),
        "Asked is one text for all files together.": unless(_text),
        "That is a number with a sign, written as text, as Python's own `hash` gives it: another one "
        "in the next process.": some(lambda output: re.fullmatch("-(0x)?[0-9a-f]{1,19}", output)),
        "Your digits can't be told from Python's own `hash` without its sign, which is another one in the "
        "next process. Take one of `hashlib`, and its `hexdigest()`.":
            each(lambda output: re.fullmatch("[0-9]{14,19}", output)),
    },
    kept=lambda files: sorted(files.items()),
    said="Names, contents and the borders between them are in it, and the order is not.",
    mistakes={
        "Your digest is the same for all files.": CONSTANT,
        "The same files gave two different texts. Nothing drawn, no time and no address may enter.":
            between(_FILES),
        "The same files in another order give another text. Sort before you digest.":
            between(
                _FILES, dict(reversed(_FILES.items())), _TWINS, dict(reversed(_TWINS.items())),
                kept=lambda files: list(files.items()),
            ),
        "A changed content goes unnoticed. Are all the contents in it, whole and in their order?": between(
            _FILES,
            {"features.py": "y = 1\nimport x\n", "names.py": "z = 2\n"},
            {"features.py": "import x\ny = 2\n", "names.py": "z = 2\n"},
            {"features.py": "import x\ny = 1\n", "names.py": "z = 3\n"},
            kept=sorted,
        ),
        "A renamed file goes unnoticed, and what imports it fails or takes another. Names "
        "belong into the digest.":
            between(_FILES, {"features.py": "import x\ny = 1\n", "other.py": "z = 2\n"}, kept=_texts),
        "Two files swap their contents, and you don't notice: each content must stand beside its own name.":
            between(
            _FILES, {"features.py": "z = 2\n", "names.py": "import x\ny = 1\n"},
            kept=lambda files: [sorted(files), sorted(_texts(files))],
        ),
        "White space is lost on the way. In Python an indentation is code.": between(
            _FILES, {"features.py": "import x\n y = 1\n", "names.py": "z = 2\n"},
            {"features.py": "import x\ny = 1", "names.py": "z = 2\n"},
            {"features.py": " import x\ny = 1\n", "names.py": "z = 2\n"},
            kept=lambda files: [(name, files[name].split()) for name in sorted(files)],
        ),
        "Capitals and small letters become the same on the way. To Python, `X` and `x` are two names.":
            between(
            _FILES, {"features.py": "import X\ny = 1\n", "names.py": "z = 2\n"},
            {"features.py": "import x\ny = 1\n", "Names.py": "z = 2\n"},
            kept=lambda files: sorted((name.lower(), files[name].lower()) for name in files),
        ),
        "Letters beyond ASCII are lost on the way. `.encode()` without an argument keeps them all.": between(
            _FILES, {"features.py": "import x\ny = 1\n", "names.py": "z = 2\u00e9\n"},
            {"features.py": "import x\ny = 1\n", "names.py": "z = 2\u00fc\n"},
            kept=lambda files: [
                (name, files[name].encode("ascii", "ignore").decode()) for name in sorted(files)
            ],
        ),
        "A line moves across the border between two files, and you don't notice: joined texts must "
        "show where one ends.": between(
            _FILES,
            {"features.py": "import x\n", "names.py": "y = 1\nz = 2\n"},
            {"features.py": "import x\ny = 1\nz = 2\n", "names.py": ""},
            {"features.py": "import x\ny = 1\nnames.pyz = 2\n"},
            kept=lambda files: [sorted(files), "".join(_texts(files))],
        ),
        "A letter moves from the name into the content, and you don't notice: mark the "
        "border between the two.":
            between(
                _FILES, {"features.py": "import x\ny = 1\n", "names.p": "yz = 2\n"},
                kept=lambda files: [name + files[name] for name in sorted(files)],
            ),
        "A file disappears, and you don't notice.": between(
            _FILES, {"features.py": "import x\ny = 1\n"}, {**_FILES, "__init__.py": ""},
            kept=lambda files: sorted(item for item in files.items() if item[1]),
        ),
        "What you put between the parts can stand in a file as well: two files and a longer one "
        "become the same text.":
            between(
                {"a.py": "1", "b.py": "2"}, *({"a.py": f"1{one}b.py{two}2"} for one, two in _MARKS),
                kept=lambda files: "\n".join(f"{name}\n{files[name]}" for name in sorted(files)),
            ),
    },
    otherwise="Some files that differ get the same text.",
    hints=(
        "`sorted(files.items())` is in the same order whatever the order of the dict.",
        "A digest takes one text or bytes. How do you write names and contents into one text so that it can "
        "be taken apart again?",
        "`json.dumps` of a list of pairs marks where each part begins and ends.",
    ),
)
