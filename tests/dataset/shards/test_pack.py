"""Shards that are written hold every image bit for bit, and every tool reads them."""

from __future__ import annotations

import csv
import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.dataset.scan.image_stats import content_hash
from foveal.dataset.shards.index import parse_index
from foveal.dataset.shards.pack import pack_shards
from foveal.errors import UsageError


@pytest.fixture
def table(images, tmp_path: Path) -> Dataset:
    """24 images with split, group and a column `camera`."""
    root = images(" ".join(f"{number}.png" for number in range(24)))
    with (root / "t.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label", "split", "group", "camera"])
        for number in range(24):
            split = ("train", "train", "val", "test")[number % 4]
            rows.writerow([f"{number}.png", "ab|c"[number % 2 * 2 :][:1] + "x", split, "", "left"])
    return open_dataset(root / "t.csv")


def rows_of(dataset: Dataset) -> set[tuple[object, ...]]:
    camera = dataset.extra_columns.get("camera", ("",) * len(dataset))
    columns = zip(
        dataset.paths, dataset.labels, dataset.splits, dataset.groups, camera, strict=True
    )
    return {(*columns_, dataset.read(row)) for row, columns_ in enumerate(columns)}


def test_everything_is_kept_with_the_index_and_without(table, tmp_path):
    packed = pack_shards(table, tmp_path / "out", shard_bytes=2**14)
    assert (packed.images, packed.unusable) == (24, ())
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == [
        "index.json",
        "test-000000.tar",
        "train-000000.tar",
        "train-000001.tar",
        "val-000000.tar",
    ]
    assert packed.shards == 4
    assert packed.size_bytes == sum(
        path.stat().st_size for path in (tmp_path / "out").glob("*.tar")
    )
    with_index = open_dataset(tmp_path / "out")
    assert rows_of(with_index) == rows_of(table)
    (tmp_path / "out" / "index.json").unlink()
    without = open_dataset(tmp_path / "out")
    assert rows_of(without) == rows_of(table)
    assert without.paths == with_index.paths
    assert without.fingerprint([0]) != with_index.fingerprint([1])


def test_the_index_is_that_of_the_files(table, tmp_path):
    pack_shards(table, tmp_path / "out", shard_bytes=2**14)
    index = parse_index((tmp_path / "out" / "index.json").read_bytes(), "index.json")
    for entry in index.shardlist:
        content = (tmp_path / "out" / entry.url).read_bytes()
        assert entry.sha256 == hashlib.sha256(content).hexdigest()
        with tarfile.open(tmp_path / "out" / entry.url) as archive:
            members = {info.offset_data: info for info in archive if info.name.endswith(".png")}
            assert sorted(members) == sorted(entry.offsets)
            for offset, size, known in zip(entry.offsets, entry.sizes, entry.hashes, strict=True):
                image = archive.extractfile(members[offset]).read()
                assert (len(image), f"{content_hash(image):016x}") == (size, known)


def test_samples_are_those_of_webdataset(table, tmp_path):
    """Files of one key follow each other, keys are unique, .cls is the number of the class."""
    pack_shards(table, tmp_path / "out", shard_bytes=2**14)
    seen: list[str] = []
    for path in sorted((tmp_path / "out").glob("*.tar")):
        with tarfile.open(path) as archive:
            for info in archive:
                key, _, extension = info.name.partition(".")
                if not seen or seen[-1] != key:
                    seen.append(key)
                content = archive.extractfile(info).read()
                if extension == "json":
                    about = json.loads(content)
                elif extension == "cls":
                    assert table.classes[int(content)] == about["label"]
    assert len(seen) == len(set(seen)) == 24


def test_the_same_images_give_the_same_bytes_in_mixed_order(table, tmp_path):
    for name in ("one", "two"):
        pack_shards(table, tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    paths = [path for path in open_dataset(tmp_path / "one").paths if path in table.paths]
    assert paths != sorted(paths)


def test_what_cannot_be_read_is_named_and_not_packed(images, tmp_path):
    root = images("a/1.png a/2.png b/3.png")
    (root / "a" / "2.png").write_bytes(b"no image")
    packed = pack_shards(open_dataset(root), tmp_path / "out")
    reason = (
        "not a supported image format (JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF, HEIC), but text that "
    )
    reason += "starts with 'no image'"
    assert packed.unusable == (("a/2.png", reason),)
    found = open_dataset(tmp_path / "out")
    assert sorted(found.paths) == ["a/1.png", "b/3.png"]
    assert [(file.path, file.reason) for file in found.unusable] == [("a/2.png", reason)]


def test_several_labels_and_odd_names(images, tmp_path):
    root = images("1.png 2.png 3.png")
    (root / "1.png").rename(root / "1")
    (root / "2.png").rename(root / "2.x")
    given = Dataset(root, ("1", "2.x", "3.png"), (("a", "b"), (), ("|=c",)), task="multi")
    packed = pack_shards(given, tmp_path / "out")
    assert packed.images == 3
    found = open_dataset(tmp_path / "out")
    assert dict(zip(found.paths, found.labels, strict=True)) == {
        "1": ("a", "b"),
        "2.x": (),
        "3.png": ("|=c",),
    }


def test_text_that_no_utf_8_holds_is_escaped(images, tmp_path):
    root = images("1.png")
    given = Dataset(
        root,
        ("1.png",),
        (("a\ud800",),),
        groups=("\udcff",),
        extra_columns={"b\ud800": ("\ud801",)},
    )
    pack_shards(given, tmp_path / "out")
    for read in (tmp_path / "out", tmp_path / "out" / "shard-000000.tar"):
        found = open_dataset(read)
        assert (found.labels, found.groups) == ((("a\\ud800",),), ("\\udcff",))
        assert found.extra_columns == {"b\\ud800": ("\\ud801",)}


def test_nothing_is_left_where_it_cannot_be_written(table, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(UsageError) as info:
        pack_shards(table, tmp_path / "out")
    assert (
        str(info.value) == f"--out is {tmp_path / 'out'}, which is not empty; give another folder"
    )
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


def test_an_interrupt_leaves_nothing(table, tmp_path):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack_shards(table, tmp_path / "out", progress=interrupt)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
