"""Access checks: Host and Origin allow-lists for every method, and the bearer token.

The lists stop a web page the user visits from reaching the server through the browser (DNS
rebinding, cross-site requests); the token stops other clients.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from foveal.serving.errors import RequestError
from foveal.serving.settings import LOOPBACK_HOSTS, Settings, is_ip_address

Headers = list[tuple[bytes, bytes]]

PUBLIC_PATHS = ("/", "/v2/health/live", "/v2/health/ready")
"""Served without a token: the page with its input field, and the probes."""
_HOST_HEADER = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?")


def make_access_check(settings: Settings) -> Callable[[str, Headers], None]:
    """A check of (path, headers) that raises RequestError 400, 401 or 403."""
    loopback = settings.host in LOOPBACK_HOSTS
    hosts = {
        *LOOPBACK_HOSTS,
        settings.host.lower(),
        *(name.lower() for name in settings.allowed_hosts),
    }
    origins = settings.cross_origins
    token = settings.token.encode() if settings.token is not None else None

    def check(path: str, headers: Headers) -> None:
        host = parse_host(headers)
        if host not in hosts and (loopback or not is_ip_address(host)):
            raise RequestError(403, "this Host is not allowed; allow it with --allow-host")
        _check_origin(headers, origins)
        if token is not None and path not in PUBLIC_PATHS:
            _check_token(headers, token)

    return check


def _header_values(headers: Headers, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in headers if key == name]


def parse_host(headers: Headers) -> str:
    """The name of the one Host header, without its port.  Raises RequestError 400."""
    values = _header_values(headers, b"host")
    match = _HOST_HEADER.fullmatch(values[0]) if len(values) == 1 else None
    if match is None:
        raise RequestError(400, "the request needs exactly one valid Host header")
    return (match[1] or match[2]).lower()


def _check_origin(headers: Headers, origins: frozenset[str]) -> None:
    values = _header_values(headers, b"origin")
    if not values:
        return
    origin = values[0].lower()
    try:
        same_origin = urlsplit(origin).netloc == _header_values(headers, b"host")[0].lower()
    except ValueError:
        same_origin = False
    if len(values) > 1 or not (same_origin or origin in origins):
        raise RequestError(403, "this Origin is not allowed; allow it with --allow-origin")


def _check_token(headers: Headers, token: bytes) -> None:
    values = _header_values(headers, b"authorization")
    scheme, _, value = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    matches = hmac.compare_digest(value.strip().encode("utf-8", "replace"), token)
    if scheme.lower() != "bearer" or not matches:
        raise RequestError(
            401,
            "this server requires a bearer token",
            headers={"www-authenticate": 'Bearer realm="foveal"'},
        )
