"""Size, aspect ratio and brightness of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveal.dataset.open import open_dataset
from foveal.evaluation.image_properties import brightness, image_properties


def test_properties_are_those_of_the_upright_image(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    Image.new("RGB", (40, 20)).save(tmp_path / "a" / "wide.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    Image.new("RGB", (40, 20)).save(tmp_path / "a" / "turned.jpg", exif=exif)
    Image.new("RGB", (10, 10)).save(tmp_path / "b" / "square.png")
    dataset = open_dataset(tmp_path)
    rows = np.array([dataset.paths.index(path) for path in ("a/wide.png", "a/turned.jpg")])
    rows = np.append(rows, dataset.paths.index("b/square.png"))
    pixels = np.stack([np.full((2, 2, 3), level, np.uint8) for level in (0, 51, 255)])
    properties = image_properties(dataset, rows, pixels, np.arange(3))
    assert properties["size"].tolist() == [20, 20, 10]
    assert properties["aspect"].tolist() == [2, 0.5, 1]
    assert properties["brightness"] == pytest.approx([0, 0.2, 1])
    same = image_properties(dataset, rows[:2], pixels, np.array([1, 1]))
    assert set(same) == {"aspect"}


def test_a_file_that_is_gone_has_no_size(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    path = tmp_path / "a" / "image.png"
    Image.new("L", (4, 4)).save(path)
    dataset = open_dataset(tmp_path)
    path.write_bytes(b"no image")
    pixels = np.zeros((1, 2, 2, 1), np.uint8)
    assert image_properties(dataset, np.array([0]), pixels, np.array([0])) == {}


def test_brightness_follows_the_cache_rows() -> None:
    pixels = np.arange(0, 250, 50, dtype=np.uint8).reshape(5, 1, 1, 1)
    assert brightness(pixels, np.array([4, 0])) == pytest.approx([200 / 255, 0])
