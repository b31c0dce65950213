"""Which shards a folder, a pattern or an address names, on the disk, in a store and on the web."""

from __future__ import annotations

import functools
import http.server
import threading
from pathlib import Path

import pytest

from foveal import remote
from foveal.dataset.shards.files import find_shard_files
from foveal.errors import DataError


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "FIRST_PAUSE_SECONDS", 0)


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Refuses what holds a secret."""

    def send_head(self):
        path = Path(self.translate_path(self.path))
        if path.is_file() and path.read_bytes() == b"secret":
            self.send_error(403)
            return None
        return super().send_head()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def names(found) -> list[str]:
    return [file.name for file in found.files]


def test_a_folder_and_patterns(write_tar):
    for number in (10, 2, 1):
        folder = write_tar(f"s-{number}.tar", [("1.png", b"x"), ("1.cls", b"a")]).parent
    assert names(find_shard_files(folder)) == ["s-1.tar", "s-2.tar", "s-10.tar"]
    assert names(find_shard_files(f"{folder}/s-?.tar")) == ["s-1.tar", "s-2.tar"]
    found = find_shard_files(f"{folder}/s-{{1..3}}.tar")
    assert (names(found), found.missing) == (["s-1.tar", "s-2.tar"], ("s-3.tar",))
    assert found.root == folder
    found = find_shard_files(folder / "s-1.tar")
    assert (found.root, names(found)) == (folder / "s-1.tar", [""])
    with pytest.raises(DataError) as info:
        find_shard_files(f"{folder}/t-{{1..3}}.tar")
    assert str(info.value) == (
        f"no file matches {folder}/t-{{1..3}}.tar; check the folder and the numbers"
    )


def test_brackets_in_the_name_of_a_folder(write_tar, monkeypatch):
    folder = write_tar("s-1.tar", [("1.png", b"x"), ("1.cls", b"a")]).parent
    folder = folder.rename(folder.with_name("data [1] {x}"))
    found = find_shard_files(f"{folder}/s-[1-3].tar")
    assert (found.root, names(found)) == (folder, ["s-1.tar"])
    monkeypatch.chdir(folder.parent)
    assert names(find_shard_files("data*/s-*.tar")) == ["data [1] {x}/s-1.tar"]
    monkeypatch.chdir(folder)
    assert names(find_shard_files("s-*.tar")) == ["s-1.tar"]


def test_what_is_no_shard(write_tar, images, tmp_path: Path):
    root = images("a/1.png b/2.png")
    (root / "extra.tar").write_bytes(b"")
    assert find_shard_files(root) is None
    assert find_shard_files(f"{root}/*/*.png") is None
    assert find_shard_files(write_tar("plain.tar", [("cats/1.png", b"x")])) is None
    assert find_shard_files(tmp_path / "none") is None


def test_a_store(object_store):
    bucket = object_store({f"p/s-{n}.tar": b"x" * n for n in range(3)} | {"p/readme.txt": b""})
    assert names(find_shard_files(f"{bucket}/p")) == ["s-0.tar", "s-1.tar", "s-2.tar"]
    assert names(find_shard_files(Path(f"{bucket}/p"))) == ["s-0.tar", "s-1.tar", "s-2.tar"]
    assert names(find_shard_files(f"{bucket}/p/s-[12].tar")) == ["s-1.tar", "s-2.tar"]
    found = find_shard_files(f"{bucket}/p/s-{{1..4}}.tar")
    assert [(file.name, file.size) for file in found.files] == [("s-1.tar", 1), ("s-2.tar", 2)]
    assert found.missing == ("s-3.tar", "s-4.tar")
    assert names(find_shard_files(f"{bucket}/p/s-{{2..2}}.tar")) == ["s-2.tar"]
    found = find_shard_files(f"{bucket}/{{p,q}}/s-{{2,[01],3}}.tar")
    assert names(found) == ["p/s-2.tar", "p/s-0.tar", "p/s-1.tar"]
    assert found.missing == ("p/s-3.tar", "q/s-2.tar", "q/s-3.tar")
    found = find_shard_files(f"{bucket}/p/s-2.tar")
    assert (str(found.root), names(found)) == (f"{bucket}/p".replace("//", "/"), ["s-2.tar"])
    assert find_shard_files(f"{bucket}/p/readme.txt") is None
    for pattern, message in (
        (f"{bucket}/q", f"nothing is at {bucket}/q; check the address"),
        (
            f"{bucket}/p/t-{{0..1}}.tar",
            f"no file matches {bucket}/p/t-{{0..1}}.tar; check the address and the numbers",
        ),
        (
            "s3://no-such-bucket/a-{0..1}.tar",
            "s3://no-such-bucket cannot be listed: nothing is at this address",
        ),
    ):
        with pytest.raises(DataError) as info:
            find_shard_files(pattern)
        assert str(info.value) == message


def test_without_credentials(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()
    try:
        with pytest.raises(DataError) as info:
            find_shard_files("s3://bucket/a-{0..1}.tar")
    finally:
        S3FileSystem.clear_instance_cache()
    assert str(info.value) == (
        "s3://bucket cannot be listed: no credentials are set for this store"
    )


def test_web_addresses(write_tar):
    folder = write_tar("s-0.tar", [("1.png", b"x")]).parent
    handler = functools.partial(_Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_port}"
    try:
        found = find_shard_files(f"{root}/s-{{0..1}}.tar")
        assert [(file.name, file.size) for file in found.files] == [("s-0.tar", 10240)]
        assert found.missing == ("s-1.tar",)
        assert names(find_shard_files(f"{root}/s-0.tar")) == ["s-0.tar"]
        assert find_shard_files(root) is None
        (folder / "index.json").write_text("secret")
        assert names(find_shard_files(f"{root}/s-{{0..1}}.tar")) == ["s-0.tar"]
        with pytest.raises(DataError) as info:
            find_shard_files(f"{root}/index.json")
        assert str(info.value) == (
            f"cannot read {root}/index.json: access is refused: HTTP Error 403: Forbidden"
        )
        assert find_shard_files(f"{root}/a.zip") is None
    finally:
        server.shutdown()
        server.server_close()
