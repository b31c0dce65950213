"""Addresses are listed and read with bounds and retries: a real object store and a web server."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator

import pytest

from foveal import remote
from foveal.errors import DataError, ImageError, MissingExtra
from foveal.remote import is_remote, list_addresses, read_address


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "FIRST_PAUSE_SECONDS", 0)


@pytest.fixture
def bucket(object_store) -> str:
    return object_store(
        {
            "p/b.png": b"b",
            "p/sub/a.jpg": b"hello",
            "p/.hidden": b"",
            "q.txt": b"q",
            "a [1].jpg": b"brackets",
        }
    )


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("s3://bucket/a.jpg", True),
        ("https://host/a.jpg", True),
        ("hf://datasets/a/b", True),
        ("file:///etc/passwd", False),
        ("simplecache::s3://bucket/a", False),
        ("ftp://host/a", False),
        ("s3:/bucket", False),
        ("C:/a", False),
        ("s3", False),
        ("", False),
    ],
)
def test_which_addresses_are_read(path: str, known: bool) -> None:
    assert is_remote(path) is known


def test_files_of_a_bucket(bucket: str) -> None:
    assert list_addresses(f"{bucket}/p") == [
        f"{bucket}/p/.hidden",
        f"{bucket}/p/b.png",
        f"{bucket}/p/sub/a.jpg",
    ]
    assert list_addresses(f"{bucket}/p/*.png") == [f"{bucket}/p/b.png"]
    assert list_addresses(f"{bucket}/q.txt") == [f"{bucket}/q.txt"]


def test_what_is_written_later_is_listed(bucket: str, object_store) -> None:
    list_addresses(f"{bucket}/p")
    object_store({"p/c.png": b"c"}, bucket)
    assert f"{bucket}/p/c.png" in list_addresses(f"{bucket}/p")


def test_nothing_there(bucket: str) -> None:
    with pytest.raises(DataError) as info:
        list_addresses(f"{bucket}/nothing")
    assert str(info.value) == f"nothing is at {bucket}/nothing; check the address"
    with pytest.raises(DataError) as info:
        list_addresses("s3://no-such-bucket/a")
    assert str(info.value) == "s3://no-such-bucket/a cannot be listed: nothing is at this address"


def test_reading_is_bounded(bucket: str) -> None:
    address = f"{bucket}/p/sub/a.jpg"
    assert read_address(address, 100) == b"hello"
    assert read_address(address, 5) == b"hello"
    assert read_address(address, 2) == b"hel"
    assert read_address(f"{bucket}/p/.hidden", 5) == b""
    assert read_address(f"{bucket}/a [1].jpg", 100) == b"brackets"


@pytest.mark.parametrize("name", ["p/none.jpg", "p", "p/"])
def test_a_file_that_is_not_there(bucket: str, name: str) -> None:
    with pytest.raises(ImageError) as info:
        read_address(f"{bucket}/{name}", 5)
    assert str(info.value) == "nothing is at this address"


def test_a_store_that_does_not_answer(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ImageError) as info:
        read_address(f"{bucket}/q.txt", 5)
    S3FileSystem.clear_instance_cache()
    assert str(info.value) == (
        "no answer after 4 attempts: Could not connect to the endpoint URL: "
        f'"http://127.0.0.1:9/{bucket.removeprefix("s3://")}/q.txt"'
    )


def test_without_credentials(bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ImageError) as info:
        read_address(f"{bucket}/q.txt", 5)
    S3FileSystem.clear_instance_cache()
    assert str(info.value) == "no credentials are set for this store"


def test_a_package_of_a_store_is_missing() -> None:
    with pytest.raises(ImageError) as info:
        read_address("az://container/a.jpg", 5)
    assert str(info.value) == "addresses with az:// need the package adlfs: type  pip install adlfs"


def test_fsspec_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra) as info:
        read_address("s3://b/a.jpg", 5)
    assert str(info.value) == (
        "reading s3://b/a.jpg needs the extra 'cloud': type  pip install 'foveal[cloud]'"
    )


def test_not_an_address() -> None:
    with pytest.raises(ImageError, match=r"^not an address of a file: .*[Bb]ucket name"):
        read_address("s3://", 5)
    with pytest.raises(ImageError, match=r"no host given"):
        read_address("https://", 5)


class Server:
    """A web server that gives the next of `answers`: (status, headers, body)."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.requests = 0
        self.before_body: Callable[[], object] = lambda: None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests += 1
                status, headers, body = outer.answers.pop(0)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                outer.before_body()
                self.wfile.write(body)

            def log_message(self, *_) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def web() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def test_a_file_of_the_web(web: Server) -> None:
    web.answers = [(200, {}, b"x" * 10_000)] * 2
    assert list_addresses(f"{web.url}/a.jpg") == [f"{web.url}/a.jpg"]
    assert read_address(f"{web.url}/a.jpg", 20_000) == b"x" * 10_000
    assert read_address(f"{web.url}/a.jpg", 100) == b"x" * 101


def test_a_busy_server_is_asked_again(web: Server) -> None:
    web.answers = [(503, {}, b""), (429, {}, b""), (200, {}, b"image")]
    assert read_address(f"{web.url}/a.jpg", 100) == b"image"
    web.answers = [(503, {}, b"")] * 4
    with pytest.raises(ImageError) as info:
        read_address(f"{web.url}/a.jpg", 100)
    assert str(info.value) == ("no answer after 4 attempts: HTTP Error 503: Service Unavailable")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (404, "nothing is at this address"),
        (403, "access is refused: HTTP Error 403: Forbidden"),
        (418, "the server answers HTTP Error 418: I'm a Teapot"),
    ],
)
def test_a_refusal_is_final(web: Server, status: int, reason: str) -> None:
    web.answers = [(status, {}, b"")]
    with pytest.raises(ImageError) as info:
        read_address(f"{web.url}/a.jpg", 100)
    assert str(info.value) == reason
    assert web.requests == 1


def test_what_comes_too_slowly_is_not_waited_for(
    web: Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every byte begins a new wait inside the libraries."""
    done = threading.Event()
    web.before_body = done.wait
    web.answers = [(200, {}, b"image")]
    monkeypatch.setattr(remote, "READ_SECONDS", 0.2)
    with pytest.raises(ImageError) as info:
        read_address(f"{web.url}/a.jpg", 100)
    assert str(info.value) == "not answered whole within 0.2 s"
    monkeypatch.setattr(remote, "_read", lambda *_: done.wait())
    with pytest.raises(ImageError) as info:
        read_address(f"{bucket}/q.txt", 100)
    done.set()
    assert str(info.value) == "not answered whole within 0.2 s"


def test_a_body_that_ends_early(web: Server) -> None:
    web.answers = [(200, {"Content-Length": "100"}, b"half")] * 4
    with pytest.raises(ImageError) as info:
        read_address(f"{web.url}/a.jpg", 1000)
    assert str(info.value) == ("no answer after 4 attempts: the content ends after 4 of 100 bytes")
