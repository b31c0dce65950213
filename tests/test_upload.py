"""Files are written to a real object store, with retries, whole or with one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from foveal import remote, upload
from foveal.errors import Error, MissingExtra, UsageError
from foveal.remote import list_addresses, read_address


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "FIRST_PAUSE_SECONDS", 0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    return path


def test_a_file_is_written_and_replaced(object_store, file):
    address = object_store({}) + "/a/b.tar"
    for content in (b"content", b"other", b""):
        file.write_bytes(content)
        upload.upload(file, address)
        assert read_address(address, 100) == content


def test_a_store_that_takes_less_is_tried_again(object_store, file, monkeypatch):
    from s3fs import S3FileSystem

    sizes = iter([3, 7])
    monkeypatch.setattr(S3FileSystem, "size", lambda *_: next(sizes))
    upload.upload(file, object_store({}) + "/a")
    monkeypatch.setattr(S3FileSystem, "size", lambda *_: 3)
    address = object_store({}) + "/a"
    with pytest.raises(Error) as info:
        upload.upload(file, address)
    assert str(info.value) == (
        f"cannot write {address}: no answer after 4 attempts: the store has 3 of 7 bytes; see that "
        "it can be written with your credentials"
    )


def test_a_bucket_that_is_not_there(object_store, file):
    object_store({})
    for write in (lambda: upload.upload(file, "s3://none/a"), lambda: refuse("s3://none/a")):
        with pytest.raises(Error) as info:
            write()
        assert str(info.value) == (
            "cannot write s3://none/a: nothing is at this address; see that it can be written with "
            "your credentials"
        )


def refuse(address: str) -> None:
    upload.refuse_used_address(address)


def test_without_credentials(object_store, file, monkeypatch, tmp_path):
    from s3fs import S3FileSystem

    bucket = object_store({})
    S3FileSystem.clear_instance_cache()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    try:
        for write in (lambda: upload.upload(file, f"{bucket}/a"), lambda: refuse(f"{bucket}/a")):
            with pytest.raises(Error) as info:
                write()
            assert str(info.value) == (
                f"cannot write {bucket}/a: no credentials are set for this store; see that it can "
                "be written with your credentials"
            )
    finally:
        S3FileSystem.clear_instance_cache()


def test_what_is_used_is_refused(object_store):
    bucket = object_store({"set/b.tar": b"", "one": b""})
    refuse(f"{bucket}/se")
    for name, first in (("set", "b.tar"), ("set/", "b.tar"), ("one", "one")):
        with pytest.raises(UsageError) as info:
            refuse(f"{bucket}/{name}")
        assert str(info.value) == (
            f"--out is {bucket}/{name}, where something lies already ({first}); give another "
            "address"
        )
    with pytest.raises(UsageError) as info:
        refuse("https://host/shards")
    assert str(info.value) == (
        "--out is https://host/shards, an address of the web, where nothing can be written; give a "
        "folder, or an address of a store such as s3://bucket/shards"
    )


def test_fsspec_is_missing(file, monkeypatch):
    monkeypatch.setattr(remote, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"^writing to s3://b/a needs the extra 'cloud'"):
        upload.upload(file, "s3://b/a")


def test_removing_ends_at_a_store_that_is_gone(object_store, monkeypatch):
    bucket = object_store({"a": b"", "b": b"", "c": b""})
    upload.remove_uploaded([f"{bucket}/a", f"{bucket}/none", f"{bucket}/b"])
    assert list_addresses(bucket) == [f"{bucket}/c"]
    requests = []

    class Gone:
        def rm_file(self, name: str) -> None:
            requests.append(name)
            raise ConnectionError

    monkeypatch.setattr(upload, "open_store", lambda address, _: (Gone(), address))
    upload.remove_uploaded([f"{bucket}/c", f"{bucket}/d"])
    assert requests == [f"{bucket}/c"]
