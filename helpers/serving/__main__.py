"""The server as a process of its own: `python -m helpers.serving --model_config_file models.config --port 8500`.

Flags and defaults are TF Serving's, but for two: --rest_api_port is on (8501) and 0 means a free port.
"""

import argparse
import inspect
import signal
import threading
from pathlib import Path

from .batching_parameters import BatchingParameters
from .errors import ServingError, invalid
from .server import ModelServer

# what the command line and ModelServer name alike
_PASSED_ON = set(inspect.signature(ModelServer).parameters)


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() in ("true", "1")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m helpers.serving", description="TF Serving's APIs on SavedModels."
    )
    parser.add_argument("--port", type=int, default=8500, help="gRPC port; 0 for a free one")
    parser.add_argument("--rest_api_port", type=int, default=8501, help="REST port; 0 for a free one")
    parser.add_argument("--model_config_file", type=Path, help="text of a ModelServerConfig")
    parser.add_argument("--model_config_file_poll_wait_seconds", type=float, default=0)
    parser.add_argument("--model_name", default="default", help="ignored with --model_config_file")
    parser.add_argument("--model_base_path", type=Path, help="ignored with --model_config_file")
    parser.add_argument("--file_system_poll_wait_seconds", type=float, default=1)
    parser.add_argument("--batching_parameters_file", type=Path)
    parser.add_argument(
        "--grpc_max_threads", type=int, dest="threads", help="requests worked on at a time, per protocol"
    )
    for flag in ("enable_batching", "allow_version_labels_for_unavailable_models", "enable_model_warmup"):
        default = flag == "enable_model_warmup"
        parser.add_argument(f"--{flag}", type=_flag, nargs="?", const=True, default=default)
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM. A server that cannot start says why in one line and exits with 1."""
    parser = _parser()
    flags = parser.parse_args(arguments)
    if not (flags.model_config_file or flags.model_base_path):
        parser.error("give --model_config_file, or --model_base_path (and --model_name)")
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    options = {name: value for name, value in vars(flags).items() if name in _PASSED_ON and value is not None}
    try:
        if flags.enable_batching:
            options["batching"] = BatchingParameters.read(flags.batching_parameters_file or "")
        elif flags.batching_parameters_file:
            raise invalid("--batching_parameters_file is set without setting --enable_batching to true")
        server = ModelServer(flags.model_config_file or {flags.model_name: flags.model_base_path}, **options)
    except (ServingError, OSError) as error:
        raise SystemExit(f"Failed to start server. Error: {error}") from error
    with server:
        print(f"Running ModelServer at {server.grpc_target}", flush=True)
        print(f"Exporting HTTP/REST API at {server.rest_url}", flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
