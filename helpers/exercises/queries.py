"""Answers in SQL: a query, run on small tables in a database in memory."""

from __future__ import annotations

import contextlib
import functools
import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from helpers.exercises import foreign
from helpers.exercises.forms import Form
from helpers.exercises.plain import Blank, NotData, clean, plain, strict
from helpers.exercises.probes import calls, failure
from helpers.exercises.tools import has_dots

MOST_ROWS = 10_000
Probes = list[tuple] | Callable[[], list[tuple]]


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
        if type(value) is ByRule:
            return [{"input": given, "output": strict(plain(value.rule(*given)))} for given in self.inputs]
        text = strict(plain(value)) if issubclass(type(value), str) else None
        if text is None:
            raise self.refuse(value)
        if not text.strip():
            raise NotData("is empty.")
        function = functools.partial(self.ask, text, self.tables)
        records = []
        with contextlib.closing(calls(function, self.probes, self.seconds)) as made:
            for record in made:
                if "error" in record:
                    raise NotData(f"can't be judged yet: it {failure(record)}")
                if problem := record["output"].get("problem"):
                    raise Blank("") if has_dots(text) else NotData(problem)
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
