"""Archives read in place."""

from __future__ import annotations

import io
import shutil
import tarfile
import unicodedata
import zipfile
from pathlib import Path

import pytest

from foveal.cli.main import run as run_command
from foveal.dataset.open import open_dataset
from foveal.errors import DataError

HOSTILE = Path(__file__).parents[2] / "data" / "hostile"


def test_archives_say_the_same_as_the_folder(images, tmp_path: Path, zipped, tarred):
    root = images("train/10/1.png train/2/1.png test/2/1.png test/10/x/1.png")
    folder = open_dataset(root)
    for path in (zipped(root, tmp_path / "data.zip"), tarred(root, tmp_path / "data.tar")):
        found = open_dataset(path)
        assert found.paths == folder.paths
        assert found.labels == folder.labels
        assert found.splits == folder.splits
        assert [found.read(row) for row in range(4)] == [folder.read(row) for row in range(4)]


def test_one_folder_around_everything_in_an_archive(images, tmp_path: Path, zipped):
    root = images("a/1.png b/1.png")
    found = open_dataset(zipped(root, tmp_path / "x.zip", prefix="my images/"))
    assert found.classes == ("a", "b")
    assert found.paths == ("my images/a/1.png", "my images/b/1.png")


def test_a_file_or_a_table_beside_the_classes_does_not_hide_the_folder_around(
    images, tmp_path, zipped
):
    root = images("cats/1.png dogs/1.png")
    (root / "about.json").write_text("{}")
    found = open_dataset(zipped(root, tmp_path / "x.zip", prefix="all/"))
    assert found.classes == ("cats", "dogs")
    flat = tmp_path / "flat"
    flat.mkdir()
    (flat / "t.csv").write_text("path,label\n1.png,a\n2.png,b\n")
    for number in (1, 2):
        shutil.copy(root / "cats" / "1.png", flat / f"{number}.png")
    found = open_dataset(zipped(flat, tmp_path / "y.zip", prefix="all/"))
    assert (found.paths, found.labels) == (("all/1.png", "all/2.png"), (("a",), ("b",)))


def test_names_that_lead_out_of_an_archive_are_refused(tmp_path: Path):
    before = set(tmp_path.rglob("*"))
    found = open_dataset(HOSTILE / "slip.zip")
    assert found.paths == ("cat/1.jpg", "cat/2.jpg", "dog/1.jpg")
    assert {one.path for one in found.unusable} == {
        "../../escaped.jpg",
        "/tmp/escaped.jpg",
        "C:/escaped.jpg",
    }
    assert {one.reason for one in found.unusable} == {"a name that leads out of the archive"}
    assert set(tmp_path.rglob("*")) == before
    assert not Path("/tmp/escaped.jpg").exists()


def test_links_inside_a_tar_are_refused(tmp_path: Path):
    with tarfile.open(tmp_path / "x.tar", "w") as file:
        kinds = {
            "a/1.png": tarfile.SYMTYPE,
            "a/2.png": tarfile.LNKTYPE,
            "a/3.png": tarfile.FIFOTYPE,
            "../b/4.png": tarfile.REGTYPE,
        }
        for name, kind in kinds.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            file.addfile(info)
        info = tarfile.TarInfo("a/5.png")
        info.size = 3
        file.addfile(info, io.BytesIO(b"abc"))
    found = open_dataset(tmp_path / "x.tar")
    assert found.paths == ("a/5.png",)
    assert len(found.unusable) == 4


def test_a_tar_of_endless_headers_is_one_sentence(tmp_path: Path):
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 3
    one = info.tobuf(tarfile.GNU_FORMAT) + b"a/b".ljust(512, b"\0")
    (tmp_path / "x.tar").write_bytes(one * 3000)
    with pytest.raises(DataError, match=f"^cannot read {tmp_path}/x.tar as a .tar archive: "):
        open_dataset(tmp_path / "x.tar")


@pytest.mark.parametrize("name", ["x.zip", "x.tar"])
def test_a_damaged_archive_is_one_sentence(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(b"not an archive" * 100)
    with pytest.raises(DataError, match=f"^cannot read {tmp_path}/{name} as a .* archive: "):
        open_dataset(tmp_path / name)


def put(file: tarfile.TarFile, name: str, content: bytes, kind: bytes = tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(content)
    file.addfile(info, io.BytesIO(content))


def test_links_inside_a_tar_are_read_as_what_they_lead_to(tmp_path: Path):
    with tarfile.open(tmp_path / "x.tar", "w") as file:
        put(file, "./.pool/1.png", b"one")
        put(file, "./a/1.png", b"", tarfile.LNKTYPE, "./.pool/1.png")
        put(file, "./a/2.png", b"two")
        put(file, "./b/3.png", b"", tarfile.SYMTYPE, "../a/1.png")
        put(file, "./c", b"", tarfile.SYMTYPE, "a")
        put(file, "./d/gone.png", b"", tarfile.SYMTYPE, "../nothing.png")
        put(file, "./d/loop.png", b"", tarfile.SYMTYPE, "loop.png")
        put(file, "./d/up", b"", tarfile.SYMTYPE, "../d")
        put(file, "./d/out.png", b"", tarfile.SYMTYPE, "../../x.png")
    found = open_dataset(tmp_path / "x.tar")
    assert {path: found.read(row) for row, path in enumerate(found.paths)} == {
        "a/1.png": b"one",
        "a/2.png": b"two",
        "b/3.png": b"one",
        "c/1.png": b"one",
        "c/2.png": b"two",
    }
    assert {(one.path, one.reason) for one in found.unusable} == {
        ("d/gone.png", "a link to what is not in the archive"),
        ("d/loop.png", "symbolic links that lead to each other"),
        ("d/up", "a symbolic link to a folder above it"),
        ("d/out.png", "a link that leads out of the archive"),
    }


def test_many_links_to_one_folder_of_a_tar_end(tmp_path: Path):
    with tarfile.open(tmp_path / "x.tar", "w") as file:
        put(file, "pool/1.png", b"one")
        for number in range(25):
            put(file, f"to-{number}", b"", tarfile.SYMTYPE, "pool")
    found = open_dataset(tmp_path / "x.tar")
    assert len(found) == 21
    assert {one.reason for one in found.unusable} == {"more than 20 symbolic links to one folder"}


def test_links_inside_a_zip_are_read_as_what_they_lead_to(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("a/1.png", b"one")
        for name, target in {"b/2.png": "../a/1.png", "c": "a", "d/3.png": "/etc/passwd"}.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o120777 << 16
            file.writestr(info, target)
    found = open_dataset(tmp_path / "x.zip")
    assert found.paths == ("a/1.png", "b/2.png", "c/1.png")
    assert [found.read(row) for row in range(3)] == [b"one"] * 3
    assert [(one.path, one.reason) for one in found.unusable] == [
        ("d/3.png", "a link that leads out of the archive")
    ]


def test_a_table_in_an_archive_may_write_names_composed(tmp_path: Path):
    name = unicodedata.normalize("NFD", "고양이.png")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr(name, b"one")
        file.writestr("t.csv", "path,label\n고양이.png,a\n")
    assert open_dataset(tmp_path / "x.zip").paths == (name,)


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("inner", ["zip", "tar", "tar.gz"])
def test_archives_in_an_archive_are_named(tmp_path: Path, kind: str, inner: str):
    (tmp_path / "in").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "in" / f"{name}.{inner}").write_bytes(b"PK")
    data = Path(shutil.make_archive(str(tmp_path / "x"), kind, tmp_path / "in"))
    with pytest.raises(DataError) as error:
        open_dataset(data)
    assert str(error.value) == (
        f"no class folders in {data}, but 2 archives (cat.{inner}, dog.{inner}), and Foveal opens "
        "no archive inside another folder or archive: unpack each into a folder of its name, and "
        "give the folder around them"
    )


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_images_at_the_root_of_an_archive_have_no_label(images, tmp_path: Path, kind: str):
    data = Path(shutil.make_archive(str(tmp_path / "x"), kind, images("1.png 2.png")))
    with pytest.raises(DataError) as error:
        open_dataset(data)
    assert str(error.value) == (
        f"no class folders in {data}, so 2 images without a label: make one sub-folder a class, "
        "each with its images, or give a table with the columns path and label"
    )
    assert run_command(["check", str(data)]) == 1


@pytest.mark.parametrize("prefix", ["", "all/"])
def test_each_split_of_an_archive_may_have_its_own_table(
    images, tmp_path: Path, prefix: str, zipped
):
    root = images("train/1.png train/2.png train/3.png Validation/1.png")
    (root / "train" / "metadata.csv").write_text("file_name,label,n\n1.png,a,3\n2.png,b,\n")
    (root / "Validation" / "metadata.jsonl").write_text('{"file_name": "1.png", "label": "b"}\n')
    folder = open_dataset(root)
    data = zipped(root, tmp_path / "x.zip", prefix=prefix)
    found = open_dataset(data)
    assert found.paths == tuple(prefix + path for path in folder.paths)
    assert found.labels == folder.labels == (("b",), ("a",), ("b",))
    assert found.splits == folder.splits == ("val", "train", "train")
    assert found.extra_columns == folder.extra_columns
    assert found.notes == folder.notes == ("1 image ignored: not listed in the table",)
    assert [found.read(row) for row in range(3)] == [folder.read(row) for row in range(3)]
    assert [note.text for note in found.layout_notes] == [
        f"labels are those of {data}/{prefix}Validation/metadata.jsonl, "
        f"{data}/{prefix}train/metadata.csv"
    ]


def test_a_table_without_labels_leaves_the_folders_of_an_archive_as_classes(
    images, tmp_path: Path, zipped
):
    root = images("a/1.png b/1.png")
    (root / "metadata.csv").write_text("file_name,text\na/1.png,a plane\n")
    data = zipped(root, tmp_path / "x.zip")
    found = open_dataset(data)
    assert found.classes == ("a", "b")
    assert found.layout_notes[-1].text == (
        "the folders are the classes, as there are no columns file_name and label in "
        f"{data}/metadata.csv"
    )


def test_images_that_a_table_names_and_an_archive_lacks_leave_a_class_empty(
    images, tmp_path: Path, zipped
):
    root = images("1.png 2.png")
    (root / "t.csv").write_text("path,label\n1.png,a\n2.png,b\n3.png,c\n")
    found = open_dataset(zipped(root, tmp_path / "x.zip"))
    assert found.labels == (("a",), ("b",))
    assert found.classes == ("a", "b", "c")
    assert [(one.path, one.reason) for one in found.unusable] == [("3.png", "not in the archive")]


def test_a_table_of_something_else_leaves_the_folders_of_an_archive_as_classes(
    images, tmp_path: Path, zipped
):
    root = images("a/1.png b/1.png")
    (root / "sizes.csv").write_text("name,size\na,1\n")
    data = zipped(root, tmp_path / "x.zip")
    found = open_dataset(data)
    assert found.classes == ("a", "b")
    assert found.layout_notes[-1].text == (
        f"the folders are the classes, as there are no columns file_name and label in {data}/"
        "sizes.csv"
    )


def test_of_several_tables_in_an_archive_none_is_read_and_that_is_told(
    images, tmp_path: Path, zipped
):
    root = images("a/1.png b/1.png c/1.png")
    for name in ("s.csv", "t.csv"):
        (root / name).write_text("path,label\na/1.png,x\n")
    data = zipped(root, tmp_path / "x.zip")
    found = open_dataset(data)
    assert found.classes == ("a", "b", "c")
    assert found.notes[-1] == (
        f"no table is read, as there are 2 in {data}: 's.csv', 't.csv'; leave only the one with "
        "the columns path and label"
    )


def test_images_that_no_table_of_an_archive_lists_are_counted(images, tmp_path: Path, zipped):
    root = images("1.png 2.png")
    (root / "t.csv").write_text("path,label\n1.png,a\n")
    found = open_dataset(zipped(root, tmp_path / "x.zip"))
    assert found.paths == ("1.png",)
    assert found.notes == ("1 image ignored: not listed in the table",)
