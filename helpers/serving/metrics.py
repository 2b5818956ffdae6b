"""Counters and histograms under TF Serving's metric names, as a Prometheus text page.

One `Metrics` per server, so two servers in one process do not add up.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest

from .errors import from_any

# microseconds: 32 bounds from 10, each 1.8 times the one before, as in servables/tensorflow/util.cc
LATENCY_BOUNDS = [10 * 1.8**i for i in range(32)]
EXAMPLE_BOUNDS = [2**i for i in range(14)]
QUEUE_BOUNDS = [100 * 1.2**i for i in range(51)]
# prometheus_client says of each histogram when it was made, TF Serving doesn't
_CREATED = re.compile(r"^(# \w+ )?[\w:]+_created[ {].*\n", re.MULTILINE)


class Metrics:
    """What one server measures about itself. Latencies are in microseconds, as in TF Serving."""

    def __init__(self):
        self._registry = CollectorRegistry()
        self.request_count = self._counter("serving:request_count", "model_name", "status")
        self.request_latency = self._histogram("serving:request_latency", "model_name", "API", "entrypoint")
        self.runtime_latency = self._histogram("serving:runtime_latency", "model_name", "API", "runtime")
        self.request_example_counts = self._histogram(
            "serving:request_example_counts", "model", bounds=EXAMPLE_BOUNDS
        )
        self.request_example_count_total = self._counter("serving:request_example_count_total", "model")
        self.queuing_latency = self._histogram(
            "serving:batching_session:queuing_latency", "thread_pool_name", bounds=QUEUE_BOUNDS
        )
        self.wrapped_run_count = self._counter("serving:batching_session:wrapped_run_count")
        self.graph_runs = self._counter("core:graph_runs")
        self.graph_run_time_usecs = self._counter("core:graph_run_time_usecs")
        self.load_attempt_count = self._counter("cc:saved_model:load_attempt_count", "model_path", "status")
        self.load_latency = self._counter("cc:saved_model:load_latency", "model_path")

    @contextmanager
    def request(self, model: str, api: str, entrypoint: str, started: float) -> Iterator[None]:
        """Counts what is done inside as one request, by its status; if it is answered, its time since `started`.

        Raises:
            ServingError: whatever was raised inside, as clients read it.
        """
        try:
            yield
        except Exception as error:
            refusal = from_any(error)
            self.request_count.labels(model, refusal.code.name).inc()
            raise refusal from None
        self.request_count.labels(model, "OK").inc()
        self.request_latency.labels(model, api, entrypoint).observe(microseconds(started))

    def page(self) -> str:
        """Every metric in Prometheus's text exposition format 0.0.4."""
        text = _CREATED.sub("", generate_latest(self._registry).decode())
        return text.replace(" gauge\n", " counter\n")

    def _counter(self, name: str, *labels: str) -> Gauge:
        # A Gauge: to a Counter's name prometheus_client adds `_total`, which TF Serving's have not. The page mends the type.
        return Gauge(f":tensorflow:{name}", "", labels, registry=self._registry)

    def _histogram(self, name: str, *labels: str, bounds: list[float] = LATENCY_BOUNDS) -> Histogram:
        return Histogram(f":tensorflow:{name}", "", labels, buckets=bounds, registry=self._registry)


def microseconds(started: float) -> float:
    """The time since `started`, which was read from `time.perf_counter`."""
    return (time.perf_counter() - started) * 1e6
