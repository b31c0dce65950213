"""A project: its journal makes it again, a failed change leaves it as it was."""

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
