"""Who may ask: Host and Origin allow-lists on every method, and the bearer token.

Knows nothing of routes' work. The lists stop a web page the user visits from reaching the server
through the browser (DNS rebinding, cross-site requests); the token stops everyone else.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from foveal.serving.errors import RequestError
from foveal.serving.settings import Settings

Headers = list[tuple[bytes, bytes]]

LOOPBACK = ("localhost", "127.0.0.1", "::1")
OPEN = ("/", "/v2/health/live", "/v2/health/ready")
"""Answered without a token: the page that asks for it, and probes."""
_HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?")


def guard(settings: Settings) -> Callable[[str, Headers], None]:
    """A check of (path, headers) that raises Failure 400, 401 or 403."""
    loopback = settings.host in LOOPBACK
    hosts = {*LOOPBACK, settings.host.lower(), *(name.lower() for name in settings.hosts)}
    origins = {origin.lower().rstrip("/") for origin in settings.origins}
    token = settings.token.encode() if settings.token is not None else None

    def check(path: str, headers: Headers) -> None:
        host = _host(headers)
        if host not in hosts and (loopback or not _is_address(host)):
            raise RequestError(403, "this Host is not served here; allow it with --allow-host")
        _check_origin(headers, origins)
        if token is not None and path not in OPEN:
            _check_token(headers, token)

    return check


def _all(headers: Headers, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in headers if key == name]


def _host(headers: Headers) -> str:
    given = _all(headers, b"host")
    match = _HOST.fullmatch(given[0]) if len(given) == 1 else None
    if match is None:
        raise RequestError(400, "the request needs exactly one valid Host header")
    return (match[1] or match[2]).lower()


def _is_address(host: str) -> bool:
    """A literal address cannot be rebound; only names can."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _check_origin(headers: Headers, origins: set[str]) -> None:
    given = _all(headers, b"origin")
    if not given:
        return
    origin = given[0].lower()
    try:
        own = urlsplit(origin).netloc == _all(headers, b"host")[0].lower()
    except ValueError:
        own = False
    if len(given) > 1 or not (own or origin in origins):
        raise RequestError(403, "this Origin may not ask here; allow it with --allow-origin")


def _check_token(headers: Headers, token: bytes) -> None:
    given = _all(headers, b"authorization")
    scheme, _, value = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    right = hmac.compare_digest(value.strip().encode("utf-8", "replace"), token)
    if scheme.lower() != "bearer" or not right:
        raise RequestError(
            401,
            "this server asks for a bearer token",
            headers={"www-authenticate": 'Bearer realm="foveal"'},
        )
