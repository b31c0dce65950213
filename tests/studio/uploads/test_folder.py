"""Folders of this machine: nothing is copied, nothing outside is taken, new files come later."""

import json
import os

import pytest
from PIL import Image

from foveal.errors import DataError, UsageError
from foveal.studio.project import operations
from foveal.studio.project.project import Project
from foveal.studio.tasks.tasks import Cancelled, Task, TaskProgress
from foveal.studio.uploads import folder as module
from foveal.studio.uploads.folder import OUTSIDE, add_folder
from foveal.text import showable

NOT_HERE = "on the machine that runs the studio; type the whole path of what lies there"


def draw(path, level=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), level).save(path, "PNG")


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "w" / "projects" / "p"
    folder.mkdir(parents=True)
    opened = Project(folder, "p")
    yield opened
    opened.close()


def labels(project):
    ids = project.columns()["ids"]
    return {project.name(each): project.image(each)["label"] for each in ids}


def test_class_folders_are_labels_and_nothing_is_copied(project, digits, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in digits.rglob("*")}
    added = add_folder(project, str(digits))
    assert (added.added, added.skipped) == (300, [])
    assert all(name.split("/")[0] == label for name, label in labels(project).items())
    assert {path: path.stat().st_mtime_ns for path in digits.rglob("*")} == before
    assert [path.name for path in project.folder.iterdir()] == ["journal.jsonl"]
    project.change({"op": "undo"})
    assert labels(project) == {}


def test_split_folders_are_splits(project, tmp_path):
    for name in ("train/cat/1.png", "test/dog/1.png"):
        draw(tmp_path / "f" / name)
    add_folder(project, str(tmp_path / "f"))
    shown = {each["name"]: (each["label"], each["split"]) for each in map(project.image, (0, 1))}
    assert shown == {"train/cat/1.png": ("cat", "train"), "test/dog/1.png": ("dog", "test")}


def test_the_one_table_of_a_folder_gives_the_labels(project, tmp_path):
    for level, name in enumerate(("images/1.png", "images/2.png", "images/3.png")):
        draw(tmp_path / "f" / name, level)
    (tmp_path / "f" / "labels.csv").write_text(
        "path,label,split,group\nimages/1.png,cat,val,g\nimages/2.png,dog,train,\n"
    )
    added = add_folder(project, str(tmp_path / "f"))
    assert labels(project) == {"images/1.png": "cat", "images/2.png": "dog"}
    assert [(each["split"], each["group"]) for each in map(project.image, (0, 1))] == [
        ("val", "g"),
        ("train", None),
    ]
    assert added.notes == ["1 image ignored: not listed in the table"]


def test_a_table_of_something_else_leaves_class_folders_as_they_are(project, tmp_path):
    draw(tmp_path / "f" / "cat" / "1.png")
    draw(tmp_path / "f" / "dog" / "2.png", 1)
    table = tmp_path / "f" / "sizes.csv"
    table.write_text("name,size\nx,1\n")
    added = add_folder(project, str(tmp_path / "f"))
    assert labels(project) == {"cat/1.png": "cat", "dog/2.png": "dog"}
    assert added.notes[-1] == (
        f"the folders are the classes, as there are no columns file_name and label in {table}"
    )


def test_of_several_tables_none_is_read_and_that_is_told(project, tmp_path):
    draw(tmp_path / "f" / "1.png")
    for name in ("a.csv", "b.csv"):
        (tmp_path / "f" / name).write_text("path,label\n1.png,cat\n")
    added = add_folder(project, str(tmp_path / "f"))
    assert labels(project) == {"1.png": None}
    assert added.notes == [
        f"no table is read, as there are 2 in {tmp_path}/f: 'a.csv', 'b.csv'; leave only the one "
        "with the columns path and label"
    ]


def test_a_wrong_table_of_a_folder_is_refused(project, tmp_path):
    draw(tmp_path / "f" / "1.png")
    (tmp_path / "f" / "a.csv").write_text("path,kind\n1.png,cat\n")
    with pytest.raises(DataError) as caught:
        add_folder(project, str(tmp_path / "f"))
    assert str(caught.value) == (
        f"{tmp_path}/f/a.csv has no column 'label'; it has 'path', 'kind': name the columns path, "
        "label and optionally split and group"
    )


def test_images_without_class_folders_have_no_label(project, tmp_path):
    draw(tmp_path / "f" / "1.png")
    add_folder(project, str(tmp_path / "f"))
    assert labels(project) == {"1.png": None}


def test_why_folders_are_no_classes_is_told(project, tmp_path):
    for name in ("1/cat/1.png", "1/dog/2.png", "2/cat/3.png", "2/dog/4.png"):
        draw(tmp_path / "f" / name)
    assert add_folder(project, str(tmp_path / "f")).notes == [
        f"the layout of {tmp_path}/f is open: the folders '1', '2' hold the same folders 'cat', "
        "'dog', so it is open which are the classes: call folders that are splits train, val and "
        "test, or keep only the class folders at the top, or give a table with the columns path, "
        "label and split"
    ]
    assert set(labels(project).values()) == {None}


def test_a_table_gives_labels_splits_and_groups(project, tmp_path):
    draw(tmp_path / "f" / "1.png")
    (tmp_path / "f" / "t.csv").write_text("path,label,split,group\n1.png,cat,val,g\n")
    add_folder(project, str(tmp_path / "f" / "t.csv"))
    shown = project.image(0)
    assert (shown["label"], shown["split"], shown["group"]) == ("cat", "val", "g")


def test_added_again_only_what_is_new_comes(project, tmp_path):
    draw(tmp_path / "f" / "cat" / "1.png")
    add_folder(project, str(tmp_path / "f"))
    draw(tmp_path / "f" / "cat" / "2.png")
    project.change({"op": "leave_out", "ids": [0]})
    added = add_folder(project, str(tmp_path / "f"))
    assert (added.added, added.skipped) == (
        1,
        [("cat/1.png", "in the project already, left out: cat/1.png")],
    )
    inner = add_folder(project, str(tmp_path / "f" / "cat"))
    assert (inner.added, len(inner.skipped)) == (0, 2)


def test_links_and_paths_that_lead_out_are_left(project, tmp_path):
    draw(tmp_path / "secret" / "me.png")
    draw(tmp_path / "f" / "cat" / "1.png")
    (tmp_path / "f" / "cat" / "inside.png").symlink_to("1.png")
    (tmp_path / "f" / "cat" / "out.png").symlink_to(tmp_path / "secret" / "me.png")
    (tmp_path / "f" / "dog").symlink_to(tmp_path / "secret")
    added = add_folder(project, str(tmp_path / "f"))
    assert labels(project) == {"cat/1.png": "cat", "cat/inside.png": "cat"}
    assert sorted(added.skipped) == [("cat/out.png", OUTSIDE), ("dog/me.png", OUTSIDE)]
    (tmp_path / "f" / "t.csv").write_text(
        f"path,label\ncat/1.png,a\n{tmp_path}/secret/me.png,b\n../secret/me.png,c\n"
    )
    table = add_folder(project, str(tmp_path / "f" / "t.csv"))
    assert {reason for _, reason in table.skipped} == {
        OUTSIDE,
        "in the project already: cat/1.png",
    }


def test_files_that_are_no_images_by_name_are_told(project, tmp_path):
    draw(tmp_path / "f" / "cat" / "1.png")
    (tmp_path / "f" / "cat" / "notes.txt").write_text("x")
    assert add_folder(project, str(tmp_path / "f")).notes == [
        "1 file ignored: not an image in a class folder"
    ]


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (
            "images",
            "'images' is not a whole path: type it from its root, such as /home/me/images",
        ),
        ("/no/such", f"there is no /no/such {NOT_HERE}"),
        ("/" + "x" * 5000, "there is no /" + "x" * 5000 + f" {NOT_HERE}"),
        ("/a\0b", "the path holds a zero byte: type the path of a file or folder"),
        (
            "{tmp}/a.png",
            "{tmp}/a.png is neither a folder nor a table (.csv, .tsv, .jsonl, .parquet): drop "
            "files and archives onto the page instead",
        ),
        (
            "{tmp}",
            "{tmp} holds the studio's own workspace: name a folder of images only",
        ),
    ],
)
def test_a_wrong_path_is_one_sentence(project, tmp_path, path, sentence):
    draw(tmp_path / "a.png")
    with pytest.raises(UsageError) as caught:
        add_folder(project, path.format(tmp=tmp_path))
    assert str(caught.value) == showable(sentence.format(tmp=tmp_path))


def test_an_empty_folder_is_one_sentence(project, tmp_path):
    (tmp_path / "f").mkdir()
    with pytest.raises(DataError) as caught:
        add_folder(project, str(tmp_path / "f"))
    assert str(caught.value) == (
        f"no images in {tmp_path}/f: give a folder with one sub-folder a class, each with images"
    )


def test_a_folder_that_is_cancelled_adds_and_changes_nothing(project, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_ROWS_REPORTED", 2)
    for number in range(5):
        draw(tmp_path / "f" / "cat" / f"{number}.png", number)
    journal = project.folder / "journal.jsonl"
    before = journal.read_bytes()
    task, told = Task("t", "p", "folder"), []

    class Cancelling(TaskProgress):
        def __call__(self, what, done, total, note=""):
            super().__call__(what, done, total, note)
            if what == "adding images":
                told.append((done, total))
            if done == 2:
                task.stop.set()

    with pytest.raises(Cancelled):
        add_folder(project, str(tmp_path / "f"), Cancelling(task, lambda _: None))
    assert told == [(0, 5), (2, 5)]
    assert journal.read_bytes() == before
    assert project.columns()["ids"] == []
    assert add_folder(project, str(tmp_path / "f")).added == 5


@pytest.mark.skipif(os.name == "nt", reason="bytes in names")
def test_names_that_are_no_text_are_taken(project, tmp_path):
    name = os.fsdecode(b"\xff\n.png")
    draw(tmp_path / "f" / os.fsdecode(b"\xfe") / name)
    add_folder(project, str(tmp_path / "f"))
    project.close()
    again = Project(project.folder, "p")
    project.__dict__.update(again.__dict__)
    assert again.location(0)[0].read_bytes().startswith(b"\x89PNG")
    assert again.image(0)["label"] == r"\udcfe"


def test_too_many_classes_add_nothing_at_all(project, tmp_path, monkeypatch):
    """Also where the first images alone, which are added together, would not be too many."""
    monkeypatch.setattr(operations, "MAX_CLASSES", 2)
    monkeypatch.setattr(module, "_ROWS_TOGETHER", 2)
    for number in range(3):
        draw(tmp_path / "f" / f"class {number}" / "1.png", number)
    with pytest.raises(UsageError) as caught:
        add_folder(project, str(tmp_path / "f"))
    assert str(caught.value) == (
        "these images have 3 new classes, and a project has at most 2: label each image with one "
        "of a few classes"
    )
    assert labels(project) == {}


def test_half_a_character_in_a_table_is_no_path(project, tmp_path):
    draw(tmp_path / "f" / "1.png")
    rows = [{"path": "1.png", "label": "a\ud800"}, {"path": "\ud800/2.png", "label": "b"}]
    (tmp_path / "f" / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    added = add_folder(project, str(tmp_path / "f" / "t.jsonl"))
    assert labels(project) == {"1.png": r"a\ud800"}
    assert added.to_data()["skipped"] == [
        {"name": r"\ud800/2.png", "reason": "a name that no file can have"}
    ]
