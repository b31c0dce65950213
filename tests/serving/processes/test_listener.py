"""The listening socket, its URL, and why it cannot be opened."""

from __future__ import annotations

import socket

import pytest

from foveal.errors import Error, UsageError
from foveal.serving.processes.listener import listener_url, open_listener


def test_a_free_port_and_its_url() -> None:
    with open_listener("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert listener_url(listener) == f"http://127.0.0.1:{port}"
        socket.create_connection(("127.0.0.1", port)).close()


def test_an_ipv6_address_is_in_brackets() -> None:
    try:
        listener = open_listener("::1", 0)
    except Error:
        pytest.skip("this machine has no IPv6")
    with listener:
        assert listener_url(listener) == f"http://[::1]:{listener.getsockname()[1]}"


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(Error) as caught:
            open_listener("127.0.0.1", port)
    assert str(caught.value) == (
        f"port {port} of 127.0.0.1 is already in use: stop the process that uses it or pass "
        "another --port"
    )


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "a" * 64])
def test_a_foreign_address(host: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_listener(host, 0)
    assert str(caught.value) == f"'{host}' is not an address of this machine: pass another --host"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            PermissionError(13, "Permission denied"),
            "no permission to use port 80: pass a --port over 1023",
        ),
        (
            OSError(99, "Cannot assign requested address"),
            "cannot listen on port 80 of 127.0.0.1: Cannot assign requested address; pass another "
            "--host or --port",
        ),
    ],
)
def test_other_reasons(monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str) -> None:
    def bind(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr(socket.socket, "bind", bind)
    with pytest.raises(Error) as caught:
        open_listener("127.0.0.1", 80)
    assert str(caught.value) == reason
