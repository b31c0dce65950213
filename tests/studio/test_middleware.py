"""Headers of every response, websockets, and what a bug of the studio answers."""

import asyncio
import io
import json
import socket

import pytest

from foveal.serving.logs import Log
from foveal.studio.middleware import StudioMiddleware
from foveal.studio.security import Access


@pytest.mark.parametrize("path", ["/", "/api/studio", "/nothing"])
def test_every_response_has_the_security_headers(studio, path):
    headers = studio.client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert headers.get_list("content-security-policy")[0].startswith("default-src 'none'; ")
    assert len(headers.get_list("content-security-policy")) == 1
    assert "server" not in headers


def test_a_websocket_is_not_opened(studio):
    (cookie,) = studio.client.cookies.items()
    head = (
        f"GET /api/studio HTTP/1.1\r\nhost: localhost\r\ncookie: {'='.join(cookie)}\r\n"
        "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", studio.client.base_url.port), 20) as connection:
        connection.sendall(head.encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")  # answered as plain HTTP


def test_a_bug_answers_one_sentence_and_logs_the_traceback():
    async def broken(scope, receive, send):
        raise ZeroDivisionError("secret")

    text, sent = io.StringIO(), []
    log = Log(quiet=True, stream=text)
    access = Access("127.0.0.1", 80, "c", token="t")
    headers = [(b"host", b"localhost"), (b"cookie", b"foveal-studio-80=c")]
    scope = {"type": "http", "method": "GET", "path": "/x", "query_string": b"", "headers": headers}

    async def send(message):
        sent.append(message)

    asyncio.run(StudioMiddleware(broken, access, log)(scope, None, send))
    log.flush()
    assert sent[0]["status"] == 500
    answered = json.loads(sent[1]["body"])
    assert answered["error"] == "the studio failed; the terminal it runs in has the details"
    logged = json.loads(text.getvalue())
    assert logged["id"] == answered["id"]
    assert logged["traceback"].endswith("ZeroDivisionError: secret\n")


def test_what_is_not_http_is_not_answered():
    sent = []
    access = Access("127.0.0.1", 80, "c", token="t")
    app = StudioMiddleware(None, access, Log(stream=io.StringIO()))
    asyncio.run(app({"type": "websocket"}, None, sent.append))
    assert sent == []
