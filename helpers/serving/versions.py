"""One version of one model: its state, and what a request needs of it once it is AVAILABLE."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus

from .batching import Batcher
from .errors import ServingError
from .savedmodel import SavedModel

State = ModelVersionStatus.State


class Transition(NamedTuple):
    """A version reached a state: what `ModelManager.poll` reports."""

    model: str
    version: int
    state: str


@dataclass(eq=False)
class Version:
    """One version of one model, and what a request needs of it once it is AVAILABLE."""

    name: str
    number: int
    path: Path
    state: int = State.START
    error: ServingError | None = None
    fingerprint: tuple = ()
    in_flight: int = 0
    model: SavedModel | None = None
    runner: SavedModel | Batcher | None = None


def fingerprint(path: Path) -> tuple:
    """Names, sizes and times of a folder's files: other files, other fingerprint."""
    found = []
    for file in sorted(path.rglob("*")):
        try:
            found.append((str(file), file.stat().st_size, file.stat().st_mtime_ns))
        # somebody is just taking the version away, or nobody may look at it, which loading will tell
        except OSError:
            continue
    return tuple(found)


def failed_as_it_is(version: Version, path: Path) -> bool:
    """Whether this version failed to load and nothing in its folder has changed since: no use in trying again."""
    return version.error is not None and version.fingerprint == fingerprint(path)
