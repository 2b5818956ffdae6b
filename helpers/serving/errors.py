"""One error type for both protocols, with the canonical code that decides the gRPC status and the HTTP status."""

import logging

import tensorflow as tf
from grpc import StatusCode

log = logging.getLogger(__name__)

# TF Serving's own table (model_servers/http_server.cc): which HTTP status a canonical code becomes. The others are 500.
HTTP_STATUS = {
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

    def __init__(self, code: StatusCode, message: str):
        super().__init__(f"{code.name}: {message}")
        self.code, self.message = code, message
        self.http_status = HTTP_STATUS.get(code, 500)


def invalid(message: str) -> ServingError:
    """The client's mistake: INVALID_ARGUMENT, HTTP 400."""
    return ServingError(StatusCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> ServingError:
    """A model, version or file that isn't there: NOT_FOUND, HTTP 404."""
    return ServingError(StatusCode.NOT_FOUND, message)


def unfit(message: str) -> ServingError:
    """The request is in order, but not for the state or the model the server has: FAILED_PRECONDITION, HTTP 400."""
    return ServingError(StatusCode.FAILED_PRECONDITION, message)


def too_large(limit: int) -> ServingError:
    """A request body, or what it unpacks to, is over the limit: HTTP 413, which no canonical code becomes."""
    error = invalid(f"Request body is larger than {limit} bytes")
    error.http_status = 413
    return error


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
