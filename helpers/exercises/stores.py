"""Exercises on stores: a learner's function of a MetadataStore, called with real ones in memory, made of a line of text.

In plain data a store is {"events": "1:1,2>3;2:1~4"}: execution 1 reads 1 and 2 and makes 3; 2 reads 1 and chooses 4, as a
resolver does. With {"artifacts": "Examples;Model/DELETED"} the first is live, the second deleted.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable
from typing import Any

from helpers.exercises.forms import Function

Plain = dict[str, str]


class OnStores(Function):
    """A function of a MetadataStore and more. Rules see the store as plain data."""

    def read(self, value: Any) -> list[dict[str, Any]]:
        if not callable(value):
            return super().read(value)
        made = _maker()  # here and not in the sandbox, which would import it at each call

        @functools.wraps(value)
        def on_store(store: Plain, *more: Any) -> Any:
            return value(made(store), *more)

        return super().read(on_store)


def stored(events: str, artifacts: str = "") -> Plain:
    """A store in plain data."""
    return {"events": events, "artifacts": artifacts}


def events(store: Plain) -> list[tuple[int, int, str]]:
    """The events of a store, each as (execution, artifact, type)."""
    found = []
    for number, reads, sign, gives in re.findall(r"(\d+):([\d,]*)([>~]?)([\d,]*)", store["events"]):
        for listed, kind in ((reads, "INPUT"), (gives, "OUTPUT" if sign == ">" else "INTERNAL_OUTPUT")):
            found += [(int(number), int(artifact), kind) for artifact in listed.split(",") if artifact]
    return found


def artifacts(store: Plain) -> list[tuple[str, str]]:
    """The artifacts of a store in the order of their ids, each as (type, state)."""
    if not store["artifacts"]:
        return [("Thing", "LIVE")] * max(artifact for _, artifact, _ in events(store))
    words = [word.partition("/") for word in store["artifacts"].split(";")]
    return [(kind, state or "LIVE") for kind, _, state in words]


def _maker() -> Callable[[Plain], Any]:
    """From a store in plain data to the real one."""
    from ml_metadata.metadata_store import MetadataStore
    from ml_metadata.proto import metadata_store_pb2

    mlmd: Any = metadata_store_pb2  # its messages are made when it is imported, and no type checker sees them
    # As a dataclass it can be read back as the plain data it was made of: the tests answer by rules
    parts = [("events", str), ("artifacts", str)]
    small = dataclasses.make_dataclass("Small", parts, bases=(MetadataStore,), init=False, eq=False)

    def event(execution: int, artifact: int, kind: str, key: str) -> Any:
        # TFX names an input by a key, which for most types is the type's name in small letters, and a place
        steps = [mlmd.Event.Path.Step(key=key.lower()), mlmd.Event.Path.Step(index=0)]
        return mlmd.Event(execution_id=execution, artifact_id=artifact, type=mlmd.Event.Type.Value(kind),
                          path=mlmd.Event.Path(steps=steps))  # fmt: skip

    def made(store: Plain) -> Any:
        memory = mlmd.ConnectionConfig()
        memory.fake_database.SetInParent()
        real = small(memory)
        real.events, real.artifacts = store["events"], store["artifacts"]
        things, states = artifacts(store), _states(events(store))
        types = {name: real.put_artifact_type(mlmd.ArtifactType(name=name)) for name, _ in things}
        real.put_artifacts(
            [mlmd.Artifact(type_id=types[name], uri=f"/out/{number}", state=mlmd.Artifact.State.Value(state))
             for number, (name, state) in enumerate(things, start=1)]
        )  # fmt: skip
        step = real.put_execution_type(mlmd.ExecutionType(name="Step"))
        real.put_executions([mlmd.Execution(type_id=step, last_known_state=mlmd.Execution.State.Value(states[i]))
                             for i in sorted(states)])  # fmt: skip
        real.put_events([event(execution, artifact, kind, things[artifact - 1][0])
                         for execution, artifact, kind in events(store)])  # fmt: skip
        return real

    return made


def _states(happened: list[tuple[int, int, str]]) -> dict[int, str]:
    """Execution → its state: without outputs it has failed; who made what was there already is from the cache."""
    states: dict[int, str] = {}
    there: set[int] = set()
    for number in range(1, max([e for e, _, _ in happened], default=0) + 1):
        outputs = {a for e, a, kind in happened if e == number and kind == "OUTPUT"}
        states[number] = "CACHED" if outputs & there else "COMPLETE" if outputs else "FAILED"
        there |= outputs
    return states
