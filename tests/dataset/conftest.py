"""Makers of small data sets with real structure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Maker = Callable[[str], Path]


@pytest.fixture()
def images(tmp_path: Path) -> Maker:
    """`images('train/cat/1.png dog/2.png')` writes differing images there; their root."""
    root = tmp_path / "data"
    count = iter(range(10**6))

    def write(names: str) -> Path:
        for name in names.split():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(next(count)).integers(0, 256, (12, 10, 3))
            Image.fromarray(noise.astype(np.uint8)).save(path)
        return root

    return write
