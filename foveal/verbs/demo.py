"""The whole way on real images: write them as files, check, train, evaluate, predict, explain.

Knows nothing a user could not call: every step is the verb of that name.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from foveal.errors import DataError, MissingExtra
from foveal.files import write_atomic
from foveal.progress import Progress, silent

if TYPE_CHECKING:
    import numpy as np

FASHION_FOLDER = Path("/usr/share/datasets/fashion-mnist")
FASHION_CLASSES = (
    "t-shirt", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle-boot",
)  # fmt: skip

Data = Literal["digits", "fashion-mnist"]


@dataclass(frozen=True)
class DemoResult:
    """What the demo did: where its files lie and what came out."""

    images: Path
    count: int
    run: Path
    model: Path
    accuracy: float
    interval: tuple[float, float]
    n: int
    image: Path
    label: str
    probability: float
    report: Path
    lens: Path


def demo(
    data: Data = "digits", *, out: Path = Path("foveal-demo"), progress: Progress = silent
) -> DemoResult:
    """Go the whole way on `data`; everything is written under `out`/`data`.

    Raises DataError where fashion-mnist is asked for and not installed, MissingExtra without
    the extra `train`.
    """
    for package in ("torch", "sklearn"):
        if find_spec(package) is None:
            raise MissingExtra("foveal demo", "train")
    from foveal.verbs.check import check
    from foveal.verbs.evaluate import evaluate
    from foveal.verbs.explain import explain
    from foveal.verbs.predict import predict
    from foveal.verbs.train import train

    home = out / data
    images, written = _write_images(data, home / "images", progress)
    check(images, progress=progress)
    folder = next(home / f"run-{n}" for n in count(1) if not (home / f"run-{n}").exists())
    run = train(images, epochs=_EPOCHS[data], out=folder, progress=progress)
    report = folder / "test-report.html"
    scores = evaluate(run.model, images, report=report, progress=progress)
    image = sorted(images.rglob("*.png"))[0]
    answer = next(iter(predict(run.model, [image])))
    lens = folder / "lens.html"
    explain(run.model, image, out=lens, progress=progress)
    assert answer.label is not None
    assert answer.probability is not None
    return DemoResult(
        images=images, count=written, run=folder, model=run.model,
        accuracy=scores.accuracy, interval=scores.accuracy_interval, n=scores.n,
        image=image, label=answer.label, probability=answer.probability,
        report=report, lens=lens,
    )  # fmt: skip


_EPOCHS: dict[Data, int] = {"digits": 10, "fashion-mnist": 3}
"""Enough for 0.985 on digits within the minute, and for 0.9 on Fashion-MNIST in a few."""


def _write_images(data: Data, folder: Path, progress: Progress) -> tuple[Path, int]:
    """Write the images as PNG files, once; the file `.complete` says that all are there."""
    complete = folder / ".complete"
    if complete.is_file():
        return folder, int(complete.read_text())
    rows, total = (_digits(), 1_797) if data == "digits" else (_fashion(), 70_000)
    written = 0
    for written, (name, pixels) in enumerate(rows, start=1):
        _write_png(folder / name, pixels)
        progress("writing images", written, total)
    write_atomic(complete, str(written))
    return folder, written


def _write_png(path: Path, pixels: np.ndarray) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _digits() -> Iterator[tuple[str, np.ndarray]]:
    import numpy as np
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
        pixels = _idx(FASHION_FOLDER / f"{prefix}-images-idx3-ubyte.gz").reshape(-1, 28, 28)
        targets = _idx(FASHION_FOLDER / f"{prefix}-labels-idx1-ubyte.gz")
        for index, (image, target) in enumerate(zip(pixels, targets, strict=True)):
            yield f"{split}/{FASHION_CLASSES[target]}/{index:05d}.png", image


def _idx(path: Path) -> np.ndarray:
    """The unsigned bytes of one IDX file, without its header of 4 + 4 bytes a dimension."""
    import numpy as np

    with gzip.open(path) as file:
        content = file.read()
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3])
