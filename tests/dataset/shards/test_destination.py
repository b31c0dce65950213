"""Files go to a new folder at the end, or to a store one by one; after an error nothing is left."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from foveal.dataset.shards import destination
from foveal.dataset.shards.destination import open_destination
from foveal.errors import Error, UsageError
from foveal.remote import list_stored, read_address


def names(address: str) -> list[str]:
    return [file.address.removeprefix(f"{address}/") for file in list_stored(address)]


def test_a_folder_appears_at_the_end(tmp_path):
    out = tmp_path / "out"
    with open_destination(out) as (folder, keep):
        (folder / "a").write_text("a")
        keep("a")
        assert not out.exists()
    assert (out / "a").read_text() == "a"


def test_a_store_is_written_file_by_file(object_store):
    address = object_store({}) + "/set"
    with open_destination(Path(f"{address}/")) as (folder, keep):
        for number, name in enumerate(["b", "a", "index.json"]):
            (folder / name).write_text(name)
            keep(name)
            assert len(names(address)) == number + 1
            assert not list(folder.iterdir())
    assert names(address) == ["a", "b", "index.json"]
    assert read_address(f"{address}/a", 9) == b"a"
    with pytest.raises(UsageError), open_destination(Path(address)):
        raise AssertionError("it is used")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("x")])
def test_after_an_error_nothing_is_left(object_store, error):
    address = object_store({"other": b""}) + "/set"
    with pytest.raises(type(error)), open_destination(Path(address)) as (folder, keep):
        (folder / "a").write_text("a")
        keep("a")
        raise error
    assert names(address) == []
    assert names(address.removesuffix("/set")) == ["other"]


def test_a_store_that_refuses_in_the_middle(object_store, monkeypatch):
    address = object_store({}) + "/set"
    upload = destination.upload

    def refuse_b(path: Path, to: str) -> None:
        if path.name == "b":
            raise Error("refused")
        upload(path, to)

    monkeypatch.setattr(destination, "upload", refuse_b)
    with (
        pytest.raises(Error, match=r"^refused$"),
        open_destination(Path(address)) as (folder, keep),
    ):
        for name in "ab":
            (folder / name).write_text(name)
            keep(name)
    assert names(address) == []


def test_a_full_disk_is_one_sentence(object_store):
    address = object_store({}) + "/set"
    with pytest.raises(Error) as info, open_destination(Path(address)) as (folder, _):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(info.value) == (
        f"cannot write {folder}: No space left on device; free space, or set TMPDIR to another "
        "folder"
    )
