"""Who may use the studio, over real sockets: token, cookie, Host, Origin, and other sites."""

import json
import socket

import httpx
import pytest

NO_COOKIE = (
    "this page belongs to the person who started the studio: open the address that "
    "'foveal studio' printed, with its token"
)
OTHER_HOST = "this Host is not the studio's: open the address that 'foveal studio' printed"
OTHER_SITE = "another site's page asks for this; only the studio's may"
NO_ORIGIN = "a change must come from the studio's own page (Origin)"


def refused(answer, status):
    assert answer.status_code == status
    return answer.json()["error"]


def test_the_token_becomes_a_strict_cookie_that_scripts_cannot_read(studio):
    answer = httpx.get(studio.url)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    name, _, rest = answer.headers["set-cookie"].partition("=")
    value, _, attributes = rest.partition("; ")
    assert name == f"foveal-studio-{studio.client.base_url.port}"
    assert len(value) == 43
    assert value not in studio.url
    assert attributes == "Path=/; HttpOnly; SameSite=Strict"


@pytest.mark.parametrize("path", ["/api/studio", "/api/projects/00000000/events", "/nothing"])
@pytest.mark.parametrize("cookie", ["", "foveal-studio-{port}=wrong", "foveal-studio-1={cookie}"])
def test_without_the_cookie_nothing_is_answered(studio, path, cookie):
    (value,) = studio.client.cookies.values()
    cookie = cookie.format(port=studio.client.base_url.port, cookie=value)
    answer = httpx.get(studio.base + path, headers={"cookie": cookie} if cookie else {})
    assert refused(answer, 403) == NO_COOKIE


@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", "?token=%ff%00"])
def test_the_page_without_cookie_or_token_is_one_sentence(studio, query):
    answer = httpx.get(f"{studio.base}/{query}")
    assert answer.status_code == 403
    assert "open the address that &#x27;foveal studio&#x27; printed, with its token" in answer.text
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; frame-ancestors 'none'"
    )


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:80", "10.0.0.1", "[::2]"])
@pytest.mark.parametrize("path", ["/", "/api/studio"])
def test_a_name_that_was_rebound_to_this_machine_is_refused(studio, host, path):
    answer = studio.client.get(path, headers={"host": host})
    assert refused(answer, 403) == OTHER_HOST


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]", "LOCALHOST:8"])
def test_names_of_this_machine_are_answered(studio, host):
    assert studio.client.get("/api/studio", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "heads", [b"", b"host: localhost\r\nhost: evil.example\r\n", b"host: a b\r\n"]
)
def test_a_request_has_exactly_one_host(studio, heads):
    with socket.create_connection(("127.0.0.1", studio.client.base_url.port), 20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n" + heads + b"connection: close\r\n\r\n")
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"] == "the request needs exactly one valid Host header"


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "https://{host}", "{host}"]
)
@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH"])
def test_a_change_needs_the_studios_own_origin(studio, origin, method):
    headers = dict(studio.client.headers)
    del headers["origin"]
    if origin is not None:
        headers["origin"] = origin.format(host=studio.base.removeprefix("http://"))
    answer = httpx.request(
        method,
        f"{studio.base}/api/projects",
        json={"name": "x"},
        headers=headers,
        cookies=dict(studio.client.cookies),
    )
    assert refused(answer, 403) == NO_ORIGIN


def test_another_port_of_this_machine_is_another_origin(studio):
    headers = {"origin": "http://127.0.0.1:1"}
    answer = studio.client.post("/api/projects", json={"name": "x"}, headers=headers)
    assert refused(answer, 403) == NO_ORIGIN


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_form_of_another_page_cannot_change_anything(studio, kind):
    answer = studio.client.post(
        "/api/projects", content=b'{"name": "x"}', headers={"content-type": kind}
    )
    assert refused(answer, 415) == (
        "a change must be sent as application/json, and files as application/octet-stream"
    )


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_sites_page_cannot_load_what_the_cookie_opens(studio, site):
    answer = studio.client.get("/api/studio", headers={"sec-fetch-site": site})
    assert refused(answer, 403) == OTHER_SITE


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_the_studios_own_page_can(studio, site):
    answer = studio.client.get("/api/studio", headers={"sec-fetch-site": site})
    assert answer.status_code == 200
