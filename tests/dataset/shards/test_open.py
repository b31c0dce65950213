"""Shards as a data set: labels, splits, what is missing or damaged, a store, Parquet."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from foveal import cache, remote
from foveal.dataset.open import open_dataset, open_images, open_shard_images
from foveal.dataset.pixel_cache import build_pixel_cache
from foveal.dataset.scan.scan import scan_images
from foveal.dataset.shards.open import NO_LABEL
from foveal.dataset.shards.pack import pack_shards
from foveal.dataset.types import UnusableFile
from foveal.errors import DataError, ImageError
from foveal.spec.preprocess import Input, Preprocess


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "FIRST_PAUSE_SECONDS", 0)


@pytest.fixture
def packed(images, tmp_path: Path) -> Path:
    """Shards of 30 images in three classes."""
    root = images(" ".join(f"{'abc'[number % 3]}/{number}.png" for number in range(30)))
    return pack_shards(open_dataset(root), tmp_path / "packed", shard_bytes=2**14).folder


def upload(folder: Path, object_store) -> str:
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return object_store({f"set/{name}": content for name, content in files.items()}) + "/set"


def test_foreign_shards(write_tar, png):
    write_tar("train-0.tar", [("1.png", png(1)), ("1.cls", b"7"), ("2.png", png(2))])
    folder = write_tar("val-0.tar", [("1.png", png(3)), ("1.json", b'{"label": "x"}')]).parent
    found = open_dataset(folder)
    assert found.paths == ("train-0.tar/1.png", "val-0.tar/1.png")
    assert (found.labels, found.splits) == ((("7",), ("x",)), ("train", "val"))
    assert found.unusable == (UnusableFile("train-0.tar/2.png", NO_LABEL),)
    assert found.read(1) == png(3)
    one = open_dataset(folder / "train-0.tar")
    assert (one.paths, one.root) == (("1.png",), folder / "train-0.tar")


def test_images_without_labels_are_images(write_tar, png):
    folder = write_tar("0.tar", [("1.png", png(1)), ("2.png", png(2))]).parent
    found = open_shard_images(folder)
    assert found is not None
    assert (found.paths, found.labels) == (("0.tar/1.png", "0.tar/2.png"), ((), ()))
    for data in (folder, folder / "0.tar"):  # one file is an archive of images
        assert open_images(data).labels == ((), ())
    with pytest.raises(DataError) as info:
        open_dataset(folder)
    assert str(info.value) == (
        f"no labelled image in 1 shard of {folder}: each image needs a .cls or a .json with "
        f'"label" of the same key; the first: 0.tar/1.png: {NO_LABEL}'
    )


def test_a_missing_shard_and_one_of_another_size(packed):
    whole = open_dataset(packed)
    shards = sorted(path.name for path in packed.glob("*.tar"))
    (packed / shards[0]).unlink()
    with (packed / shards[1]).open("ab") as file:
        file.write(b"\0")
    found = open_dataset(packed)
    size = (packed / shards[1]).stat().st_size
    assert len(found) + len(found.unusable) == len(whole) == 30
    reasons = {item.reason for item in found.unusable}
    assert reasons == {
        f"no such shard: {shards[0]}",
        f"its shard {shards[1]} has {size:,} bytes, not {size - 1:,}",
    }


def test_a_damaged_byte_is_one_unusable_image(packed):
    found = open_dataset(packed)
    member = found.archive_members[4]
    path = packed / member.file
    content = bytearray(path.read_bytes())
    content[member.offset + 30] ^= 1
    path.write_bytes(bytes(content))
    changed = open_dataset(packed)
    scan = scan_images(changed, range(len(changed)))
    assert scan.unusable == (
        UnusableFile(changed.paths[4], "damaged: not the bytes that the index of the shards notes"),
    )


def test_an_index_whose_labels_are_of_other_places(packed):
    index = json.loads((packed / "index.json").read_text())
    entry = index["shardlist"][0]
    entry["offsets"] = [offset + 1 for offset in entry["offsets"]]
    (packed / "index.json").write_text(json.dumps(index))
    found = open_dataset(packed)
    with pytest.raises(ImageError, match="not the bytes that the index"):
        found.read(0)


def test_a_column_of_which_an_index_has_no_cell_is_empty(packed):
    index = json.loads((packed / "index.json").read_text())
    first, *others = index["shardlist"]
    first["columns"] = {"camera": []}
    for entry in others:
        entry["columns"] = {"camera": ["left"] * entry["nsamples"]}
    (packed / "index.json").write_text(json.dumps(index))
    cells = open_dataset(packed).extra_columns["camera"]
    assert cells == ("",) * first["nsamples"] + ("left",) * (30 - first["nsamples"])


def test_the_index_of_a_tar_is_cached_until_the_shard_changes(write_tar, png, monkeypatch):
    from foveal.dataset.shards import open as module

    made = []
    original = module.index_tar
    monkeypatch.setattr(module, "index_tar", lambda *a: made.append(a[1]) or original(*a))
    path = write_tar("0.tar", [("1.png", png(1)), ("1.cls", b"a")])
    assert open_dataset(path.parent).paths == open_dataset(path.parent).paths
    assert made == ["0.tar"]
    write_tar("0.tar", [("1.png", png(1)), ("1.cls", b"b")])
    assert open_dataset(path.parent).classes == ("b",)
    assert made == ["0.tar", "0.tar"]


def test_a_pipe_as_a_cached_index_is_not_waited_for(write_tar, png, tmp_path, monkeypatch):
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    path = write_tar("0.tar", [("1.png", png(1)), ("1.cls", b"a")])
    whole = open_dataset(path.parent)
    (entry,) = cache.list_entries()
    (index,) = (one for one in entry.folder.iterdir() if one.name != "about.json")
    index.unlink()
    os.mkfifo(index)
    assert open_dataset(path.parent).paths == whole.paths
    assert index.is_file()


@pytest.mark.parametrize("with_index", [True, False])
def test_what_is_written_beside_shards_does_not_change_them(packed, with_index):
    if not with_index:
        (packed / "index.json").unlink()
    before = open_dataset(packed).fingerprint(range(30))
    (packed / "notes.txt").write_text("packed in May")
    os.utime(packed, ns=(1, 1))
    assert open_dataset(packed).fingerprint(range(30)) == before
    os.utime(next(packed.glob("*.tar")), ns=(1, 1))
    assert open_dataset(packed).fingerprint(range(30)) != before


@pytest.mark.parametrize("with_index", [True, False])
def test_a_store_is_as_the_disk(packed, object_store, with_index):
    if not with_index:
        (packed / "index.json").unlink()
    here, there = open_dataset(packed), open_dataset(upload(packed, object_store))
    assert (there.paths, there.labels, there.classes) == (here.paths, here.labels, here.classes)
    rows = range(len(here))
    assert [there.read(row) for row in rows] == [here.read(row) for row in rows]
    here_scan, there_scan = scan_images(here, rows), scan_images(there, rows)
    assert (here_scan.content_hashes == there_scan.content_hashes).all()
    input = Input(height=8, width=8, channels=3)
    pixels = [build_pixel_cache(one, rows, input, Preprocess()).pixels for one in (here, there)]
    assert (pixels[0] == pixels[1]).all()
    assert here.fingerprint(rows) != there.fingerprint(rows)


def test_worker_processes_read_from_a_store(packed, object_store, monkeypatch):
    from foveal.dataset.workers import pool

    monkeypatch.setattr(pool, "MIN_ROWS_FOR_PROCESSES", 1)
    there = open_dataset(upload(packed, object_store))
    scan = scan_images(there, range(len(there)))
    assert (len(scan.rows), scan.unusable) == (30, ())


def test_a_shard_that_the_store_loses(packed, object_store):
    import boto3

    address = upload(packed, object_store)
    there = open_dataset(address)
    lost = there.archive_members[0].file
    bucket = address.removeprefix("s3://").partition("/")[0]
    boto3.client("s3").delete_object(Bucket=bucket, Key=f"set/{lost}")
    scan = scan_images(there, range(len(there)))
    gone = [row for row, one in enumerate(there.archive_members) if one.file == lost]
    assert [item.path for item in scan.unusable] == [there.paths[row] for row in gone]
    assert {item.reason for item in scan.unusable} == {"nothing is at this address"}


def test_parquet_in_a_store(images, tmp_path, object_store):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet as pq

    root = images(" ".join(f"all/{number}.png" for number in range(6)))
    contents = [(root / "all" / f"{number}.png").read_bytes() for number in range(6)]
    folder = tmp_path / "hub"
    folder.mkdir()
    for split, rows in (("train", range(4)), ("validation", range(4, 6))):
        image = [{"bytes": contents[row], "path": f"{row}.png"} for row in rows]
        table = pa.table({"image": image, "label": [f"c{row % 2}" for row in rows]})
        pq.write_table(table, folder / f"{split}-00000-of-00001.parquet", row_group_size=3)
    here, there = open_dataset(folder), open_dataset(upload(folder, object_store))
    assert (there.paths, there.labels, there.splits) == (here.paths, here.labels, here.splits)
    assert [there.read(row) for row in range(6)] == contents
    shutil.copy(folder / "train-00000-of-00001.parquet", folder / "a.tar")
    with pytest.raises(DataError) as info:
        open_dataset(f"{folder}/*[tr]*")
    assert str(info.value) == (
        f"{folder} holds .tar and .parquet shards; give a pattern of one kind, such as *.tar"
    )


def test_parquet_of_a_wrong_schema_in_a_store(object_store, tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet as pq

    pq.write_table(pa.table({"path": ["1.png"], "label": ["a"]}), tmp_path / "a.parquet")
    good = (tmp_path / "a.parquet").read_bytes()
    bucket = object_store(
        {"paths.parquet": good, "broken.parquet": good[:-9], "empty.parquet": b""}
    )
    for name, message in (
        (
            "paths.parquet",
            f"{bucket}/paths.parquet holds no images: its column of images must be struct{{bytes, "
            "path} or bytes called image; download a table that names files, with its files",
        ),
        ("broken.parquet", f"{bucket}/broken.parquet is not a valid Parquet file: "),
        ("empty.parquet", f"{bucket}/empty.parquet is not a valid Parquet file: "),
    ):
        with pytest.raises(DataError) as info:
            open_dataset(f"{bucket}/{name}")
        assert str(info.value).startswith(message.replace("{{", "{").replace("}}", "}"))


def test_names_that_are_no_text_are_read_again_and_again(write_tar, png):
    """JSON holds no such name, so the index is not kept; the images are read all the same."""
    name = b"\xff\x80".decode("utf-8", "surrogateescape")
    folder = write_tar("0.tar", [(f"{name}.png", png(1)), (f"{name}.cls", b"7")]).parent
    for _ in range(2):
        found = open_dataset(folder)
        assert (found.paths, found.labels) == ((f"0.tar/{name}.png",), (("7",),))
        assert found.read(0) == png(1)
