"""Digits a model has not seen, in the layouts evaluate is asked about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def new_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 digits that are not among the 300 of `digits`."""
    from sklearn.datasets import load_digits

    root = tmp_path_factory.mktemp("new-digits")
    images, targets = load_digits(return_X_y=True)
    for index in range(300, 700):
        folder = root / str(targets[index])
        folder.mkdir(exist_ok=True)
        pixels = (images[index].reshape(8, 8) * 255 / 16).round().astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:04d}.png")
    return root
