"""Atomic writing: the old file or the new one, never half, and nothing left beside."""

import json
import os
import sys
from pathlib import Path

import pytest

from foveal.errors import Error, UsageError
from foveal.files import (
    PAGE,
    did_you_mean_file,
    new_folder,
    read_at_most,
    refuse_overwriting,
    refuse_overwriting_beside,
    write_atomic,
)


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


@pytest.mark.parametrize("making", ["touch", "mkdir"])
def test_a_signal_right_after_the_temporary_is_made_leaves_nothing(tmp_path, monkeypatch, making):
    make = getattr(Path, making)

    def make_and_stop(path, *given, **named):
        make(path, *given, **named)
        if path.suffix == ".part":
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, making, make_and_stop)
    with pytest.raises(KeyboardInterrupt):
        if making == "touch":
            write_atomic(tmp_path / "a", b"new")
        else:
            new_folder(tmp_path / "a").__enter__()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path):
    (tmp_path / "f").write_text("")
    with pytest.raises(Error) as caught:
        write_atomic(tmp_path / "f" / "x", "")
    assert str(caught.value) == (
        f"cannot write {tmp_path}/f/x: File exists; free space or choose another place"
    )


def test_a_new_folder_is_whole(tmp_path):
    out = tmp_path / "a" / "out"
    with new_folder(out) as folder:
        (folder / "file").write_text("x")
        assert not out.exists()
    assert [path.name for path in out.iterdir()] == ["file"]
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    (tmp_path / "other").mkdir()
    assert out.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_file_has_the_permissions_of_a_new_one(tmp_path):
    def replace(path):
        path.unlink()
        path.touch(0o600)

    (tmp_path / "other").touch()
    for number, content in enumerate((b"x", replace)):
        write_atomic(tmp_path / str(number), content)
        assert (tmp_path / str(number)).stat().st_mode == (tmp_path / "other").stat().st_mode


def test_threads_that_write_keep_the_mask_of_the_process(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "umask", None)  # of all threads: set and restored, it can be lost
    write_atomic(tmp_path / "a", b"x")
    with new_folder(tmp_path / "b") as folder:
        (folder / "file").write_text("x")


def test_a_new_folder_takes_the_place_of_an_empty_one(tmp_path):
    with new_folder(tmp_path / "out") as folder:
        (tmp_path / "out").mkdir()
        (folder / "file").write_text("x")
    assert (tmp_path / "out" / "file").is_file()


def test_a_new_folder_that_fails_is_not_there(tmp_path):
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "out") as folder:
        (folder / "file").write_text("x")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_what_came_meanwhile_is_kept(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(Error) as caught, new_folder(out) as folder:
        (folder / "file").write_text("new")
        out.mkdir()
        (out / "file").write_text("old")
    assert str(caught.value) == (
        f"cannot write {out}: Directory not empty; free space or choose another place"
    )
    assert (out / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_used_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for path, reason in (
        (tmp_path, "which is not empty; give another folder"),
        (tmp_path / "file", "which is a file; give a folder that is not there"),
    ):
        with pytest.raises(UsageError) as caught, new_folder(path):
            pytest.fail("it is used")
        assert str(caught.value) == f"--out is {path}, {reason}"


def test_a_file_that_is_read_is_not_written(tmp_path):
    source, link = tmp_path / "data.csv", tmp_path / "link.csv"
    source.write_text("path,label\n")
    link.symlink_to(source)
    sources = {"the model": None, "the data": str(source)}
    for out in (source, str(source), link):
        with pytest.raises(UsageError) as caught:
            refuse_overwriting(out, sources, "--report")
        assert str(caught.value) == (
            f"--report is the data itself, {out}, which is never altered; give another name"
        )
    for out in (None, tmp_path / "new.csv", "a\0b"):
        refuse_overwriting(out, sources)
    refuse_overwriting(source, {"the image": b"bytes", "the data": tmp_path / "none.csv"})


def test_a_file_of_another_kind_is_not_replaced(tmp_path):
    photo, page, hard = tmp_path / "a.jpg", tmp_path / "page.HTML", tmp_path / "hard.jpeg"
    photo.write_bytes(b"photo")
    page.write_text("an older report")
    hard.hardlink_to(photo)
    for out in (photo, hard, tmp_path / ".." / tmp_path.name / "a.jpg"):
        with pytest.raises(UsageError) as caught:
            refuse_overwriting(out, {"the data": tmp_path}, "--report", suffixes=PAGE)
        assert str(caught.value) == (
            f"--report is {out}, which exists and is no .html file; give a name that ends in .html"
        )
    for out in (page, tmp_path / "new.jpg"):
        refuse_overwriting(out, {"the data": tmp_path}, "--report", suffixes=PAGE)


def test_a_table_in_a_folder_that_is_read_is_not_replaced(tmp_path):
    folder, link = tmp_path / "data", tmp_path / "link"
    (folder / "part").mkdir(parents=True)
    link.symlink_to(folder)
    (folder / "part" / "0.parquet").write_bytes(b"images")
    for out in (folder / "part" / "0.parquet", link / "part" / "0.parquet"):
        with pytest.raises(UsageError) as caught:
            refuse_overwriting(out, {"the data": folder})
        assert str(caught.value) == (
            f"--out is {out}, a file of the data, which is never altered; give another name"
        )
    refuse_overwriting(folder / "part" / "1.parquet", {"the data": folder})
    refuse_overwriting(folder / "part" / "0.parquet", {"the data": tmp_path / "part"})


def test_a_file_beside_the_named_one_is_not_replaced_unasked(tmp_path):
    out, beside = tmp_path / "net.yaml", tmp_path / "net.recipe.yaml"
    refuse_overwriting_beside(out, beside)
    beside.write_text("epochs: 3\n")
    with pytest.raises(UsageError) as caught:
        refuse_overwriting_beside(out, beside)
    assert str(caught.value) == (
        f"{beside}, which is written beside --out {out}, exists already; give another name"
    )
    out.touch()
    refuse_overwriting_beside(out, beside)


def test_a_file_is_read_up_to_a_limit_and_a_pipe_is_not(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    assert read_at_most(tmp_path / "file", 5) == b"12345"
    assert read_at_most(tmp_path / "file", 3) == b"1234"
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path(os.devnull)):
        with pytest.raises(OSError) as caught:
            read_at_most(path, 5)
        assert caught.value.strerror == "it is not a file"


def test_a_name_close_to_a_missing_one(tmp_path):
    (tmp_path / "내 사진").mkdir()
    assert did_you_mean_file(tmp_path / "내 사짐") == " (did you mean '내 사진'?)"
    assert did_you_mean_file(tmp_path / "other") == ""
    (tmp_path / "loop").symlink_to("loop")
    assert did_you_mean_file(tmp_path / "loop") == ""
    assert did_you_mean_file(tmp_path / "nowhere" / "other") == ""


@pytest.mark.skipif(sys.platform != "linux", reason="names open files through /proc")
def test_a_power_cut_finds_the_content_on_the_disk_before_the_name(tmp_path, monkeypatch):
    """What is not synced may be lost: content comes before its name, the name before the end."""
    path, synced = tmp_path / "a", []
    path.write_bytes(b"old")
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(handle):
        real_fsync(handle)
        place = Path(f"/proc/self/fd/{handle}").readlink()
        synced.append("folder" if place.is_dir() else place.read_bytes())

    def replace(source, target):
        synced.append("renamed")
        return real_replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    write_atomic(path, b"new")
    assert synced == [b"new", "renamed", "folder"]
