"""Downloads from a real server on a socket: whole, resumed, lying, slow, redirected, cut off."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.server
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from foveal.pretrained import download as module
from foveal.pretrained.download import DownloadError, download
from foveal.progress import Progress

CONTENT = bytes(range(256)) * 8192  # 2 MiB
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """Answers every GET with `answer`; remembers the Range headers it was sent."""

    def __init__(self) -> None:
        self.ranges: list[str | None] = []
        self.answer: Callable[[http.server.BaseHTTPRequestHandler], None] = whole
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.ranges.append(self.headers.get("Range"))
                self.close_connection = True
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.address = f"http://{self.host}/weights.pth"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.server.shutdown()
    server.server.server_close()
    server.thread.join()


def send(handler, status: int, headers: dict[str, object], body: bytes) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, str(value))
    handler.end_headers()
    with contextlib.suppress(ConnectionError):  # some clients are to stop reading
        handler.wfile.write(body)


def whole(handler) -> None:
    """The content, or the part that a Range asks for."""
    wanted = handler.headers.get("Range")
    if wanted is None:
        send(handler, 200, {"Content-Length": len(CONTENT)}, CONTENT)
        return
    start = int(wanted.removeprefix("bytes=").removesuffix("-"))
    headers = {
        "Content-Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}",
        "Content-Length": len(CONTENT) - start,
    }
    send(handler, 206, headers, CONTENT[start:])


def fetch(server: Server, path: Path, **change) -> None:
    options = {"size_bytes": len(CONTENT), "sha256": SHA256, "timeout_seconds": 20.0}
    download(server.address, path, **(options | change))


def refusal(server: Server, path: Path, **change) -> str:
    with pytest.raises(DownloadError) as error:
        fetch(server, path, **change)
    assert not path.exists()
    return str(error.value)


def part(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def test_a_whole_file_with_progress(server: Server, tmp_path: Path) -> None:
    seen = []

    class Seen(Progress):
        def __call__(self, what: str, done: float, total: float | None, note: str = "") -> None:
            seen.append((what, done, total, note))

    path = tmp_path / "new" / "w.pth"
    fetch(server, path, progress=Seen())
    assert path.read_bytes() == CONTENT
    assert not part(path).exists()
    assert server.ranges == [None]
    what = f"downloading from {server.host}"
    assert seen[-1] == (what, len(CONTENT), len(CONTENT), "2 of 2 MB")
    assert [entry[1] for entry in seen] == sorted(entry[1] for entry in seen)


def test_a_connection_that_ends_early_is_continued(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    server.answer = lambda handler: send(
        handler, 200, {"Content-Length": len(CONTENT)}, CONTENT[:700_000]
    )
    assert refusal(server, path) == (
        f"the connection to {server.host} ended after 700,000 of 2,097,152 bytes; run the command "
        "again to continue where it stopped"
    )
    assert part(path).read_bytes() == CONTENT[:700_000]
    server.answer = whole
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=700000-"]


def test_a_server_without_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    part(path).write_bytes(b"x" * 100)
    server.answer = lambda handler: send(handler, 200, {"Content-Length": len(CONTENT)}, CONTENT)
    fetch(server, path)
    assert path.read_bytes() == CONTENT


def test_a_part_that_is_already_whole_asks_for_nothing(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    part(path).write_bytes(CONTENT)
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges == []


def test_a_part_that_is_too_long_is_thrown_away(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    part(path).write_bytes(CONTENT + b"x")
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None]


def test_another_part_than_asked_for_is_refused(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    part(path).write_bytes(CONTENT[:100])
    total = len(CONTENT)
    server.answer = lambda handler: send(
        handler, 206, {"Content-Range": f"bytes 0-{total - 1}/{total}"}, CONTENT
    )
    assert refusal(server, path) == (
        f"{server.host} sent another part of the file than was asked for; run the command again to "
        "continue where it stopped"
    )
    assert part(path).read_bytes() == CONTENT[:100]


@pytest.mark.parametrize("length", ["2097151", "99999999999999", "many"])
def test_a_server_that_lies_about_the_length(server: Server, tmp_path: Path, length: str) -> None:
    path = tmp_path / "w.pth"
    server.answer = lambda handler: send(handler, 200, {"Content-Length": length}, CONTENT)
    assert refusal(server, path) == (
        f"{server.host} says that the file has {length} bytes, the published one has 2,097,152; "
        "nothing was kept"
    )
    assert not part(path).exists()


def test_a_server_that_sends_without_end_is_stopped(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    server.answer = lambda handler: send(handler, 200, {}, CONTENT * 4)
    assert refusal(server, path) == (
        f"{server.host} sent more than the 2,097,152 bytes of the published file; nothing was kept"
    )
    assert part(path).read_bytes() == b""


def test_another_hash_is_refused_and_nothing_kept(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    other = b"x" + CONTENT[1:]
    server.answer = lambda handler: send(handler, 200, {"Content-Length": len(other)}, other)
    digest = hashlib.sha256(other).hexdigest()
    assert refusal(server, path) == (
        f"what {server.host} sent is not the published file: its SHA-256 is {digest} and must be "
        f"{SHA256}; nothing was kept"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "target", ["https://example.com/weights.pth", "http://localhost:1/w", "file:///etc/passwd"]
)
def test_a_redirect_to_another_place_is_not_followed(
    server: Server, tmp_path: Path, target: str
) -> None:
    server.answer = lambda handler: send(
        handler, 302, {"Location": target, "Content-Length": 0}, b""
    )
    sentence = refusal(server, tmp_path / "w.pth")
    if target.startswith("file"):  # urllib itself refuses the scheme
        assert sentence.startswith(f"{server.host} answered 302 for {server.address}; try later")
    else:
        place = target.rpartition("/")[0]
        assert sentence == (
            f"{server.host} redirects to {place}, which is not followed; nothing was kept"
        )
    assert list(tmp_path.iterdir()) == []


def test_a_redirect_on_the_same_host_is_followed(server: Server, tmp_path: Path) -> None:
    def answer(handler) -> None:
        if handler.path == "/weights.pth":
            send(handler, 302, {"Location": "/moved.pth", "Content-Length": 0}, b"")
        else:
            whole(handler)

    server.answer = answer
    fetch(server, tmp_path / "w.pth")
    assert (tmp_path / "w.pth").read_bytes() == CONTENT


def test_redirects_in_a_circle_end(server: Server, tmp_path: Path) -> None:
    server.answer = lambda handler: send(
        handler, 302, {"Location": "/weights.pth", "Content-Length": 0}, b""
    )
    assert refusal(server, tmp_path / "w.pth") == (
        f"{server.host} answered 302 for {server.address}; try later"
    )


def test_an_error_of_the_server(server: Server, tmp_path: Path) -> None:
    server.answer = lambda handler: send(handler, 503, {"Content-Length": 0}, b"")
    assert refusal(server, tmp_path / "w.pth") == (
        f"{server.host} answered 503 for {server.address}; try later"
    )


def test_a_server_that_is_silent(server: Server, tmp_path: Path) -> None:
    done = threading.Event()
    server.answer = lambda _: done.wait(20)
    sentence = refusal(server, tmp_path / "w.pth", timeout_seconds=0.3)
    done.set()
    assert sentence == (
        f"{server.host} did not answer for 0.3 s; run the command again to continue where it "
        "stopped"
    )


def test_a_server_that_stops_in_the_middle(server: Server, tmp_path: Path) -> None:
    done = threading.Event()

    def answer(handler) -> None:
        send(handler, 200, {"Content-Length": len(CONTENT)}, CONTENT[: 1 << 20])
        handler.wfile.flush()
        done.wait(20)

    server.answer = answer
    path = tmp_path / "w.pth"
    sentence = refusal(server, path, timeout_seconds=0.5)
    done.set()
    assert sentence == (
        f"{server.host} did not answer for 0.5 s; run the command again to continue where it "
        "stopped"
    )
    assert part(path).read_bytes() == CONTENT[: 1 << 20]


def test_what_is_no_http(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"\x00\xff nothing of the kind\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(DownloadError) as error:
            download(f"http://{host}/w", tmp_path / "w.pth", size_bytes=1, sha256=SHA256)
        thread.join()
    sentence = str(error.value)
    assert sentence.startswith(f"cannot download from {host}: ")
    assert sentence.endswith("; check the network connection")


def test_no_server(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DownloadError) as error:
        download(f"http://127.0.0.1:{port}/w", tmp_path / "w", size_bytes=1, sha256=SHA256)
    assert str(error.value) == (
        f"cannot download from 127.0.0.1:{port}: [Errno {errno.ECONNREFUSED}] Connection refused; "
        "check the network connection"
    )


def test_no_room_is_said_before_anything_is_asked_for(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    assert refusal(server, tmp_path / "w.pth") == (
        f"{tmp_path} has 1,000 bytes free and the download needs 2,097,152; free some, or set "
        "FOVEAL_CACHE to a larger disk"
    )
    assert server.ranges == []


def test_a_disk_that_fills_up(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_copy", full)
    assert refusal(server, tmp_path / "w.pth") == (
        "the disk is full; free some space, or set FOVEAL_CACHE to a larger disk, and run the "
        "command again"
    )
