"""Row groups are read as a whole or copied with bounded memory; damage is one sentence."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from foveal.dataset.open import open_dataset
from foveal.dataset.scan.scan import scan_images
from foveal.dataset.shards import row_group
from foveal.dataset.shards.local_copy import copy_path, fetch
from foveal.dataset.shards.row_group import (
    find_row_groups,
    read_copied_image,
    read_image,
    row_group_address,
)
from foveal.dataset.tables.parquet_image import ParquetImage
from foveal.errors import DataError, ImageError
from foveal.remote import RemoteFile

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def contents(images) -> list[bytes]:
    root = images(" ".join(f"all/{number}.png" for number in range(20)))
    return [(root / "all" / f"{number}.png").read_bytes() for number in range(20)]


@pytest.fixture
def table(contents, tmp_path) -> Path:
    """20 images of two classes in row groups of 7, the third one without its bytes."""
    image = [{"bytes": content, "path": f"{row}.png"} for row, content in enumerate(contents)]
    image[2]["bytes"] = None
    label = [f"c{row % 2}" for row in range(20)]
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"image": image, "label": label}), path, row_group_size=7)
    return path


def groups_of(path: Path, file: str = "") -> list[row_group.RowGroup]:
    return find_row_groups(path, [(file, "image.bytes", number) for number in range(3)])


def test_a_copy_has_every_image(table, contents, monkeypatch):
    monkeypatch.setattr(row_group, "BATCH_ROWS", 3)
    for number, group in enumerate(groups_of(table)):
        assert (group.rows, group.group, group.stamp) == ((7, 7, 6)[number], number, "")
        assert fetch(group)
        copy = copy_path(group.address)
        for row in range(group.rows):
            if (number, row) == (0, 2):
                with pytest.raises(ImageError, match=r"^no image in this row of the table$"):
                    read_copied_image(copy, row)
            else:
                assert read_copied_image(copy, row) == contents[7 * number + row]
                assert (
                    read_image(str(table), "image.bytes", number, row) == contents[7 * number + row]
                )


def test_an_image_is_read_from_the_copy_while_it_is_there(table, contents, monkeypatch):
    (group, *_) = groups_of(table)
    image = ParquetImage("parquet", "image.bytes", 0, 4)
    fetch(group)
    with monkeypatch.context() as patch:
        patch.setattr(row_group, "_read_row_group", None)  # is not called
        assert image.read(table) == contents[4]
    address = group.address
    copy_path(address).write_bytes(b"")
    assert image.read(table) == contents[4]
    os.utime(table, ns=(0, 0))  # another stamp: the copy is not that of this file
    assert row_group_address(str(table), "image.bytes", 0) != address
    assert image.read(table) == contents[4]


def test_threads_in_several_row_groups_read_each_once(table, contents, monkeypatch):
    read_group, read = row_group._read_row_group, []

    def counted(key):
        read.append(key[3])
        return read_group(key)

    monkeypatch.setattr(row_group, "_read_row_group", counted)
    in_step = threading.Barrier(6, timeout=60)

    def read_some(thread: int) -> list[bytes]:
        found = []
        for row in range(3):
            in_step.wait()
            found.append(read_image(str(table), "image.bytes", thread // 2, 3 + row))
        return found

    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(read_some, range(6)))
    assert found == [contents[7 * (thread // 2) + 3 :][:3] for thread in range(6)]
    assert sorted(read) == [0, 1, 2]


def test_plain_bytes_are_copied_too(contents, tmp_path):
    path = tmp_path / "plain.parquet"
    pq.write_table(pa.table({"image": contents[:3], "label": ["a", "b", "a"]}), path)
    (group,) = find_row_groups(path, [("", "image", 0)])
    assert fetch(group)
    assert [read_copied_image(copy_path(group.address), row) for row in range(3)] == contents[:3]
    with pytest.raises(ImageError, match=r"^cannot be read from the copy of its row group: "):
        read_copied_image(copy_path(group.address), 10**6)


def test_copying_is_ended(table, tmp_path):
    ended = threading.Event()
    ended.set()
    (group, *_) = groups_of(table)
    assert not group.write(tmp_path / "copy", ended)
    assert not fetch(group, ended)


def damage(path: Path, group: int) -> None:
    """Overwrite the pages of the images of a row group."""
    with pq.ParquetFile(path) as file:
        chunk = file.metadata.row_group(group).column(0)
        start, size = chunk.dictionary_page_offset or chunk.data_page_offset, 60
    content = bytearray(path.read_bytes())
    content[start : start + size] = b"\xff" * size
    path.write_bytes(bytes(content))


def test_a_file_that_lost_row_groups_since_it_was_listed(table, contents):
    group = {"image": [{"bytes": contents[0], "path": "0.png"}], "label": ["c0"]}
    pq.write_table(pa.table(group), table)
    for root, file in ((table, ""), (table.parent, table.name)):
        with pytest.raises(DataError) as info:
            groups_of(root, file)
        assert str(info.value) == (
            f"{table} has changed while it was read: it no longer holds row group 1 of its "
            "images; run again when it is whole"
        )


def test_an_address_whose_row_groups_are_fewer_now_is_told_as_it_was_given(table, monkeypatch):
    monkeypatch.setattr(
        row_group, "list_remote_files", lambda address: [RemoteFile(address, 1, "")]
    )
    monkeypatch.setattr(row_group, "open_parquet_file", lambda _: str(table))
    for root, file in ((Path("s3://b/d/t.parquet"), ""), (Path("s3://b/d"), "t.parquet")):
        with pytest.raises(DataError) as info:
            find_row_groups(root, [(file, "image.bytes", 7)])
        assert str(info.value) == (
            "s3://b/d/t.parquet has changed while it was read: it no longer holds row group 7 of "
            "its images; run again when it is whole"
        )


def test_a_broken_row_group_loses_no_other(table, contents):
    damage(table, 1)
    dataset = open_dataset(table)
    scan = scan_images(dataset, range(20))
    lost = {item.path: item.reason for item in scan.unusable}
    assert sorted(scan.rows.tolist()) == [0, 1, *range(3, 7), *range(14, 20)]
    assert lost["2.png"] == "no image in this row of the table"
    reasons = {lost[f"{row}.png"] for row in range(7, 14)}
    assert len(reasons) == 1
    assert reasons.pop().startswith("cannot be read from the table: ")
    (whole, broken, _) = groups_of(table)
    assert fetch(whole)
    with pytest.raises(ImageError, match=r"^cannot be read from the table: "):
        fetch(broken)
    assert not copy_path(broken.address).exists()


def test_a_file_that_cannot_be_described(tmp_path):
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1")
    for path, reason in (
        (broken, "cannot be read from the table: "),
        (tmp_path / "none.parquet", "cannot be read from the table: "),
    ):
        with pytest.raises(DataError) as info:
            find_row_groups(path, [("", "image.bytes", 0)])
        assert str(info.value).startswith(f"cannot read {path}: {reason}")


def test_a_store(table, contents, object_store):
    bucket = object_store({"set/table.parquet": table.read_bytes()})
    dataset = open_dataset(f"{bucket}/set")
    groups = groups_of(dataset.root, "table.parquet")
    assert len({group.stamp for group in groups}) == 1
    assert all(fetch(group) for group in groups)
    copy = copy_path(groups[1].address)
    assert read_copied_image(copy, 1) == contents[8] == dataset.read(8)
    open_dataset(f"{bucket}/set")
    assert copy.is_file()
    object_store({"set/table.parquet": table.read_bytes() + b"other"}, bucket)
    with pytest.raises(DataError, match="is not a valid Parquet file"):
        open_dataset(f"{bucket}/set")
    pq.write_table(pq.read_table(table).slice(0, 14), table, row_group_size=7)
    object_store({"set/table.parquet": table.read_bytes()}, bucket)
    open_dataset(f"{bucket}/set")
    assert not copy.exists()
