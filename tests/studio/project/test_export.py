"""Exports: a CSV that no spreadsheet runs, folders of copies that appear whole or not at all."""

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from foveal.dataset.open import open_dataset
from foveal.errors import Error, UsageError
from foveal.progress import Progress
from foveal.studio.project import export as module
from foveal.studio.project.export import export_folders, project_csv, safe_name
from foveal.studio.project.project import Project
from foveal.studio.uploads.folder import add_folder
from foveal.studio.uploads.rows import Row


@pytest.fixture
def project(tmp_path):
    for number, name in enumerate(["cat/1.png", "cat/2.png", "=dog/1.png"]):
        file = tmp_path / "f" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), number).save(file)
    project = Project(tmp_path, "p")
    add_folder(project, str(tmp_path / "f"))
    yield project
    project.close()


def ids(project):
    return {project.name(image): image for image in range(3)}


def test_the_csv_has_a_row_an_image_and_no_formula(project, tmp_path):
    project.change({"op": "leave_out", "ids": [ids(project)["cat/1.png"]]})
    project.change({"op": "split", "ids": [ids(project)["cat/2.png"]], "split": "test"})
    rows = list(csv.reader(io.StringIO(project_csv(project))))
    assert rows[0] == ["path", "label", "split", "group", "name"]
    assert sorted(rows[1:]) == [
        [f"{tmp_path}/f/=dog/1.png", "'=dog", "train", "", "'=dog/1.png"],
        [f"{tmp_path}/f/cat/2.png", "cat", "test", "", "cat/2.png"],
    ]


def test_folders_hold_copies_by_split_and_class(project, tmp_path):
    images = ids(project)
    project.change({"op": "label", "ids": [images["=dog/1.png"]], "label": "cat"})
    project.change({"op": "label", "ids": [images["cat/2.png"]], "label": None})
    project.change({"op": "split", "ids": [images["cat/1.png"]], "split": "val"})
    (tmp_path / "f/cat/2.png").unlink()
    copied, skipped = export_folders(project, f" {tmp_path}/out ")
    found = sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "out").rglob("*.png"))
    assert found == ["out/train/cat/1.png", "out/val/cat/1.png"]
    assert (copied, skipped) == (2, [("cat/2.png", "cannot be opened: No such file or directory")])
    assert (tmp_path / "out/train/cat/1.png").read_bytes() == (
        tmp_path / "f/=dog/1.png"
    ).read_bytes()


def test_folders_are_read_back_as_they_were(project, tmp_path):
    images = ids(project)
    project.change({"op": "split", "ids": [images["cat/1.png"]], "split": "val"})
    project.change({"op": "rename_class", "name": "cat", "to": "train"})
    project.change({"op": "label", "ids": [images["=dog/1.png"]], "label": "a/b|c"})
    project.change({"op": "group", "ids": [images["=dog/1.png"]], "group": "=g"})
    export_folders(project, f"{tmp_path}/out")
    found = open_dataset(tmp_path / "out")
    rows = zip(found.paths, found.labels, found.splits, found.groups, strict=True)
    assert sorted(rows) == [
        ("train/a_b_c/1.png", ("a/b|c",), "train", "=g"),
        ("train/train/2.png", ("train",), "train", None),
        ("val/train/1.png", ("train",), "val", None),
    ]


def test_a_class_called_as_the_table_has_another_folder(project, tmp_path):
    project.change({"op": "rename_class", "name": "cat", "to": "Metadata.csv"})
    copied, skipped = export_folders(project, f"{tmp_path}/out")
    assert (copied, skipped) == (3, [])
    found = open_dataset(tmp_path / "out")
    assert sorted(zip(found.paths, found.labels, strict=True)) == [
        ("=dog/1.png", ("=dog",)),
        ("Metadata-2.csv/1.png", ("Metadata.csv",)),
        ("Metadata-2.csv/2.png", ("Metadata.csv",)),
    ]


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [
        (
            "out",
            "'out' is not a whole path: type the path of a new folder from its root, such as "
            "/home/me/export",
        ),
        ("{tmp}/f", "{tmp}/f is there already: name a folder that is not there"),
        (
            "{tmp}/cats.zip",
            "the folder is {tmp}/cats.zip, the name of a file, but a folder is written; give the "
            "name of a folder",
        ),
        ("{tmp}/link", "{tmp}/link is there already: name a folder that is not there"),
    ],
)
def test_only_a_new_place_is_written(project, tmp_path, folder, sentence):
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with pytest.raises(UsageError) as caught:
        export_folders(project, folder.format(tmp=tmp_path))
    assert str(caught.value) == sentence.format(tmp=tmp_path)


def test_cancelled_it_leaves_nothing(project, tmp_path):
    class Stop(Progress):
        def __call__(self, *_):
            raise Error("cancelled")

    before = sorted(tmp_path.iterdir())
    with pytest.raises(Error):
        export_folders(project, f"{tmp_path}/out", progress=Stop())
    assert sorted(tmp_path.iterdir()) == before


@given(st.text(st.characters(), min_size=0, max_size=300))
def test_a_safe_name_is_one_plain_component(name):
    safe = safe_name(name)
    assert 0 < len(safe.encode()) <= 255
    assert not set(safe) & set('/\\:*?"<>|\0\n')
    assert not safe.startswith(".")
    assert not safe.endswith((".", " "))
    assert safe_name(safe) == safe


@pytest.mark.parametrize(
    ("name", "safe"), [("..", "_"), ("a/b", "a_b"), ("CON", "_CON"), ("고양이.png", "고양이.png")]
)
def test_names_that_mean_something_are_changed(name, safe):
    assert safe_name(name) == safe


def test_names_of_two_unicode_forms_are_two_files_on_every_disk(tmp_path):
    """Some file systems take them for one: the second copy would replace the first."""
    for level, name in enumerate(("\u00e9.png", "e\u0301.png")):
        (tmp_path / "f").mkdir(exist_ok=True)
        Image.new("L", (8, 8), level).save(tmp_path / "f" / name)
    project = Project(tmp_path, "p")
    add_folder(project, str(tmp_path / "f"))
    export_folders(project, f"{tmp_path}/out")
    project.close()
    found = {unicodedata.normalize("NFC", path.name) for path in (tmp_path / "out").rglob("*.png")}
    assert found == {"\u00e9.png", "\u00e9-2.png"}


def test_many_images_of_one_name_are_numbered_one_after_the_other(tmp_path, monkeypatch):
    tried = []
    monkeypatch.setattr(module, "compose", lambda name: tried.append(name) or name)
    project = Project(tmp_path, "p")
    rows = [Row("scan.png", "cat", 0, None, bytes)] * 200
    project.add(rows, [f"images/{number}.png" for number in range(200)], None)
    copied, skipped = export_folders(project, f"{tmp_path}/out")  # none of the files is there
    project.close()
    assert (copied, len(skipped)) == (0, 200)
    assert len(set(tried)) == 201  # each place, and the folder with its class
    assert len(tried) < 1000
