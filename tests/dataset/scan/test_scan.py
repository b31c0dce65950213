"""One pass over all images, cached."""

import os

import numpy as np
import pytest
from PIL import Image

from foveal import cache
from foveal.dataset.open import open_dataset
from foveal.dataset.scan import scan as module
from foveal.dataset.scan.image_stats import BRIGHTNESS, N_MEASURES, content_hash
from foveal.dataset.scan.scan import scan_images
from foveal.dataset.workers import pool


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def dataset(images):
    root = images("a/1.png a/2.png b/1.png b/2.png")
    (root / "b" / "1.png").write_bytes(b"")
    return open_dataset(root)


def test_arrays_are_of_the_readable_rows(dataset):
    scan = scan_images(dataset, [3, 2, 0])
    assert scan.rows.tolist() == [3, 0]
    assert scan.content_hashes.tolist() == [content_hash(dataset.read(row)) for row in (3, 0)]
    assert scan.sizes.tolist() == [[10, 12], [10, 12]]
    assert scan.measures.shape == (2, N_MEASURES)
    assert scan.thumbnails.shape == (0, 32, 32)
    assert scan.thumbnail_indices.tolist() == []
    assert [(item.path, item.reason) for item in scan.unusable] == [("b/1.png", "empty file")]


def test_a_scan_is_read_from_the_cache_and_a_full_one_serves_both(dataset, monkeypatch):
    first = scan_images(dataset, range(4), full=True)
    assert first.measures[:, BRIGHTNESS].all()
    monkeypatch.setattr(pool, "run_task", None)
    for full in (True, False):
        again = scan_images(dataset, range(4), full=full)
        for name, value in vars(first).items():
            assert np.array_equal(getattr(again, name), value), name
    entry = cache.list_entries()[0]
    assert entry.description == f"image statistics of {dataset.root}: 4 images"


@pytest.mark.parametrize("name", ["scan.safetensors", "about.json"])
@pytest.mark.parametrize("kind", ["file", "pipe"])
def test_a_damaged_entry_is_scanned_again(dataset, name, kind):
    first = scan_images(dataset, range(4))
    path = cache.list_entries()[0].folder / name
    path.unlink()
    path.write_bytes(b"{}") if kind == "file" else os.mkfifo(path)  # which is not waited for
    assert scan_images(dataset, range(4)).rows.tolist() == first.rows.tolist()


def test_a_cache_that_cannot_be_written_is_no_error(dataset, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "file"))
    assert scan_images(dataset, range(4)).rows.tolist() == [0, 1, 3]


def test_more_unusable_files_than_an_entry_can_hold_are_no_error(dataset, monkeypatch):
    save = module.save_file
    many = {"unusable": 110_000_000 * "x"}
    monkeypatch.setattr(module, "save_file", lambda arrays, path, _: save(arrays, path, many))
    assert scan_images(dataset, range(4)).rows.tolist() == [0, 1, 3]


def test_no_rows(dataset):
    scan = scan_images(dataset, [])
    assert scan.rows.shape == (0,)
    assert scan.measures.shape == (0, N_MEASURES)


def test_some_rows_of_a_scan_are_the_scan_of_these_rows(tmp_path):
    numbers = np.random.default_rng(0)
    for name in "abcdef":
        side = 48 if name in "bdf" else 8
        (tmp_path / "data" / name).mkdir(parents=True)
        pixels = numbers.integers(0, 256, (4, 4, 3), np.uint8).repeat(side // 4, 0)
        Image.fromarray(pixels.repeat(side // 4, 1)).save(tmp_path / "data" / name / "1.png")
    dataset = open_dataset(tmp_path / "data")
    part, alone = scan_images(dataset, range(6)).of_rows([1, 2, 5]), scan_images(dataset, [1, 2, 5])
    assert len(part.thumbnail_indices) == 2
    for name, value in vars(alone).items():
        assert np.array_equal(getattr(part, name), value), name
