"""TF Serving's REST API as a FastAPI application: paths, statuses and bodies; the work is done elsewhere."""

import asyncio
import gzip
import io
import re
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import unquote

from fastapi import FastAPI, Request, Response
from google.protobuf.json_format import MessageToJson
from starlette.requests import ClientDisconnect
from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap
from tensorflow_serving.apis.model_pb2 import ModelSpec

from . import json_request, json_response
from .errors import ServingError, from_any, invalid, too_large
from .inference import DEFAULT_SIGNATURE, Inference
from .metrics import Metrics
from .models import ModelManager

_WHICH = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_PREDICTION = re.compile(
    rf"/v1/models/(?P<name>[^/:]+){_WHICH}:(?P<method>classify|regress|predict)", re.IGNORECASE
)
_STATUS = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_WHICH}(?P<metadata>/metadata)?", re.IGNORECASE)
_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]


class RestApi:
    """Answers one request at a time per thread; `application` wraps it for a web server.

    Args:
        manager, inference, metrics: what the server consists of.
        max_body_bytes: a larger body is refused with 413 before it is read whole, or unpacked whole.
    """

    def __init__(self, manager: ModelManager, inference: Inference, metrics: Metrics, max_body_bytes: int):
        self._manager, self._inference, self._metrics = manager, inference, metrics
        self._max_body_bytes = max_body_bytes

    def application(self, executor: ThreadPoolExecutor) -> FastAPI:
        """The ASGI application; requests are worked off in `executor`, the event loop only moves bytes."""
        application = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

        @application.get("/monitoring/prometheus/metrics")
        async def metrics() -> Response:
            return Response(self._metrics.page(), media_type="text/plain")

        @application.api_route("/{path:path}", methods=_METHODS)
        async def answer(request: Request) -> Response:
            try:
                body = await self._read(request)
            except ServingError as error:
                return _reply(error.http_status, json_response.error(error.message))
            except ClientDisconnect:
                return _reply(499, json_response.error("The client closed the request"))
            if not request.url.path.lower().startswith("/v1/"):
                problem = f"Malformed request: {request.method} {request.url.path}"
                return _reply(404, json_response.error(problem))
            path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
            packed = "gzip" in request.headers.get("content-encoding", "").lower()
            work = partial(self.answer, request.method, path, body, packed)
            return _reply(*await asyncio.get_running_loop().run_in_executor(executor, work))

        return application

    async def _read(self, request: Request) -> bytes:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._max_body_bytes:
                raise too_large(self._max_body_bytes)
        return bytes(body)

    def _unpacked(self, body: bytes) -> bytes:
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
                # no more is unpacked than may be
                content = file.read(self._max_body_bytes + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise invalid("Failed to uncompress the gzipped body") from error
        if len(content) > self._max_body_bytes:
            raise too_large(self._max_body_bytes)
        return content

    def answer(self, http_method: str, path: str, body: bytes, packed: bool = False) -> tuple[int, str]:
        """HTTP status and JSON body for a request to `path` (as on the wire, without query), whose body may be gzipped."""
        started = time.perf_counter()
        try:
            pattern = {"POST": _PREDICTION, "GET": _STATUS}.get(http_method)
            found = pattern and pattern.fullmatch(path)
            if not found:
                raise invalid(f"Malformed request: {http_method} {path}")
            if not found["name"]:
                raise invalid("Missing model name in request.")
            spec = _spec(unquote(found["name"]), found["version"], found["label"])
            body = self._unpacked(body) if packed else body
            if http_method == "GET":
                return 200, self._metadata(spec) if found["metadata"] else _to_json(
                    self._manager.status(spec)
                )
            method = found["method"].lower()
            with self._metrics.request(spec.name, method, "REST", started):
                return 200, self._infer(method, spec, json_request.parse(body))
        except Exception as error:
            refusal = from_any(error)
            return refusal.http_status, json_response.error(refusal.message)

    def _infer(self, method: str, spec: ModelSpec, document: dict) -> str:
        name = document.get("signature_name", "")
        examples = None if method == "predict" else json_request.examples(document)
        with self._manager.acquire(spec) as version:
            if method == "classify":
                return json_response.classifications(self._inference.classify(version, name, examples))
            if method == "regress":
                return json_response.regressions(self._inference.regress(version, name, examples))
            name = name or DEFAULT_SIGNATURE
            signature = version.model.signatures.get(name)
            if signature is None:
                raise invalid(f'Serving signature name: "{name}" not found in signature def')
            if not signature.inputs:
                raise invalid(f"Failed to get input map for signature: {name}")
            inputs, form = json_request.predict_inputs(document, signature)
            return json_response.predictions(self._inference.predict(version, signature, inputs), form)

    def _metadata(self, spec: ModelSpec) -> str:
        with self._manager.acquire(spec) as version:
            signatures = SignatureDefMap(signature_def=version.model.signatures)
        who = ModelSpec(name=version.name)
        who.version.value = version.number
        return f'{{\n"model_spec":{_to_json(who)},\n"metadata": {{"signature_def": {_to_json(signatures)}}}\n}}\n'


def _spec(name: str, version: str | None, label: str | None) -> ModelSpec:
    spec = ModelSpec(name=name)
    if version:
        try:
            spec.version.value = int(version)
        # beyond int64, or beyond the digits that Python reads
        except ValueError as error:
            raise invalid(f"Failed to convert version: {version} to numeric.") from error
    if label:
        spec.version_label = unquote(label)
    return spec


def _to_json(message) -> str:
    return MessageToJson(message, including_default_value_fields=True, preserving_proto_field_name=True)


def _reply(status: int, body: str) -> Response:
    return Response(body, status_code=status, media_type="application/json")
