"""Data sets and scans as values, without any file."""

from pathlib import Path

import numpy as np
import pytest

from foveal.dataset.dataset import Dataset
from foveal.dataset.scan.image_stats import N_MEASURES
from foveal.dataset.scan.scan import Scan


@pytest.fixture
def make_dataset():
    def make(labels, **fields):
        paths = tuple(f"{row}.png" for row in range(len(labels)))
        labels = tuple((label,) if isinstance(label, str) else label for label in labels)
        return Dataset(Path("data"), paths, labels, **fields)

    return make


@pytest.fixture
def make_scan():
    def make(count, size=(8, 8)):
        hashes = np.random.default_rng(0).integers(0, 2**63, count).astype(np.uint64)
        return Scan(
            rows=np.arange(count),
            content_hashes=hashes,
            pixel_hashes=hashes,
            sizes=np.tile(np.array(size, np.int32), (count, 1)),
            measures=np.zeros((count, N_MEASURES), np.float32),
            thumbnails=np.empty((0, 32, 32), np.uint8),
            thumbnail_indices=np.empty(0, np.int64),
            unusable=(),
        )

    return make
