"""Answers to the exercises of lesson 4.5 that its own examples can't have: other right ways, mistakes nobody foresaw."""

import functools
from pathlib import Path

from .harness import cases

# ---- 4.5a --------------------------------------------------------------------------------------------------------


def _both(blessing, examples, name="rows"):
    return blessing.future()[0].custom_property("blessed"), examples.future()[0].custom_property(name)


def _joined(blessing, examples, least):
    from tfx.dsl.placeholder.placeholder import logical_and

    blessed, rows = _both(blessing, examples)
    return logical_and(blessed == 1, rows > least)


def _by_denial(blessing, examples, least):
    from tfx.dsl.placeholder.placeholder import logical_not, logical_or

    blessed, rows = _both(blessing, examples)
    return logical_not(logical_or(blessed != 1, rows <= least))


def _plain_and(blessing, examples, least):
    blessed, rows = _both(blessing, examples)
    return blessed == 1 and rows > least


def _plain_or(blessing, examples, least):
    blessed, rows = _both(blessing, examples)
    return blessed == 1 or rows > least


def _either(blessing, examples, least):
    from tfx.dsl.placeholder.placeholder import logical_or

    blessed, rows = _both(blessing, examples)
    return logical_or(blessed == 1, rows > least)


def _with(blessed_is=lambda blessed: blessed == 1, rows_are=lambda rows, least: rows > least, name="rows"):
    def worth_pushing(blessing, examples, least):
        from tfx.dsl.placeholder.placeholder import logical_and

        blessed, rows = _both(blessing, examples, name)
        return logical_and(blessed_is(blessed), rows_are(rows, least))

    return worth_pushing


def _at_once(blessing, examples, least):
    return blessing is not None and least > 0


def _no_comparison(blessing, examples, least):
    return blessing.future()[0].custom_property("blessed")


def _python_not(blessing, examples, least):
    from tfx.dsl.placeholder.placeholder import logical_and

    blessed, rows = _both(blessing, examples)
    return logical_and(blessed == 1, not rows <= least)


def _nothing(blessing, examples, least):
    _joined(blessing, examples, least)


# ---- 4.5d --------------------------------------------------------------------------------------------------------


@functools.cache
def _annotations():
    from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact
    from tfx.types.artifact import Artifact
    from tfx.types.standard_artifacts import Examples, Model

    class KeyReport(Artifact):
        TYPE_NAME = "KeyReport"

    return {
        "examples": InputArtifact[Examples],
        "report": OutputArtifact[KeyReport],
        "model": InputArtifact[Model],
    }


def _keys(artifact):
    import tensorflow as tf
    from tfx.types import artifact_utils

    found = {}
    for split in artifact_utils.decode_split_names(artifact.split_names):
        found[split] = []
        for file in Path(artifact.uri, f"Split-{split}").glob("*.gz"):
            for row in tf.compat.v1.io.tf_record_iterator(str(file), tf.io.TFRecordOptions("GZIP")):
                features = tf.train.Example.FromString(row).features.feature
                found[split].append(features["key"].bytes_list.value[0].decode())
    return found


def _function(write, annotated=("examples", "report")):
    """A component's function that writes `write(keys by split)` onto the report."""

    def uniqueness(examples, report):
        for name, value in write(_keys(examples)).items():
            if type(value) is int:
                report.set_int_custom_property(name, value)
            else:
                report.set_string_custom_property(name, value)

    uniqueness.__qualname__ = "uniqueness"
    uniqueness.__annotations__ = {name: _annotations()[name] for name in annotated}
    return uniqueness


def _flat(keys):
    return [key for split in keys.values() for key in split]


def _in_a_loop(keys):
    seen, repeats, rows = set(), 0, 0
    for split in keys:
        for key in keys[split]:
            rows += 1
            repeats += key in seen
            seen.add(key)
    return {"rows": rows, "repeats": int(repeats)}


def _by_counts(keys):
    from collections import Counter

    counts = Counter(_flat(keys))
    return {"rows": sum(counts.values()), "repeats": sum(count - 1 for count in counts.values())}


def _repeats(count):
    return lambda keys: {"rows": len(_flat(keys)), "repeats": count(keys)}


def _shared(keys):
    import itertools

    return len(
        {key for one, other in itertools.combinations(keys.values(), 2) for key in set(one) & set(other)}
    )


def _other_input(examples, report):
    return len(examples.uri), report


def _mislabelled():
    def uniqueness(examples, report):
        report.set_int_custom_property("rows", 1)

    uniqueness.__qualname__ = "uniqueness"
    uniqueness.__annotations__ = {"examples": _annotations()["model"], "report": _annotations()["report"]}
    return uniqueness


def _component():
    from tfx.dsl.component.experimental.decorators import component

    return component(_function(_in_a_loop))


def _renamed():
    def uniqueness(rows, report):
        report.set_int_custom_property("rows", 1)

    uniqueness.__qualname__ = "uniqueness"
    uniqueness.__annotations__ = {"rows": _annotations()["examples"], "report": _annotations()["report"]}
    return uniqueness


# ---- all ---------------------------------------------------------------------------------------------------------


def _sorted_by_span(span, verdicts):
    best = None
    for verdict in verdicts:
        if not verdict["blessed"] or verdict["span"] >= span:
            continue
        if best is None or (verdict["span"], verdict["model"]) > (best["span"], best["model"]):
            best = verdict
    return best["model"] if best else None


def _in_steps(states, most, depends_on_past):
    running = list(states.values()).count("running")
    chosen = []
    for span in sorted(states):
        if running + len(chosen) >= most:
            break
        if states[span] != "waiting":
            continue
        if depends_on_past and span - 1 in states and states[span - 1] != "done":
            continue
        chosen.append(span)
    return chosen


CASES = {
    "4.5a": cases(
        "worth_pushing",
        right=[_joined, _by_denial],
        wrong={
            "Did you write Python's `and`": _plain_and,
            "Did you write Python's `or`": _plain_or,
            "One of the two is enough": _either,
            "Rows that equal `least`": _with(rows_are=lambda rows, least: rows >= least),
            "whatever `least` is": _with(rows_are=lambda rows, least: rows > 1000),
            "the comparison is turned round": _with(rows_are=lambda rows, least: rows < least),
            "What was refused is pushed": _with(blessed_is=lambda blessed: blessed == 0),
            "Nothing is ever pushed": _with(blessed_is=lambda blessed: blessed == 2),
            "All is pushed": _with(lambda blessed: blessed < 2, lambda rows, least: rows > 0),
            "comes to nothing": _with(name="row"),
            "it comes out otherwise": _with(rows_are=lambda rows, least: rows > 2 * least),
        },
        invalid={
            "True or False already": _at_once,
            "it should be a TFX predicate": _no_comparison,
            "is None: the predicate": _nothing,
            "joins something that is no predicate": _python_not,
            "compares with True or False": _with(blessed_is=lambda blessed: blessed == True),  # noqa: E712
        },
    ),
    "4.5b": cases(
        "rival_of",
        right=[_sorted_by_span],
        wrong={
            "Asked is one id": lambda span, verdicts: [_sorted_by_span(span, verdicts)],
            "0 or -1 looks like an id": lambda span, verdicts: _sorted_by_span(span, verdicts) or 0,
            "For some verdicts it is another": lambda span, verdicts: (
                (_sorted_by_span(span, verdicts) or 0) + 1
            ),
        },
    ),
    "4.5c": cases(
        "startable",
        right=[_in_steps],
        wrong={
            "Asked is a list of spans": lambda states, most, past: len(_in_steps(states, most, past)),
            "For some states the list is another": lambda states, most, past: [
                span + 1 for span in _in_steps(states, most, past)
            ],
        },
    ),
    "4.5d": cases(
        "uniqueness",
        right=[_function(_in_a_loop), _function(_by_counts)],
        wrong={
            "neither property": _function(lambda keys: {}),
            "One of the two properties": _function(lambda keys: {"rows": len(_flat(keys))}),
            "Both properties are whole numbers": _function(_repeats(lambda keys: "many")),
            "You count in each split": _function(
                _repeats(lambda keys: sum(len(own) - len(set(own)) for own in keys.values()))
            ),
            "rows too many": _function(
                _repeats(lambda keys: sum(_flat(keys).count(key) > 1 for key in set(_flat(keys))))
            ),
            "The first of them is no repeat": _function(
                _repeats(lambda keys: sum(_flat(keys).count(key) > 1 for key in _flat(keys)))
            ),
            "the number of different keys": _function(_repeats(lambda keys: len(set(_flat(keys))))),
            "only whether there are any": _function(
                _repeats(lambda keys: int(len(set(_flat(keys))) < len(_flat(keys))))
            ),
            "keys that two splits share": _function(_repeats(_shared)),
            "`rows` are the different keys": _function(
                lambda keys: {**_in_a_loop(keys), "rows": len(set(_flat(keys)))}
            ),
            "those of one split": _function(
                lambda keys: {**_in_a_loop(keys), "rows": len(next(iter(keys.values())))}
            ),
            "For some keys the two numbers": _function(_repeats(lambda keys: 2)),
        },
        invalid={
            "need annotations": _other_input,
            "nothing else": _renamed(),
            "takes another type": _mislabelled(),
            "is a component already": _component(),
        },
    ),
}
