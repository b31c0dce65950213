"""What is said of a folder in which no folder says a class."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from foveal.dataset.folders.layout_advice import flat_problem
from foveal.dataset.open import open_dataset
from foveal.errors import DataError


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (
            "1.png 2.png notes.csv metadata.csv",
            "no class folders in d, but 2 images and the table metadata.csv: give the "
            "table d/metadata.csv (columns path and label), or make one sub-folder a class",
        ),
        (
            "images/1.png images/2.png labels.csv",
            "no class folders in d, but 2 images and the table labels.csv: give the "
            "table d/labels.csv (columns path and label), or make one sub-folder a class",
        ),
        (
            "train/1.png train/metadata.jsonl",
            "no class folders in d, but 1 image and the table train/metadata.jsonl: "
            "give the table d/train/metadata.jsonl (columns path and label), or make one "
            "sub-folder a class",
        ),
        (
            "data/train-00000-of-00002.parquet data/train-00001-of-00002.parquet README.md",
            "no class folders in d, but 2 Parquet files (data/train-00000-of-00002.parquet, "
            "data/train-00001-of-00002.parquet): give them in a folder alone",
        ),
        (
            "train/data-00000-of-00001.arrow train/state.json",
            "no class folders in d, but 1 Arrow file (train/data-00000-of-00001.arrow), which is "
            "not read: write the data set as Parquet (to_parquet of the datasets library) and give "
            "that file or folder",
        ),
        (
            "0001.jpg 0001.cls 0002.jpg 0002.cls",
            "no class folders in d, but a WebDataset shard: 2 images with the label in "
            "a .cls or .json: give it as .tar in a folder of shards alone, or a table with the "
            "columns path and label",
        ),
        (
            "train-0000.tar train-0001.tar",
            "no class folders in d, but 2 .tar shards (train-0000.tar): give it as .tar in a "
            "folder of shards alone, or a table with the columns path and label",
        ),
        (
            "train/cat.0.jpg train/cat.1.jpg train/dog.0.jpg train/dog.1.jpg test1/1.jpg",
            "no class folders in d, but 5 images whose names seem to say the class ('cat', "
            "'dog', as in cat.0.jpg): move each class into a folder of its name, or give a table "
            "with the columns path and label",
        ),
        (
            "n01440764.tar n01443537.tar",
            "no class folders in d, but 2 archives (n01440764.tar, n01443537.tar), and Foveal "
            "opens no archive inside another folder or archive: unpack each into a folder of its "
            "name, and give the folder around them",
        ),
        (
            "cat.zip x/dog.tar.gz notes.txt",
            "no class folders in d, but 2 archives (cat.zip, x/dog.tar.gz), and Foveal opens no "
            "archive inside another folder or archive: unpack each into a folder of its name, and "
            "give the folder around them",
        ),
        (
            "all.7z readme.txt",
            "no class folders in d, but 1 archive (all.7z), and Foveal opens no archive inside "
            "another folder or archive: take it out and give it as DATA",
        ),
        (
            "1.jpg 2.jpg",
            "no class folders in d, so 2 images without a label: make one sub-folder a class, "
            "each with its images, or give a table with the columns path and label",
        ),
        ("notes.txt", ""),
    ],
)
def test_the_way_out_is_named(names: str, problem: str) -> None:
    files = [tuple(name.split("/")) for name in names.split()]
    assert flat_problem(Path("d"), files, is_flat=True) == problem
    assert flat_problem(Path("d"), files, is_flat=False) == ""


def test_opening_stops_with_the_way_out(images) -> None:
    root = images("cat1.png cat2.png dog1.png dog2.png")
    with pytest.raises(DataError) as error:
        open_dataset(root)
    assert str(error.value) == (
        f"no class folders in {root}, but 4 images whose names seem to say the class ('cat', "
        "'dog', as in cat1.png): move each class into a folder of its name, or give a table with "
        "the columns path and label"
    )
    assert len(open_dataset(root, allow_empty=True)) == 0


def test_what_lies_in_an_archive_cannot_be_given(images, tmp_path) -> None:
    root = images("1.png 2.png")
    for name in ("train.csv", "test.csv"):
        (root / name).write_text("path,label\n1.png,a\n")
    data = Path(shutil.make_archive(str(tmp_path / "x"), "zip", root))
    with pytest.raises(DataError) as error:
        open_dataset(data)
    assert str(error.value) == (
        f"no class folders in {data}, but 2 images and the table train.csv: unpack it and give "
        "this table (columns path and label), or make one sub-folder a class"
    )
    shutil.rmtree(root)
    (root / "data").mkdir(parents=True)
    for split in ("train", "test"):
        (root / "data" / f"{split}-00000-of-00001.parquet").touch()
    data = Path(shutil.make_archive(str(tmp_path / "y"), "tar", root))
    with pytest.raises(DataError) as error:
        open_dataset(data)
    assert str(error.value) == (
        f"no class folders in {data}, but 2 Parquet files (data/test-00000-of-00001.parquet, "
        "data/train-00000-of-00001.parquet): unpack it and give the folder"
    )
