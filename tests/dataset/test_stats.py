"""What design is told of the images."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from foveal.dataset.open import open_dataset
from foveal.dataset.stats import MAX_DECODED_IMAGES, compute_stats
from foveal.errors import DataError


def made(root, count, channels=3, broken=()):
    random = np.random.default_rng(0)
    for number in range(count):
        path = root / "ab"[number % 2] / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (10, 20, 3) if channels == 3 else (10, 20)
        Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(path)
    data = open_dataset(root)
    for row in broken:
        (root / data.paths[row]).write_bytes(b"no image")
    return data


@pytest.mark.parametrize("channels", [1, 3])
def test_sizes_classes_and_colour(tmp_path, channels):
    found = compute_stats(made(tmp_path, 30, channels))
    assert (found.images, found.sampled) == (30, 30)
    assert found.classes == {"a": 15, "b": 15}
    assert found.width == (20, 20, 20)
    assert found.height == (10, 10, 10)
    assert found.aspect == (2.0, 2.0, 2.0)
    assert found.grey is (channels == 1)


def test_images_are_grey_only_where_some_were_looked_at(tmp_path):
    count = 2 * MAX_DECODED_IMAGES
    looked = np.linspace(0, count - 1, MAX_DECODED_IMAGES).astype(int)
    found = compute_stats(made(tmp_path, count, broken=looked))
    assert found.sampled == MAX_DECODED_IMAGES
    assert not found.grey


def test_nothing_readable_is_one_sentence(tmp_path):
    data = made(tmp_path, 4, broken=range(4))
    with pytest.raises(DataError) as caught:
        compute_stats(data)
    assert str(caught.value) == (f"none of 4 images of {tmp_path} can be read; see foveal check")
