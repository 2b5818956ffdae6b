"""A model server inside this process: both APIs on loopback, in background threads, until the `with` block ends."""

import logging
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import grpc
import uvicorn
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from . import config as configs
from . import warmup
from .batching_parameters import BatchingParameters
from .errors import ServingError
from .grpc_api import ModelService, PredictionService
from .inference import Inference
from .metrics import Metrics
from .models import ModelManager, Transition
from .rest import RestApi

log = logging.getLogger(__name__)


class ModelServer:
    """Serves SavedModels over REST and gRPC. Use as a context manager, or call `close`.

    The options are TF Serving's flags, where it has them. When the constructor returns, every model is loaded and
    both ports answer.

    Args:
        models: `{name: base_path}`, a file holding a `model_config_list`, its text, or a `ModelServerConfig`.
            A base path holds one folder per version, named by its number.
        port: gRPC port; 0 (default) takes a free one.
        rest_api_port: REST port; 0 (default) takes a free one. (TF Serving: 0 means no REST.)
        file_system_poll_wait_seconds: seconds between looks for new versions; default 1; 0 looks only when `poll`
            is called.
        model_config_file_poll_wait_seconds: seconds between readings of the configuration file; default 0: never again.
        batching: parameters of request batching; default None: each request is a graph run.
            --enable_batching, --batching_parameters_file
        allow_version_labels_for_unavailable_models: let new labels point at versions not loaded yet; default False.
        enable_model_warmup: replay the requests stored with a version before it answers; default True.
        threads: requests worked on at the same time, for each protocol; default 4 for each processor.
        max_message_bytes: bytes of the largest request (default 256 MiB); a larger one is refused (REST 413, gRPC
            RESOURCE_EXHAUSTED).
        host: address to listen on; default 127.0.0.1.
    Raises:
        ServingError: the configuration is wrong or a model has no version that loads.
        OSError: a port is taken.
    """

    def __init__(
        self,
        models: configs.Source,
        *,
        port: int = 0,
        rest_api_port: int = 0,
        file_system_poll_wait_seconds: float = 1,
        model_config_file_poll_wait_seconds: float = 0,
        batching: BatchingParameters | None = None,
        allow_version_labels_for_unavailable_models: bool = False,
        enable_model_warmup: bool = True,
        threads: int = 4 * (os.cpu_count() or 1),
        max_message_bytes: int = 256 * 2**20,
        host: str = "127.0.0.1",
    ):
        self.metrics = Metrics()
        self._stop = threading.Event()
        inference = Inference(self.metrics)
        self._socket = _listen(host, rest_api_port)
        self._workers = ThreadPoolExecutor(threads, "serving-rest-worker")
        self._rpc_workers = ThreadPoolExecutor(threads, "serving-grpc-worker")
        self._threads: list[threading.Thread] = []
        self._grpc = self._web = self.manager = None
        options = {
            "grpc.so_reuseport": 0,
            "grpc.max_receive_message_length": max_message_bytes,
            "grpc.max_send_message_length": -1,
        }
        try:
            self._grpc = grpc.server(self._rpc_workers, options=list(options.items()))
            grpc_port = _bind(self._grpc, host, port)
            self.manager = ModelManager(
                configs.read(models),
                self.metrics,
                batching,
                allow_version_labels_for_unavailable_models,
                lambda version: enable_model_warmup and warmup.replay(version, inference),
            )
            prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
                PredictionService(self.manager, inference, self.metrics), self._grpc
            )
            model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(self.manager), self._grpc)
            self._grpc.start()
            self._serve_rest(RestApi(self.manager, inference, self.metrics, max_message_bytes))
        except BaseException:
            self.close()
            raise
        self.rest_url = f"http://{host}:{self._socket.getsockname()[1]}"
        self.grpc_target = f"{host}:{grpc_port}"
        self._repeat("serving-poll", file_system_poll_wait_seconds, self.poll)
        # as TF Serving, put into effect each time, changed or not: the version that a label waits for may have come
        if isinstance(models, Path):
            self._repeat(
                "serving-config-poll", model_config_file_poll_wait_seconds, partial(self.reload, models)
            )

    def poll(self) -> list[Transition]:
        """Look at the base paths now; returns which versions came and went, when that is done."""
        return self.manager.poll()

    def reload(self, models: configs.Source) -> list[Transition]:
        """Replace the configuration, as gRPC's HandleReloadConfigRequest does; see `ModelManager.reload`."""
        return self.manager.reload(configs.read(models))

    def close(self) -> None:
        """Stop listening, finish what is being answered, unload all models. May be called twice."""
        self._stop.set()
        if self._grpc:
            self._grpc.stop(grace=5).wait()
        if self._web:
            self._web.should_exit = True
        for thread in self._threads:
            thread.join()
        self._socket.close()
        self._workers.shutdown()
        self._rpc_workers.shutdown()
        if self.manager:
            self.manager.close()

    def __enter__(self) -> "ModelServer":
        return self

    def __exit__(self, *_error) -> None:
        self.close()

    def _serve_rest(self, rest: RestApi) -> None:
        # asyncio's own loop and no signal handlers: this runs in a thread, beside a Jupyter kernel's loop.
        self._web = uvicorn.Server(
            uvicorn.Config(
                rest.application(self._workers),
                loop="asyncio",
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=5,
            )
        )
        self._start("serving-rest", lambda: self._web.run(sockets=[self._socket]))
        while not self._web.started and self._threads[-1].is_alive():
            self._stop.wait(0.005)

    def _repeat(self, name: str, seconds: float, action: Callable) -> None:
        def loop():
            while not self._stop.wait(seconds):
                try:
                    action()
                except (ServingError, OSError) as error:
                    log.warning("%s: %s", name, error)
                # a thread that ended here would leave the server deaf for good
                except Exception:
                    log.exception("%s", name)

        if seconds > 0:
            self._start(name, loop)

    def _start(self, name: str, target: Callable) -> None:
        self._threads.append(threading.Thread(target=target, name=name, daemon=True))
        self._threads[-1].start()


def _listen(host: str, port: int) -> socket.socket:
    # Named as TCP, so that asyncio turns Nagle's algorithm off for its connections: 40 ms an answer otherwise.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _taken("REST", port, host, "rest_api_port") from error
    return listener


def _bind(server: grpc.Server, host: str, port: int) -> int:
    try:
        return server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise _taken("gRPC", port, host, "port") from error


def _taken(protocol: str, port: int, host: str, option: str) -> OSError:
    return OSError(
        f"{protocol} port {port} of {host} is taken: stop what listens there, or pass {option}=0 for a free one"
    )
