"""The examples run as a person would run them, on less."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(name: str, folder: Path, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real photos without a download: tiles of the two that scikit-learn brings."""
    from sklearn.datasets import load_sample_images

    root = tmp_path_factory.mktemp("tiles")
    found = load_sample_images()
    for path, photo in zip(found.filenames, found.images, strict=True):
        folder = root / Path(path).stem
        folder.mkdir()
        for row in range(0, photo.shape[0] - 71, 72):
            for column in range(0, photo.shape[1] - 71, 72):
                part = photo[row : row + 72, column : column + 72]
                tile = Image.fromarray(np.ascontiguousarray(part))
                tile.save(folder / f"{row:03d}-{column:03d}.jpg", quality=92)
    return root


def test_digits_tells_accuracy_and_exports(tmp_path):
    told = run("digits.py", tmp_path, "--images", 300, "--epochs", 3)
    assert told.startswith("300 images, 10 classes\n38,330 weights to learn")
    assert "maps after the first convolution: (16, 8, 8)" in told
    assert "same prediction on 100.0% of" in told
    assert (tmp_path / "digits-example" / "lens.html").is_file()


def test_photos_designs_trains_and_writes_both_pages(tiles, tmp_path):
    told = run("photos.py", tmp_path, tiles, "--minutes", 0.05, "--size", 24)
    assert "80 images, 0 that cannot be read" in told
    assert "least sure of" in told
    for page in ("report.html", "lens.html"):
        assert (tmp_path / "photos-example" / page).is_file()


def test_defects_abstains_on_some_and_is_right_more_often(tmp_path):
    told = run("defects.py", tmp_path, "--images", 500, "--epochs", 4, "--accuracy", 0.8)
    assert "always answering:" in told
    assert "it says it does not know" in told
    assert "of these are right" in told
