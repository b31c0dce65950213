"""Metrics have telling names and are summed over the workers."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from foveal.serving.metrics import Metrics
from foveal.serving.settings import METRICS_FOLDER_VARIABLE


def test_the_metrics_of_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(METRICS_FOLDER_VARIABLE, raising=False)
    metrics = Metrics()
    metrics.requests.labels("/predict", 200).inc()
    metrics.request_seconds.labels("/predict").observe(0.003)
    metrics.images.labels("animals", "predicted").inc(2)
    metrics.batch_rows.labels("animals").observe(2)
    metrics.rejected.labels("queue full").inc()
    metrics.closed.labels("slow request").inc()
    metrics.reloads.labels("animals", "reloaded").inc()
    metrics.queued_images.inc(3)
    lines = metrics.text().decode().splitlines()
    for line in (
        'foveal_requests_total{route="/predict",status="200"} 1.0',
        'foveal_request_seconds_bucket{le="0.005",route="/predict"} 1.0',
        'foveal_request_seconds_bucket{le="0.002",route="/predict"} 0.0',
        'foveal_images_total{model="animals",outcome="predicted"} 2.0',
        'foveal_batch_rows_bucket{le="2.0",model="animals"} 1.0',
        'foveal_rejected_requests_total{reason="queue full"} 1.0',
        'foveal_closed_connections_total{reason="slow request"} 1.0',
        'foveal_model_reloads_total{model="animals",outcome="reloaded"} 1.0',
        "foveal_queued_images 3.0",
    ):
        assert line in lines


def test_the_page_of_serve_lists_every_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(METRICS_FOLDER_VARIABLE, raising=False)
    page = Path(__file__, "../../../docs/serve.md").resolve().read_text("utf-8")
    rows = re.findall(r"^\| `(foveal_\w+)`", page, re.MULTILINE)
    types = re.findall(r"^# TYPE (\w+) (\w+)", Metrics().text().decode(), re.MULTILINE)
    assert sorted(rows) == sorted(name for name, kind in types if not name.endswith("_created"))


def test_the_metrics_are_the_sum_over_the_workers(server, client, images) -> None:
    def count() -> float:
        lines = client.get("/metrics").text.splitlines()
        start = 'foveal_images_total{model="animals-fast",outcome="predicted"}'
        return sum(float(line.split()[-1]) for line in lines if line.startswith(start))

    before = count()
    for _ in range(20):
        httpx.post(f"{server.url}/predict?model=animals-fast", content=images[0], timeout=60)
    assert count() == before + 20
