"""Write real sample images as files: the digits of scikit-learn, and Debian's Fashion-MNIST."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from foveal.errors import DataError
from foveal.files import write_atomic
from foveal.progress import Progress

SampleSet = Literal["digits", "fashion-mnist"]
FASHION_FOLDER = Path("/usr/share/datasets/fashion-mnist")
FASHION_CLASSES = (
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle-boot",
)


def write_samples(data: SampleSet, folder: Path, progress: Progress) -> tuple[Path, int]:
    """Write a set as PNG files into `folder`, once; the folder, and how many images it has.

    The file `.complete` marks that all are there.  Raises DataError where fashion-mnist is not
    installed.
    """
    complete = folder / ".complete"
    if complete.is_file():
        return folder, int(complete.read_text())
    images, total = (_digits(), 1_797) if data == "digits" else (_fashion(), 70_000)
    written = 0
    for written, (name, pixels) in enumerate(images, start=1):
        _write_png(folder / name, pixels)
        progress("writing images", written, total)
    write_atomic(complete, str(written))
    return folder, written


def _write_png(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _digits() -> Iterator[tuple[str, np.ndarray]]:
    from sklearn.datasets import load_digits

    values, targets = load_digits(return_X_y=True)
    pixels = (values.reshape(-1, 8, 8) * (255 / 16)).round().astype(np.uint8)
    for index, (image, target) in enumerate(zip(pixels, targets, strict=True)):
        yield f"{target}/{index:04d}.png", image


def _fashion() -> Iterator[tuple[str, np.ndarray]]:
    if not FASHION_FOLDER.is_dir():
        raise DataError(
            f"no Fashion-MNIST under {FASHION_FOLDER}: install Debian's package "
            "dataset-fashion-mnist, or run  foveal demo --data digits"
        )
    for split, prefix in (("train", "train"), ("test", "t10k")):
        pixels = _read_idx(FASHION_FOLDER / f"{prefix}-images-idx3-ubyte.gz").reshape(-1, 28, 28)
        targets = _read_idx(FASHION_FOLDER / f"{prefix}-labels-idx1-ubyte.gz")
        for index, (image, target) in enumerate(zip(pixels, targets, strict=True)):
            yield f"{split}/{FASHION_CLASSES[target]}/{index:05d}.png", image


def _read_idx(path: Path) -> np.ndarray:
    """The unsigned bytes of one IDX file, without its header of 4 + 4 bytes a dimension."""
    with gzip.open(path) as file:
        content = file.read()
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3])
