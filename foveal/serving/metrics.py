"""Prometheus metrics, summed over the worker processes of one server.

The processes share their values through memory-mapped files in the folder that
PROMETHEUS_MULTIPROC_DIR names before this module is imported.
"""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from foveal.serving.settings import METRICS_FOLDER_VARIABLE

_SECONDS_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_ROWS_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The metrics of one process; `text()` is the sum over all processes of the server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        counter, histogram = self._counter, self._histogram
        self.requests = counter("requests", "Requests answered.", "route", "status")
        self.request_seconds = histogram(
            "request_seconds",
            "From the head of a request to its response.",
            _SECONDS_BUCKETS,
            "route",
        )
        self.images = counter("images", "Images predicted or unreadable.", "model", "outcome")
        self.batch_rows = histogram("batch_rows", "Images in a batch.", _ROWS_BUCKETS, "model")
        self.rejected = counter("rejected_requests", "Requests rejected by a limit.", "reason")
        self.closed = counter("closed_connections", "Connections closed by a limit.", "reason")
        self.reloads = counter("model_reloads", "Reloads of a model file.", "model", "outcome")
        self.queued_images = Gauge(
            "foveal_queued_images",
            "Images accepted and not answered.",
            multiprocess_mode="livesum",
            registry=self._registry,
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"foveal_{name}", text, labels, registry=self._registry)

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(f"foveal_{name}", text, labels, buckets=buckets, registry=self._registry)

    def text(self) -> bytes:
        """All values in Prometheus' text format."""
        if METRICS_FOLDER_VARIABLE not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
