"""How the exercises of lesson 4.5 are judged."""

import itertools
import tempfile
import types
from pathlib import Path

from helpers.exercises.kit import Program, exercise
from helpers.exercises.plain import Blank, NotData, kind
from helpers.exercises.rules import function
from helpers.exercises.signs import CONSTANT, NOTHING, listed, some, unless

# ---- 4.5a ----

_BUILT = [(1000, 1, 5000), (1000, 0, 5000), (1000, 1, 1001), (1000, 1, 1000), (1000, 1, 999), (1000, 0, 200),
          (1000, 0, 1000), (6, 1, 7), (6, 1, 6), (6, 0, 7), (3000, 1, 2000), (3000, 0, 2000)]  # fmt: skip


def _asked(worth_pushing):
    """What the learner's predicate comes to for artifacts that have been made, as an orchestrator asks it."""
    from tfx.dsl.compiler import placeholder_utils
    from tfx.dsl.placeholder.placeholder import Predicate
    from tfx.orchestration.portable import data_types
    from tfx.types import standard_artifacts
    from tfx.types.channel import OutputChannel

    def channel(artifact, node, key):
        maker = types.SimpleNamespace(id=node)
        return OutputChannel(artifact_type=artifact, producer_component=maker, output_key=key)

    found = []
    for least, blessed, rows in _BUILT:
        predicate = worth_pushing(
            channel(standard_artifacts.ModelBlessing, "Gate", "blessing"),
            channel(standard_artifacts.Examples, "ExampleGen", "examples"),
            least,
        )
        if predicate is ...:
            raise Blank("")
        if predicate is None:
            raise NotData("is None: the predicate is to be given back with `return`.")
        if type(predicate) is bool:
            raise NotData(
                "is True or False already, when nothing has run; it should be a predicate, which compares "
                '`….future()[0].custom_property("…")` with a number.'
            )
        if not isinstance(predicate, Predicate):
            raise NotData(f"is {kind(predicate)}; it should be a TFX predicate, made by a comparison.")
        try:
            encoded = predicate.encode()
        except AttributeError:
            raise NotData(
                "joins something that is no predicate. Did Python's `not`, `and` or `or` get in?"
            ) from None
        # Python's True passes here, but the compiler of section 3 refuses it
        if "bool_value" in str(encoded):
            raise NotData("compares with True or False; `blessed` is a number, 0 or 1.")
        blessing, examples = standard_artifacts.ModelBlessing(), standard_artifacts.Examples()
        blessing.set_int_custom_property("blessed", blessed)
        examples.set_int_custom_property("rows", rows)
        made = {"_Gate.blessing": [blessing], "_ExampleGen.examples": [examples]}
        context = placeholder_utils.ResolutionContext(exec_info=data_types.ExecutionInfo(input_dict=made))
        try:
            found.append(placeholder_utils.resolve_placeholder_expression(encoded, context))
        except ValueError:  # a property that isn't there
            found.append(None)
    return found


def _pushed(rule):
    return [bool(rule(*case)) for case in _BUILT]


@exercise(
    "4.5a",
    worth_pushing=Program(_asked),
    said="The predicate is evaluated when both artifacts are there, and both its sides count.",
    hints=(
        'Two comparisons, each of a `….future()[0].custom_property("…")` with a number.',
        "`logical_and(one, other)` makes one predicate of them; the lesson has imported it.",
    ),
)
def a_condition_for_the_push(worth_pushing):
    if any(type(said) is not bool for said in worth_pushing):
        yield (
            "For some artifacts your predicate comes to nothing. Are both sides comparisons, and the "
            "properties' names those of the task?"
        )
        return
    reasons = {
        "Only `rows` decides: the blessing has no part in it. Did you write Python's `and`? It gives one "
        "of its sides, here "
        "the second.": lambda least, blessed, rows: rows > least,
        "Only the blessing decides: `rows` have no part in it. Did you write Python's `or`, or leave them "
        "out?":
            lambda least, blessed, rows: blessed,
        "One of the two is enough for you. Both are asked for.":
            lambda least, blessed, rows: blessed or rows > least,
        "Rows that equal `least` are not above it.": lambda least, blessed, rows: blessed and rows >= least,
        "You compare with 1,000, whatever `least` is.": lambda least, blessed, rows: blessed and rows > 1000,
        "Few rows are pushed, many are not: the comparison is turned round.":
            lambda least, blessed, rows: blessed and rows < least,
        "What was refused is pushed, and what was blessed is not.":
            lambda least, blessed, rows: not blessed and rows > least,
        "Nothing is ever pushed.": lambda least, blessed, rows: False,
        "All is pushed.": lambda least, blessed, rows: True,
    }  # fmt: skip
    for reason, rule in reasons.items():
        if worth_pushing == _pushed(rule):
            yield reason
    if worth_pushing != _pushed(lambda least, blessed, rows: blessed and rows > least):
        yield "For some blessing and some number of rows it comes out otherwise. Go through the table."


# ---- 4.5b ----


def _v(*rows):
    return [dict(zip(("model", "span", "blessed"), row, strict=True)) for row in rows]


def _newest(
    verdicts, span, before=lambda own, span: own < span, blessed=True, key=lambda v: (v["span"], v["model"])
):
    found = [v for v in verdicts if before(v["span"], span) and (v["blessed"] == 1 or not blessed)]
    return max(found, key=key)["model"] if found else None


function(
    "4.5b", "rival_of",
    [
        (6, _v((12, 4, 1), (20, 5, 0), (27, 6, 1), (31, 3, 1))),
        (7, _v((12, 4, 1), (20, 5, 0), (27, 6, 1), (31, 3, 1))),
        (5, _v((31, 3, 1), (20, 5, 1), (12, 4, 1))),
        (5, _v((40, 4, 1), (12, 4, 1), (33, 4, 1))),
        (5, _v((12, 4, 1), (40, 4, 0), (33, 4, 1))),
        (5, _v((12, 3, 1), (20, 4, 0))),
        (3, _v((12, 3, 1), (20, 4, 1))),
        (9, _v((12, 3, 0), (20, 4, 0))),
        (9, []),
        (10, _v((5, 9, 1), (9, 8, 1), (7, 2, 1))),
        (12, _v((5, 2, 1), (60, 3, 1), (61, 2, 1))),
    ],
    odd={
        "Asked is one id, a whole number, or "
        "None.": unless(lambda output: output is None or type(output) is int),
        "Where there is no rival, `None` is asked. 0 or -1 looks like an id.":
            some(lambda output: output in (0, -1)),
    },
    rule=lambda span, verdicts: _newest(verdicts, span),
    said="What is asked as of a span stays the same, whenever the run is started.",
    mistakes={
        "You take refused models, too.": lambda span, verdicts: _newest(verdicts, span, blessed=False),
        "Some of your rivals are of the span itself. Asked is *before* it.":
            lambda span, verdicts: _newest(verdicts, span, before=lambda own, span: own <= span),
        "You take models of later spans: that is the latest blessed, which section 2 warns of.":
            lambda span, verdicts: _newest(verdicts, span, before=lambda own, span: True),
        "That is the latest blessed of all, which section 2 warns of. Only spans before count.":
            lambda span, verdicts: _newest(
                verdicts, span, before=lambda own, span: True, key=lambda v: v["model"]),
        "The model of the span itself is no rival, nor an old span's that was made late. Take the newest "
        "span before.":
            lambda span, verdicts: _newest(
                verdicts, span, before=lambda own, span: own <= span, key=lambda v: v["model"]),
        "A later id is not a newer span: a model for an older span may have been made late.":
            lambda span, verdicts: _newest(verdicts, span, key=lambda v: v["model"]),
        "Only the span directly before is looked at. If that was refused, an older one is the rival.":
            lambda span, verdicts: _newest(verdicts, span, before=lambda own, span: own == span - 1),
        "If the newest span's model was refused, an older span's is the rival: cross out first, then choose.":
            lambda span, verdicts: next(
                (v["model"] if v["blessed"] else None for v in sorted(
                    verdicts, key=lambda v: (-v["span"], -v["model"])) if v["span"] < span), None),
        "Of several models of one span the greatest id is asked for; yours takes the first in the list.":
            lambda span, verdicts: _newest(verdicts, span, key=lambda v: v["span"]),
        "The verdicts are in no particular order: the last in the list needn't be the newest span's.":
            lambda span, verdicts: next(
                (v["model"] for v in reversed(verdicts) if v["blessed"] and v["span"] < span), None),
        "Of several models of one span the greatest id is asked for.":
            lambda span, verdicts: _newest(verdicts, span, key=lambda v: (v["span"], -v["model"])),
        "You return the span. Asked is the id of its model.":
            lambda span, verdicts: max(
                (v["span"] for v in verdicts if v["blessed"] and v["span"] < span), default=None),
        "That is the oldest span's.":
            lambda span, verdicts: _newest(verdicts, span, key=lambda v: (-v["span"], v["model"])),
        "Your function never finds one. Does it `return` what it finds?": lambda span, verdicts: None,
        "Your function gives the same for every store.": CONSTANT,
    },
    otherwise="For some verdicts it is another. Cross out what can't be the rival, then look for the "
    "newest span.",
    hints=(
        "Which verdicts may count at all? Two conditions: blessed, and a span before.",
        "`max` of pairs `(span, model)` compares the spans first, then the ids; of an empty list it raises.",
    ),
)  # fmt: skip


# ---- 4.5c ----


def _whole_spans(states):
    """Plain data have texts as keys."""
    return {int(span): state for span, state in states.items()}


def _start(
    states,
    most,
    past,
    *,
    free=max,
    count=("running",),
    ready=("waiting",),
    first=True,
    alone=True,
    order=sorted,
):
    states = _whole_spans(states)
    left = most - sum(state in count for state in states.values())
    found = [
        span for span in order(states)
        if states[span] in ready and (
            not past or (states[span - 1] == "done" if span - 1 in states else first))
    ]  # fmt: skip
    return found[: free(left, 0)] if alone else found


def _states(**by):
    return {span: state for state, spans in by.items() for span in spans}


def _pastless(span_state):
    """A rule for depends_on_past: of a waiting span, what the state before must be."""

    def rule(states, most, past):
        states = _whole_spans(states)
        left = max(most - sum(state == "running" for state in states.values()), 0)
        return [
            span for span in sorted(states)
            if states[span] == "waiting" and (not past or span_state(states, span))
        ][:left]  # fmt: skip

    return rule


function(
    "4.5c", "startable",
    [
        (_states(done=[3], running=[4], waiting=[5, 6]), 3, False),
        (_states(done=[3], running=[4], waiting=[5, 6]), 3, True),
        (_states(waiting=[3, 4, 5]), 2, False),
        (_states(waiting=[3, 4, 5]), 2, True),
        (_states(waiting=[5, 12, 3, 4]), 3, False),
        (_states(running=[3, 4], waiting=[5, 6]), 1, False),
        (_states(running=[3, 4], waiting=[5, 6]), 2, False),
        (_states(done=[3, 4], waiting=[5, 6, 7]), 1, True),
        (_states(done=[3], failed=[4], waiting=[5, 6]), 3, True),
        (_states(done=[3], failed=[4], waiting=[5, 6]), 3, False),
        (_states(done=[2], waiting=[5, 3, 9]), 4, True),
        (_states(done=[3, 4], running=[7], waiting=[5, 8, 10]), 2, True),
        (_states(done=[3, 4]), 3, True),
        ({}, 3, False),
        (_states(waiting=[3, 4]), 0, False),
        (_states(failed=[4], waiting=[5, 9]), 1, True),
        (_states(done=[2, 3], waiting=[5, 6]), 3, True),
    ],
    odd={
        "Your function gives nothing back. Does it `return` the list?": NOTHING,
        "Asked is a list of spans, whole numbers; an empty one where none may start.":
            unless(listed(lambda one: type(one) is int)),
    },
    rule=_start,
    said="The places left and the order of spans decide; who waits for the past waits for a success.",
    mistakes={
        "Somebody lowered the limit, and more are running than it allows. `ready[:-1]` then starts all but "
        "one.":
            lambda states, most, past: _start(states, most, past, free=lambda left, _: left),
        "What is running takes places, too: at most `most` run at once, not `most` more.":
            lambda states, most, past: _start(states, most, past, count=()),
        "What is done or failed takes no place any more.":
            lambda states, most, past: _start(states, most, past, count=("running", "done", "failed")),
        "The limit has no part in yours.": lambda states, most, past: _start(states, most, past, alone=False),
        "Oldest first: the spans are to be sorted. A dict keeps the order in which it was filled.":
            lambda states, most, past: _start(states, most, past, order=list),
        "Oldest first is asked; yours starts the newest.":
            lambda states, most, past: _start(
                states, most, past, order=lambda states: sorted(states, reverse=True)),
        "`depends_on_past` has no part in yours.": lambda states, most, past: _start(states, most, False),
        "You let a span wait for the past even where nobody asked for it.":
            lambda states, most, past: _start(states, most, True),
        "It is turned round: yours waits for the past where it need not.":
            lambda states, most, past: _start(states, most, not past),
        "A span whose predecessor isn't in `states` may start: for the first one there is no past.":
            lambda states, most, past: _start(states, most, past, first=False),
        "A failed predecessor is over, but it isn't done.":
            _pastless(lambda states, span: states.get(span - 1, "done") in ("done", "failed")),
        "A running predecessor isn't done yet.":
            _pastless(lambda states, span: states.get(span - 1, "done") in ("done", "running")),
        "Only the first span of all is free of a past in yours. So is each whose predecessor isn't in "
        "`states`.":
            _pastless(lambda states, span: span == min(states) or states.get(span - 1) == "done"),
        "Spans that have to wait take places in yours. Find out first who is ready, then count places.":
            lambda states, most, past: [
                span for span in _start(states, most, False)
                if not past or _whole_spans(states).get(span - 1, "done") == "done"],
        "A predecessor that waits itself, or has failed, isn't done.":
            _pastless(lambda states, span: states.get(span - 1, "done") != "running"),
        "A predecessor that runs, or has failed, isn't done.":
            _pastless(lambda states, span: states.get(span - 1, "done") != "waiting"),
        "Oldest first: yours are the right ones, in another order.":
            lambda states, most, past: _start(states, most, past)[::-1],
        "Asked is the span directly before, `span - 1`; you ask all that are older.":
            _pastless(
                lambda states, span: all(state == "done" for one, state in states.items() if one < span)),
        "You start failed ones again. Asked are waiting ones.":
            lambda states, most, past: _start(states, most, past, ready=("waiting", "failed")),
        "At most one is started by yours, though there is room for more.":
            lambda states, most, past: _start(states, most, past)[:1],
    },
    otherwise="For some states the list is another. Count the free places first, then who is ready.",
    hints=(
        "How many places are free? `most` less those that run, and never below 0.",
        "Who is ready? Waiting, and without `depends_on_past` that is all. `states.get(span - 1, "
        "\"done\")` is the one before.",
        "`ready[:free]` of the sorted list.",
    ),
)  # fmt: skip


# ---- 4.5d ----

# By split, a letter is a row's key
_WORLDS = [
    {"train": "ab", "eval": "cd"},
    {"train": "aba", "eval": "cd"},
    {"train": "ab", "eval": "bc"},
    {"train": "aba", "eval": "b"},
    {"train": "aaaa", "eval": "b"},
    {"train": "", "eval": "cc"},
    {"train": "abab", "eval": "abab"},
    {"all": "abca"},
    {"train": "ab", "eval": "ca", "test": "ad"},
]


def _reported(uniqueness):
    """What a component of the learner's function writes onto its report, for each world."""
    import tensorflow as tf
    from tfx.dsl.component.experimental.decorators import component
    from tfx.types import artifact_utils, standard_artifacts

    try:
        made = component(uniqueness)
    except Exception as error:  # noqa: BLE001 - TFX refuses a signature in many ways
        if "got <class" in str(error):
            raise NotData("is a component already: leave `@component` out, the lesson puts it on.") from None
        raise NotData(
            "can't be had: TFX makes no component of your function. Its two arguments need annotations: "
            "`examples: InputArtifact[Examples]` and "
            f"`report: OutputArtifact[KeyReport]`. TFX says: {str(error)[:200]}"
        ) from None
    spec = made.SPEC_CLASS
    if set(spec.INPUTS) != {"examples"} or set(spec.OUTPUTS) != {"report"} or spec.PARAMETERS:
        raise NotData(
            f"is a component with the inputs {sorted(spec.INPUTS)} and the outputs {sorted(spec.OUTPUTS)}; "
            "it should have `examples` as input and `report` as output, and nothing else."
        )
    if spec.INPUTS["examples"].type is not standard_artifacts.Examples:
        raise NotData(
            "is a component that takes another type of artifact; `examples` should be an "
            "`InputArtifact[Examples]`."
        )
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number, world in enumerate(_WORLDS):
            examples = standard_artifacts.Examples()
            examples.uri = str(Path(folder, str(number)))
            examples.split_names = artifact_utils.encode_split_names(list(world))
            for split, keys in world.items():
                file = Path(examples.uri, f"Split-{split}", "rows.gz")
                file.parent.mkdir(parents=True)
                with tf.io.TFRecordWriter(str(file), "GZIP") as writer:
                    for key in keys:
                        value = tf.train.Feature(bytes_list=tf.train.BytesList(value=[key.encode()]))
                        row = tf.train.Example(features=tf.train.Features(feature={"key": value}))
                        writer.write(row.SerializeToString())
            report = spec.OUTPUTS["report"].type()
            report.uri = str(Path(folder, f"report-{number}"))
            uniqueness(examples=examples, report=report)
            properties = report.mlmd_artifact.custom_properties
            found.append(
                {name: _whole(properties[name]) for name in ("rows", "repeats") if name in properties}
            )
    return found


def _whole(value):
    kind_ = value.WhichOneof("value")
    return value.int_value if kind_ == "int_value" else kind_


def _report(rows=None, repeats=None):
    found = []
    for world in _WORLDS:
        keys = "".join(world.values())
        usual = {"rows": len(keys), "repeats": len(keys) - len(set(keys))}
        found.append(
            usual | ({"rows": rows(world)} if rows else {}) | ({"repeats": repeats(world)} if repeats else {})
        )
    return found


def _within(world):
    return sum(len(keys) - len(set(keys)) for keys in world.values())


def _all(world):
    return "".join(world.values())


@exercise(
    "4.5d",
    uniqueness=Program(_reported),
    said="All rows less the different keys, inside a split and across splits.",
    hints=(
        "The annotations are those of the components above, such as `Statistics`.",
        "All keys of all splits in one list: `[key for split in keys_of(examples).values() for key in "
        "split]`.",
        "A set holds each key once.",
    ),
)
def counts_what_comes_twice(uniqueness):
    if not any(uniqueness):
        yield (
            "The report has neither property. They are set by `report.set_int_custom_property(name, value)`."
        )
    if not all(set(found) == {"rows", "repeats"} for found in uniqueness):
        yield "One of the two properties, `rows` and `repeats`, isn't set on every report."
        return
    if any(type(value) is not int for found in uniqueness for value in found.values()):
        yield "Both properties are whole numbers: `set_int_custom_property`."
    reasons = {
        "You count in each split by itself. A key in `train` and in `eval` is a repeat as well.":
            _report(repeats=_within),
        "You count keys that come more than once. Asked are rows too many: of four rows with one key, three.":
            _report(repeats=lambda world: sum(_all(world).count(key) > 1 for key in set(_all(world)))),
        "You count all rows whose key comes more than once. The first of them is no repeat.":
            _report(repeats=lambda world: sum(_all(world).count(key) > 1 for key in _all(world))),
        "`repeats` is the number of different keys in yours.":
            _report(repeats=lambda world: len(set(_all(world)))),
        "`repeats` says in yours only whether there are any.":
            _report(repeats=lambda world: int(len(set(_all(world))) < len(_all(world)))),
        "You count keys that two splits share; inside a split they repeat, too.":
            _report(repeats=lambda world: len(
                {key for one, other in itertools.combinations(world.values(), 2)
                 for key in set(one) & set(other)})),
        "`rows` are the different keys in yours. Asked are all rows.":
            _report(rows=lambda world: len(set(_all(world)))),
        "Your `rows` are those of one split.": _report(rows=lambda world: len(next(iter(world.values())))),
    }  # fmt: skip
    for reason, answer in reasons.items():
        if uniqueness == answer:
            yield reason
    if uniqueness != _report():
        yield "For some keys the two numbers are others. Count the four rows of the table by hand."
