"""Files of web servers, and where a server may lead a request: a real one on this machine."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from urllib.parse import unquote

import pytest

from foveal import web
from foveal.errors import DataError, ImageError
from foveal.remote import list_remote_files

CONTENT = b"0123456789"


class Handler(http.server.BaseHTTPRequestHandler):
    """`/file` has CONTENT, `/size?3` says 3 bytes; other paths redirect to what is behind `?`."""

    def do_GET(self) -> None:
        path, _, target = self.path.partition("?")
        if path == "/size":
            self.send_response(200)
            self.send_header("Content-Length", unquote(target))
            self.end_headers()
            return
        if path != "/file":
            self.send_response(302)
            self.send_header("Location", target)
            self.end_headers()
            self.wfile.write(b"body")
            return
        start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").split("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.send_header("ETag", "one")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(CONTENT[start:])

    do_HEAD = do_GET

    def log_message(self, *_) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_file_and_its_parts(server: str) -> None:
    assert web.read(f"{server}/file", None, 100) == CONTENT
    assert web.read(f"{server}/file", None, 3) == b"012"
    assert web.read(f"{server}/file", 4, 2) == b"45"
    assert web.describe(f"{server}/file") == (10, "10:one")


@pytest.mark.parametrize("size", ["many", "-1", "1_0", "1.5", "9" * 19])
def test_a_size_that_is_none_is_one_sentence(server: str, size: str) -> None:
    assert web.describe(f"{server}/size?12") == (12, "12:")
    with pytest.raises(ImageError) as info:
        web.describe(f"{server}/size?{size}")
    assert str(info.value) == f"the server says that its size is '{size}' bytes"
    with pytest.raises(DataError) as listed:
        list_remote_files(f"{server}/size?{size}")
    assert str(listed.value) == (
        f"{server}/size?{size} cannot be listed: the server says that its size is '{size}' bytes"
    )


def test_a_redirect_to_another_address_of_the_web_is_followed(server: str) -> None:
    assert web.read(f"{server}/moved?/file", None, 100) == CONTENT
    assert web.read(f"{server}/moved?{server}/file", None, 100) == CONTENT
    assert web.describe(f"{server}/moved?/file") == (10, "10:one")


def test_a_redirect_to_another_scheme_is_not_followed(server: str, tmp_path) -> None:
    """FTP is what urllib would follow."""
    with pytest.raises(ImageError) as info:
        web.read(f"{server}/moved?ftp://127.0.0.1:9/a.jpg", None, 100)
    assert str(info.value) == "the server redirects to ftp://, which is not followed"
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for target in (secret.as_uri(), "data:text/plain,secret"):
        with pytest.raises(OSError, match=r"^HTTP Error 302: Found - Redirection to url '"):
            web.read(f"{server}/moved?{target}", None, 100)


def test_redirects_in_a_circle_end(server: str) -> None:
    with pytest.raises(OSError, match=r"^HTTP Error 302: .*infinite loop"):
        web.read(f"{server}/again?/again?/again?", None, 100)


def test_the_status_of_an_answer(server: str) -> None:
    with pytest.raises(OSError, match=r"^HTTP Error 302") as info:
        web.read(f"{server}/moved?file:///x", None, 100)
    assert web.status_of(info.value) == 302
    assert web.status_of(ValueError("x")) is None
