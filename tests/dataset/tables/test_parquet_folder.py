"""Folders of Parquet files are one data set, as the datasets library and its hub write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foveal.dataset.open import holds_images_inside, open_dataset
from foveal.dataset.scan.scan import scan_images
from foveal.dataset.workers import worker
from foveal.errors import DataError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def shard(images, tmp_path: Path):
    """`shard('data/train-00000-of-00001.parquet', 'ab')` writes a Parquet file, an image a label.

    The folder of all of them is returned.
    """
    source = images(" ".join(f"{number}.png" for number in range(12)))
    contents = iter([path.read_bytes() for path in sorted(source.iterdir())])

    def write(name: str, labels: str, **columns: Any) -> Path:
        path = tmp_path / "hub" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = [{"bytes": next(contents), "path": f"{n}.png"} for n in range(len(labels))]
        names = {"names": ["a", "b", "c"], "_type": "ClassLabel"}
        info = json.dumps({"info": {"features": {"label": names}}})
        label = [ord(one) - ord("a") for one in labels]
        table = pa.table({"image": image, "label": label, **columns})
        pq.write_table(table.replace_schema_metadata({"huggingface": info}), path)
        return tmp_path / "hub"

    return write


def test_shards_are_one_data_set_with_the_splits_of_their_names(shard):
    shard("data/train-00000-of-00002.parquet", "ab")
    shard("data/train-00001-of-00002.parquet", "ba")
    root = shard("data/validation-00000-of-00001-0a1b2c.parquet", "b")
    (root / "README.md").write_text("a data set")
    found = open_dataset(root)
    assert found.paths == (
        "data/train-00000-of-00002.parquet/0.png",
        "data/train-00000-of-00002.parquet/1.png",
        "data/train-00001-of-00002.parquet/0.png",
        "data/train-00001-of-00002.parquet/1.png",
        "data/validation-00000-of-00001-0a1b2c.parquet/0.png",
    )
    assert found.labels == (("a",), ("b",), ("b",), ("a",), ("b",))
    assert found.splits == ("train",) * 4 + ("val",)
    assert (found.classes, found.empty_classes) == (("a", "b"), ("c",))
    assert [note.text for note in found.layout_notes] == [
        "3 Parquet files read as one data set: 2 files as train "
        "(data/train-00000-of-00002.parquet), 1 file as val "
        "(data/validation-00000-of-00001-0a1b2c.parquet)"
    ]
    assert len({found.read(row) for row in range(5)}) == 5
    assert len({found.file_stamp(row) for row in range(5)}) == 5
    assert len(scan_images(found, range(5)).rows) == 5
    files = json.loads(worker.encode_files(found.archive_members))
    assert [worker._parse_file(file) for file in files] == list(found.archive_members)
    assert holds_images_inside(root)


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        ("train/0000.parquet test/0000.parquet", ("test", "train")),
        ("default/partial-train/0000.parquet default/test/0000.parquet", ("train", "test")),
        ("train.parquet dev.parquet", ("val", "train")),
        ("0000.parquet 0001.parquet", (None, None)),
        ("x/train-00000-of-00001.parquet", ("train",)),
    ],
)
def test_names_of_files_and_folders_say_the_split(
    shard, names: str, splits: tuple[str | None, ...]
):
    for name in names.split():
        root = shard(name, "a")
    assert open_dataset(root).splits == splits


def test_a_column_of_splits_goes_first(shard):
    root = shard("train-00000-of-00001.parquet", "ab", split=["train", "test"])
    assert open_dataset(root).splits == ("train", "test")


def test_shards_that_are_missing_are_told(shard):
    found = open_dataset(shard("train-00001-of-00003.parquet", "ab"))
    (_, note) = found.layout_notes
    assert note.is_warning
    assert note.text == (
        "2 files of train-*-of-00003.parquet missing, 1 there: download the data set again"
    )


def test_a_shard_that_says_no_split_beside_others_is_a_question(shard):
    shard("train-00000-of-00001.parquet", "ab")
    root = shard("extra.parquet", "a")
    with pytest.raises(DataError) as error:
        open_dataset(root)
    assert str(error.value) == (
        f"{root}: the names of 1 of 2 Parquet files say no split (extra.parquet): rename them such "
        "as train-00000-of-00001.parquet, or take them out of the folder"
    )


def test_several_configurations_are_a_question(shard):
    shard("en/train-00000-of-00001.parquet", "ab")
    root = shard("fr/train-00000-of-00001.parquet", "ab")
    with pytest.raises(DataError) as error:
        open_dataset(root)
    assert str(error.value) == (
        f"{root} holds Parquet files of train in 2 folders (en, fr), as of several data sets: give "
        "one of the folders"
    )
    assert open_dataset(root / "fr").classes == ("a", "b")


def test_shards_may_name_files(images):
    root = images("../pool/1.png ../pool/2.png")
    for number, split in enumerate(("train", "test"), start=1):
        columns = {"path": [f"../pool/{number}.png"], "label": ["a"]}
        pq.write_table(pa.table(columns), root / f"{split}.parquet")
    found = open_dataset(root)
    assert found.splits == ("test", "train")
    assert np.array([len(found.read(row)) > 0 for row in range(2)]).all()


def test_root_is_the_folder_of_the_images_that_shards_name(images, tmp_path: Path):
    root = images("1.png 2.png")
    (tmp_path / "hub").mkdir()
    for number, split in enumerate(("train", "test"), start=1):
        columns = {"path": [f"/old/pool/{number}.png"], "label": ["a"]}
        pq.write_table(pa.table(columns), tmp_path / "hub" / f"{split}.parquet")
    found = open_dataset(tmp_path / "hub", root=root)
    assert (found.root, found.paths) == (root, ("2.png", "1.png"))
    assert found.splits == ("test", "train")
    with pytest.raises(DataError):
        open_dataset(tmp_path / "hub")


def test_shards_without_rows_are_no_images(shard):
    root = shard("train-00000-of-00001.parquet", "")
    with pytest.raises(DataError) as error:
        open_dataset(root)
    assert str(error.value) == (
        f"no images in {root}: give a folder with one sub-folder a class, each with images"
    )


def test_parquet_files_beside_images_are_no_data_set(images):
    root = images("cat/1.png dog/1.png")
    pq.write_table(pa.table({"path": ["cat/1.png"], "label": ["a"]}), root / "labels.parquet")
    assert open_dataset(root).classes == ("cat", "dog")
    assert not holds_images_inside(root)


def test_a_damaged_shard_is_one_sentence(shard):
    root = shard("train-00000-of-00001.parquet", "ab")
    (root / "train-00000-of-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=f"^{root}/train-00000-of-00001.parquet is not a valid Par"):
        open_dataset(root)
