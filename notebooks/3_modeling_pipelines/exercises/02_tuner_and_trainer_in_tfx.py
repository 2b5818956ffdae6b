"""How the exercises of lesson 3.2, Tuner and Trainer in TFX, are judged."""

from __future__ import annotations

import copy
import dataclasses
import functools

from helpers.exercises.kit import Function
from helpers.exercises.plain import plain
from helpers.exercises.rules import function
from helpers.exercises.signs import CONSTANT, NOTHING, close, follows, listed, some, unless, where
from helpers.exercises.stores import OnStores, artifacts, events, stored

# ---- 3.2a: a search space ----------------------------------------------------------------------------------
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
            if returned is None or isinstance(returned, dict) and returned.keys() == {"space", "settings"}:
                return returned
            # `hp` itself is not the dict, though it can be read as one
            settings = returned if returned is not hp else "hp"
            return {"space": sorted(map(_told, hp.space)), "settings": settings}

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
    """A registered hyperparameter in plain data."""
    config = parameter.get_config()
    if "values" in config:
        return [config["name"], "Choice", sorted(map(str, config["values"]))]
    ends = [config[key] for key in ("min_value", "max_value", "sampling") if key in config]
    steps = ["step"] if config.get("step") else []
    return [config["name"], type(parameter).__name__, *ends, *steps]


def _row(row):
    """Whether it is what `_told` says of a hyperparameter."""
    return type(row) is list and len(row) > 1 and type(row[0]) is str


def _space(rate=(0.001, 0.03, "log"), dropout=(0.0, 0.4), sizes=("large", "medium", "small"), keep=3):
    names = ["size", "learning_rate", "dropout"]
    registered = sorted([
        [names[2], "Float", *dropout, "linear"], [names[1], "Float", *rate],
        [names[0], "Choice", list(sizes)],
    ])  # fmt: skip
    return lambda hp: {"space": registered, "settings": dict(list(_picked(hp, names).items())[:keep])}


def _range(output, name):
    """Both ends of a range, and how it is drawn."""
    return next(row for row in output["space"] if row[0] == name)[2:5]


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
    said="The search sees three names with their ranges, and whoever builds the network sees "
    "one choice of each.",
    odd={
        "Your function gives nothing back. Does it `return` the dict of the three chosen values?": NOTHING,
        "Asked is a dict of the three chosen values, by their names.": unless(
            lambda output: type(output) is dict and type(output.get("settings")) is dict
            and listed(_row)(output.get("space"))),
    },
    mistakes={
        "You name values without registering them: the search can pick nothing. Ask `hp`, the one "
        "that you are given.":
            where(lambda output, hp: not output["space"]),
        "The names are others than the table's, in the space or in the dict.":
            where(lambda output, hp: {row[0] for row in output["space"]} != set(hp)
                  or set(output["settings"]) - set(hp)),
        "Learning rate and dropout are ranges: anything between two ends. A list is tried at "
        "its members alone.":
            where(lambda output, hp: any(row[1] == "Choice" for row in output["space"] if row[0] != "size")),
        "The size is a word out of a list, and not a number between two ends.": where(
            lambda output, hp: any(row[1] != "Choice" for row in output["space"] if row[0] == "size")),
        "There are three words to choose from in the table.": where(
            lambda output, hp: ["size", "Choice", ["large", "medium", "small"]] not in output["space"]),
        "A `step` makes a ladder of a range, and what lies between its rungs is never tried.":
            where(lambda output, hp: any(row[-1] == "step" for row in output["space"])),
        "The learning rate is drawn evenly, so most draws are large. Each factor of ten as likely as "
        "the next is another `sampling`.":
            _space(rate=(0.001, 0.03, "linear")),
        "The learning rate's range is another than the table's.": where(
            lambda output, hp: _range(output, "learning_rate")[:2] != [0.001, 0.03]),
        "Each part of dropout's range is as likely as the next: that is the plain draw, without `sampling`.":
            where(lambda output, hp: "linear" not in _range(output, "dropout")),
        "The dropout's range is another than the table's.": where(
            lambda output, hp: _range(output, "dropout")[:2] != [0.0, 0.4]),
        "The space is right, and the dict you return lacks a name.": _space(keep=2),
        "The space is right, and the dict holds other values than those that were chosen.": where(
            lambda output, hp: set(output["settings"]) == set(hp) and output["settings"] != hp),
    },
    otherwise="Space or dict is another. `hp.Choice` takes a name and a list, `hp.Float` a name, two "
        "ends, and `sampling`.",
    hints=(
        "`hp.Choice(name, list)` registers and returns what is chosen; so does `hp.Float(name, low, high)`.",
        'Keras Tuner calls even factors `sampling="log"`.',
    ),
)  # fmt: skip


# ---- 3.2b: small stores (what their texts mean: stores.py) -------------------------------------------------


def _kinds(held):
    return {number: kind for number, (kind, _) in enumerate(artifacts(held), start=1)}


def _behind(held, model, at=("OUTPUT",), kinds=("INPUT",), pick=min, kind="HyperParameters"):
    happened = events(held)
    makers = {e for e, a, event in happened if a == model and event in at}
    read = {a for e, a, event in happened if e in makers and event in kinds}
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
    form=OnStores([
        (stored("1:1>2;2:1,2>3", _T), 3),
        (stored("1:1>2;2:1>3", _T), 3),
        # two searches, the model made by the older one; a later model made by the newer
        (stored("1:1>2;2:1>3;3:1,2>4;4:1,3>5", "Examples;HyperParameters;HyperParameters;Model;Model"), 4),
        # started from a tuned model, without hyperparameters of its own
        (stored("1:1>2;2:1,2>3;3:1,3>4", _T + ";Model"), 4),
        # started from a tuned model, with hyperparameters of its own
        (stored("1:1>2;2:1,2>3;3:1>4;4:1,3,4>5", _T + ";HyperParameters;Model"), 5),
        # a reader of the model reads hyperparameters, too
        (stored("1:1>3;2:1>2;3:2,3>4", _T + ";Model"), 3),
        # a search that trains in the same step: its maker made the hyperparameters and read none
        (stored("1:1>2,3", _T), 3),
        # from the cache
        (stored("1:1>2;2:1,2>3;3:1,2>3", _T), 3),
    ]),
    odd={
        "Asked is one id, a whole number, or None.":
            unless(lambda output: output is None or type(output) is int),
        "Where the maker read none, `None` is asked. 0 looks like an id.": some(lambda output: output == 0),
    },
    rule=_behind,
    said="Only what the maker of a model has read can have made it; who reads the model later "
    "has no part in it.",
    mistakes={
        "That is the newest of the store. Another search may have run since, or this model "
        "may have used none.":
            _newest,
        "You go on to the model it started from. Asked is what its own maker read.": _through_bases,
        "You ask who read the model, too. The maker is the execution with an `OUTPUT` event.":
            functools.partial(_behind, at=("INPUT", "OUTPUT")),
        "You take in what the maker made, too. Asked is what it read.":
            functools.partial(_behind, kinds=("INPUT", "OUTPUT")),
        "That is the event's other side: an artifact that is not of type `HyperParameters`.":
            functools.partial(_behind, kind="Examples"),
        "You look for what a *reader* of the model has made. Its maker has the `OUTPUT` event, and you "
        "want what that read.":
            functools.partial(_behind, at=("INPUT",), kinds=("OUTPUT",)),
        "Your function gives the same for every store.": CONSTANT,
    },
    otherwise="For some store it is another. Draw the four events of the example, and go from "
    "8 to 2 and on to 7.",
    hints=(
        "First the makers: execution ids of the model's events of type `pb.Event.OUTPUT`.",
        "Then what they read: artifact ids of their events of type `pb.Event.INPUT`; of these the one whose "
        "`type` is `HyperParameters`.",
    ),
)  # fmt: skip


# ---- 3.2c --------------------------------------------------------------------------------------------------


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


class _Untouched(Function):
    """A function of lists; where it changes one, that is its answer."""

    def read(self, value):
        if not callable(value):
            return super().read(value)

        @functools.wraps(value)
        def watched(old, fresh, *more):
            before = copy.deepcopy([old, fresh])
            given = value(old, fresh, *more)
            same = all(map(close, plain(before), plain([old, fresh])))
            return given if same else _CHANGED

        return super().read(watched)


_CHANGED = "changed"
function(
    "3.2c", "shrink_and_perturb",
    form=_Untouched(_starts),
    rule=lambda old, fresh, shrink, noise: _mixed(old, fresh, shrink, noise),
    said="A shrink of 1 without noise is the warm start, a shrink of 0 with noise 1 is training "
    "anew: it lies between.",
    odd={
        "Your function gives nothing back. Does it `return` the list?": NOTHING,
        "You change a list or array that you were given, and the next start would begin from "
        "it. Make new ones.":
            some(lambda output: output == _CHANGED),
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


# ---- 3.2d --------------------------------------------------------------------------------------------------


def _objections(
    values, known, found_under, used_under, *, strange=lambda values, known: sorted(set(values) - set(known)),
    missing=True, schema=True, join=lambda names, schema: names + schema,
):  # fmt: skip
    other = found_under != used_under and (missing or found_under is not None)
    return join(
        strange(values, known), ["schema"] if schema and (other or missing and found_under is None) else []
    )


function(
    "3.2d", "objections",
    [
        ({"size": "small"}, ["size"], "a1", "a1"),
        ({"size": "small"}, ["size"], "a1", "b2"),
        ({"size": "small"}, ["size"], None, "b2"),
        ({"rate": 1, "size": "small"}, ["size"], "b2", "b2"),
        ({"size": "small"}, ["size", "rate"], "b2", "b2"),
        ({"width": 1, "depth": 2, "rate": 3}, ["rate"], "a1", "b2"),
        ({}, [], "a1", "a1"),
        ({"rate": 1}, ["learning_rate"], "a1", "a12"),
        ({"size": "small"}, ["size"], None, None),
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
            lambda values, known, found, used: (
                sorted(set(values) - set(known)) + (["schema"] if found != used else [])
            ),
        "A schema that is known and another is an objection, as one that is not known.":
            lambda values, known, found,
                used: sorted(set(values) - set(known)) + ["schema"] * (found is None),
        "You look at the two digests alone.":
            functools.partial(_objections, strange=lambda values, known: []),
        "You look at the names alone.": functools.partial(_objections, schema=False),
        "A known name that is not among the values is no objection: then the code's default holds.":
            follows(
                functools.partial(_objections, strange=lambda values,
                    known: sorted(set(values) ^ set(known))),
                functools.partial(_objections, strange=lambda values,
                    known: sorted(set(known) - set(values))),
            ),
        "The names are to be sorted. A dict keeps the order in which it was filled.":
            functools.partial(
                _objections, strange=lambda values, known: [name for name in values if name not in known]),
        "`schema` comes last, after the names.": follows(
            functools.partial(_objections, join=lambda names, schema: schema + names),
            functools.partial(_objections, join=lambda names, schema: sorted(names + schema)),
        ),
        "Names and schema may both speak against it. Your list tells one of the two.": follows(
            functools.partial(_objections, join=lambda names, schema: names or schema),
            functools.partial(_objections, join=lambda names, schema: schema or names),
        ),
    },
    otherwise="For some case the list is another: first the strange names, sorted, then `schema`.",
    hints=(
        "The names first: sorted, those in `values` that are not in `known`.",
        "`None != \"b2\"` is True; ask what happens where both are `None`.",
    ),
)  # fmt: skip
