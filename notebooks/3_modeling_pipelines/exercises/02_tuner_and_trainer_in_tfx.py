"""How the exercises of lesson 3.2, Tuner and Trainer in TFX, are judged."""

from __future__ import annotations

import dataclasses
import functools
import re

from helpers.exercises.kit import Function
from helpers.exercises.rules import function
from helpers.exercises.signs import CONSTANT, NOTHING, listed, unless

# ---- 3.2a: a search space ----------------------------------------------------------------------------------------
# In plain data `hp` is what the search has picked; what the function gave is {"space": …, "settings": …}.


class _OnSearch(Function):
    """A function of Keras Tuner's HyperParameters: what it registers there, and what it returns."""

    def read(self, value):
        if not callable(value):
            return super().read(value)
        made = _search()

        @functools.wraps(value)
        def on_search(held):
            hp = made(held)
            returned = value(hp)
            if isinstance(returned, dict) and returned.keys() == {"space", "settings"}:
                return returned
            if returned is None:
                return None
            return {"space": sorted(map(_told, hp.space)), "settings": returned}

        return super().read(on_search)


def _search():
    """From what the search picks to real HyperParameters that pick it."""
    from keras_tuner import HyperParameters

    parts = [("size", str), ("learning_rate", float), ("dropout", float)]
    # As a dataclass it can be read back as the plain data it was made of
    picked = dataclasses.make_dataclass("Picked", parts, bases=(HyperParameters,), init=False, eq=False)

    def made(held):
        hp = picked()
        hp.values.update(held)
        hp.size, hp.learning_rate, hp.dropout = held["size"], held["learning_rate"], held["dropout"]
        return hp

    return made


def _told(parameter):
    """A registered hyperparameter in plain data; the step of a range is free."""
    config = parameter.get_config()
    if "values" in config:
        return [config["name"], "Choice", sorted(map(str, config["values"]))]
    if "min_value" in config:
        return [
            config["name"],
            type(parameter).__name__,
            config["min_value"],
            config["max_value"],
            config["sampling"],
        ]
    return [config["name"], type(parameter).__name__]


def _space(
    rate=(0.001, 0.03, "log"), dropout=(0.0, 0.4), sizes=("large", "medium", "small"), names=None, keep=3
):
    names = names or ["size", "learning_rate", "dropout"]
    registered = sorted([
        [names[2], "Float", *dropout, "linear"], [names[1], "Float", *rate], [names[0], "Choice", list(sizes)],
    ])  # fmt: skip
    return lambda hp: {"space": registered, "settings": dict(list(_picked(hp, names).items())[:keep])}


def _picked(hp, names):
    return dict(zip(names, [hp["size"], hp["learning_rate"], hp["dropout"]], strict=True))


function(
    "3.2a", "space",
    form=_OnSearch([
        ({"size": "medium", "learning_rate": 0.01, "dropout": 0.1},),
        ({"size": "large", "learning_rate": 0.0015, "dropout": 0.37},),
        ({"size": "small", "learning_rate": 0.03, "dropout": 0.0},),
    ]),
    rule=_space(),
    said="The search sees three names with their ranges, and whoever builds the network sees one choice of each.",
    odd={
        "Your function gives nothing back. Does it `return` the dict of the three chosen values?": NOTHING,
        "Asked is a dict of the three chosen values, by their names.": unless(
            lambda output: type(output) is dict and type(output.get("settings")) is dict),
    },
    mistakes={
        "The learning rate is drawn evenly, so most draws are large. Each factor of ten as likely as "
        "the next is another `sampling`.":
            _space(rate=(0.001, 0.03, "linear")),
        "The learning rate's range is another than the table's.": _space(rate=(0.0001, 0.3, "log")),
        "The dropout's range is another than the table's.": _space(dropout=(0.0, 0.5)),
        "There are three words to choose from in the table.": _space(sizes=("large", "small")),
        "The space is right, and the dict you return lacks a name.": _space(keep=2),
        "The names are others than the table's, in the space or in the dict.":
            _space(names=["hidden", "lr", "drop"]),
    },
    otherwise="Space or dict is another. `hp.Choice` takes a name and a list, `hp.Float` a name, two "
        "ends, and `sampling`.",
    hints=(
        "`hp.Choice(name, list)` registers and returns what is chosen; so does `hp.Float(name, low, high)`.",
        'Keras Tuner calls even factors `sampling="log"`.',
    ),
)  # fmt: skip


# ---- 3.2b: small stores ------------------------------------------------------------------------------------------
# In plain data a store is {"events": "1:1,2>3", "artifacts": "Examples;HyperParameters;Model"}: execution 1 reads 1
# and 2, makes 3.


class _OnStores(Function):
    """A function of a MetadataStore and an id, called with real stores in memory, made where it is called."""

    def read(self, value):
        if not callable(value):
            return super().read(value)
        made = _maker()

        @functools.wraps(value)
        def on_store(held, *more):
            return value(made(held), *more)

        return super().read(on_store)


def _maker():
    """From a store in plain data to the real one."""
    from ml_metadata.metadata_store import MetadataStore
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    parts = [("events", str), ("artifacts", str)]
    small = dataclasses.make_dataclass("Small", parts, bases=(MetadataStore,), init=False, eq=False)

    def made(held):
        memory = mlmd.ConnectionConfig()
        memory.fake_database.SetInParent()
        store = small(memory)
        store.events, store.artifacts = held["events"], held["artifacts"]
        kinds = held["artifacts"].split(";")
        types = {name: store.put_artifact_type(mlmd.ArtifactType(name=name)) for name in kinds}
        store.put_artifacts(
            [mlmd.Artifact(type_id=types[name], uri=f"/out/{number}") for number, name in enumerate(kinds, 1)]
        )
        step = store.put_execution_type(mlmd.ExecutionType(name="Step"))
        executions = sorted({execution for execution, _, _ in _events(held)})
        store.put_executions([mlmd.Execution(type_id=step) for _ in executions])
        store.put_events(
            [
                mlmd.Event(execution_id=execution, artifact_id=artifact, type=mlmd.Event.Type.Value(kind))
                for execution, artifact, kind in _events(held)
            ]
        )
        return store

    return made  # fmt: skip


def _events(held):
    """The events of a store, each as (execution, artifact, type)."""
    found = []
    for step in held["events"].split(";"):
        number, reads, gives = re.fullmatch(r"(\d+):([\d,]*)>([\d,]*)", step).groups()
        for ids, kind in ((reads, "INPUT"), (gives, "OUTPUT")):
            found += [(int(number), int(artifact), kind) for artifact in ids.split(",") if artifact]
    return found


def _kinds(held):
    return dict(enumerate(held["artifacts"].split(";"), 1))


def _behind(held, model, at=("OUTPUT",), kinds=("INPUT",), pick=min, kind="HyperParameters"):
    events = _events(held)
    makers = {e for e, a, event in events if a == model and event in at}
    read = {a for e, a, event in events if e in makers and event in kinds}
    found = {a for a in read if _kinds(held)[a] == kind}
    return pick(found) if found else None


def _through_bases(held, model):
    """Where the maker read none, goes on to the model it started from."""
    base = _behind(held, model, kind="Model")
    return _behind(held, model) or (base and _through_bases(held, base))


def _newest(held, model):
    return max((a for a, kind in _kinds(held).items() if kind == "HyperParameters"), default=None)


_T = "Examples;HyperParameters;Model"
function(
    "3.2b", "tuned_by",
    form=_OnStores([
        ({"events": "1:1>2;2:1,2>3", "artifacts": _T}, 3),
        ({"events": "1:1>2;2:1>3", "artifacts": _T}, 3),
        # two searches, the model made by the older one; a later model made by the newer
        ({"events": "1:1>2;2:1>3;3:1,2>4;4:1,3>5",
          "artifacts": "Examples;HyperParameters;HyperParameters;Model;Model"}, 4),
        # started from a tuned model, without hyperparameters of its own
        ({"events": "1:1>2;2:1,2>3;3:1,3>4", "artifacts": _T + ";Model"}, 4),
        # a reader of the model reads hyperparameters, too
        ({"events": "1:1>3;2:1>2;3:2,3>4", "artifacts": _T + ";Model"}, 3),
        # from the cache
        ({"events": "1:1>2;2:1,2>3;3:1,2>3", "artifacts": _T}, 3),
        # nobody made it: it was imported from outside
        ({"events": "1:1>2;2:3>1", "artifacts": _T}, 3),
    ]),
    rule=_behind,
    said="Only what the maker of a model has read can have made it; who reads the model later has no part in it.",
    mistakes={
        "That is the newest of the store. Another search may have run since, or this model may have used none.":
            _newest,
        "You go on to the model it started from. Asked is what its own maker read.": _through_bases,
        "You ask who read the model, too. The maker is the execution with an `OUTPUT` event.":
            functools.partial(_behind, at=("INPUT", "OUTPUT")),
        "That is the event's other side: an artifact that is not of type `HyperParameters`.":
            functools.partial(_behind, kind="Examples"),
        "Your function gives the same for every store.": CONSTANT,
    },
    otherwise="For some store it is another. Draw the four events of the example, and go from 8 to 2 and on to 7.",
    hints=(
        "First the makers: execution ids of the model's events of type `pb.Event.OUTPUT`.",
        "Then what they read: artifact ids of their events of type `pb.Event.INPUT`; of these the one whose `type` is "
        "`HyperParameters`. Without makers there is nothing to ask.",
    ),
)  # fmt: skip


# ---- 3.2c --------------------------------------------------------------------------------------------------------


def _starts():
    import numpy as np

    return [
        ([np.array([1.0, -2.0, 0.0, 0.5])], [np.array([0.1, 0.1, -0.2, 0.0])], 0.4, 1.0),
        (
            [np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0])],
            [np.array([[0.5, 0.0], [0.0, -0.5]]), np.array([2.0])],
            0.5,
            0.1,
        ),
        ([np.array([3.0])], [np.array([7.0])], 1.0, 0.0),
        ([np.array([3.0])], [np.array([7.0])], 0.0, 1.0),
    ]  # fmt: skip


def _mixed(old, fresh, left, right):
    def mix(one, other):
        if type(one) is list:
            return [mix(*pair) for pair in zip(one, other, strict=True)]
        return left * one + right * other

    return mix(old, fresh)


function(
    "3.2c", "shrink_and_perturb", _starts,
    rule=lambda old, fresh, shrink, noise: _mixed(old, fresh, shrink, noise),
    said="A shrink of 1 without noise is the warm start, a shrink of 0 with noise 1 is training anew: it lies between.",
    odd={
        "Your function gives nothing back. Does it `return` the list?": NOTHING,
        "Asked is a list of arrays, as long as `old`.": unless(listed(lambda one: type(one) is list)),
    },
    mistakes={
        "You take away what should be left: `shrink` is the share of the old weight that stays.":
            lambda old, fresh, shrink, noise: _mixed(old, fresh, 1 - shrink, noise),
        "`shrink` belongs to the old weights, `noise` to the fresh ones.":
            lambda old, fresh, shrink, noise: _mixed(old, fresh, noise, shrink),
        "The fresh weights come in whole. They are multiplied by `noise`.":
            lambda old, fresh, shrink, noise: _mixed(old, fresh, shrink, 1),
        "The old weights are not shrunk.": lambda old, fresh, shrink, noise: _mixed(old, fresh, 1, noise),
        "The fresh weights get what the old ones leave, 1 − shrink. They are multiplied by `noise`.":
            lambda old, fresh, shrink, noise: _mixed(old, fresh, shrink, 1 - shrink),
        "That shrinks and does not perturb.": lambda old, fresh, shrink, noise: _mixed(old, fresh, shrink, 0),
    },
    otherwise="For some weights it is another. Try the four of the table.",
    hints=(
        "`zip(old, fresh)` gives the pairs of arrays.",
        "For one pair it is `shrink * one + noise * other`.",
    ),
)  # fmt: skip


# ---- 3.2d --------------------------------------------------------------------------------------------------------


def _objections(values, known, found_under, used_under, *, missing=True, names=True, schema=True, all_=False):
    strange = sorted(set(values) - set(known)) if names else []
    if all_:
        strange = sorted(set(values) ^ set(known))
    other = found_under != used_under if missing else found_under is not None and found_under != used_under
    return strange + (["schema"] if schema and (other or missing and found_under is None) else [])


function(
    "3.2d", "objections",
    [
        ({"size": "small"}, ["size"], "a1", "a1"),
        ({"size": "small"}, ["size"], "a1", "b2"),
        ({"size": "small"}, ["size"], None, "b2"),
        ({"size": "small"}, ["size"], None, None),
        ({"rate": 1, "size": "small"}, ["size"], "b2", "b2"),
        ({"size": "small"}, ["size", "rate"], "b2", "b2"),
        ({"width": 1, "depth": 2, "rate": 3}, ["rate"], "a1", "b2"),
        ({}, [], "a1", "a1"),
    ],
    rule=_objections,
    said="What was found under another schema, or under none that is known, has to be searched for again.",
    odd={
        "Your function gives nothing back. Does it `return` the list?": NOTHING,
        "Asked is a list of words; an empty one where nothing speaks against it.": unless(
            listed(lambda one: type(one) is str)),
    },
    mistakes={
        "Where lineage doesn't tell, nobody knows that the schema is the same: that is an objection, too.":
            functools.partial(_objections, missing=False),
        "Two unknown schemas are equal for you. Unknown is not the same.":
            lambda values, known, found, used: sorted(set(values) - set(known)) + (["schema"] if found != used else []),
        "You look at the two digests alone.": functools.partial(_objections, names=False),
        "You look at the names alone.": functools.partial(_objections, schema=False),
        "A known name that is not among the values is no objection: then the code's default holds.":
            functools.partial(_objections, all_=True),
    },
    otherwise="For some case the list is another: first the strange names, sorted, then `schema`.",
    hints=(
        "The names first: sorted, those in `values` that are not in `known`.",
        "`None != \"b2\"` is True; ask what happens where both are `None`.",
    ),
)  # fmt: skip
