"""Answers to the exercises of lesson 3.2 that its own examples can't have: other right ways, mistakes nobody foresaw."""

from ml_metadata.proto import metadata_store_pb2 as pb

from .harness import cases


def _space_in_lines(hp):
    found = {"dropout": hp.Float("dropout", min_value=0.0, max_value=0.4, step=0.1)}
    found["size"] = hp.Choice("size", values=["large", "medium", "small"], default="small")
    found["learning_rate"] = hp.Float("learning_rate", 1e-3, 3e-2, sampling="log")
    return found


def _space_linear(hp):
    return {
        "size": hp.Choice("size", ["small", "medium", "large"]),
        "learning_rate": hp.Float("learning_rate", 1e-3, 3e-2),
        "dropout": hp.Float("dropout", 0.0, 0.4),
    }


def _space_of_choices(hp):
    return {
        "size": hp.Choice("size", ["small", "medium", "large"]),
        "learning_rate": hp.Choice("learning_rate", [1e-3, 1e-2, 3e-2]),
        "dropout": hp.Float("dropout", 0.0, 0.4),
    }


def _event_by_event(store, model):
    for made in store.get_events_by_artifact_ids([model]):
        if made.type != pb.Event.OUTPUT:
            continue
        for event in store.get_events_by_execution_ids([made.execution_id]):
            [artifact] = store.get_artifacts_by_id([event.artifact_id])
            if event.type == pb.Event.INPUT and artifact.type == "HyperParameters":
                return artifact.id
    return None


def _readers_too(store, model):
    for event in store.get_events_by_artifact_ids([model]):
        for near in store.get_events_by_execution_ids([event.execution_id]):
            [artifact] = store.get_artifacts_by_id([near.artifact_id])
            if artifact.type == "HyperParameters":
                return artifact.id
    return None


def _in_place(old, fresh, shrink, noise):
    new = []
    for place in range(len(old)):
        new.append(old[place] * shrink + fresh[place] * noise)
    return new


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
        right=[_space_in_lines],
        wrong={
            "drawn evenly": _space_linear,
            "Space or dict is another": _space_of_choices,
            "Asked is a dict": lambda hp: [hp.Choice("size", ["small", "medium", "large"]), 0.01, 0.1],
        },
    ),
    "3.2b": cases(
        "tuned_by",
        right=[_event_by_event],
        wrong={
            "who read the model": _readers_too,
            "For some store it is another": lambda store, model: model - 1 if model < 4 else None,
        },
    ),
    "3.2c": cases(
        "shrink_and_perturb",
        right=[_in_place],
        wrong={
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
            "For some case the list is another": lambda values, known, found, used: (
                ["schema"] * (found != used or not found) + sorted(set(values) - set(known))
            ),
        },
    ),
}
