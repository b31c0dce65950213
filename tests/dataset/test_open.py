from __future__ import annotations

import io
import os
import shutil
import tarfile
import unicodedata
import zipfile
from pathlib import Path

import pytest

from foveal.dataset.open import open_dataset
from foveal.errors import DataError, ImageError, UsageError

HOSTILE = Path(__file__).parent.parent / "data" / "hostile"


def zipped(root: Path, out: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(root.rglob("*")):
            if path.is_file():
                file.write(path, prefix + path.relative_to(root).as_posix())
    return out


def tarred(root: Path, out: Path) -> Path:
    with tarfile.open(out, "w") as file:
        file.add(root, arcname=".")
    return out


def test_a_folder_a_class_in_natural_order(images):
    root = images("10/a.png 2/b.png 1/c.png 2/a.png 1/deep/er/d.png")
    found = open_dataset(root)
    assert found.classes == ("1", "2", "10")
    assert found.paths == ("1/c.png", "1/deep/er/d.png", "2/a.png", "2/b.png", "10/a.png")
    assert found.labels == (("1",), ("1",), ("2",), ("2",), ("10",))
    assert set(found.splits) == {None}
    assert found.task == "single"


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Val"])
def test_splits_above_the_classes(images, name: str):
    found = open_dataset(images(f"train/a/1.png train/b/1.png {name}/a/1.png test/a/1.png"))
    assert found.splits == ("test", "train", "train", "val") or found.splits == (
        "val", "test", "train", "train"
    )  # fmt: skip
    assert found.classes == ("a", "b")


def test_a_class_may_be_called_train(images):
    found = open_dataset(images("train/1.png bus/1.png plane/1.png"))
    assert found.classes == ("bus", "plane", "train")
    assert set(found.splits) == {None}


def test_files_that_are_no_images_are_left_aside(images):
    root = images("a/1.png b/1.png b/.hidden.png .git/x/1.png stray.png")
    (root / "a" / "Thumbs.db").write_bytes(b"x")
    (root / "a" / "notes.txt").write_text("x")
    found = open_dataset(root)
    assert found.paths == ("a/1.png", "b/1.png")
    assert found.notes == ("2 files ignored: not an image in a class folder",)


def test_missing_empty_and_wrong_kinds_are_one_sentence(tmp_path: Path):
    with pytest.raises(DataError) as error:
        open_dataset(tmp_path / "no")
    assert str(error.value) == (
        f"no such file or folder: {tmp_path}/no; give the folder that holds the images"
    )
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as error:
        open_dataset(tmp_path / "empty")
    assert str(error.value) == (
        f"no images in {tmp_path}/empty: give a folder with one sub-folder a class, "
        "each with images"
    )
    (tmp_path / "x.tar.gz").write_bytes(b"")
    with pytest.raises(UsageError) as error:
        open_dataset(tmp_path / "x.tar.gz")
    assert str(error.value) == (
        f"{tmp_path}/x.tar.gz is not a folder, a table (.csv, .tsv, .parquet) or an archive "
        "(.zip, .tar): unpack it to a folder or a .tar first"
    )


def test_symbolic_links_fifos_and_locked_folders(images, tmp_path: Path):
    root = images("a/1.png b/1.png")
    (root / "a" / "loop").symlink_to(root, target_is_directory=True)
    (root / "a" / "self").symlink_to("self")
    (root / "b" / "nowhere.png").symlink_to("nothing.png")
    (root / "b" / "again.png").symlink_to(root / "a" / "1.png")
    os.mkfifo(root / "b" / "pipe.png")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(root / "a" / "1.png", elsewhere / "9.png")
    (root / "c").symlink_to(elsewhere, target_is_directory=True)
    found = open_dataset(root)
    assert found.paths == ("a/1.png", "b/1.png", "b/again.png", "c/9.png")
    assert {(one.path, one.reason) for one in found.unusable} == {
        ("a/self", "cannot be opened: a symbolic link that leads nowhere"),
        ("b/nowhere.png", "cannot be opened: a symbolic link that leads nowhere"),
        ("b/pipe.png", "not a regular file"),
    }


def test_links_between_folders_end(images):
    root = images("a/1.png b/1.png")
    for one in "abcdefgh":
        (root / one).mkdir(exist_ok=True)
    for one in "abcdefgh":
        for other in "abcdefgh":
            (root / one / f"to-{other}").symlink_to(root / other, target_is_directory=True)
    assert len(open_dataset(root)) < 20


def test_folders_deeper_than_any_layout_are_told_and_not_entered(images):
    root = images("a/1.png b/1.png")
    deep = root / "a" / "/".join("d" * 600)
    deep.mkdir(parents=True)
    (deep / "2.png").write_bytes(b"x")
    found = open_dataset(root)
    assert found.paths == ("a/1.png", "b/1.png")
    ((path, reason),) = [(one.path, one.reason) for one in found.unusable]
    assert reason == "a folder more than 100 levels deep"
    assert path == "a" + "/d" * 100


def test_a_name_that_is_too_long_is_no_file():
    with pytest.raises(DataError, match=r"^no such file or folder: a{300}; give the folder"):
        open_dataset("a" * 300)


def test_names_of_any_bytes(images, tmp_path: Path):
    root = images("a/1.png b/1.png")
    nfc, nfd = (unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))
    for name in (nfc, nfd, "new\nline.png", "한글.png", "a" * 250 + ".png"):
        shutil.copy(root / "a" / "1.png", root / "a" / name)
    shutil.copy(root / "a" / "1.png", os.fsencode(root / "a") + b"/\xff\xfe.png")
    found = open_dataset(root)
    assert len(found) == 8
    assert all(found.read(row) for row in range(8))
    assert len(found.fingerprint(range(8))) == 32
    again = zipped(root / "b", tmp_path / "b.zip", prefix="b/")
    assert open_dataset(again).paths == ("b/1.png",)


def test_archives_say_the_same_as_the_folder(images, tmp_path: Path):
    root = images("train/10/1.png train/2/1.png test/2/1.png test/10/x/1.png")
    folder = open_dataset(root)
    for path in (zipped(root, tmp_path / "data.zip"), tarred(root, tmp_path / "data.tar")):
        found = open_dataset(path)
        assert found.paths == folder.paths
        assert found.labels == folder.labels
        assert found.splits == folder.splits
        assert [found.read(row) for row in range(4)] == [folder.read(row) for row in range(4)]


def test_one_folder_around_everything_in_an_archive(images, tmp_path: Path):
    root = images("a/1.png b/1.png")
    found = open_dataset(zipped(root, tmp_path / "x.zip", prefix="my images/"))
    assert found.classes == ("a", "b")
    assert found.paths == ("my images/a/1.png", "my images/b/1.png")


def test_a_file_or_a_table_beside_the_classes_does_not_hide_the_folder_around(images, tmp_path):
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
        "../../escaped.jpg", "/tmp/escaped.jpg", "C:/escaped.jpg"
    }  # fmt: skip
    assert {one.reason for one in found.unusable} == {"a name that leads out of the archive"}
    assert set(tmp_path.rglob("*")) == before
    assert not Path("/tmp/escaped.jpg").exists()


def test_an_archive_bomb_that_lies_is_damaged():
    found = open_dataset(HOSTILE / "lying.zip")
    row = found.paths.index("dog/bomb.png")
    with pytest.raises(ImageError) as error:
        found.read(row)
    assert error.value.reason == "damaged: size or checksum differ from the archive's table"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("compress_size", 2**62, "4398046511104 MiB; the limit is 256 MiB"),
        ("header_offset", 2**63 + 5, "damaged: no member at its place in the archive"),
    ],
)
def test_an_archives_table_that_lies_of_place_or_length(tmp_path, field, value, reason):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("a/1.png", b"abc")
        setattr(file.filelist[0], field, value)
    with pytest.raises(ImageError) as error:
        open_dataset(tmp_path / "x.zip").read(0)
    assert error.value.reason == reason


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


def test_a_table_resolves_against_itself(images, tmp_path: Path):
    root = images("1.png 2.png sub/3.png")
    absolute = tmp_path / "outside.png"
    shutil.copy(root / "1.png", absolute)
    (root / "t.csv").write_text(
        "path,label,split,group,camera\n"
        "1.png,b,train,g1,left\n"
        f"{root}/2.png,a,test,,right\n"
        f"{absolute},a,valid,g1,left\n"
        "sub/3.png,b,train,,left\n"
        "sub/3.png,b,train,,left\n"
    )
    found = open_dataset(root / "t.csv")
    assert found.paths == ("1.png", "2.png", str(absolute), "sub/3.png")
    assert found.splits == ("train", "test", "val", "train")
    assert found.groups == ("g1", None, "g1", None)
    assert found.extra_columns == {"camera": ("left", "right", "left", "left")}
    assert found.classes == ("a", "b")
    assert found.notes == (f"{root}/t.csv: 1 repeated row ignored",)
    assert all(found.read(row) for row in range(4))
    inside = open_dataset(zipped(root, tmp_path / "with-table.zip"))
    assert inside.paths == ("1.png", "2.png", "sub/3.png") or inside.paths == ("1.png", "sub/3.png")
    assert inside.unusable


def test_several_labels_and_other_separators(images):
    root = images("1.png 2.png 3.png")
    (root / "t.csv").write_text('﻿path;label\n1.png;"a|b"\n2.png;b\n3.png;\n')
    found = open_dataset(root / "t.csv")
    assert found.task == "multi"
    assert found.labels == (("a", "b"), ("b",), ())
    (root / "t.tsv").write_text("path\tlabel\n1.png\ta\n")
    assert open_dataset(root / "t.tsv").labels == (("a",),)


def test_parquet_says_the_same_as_csv(images):
    pandas = pytest.importorskip("pandas")
    root = images("1.png 2.png")
    table = pandas.DataFrame({"path": ["1.png", "2.png"], "label": ["b", "a"], "n": [1, 2]})
    table.to_parquet(root / "t.parquet")
    table.to_csv(root / "t.csv", index=False)
    parquet, text = open_dataset(root / "t.parquet"), open_dataset(root / "t.csv")
    assert parquet.to_columns() == text.to_columns()
    assert parquet.to_pandas().equals(text.to_pandas())
    assert parquet.to_arrow().column_names == ["path", "label", "split", "group", "n"]
    (root / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="is not a valid Parquet file"):
        open_dataset(root / "bad.parquet")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (
            "file,label\n1.png,a\n",
            "{} has no column 'path'; it has 'file', 'label': name the columns path, label and "
            "optionally split and group",
        ),
        ("", "{} is empty; its first line must name the columns path and label"),
        ("path,label\n1.png,a\n2.png\n", "{}: row 3 does not have the 2 columns of the first "
         "line; put cells that contain the separator in double quotes"),
        ("path,label\n1.png,a\n2.png,\n", "{}: no label in row 3; fill in or delete these rows"),
        ("path,label\n,a\n", "{}: no path in row 2; fill in or delete these rows"),
        (
            "path,label\n1.png,a\n1.png,b\n",
            "{} gives the same image different labels: 1.png (rows 2 and 3); "
            "keep one row an image and separate several labels by |",
        ),
        (
            "path,label\n1.png,a\n./1.png,b\n",
            "{} gives the same image different labels: 1.png (rows 2 and 3); "
            "keep one row an image and separate several labels by |",
        ),
        ("path,label,n,label\n1.png,a,1,b\n", "{} has 2 columns 'label'; keep one"),
        (
            "path,label,split\n1.png,a,train\n2.png,a,holdout\n",
            "{}: unknown split in row 3; give one of train, val, test in every row, "
            "or leave all empty",
        ),
    ],
)  # fmt: skip
def test_wrong_tables_are_one_sentence(tmp_path: Path, content: str, text: str):
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(DataError) as error:
        open_dataset(path)
    assert str(error.value) == text.format(path)


def test_a_table_that_is_not_text(tmp_path: Path):
    (tmp_path / "t.csv").write_bytes(b"path,label\n\xff\xfe,a\n")
    with pytest.raises(DataError) as error:
        open_dataset(tmp_path / "t.csv")
    assert str(error.value) == (
        f"{tmp_path}/t.csv is not UTF-8 text (byte 11); save it as CSV in UTF-8"
    )
