"""The journal: what was appended comes back, a torn end is cut off, altered lines are refused."""

import errno
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import DataError, Error, UsageError
from foveal.studio.project import journal as module
from foveal.studio.project.journal import Journal

START = {"op": "start", "project": "p", "format": 1}
ENTRIES = [{"op": "a", "name": "고\udcff\n\u202e"}, {"op": "b", "ids": [1, 2]}, {"op": "c"}]


@pytest.fixture
def path(tmp_path):
    """A journal of three entries."""
    path = tmp_path / "journal.jsonl"
    opened = Journal(path, "p")
    assert list(opened.entries()) == []
    for entry in ENTRIES:
        opened.append(entry)
    opened.close()
    return path


def read(path, project="p"):
    opened = Journal(path, project)
    try:
        return [{key: each[key] for key in each if key != "sum"} for each in opened.entries()]
    finally:
        opened.close()


def refusal(path, project="p"):
    with pytest.raises(DataError) as caught:
        read(path, project)
    return str(caught.value)


def test_every_line_is_json_and_comes_back(path):
    assert read(path) == [START, *ENTRIES]
    assert [json.loads(line)["op"] for line in path.read_text().splitlines()] == [
        "start", "a", "b", "c",
    ]  # fmt: skip
    assert path.read_bytes().isascii()


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_torn_last_line_never_counted(path, cut):
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert read(path) == [START, *ENTRIES[:2]]
    opened = Journal(path, "p")
    assert len(list(opened.entries())) == 3
    opened.append(ENTRIES[2])
    opened.close()
    assert path.read_bytes() == whole


def test_an_empty_file_is_a_new_journal(tmp_path):
    (tmp_path / "j").write_bytes(b'{"sum":"')
    assert read(tmp_path / "j") == []
    assert read(tmp_path / "j") == [START]


@given(place=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_any_altered_byte_is_found_or_the_last_line_is_torn(tmp_path_factory, place, byte):
    path = tmp_path_factory.mktemp("journal") / "j"
    opened = Journal(path, "p")
    list(opened.entries())
    for entry in ENTRIES:
        opened.append(entry)
    opened.close()
    content = bytearray(path.read_bytes())
    place %= len(content)
    if content[place] == byte:
        return
    content[place] = byte
    path.write_bytes(content)
    if place == len(content) - 1:
        assert read(path) == [START, *ENTRIES[:2]]
    else:
        assert " was altered in line " in refusal(path)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda lines: [lines[0], *lines[2:]], 2),
        (lambda lines: [lines[0], lines[2], lines[1], lines[3]], 2),
        (lambda lines: [*lines, lines[3]], 5),
        (lambda lines: [*lines, b'{"op":"c"}'], 5),
        (lambda lines: [*lines, b"\0" * 40], 5),
        (lambda lines: [b"", *lines], 1),
    ],
)
def test_lines_that_are_moved_repeated_or_foreign_are_refused(path, change, line):
    lines = path.read_bytes().split(b"\n")[:-1]
    path.write_bytes(b"\n".join(change(lines)) + b"\n")
    assert refusal(path) == (
        f"{path} was altered in line {line} by something else than the studio: restore the file "
        "from a copy"
    )


def test_a_refused_journal_is_left_as_it_is(path):
    content = path.read_bytes().replace(b"[1,2]", b"[1,3]")
    path.write_bytes(content)
    refusal(path)
    assert path.read_bytes() == content


def test_the_journal_of_another_project_is_refused(path):
    assert refusal(path, "q") == (
        f"{path} is the journal of another project, p: put the project's own file back"
    )


def test_a_newer_format_is_refused(path, monkeypatch):
    monkeypatch.setattr(module, "FORMAT", 2)
    assert refusal(path) == f"{path} has the format 1, and this Foveal reads 2: update Foveal"


def test_where_the_disk_is_full_nothing_counts(path, monkeypatch):
    whole = path.read_bytes()
    opened = Journal(path, "p")
    list(opened.entries())
    write = os.write

    def half(handle, content):
        write(handle, content[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "write", half)
        with pytest.raises(Error) as caught:
            opened.append({"op": "d"})
    assert str(caught.value) == (
        f"cannot write {path}: No space left on device; the change was not made: free space or "
        "move the workspace"
    )
    assert path.read_bytes() == whole
    opened.append({"op": "d"})
    opened.close()
    assert read(path) == [START, *ENTRIES, {"op": "d"}]


def test_a_change_is_on_the_disk_before_it_counts(path, monkeypatch):
    synced = []
    monkeypatch.setattr(module.os, "fsync", lambda handle: synced.append(os.fstat(handle).st_size))
    opened = Journal(path, "p")
    list(opened.entries())
    opened.append({"op": "d"})
    opened.close()
    assert synced == [path.stat().st_size]


@pytest.mark.parametrize("made", ["pipe", "folder", "device"])
def test_what_is_no_file_is_not_waited_for(tmp_path, made):
    path = tmp_path / "j"
    {
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "device": lambda: path.symlink_to("/dev/zero"),
    }[made]()
    assert refusal(path) == f"{path} is not a file: restore the file from a copy"


def removed(path):
    path.unlink()


def replaced(path):
    """As a program does that keeps folders of two machines the same."""
    path.with_name("copy").write_bytes(path.read_bytes())
    path.with_name("copy").replace(path)


def shortened(path):
    os.truncate(path, path.stat().st_size - 5)


def lengthened(path):
    path.write_bytes(path.read_bytes() + b"x")


@pytest.mark.parametrize("alter", [removed, replaced, shortened, lengthened])
def test_what_was_altered_while_it_was_open_takes_no_change_that_would_be_lost(path, alter):
    opened = Journal(path, "p")
    list(opened.entries())
    alter(path)
    with pytest.raises(Error) as caught:
        opened.append({"op": "d"})
    opened.close()
    assert str(caught.value) == (
        f"{path} was altered or removed by something else than the studio while it was open; the "
        "change was not made: restore the file from a copy, and start the studio again"
    )


def test_a_closed_journal_writes_into_no_file_that_was_opened_since(path):
    opened = Journal(path, "p")
    list(opened.entries())
    handle = opened._handle
    opened.close()
    opened.close()
    other = path.with_name("other")
    with other.open("wb") as file:
        if file.fileno() != handle:
            os.dup2(file.fileno(), handle)
        with pytest.raises(UsageError) as caught:
            opened.append({"op": "d"})
        if file.fileno() != handle:
            os.close(handle)
    assert str(caught.value) == "this project was closed meanwhile; reload the page"
    assert other.read_bytes() == b""
