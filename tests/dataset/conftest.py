"""Makers of small data sets with real structure."""

from __future__ import annotations

import tarfile
import zipfile
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


@pytest.fixture(scope="session")
def zipped() -> Callable[..., Path]:
    """`zipped(folder, out, prefix="")` packs the files of a folder; the path of the archive."""

    def pack(root: Path, out: Path, prefix: str = "") -> Path:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
            for path in sorted(root.rglob("*")):
                if path.is_file():
                    file.write(path, prefix + path.relative_to(root).as_posix())
        return out

    return pack


@pytest.fixture(scope="session")
def tarred() -> Callable[[Path, Path], Path]:
    """`tarred(folder, out)` packs a folder; the path of the archive."""

    def pack(root: Path, out: Path) -> Path:
        with tarfile.open(out, "w") as file:
            file.add(root, arcname=".")
        return out

    return pack
