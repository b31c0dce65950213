"""The queue has a limit and a deadline."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np


def test_overload_is_rejected_at_once_and_what_is_accepted_is_answered(
    local, images, wait_until
) -> None:
    """A queue of four that is full: nothing is answered until `release` is set."""
    limits = {"queue_images": 4, "batch_size": 2, "deadline_seconds": 60}
    with local(limits=limits) as server:
        server.predictor.release.clear()

        def post() -> httpx.Response:
            return httpx.post(f"{server.url}/predict", content=images[0], timeout=60)

        with ThreadPoolExecutor(4) as pool:
            accepted = [pool.submit(post) for _ in range(4)]
            wait_until(lambda: server.state.queued_images == 4)
            rejected = [post() for _ in range(20)]
            server.predictor.release.set()
            assert [future.result().status_code for future in accepted] == [200] * 4
        assert {response.status_code for response in rejected} == {503}
        assert {response.headers["retry-after"] for response in rejected} == {"1"}
        assert {response.json()["error"] for response in rejected} == {
            "the queue is full; try again"
        }
        assert max(server.predictor.batches) <= 2
        assert server.state.queued_images == 0
        assert server.state.body_reader.buffered_bytes == 0


def test_a_large_request_leaves_room_for_others(local, images, wait_until) -> None:
    limits = {"queue_images": 4, "batch_size": 2, "deadline_seconds": 60}
    with local(limits=limits) as server, ThreadPoolExecutor(2) as pool:
        server.predictor.release.clear()
        shape = [11, *server.predictor.manifest.network.input.shape]
        data = np.zeros(shape, np.uint8).tolist()
        tensor = {"name": "pixels", "datatype": "UINT8", "shape": shape, "data": data}
        url = f"{server.url}/v2/models/animals/infer"
        large = pool.submit(httpx.post, url, json={"inputs": [tensor]}, timeout=60)
        wait_until(lambda: server.state.queued_images == 2)
        one = pool.submit(httpx.post, f"{server.url}/predict", content=images[0], timeout=60)
        wait_until(lambda: server.state.queued_images == 3)
        server.predictor.release.set()
        assert one.result().status_code == 200
        assert large.result().json()["outputs"][1]["shape"] == [11]
        assert max(server.predictor.batches) <= 2


def test_a_request_over_its_deadline_is_a_503(local, images, wait_until) -> None:
    with local(limits={"deadline_seconds": 0.3}) as server:

        def post() -> httpx.Response:
            return httpx.post(f"{server.url}/predict", content=images[0], timeout=60)

        server.predictor.release.clear()
        response = post()
        assert response.status_code == 503
        assert response.headers["retry-after"] == "2"
        assert response.json()["error"] == "the request timed out; try again"
        assert server.state.queued_images == 0
        server.predictor.release.set()
        wait_until(lambda: post().status_code == 200)
