"""A project: its journal makes it again, a failed change leaves it as it was."""

import re
import zlib

import pytest

from foveal.errors import DataError, Error, UsageError
from foveal.studio.project.project import Project
from foveal.studio.uploads.rows import Row


def rows(*labels, split=0, group=None):
    return [Row(f"{n}.png", label, split, group, bytes) for n, label in enumerate(labels)]


def test_opened_again_it_is_the_same(tmp_path):
    heard = []
    project = Project(tmp_path, "p", heard.append)
    project.add(rows("cat", None), ["images/a.png", "images/b.png"], "1")
    project.add(rows("dog", split=3, group="g"), ["/f/0.png"], None, "/f")
    project.change({"op": "rename_class", "name": "dog", "to": "wolf"})
    project.change({"op": "undo"})
    before = project.summary(), project.columns(), [project.image(n) for n in range(3)]
    project.close()
    again = Project(tmp_path, "p")
    assert (again.summary(), again.columns(), [again.image(n) for n in range(3)]) == before
    assert heard == [2, 3, 4, 5]
    assert again.revision == 5
    assert again.image(2) == {
        "id": 2, "name": "0.png", "label": "dog", "split": "test", "group": "g",
        "left_out": False, "source": "/f",
    }  # fmt: skip
    assert again.location(0) == (tmp_path / "images/a.png", tmp_path)
    assert [str(path) for path in again.location(2)] == ["/f/0.png", "/f"]
    assert again.summary()["sources"] == [
        {"kind": "upload", "path": None, "images": 2},
        {"kind": "folder", "path": "/f", "images": 1},
    ]
    again.close()


def test_names_that_are_no_text_are_shown_escaped(tmp_path):
    project = Project(tmp_path, "p")
    hostile = [Row("<b>\n\u202e\udcff", None, 0, "g\x07", bytes)]
    project.add(hostile, ["/f/a\udcff/x\n.png"], None, "/f")
    project.close()
    again = Project(tmp_path, "p")
    assert again.image(0)["name"] == r"a\udcff/x\n.png"
    assert again.image(0)["group"] == r"g\x07"
    assert again.image_at("/f/a\udcff/x\n.png") == 0
    again.close()


def test_where_the_journal_cannot_be_written_nothing_changes(tmp_path, monkeypatch):
    project = Project(tmp_path, "p")
    project.add(rows("cat"), ["images/a.png"], None)
    before = project.summary()

    def full(_entry):
        raise Error("full")

    monkeypatch.setattr(project._journal, "append", full)
    for change in (
        lambda: project.change({"op": "remove_class", "name": "cat"}),
        lambda: project.add(rows("dog"), ["images/b.png"], None),
        lambda: project.change({"op": "undo"}),
    ):
        with pytest.raises(Error):
            change()
    assert project.summary() == before


def test_an_entry_of_a_newer_foveal_is_refused_with_its_place(tmp_path):
    project = Project(tmp_path, "p")
    project.add(rows("cat"), ["images/a.png"], None)
    project._journal.append({"op": "rotate", "ids": [0]})
    project.close()
    with pytest.raises(DataError) as caught:
        Project(tmp_path, "p")
    assert str(caught.value) == (
        f"{tmp_path}/journal.jsonl has an entry after line 2 that this Foveal does not know: "
        "update Foveal, or restore the file from a copy"
    )


def test_ids_of_images_that_were_undone_are_refused(tmp_path):
    project = Project(tmp_path, "p")
    project.add(rows("cat"), ["images/a.png"], None)
    project.change({"op": "undo"})
    for ask in (project.image, project.location):
        with pytest.raises(UsageError):
            ask(0)


ENTRIES = {
    "ids": [{"op": "leave_out", "ids": [2**70]}],
    "label": [{"op": "add_class", "name": None}],
    "path": [{"paths": [7]}],
    "name": [{"names": [["a"]]}],
    "split": [{"split": 9}],
    "negative": [{"split": -1}],
    "group": [{"groups": [3], "group": 0}],
    "folder": [{"folder": 5}],
    "classes": [{"classes": 1}],
    "deep": [{"op": "add", "paths": "[" * 3}],
}


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_that_no_studio_writes_is_refused(tmp_path, name):
    """Its checksum is right: whoever can write the file can compute it."""
    project = Project(tmp_path, "p")
    project.add(rows("cat"), ["images/a.png"], None)
    known = {"op": "add", "folder": None, "paths": ["images/b.png"], "names": ["b"]}
    known |= {"classes": [], "labels": -1, "split": 0, "groups": [], "group": -1, "batch": None}
    for entry in ENTRIES[name]:
        project._journal.append({**known, **entry} if "op" not in entry else entry)
    project.close()
    before = (tmp_path / "journal.jsonl").read_bytes()
    with pytest.raises(DataError) as caught:
        Project(tmp_path, "p")
    assert re.fullmatch(
        rf"{tmp_path}/journal\.jsonl has an entry after line \d that this Foveal does not know: "
        "update Foveal, or restore the file from a copy",
        str(caught.value),
    )
    assert (tmp_path / "journal.jsonl").read_bytes() == before


def test_a_line_of_deep_lists_is_refused(tmp_path):
    project = Project(tmp_path, "p")
    project.close()
    path = tmp_path / "journal.jsonl"
    first = path.read_bytes()
    body = b'"op":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    checksum = zlib.crc32(body, int(first[8:16], 16))
    path.write_bytes(first + b'{"sum":"%08x",%s\n' % (checksum, body))
    with pytest.raises(DataError, match="has an entry after line 0 that this Foveal does not know"):
        Project(tmp_path, "p")
