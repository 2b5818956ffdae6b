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


def _by_all_events(store, model):
    made = [e.execution_id for e in store.get_events() if e.artifact_id == model and e.type == pb.Event.OUTPUT] if hasattr(
        store, "get_events") else [
        e.execution_id for e in store.get_events_by_artifact_ids([model]) if e.type == pb.Event.OUTPUT]  # fmt: skip
    for execution in made:
        for event in store.get_events_by_execution_ids([execution]):
            [artifact] = store.get_artifacts_by_id([event.artifact_id])
            if event.type == pb.Event.INPUT and artifact.type == "HyperParameters":
                return artifact.id


def _readers_too(store, model):
    for event in store.get_events_by_artifact_ids([model]):
        for near in store.get_events_by_execution_ids([event.execution_id]):
            [artifact] = store.get_artifacts_by_id([near.artifact_id])
            if artifact.type == "HyperParameters":
                return artifact.id


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
        wrong={"drawn evenly": _space_linear, "Space or dict is another": _space_of_choices},
    ),
    "3.2b": cases(
        "tuned_by",
        right=[_by_all_events],
        wrong={"who read the model": _readers_too},
    ),
    "3.2c": cases("shrink_and_perturb", right=[_in_place], wrong={}),
    "3.2d": cases("objections", right=[_in_a_loop], wrong={}),
}
