"""The allow-lists hold for every path, the token for all but the page and the probes."""

from __future__ import annotations

from pathlib import Path

import pytest

from foveal.serving.errors import RequestError
from foveal.serving.middleware.auth import PUBLIC_PATHS, make_access_check
from foveal.serving.settings import Settings

TOKEN = "0123456789abcdef"


def check(headers: dict[str, str] | list[tuple[str, str]], path: str = "/predict", **options):
    settings = Settings(models={"a": Path("a")}, **options)
    pairs = headers.items() if isinstance(headers, dict) else headers
    raw = [(name.encode(), value.encode("latin-1")) for name, value in pairs]
    try:
        make_access_check(settings)(path, raw)
    except RequestError as error:
        return error.status
    return None


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:8080", "[::1]"],
)
def test_the_loopback_names_are_served(host: str) -> None:
    assert check({"host": host}) is None


@pytest.mark.parametrize("host", ["evil.example", "10.0.0.7:8080", "localhost.evil.example"])
def test_a_foreign_host_is_rejected(host: str) -> None:
    assert check({"host": host}) == 403


@pytest.mark.parametrize(
    "host", ["", "a b", "local\x00host", "localhost:port", "a@localhost", "[x"]
)
def test_a_malformed_host_is_rejected(host: str) -> None:
    assert check({"host": host}) == 400


def test_exactly_one_host_is_required() -> None:
    assert check({}) == 400
    assert check([("host", "localhost"), ("host", "localhost")]) == 400


def test_an_open_server_accepts_any_ip_address_but_only_allowed_names() -> None:
    options = {"host": "0.0.0.0", "allowed_hosts": ("Images.example",)}
    assert check({"host": "10.0.0.7:8080"}, **options) is None
    assert check({"host": "[2001:db8::1]"}, **options) is None
    assert check({"host": "images.example:443"}, **options) is None
    assert check({"host": "rebound.example"}, **options) == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:8080", None),
        ("https://localhost:8080", None),
        ("https://app.example", None),
        ("http://localhost:9999", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
        ("http://[", 403),
        ("https://app.example.evil.example", 403),
    ],
)
def test_origins(origin: str, status: int | None) -> None:
    headers = {"host": "localhost:8080", "origin": origin}
    assert check(headers, allowed_origins=("https://app.example",)) == status


def test_two_origins_are_rejected() -> None:
    pairs = [("host", "localhost"), ("origin", "http://localhost"), ("origin", "http://localhost")]
    assert check(pairs) == 403


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (f"Bearer {TOKEN}", None),
        (f"bearer {TOKEN}", None),
        (f"Bearer {TOKEN}x", 401),
        (f"Basic {TOKEN}", 401),
        (TOKEN, 401),
        ("Bearer \xff\xfe", 401),
        ("", 401),
    ],
)
def test_the_token(value: str, status: int | None) -> None:
    assert check({"host": "localhost", "authorization": value}, token=TOKEN) == status


def test_only_the_page_and_the_probes_need_no_token() -> None:
    assert PUBLIC_PATHS == ("/", "/v2/health/live", "/v2/health/ready")
    for path in PUBLIC_PATHS:
        assert check({"host": "localhost"}, path, token=TOKEN) is None
    for path in ("/predict", "/metrics", "/models", "/openapi.json", "/v2", "/nowhere", "//"):
        assert check({"host": "localhost"}, path, token=TOKEN) == 401


def test_reasons() -> None:
    cases = (
        ({"host": "evil.example"}, "this Host is not allowed; allow it with --allow-host"),
        (
            {"host": "localhost", "origin": "https://evil.example"},
            "this Origin is not allowed; allow it with --allow-origin",
        ),
        ({}, "the request needs exactly one valid Host header"),
        ({"host": "localhost"}, "this server requires a bearer token"),
    )
    settings = Settings(models={}, token=TOKEN)
    for headers, reason in cases:
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        with pytest.raises(RequestError) as caught:
            make_access_check(settings)("/predict", raw)
        assert caught.value.reason == reason
