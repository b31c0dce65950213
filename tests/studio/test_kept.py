"""What the studio keeps is read again only where it is what was kept."""

import json
import os

import pytest
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from foveal.errors import Error, UsageError
from foveal.studio import kept
from foveal.studio.kept import parse_json, read_kept, write_into_folder, write_kept


class Facts(TypedDict):
    size: int
    share: float | None


KIND = TypeAdapter(Facts)


def test_what_was_kept_is_read(tmp_path):
    (tmp_path / "a").write_text('{"size": 3, "share": 1}')
    assert read_kept(tmp_path / "a", KIND) == {"size": 3, "share": 1.0}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"size": "3", "share": 1}',
        b'{"size": true, "share": 1}',
        b'{"size": 3}',
        b'{"size": 3, "share": NaN}',
        b'{"size": 3, "share": -Infinity}',
        b'{"size": 3, "share": 1e999}',
        b'{"size": ' + b"9" * 5000 + b', "share": 1}',
    ],
)
def test_anything_else_is_not_there(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    assert read_kept(tmp_path / "a", KIND) is None


def test_no_file_a_folder_a_pipe_and_one_that_is_too_large(tmp_path):
    assert read_kept(tmp_path / "none", KIND) is None
    os.mkfifo(tmp_path / "pipe")  # is not waited for
    assert read_kept(tmp_path / "pipe", KIND) is None
    assert read_kept(tmp_path, KIND) is None
    (tmp_path / "a").write_text('{"size": 3, "share": 1}')
    assert read_kept(tmp_path / "a", KIND, max_bytes=5) is None


def test_a_number_that_is_none_is_refused():
    assert parse_json('{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}
    with pytest.raises(ValueError, match=r"^NaN is no number$"):
        parse_json(json.dumps([float("nan")]))


def test_it_is_kept_in_a_folder_that_is_there_and_in_no_other(tmp_path):
    write_kept(tmp_path / "a", {"size": 3, "share": None})
    assert read_kept(tmp_path / "a", KIND) == {"size": 3, "share": None}
    write_kept(tmp_path / "removed" / "a", {"size": 3, "share": None})
    assert not (tmp_path / "removed").exists()


@pytest.mark.parametrize("when", ["before", "during"])
def test_nothing_is_written_into_a_folder_that_was_removed(tmp_path, monkeypatch, when):
    folder, gone = tmp_path / "project", tmp_path / "trash"
    write = kept.write_atomic

    def remove(*arguments, **options):
        folder.rename(gone)
        write(*arguments, **options)

    for work in (write_kept, write_into_folder):
        folder.mkdir()
        if when == "before":
            folder.rename(gone)
        else:
            monkeypatch.setattr(kept, "write_atomic", remove)
        if work is write_kept:
            write_kept(folder / "a", "text")
        else:
            with pytest.raises(UsageError) as caught:
                write_into_folder(folder / "a", "text")
            assert str(caught.value) == "this was removed meanwhile; reload the page"
        assert not folder.exists()
        gone.rmdir()


def test_what_cannot_be_written_into_a_folder_that_is_there_is_told(tmp_path):
    (tmp_path / "a").mkdir()
    for work in (write_kept, write_into_folder):
        with pytest.raises(Error) as caught:
            work(tmp_path / "a", "text")
        assert str(caught.value) == (
            f"cannot write {tmp_path}/a: Is a directory; free space or choose another place"
        )
