"""Counters and histograms under TF Serving's metric names, as a Prometheus text page.

prometheus_client is not used for writing: it appends `_total` to counters, and TF Serving's names
(`:tensorflow:serving:request_count`) have none. Its parser reads this page; a test makes sure.
One `Metrics` per server, so two servers in one process do not add up.
"""

import itertools
import threading
from bisect import bisect_left

# 33 bounds from 10 microseconds, each 1.8 times the one before, as in servables/tensorflow/util.cc.
LATENCY_BOUNDS = [10 * 1.8**i for i in range(32)]
EXAMPLE_BOUNDS = [2**i for i in range(14)]
QUEUE_BOUNDS = [100 * 1.2**i for i in range(51)]


class Counter:
    """A number that only grows, one per combination of label values."""

    kind = "counter"

    def __init__(self, name: str, *labels: str):
        self.name, self.labels = name, labels
        self._cells: dict[tuple, float] = {}
        self._lock = threading.Lock()

    def add(self, *values: str, by: float = 1) -> None:
        """Add `by` to the cell of these label values, in the order of `labels`."""
        with self._lock:
            self._cells[values] = self._cells.get(values, 0) + by

    def lines(self) -> list[str]:
        """Samples in Prometheus's text form."""
        with self._lock:
            cells = dict(self._cells)
        if not self.labels and not cells:
            cells = {(): 0}
        return [
            f"{self.name}{{{_pairs(self.labels, values)}}} {number:.15g}" for values, number in cells.items()
        ]


class Histogram:
    """Counts of observed values by bucket, with their sum, one per combination of label values."""

    kind = "histogram"

    def __init__(self, name: str, bounds: list[float], *labels: str):
        self.name, self.bounds, self.labels = name, bounds, labels
        self._cells: dict[tuple, tuple[list[int], list[float]]] = {}
        self._lock = threading.Lock()

    def observe(self, value: float, *values: str) -> None:
        """Count `value` in the cell of these label values."""
        with self._lock:
            counts, total = self._cells.setdefault(values, ([0] * (len(self.bounds) + 1), [0.0]))
            counts[bisect_left(self.bounds, value)] += 1
            total[0] += value

    def lines(self) -> list[str]:
        """Cumulative buckets, sum and count in Prometheus's text form."""
        with self._lock:
            cells = {values: (list(counts), total[0]) for values, (counts, total) in self._cells.items()}
        lines = []
        for values, (counts, total) in cells.items():
            labels = _pairs(self.labels, values)
            comma = "," if labels else ""
            limits = [f"{bound:g}" for bound in self.bounds] + ["+Inf"]
            for limit, count in zip(limits, itertools.accumulate(counts), strict=True):
                lines.append(f'{self.name}_bucket{{{labels}{comma}le="{limit}"}} {count}')
            lines.append(f"{self.name}_sum{{{labels}}} {total:.15g}")
            lines.append(f"{self.name}_count{{{labels}}} {sum(counts)}")
        return lines


class Metrics:
    """What one server measures about itself. Latencies are in microseconds, as in TF Serving."""

    def __init__(self):
        serving, batching = ":tensorflow:serving:", ":tensorflow:serving:batching_session:"
        self.request_count = Counter(serving + "request_count", "model_name", "status")
        self.request_latency = Histogram(
            serving + "request_latency", LATENCY_BOUNDS, "model_name", "API", "entrypoint"
        )
        self.runtime_latency = Histogram(
            serving + "runtime_latency", LATENCY_BOUNDS, "model_name", "API", "runtime"
        )
        self.request_example_counts = Histogram(serving + "request_example_counts", EXAMPLE_BOUNDS, "model")
        self.request_example_count_total = Counter(serving + "request_example_count_total", "model")
        self.queuing_latency = Histogram(batching + "queuing_latency", QUEUE_BOUNDS, "thread_pool_name")
        self.wrapped_run_count = Counter(batching + "wrapped_run_count")
        self.graph_runs = Counter(":tensorflow:core:graph_runs")
        self.graph_run_time_usecs = Counter(":tensorflow:core:graph_run_time_usecs")
        self.load_attempt_count = Counter(
            ":tensorflow:cc:saved_model:load_attempt_count", "model_path", "status"
        )
        self.load_latency = Counter(":tensorflow:cc:saved_model:load_latency", "model_path")

    def page(self) -> str:
        """Every metric in Prometheus's text exposition format 0.0.4."""
        lines = []
        for metric in sorted(vars(self).values(), key=lambda metric: metric.name):
            lines.append(f"# TYPE {metric.name} {metric.kind}")
            lines += metric.lines()
        return "\n".join(lines) + "\n"


def _pairs(names: tuple, values: tuple) -> str:
    def escaped(value):
        return str(value).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

    return ",".join(f'{name}="{escaped(value)}"' for name, value in zip(names, values, strict=True))
