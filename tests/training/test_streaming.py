"""Streamed pixels are those of the pixel cache, decoded ahead in any order, with bounded memory."""

from __future__ import annotations

import functools
import http.server
import threading
from pathlib import Path

import numpy as np
import pytest

from foveal import remote
from foveal.dataset.dataset import Dataset
from foveal.dataset.file_facts import read_file_facts
from foveal.dataset.open import open_dataset
from foveal.dataset.pixel_cache import build_pixel_cache
from foveal.dataset.shards.local_copy import copy_path
from foveal.dataset.shards.pack import pack_shards
from foveal.dataset.shards.shard_table import can_stream, shard_table
from foveal.dataset.workers.task import decode_task
from foveal.errors import DataError
from foveal.spec.preprocess import Input, Preprocess
from foveal.training import streaming
from foveal.training.streaming import StreamedPixels, Upcoming

INPUT = Input(height=8, width=8, channels=1)


@pytest.fixture(scope="module")
def shards(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streamed") / "shards"
    return pack_shards(open_dataset(digits), folder, shard_bytes=2**16).folder


def stream(dataset: Dataset) -> StreamedPixels:
    facts = read_file_facts(dataset, np.arange(len(dataset)))
    table = shard_table(dataset, facts.rows)
    task = decode_task(INPUT, Preprocess())
    return StreamedPixels(dataset, facts.rows, facts.content_hashes, task, table)


@pytest.fixture
def cached(shards):
    return build_pixel_cache(open_dataset(shards), range(300), INPUT, Preprocess()).pixels


@pytest.mark.parametrize(
    "key",
    [
        3,
        np.int64(-1),
        slice(None, None, 70),
        slice(0, 0),
        np.array([299, 0, 5, 5]),
        np.arange(100),
    ],
)
def test_indexing_is_that_of_the_pixel_cache(shards, cached, key):
    pixels = stream(open_dataset(shards))
    try:
        assert (pixels.shape, pixels.nbytes, len(pixels)) == (cached.shape, cached.nbytes, 300)
        found = pixels[key]
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, cached[key])
    finally:
        pixels.close()


def test_batches_are_decoded_ahead_and_others_still_read(shards, cached, monkeypatch):
    monkeypatch.setattr(streaming, "MAX_AHEAD_BATCHES", 3)
    pixels = stream(open_dataset(shards))
    order = np.random.default_rng(0).permutation(300)
    batches = np.array_split(order, 9)
    taken = []

    def upcoming():
        for batch in batches:
            taken.append(batch)
            yield Upcoming(batch)

    pixels.expect(upcoming())
    assert len(taken) == 3
    for number, batch in enumerate(batches):
        np.testing.assert_array_equal(pixels[batch], cached[batch])
        np.testing.assert_array_equal(pixels[batch[:2]], cached[batch[:2]])
        assert len(taken) == min(9, number + 4)
    pixels.expect(iter(()))
    np.testing.assert_array_equal(pixels[batches[0]], cached[batches[0]])
    pixels.close()


def test_what_is_ahead_is_bounded_by_bytes(shards, monkeypatch):
    monkeypatch.setattr(streaming, "MAX_AHEAD_BYTES", 64 * 25)
    pixels = stream(open_dataset(shards))
    pixels.expect(Upcoming(np.arange(10)) for _ in range(100))
    assert len(pixels._pending) == 3
    monkeypatch.setattr(streaming, "MAX_AHEAD_BYTES", 1)
    pixels.expect(Upcoming(np.arange(10)) for _ in range(100))
    assert len(pixels._pending) == 2
    pixels.close()


def test_an_image_that_is_lost_or_changed_ends_the_run(digits, tmp_path):
    folder = pack_shards(open_dataset(digits), tmp_path / "s", shard_bytes=2**16).folder
    dataset = open_dataset(folder)
    pixels = stream(dataset)
    lost = dataset.archive_members[7]
    (folder / lost.file).rename(tmp_path / "away")
    for attempt in range(2):
        if attempt:
            pixels.expect([Upcoming(np.array([7]))])
        with pytest.raises(DataError) as info:
            pixels[np.array([7])]
        assert str(info.value) == (
            f"training stopped, as {dataset.paths[7]} cannot be used any more: cannot be opened: "
            "No such file or directory; what was trained is saved: mend it and continue with "
            "--resume"
        )
    (tmp_path / "away").rename(folder / lost.file)
    pixels.content_hashes = pixels.content_hashes.copy()
    pixels.content_hashes[7] ^= np.uint64(1)
    with pytest.raises(DataError, match="it is another image than at the beginning of the run"):
        pixels[np.array([7])]
    pixels.close()


def test_closing_ends_every_thread(shards):
    before = threading.active_count()
    pixels = stream(open_dataset(shards))
    pixels.expect(Upcoming(np.arange(50)) for _ in range(10))
    pixels.close()
    for thread in threading.enumerate():
        if thread.name.startswith(("foveal-decode", "foveal-fetch")):
            thread.join(10)
    assert threading.active_count() <= before


def test_a_sample_is_of_many_shards(shards, monkeypatch):
    monkeypatch.setattr(streaming, "SAMPLED_IMAGES", 40)
    pixels = stream(open_dataset(shards))
    places = pixels.sample()
    count = pixels.shards.count
    assert count > 8
    assert len(places) == count * -(-40 // count)
    assert set(pixels.shards.numbers[places]) == set(range(count))
    pixels.close()


def test_shards_of_a_store_are_fetched_ahead_and_read_without_them(
    shards, cached, object_store, monkeypatch, tmp_path
):
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    files = {f"set/{path.name}": path.read_bytes() for path in shards.iterdir()}
    dataset = open_dataset(object_store(files) + "/set")
    pixels = stream(dataset)
    remote = pixels.shards.copies
    assert remote is not None
    assert all(len(shard.sha256) == 64 for shard in remote)
    pixels.expect([Upcoming(np.arange(40), [0, 1]), Upcoming(np.arange(40, 80))])
    np.testing.assert_array_equal(pixels[np.arange(40)], cached[:40])
    np.testing.assert_array_equal(pixels[np.arange(40, 80)], cached[40:80])
    there = [copy_path(shard.address).is_file() for shard in remote]
    assert there[:2] == [True, True]
    assert not any(there[2:])
    pixels.close()


def test_a_store_that_ends_stops_the_run_with_one_sentence(shards, object_store, monkeypatch):
    monkeypatch.setattr(remote, "FIRST_PAUSE_SECONDS", 0)
    files = {f"set/{path.name}": path.read_bytes() for path in shards.iterdir()}
    dataset = open_dataset(object_store(files) + "/set")
    pixels = stream(dataset)

    def refuse(*_: object) -> bytes:
        raise ConnectionError("the store is gone")

    with monkeypatch.context() as patch:
        patch.setattr(remote, "_read", refuse)
        with pytest.raises(DataError) as info:
            pixels[np.array([5])]
    assert str(info.value) == (
        f"training stopped, as {dataset.paths[5]} cannot be used any more: no answer after 4 "
        "attempts: the store is gone; what was trained is saved: mend it and continue with --resume"
    )
    assert pixels[np.array([5])].shape == (1, 8, 8, 1)
    pixels.close()


def test_processes_of_one_machine_share_its_cores(monkeypatch):
    monkeypatch.setattr(streaming, "available_cores", lambda: 8)
    assert streaming.worker_count() == 8
    for processes, workers in (("3", 2), ("64", 1), ("1", 8), ("x", 8)):
        monkeypatch.setenv("LOCAL_WORLD_SIZE", processes)
        assert streaming.worker_count() == workers


def test_worker_processes_decode_the_same(shards, cached, monkeypatch):
    from foveal.dataset.workers import pool

    monkeypatch.setattr(pool, "MIN_ROWS_FOR_PROCESSES", 1)
    pixels = stream(open_dataset(shards))
    pixels.expect([Upcoming(np.arange(200)), Upcoming(np.arange(100))])
    np.testing.assert_array_equal(pixels[np.arange(200)], cached[:200])
    pixels.close()


@pytest.fixture(scope="module")
def parquet(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits in two Parquet files of row groups of 20, as the datasets library writes them."""
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet as pq

    folder = tmp_path_factory.mktemp("rows") / "hub"
    folder.mkdir()
    paths = sorted(digits.glob("*/*.png"), key=lambda path: path.name)
    for number, part in enumerate((paths[:150], paths[150:])):
        image = [{"bytes": path.read_bytes(), "path": path.name} for path in part]
        table = pa.table({"image": image, "label": [path.parent.name for path in part]})
        pq.write_table(table, folder / f"train-0000{number}-of-00002.parquet", row_group_size=20)
    return folder


@pytest.mark.parametrize("in_store", [False, True])
def test_row_groups_are_copied_ahead(parquet, object_store, in_store, monkeypatch, tmp_path):
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    here = open_dataset(parquet)
    files = {f"set/{path.name}": path.read_bytes() for path in parquet.iterdir()}
    dataset = open_dataset(object_store(files) + "/set") if in_store else here
    assert can_stream(dataset)
    cached = build_pixel_cache(here, range(300), INPUT, Preprocess()).pixels
    pixels = stream(dataset)
    table = pixels.shards
    assert (table.unit, table.count, np.bincount(table.numbers).tolist()) == (
        "row group",
        16,
        [*[20] * 7, 10, *[20] * 7, 10],
    )
    mixed = np.array([3, 30, 299, 31, 0, 3])
    pixels.expect([Upcoming(mixed, [0, 1, 15]), Upcoming(np.arange(20, 60))])
    np.testing.assert_array_equal(pixels[mixed], cached[mixed])
    np.testing.assert_array_equal(pixels[np.arange(20, 60)], cached[20:60])
    there = [copy_path(copy.address).is_file() for copy in table.copies]
    assert [number for number, one in enumerate(there) if one] == [0, 1, 15]
    pixels.close()


def test_a_parquet_file_that_is_lost_ends_the_run(parquet, tmp_path):
    import shutil

    folder = Path(shutil.copytree(parquet, tmp_path / "hub"))
    pixels = stream(open_dataset(folder))
    (folder / "train-00001-of-00002.parquet").unlink()
    pixels.expect([Upcoming(np.array([200]), [10])])
    with pytest.raises(DataError) as info:
        pixels[np.array([200])]
    assert str(info.value) == (
        "training stopped, as train-00001-of-00002.parquet/0200.png cannot be used any more: "
        "cannot be opened: No such file or directory; what was trained is saved: mend it and "
        "continue with --resume"
    )
    assert pixels[np.array([2])].shape == (1, 8, 8, 1)
    pixels.close()


def test_shards_of_the_web_are_fetched_whole(shards, cached, monkeypatch, tmp_path):
    """From a server that lists nothing and sends no parts of files."""
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(shards))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    last = len(list(shards.glob("*.tar"))) - 1
    try:
        address = f"http://127.0.0.1:{server.server_port}/shard-{{000000..{last:06d}}}.tar"
        pixels = stream(open_dataset(address))
        assert [copy.size for copy in pixels.shards.copies] == [
            path.stat().st_size for path in sorted(shards.glob("*.tar"))
        ]
        pixels.expect([Upcoming(np.arange(300), range(last + 1))])
        np.testing.assert_array_equal(pixels[np.arange(300)], cached[:])
        pixels.close()
    finally:
        server.shutdown()
        server.server_close()
