"""DATA as a folder, a table or an archive."""

from __future__ import annotations

import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

from foveal.dataset.open import (
    holds_images_inside,
    open_dataset,
    open_images,
    refuse_root_without_data,
)
from foveal.errors import DataError, UsageError

HOSTILE = Path(__file__).parent.parent / "data" / "hostile"


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
        f"{tmp_path}/x.tar.gz is not a folder, a table (.csv, .tsv, .jsonl, .parquet) or an "
        "archive (.zip, .tar): unpack it to a folder or a .tar first"
    )


def test_a_name_that_is_too_long_is_no_file():
    with pytest.raises(DataError, match=r"^no such file or folder: a{300}; give the folder"):
        open_dataset("a" * 300)


def test_a_dataset_passes_through_and_empty_may_be_allowed(images, tmp_path: Path):
    dataset = open_dataset(images("a/1.png b/1.png"))
    assert open_dataset(dataset) is dataset
    (tmp_path / "empty").mkdir()
    assert len(open_dataset(tmp_path / "empty", allow_empty=True)) == 0
    with pytest.raises(DataError) as error:
        open_dataset(dataset.subset([]))
    assert str(error.value) == (
        f"no images in {dataset.root}: give a folder with one sub-folder a class, each with images"
    )


def test_unusable_files_are_counted_where_there_is_no_image(images):
    root = images("a/1.png")
    (root / "a" / "1.png").unlink()
    (root / "a" / "loop.png").symlink_to("loop.png")
    with pytest.raises(DataError) as error:
        open_dataset(root)
    assert str(error.value) == (
        f"no images in {root} (1 unusable file; see foveal check): give a folder with one "
        "sub-folder a class, each with images"
    )


def test_images_without_labels(images, tmp_path: Path):
    labelled = images("a/1.png b/1.png")
    assert open_images(labelled).labels == (("a",), ("b",))
    flat = tmp_path / "flat"
    flat.mkdir()
    for name in ("2.png", "10.png"):
        (flat / name).write_bytes((labelled / "a/1.png").read_bytes())
    (flat / "notes.txt").write_text("")
    (flat / "gone.png").symlink_to(flat / "nowhere")
    dataset = open_images(flat)
    assert (dataset.paths, dataset.labels) == (("2.png", "10.png"), ((), ()))
    assert [item.path for item in dataset.unusable] == ["gone.png"]
    assert open_images(dataset) is dataset
    archive = tmp_path / "flat.zip"
    with ZipFile(archive, "w") as file:
        for path in sorted(flat.glob("*.*")):
            if path.exists():
                file.write(path, path.name)
    dataset = open_images(archive)
    assert (dataset.paths, dataset.labels) == (("2.png", "10.png"), ((), ()))
    assert dataset.read(0) == (flat / "2.png").read_bytes()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as error:
        open_images(tmp_path / "empty")
    assert str(error.value) == (
        f"no images in {tmp_path}/empty: give a folder with one sub-folder a class, "
        "each with images"
    )


def test_whether_images_lie_in_other_files(images, tmp_path: Path):
    root = images("a/1.png")
    assert not holds_images_inside(root)
    assert holds_images_inside(root / "a" / "1.png")
    assert not holds_images_inside(tmp_path / "nothing")
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "train.parquet").touch()
    assert holds_images_inside(tmp_path / "hub")


def test_root_needs_data(tmp_path: Path):
    refuse_root_without_data(None, None)
    refuse_root_without_data(tmp_path / "t.csv", tmp_path)
    with pytest.raises(UsageError) as error:
        refuse_root_without_data(None, tmp_path)
    assert str(error.value) == (
        "--root is the folder of the images that a table names, but there is no --data; name the "
        "table with --data, or leave --root out"
    )


def test_shards_without_images_by_a_pattern(tmp_path: Path):
    (tmp_path / "note.txt").write_text("")
    for number in "01":
        with tarfile.open(tmp_path / f"{number}.tar", "w") as file:
            file.add(tmp_path / "note.txt", f"{number}.txt")
    with pytest.raises(DataError) as error:
        open_images(tmp_path / "*.tar")
    assert str(error.value) == (
        f"no image in 2 shards of {tmp_path}; the first: 0.tar/0: a sample without an image"
    )
