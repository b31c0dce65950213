"""A fault of the moment leaves an image out only for the moment."""

from __future__ import annotations

import numpy as np
import pytest

from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.dataset.pixel_cache import build_pixel_cache
from foveal.dataset.scan.scan import scan_images
from foveal.errors import ImageError
from foveal.spec.preprocess import Input, Preprocess

SIZE, RULE = Input(height=16, width=16), Preprocess()


@pytest.fixture
def data(images, tmp_path, monkeypatch) -> Dataset:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    root = images("a/1.png a/2.png b/1.png")
    (root / "b" / "2.png").write_bytes(b"")
    return open_dataset(root)


@pytest.fixture
def failing(monkeypatch):
    real, reason = Dataset.read, ["cannot be opened: Too many open files"]

    def read(self, row):
        if reason and self.paths[row] == "a/2.png":
            raise ImageError(reason[0])
        return real(self, row)

    monkeypatch.setattr(Dataset, "read", read)
    return reason


def stored(data: Dataset) -> list[int]:
    return build_pixel_cache(data, np.arange(4), SIZE, RULE).rows.tolist()


def scanned(data: Dataset) -> list[int]:
    return scan_images(data, range(4)).rows.tolist()


@pytest.mark.parametrize("seen", [stored, scanned])
def test_what_can_be_read_again_is_there_again(data, failing, seen):
    assert seen(data) == [0, 2]
    assert seen(data) == [0, 2]
    failing.clear()
    assert seen(data) == [0, 1, 2]


@pytest.mark.parametrize("seen", [stored, scanned])
def test_what_is_still_unreadable_is_not_decoded_anew(data, failing, seen, monkeypatch):
    from foveal.dataset.workers import pool

    assert seen(data) == [0, 2]
    monkeypatch.setattr(pool, "run_task", None)
    assert seen(data) == [0, 2]


@pytest.mark.parametrize("seen", [stored, scanned])
def test_a_damaged_image_is_not_tried_again(data, failing, seen, monkeypatch):
    failing[0] = "truncated"
    assert seen(data) == [0, 2]
    monkeypatch.setattr(Dataset, "read", None)
    assert seen(data) == [0, 2]
