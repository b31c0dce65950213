"""Slow, oversized and surplus clients are disconnected while others are served."""

from __future__ import annotations

import contextlib
import inspect
import json
import re
import socket
import time

import httpx
import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from foveal.serving import http
from foveal.serving.http import LimitedProtocol


def test_the_response_to_head_has_no_body(local, read_all) -> None:
    with local() as server:
        connection = server.connect(b"HEAD /predict HTTP/1.1\r\nhost: localhost\r\n\r\n")
        connection.sendall(b"GET /v2 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        raw = read_all(connection)
    first, _, rest = raw.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 405")
    assert rest.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("path", ["/", "/v2/health/live", "/v2/health/ready", "/models"])
def test_head_is_answered_as_get_without_a_body(local, read_all, path: str) -> None:
    with local() as server:
        request = f"{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode()
        head = read_all(server.connect(b"HEAD " + request))
        get = read_all(server.connect(b"GET " + request))
    first, _, rest = head.partition(b"\r\n\r\n")
    assert rest == b""
    fixed = re.compile(rb"\r\n(date|x-request-id): [^\r]*")
    assert fixed.sub(b"", first) == fixed.sub(b"", get.partition(b"\r\n\r\n")[0])
    assert first.startswith(b"HTTP/1.1 200")


def parse_response(raw: bytes) -> tuple[int, dict]:
    head, _, body = raw.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_headers_that_never_end_are_answered_408_and_closed(local, read_all) -> None:
    with local(limits={"receive_seconds": 0.4}) as server:
        connection = server.connect(b"POST /predict HTTP/1.1\r\nhost: local")
        status, body = parse_response(read_all(connection))
    assert status == 408
    assert body["error"] == "the request was not complete after 0.4 seconds"


def test_a_connection_without_a_request_is_closed(local, read_all) -> None:
    with local(limits={"receive_seconds": 0.4}) as server:
        assert read_all(server.connect()) == b""


def test_one_byte_at_a_time_does_not_help(local, read_all) -> None:
    with local(limits={"receive_seconds": 0.5}) as server:
        connection = server.connect(b"POST /predict HTTP/1.1\r\nhost: localhost\r\nx: ")
        with pytest.raises(OSError):
            for _ in range(1000):
                connection.send(b"a")
                time.sleep(0.05)


def test_a_body_that_never_ends_is_answered_408(local, read_all) -> None:
    with local(limits={"receive_seconds": 0.4}) as server:
        head = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n"
        status, body = parse_response(read_all(server.connect(head + b"only this")))
    assert status == 408
    assert body["error"] == "the request was not complete after 0.4 seconds"


@pytest.fixture
def timers(monkeypatch):
    """Starts and stops of the timers of received requests, each with its protocol."""
    seen, start, stop = (
        [],
        LimitedProtocol._start_receive_timer,
        LimitedProtocol._stop_receive_timer,
    )

    def started(protocol):
        if protocol._receive_timer is None:
            seen.append(("started", protocol))
        start(protocol)

    def stopped(protocol):
        if protocol._receive_timer is not None:
            seen.append(("stopped", protocol))
        stop(protocol)

    monkeypatch.setattr(LimitedProtocol, "_start_receive_timer", started)
    monkeypatch.setattr(LimitedProtocol, "_stop_receive_timer", stopped)
    return seen


def test_each_request_of_a_connection_has_its_own_clock(
    local, request_bytes, images, timers, wait_until
):
    with local(limits={"receive_seconds": 3600}) as server:
        connection = server.connect()
        for _ in range(3):
            connection.sendall(request_bytes(images[0]))
            received = b""
            while not received.endswith(b'"error": null}'):
                received += connection.recv(65_536)
            assert received.startswith(b"HTTP/1.1 200")
        connection.sendall(b"POST /predict")
        wait_until(lambda: len(timers) == 7)
        assert [what for what, _ in timers] == [*["started", "stopped"] * 3, "started"]
        _, protocol = timers[-1]
        protocol.loop.call_soon_threadsafe(protocol._on_receive_timeout)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 408")


def test_an_idle_connection_is_closed(local, request_bytes, images, read_all) -> None:
    with local(limits={"idle_seconds": 1.0}) as server:
        raw = read_all(server.connect(request_bytes(images[0])))
    assert raw.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 5000,
        b"GET / HTTP/1.1\r\nhost: localhost\r\n" + b"x: y\r\n" * 1000,
        b"GET /" + b"a" * 5000,
        b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"\r\n" * 3000,
    ],
    ids=["one header", "many headers", "address", "whole request", "empty lines"],
)
def test_huge_headers_are_answered_431(local, read_all, head: bytes) -> None:
    with local(limits={"header_bytes": 4096}) as server:
        status, body = parse_response(read_all(server.connect(head)))
    assert status == 431
    assert body["error"] == "the request line and headers are larger than 4096 bytes"


@pytest.mark.parametrize(
    "junk",
    [
        b"\x16\x03\x01\x02\x00",
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x00" * 100,
        b"CONNECT evil.example:80 HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ],
    ids=["tls", "words", "version", "zeros", "proxy"],
)
def test_what_is_not_http_is_answered_400(local, read_all, junk: bytes) -> None:
    with local() as server:
        status, body = parse_response(read_all(server.connect(junk)))
    assert status == 400
    assert body["error"] == "this is not a valid HTTP/1.1 request"


def test_conflicting_lengths_are_rejected(local, read_all) -> None:
    head = (
        b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n"
        b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    with local() as server:
        status, _ = parse_response(read_all(server.connect(head)))
    assert status == 400


def test_a_body_over_the_limit_is_answered_413_while_the_client_goes_on_sending(local) -> None:
    with local(limits={"body_bytes": 100_000}) as server:
        for body in (b"x" * 300_000, iter([b"x" * 60_000] * 5)):
            response = httpx.post(f"{server.url}/predict", content=body, timeout=60)
            assert response.status_code == 413
            assert response.json()["error"] == "the body is larger than 100000 bytes"


def test_a_body_that_goes_on_long_after_its_rejection_is_aborted(local) -> None:
    with local(limits={"body_bytes": 10_000}) as server:
        connection = server.connect(
            b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999\r\n\r\n"
        )
        sent = 0
        with pytest.raises(OSError):
            while sent < 99_999_999:
                sent += connection.send(b"x" * 65_536)
        assert sent < 20_000_000


def test_too_many_connections_get_503(local, read_all, wait_until) -> None:
    with local(limits={"connections": 3}) as server:
        connections = [server.connect() for _ in range(3)]
        raw = read_all(server.connect())
        assert raw.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1" in raw
        for connection in connections:
            connection.close()
        live = f"{server.url}/v2/health/live"
        wait_until(lambda: httpx.get(live, timeout=60).status_code == 200)


def test_a_client_that_does_not_read_is_closed(local, wait_until) -> None:
    """It asks for pages one after the other until what it leaves unread fills all buffers."""
    closed = b'foveal_closed_connections_total{reason="response not read"} 1'
    with local(limits={"send_seconds": 0.5, "receive_seconds": 60}) as server:
        text = server.state.metrics.text
        connection = socket.socket()
        server.connections.append(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        turn = 0
        while closed not in text():
            turn += 1
            answered = f'foveal_requests_total{{route="/",status="200"}} {turn}.0'.encode()
            with contextlib.suppress(ConnectionError):  # it may be closed by now
                connection.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            wait_until(lambda answered=answered: answered in text() or closed in text())
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            for _ in range(1000):
                connection.send(b"x")
                time.sleep(0.01)


def test_a_client_that_reads_over_a_slow_line_has_all(local, monkeypatch) -> None:
    monkeypatch.setattr(http, "MIN_READ_BYTES", 1000)
    page = "x" * 8_000_000
    with local(explain=lambda *_: page, limits={"send_seconds": 0.3}) as server:
        connection = socket.socket()
        server.connections.append(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(
            b"POST /explain HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
            b"content-type: application/octet-stream\r\ncontent-length: 1\r\n\r\nx"
        )
        received = 0
        while piece := connection.recv(1 << 16):
            received += len(piece)
            time.sleep(0.01)  # more than a second in all
        assert received > len(page)


def test_pipelined_requests_are_answered_in_order(local, request_bytes, images, read_all) -> None:
    with local() as server:
        ids = [f"x-request-id: turn-{turn}" for turn in range(5)]
        raw = b"".join(request_bytes(images[0], "/predict", each) for each in ids[:-1])
        raw += request_bytes(images[0], "/predict", ids[-1], "connection: close")
        received = read_all(server.connect(raw))
    assert [part[:1] for part in received.split(b"x-request-id: turn-")[1:]] == [
        b"0",
        b"1",
        b"2",
        b"3",
        b"4",
    ]
    assert received.count(b"HTTP/1.1 200") == 5


def test_a_flood_of_pipelined_requests_is_aborted(local, read_all) -> None:
    with local() as server:
        connection = server.connect()
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            for _ in range(1000):
                connection.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n" * 1000)
        assert b'{reason="too many pipelined requests"} 1' in server.state.metrics.text()


def test_an_upgrade_is_answered_as_plain_http(local, request_bytes, images, read_all) -> None:
    headers = ("connection: upgrade, HTTP2-Settings, close", "upgrade: h2c")
    with local(limits={"receive_seconds": 2}) as server:
        raw = read_all(server.connect(request_bytes(images[0], "/predict", *headers)))
    assert raw.startswith(b"HTTP/1.1 200"), raw


def test_500_slow_sockets_are_closed_while_others_are_served(server, images) -> None:
    """At the default limits: 250 slow heads, 250 slow bodies, a byte from each now and then."""
    head = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n"
    slow = []
    for turn in range(500):
        slow.append(socket.create_connection(("127.0.0.1", server.port)))
        slow[turn].sendall(head if turn % 2 else b"POST /pre")
    with httpx.Client(base_url=server.url, timeout=60) as client:
        for turn in range(60):
            response = client.post("/predict?model=animals-fast", content=images[0])
            assert response.status_code == 200
            with contextlib.suppress(OSError):
                slow[turn].send(b"a")
    for turn, connection in enumerate(slow):
        connection.settimeout(60)
        late = contextlib.suppress(ConnectionResetError)  # the byte came after the answer
        with late if turn < 60 else contextlib.nullcontext():
            assert connection.recv(1000).startswith(b"HTTP/1.1 408")
        connection.close()


def test_uvicorn_has_what_the_protocol_extends() -> None:
    """Not documented by uvicorn: a release that changes one of these must be looked at."""
    own = {name for name, value in vars(LimitedProtocol).items() if inspect.isfunction(value)}
    extended = {name for name in own if not name.startswith("_")}
    assert len(extended) == 12
    for name in extended:
        assert callable(getattr(HttpToolsProtocol, name))
    source = inspect.getsource(HttpToolsProtocol)
    for name in ("app", "connections", "cycle", "flow", "loop", "pipeline", "transport"):
        assert f"self.{name}" in source
    for use in ("app = self.app", "on_response=self.on_response_complete"):
        assert use in source
    cycle = inspect.getsource(RequestResponseCycle)
    for name in ("transport", "on_response", "response_started", "response_complete"):
        assert f"self.{name} = " in cycle
    assert "sockets" in inspect.signature(uvicorn.Server.serve).parameters
    assert "self.capture_signals()" in inspect.getsource(uvicorn.Server.serve)
