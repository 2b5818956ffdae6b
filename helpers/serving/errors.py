"""One error type for both protocols, with the canonical code that decides the gRPC status and the HTTP status."""

import logging

import grpc
import tensorflow as tf
from grpc import StatusCode

log = logging.getLogger(__name__)

# TF Serving's own table (model_servers/http_server.cc): which HTTP status a canonical code becomes.
HTTP_STATUS = {
    StatusCode.OK: 200,
    StatusCode.CANCELLED: 499,
    StatusCode.INVALID_ARGUMENT: 400,
    StatusCode.DEADLINE_EXCEEDED: 504,
    StatusCode.NOT_FOUND: 404,
    StatusCode.ALREADY_EXISTS: 409,
    StatusCode.PERMISSION_DENIED: 403,
    StatusCode.RESOURCE_EXHAUSTED: 429,
    StatusCode.FAILED_PRECONDITION: 400,
    StatusCode.ABORTED: 409,
    StatusCode.OUT_OF_RANGE: 400,
    StatusCode.UNIMPLEMENTED: 501,
    StatusCode.UNAVAILABLE: 503,
    StatusCode.UNAUTHENTICATED: 401,
}
_BY_NUMBER = {code.value[0]: code for code in StatusCode}


class ServingError(Exception):
    """A request or a model that cannot be served: `code` is a `grpc.StatusCode`, `message` what the client reads."""

    def __init__(self, code: grpc.StatusCode, message: str):
        super().__init__(f"{code.name}: {message}")
        self.code, self.message = code, message

    @property
    def http_status(self) -> int:
        """HTTP status of this error; UNKNOWN, INTERNAL and DATA_LOSS are the server's fault: 500."""
        return HTTP_STATUS.get(self.code, 500)


class TooLarge(ServingError):
    """A request body, or what it unpacks to, is over the limit: HTTP 413, which no canonical code becomes."""

    http_status = 413

    def __init__(self, limit: int):
        super().__init__(StatusCode.INVALID_ARGUMENT, f"Request body is larger than {limit} bytes")


def invalid(message: str) -> ServingError:
    """The client's mistake: INVALID_ARGUMENT, HTTP 400."""
    return ServingError(StatusCode.INVALID_ARGUMENT, message)


def from_any(error: Exception) -> ServingError:
    """`error` as clients read it: what nobody foresaw is the client's mistake where it is about a value or its nesting,
    else the server's (INTERNAL, HTTP 500)."""
    if isinstance(error, ServingError):
        return error
    log.warning("an error nobody foresaw", exc_info=error)
    if isinstance(error, ValueError | RecursionError):
        return invalid(str(error))
    return ServingError(StatusCode.INTERNAL, f"{type(error).__name__}: {error}")


def from_tensorflow(error: tf.errors.OpError) -> ServingError:
    """The error a graph run raised, with TensorFlow's code and the text a C++ server would send.

    Python's Session decorates the runtime's message with stack traces of graph construction; the undecorated
    error is the exception it was handling.
    """
    bare = error.__context__ if isinstance(error.__context__, tf.errors.OpError) else error
    return ServingError(_BY_NUMBER.get(bare.error_code, StatusCode.UNKNOWN), bare.message)
