"""What is counted for Prometheus, summed over the worker processes of one server.

Knows nothing of HTTP; several processes share numbers through memory-mapped files in the folder
that PROMETHEUS_MULTIPROC_DIR names before this module is imported.
"""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The counters of one process; `text()` is the sum over all processes of the server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self.requests = Counter(
            "foveal_requests", "Requests answered.", ("route", "status"), registry=registry
        )
        self.seconds = Histogram(
            "foveal_request_seconds", "From the head of a request to its answer.", ("route",),
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self.images = Counter(
            "foveal_images", "Images answered or refused.", ("model", "outcome"),
            registry=registry,
        )  # fmt: skip
        self.batch = Histogram(
            "foveal_batch_images", "Images answered together.", ("model",), buckets=_ROWS,
            registry=registry,
        )  # fmt: skip
        self.shed = Counter(
            "foveal_shed", "Requests refused because there was too much to do.", ("reason",),
            registry=registry,
        )  # fmt: skip
        self.closed = Counter(
            "foveal_closed_connections", "Connections closed by a bound.", ("reason",),
            registry=registry,
        )  # fmt: skip
        self.swaps = Counter(
            "foveal_model_swaps", "Model files loaded anew, or kept.", ("model", "outcome"),
            registry=registry,
        )  # fmt: skip
        self.waiting = Gauge(
            "foveal_images_waiting", "Images accepted and not answered.",
            multiprocess_mode="livesum", registry=registry,
        )  # fmt: skip

    def text(self) -> bytes:
        """All numbers in Prometheus' text format."""
        if FOLDER not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
