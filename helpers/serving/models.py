"""Which versions of which models are loaded: policy, labels, hot reload, draining.

A version goes START → LOADING → AVAILABLE → UNLOADING → END; one that fails to load goes to END with its
error. As TF Serving's default policy does, a new version is loaded (and warmed up) before the old one is
drained and unloaded, so there is always one to answer; a new version that fails leaves the old one serving.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from grpc import StatusCode
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse, ModelVersionStatus
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

from . import config as configs
from .batching import Batcher
from .batching_parameters import BatchingParameters
from .errors import ServingError, from_any, invalid, not_found
from .metrics import Metrics
from .savedmodel import SavedModel, fingerprint

log = logging.getLogger(__name__)

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
    fingerprint: tuple
    state: int = State.LOADING
    error: ServingError | None = None
    in_flight: int = 0
    model: SavedModel | None = None
    runner: SavedModel | Batcher | None = None

    def is_due(self, path: Path) -> bool:
        """Whether to load it again from `path`: it has ended, but not in an error that this folder still holds."""
        return self.state == State.END and not (self.error and self.fingerprint == fingerprint(path))


class ModelManager:
    """Loads, finds and unloads versions. All methods may be called from any thread.

    Args:
        config: the models to serve; see `config.read`.
        metrics: where counts go.
        batching: parameters of request batching; None (default) for none.
        lenient_labels: new labels may point at versions not loaded yet; default False.
            --allow_version_labels_for_unavailable_models
        warm_up: called with each version after loading, before it may answer; an error it raises fails the version.
            Default: nothing is called.
    """

    def __init__(
        self,
        config: ModelServerConfig,
        metrics: Metrics,
        batching: BatchingParameters | None = None,
        lenient_labels: bool = False,
        warm_up: Callable[[Version], None] = lambda version: None,
    ):
        self._metrics, self._batching = metrics, batching
        self._lenient, self._warm_up = lenient_labels, warm_up
        # one poll or reload at a time
        self._polling = threading.RLock()
        # guards everything below
        self._changed = threading.Condition()
        self._models: dict[str, ModelConfig] = {}
        self._labels: dict[str, dict[str, int]] = {}
        self._versions: dict[str, dict[int, Version]] = {}
        self.reload(config)

    def reload(self, config: ModelServerConfig) -> list[Transition]:
        """Replace the configuration: models it does not list are unloaded. Returns when it is in effect.

        Raises:
            ServingError: the configuration is refused and the old one stays, or (UNKNOWN) a model it adds could not
                be loaded; the others are then served all the same.
        """
        configs.check(config)
        with self._polling:
            models = {model.name: model for model in config.model_config_list.config}
            labels = {}
            for name, model in models.items():
                # a base path that does not exist is refused before anything changes
                configs.versions_on_disk(model)
                before = self._labels.get(name, {})
                labels[name] = configs.checked_labels(model, self._serving(name), before, self._lenient)
            with self._changed:
                added = models.keys() - self._models.keys()
                self._models, self._labels = models, labels
            transitions = self.poll()
            missing = [self._why(name) for name in sorted(added) if not self._serving(name)]
            if missing:
                raise ServingError(
                    StatusCode.UNKNOWN,
                    f"{len(missing)} model(s) did not become available: {{{', '.join(missing)}}}",
                )
            return transitions

    def poll(self) -> list[Transition]:
        """Look at the base paths once; load and unload what the policies ask for. Returns what changed, in order."""
        transitions = []
        with self._polling:
            for name in sorted(self._models.keys() | self._versions.keys()):
                model = self._models.get(name)
                try:
                    found = configs.versions_on_disk(model) if model else {}
                # perhaps a share that will be back: keep what is loaded
                except ServingError as error:
                    log.warning("%s", error.message)
                    continue
                transitions += self._bring_about(name, configs.aspired(model, found) if model else [], found)
        return transitions

    def _bring_about(self, name: str, wanted: list[int], found: dict[int, Path]) -> Iterator[Transition]:
        known = self._versions.setdefault(name, {})
        for number in wanted:
            if number not in known or known[number].is_due(found[number]):
                yield self._load(name, number, found[number])
        serving = self._serving(name)
        if not wanted or serving & set(wanted):
            for number in sorted(serving - set(wanted)):
                yield self._unload(known[number])

    def _load(self, name: str, number: int, path: Path) -> Transition:
        version = Version(name, number, path, fingerprint(path))
        with self._changed:
            self._versions[name][number] = version
        try:
            version.model = version.runner = SavedModel(path, self._metrics)
            if self._batching:
                version.runner = Batcher(version.model, self._batching, self._metrics, name)
            self._warm_up(version)
        # whatever it is: it must neither end the poll of the others nor leave this version LOADING
        except Exception as error:
            refusal = from_any(error)
            log.warning("version %d of model %s does not load: %s", number, name, refusal.message)
            if version.model:
                version.model.close()
            with self._changed:
                version.error, version.state = refusal, State.END
            return Transition(name, number, "END")
        with self._changed:
            version.state = State.AVAILABLE
        return Transition(name, number, "AVAILABLE")

    def _unload(self, version: Version) -> Transition:
        with self._changed:
            # from here on nobody new gets it
            version.state = State.UNLOADING
            self._changed.wait_for(lambda: version.in_flight == 0)
        version.model.close()
        with self._changed:
            version.model = version.runner = None
            version.state = State.END
        return Transition(version.name, version.number, "END")

    def close(self) -> None:
        """Drain and unload everything."""
        with self._polling:
            for name, versions in self._versions.items():
                for number in self._serving(name):
                    self._unload(versions[number])

    @contextmanager
    def acquire(self, spec: ModelSpec) -> Iterator[Version]:
        """The AVAILABLE version that `spec` asks for (by number, by label, or the highest), held until the block ends.

        Raises:
            ServingError: no such model, version or label.
        """
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        with self._changed:
            number, serving = self._number(spec), self._serving(spec.name)
            if number is None and serving:
                number = max(serving)
            if number not in serving:
                wanted = f"Latest({spec.name})" if number is None else f"Specific({spec.name}, {number})"
                raise not_found(f"Servable not found for request: {wanted}")
            version = self._versions[spec.name][number]
            version.in_flight += 1
        try:
            yield version
        finally:
            with self._changed:
                version.in_flight -= 1
                self._changed.notify_all()

    def status(self, spec: ModelSpec) -> GetModelStatusResponse:
        """State of the version `spec` names, or of all versions seen since the start, highest first.

        Raises:
            ServingError: no such model, version or label.
        """
        with self._changed:
            number, versions = self._number(spec), self._versions.get(spec.name, {})
            if number is not None:
                versions = {n: version for n, version in versions.items() if n == number}
            if not versions:
                which = "any versions" if number is None else f"version {number}"
                raise not_found(f"Could not find {which} of model {spec.name}")
            response = GetModelStatusResponse()
            for number, version in sorted(versions.items(), reverse=True):
                entry = response.model_version_status.add(version=number, state=version.state)
                entry.status.error_code = version.error.code.value[0] if version.error else 0
                entry.status.error_message = version.error.message if version.error else ""
            return response

    def _number(self, spec: ModelSpec) -> int | None:
        if spec.WhichOneof("version_choice") == "version_label":
            try:
                return self._labels.get(spec.name, {})[spec.version_label]
            except KeyError:
                raise invalid(f"Unrecognized servable version label: {spec.version_label}") from None
        return spec.version.value if spec.HasField("version") else None

    def _serving(self, name: str) -> set[int]:
        with self._changed:
            versions = self._versions.get(name, {})
            return {number for number, version in versions.items() if version.state == State.AVAILABLE}

    def _why(self, name: str) -> str:
        errors = [
            f"{{name: {name} version: {number}}} due to error: {version.error}"
            for number, version in self._versions.get(name, {}).items()
            if version.error
        ]
        path = self._models[name].base_path
        return "; ".join(errors) or f"Unable to find a numerical version path for servable {name} at: {path}"
