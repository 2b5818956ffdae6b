"""Request batching of the embedded model server: same answers, fewer graph runs, and what a batch shares."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from serving_models import put, refused, serving

from helpers.serving import BatchingParameters, ServingError
from helpers.serving.batching import Batcher
from helpers.serving.errors import invalid
from helpers.serving.metrics import Metrics

PREDICT = "/v1/models/tiny:predict"
RUNS = ":tensorflow:core:graph_runs"


class Doubling:
    """Stands in for a SavedModel: doubles what it is fed, slowly, and remembers the batches it saw."""

    def __init__(self, seconds=0.0):
        self.seconds, self.batches, self.at_once, self._running = seconds, [], 0, 0
        self._lock = threading.Lock()

    def run(self, feeds, fetches):
        with self._lock:
            self._running += 1
            self.at_once = max(self.at_once, self._running)
            self.batches.append(len(feeds["x"]))
        time.sleep(self.seconds)
        with self._lock:
            self._running -= 1
        if np.isnan(feeds["x"]).any():
            raise invalid("a row is broken")
        return [2 * feeds["x"] for _ in fetches]


def batcher(model, **parameters):
    return Batcher(model, BatchingParameters(**parameters), Metrics(), "tiny")


def test_concurrent_requests_of_many_clients_get_their_own_answers_in_fewer_graph_runs(tmp_path):
    put(tmp_path, 3)
    parameters = BatchingParameters(max_batch_size=16, batch_timeout_micros=100_000, num_batch_threads=2)
    generator = np.random.default_rng(0)
    requests = [generator.normal(size=generator.integers(1, 4)).astype(np.float32) for _ in range(48)]
    with (
        serving({"tiny": tmp_path}, batching=parameters, threads=16) as (_server, clients),
        ThreadPoolExecutor(16) as pool,
    ):

        def ask(index):
            x = requests[index]
            if index % 2:
                return clients.predict("tiny", x=x)["y"]
            return np.float32(clients.post(PREDICT, {"instances": x.tolist()})[1]["predictions"])

        for x, y in zip(requests, pool.map(ask, range(len(requests))), strict=True):
            np.testing.assert_allclose(y, 3 * x + 2, rtol=1e-6)
        assert clients.metric(RUNS) <= len(requests) / 2
        assert clients.metric(":tensorflow:serving:batching_session:wrapped_run_count") == clients.metric(
            RUNS
        )
        assert clients.metric(":tensorflow:serving:request_count", status="OK") == len(requests)


def test_without_batching_every_request_is_a_graph_run(tmp_path):
    put(tmp_path, 3)
    with serving({"tiny": tmp_path}) as (_server, clients), ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: clients.predict("tiny", x=np.float32([1])), range(24)))
        assert clients.metric(RUNS) == 24


def test_a_full_batch_does_not_wait_for_its_time_out():
    model = Doubling()
    joined = batcher(model, max_batch_size=4, batch_timeout_micros=60_000_000)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: joined.run({"x": np.float32([n])}, ["y"])[0], range(4)))
    np.testing.assert_array_equal(np.concatenate(answers), [0, 2, 4, 6])
    assert model.batches == [4]


def test_a_request_that_does_not_fit_any_more_starts_a_batch_of_its_own():
    model = Doubling()
    joined = batcher(model, max_batch_size=4, batch_timeout_micros=200_000)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda rows: joined.run({"x": np.ones(rows)}, ["y"]), [3, 3]))
    assert sorted(model.batches) == [3, 3]


def test_a_request_larger_than_a_batch_is_refused_as_by_tf_serving():
    joined = batcher(Doubling(), max_batch_size=4)
    with pytest.raises(ServingError, match="Task size 5 is larger than maximum input batch size 4"):
        joined.run({"x": np.ones(5)}, ["y"])
    assert len(joined.run({"x": np.ones(4)}, ["y"])[0]) == 4


def test_a_large_request_is_run_in_parts_and_joined_again_where_splitting_is_enabled():
    model, x = Doubling(), np.arange(10.0)
    parts = batcher(model, max_batch_size=10, enable_large_batch_splitting=True, max_execution_batch_size=4)
    np.testing.assert_array_equal(parts.run({"x": x}, ["y"])[0], 2 * x)
    assert model.batches == [4, 4, 2]
    whole = batcher(model, max_batch_size=10, max_execution_batch_size=4)  # without splitting it says nothing
    np.testing.assert_array_equal(whole.run({"x": x}, ["y"])[0], 2 * x)
    assert model.batches[3:] == [10]


def test_a_batch_is_filled_up_to_an_allowed_size_and_nobody_sees_the_rows_added():
    model = Doubling()
    joined = batcher(model, max_batch_size=8, allowed_batch_sizes=(4, 8))
    for rows, run in ((1, 4), (4, 4), (5, 8), (8, 8), (0, 0)):
        x = np.arange(1.0, rows + 1)
        np.testing.assert_array_equal(joined.run({"x": x}, ["y"])[0], 2 * x)
        assert model.batches[-1] == run


class Looking:
    """Stands in for a SavedModel: remembers what it is fed, and gives it back."""

    def __init__(self):
        self.fed = []

    def run(self, feeds, fetches):
        self.fed.append(feeds["x"].tolist())
        return [feeds["x"]]


def test_rows_added_to_a_batch_are_copies_of_one_that_was_sent():
    model = Looking()
    joined = batcher(model, max_batch_size=4, allowed_batch_sizes=(4,))
    words = np.array([[b"a\0", b"b"], [b"c", b"d"]], object)
    assert joined.run({"x": words}, ["y"])[0].tolist() == words.tolist()
    assert model.fed == [[[b"a\0", b"b"], [b"c", b"d"], [b"a\0", b"b"], [b"a\0", b"b"]]]


@pytest.mark.parametrize("kind", [np.int32, np.float64, object])
def test_inputs_of_variable_length_are_padded_with_their_first_value_and_run_together(kind):
    model = Looking()
    joined = batcher(
        model, max_batch_size=3, batch_timeout_micros=60_000_000, pad_variable_length_inputs=True
    )
    short, long = np.array([[7], [8]]).astype(kind), np.array([[4, 5, 6]]).astype(kind)
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(joined.run, {"x": x}, ["y"]) for x in (short, long)]
        assert answers[0].result()[0].tolist() == [[7, 7, 7], [8, 7, 7]]
        assert answers[1].result()[0].tolist() == [[4, 5, 6]]
    assert len(model.fed) == 1
    with pytest.raises(ServingError, match="Only tensors with rank from 1 to 6 can be padded."):
        batcher(model, pad_variable_length_inputs=True).run({"x": np.ones((1,) * 7)}, ["y"])


def test_an_empty_row_has_no_value_to_pad_with():
    joined = batcher(
        Looking(), max_batch_size=2, batch_timeout_micros=60_000_000, pad_variable_length_inputs=True
    )
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(joined.run, {"x": np.ones((1, width))}, ["y"]) for width in (0, 3)]
        for answer in asked:
            with pytest.raises(ServingError, match="Got empty tensor in batch of non-empty tensors."):
                answer.result()


def test_requests_of_different_row_shapes_types_or_outputs_are_not_joined():
    model = Doubling()
    joined = batcher(model, max_batch_size=64, batch_timeout_micros=100_000)
    kinds = [
        (np.ones((1, 2)), ["y"]),
        (np.ones((1, 3)), ["y"]),
        (np.ones((1, 2), np.float32), ["y"]),
        (np.ones((1, 2)), ["y", "z"]),
    ]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda kind: joined.run({"x": kind[0]}, kind[1]), kinds))
    assert model.batches == [1, 1, 1, 1]


def test_a_broken_row_fails_the_batch_it_is_in_and_no_other():
    joined = batcher(Doubling(), max_batch_size=2, batch_timeout_micros=60_000_000)

    def ask(value):
        try:
            return joined.run({"x": np.array([value])}, ["y"])[0][0]
        except ServingError as error:
            return error.message

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(ask, [np.nan, 1.0])) == ["a row is broken"] * 2
        assert list(pool.map(ask, [1.0, 2.0])) == [2.0, 4.0]


def test_no_more_batches_run_at_once_than_batch_threads_and_waiting_ones_keep_filling():
    model = Doubling(seconds=0.1)
    joined = batcher(model, max_batch_size=8, num_batch_threads=1, max_enqueued_batches=100)
    with ThreadPoolExecutor(17) as pool:
        list(pool.map(lambda n: joined.run({"x": np.array([float(n)])}, ["y"]), range(17)))
    assert model.at_once == 1
    assert len(model.batches) <= 5 and sum(model.batches) == 17


def test_a_full_queue_refuses_at_once_instead_of_letting_everybody_wait():
    joined = batcher(Doubling(seconds=0.5), max_batch_size=1, num_batch_threads=1, max_enqueued_batches=2)

    def ask(n):
        try:
            joined.run({"x": np.array([float(n)])}, ["y"])
            return "OK"
        except ServingError as error:
            return error.code.name

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(ask, range(8)))
    assert set(outcomes) == {"OK", "UNAVAILABLE"} and outcomes.count("OK") <= 4


def test_batching_needs_a_row_axis_of_one_length_in_every_input(tmp_path):
    put(tmp_path, 3)
    with serving({"tiny": tmp_path}, batching=BatchingParameters(max_batch_size=8)) as (_server, clients):
        assert clients.post(PREDICT, {"inputs": 1.0}) == (
            400,
            {"error": "Batching Run() input tensors must have at least one dimension"},
        )
        mixed = {"price": np.float32([[1], [2]]), "count": np.int64([[1]]), "name": [[b"a"]]}
        assert refused(clients.predict, "tiny", "named", **mixed) == (
            "INVALID_ARGUMENT",
            "Batching Run() input tensors must have equal 0th-dimension size",
        )
        code, text = refused(clients.predict, "tiny", "product", pair=np.float32([[1, 2]]))
        assert code == "FAILED_PRECONDITION" and text == "Batched output tensor has 0 dimensions"


DOCUMENTED = """
max_batch_size { value: 32 }  # rows
batch_timeout_micros: { value: 2000 }
max_enqueued_batches <value: 5>
num_batch_threads { value: 3 }
thread_pool_name { value: "batches" }
allowed_batch_sizes: 8
allowed_batch_sizes: 16
pad_variable_length_inputs: true
enable_large_batch_splitting { value: true }
max_execution_batch_size { value: 16 }
"""


def test_batching_parameters_are_read_as_protobuf_text_with_every_documented_field(tmp_path):
    everything = BatchingParameters(32, 2000, 5, 3, "batches", (8, 16), True, True, 16)
    assert BatchingParameters.read(DOCUMENTED) == everything
    file = tmp_path / "batching.txt"
    file.write_text(DOCUMENTED)
    assert BatchingParameters.read(file) == everything
    assert BatchingParameters.read("") == BatchingParameters()
    assert BatchingParameters.read("allowed_batch_sizes: [500, 1000]").allowed_batch_sizes == (500, 1000)
    empty = (
        "batch_timeout_micros {} thread_pool_name {} enable_large_batch_splitting {} max_enqueued_batches {}"
    )
    assert BatchingParameters.read(empty) == BatchingParameters(max_enqueued_batches=0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("max_batch_sise { value: 32 }", "Invalid protobuf text.*max_batch_sise"),
        ("max_batch_size: 32", "Invalid protobuf text"),
        ("pad_variable_length_inputs { value: true }", "Invalid protobuf text"),
        (f"max_batch_size {{ value: {2**63} }}", "Invalid protobuf text.*out of range"),
        (
            "max_batch_size { value: 32 } max_execution_batch_size { value: 16 } "
            "enable_large_batch_splitting { value: true } allowed_batch_sizes: [8, 32]",
            "must match max_execution_batch_size; last entry was 32; expected 16",
        ),
        (
            "max_batch_size { value: 8 } enable_large_batch_splitting { value: true } allowed_batch_sizes: [4, 4, 8]",
            "monotonically increasing",
        ),
        ("max_batch_size {}", "max_batch_size must be positive; was 0"),
        ("max_batch_size { value: 0 }", "max_batch_size must be positive; was 0"),
        ("max_batch_size { value: -1 }", "max_batch_size must be positive; was -1"),
        ("num_batch_threads { value: 0 }", "num_batch_threads must be positive; was 0"),
        ("num_batch_threads {}", "num_batch_threads must be positive; was 0"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros must be non-negative; was -1"),
        ("max_enqueued_batches { value: -1 }", "max_enqueued_batches must be non-negative; was -1"),
        (
            "max_enqueued_batches {} enable_large_batch_splitting { value: true }",
            "max_enqueued_batches must be positive; was 0",
        ),
        (
            "max_batch_size { value: 32 } allowed_batch_sizes: 8 allowed_batch_sizes: 16",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 16; expected 32",
        ),
        ("allowed_batch_sizes: 8", "last entry was 8; expected 1000"),
        (
            "max_batch_size { value: 8 } max_execution_batch_size { value: 16 } "
            "enable_large_batch_splitting { value: true }",
            "max_batch_size must be greater than or equal to max_execution_batch_size",
        ),
    ],
)
def test_batching_parameters_that_tf_serving_refuses_are_refused_at_the_start(text, reason):
    with pytest.raises(ServingError, match=reason):
        BatchingParameters.read(text)


def test_a_batching_file_that_is_not_utf_8_is_refused_with_its_name(tmp_path):
    file = tmp_path / "batching.txt"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ServingError, match=f"Invalid protobuf file: '{file}'"):
        BatchingParameters.read(file)


def test_a_queue_of_no_batches_has_room_for_one():
    joined = batcher(Doubling(), max_enqueued_batches=0)
    assert joined.run({"x": np.ones(1)}, ["y"])[0] == 2


def test_the_name_of_the_thread_pool_is_the_label_of_the_waiting_time(tmp_path):
    put(tmp_path, 3)
    with serving({"tiny": tmp_path}, batching=BatchingParameters(thread_pool_name="pool")) as (
        _server,
        clients,
    ):
        clients.predict("tiny", x=np.float32([1]))
        waits = ":tensorflow:serving:batching_session:queuing_latency_count"
        assert clients.metric(waits, thread_pool_name="pool") == 1
