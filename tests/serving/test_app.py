"""Unknown paths, methods and parameters, and bugs of the server, are JSON errors."""

from __future__ import annotations

import json

import httpx
import pytest


def test_unknown_paths_methods_and_models(client) -> None:
    response = client.get("/../../etc/passwd")
    assert (response.status_code, response.json()["error"]) == (
        404,
        "this path does not exist; images go to /predict, /openapi.json lists all paths",
    )
    response = client.put("/predict", content=b"")
    assert (response.status_code, response.json()["error"]) == (
        405,
        "this path does not support PUT; use POST",
    )
    assert response.headers["allow"] == "POST"
    response = client.post("/predict?model=nobody", content=b"x")
    assert (response.status_code, response.json()["error"]) == (
        404,
        "unknown model; this server has: animals, animals-fast",
    )


def test_a_mistyped_parameter_is_not_ignored(client, images) -> None:
    response = client.post("/predict?modle=animals-fast", content=images[0])
    assert (response.status_code, response.json()["error"]) == (
        422,
        "unknown parameter 'modle'; valid parameters: model, top",
    )


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("top=abc", "query parameter 'top' is 'abc'; give a whole number or 'all'"),
        ("top=0", "query parameter 'top' is '0'; give 1 or more or 'all'"),
        ("top=", "query parameter 'top' is ''; give a whole number or 'all'"),
        ("top=100001", "query parameter 'top' is '100001'; give 100000 or less or 'all'"),
        ("top=1&top=2", "parameter 'top' is given 2 times; give it once"),
        (
            "model=" + "m" * 65,
            f"query parameter 'model' is '{'m' * 64}'; give at most 64 characters",
        ),
    ],
)
def test_a_wrong_parameter_is_named(client, images, query: str, error: str) -> None:
    response = client.post(f"/predict?{query}", content=images[0])
    assert (response.status_code, response.json()["error"]) == (422, error)


def test_a_wrong_language_is_named(client) -> None:
    response = client.get("/?lang=fr")
    assert (response.status_code, response.json()["error"]) == (
        422,
        "query parameter 'lang' is 'fr'; give 'en' or 'ko'",
    )


def test_an_exception_is_a_500_and_its_traceback_is_in_the_log(local, images, wait_until):
    with local() as server:

        def broken(pixels):
            raise RuntimeError("/secret/path is on fire")

        server.state.models.get(None).batcher._infer = broken
        response = httpx.post(f"{server.url}/predict", content=images[0], timeout=60)
        wait_until(lambda: '"event": "request"' in server.log.getvalue())
        events = [json.loads(line) for line in server.log.getvalue().splitlines()]
    assert response.status_code == 500
    body = response.json()
    assert body == {
        "error": "internal server error; the server's log has the details under this id",
        "id": response.headers["x-request-id"],
    }
    (failed,) = [event for event in events if event["event"] == "request failed"]
    assert failed["id"] == body["id"]
    assert "/secret/path is on fire" in failed["traceback"]


def test_the_shortcut_of_predict_equals_the_route(client, images) -> None:
    """`/predict` goes past FastAPI, `/predict?model=animals` through it."""
    cases = (
        {"content": images[0]},
        {"content": b"nothing"},
        {"content": b""},
        {"content": images[0], "headers": {"content-type": "text/html"}},
        {"content": images[0], "headers": {"content-type": "multipart/form-data"}},
        {"files": [("p", ("a.png", images[0])), ("p", ("b.png", b"nothing"))]},
        {"files": [("p", ("b.png", b"nothing"))]},
    )
    for case in cases:
        case.setdefault("headers", {})["x-request-id"] = "same"
        shortcut = client.post("/predict", **case)
        route = client.post("/predict?model=animals", **case)
        assert shortcut.status_code == route.status_code
        assert shortcut.content == route.content
        assert _without_date(shortcut.headers) == _without_date(route.headers)


def _without_date(headers) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != "date"}


def test_the_shortcut_of_predict_counts_as_the_route(local, images, wait_until) -> None:
    count = b'foveal_requests_total{route="/predict",status="200"} 2.0'
    with local() as server:
        for query in ("", "?top=1"):
            httpx.post(f"{server.url}/predict{query}", content=images[0], timeout=60)
        wait_until(lambda: count in server.state.metrics.text())
