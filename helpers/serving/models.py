"""Which versions of which models are loaded: policy, labels, hot reload, draining.

A version goes START → LOADING → AVAILABLE → UNLOADING → END; one that fails to load goes to END with its
error. As TF Serving's default policy does, a new version is loaded (and warmed up) before the old one is
drained and unloaded, so there is always one to answer; a new version that fails leaves the old one serving.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from grpc import StatusCode
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

from . import config as configs
from .batching import Batcher
from .batching_parameters import BatchingParameters
from .errors import ServingError, from_any, invalid
from .metrics import Metrics
from .savedmodel import SavedModel
from .versions import State, Transition, Version, failed_as_it_is, fingerprint

log = logging.getLogger(__name__)


class ModelManager:
    """Loads, finds and unloads versions. All methods may be called from any thread.

    Args:
        config: the models to serve; see `config.read`.
        metrics: where counts go.
        batching: parameters for request batching, or None for none.
        lenient_labels: --allow_version_labels_for_unavailable_models.
        warm_up: called with each version after loading, before it may answer; an error it raises fails the
        version.
    """

    def __init__(
        self,
        config: ModelServerConfig,
        metrics: Metrics,
        batching: BatchingParameters | None = None,
        lenient_labels: bool = False,
        warm_up: Callable[[Version], None] = lambda version: None,
    ):
        self._metrics, self._batching, self._lenient, self._warm_up = (
            metrics,
            batching,
            lenient_labels,
            warm_up,
        )
        self._polling = threading.RLock()  # one poll or reload at a time
        self._changed = threading.Condition()  # guards everything below
        self._models: dict[str, ModelConfig] = {}
        self._labels: dict[str, dict[str, int]] = {}
        self._versions: dict[str, dict[int, Version]] = {}
        self.reload(config)

    def reload(self, config: ModelServerConfig) -> list[Transition]:
        """Replace the whole configuration: models it does not list are unloaded. Returns when it is in effect.

        Raises:
            ServingError: the configuration is refused and the old one stays, or (UNKNOWN) a model it adds
            could not
                be loaded; the others are then served all the same.
        """
        configs.check(config)
        with self._polling:
            models = {model.name: model for model in config.model_config_list.config}
            for model in models.values():
                configs.versions_on_disk(
                    model
                )  # a base path that does not exist is refused before anything changes
            labels = {
                name: configs.checked_labels(
                    model, self._serving(name), self._labels.get(name, {}), self._lenient
                )
                for name, model in models.items()
            }
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
                except ServingError as error:  # perhaps a share that will be back: keep what is loaded
                    log.warning("%s", error.message)
                    continue
                transitions += self._bring_about(name, configs.aspired(model, found) if model else [], found)
        return transitions

    def _bring_about(self, name, wanted, found) -> Iterator[Transition]:
        known = self._versions.setdefault(name, {})
        for number in wanted:
            version = known.get(number)
            if version is None or version.state == State.END and not failed_as_it_is(version, found[number]):
                yield self._load(name, number, found[number])
        serving = self._serving(name)
        if not wanted or serving & set(wanted):
            for number in sorted(serving - set(wanted)):
                yield self._unload(known[number])

    def _load(self, name, number, path) -> Transition:
        version = Version(name, number, path, fingerprint=fingerprint(path))
        with self._changed:
            self._versions[name][number] = version
            version.state = State.LOADING
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

    def _unload(self, version) -> Transition:
        with self._changed:
            version.state = State.UNLOADING  # from here on nobody new gets it
            self._changed.wait_for(lambda: version.in_flight == 0)
        version.model.close()
        with self._changed:
            version.model = version.runner = None
            version.state = State.END
        return Transition(version.name, version.number, "END")

    def close(self) -> None:
        """Drain and unload everything."""
        with self._polling:
            for versions in self._versions.values():
                for version in versions.values():
                    if version.state == State.AVAILABLE:
                        self._unload(version)

    @contextmanager
    def acquire(self, spec: ModelSpec) -> Iterator[Version]:
        """The AVAILABLE version that `spec` asks for (by number, by label, or the highest), held until the block ends.

        Raises:
            ServingError: no such model, version or label.
        """
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        with self._changed:
            number = self._number(spec)
            serving = self._serving(spec.name)
            if number is None and serving:
                number = max(serving)
            if number not in serving:
                wanted = f"Latest({spec.name})" if number is None else f"Specific({spec.name}, {number})"
                raise ServingError(StatusCode.NOT_FOUND, f"Servable not found for request: {wanted}")
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
            number = self._number(spec)
            versions = self._versions.get(spec.name, {})
            if number is None and not versions:
                raise ServingError(StatusCode.NOT_FOUND, f"Could not find any versions of model {spec.name}")
            if number is not None and number not in versions:
                raise ServingError(
                    StatusCode.NOT_FOUND, f"Could not find version {number} of model {spec.name}"
                )
            response = GetModelStatusResponse()
            for version in (
                [versions[number]] if number is not None else [versions[n] for n in sorted(versions)[::-1]]
            ):
                entry = response.model_version_status.add(version=version.number, state=version.state)
                entry.status.error_code = version.error.code.value[0] if version.error else 0
                entry.status.error_message = version.error.message if version.error else ""
            return response

    def _number(self, spec) -> int | None:
        if spec.WhichOneof("version_choice") == "version_label":
            try:
                return self._labels.get(spec.name, {})[spec.version_label]
            except KeyError:
                raise invalid(f"Unrecognized servable version label: {spec.version_label}") from None
        return spec.version.value if spec.HasField("version") else None

    def _serving(self, name) -> set[int]:
        with self._changed:
            return {
                n for n, version in self._versions.get(name, {}).items() if version.state == State.AVAILABLE
            }

    def _why(self, name) -> str:
        errors = [
            f"{{name: {name} version: {n}}} due to error: {version.error}"
            for n, version in self._versions.get(name, {}).items()
            if version.error
        ]
        path = self._models[name].base_path
        return "; ".join(errors) or f"Unable to find a numerical version path for servable {name} at: {path}"
