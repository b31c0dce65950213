"""The page, the list of models, and explanations one at a time."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from foveal.errors import Error


def test_the_page_is_in_the_browsers_language(client) -> None:
    for headers, query, lang in (
        ({}, "", "en"),
        ({"accept-language": "ko-KR,ko;q=0.9"}, "", "ko"),
        ({"accept-language": "ko"}, "?lang=en", "en"),
    ):
        response = client.get(f"/{query}", headers=headers)
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
        assert f'<html lang="{lang}">' in response.text


def test_the_first_model_is_the_default(client, images) -> None:
    default = client.post("/predict", content=images[0]).json()
    assert default == client.post("/predict?model=animals", content=images[0]).json()
    assert client.get("/models").json() == {"models": ["animals", "animals-fast"]}


def test_explain(client, images) -> None:
    response = client.post("/explain?lang=ko", content=images[0], timeout=60)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert '<html lang="ko">' in response.text
    response = client.post("/explain", content=b"nothing")
    assert response.status_code == 422, response.text
    response = client.post("/explain?model=animals-fast", content=images[0])
    assert (response.status_code, response.json()["error"]) == (
        409,
        "this model is an exported file; only native model files can be explained",
    )


def test_the_model_that_is_served_is_explained_and_no_file(local, images) -> None:
    explained = []

    def explain(model, *_):
        explained.append(model)
        return "<!doctype html>"

    with local(explain=explain) as server:
        server.predictor.native = object()
        assert httpx.post(f"{server.url}/explain", content=images[0], timeout=60).is_success
        assert explained == [server.predictor.native]


def test_only_one_image_is_explained_at_a_time(local, images) -> None:
    release = threading.Event()

    def explain(*_arguments):
        release.wait(60)
        return "<!doctype html>"

    with local(explain=explain) as server, ThreadPoolExecutor(1) as pool:
        first = pool.submit(httpx.post, f"{server.url}/explain", content=images[0], timeout=60)
        while not server.state.explanation_running:
            time.sleep(0.01)
        second = httpx.post(f"{server.url}/explain", content=images[0], timeout=60)
        assert second.status_code == 503
        assert second.headers["retry-after"] == "5"
        assert httpx.post(f"{server.url}/predict", content=images[0], timeout=60).status_code == 200
        release.set()
        assert first.result().status_code == 200
        assert not server.state.explanation_running


def test_one_that_is_cancelled_before_it_begins_does_not_block_later_ones(
    local, images, request_bytes, wait_until
) -> None:
    release, waiting = threading.Event(), []

    def text() -> bytes:
        waiting.append(1)
        release.wait(60)
        return b""

    get = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n"
    with local(explain=lambda *_: "<!doctype html>") as server:
        server.state.metrics.text = text
        for _ in range(40):  # more than the threads there are
            server.connect(get)
        wait_until(lambda: len(waiting) >= min(32, (os.cpu_count() or 1) + 4))
        connection = server.connect(request_bytes(images[0], "/explain"))
        wait_until(lambda: server.state.explanation_running)
        connection.close()
        wait_until(lambda: '"status": 499' in server.log.getvalue())
        release.set()
        wait_until(lambda: not server.state.explanation_running)


def test_an_explanation_that_takes_too_long_is_given_up(local, images) -> None:
    release = threading.Event()

    def explain(*_arguments):
        release.wait(60)
        return "<!doctype html>"

    with local(explain=explain, limits={"explain_seconds": 0.2}) as server:
        response = httpx.post(f"{server.url}/explain", content=images[0], timeout=60)
        assert (response.status_code, response.headers["retry-after"]) == (503, "10")
        assert response.json()["error"] == "the explanation timed out; try again"
        assert httpx.post(f"{server.url}/explain", content=images[0], timeout=60).status_code == 503
        release.set()


def test_a_model_that_cannot_be_explained_is_a_409_and_the_reason_is_logged(local, images) -> None:
    def explain(*_arguments):
        raise Error("the lens needs /secret/path")

    with local(explain=explain) as server:
        response = httpx.post(f"{server.url}/explain", content=images[0], timeout=60)
        assert (response.status_code, response.json()["error"]) == (
            409,
            "this model cannot be explained; the server's log has the reason",
        )
        response = httpx.post(
            f"{server.url}/explain", files={"p": ("a.png", images[0])}, timeout=60
        )
        assert (response.status_code, response.json()["error"]) == (
            415,
            "send the bytes of one image as image/* or application/octet-stream",
        )
    assert "the lens needs /secret/path" in server.log.getvalue()


def test_two_bodies_received_at_one_time_are_not_explained_at_one_time(
    local, images, request_bytes, read_all, wait_until
) -> None:
    release, calls = threading.Event(), []

    def explain(*_arguments):
        calls.append(1)
        release.wait(60)
        return "<!doctype html>"

    whole = request_bytes(images[0], "/explain", "connection: close")
    with local(explain=explain) as server:
        connections = [server.connect(whole[:-10]) for _ in range(2)]
        while server.state.body_reader.buffered_bytes < 2 * (len(images[0]) - 10):
            time.sleep(0.01)
        for connection in connections:
            connection.sendall(whole[-10:])
        wait_until(lambda: calls)
        wait_until(lambda: '"status": 503' in server.log.getvalue())
        release.set()
        statuses = sorted(read_all(connection)[9:12] for connection in connections)
    assert (statuses, len(calls)) == ([b"200", b"503"], 1)
