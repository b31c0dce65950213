"""The PNG files that the learn page writes, read by Pillow."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.browser  # needs node

SCRIPT = Path(__file__).parent / "png.mjs"


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (1, 128), (150, 170)])  # the last in two blocks
def test_pillow_reads_the_same_pixels(shape, tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    (tmp_path / "values.json").write_text(json.dumps(pixels.ravel().tolist()))
    command = ["node", SCRIPT, *map(str, shape), tmp_path / "values.json"]
    done = subprocess.run(command, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    with Image.open(io.BytesIO(done.stdout)) as image:
        image.load()
        assert image.mode == "RGB"
        assert (np.asarray(image) == pixels).all()
