"""The PNG files that the learn page writes, read by Pillow."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.browser  # needs node

SCRIPT = Path(__file__).parent / "png.mjs"


SHAPES = [(1, 1), (3, 5), (1, 128), (150, 170)]  # the last in two blocks


def pixels_of(shape):
    return np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder with `HEIGHTxWIDTH.png` of every shape: bundling the module is what takes."""
    folder = tmp_path_factory.mktemp("png")
    values = [(*shape, pixels_of(shape).ravel().tolist()) for shape in SHAPES]
    (folder / "values.json").write_text(json.dumps(values))
    done = subprocess.run(
        ["node", SCRIPT, folder / "values.json", folder], capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize("shape", SHAPES)
def test_pillow_reads_the_same_pixels(shape, written):
    height, width = shape
    with Image.open(written / f"{height}x{width}.png") as image:
        image.load()
        assert image.mode == "RGB"
        assert (np.asarray(image) == pixels_of(shape)).all()
