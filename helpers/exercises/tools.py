"""Forms of answers that are made with a tool: a message of protobuf, a query, an artifact, a server's reply, a small program.

What they need is imported when an answer is read.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import json
import re
import sqlite3
import sys
from collections.abc import Callable, Sequence
from typing import Any

from helpers.exercises import foreign, sandbox
from helpers.exercises.forms import Form
from helpers.exercises.plain import Blank, NotData, clean, kind, plain, strict
from helpers.exercises.probes import calls, describe, is_blank, outcome_of

MOST_ROWS = 10_000
Look = Callable[[Any], Any]
Probes = list[tuple] | Callable[[], list[tuple]]


class Proto(Form):
    """A message of protobuf, such as `tensorflow_metadata.proto.v0.schema_pb2:Schema`, or its text form.

    Read as the dict of `MessageToDict` with the fields' own names; with `look`, as the plain data that makes of a copy of it.
    """

    def __init__(self, path: str, look: Look | None = None) -> None:
        self.path, self.look = path, look
        self.name = path.rpartition(":")[2]
        self.asks = f"a `{self.name}`, or its text form"

    def read(self, value: Any) -> Any:
        if value is ...:
            raise Blank("")
        message = self._text(value) if type(value) is str else self._copy(value)
        if self.look is None:
            return strict(plain(self._dict(message)))
        try:
            return strict(plain(self.look(message)))
        except (Blank, NotData):
            raise
        except Exception as error:  # noqa: BLE001 - a library may refuse the message in any way
            raise NotData(f"can't be used: that raises {describe(error)}") from None

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
            if _has_dots(text):
                raise Blank("") from None
            raise NotData(
                f"is no text form of a `{self.name}` (line:column, what is wrong): {clean(str(error))}"
            ) from None


class Made(Form):
    """What the learner has made: any object or path. `look` makes plain data of it, or raises NotData with what it should be."""

    def __init__(self, asks: str, look: Look) -> None:
        self.asks, self.look = asks, look

    def read(self, value: Any) -> Any:
        if value is ...:
            raise Blank("")
        return strict(plain(self.look(value)))


class Reply(Form):
    """A server's answer to a request the learner made with httpx or requests.

    Read as {"method", "path", "sent", "status", "got"}; what was sent and what came back as JSON, or as text where it is none.
    """

    asks = "what `httpx.post(…)` or the like gives back: an answered request"

    def read(self, value: Any) -> dict[str, Any]:
        if value is ...:
            raise Blank("")
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

    What the learner's code raises is told with its line. `seconds` limits the whole.
    """

    asks = "a function"

    def __init__(self, run: Look, seconds: float = 60) -> None:
        self.run, self.seconds = run, seconds

    def read(self, value: Any) -> Any:
        if value is ...:
            raise Blank("")
        if not callable(value):
            raise self.refuse(value)
        if is_blank(value):
            raise Blank("")
        task = functools.partial(outcome_of, functools.partial(self.run, value), (), value)
        with contextlib.closing(sandbox.run([task], self.seconds)) as outcomes:
            outcome = next(outcomes)
        if "blank" in outcome:
            raise Blank("")
        if "error" in outcome:
            place = f" It failed on {outcome['line']}." if "line" in outcome else ""
            raise NotData(f"can't be judged yet: put to work, it {outcome['error'].rstrip('.')}.{place}")
        return outcome["output"]


class Query(Form):
    """SQL text, one SELECT, run on each probe in a fresh database in memory; read as a Function is: [{"input", "output"}].

    A probe is a tuple of DataFrames (or lists of dicts), one for each of `tables`. Rows come as the query gives them; with
    `ordered` their order is judged. `engine` is "duckdb" or "sqlite". `seconds` limits each probe.
    """

    def __init__(
        self,
        tables: Sequence[str],
        probes: Probes,
        *,
        engine: str = "duckdb",
        ordered: bool = False,
        seconds: float = 10,
    ) -> None:
        self.tables, self._probes, self.engine, self.ordered = tuple(tables), probes, engine, ordered
        self.ask, self.seconds = _ENGINES[engine], seconds
        self.asks = "SQL text: one SELECT" + (" with an ORDER BY" if ordered else "")

    @functools.cached_property
    def probes(self) -> list[tuple]:
        found = self._probes() if callable(self._probes) else self._probes
        return [tuple(map(_frame, probe)) for probe in found]

    @functools.cached_property
    def inputs(self) -> list[list]:
        return [strict(plain(list(probe))) for probe in self.probes]

    def read(self, value: Any) -> list[dict[str, Any]]:
        if value is ...:
            raise Blank("")
        if type(value) is ByRule:
            return [{"input": given, "output": strict(plain(value.rule(*given)))} for given in self.inputs]
        text = strict(plain(value)) if issubclass(type(value), str) else None
        if text is None:
            raise self.refuse(value)
        if not text.strip():
            raise NotData("is empty.")
        if _has_dots(text):
            raise Blank("")
        function = functools.partial(self.ask, text, self.tables)
        records = []
        with contextlib.closing(calls(function, self.probes, self.seconds)) as made:
            for record in made:
                if "error" in record:
                    raise NotData(f"can't be judged yet: it {record['error'].rstrip('.')}.")
                if problem := record["output"].get("problem"):
                    raise NotData(problem)
                records.append({"input": record["input"], "output": record["output"]["rows"]})
        return records

    def shape(self, data: Any) -> Any:
        for record in data if type(data) is list else [{}]:
            rows = record.get("output")
            if type(rows) is not list or any(type(row) is not dict for row in rows):
                raise self.refuse(rows)
        return data

    def comparable(self, output: Any) -> Any:
        """Rows in an order of their own, where the query's doesn't matter."""
        if self.ordered or type(output) is not list:
            return output
        return sorted(output, key=lambda row: json.dumps(_rounded(row), sort_keys=True))

    def rule(self, sql: str) -> Callable[..., Any]:
        """The rule that answers a probe, as plain tables, with what this query gives."""

        @functools.cache
        def rows(number: int) -> Any:
            made = self.ask(sql, self.tables, *self.probes[number])
            if "problem" in made:
                raise ValueError(f"{sql}: {made['problem']}")
            return strict(plain(made["rows"]))

        return lambda *given: rows(self.inputs.index(list(given)))


class ByRule:
    """In tests, the query that gives what a rule does: no learner comes by it."""

    def __init__(self, rule: Callable[..., Any]) -> None:
        self.rule = rule


# ---- queries -----------------------------------------------------------------------------------------------------


def _in_duckdb(sql: str, tables: Sequence[str], *frames: Any) -> dict[str, Any]:
    """{"rows"} of a query, or {"problem"}. It sees these tables, no file, no network and nothing of this process."""
    import duckdb

    with duckdb.connect(config={"threads": 1, "memory_limit": "500MB"}) as base:
        for name, frame in zip(tables, frames, strict=True):
            base.register("given", frame)
            base.execute(f'CREATE TABLE "{name}" AS FROM given')
            base.unregister("given")
        base.execute("SET python_enable_replacements=false; SET enable_external_access=false")
        base.execute("SET lock_configuration=true")
        try:
            statements = base.extract_statements(sql)
            if [each.type for each in statements] != [duckdb.StatementType.SELECT]:
                return {"problem": "should be one SELECT statement."}
            found = base.execute(statements[0])
            names = [column[0] for column in found.description or ()]
            return _rows(names, found.fetchmany(MOST_ROWS + 1))
        except duckdb.Error as error:
            return {"problem": f"can't be judged yet. DuckDB says: {_message(error)}"}


def _in_sqlite(sql: str, tables: Sequence[str], *frames: Any) -> dict[str, Any]:
    """The same in SQLite."""
    with contextlib.closing(sqlite3.connect(":memory:")) as base:
        for name, frame in zip(tables, frames, strict=True):
            frame.to_sql(name, base, index=False)
        base.set_authorizer(_only_reads)
        try:
            found = base.execute(sql)
            if found.description is None:
                return {"problem": "should be one SELECT statement."}
            return _rows([column[0] for column in found.description], found.fetchmany(MOST_ROWS + 1))
        except sqlite3.Error as error:
            if "not authorized" in str(error) or "prohibited" in str(error):
                return {
                    "problem": "should be one SELECT statement, which reads these tables and changes nothing."
                }
            return {"problem": f"can't be judged yet. SQLite says: {_message(error)}"}
        except (sqlite3.Warning, ValueError) as error:
            return {"problem": f"should be one SELECT statement: {_message(error)}"}


_ENGINES: dict[str, Callable[..., dict[str, Any]]] = {"duckdb": _in_duckdb, "sqlite": _in_sqlite}
_READS = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)


def _only_reads(action: int, *about: Any) -> int:
    return sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY


def _rows(names: list[str], found: list[tuple]) -> dict[str, Any]:
    if len(found) > MOST_ROWS:
        return {"problem": f"gives more than {MOST_ROWS:,} rows of these few."}
    columns = [(name, [row[i] for row in found]) for i, name in enumerate(names)]
    return {"rows": foreign.records(columns, len(found))}


def _message(error: Exception) -> str:
    """The engine's message as one code span a line, so that its pointer stands where it belongs."""
    text = clean(str(error).strip(), 400).replace("`", "'")
    first, _, rest = text.partition("\n")
    return first + (f"\n`{rest.strip(chr(10))}`" if rest.strip() else "")


def _frame(table: Any) -> Any:
    """A DataFrame whose named index, if it has one, is a column."""
    import pandas

    frame = pandas.DataFrame(table)
    return frame.reset_index() if any(name is not None for name in frame.index.names) else frame


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    """Numbers that are the same but for rounding sort in one place."""
    return {key: float(f"{item:.6g}") if type(item) in (int, float) else item for key, item in row.items()}


def _has_dots(text: str) -> bool:
    """Whether a part is still `...`; in quotes it is text."""
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
