"""Forms of answers that are made with a tool: a message of protobuf, an artifact, a server's reply, a small program.

What they need is imported when an answer is read.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable
from typing import Any

from helpers.exercises import sandbox
from helpers.exercises.forms import Form
from helpers.exercises.plain import Blank, NotData, clean, kind, plain, strict
from helpers.exercises.probes import describe, failure, is_blank, outcome_of

Look = Callable[[Any], Any]


class Proto(Form):
    """A message of protobuf, such as `tensorflow_metadata.proto.v0.schema_pb2:Schema`, or its text form.

    Read as the dict of `MessageToDict` with the fields' own names; with `look`, as the plain data that makes of a copy of it.
    """

    def __init__(self, path: str, look: Look | None = None) -> None:
        self.path, self.look = path, look
        self.name = path.rpartition(":")[2]
        self.asks = f"a `{self.name}`, or its text form"

    def read(self, value: Any) -> Any:
        message = self.handed(value)
        if self.look is None:
            return strict(plain(self._dict(message)))
        try:
            return strict(plain(self.look(message)))
        except (Blank, NotData):
            raise
        except Exception as error:  # noqa: BLE001 - a library may refuse the message in any way
            raise NotData(f"can't be used: that raises {describe(error)}") from None

    def handed(self, value: Any) -> Any:
        """A message of the lesson's own, which it may change."""
        return self._text(value) if type(value) is str else self._copy(value)

    def shape(self, data: Any) -> Any:
        """The dict of a message as it would be read."""
        if self.look is not None:
            return data
        from google.protobuf import json_format

        try:
            return self._dict(json_format.ParseDict(data, self._message()))
        except (json_format.ParseError, AttributeError, TypeError, ValueError):
            raise self.refuse(data) from None

    def _message(self) -> Any:
        module, _, name = self.path.partition(":")
        cls: Any = functools.reduce(getattr, name.split("."), importlib.import_module(module))
        return cls()

    def _dict(self, message: Any) -> dict[str, Any]:
        from google.protobuf import json_format

        return json_format.MessageToDict(message, preserving_proto_field_name=True)

    def _copy(self, value: Any) -> Any:
        message = self._message()
        if type(value) is not type(message):
            raise self.refuse(value)
        message.CopyFrom(value)
        return message

    def _text(self, text: str) -> Any:
        from google.protobuf import text_format

        if not text.strip():
            raise NotData("is empty.")
        try:
            return text_format.Parse(text, self._message())
        except text_format.ParseError as error:
            if has_dots(text):
                raise Blank("") from None
            raise NotData(
                f"is no text form of a `{self.name}` (line:column, what is wrong): {clean(str(error))}"
            ) from None


class Made(Form):
    """What the learner has made: any object or path. `look` makes plain data of it, or raises NotData with what it should be."""

    def __init__(self, asks: str, look: Look) -> None:
        self.asks, self.look = asks, look

    def read(self, value: Any) -> Any:
        return strict(plain(self.look(value)))


class Reply(Form):
    """A server's answer to a request the learner made with httpx or requests.

    Read as {"method", "path", "sent", "status", "got"}; what was sent and what came back as JSON, or as text where it is none.
    """

    asks = "what `httpx.post(…)` or the like gives back: an answered request"

    def read(self, value: Any) -> dict[str, Any]:
        for name, read in (("httpx", _of_httpx), ("requests", _of_requests)):
            library = sys.modules.get(name)
            if library and issubclass(type(value), library.Response):
                return strict(plain(read(value)))
        if inspect.iscoroutine(value):
            value.close()
            raise NotData("was not awaited: put `await` before the request.")
        raise self.refuse(value)

    def shape(self, data: Any) -> dict[str, Any]:
        parts = {"method": str, "path": str, "status": int, "sent": object, "got": object}
        if type(data) is not dict or data.keys() != parts.keys():
            raise self.refuse(data)
        if not all(isinstance(data[name], kind_) for name, kind_ in parts.items()):
            raise self.refuse(data)
        return data


class Program(Form):
    """A function that lives through something: `run(function)` plays the world in the sandbox and returns what came of it as plain data.

    What the learner's code raises is told with its line. `seconds` limits the whole. Without `fork` it is played in a thread
    of this process, at once: for what is known to need threads that a fork loses, such as TensorFlow's.
    """

    asks = "a function"

    def __init__(self, run: Look, seconds: float = 60, fork: bool = True) -> None:
        self.run, self.seconds, self.fork = run, seconds, fork

    def read(self, value: Any) -> Any:
        if not callable(value):
            raise self.refuse(value)
        if is_blank(value):
            raise Blank("")
        task = functools.partial(outcome_of, functools.partial(self.run, value), (), value)
        with contextlib.closing(sandbox.run([task], self.seconds, self.fork)) as outcomes:
            outcome = next(outcomes)
        if "blank" in outcome:
            raise Blank("")
        if "error" in outcome:
            raise NotData(f"can't be judged yet: put to work, it {failure(outcome)}")
        return outcome["output"]


def has_dots(text: str) -> bool:
    """Whether a part of a text is still `...`; in quotes it is text."""
    return "..." in re.sub(r"'[^']*'|\"[^\"]*\"", "", text)


# ---- replies -----------------------------------------------------------------------------------------------------


def _of_httpx(reply: Any) -> dict[str, Any]:
    try:
        asked, got = reply.request, reply.text
        sent = asked.content
    except RuntimeError as error:  # made by hand, streamed and not read, or closed before
        raise NotData(f"is no answer that was read to its end: {describe(error)}") from None
    path = asked.url.raw_path.decode("ascii", "replace")
    return _reply(asked.method, path, sent, reply.status_code, got)


def _of_requests(reply: Any) -> dict[str, Any]:
    asked = reply.request
    if asked is None:
        raise NotData("is no answer to a request.")
    return _reply(asked.method, asked.path_url, asked.body or b"", reply.status_code, reply.text)


def _reply(method: str, path: str, sent: Any, status: int, got: str) -> dict[str, Any]:
    sent = bytes.decode(sent, "utf-8", "replace") if isinstance(sent, bytes) else sent
    return {"method": method, "path": path, "sent": _json(sent), "status": int(status), "got": _json(got)}


def _json(text: Any) -> Any:
    if type(text) is not str:
        raise NotData(f"has sent {kind(text)}, which can't be read again: send JSON or text.")
    try:
        return strict(json.loads(text))
    except (ValueError, RecursionError, NotData):
        return text
