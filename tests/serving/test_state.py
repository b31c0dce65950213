"""The queue has a limit and a deadline."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import httpx


def test_overload_is_rejected_at_once_and_what_is_accepted_is_answered(local, images) -> None:
    """Twenty clients without pause against a queue of four and 20 ms a batch of two."""
    limits = {"queue_images": 4, "batch_size": 2}
    with local(pause=0.02, limits=limits) as server:
        with httpx.Client(base_url=server.url, timeout=20) as client:

            def post(_turn: int) -> httpx.Response:
                return client.post("/predict", content=images[0])

            with ThreadPoolExecutor(20) as pool:
                responses = list(pool.map(post, range(300)))
        rejected = [response for response in responses if response.status_code == 503]
        accepted = [response for response in responses if response.status_code == 200]
        assert len(rejected) + len(accepted) == 300
        assert len(rejected) > 30
        assert len(accepted) > 20
        assert {response.headers["retry-after"] for response in rejected} == {"1"}
        assert {response.json()["error"] for response in rejected} == {
            "the queue is full; try again"
        }
        assert max(server.predictor.batches) <= 2
        server.state.log.flush()
        lines = map(json.loads, server.log.getvalue().splitlines())
        ms = {200: [], 503: []}
        for line in lines:
            ms[line["status"]].append(line["ms"])
        assert sorted(ms[503])[len(rejected) // 2] < 50
        # A queue of 4 and batches of 2 is at most 3 batches of waiting; the rest is this machine.
        assert sorted(ms[200])[len(accepted) // 2] < 500
        assert server.state.queued_images == 0
        assert server.state.body_reader.buffered_bytes == 0


def test_a_request_over_its_deadline_is_a_503(local, images) -> None:
    with local(limits={"deadline_seconds": 0.3}) as server:
        server.predictor.release.clear()
        started = time.monotonic()
        response = httpx.post(f"{server.url}/predict", content=images[0])
        assert time.monotonic() - started < 3
        assert response.status_code == 503
        assert response.headers["retry-after"] == "2"
        assert response.json()["error"] == "the request timed out; try again"
        assert server.state.queued_images == 0
        server.predictor.release.set()
        assert httpx.post(f"{server.url}/predict", content=images[0]).status_code == 200
