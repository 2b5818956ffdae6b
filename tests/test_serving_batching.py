"""Request batching of the embedded model server: same answers, fewer graph runs, and what a batch shares."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from serving_models import put, refused, serving

from helpers.serving import BatchingParameters, ServingError
from helpers.serving.batching import Batcher
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
            raise ServingError(code_of("INVALID_ARGUMENT"), "a row is broken")
        return [2 * feeds["x"] for _ in fetches]


def code_of(name):
    from grpc import StatusCode

    return StatusCode[name]


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


def test_a_request_larger_than_a_batch_is_run_in_parts_and_joined_again():
    model = Doubling()
    x = np.arange(10.0)
    np.testing.assert_array_equal(batcher(model, max_batch_size=4).run({"x": x}, ["y"])[0], 2 * x)
    assert model.batches == [4, 4, 2]


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
    joined = batcher(Doubling(), max_batch_size=2, batch_timeout_micros=200_000)

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


def test_batching_parameters_are_read_in_tf_servings_text_form():
    text = "max_batch_size { value: 32 }  # rows\nbatch_timeout_micros { value: 2000 }\n"
    assert BatchingParameters.read(text) == BatchingParameters(max_batch_size=32, batch_timeout_micros=2000)
    assert BatchingParameters.read("") == BatchingParameters()
    with pytest.raises(ServingError, match="max_batch_sise"):
        BatchingParameters.read("max_batch_sise { value: 32 }")
    with pytest.raises(ServingError, match="max_batch_size: 32"):
        BatchingParameters.read("max_batch_size: 32")


@pytest.mark.parametrize("field", ["max_batch_size", "num_batch_threads"])
def test_batching_parameters_under_which_nothing_would_run_are_refused_at_the_start(field):
    with pytest.raises(ServingError, match=f"{field} must be positive; was 0"):
        BatchingParameters.read(f"{field} {{ value: 0 }}")
    with pytest.raises(ServingError, match=f"{field} must be positive; was -1"):
        BatchingParameters(**{field: -1})
