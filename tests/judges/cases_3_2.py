"""Answers to the exercises of lesson 3.2 that its own examples can't have: other right ways, mistakes nobody foresaw."""

from keras_tuner import HyperParameters
from ml_metadata.proto import metadata_store_pb2 as pb

from .harness import cases


def _space_in_lines(hp):
    found = {"dropout": hp.Float("dropout", min_value=0.0, max_value=0.4)}
    found["size"] = hp.Choice("size", values=["large", "medium", "small"], default="small")
    found["learning_rate"] = hp.Float("learning_rate", 1e-3, 3e-2, sampling="log")
    return found


_SIZES = ("small", "medium", "large")


def _space(sizes=_SIZES, rate=(1e-3, 3e-2, None, "log"), dropout=(0.0, 0.4), name="learning_rate"):
    """A space with one thing wrong."""

    def space(hp):
        return {
            "size": hp.Choice("size", list(sizes)),
            name: hp.Float(name, *rate),
            "dropout": hp.Float("dropout", *dropout),
        }

    return space


def _rate_of_choices(hp):
    return {
        "size": hp.Choice("size", list(_SIZES)),
        "learning_rate": hp.Choice("learning_rate", [1e-3, 1e-2, 3e-2]),
        "dropout": hp.Float("dropout", 0.0, 0.4),
    }


def _size_as_a_number(hp):
    return {
        "size": hp.Int("size", 16, 128),
        "learning_rate": hp.Float("learning_rate", 1e-3, 3e-2, sampling="log"),
        "dropout": hp.Float("dropout", 0.0, 0.4),
    }


def _hp_itself(hp):
    _space()(hp)
    return hp


def _of_its_own(hp):
    return _space()(HyperParameters())


def _values(hp):
    _space()(hp)
    return hp.values


def _doubled(hp):
    return _space()(hp) | {"dropout": 0.1}


def _one_more(hp):
    return _space()(hp) | {"epochs": hp.Int("epochs", 1, 3)}


def _event_by_event(store, model):
    for made in store.get_events_by_artifact_ids([model]):
        if made.type != pb.Event.OUTPUT:
            continue
        for event in store.get_events_by_execution_ids([made.execution_id]):
            [artifact] = store.get_artifacts_by_id([event.artifact_id])
            if event.type == pb.Event.INPUT and artifact.type == "HyperParameters":
                return artifact.id
    return None


def _by_the_key(store, model):
    made = [event for event in store.get_events_by_artifact_ids([model]) if event.type == pb.Event.OUTPUT]
    for event in store.get_events_by_execution_ids([made[0].execution_id]):
        if event.type == pb.Event.INPUT and event.path.steps[0].key == "hyperparameters":
            return event.artifact_id
    return None


def _readers_too(store, model):
    for event in store.get_events_by_artifact_ids([model]):
        for near in store.get_events_by_execution_ids([event.execution_id]):
            [artifact] = store.get_artifacts_by_id([near.artifact_id])
            if near.type == pb.Event.INPUT and artifact.type == "HyperParameters":
                return artifact.id
    return None


def _place_by_place(old, fresh, shrink, noise):
    new = []
    for place in range(len(old)):
        new.append(old[place] * shrink + fresh[place] * noise)
    return new


def _in_place(old, fresh, shrink, noise):
    for one, other in zip(old, fresh, strict=True):
        one *= shrink
        one += noise * other
    return old


def _in_a_loop(values, known, found_under, used_under):
    found = []
    for name in sorted(values):
        if name not in known:
            found.append(name)
    if found_under is None or found_under != used_under:
        found.append("schema")
    return found


CASES = {
    "3.2a": cases(
        "space",
        right=[_space_in_lines, _values],
        wrong={
            "drawn evenly": _space(rate=(1e-3, 3e-2)),
            "ranges: anything between": _rate_of_choices,
            "word out of a list": _size_as_a_number,
            "three words to choose from": _space(sizes=("small", "large")),
            "makes a ladder": _space(dropout=(0.0, 0.4, 0.1)),
            "The learning rate's range": _space(rate=(1e-3, 0.3, None, "log")),
            "without `sampling`": _space(dropout=(0.001, 0.4, None, "log")),
            "dropout's range is another": _space(dropout=(0.0, 0.5)),
            "names are others": _one_more,
            "without registering": _of_its_own,
            "other values than": _doubled,
            "Space or dict is another": _space(rate=(1e-3, 3e-2, None, "reverse_log")),
            "Asked is a dict": _hp_itself,
        },
    ),
    "3.2b": cases(
        "tuned_by",
        right=[_event_by_event, _by_the_key],
        wrong={
            "who read the model": _readers_too,
            "one id, a whole number": lambda store, model: [_event_by_event(store, model)],
            "0 looks like an id": lambda store, model: _event_by_event(store, model) or 0,
            "For some store it is another": lambda store, model: model - 1 if model < 4 else None,
        },
    ),
    "3.2c": cases(
        "shrink_and_perturb",
        right=[_place_by_place],
        wrong={
            "that you were given": _in_place,
            "Asked is a list of arrays": lambda old, fresh, shrink, noise: shrink * old[0] + noise * fresh[0],
            "For some weights it is another": lambda old, fresh, shrink, noise: [
                shrink * (one + noise * other) for one, other in zip(old, fresh, strict=True)
            ],
        },
    ),
    "3.2d": cases(
        "objections",
        right=[_in_a_loop],
        wrong={
            "Asked is a list of words": lambda values, known, found, used: len(set(values) - set(known)),
            "`schema` comes last": lambda values, known, found, used: (
                ["schema"] * (found != used or not found) + sorted(set(values) - set(known))
            ),
            "For some case the list is another": lambda values, known, found, used: (
                sorted(set(values) - set(known)) + ["schema"] * (not found) + ["schema"] * (found != used)
            ),
        },
    ),
}
