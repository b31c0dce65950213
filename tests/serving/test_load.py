"""More than a server can do is shed at once; memory, threads and files stay flat."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil


def test_overload_is_shed_at_once_and_what_is_accepted_is_answered(local, images) -> None:
    """Twenty clients without pause against a queue of four and 20 ms a batch of two."""
    limits = {"queue": 4, "batch": 2}
    with local(pause=0.02, limits=limits) as server:
        with httpx.Client(base_url=server.url, timeout=20) as client:

            def ask(_turn: int) -> httpx.Response:
                return client.post("/predict", content=images[0])

            with ThreadPoolExecutor(20) as pool:
                found = list(pool.map(ask, range(300)))
        shed = [response for response in found if response.status_code == 503]
        accepted = [response for response in found if response.status_code == 200]
        assert len(shed) + len(accepted) == 300
        assert len(shed) > 30
        assert len(accepted) > 20
        assert {response.headers["retry-after"] for response in shed} == {"1"}
        assert {response.json()["error"] for response in shed} == {
            "too many images are waiting; try again"
        }
        assert max(server.predictor.batches) <= 2
        server.room.log.flush()
        lines = map(json.loads, server.log.getvalue().splitlines())
        took = {200: [], 503: []}
        for line in lines:
            took[line["status"]].append(line["ms"])
        assert sorted(took[503])[len(shed) // 2] < 50
        # A queue of 4 and batches of 2 is at most 3 batches of waiting; the rest is this machine.
        assert sorted(took[200])[len(accepted) // 2] < 500
        assert server.room.waiting == 0
        assert server.room.bodies.bytes == 0


def test_a_request_that_takes_too_long_is_given_up(local, images) -> None:
    with local(limits={"deadline_seconds": 0.3}) as server:
        server.predictor.hold.clear()
        began = time.monotonic()
        response = httpx.post(f"{server.url}/predict", content=images[0])
        assert time.monotonic() - began < 3
        assert response.status_code == 503
        assert response.headers["retry-after"] == "2"
        assert response.json()["error"] == "there was no answer in time; try again"
        assert server.room.waiting == 0
        server.predictor.hold.set()
        assert httpx.post(f"{server.url}/predict", content=images[0]).status_code == 200


def test_all_bodies_together_have_a_bound(local, images) -> None:
    limits = {"buffered_bytes": 1_000_000, "receive_seconds": 20}
    head = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 700000\r\n\r\n"
    with local(limits=limits) as server:
        server.connect(head + b"x" * 600_000)
        while server.room.bodies.bytes < 500_000:
            time.sleep(0.01)
        response = httpx.post(f"{server.url}/predict", content=b"x" * 600_000)
        assert response.status_code == 503
        assert response.json()["error"] == "too many bytes are being received; try again"
        assert httpx.post(f"{server.url}/predict", content=images[0]).status_code == 200


def test_a_failure_of_the_network_is_a_500_with_an_id_and_the_trace_is_in_the_log(local, images):
    with local() as server:

        def broken(pixels):
            raise RuntimeError("/secret/path is on fire")

        server.room.models.get(None).batcher._answer = broken
        response = httpx.post(f"{server.url}/predict", content=images[0])
        began = time.monotonic()
        while '"event": "request"' not in server.log.getvalue():
            assert time.monotonic() - began < 5
            server.room.log.flush()
        events = [json.loads(line) for line in server.log.getvalue().splitlines()]
    assert response.status_code == 500
    said = response.json()
    assert said == {"error": "something went wrong here; the log has it under this id",
                    "id": response.headers["x-request-id"]}  # fmt: skip
    (failed,) = [event for event in events if event["event"] == "failed"]
    assert failed["id"] == said["id"]
    assert "/secret/path is on fire" in failed["trace"]


def test_an_allowed_origin_may_ask_from_a_browser(local, images) -> None:
    token, origin = "a-token-for-the-origin-0123456789", "https://app.example"
    with local(token=token, origins=(origin,)) as server:
        url, headers = f"{server.url}/predict", {"origin": origin}
        asked = httpx.options(url, headers={**headers, "access-control-request-method": "POST"})
        assert asked.status_code == 204
        assert "authorization" in asked.headers["access-control-allow-headers"]
        assert httpx.post(url, content=images[0], headers=headers).status_code == 401
        headers["authorization"] = f"Bearer {token}"
        found = httpx.post(url, content=images[0], headers=headers)
        assert found.status_code == 200
        for response in (asked, found):
            assert response.headers["access-control-allow-origin"] == origin
            assert response.headers["vary"] == "origin"
        assert httpx.options(url, headers={"origin": "https://evil.example"}).status_code == 403


def test_only_one_image_is_explained_at_a_time(local, images) -> None:
    import threading

    hold = threading.Event()

    def explain(*_given):
        hold.wait(10)
        return "<!doctype html>"

    with local(explain=explain) as server, ThreadPoolExecutor(1) as pool:
        first = pool.submit(httpx.post, f"{server.url}/explain", content=images[0])
        while not server.room.explaining:
            time.sleep(0.01)
        second = httpx.post(f"{server.url}/explain", content=images[0])
        assert second.status_code == 503
        assert second.headers["retry-after"] == "5"
        assert httpx.post(f"{server.url}/predict", content=images[0]).status_code == 200
        hold.set()
        assert first.result().status_code == 200
        assert not server.room.explaining


def test_two_bodies_that_come_at_one_time_are_not_explained_at_one_time(
    local, images, request_bytes, read_all
) -> None:
    import threading

    hold, begun = threading.Event(), []

    def explain(*_given):
        begun.append(1)
        hold.wait(10)
        return "<!doctype html>"

    whole = request_bytes(images[0], "/explain", "connection: close")
    with local(explain=explain) as server:
        connections = [server.connect(whole[:-10]) for _ in range(2)]
        while server.room.bodies.bytes < 2 * (len(images[0]) - 10):
            time.sleep(0.01)
        for connection in connections:
            connection.sendall(whole[-10:])
        while not begun:
            time.sleep(0.01)
        time.sleep(0.2)
        hold.set()
        statuses = sorted(read_all(connection)[9:12] for connection in connections)
    assert (statuses, len(begun)) == ([b"200", b"503"], 1)


def test_a_soak_leaves_memory_threads_and_files_flat(exported, start_any, images) -> None:
    """Good, broken, refused and abandoned requests, a few thousand of them."""
    with start_any(exported, "--workers", "1") as server:
        worker = psutil.Process(server.workers()[0])

        def ask(turn: int) -> None:
            for step in range(50):
                content = images[(turn + step) % len(images)]
                client.post("/predict", content=content)
                client.post("/predict", content=content[: 40 + step])
                client.post("/predict", files=[("p", ("a", content))] * 3)
                client.get("/nowhere")

        def soak(turns: int) -> tuple[int, int, int]:
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(ask, range(turns)))
            time.sleep(0.3)
            return worker.memory_info().rss, worker.num_threads(), worker.num_fds()

        with httpx.Client(base_url=server.url, timeout=20) as client:
            soak(4)
            before = soak(2)
            after = soak(8)
    assert after[0] - before[0] < 20 * 2**20
    assert after[1] <= before[1] + 2
    assert after[2] <= before[2] + 8
