"""Which models, which of their versions, under which labels: TF Serving's `model_config_list`, read and checked."""

import re
from collections.abc import Mapping
from pathlib import Path

from google.protobuf import text_format
from google.protobuf.message import Message
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

from .errors import invalid, unfit

Source = Mapping | Path | str | ModelServerConfig


def read(source: Source) -> ModelServerConfig:
    """The configuration in `source`, checked.

    Args:
        source: `{name: base_path}` (latest version only), a file in text form, that text itself, or the message.
    Raises:
        ServingError: the text does not parse, a model is listed twice, a path is relative, a platform is missing.
    """
    if isinstance(source, ModelServerConfig):
        config = source
    elif isinstance(source, Mapping):
        config = ModelServerConfig()
        for name, base_path in source.items():
            config.model_config_list.config.add(
                name=name, base_path=str(Path(base_path).absolute()), model_platform="tensorflow"
            )
    else:
        config = parsed(source, ModelServerConfig())
    check(config)
    return config


def parsed(source: Path | str, message: Message) -> Message:
    """`message`, filled from a file in text form or from that text, or ServingError saying where it is broken."""
    try:
        text = source.read_text("utf-8") if isinstance(source, Path) else source
        return text_format.Parse(text, message)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        where = f"Invalid protobuf file: '{source}'" if isinstance(source, Path) else "Invalid protobuf text"
        raise invalid(f"{where}: {error}") from error


def check(config: ModelServerConfig) -> None:
    """Raise ServingError for a configuration TF Serving would refuse too."""
    if config.WhichOneof("config") != "model_config_list":
        raise invalid("The configuration is empty, or custom: only a model_config_list is supported")
    seen = set()
    for model in config.model_config_list.config:
        if model.name in seen:
            raise invalid(f"Illegal to list model {model.name} multiple times in config list")
        seen.add(model.name)
        if not Path(model.base_path).is_absolute():
            raise invalid(f"Model {model.name} must have an absolute path; base_path is {model.base_path}")
        if model.model_platform != "tensorflow":
            raise invalid(f"Model {model.name} requests unsupported platform '{model.model_platform}'")


def versions_on_disk(model: ModelConfig) -> dict[int, Path]:
    """Version number -> folder, ascending, of every complete-looking version under the model's base path.

    A folder counts when its name is a number (an int64, as in TF Serving) and it holds saved_model.pb. Copy a
    version under another name and rename it (one atomic step) when it is whole: that is the hand-over protocol
    of every file-watching server.

    Raises:
        ServingError: the base path does not exist or cannot be read, so nothing can be said about its versions.
    """
    base = Path(model.base_path)
    try:
        if not base.is_dir():
            raise invalid(f"Could not find base path {base} for servable {model.name}")
        found = {
            int(child.name): child
            for child in base.iterdir()
            if re.fullmatch("[0-9]+", child.name)
            and int(child.name) < 2**63
            and (child / "saved_model.pb").is_file()
        }
    except OSError as error:
        raise invalid(
            f"Could not read base path {base} for servable {model.name}: {error.strerror}"
        ) from error
    return dict(sorted(found.items()))


def aspired(model: ModelConfig, available: Mapping[int, Path]) -> list[int]:
    """The versions the model's policy wants served, of those on disk, ascending. No policy means the latest one."""
    policy = model.model_version_policy
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        return sorted(available)
    if choice == "specific":
        return sorted(set(policy.specific.versions) & set(available))
    return sorted(available)[-max(policy.latest.num_versions, 1) :]


def checked_labels(
    model: ModelConfig, serving: set[int], before: Mapping[str, int], lenient: bool
) -> dict[str, int]:
    """The model's labels, once each may be assigned.

    TF Serving lets a label point only at a version that is serving *when the request comes in*: load first,
    label then. `lenient` (--allow_version_labels_for_unavailable_models) lets a new label, or one that stays
    where it was, point at a version not loaded yet; moving an existing label there stays forbidden.
    """
    for label, version in model.version_labels.items():
        may_wait = lenient and before.get(label, version) == version
        if version not in serving and not may_wait:
            raise unfit(
                f"Request to assign label to version {version} of model {model.name}, "
                "which is not currently available for inference"
            )
    return dict(model.version_labels)
