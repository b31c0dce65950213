"""Every response has an id, the security headers and a log line."""

from __future__ import annotations

import httpx
import pytest


def test_request_ids(client) -> None:
    assert client.get("/v2", headers={"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
    for bad in ("a b", "x" * 65, 'a"b'):
        request_id = client.get("/v2", headers={"x-request-id": bad}).headers["x-request-id"]
        assert request_id != bad
        assert len(request_id) == 16


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD"])
def test_a_foreign_host_or_origin_is_rejected_for_every_method(client, method: str) -> None:
    for headers in ({"host": "rebound.example"}, {"origin": "https://evil.example"}):
        assert client.request(method, "/predict", headers=headers).status_code == 403


def test_every_response_has_the_security_headers(client) -> None:
    for path in ("/", "/nowhere", "/metrics", "/v2"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers


def test_an_allowed_origin_gets_cors_headers(local, images) -> None:
    token, origin = "a-token-for-the-origin-0123456789", "https://app.example"
    with local(token=token, allowed_origins=(origin,)) as server:
        url, headers = f"{server.url}/predict", {"origin": origin}
        preflight = httpx.options(url, headers={**headers, "access-control-request-method": "POST"})
        assert preflight.status_code == 204
        assert "authorization" in preflight.headers["access-control-allow-headers"]
        assert httpx.post(url, content=images[0], headers=headers, timeout=60).status_code == 401
        headers["authorization"] = f"Bearer {token}"
        response = httpx.post(url, content=images[0], headers=headers, timeout=60)
        assert response.status_code == 200
        for headers in (preflight.headers, response.headers):
            assert headers["access-control-allow-origin"] == origin
            assert headers["vary"] == "origin"
        assert httpx.options(url, headers={"origin": "https://evil.example"}).status_code == 403


def test_a_client_that_disconnects_frees_its_place_in_the_queue(
    local, request_bytes, images, wait_until
) -> None:
    with local(limits={"queue_images": 3}) as server:
        server.predictor.release.clear()
        connections = [server.connect(request_bytes(images[0])) for _ in range(3)]
        wait_until(lambda: server.state.queued_images == 3)
        assert httpx.post(f"{server.url}/predict", content=images[0], timeout=60).status_code == 503
        for connection in connections:
            connection.close()
        wait_until(lambda: server.state.queued_images == 0)
        server.predictor.release.set()
        assert httpx.post(f"{server.url}/predict", content=images[0], timeout=60).status_code == 200
    assert '"status": 499' in server.log.getvalue()
