"""Atomic writing: the old file or the new one, never half, and nothing left beside."""

import json
import os

import pytest

from foveal.errors import Error
from foveal.files import write_atomic


def test_bytes_text_and_function(tmp_path):
    write_atomic(tmp_path / "a" / "b.txt", "grün\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "grün\n".encode()
    write_atomic(tmp_path / "c", b"\x00")
    write_atomic(tmp_path / "c", lambda path: path.write_bytes(b"new"))
    assert (tmp_path / "c").read_bytes() == b"new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "c"]


def test_a_name_that_is_no_text_is_escaped_as_json_does(tmp_path):
    name = os.fsdecode(b"w\xff.png")
    write_atomic(tmp_path / "a", json.dumps(name, ensure_ascii=False))
    assert json.loads((tmp_path / "a").read_text("utf-8")) == name


def test_a_failure_keeps_the_old_file_and_leaves_nothing(tmp_path):
    target = tmp_path / "model"
    target.write_bytes(b"old")

    def half(path):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomic(target, half)
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path):
    (tmp_path / "f").write_text("")
    with pytest.raises(Error) as caught:
        write_atomic(tmp_path / "f" / "x", "")
    assert str(caught.value) == (
        f"cannot write {tmp_path}/f/x: File exists; free space or choose another place"
    )
