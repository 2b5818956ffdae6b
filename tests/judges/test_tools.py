"""Forms of answers made with a tool: what fits is read as data, anything else is refused with a reason that helps."""

import http.server
import json
import sys
import threading

import duckdb
import httpx
import pandas as pd
import pytest

from helpers import exercises
from helpers.exercises import kit, rules
from helpers.exercises.kit import INVALID, NOT_ATTEMPTED, RIGHT, WRONG, right, wrong
from helpers.exercises.plain import NotData
from helpers.exercises.worlds import Worlds

from .harness import Cases, faults, garbage

SCHEMA = "tensorflow_metadata.proto.v0.schema_pb2:Schema"
ORDERS = pd.DataFrame({"id": [1, 2, 3], "price": [1.5, None, 2.5], "day": pd.to_datetime(["2013-01-01"] * 3)})


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    exercises.every()
    monkeypatch.setattr(exercises, "_registered", dict(exercises._registered))


def task(form, judge=lambda answer: right("Yes.")):
    exercises._registered.pop("1.1z", None)
    kit.exercise("1.1z", hints=("one", "two"), answer=form)(judge)
    return exercises.find("1.1z")


def verdict(form, answer):
    return kit.assess(task(form), {"answer": answer})


def refused(form, answer):
    given = verdict(form, answer)
    assert given.status == INVALID, given
    return given.reason


def look(value):
    if type(value) is not dict or "signatures" not in value:
        raise NotData("has no signatures; it should be a model's folder.")
    return sorted(value["signatures"])


def days(function):
    """A world of three days, of which the second is bad."""
    return [function(day, errors) for day, errors in ((1, 0.0), (2, 0.5), (3, 0.0))]


FORMS = {
    "Proto": kit.Proto(SCHEMA),
    "Proto, looked at": kit.Proto(SCHEMA, look=lambda schema: [feature.name for feature in schema.feature]),
    "Made": kit.Made("a model's folder", look),
    "Reply": kit.Reply(),
    "Program": kit.Program(days, seconds=2),
    "Worlds": Worlds(lambda function, day: function(day, 0.5), {"a day": (1,)}, seconds=2),
    "Query": kit.Query(("orders",), [(ORDERS,)], seconds=2),
    "Query, sqlite": kit.Query(("orders",), [(ORDERS,)], engine="sqlite", seconds=2),
}


@pytest.mark.parametrize("name", FORMS)
def test_garbage_is_refused_with_what_it_should_be_or_why_it_can_not_be_judged(name):
    for junk in garbage():
        given = verdict(FORMS[name], junk)
        assert given.status in (INVALID, NOT_ATTEMPTED), (name, junk)
        assert given.status == NOT_ATTEMPTED or len(given.reason) < 1_000
    assert verdict(FORMS[name], ...).status == NOT_ATTEMPTED


# ---- Proto -------------------------------------------------------------------------------------------------------


def test_a_message_and_its_text_are_read_as_one_dict():
    from tensorflow_metadata.proto.v0 import schema_pb2

    text = 'feature { name: "carrier" type: BYTES presence { min_fraction: 1 } }'
    data = {"feature": [{"name": "carrier", "type": "BYTES", "presence": {"min_fraction": 1.0}}]}
    message = schema_pb2.Schema()
    message.feature.add(name="carrier", type=schema_pb2.BYTES).presence.min_fraction = 1
    form = kit.Proto(SCHEMA)
    assert form.read(text) == form.read(message) == form.shape(data) == data
    with pytest.raises(NotData, match="it should be a `Schema`, or its text form"):
        form.shape({"feature": 3})


def test_a_message_can_be_looked_at_which_changes_nothing_of_the_learners():
    from tensorflow_metadata.proto.v0 import schema_pb2

    def spoil(schema):
        schema.feature[0].name = "spoilt"
        return schema.feature[0].name

    message = schema_pb2.Schema()
    message.feature.add(name="carrier")
    assert kit.Proto(SCHEMA, spoil).read(message) == "spoilt" and message.feature[0].name == "carrier"
    assert "that raises IndexError" in refused(kit.Proto(SCHEMA, spoil), schema_pb2.Schema())


@pytest.mark.parametrize(
    "answer, said",
    [
        (
            "feature { nmae: 'x' }",
            '1:11 : Message type "tensorflow.metadata.v0.Feature" has no field named "nmae"',
        ),
        ("feature {", "is no text form of a `Schema`"),
        (" ", "is empty"),
        ({"feature": []}, "is a dict; it should be a `Schema`, or its text form"),
    ],
)
def test_what_is_no_message_is_told_where_it_goes_wrong(answer, said):
    assert said in refused(kit.Proto(SCHEMA), answer)


def test_another_message_is_refused_and_a_text_with_dots_is_not_attempted():
    from google.protobuf import struct_pb2

    assert "of type Value; it should be a `Schema`" in refused(kit.Proto(SCHEMA), struct_pb2.Value())
    assert verdict(kit.Proto(SCHEMA), "feature { name: 'x' type: ... }").status == NOT_ATTEMPTED
    assert kit.Proto(SCHEMA).read("feature { name: '...' }") == {"feature": [{"name": "..."}]}


# ---- Query -------------------------------------------------------------------------------------------------------

ENGINES = ["duckdb", "sqlite"]


def query(engine="duckdb", **more):
    return kit.Query(
        ("orders",), lambda: [(ORDERS,), ([{"id": 4, "price": 1.0, "day": None}],)], engine=engine, **more
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_a_query_is_read_as_what_it_gives_on_each_probe(engine):
    records = query(engine).read(
        "SELECT id, price * 2 AS double FROM orders WHERE price > 1 OR price IS NULL;"
    )
    assert records[0]["input"][0][1] == {"id": 2, "price": None, "day": "2013-01-01T00:00:00"}
    assert [r["output"] for r in records] == [
        [{"id": 1, "double": 3.0}, {"id": 2, "double": None}, {"id": 3, "double": 5.0}],
        [],
    ]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "sql, said",
    [
        ("SELEC 1", "says: "),
        ("SELECT nope FROM orders", "nope"),
        ("SELECT * FROM ordrs", "ordrs"),
        ("SELECT 1; SELECT 2", "one SELECT statement"),
        ("DROP TABLE orders", "one SELECT statement"),
        ("DELETE FROM orders", "one SELECT statement"),
        ("ATTACH 'x.db' AS x", "one SELECT statement"),
        ("-- nothing", "one SELECT statement"),
        ("SELECT id, id FROM orders", "more than one column `id`"),
        ("SELECT ?", "says: "),
        ("SELECT 1e308 * 10", "infinite"),
        (
            "SELECT a.id FROM orders a, orders b, orders c, orders d, orders e, orders f, orders g, orders h, orders i",
            "rows",
        ),
        ("SELECT * FROM read_csv('/etc/hostname')", "read_csv"),
        ("SELECT load_extension('x')", "S"),
    ],
)
def test_what_is_no_query_or_reaches_further_is_refused(engine, sql, said):
    assert said in refused(query(engine), sql)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_query_without_end_is_ended(engine):
    sql = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t"
    assert "had not returned after 1 second" in refused(query(engine, seconds=1), sql)


def test_a_query_sees_no_file_and_nothing_of_python(tmp_path):
    (tmp_path / "x.csv").write_text("a\n1\n")
    frame = pd.DataFrame({"a": [1]})  # which DuckDB would find by its name
    assert len(frame) == 1
    for sql in (
        f"SELECT * FROM '{tmp_path}/x.csv'",
        "SELECT * FROM frame",
        f"SELECT * FROM glob('{tmp_path}/*')",
    ):
        refused(query(), sql)


def test_a_query_runs_beside_the_databases_a_lesson_has_open():
    with duckdb.connect() as own:
        own.execute("SELECT 1")
        assert query().read("SELECT count(*) AS n FROM orders")[0]["output"] == [{"n": 3}]


def test_a_query_with_dots_is_not_attempted_and_dots_in_quotes_are_text():
    assert verdict(query(), "SELECT ... FROM orders").status == NOT_ATTEMPTED
    assert query().read("SELECT '...' AS dots")[0]["output"] == [{"dots": "..."}]
    assert query().read("SELECT 1 AS one -- it isn't all ...")[0]["output"] == [{"one": 1}]


def test_an_object_of_duckdb_is_refused_with_what_it_should_be():
    assert "it should be SQL text: one SELECT." in refused(query(), duckdb.sql("SELECT 1"))
    assert "with an ORDER BY" in query(ordered=True).asks


def _told(**more):
    exercises._registered.pop("1.1z", None)
    rules.function(
        "1.1z",
        "query",
        rule="SELECT id FROM orders WHERE price >= 1.5 ORDER BY id",
        said="Gaps and cheap ones stay out.",
        hints=("one", "two"),
        mistakes={
            "The limit itself belongs to it.": "SELECT id FROM orders WHERE price > 1.5",
            "A gap is no price.": lambda orders: [
                {"id": x["id"]} for x in orders if (x["price"] or 9) >= 1.5
            ],
            "All of them are too many.": "SELECT id FROM orders",
            "The column is `id`.": rules.Sign(
                lambda answer: any("id" not in row for out in answer.outputs for row in out)
            ),
        },
        otherwise="Some other rows come.",
        form=query(**more),
    )
    return exercises.find("1.1z")


def test_a_query_is_judged_by_a_rule_and_mistakes_in_sql_or_python_and_passes_the_mill():
    cases = Cases(
        [{"query": "FROM orders SELECT id WHERE NOT price < 1.5 ORDER BY id DESC"}],
        {"other rows": {"query": "SELECT 7 AS id"}, "column": {"query": "SELECT price FROM orders"}},
        invalid={"DuckDB says": {"query": "SELECT"}},
    )
    assert faults(_told(), cases) == []


def test_the_order_of_rows_is_judged_where_it_is_asked_for():
    for ordered, status in ((False, RIGHT), (True, WRONG)):
        found = _told(ordered=ordered)
        assert (
            kit.assess(found, {"query": "SELECT id FROM orders WHERE price >= 1.5 ORDER BY id DESC"}).status
            == status
        )
        assert (
            kit.assess(found, {"query": "SELECT id FROM orders WHERE price >= 1.5 ORDER BY id"}).status
            == RIGHT
        )


def test_a_rule_in_sql_for_a_function_is_a_fault_of_the_book():
    with pytest.raises(ValueError, match="SELECT 1"):
        rules.function("1.1z", "f", [(1,)], rule="SELECT 1", said="x", hints=("a", "b"), otherwise="y")


# ---- Made, Reply, Program ----------------------------------------------------------------------------------------


def test_what_was_made_is_what_a_look_at_it_gives_and_a_misfit_says_what_it_should_be():
    form = kit.Made("a model's folder", look)
    assert form.read({"signatures": {"b", "a"}}) == ["a", "b"]
    assert "Your `answer` has no signatures; it should be a model's folder." in refused(form, {})
    broken = kit.Made("a model's folder", lambda value: value.nothing)
    assert "raises AttributeError. It should be a model's folder." in refused(broken, 3)


def test_made_and_program_pass_the_mill():
    def judge(answer):
        if answer == [1, 2]:
            return right("Stopped.")
        return wrong(
            "Never stopped." if len(answer) == 3 else "Stopped too soon." if not answer else "No days."
        )

    def world(function):
        return [day for day, errors in ((1, 0.0), (2, 0.5), (3, 0.0)) if function(errors) is True]

    cases = Cases([{"answer": lambda errors: True}] * 2, {})
    found = faults(task(kit.Program(world), judge), cases, examples=5)
    assert any("fewer than 4" in fault for fault in found)

    def three(answer):
        kinds = {"a": "One.", "b": "Two.", "c": "Three.", "d": "Four."}
        return right("Yes.") if answer == ["x"] else wrong(kinds.get("".join(answer), "Other."))

    cases = Cases(
        [{"answer": {"signatures": ["x"]}}, {"answer": {"signatures": {"x"}}}],
        {"One": {"answer": {"signatures": "a"}}, "Two": {"answer": {"signatures": "b"}}}
        | {"Three": {"answer": {"signatures": "c"}}, "Four": {"answer": {"signatures": "d"}}},
        invalid={"should be a model's folder": {"answer": {}}},
    )
    assert faults(task(kit.Made("a model's folder", look), three), cases, examples=20) == []


class Server(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200 if body.startswith(b"{") else 400)
        self.end_headers()
        self.wfile.write(b'{"predictions": [0.5]}' if body.startswith(b"{") else b"no JSON")

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("library", ["httpx", "requests"])
def test_a_reply_is_read_with_its_request(address, library):
    post = pytest.importorskip(library).post
    data = {"method": "POST", "path": "/v1/models/late:predict?x=1", "status": 200}
    good = post(address + data["path"], json={"instances": [1]})
    assert kit.Reply().read(good) == {**data, "sent": {"instances": [1]}, "got": {"predictions": [0.5]}}
    bad = (
        post(address + data["path"], data="oops")
        if library == "requests"
        else post(address + data["path"], content="oops")
    )
    assert kit.Reply().read(bad) == {**data, "status": 400, "sent": "oops", "got": "no JSON"}


def test_a_reply_that_was_not_asked_for_or_not_read_or_is_none_is_refused(address):
    for reply in (httpx.Response(200), httpx.Response(200, text="x"), {"status": 200}, 200):
        assert refused(kit.Reply(), reply)
    with httpx.stream("POST", address, content="{") as reply:
        assert "not read" in refused(kit.Reply(), reply) or "read to its end" in refused(kit.Reply(), reply)

    async def post():
        return 1

    assert "`await`" in refused(kit.Reply(), post())
    with pytest.raises(NotData):
        kit.Reply().shape({"method": 1})


def test_a_reply_that_no_json_can_hold_is_text():
    request = httpx.Request("POST", "http://x/y", content=b"\xff")
    for text in ("NaN", "[" * 100_000, "1e999"):
        data = kit.Reply().read(httpx.Response(200, text=text, request=request))
        json.dumps(data, allow_nan=False)
    huge = httpx.Response(200, text="x" * 300_000, request=request)
    assert "characters" in refused(kit.Reply(), huge)


def test_a_program_lives_through_its_world_and_what_it_raises_is_told_with_its_line():
    def stops(day, errors):
        # a comment
        return day / (errors - 0.5)

    form = kit.Program(days)
    assert form.read(lambda day, errors: errors < 0.1) == [True, False, True]
    reason = refused(form, stops)
    assert "ZeroDivisionError" in reason and "line 3 of `stops`: `return day / (errors - 0.5)`" in reason
    assert "is an integer; it should be a function." in refused(form, 3)
    assert "raised TypeError" in refused(form, lambda: 1)

    def blank(day, errors): ...

    assert verdict(form, blank).status == NOT_ATTEMPTED
    assert verdict(form, lambda day, errors: ...).status == NOT_ATTEMPTED


@pytest.mark.parametrize(
    "function, said",
    [
        (lambda *a: __import__("time").sleep(99), "had not returned after 1 second"),
        (lambda *a: [1 for _ in iter(int, 1)], "had not returned after 1 second"),
        (lambda *a: sys.exit(3), "SystemExit"),
        (lambda *a: __import__("os")._exit(3), "ended the process: exit status 3"),
        (lambda *a: object(), "gave an answer that holds something of type object"),
    ],
)
def test_a_program_that_does_not_end_or_ends_all_is_ended_alone(function, said):
    assert said in refused(kit.Program(days, seconds=1), function)
