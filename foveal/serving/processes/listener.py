"""The listening socket that all worker processes share."""

from __future__ import annotations

import errno
import socket

from foveal.errors import Error, UsageError

BACKLOG = 1024


def open_listener(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one.

    Raises UsageError where `host` is not an address of this machine, Error where the port cannot
    be used.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):  # UnicodeError: a part of a name of no or over 63 letters
        raise UsageError(
            f"'{host}' is not an address of this machine: pass another --host"
        ) from None
    family, _, _, _, address = addresses[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Error(_reason(host, port, error)) from None
    return listener


def _reason(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is already in use: stop the process that uses it or pass "
            "another --port"
        )
    if error.errno == errno.EACCES:
        return f"no permission to use port {port}: pass a --port over 1023"
    return (
        f"cannot listen on port {port} of {host}: {error.strerror}; pass another --host or --port"
    )


def listener_url(listener: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
