"""A demonstration on real images: write them as files, check, train, evaluate, predict, explain.

Every step is the verb of that name, so a user can call the same.
"""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from foveal.errors import DataError, MissingExtra
from foveal.files import write_atomic
from foveal.progress import Progress, silent

if TYPE_CHECKING:
    import numpy as np

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

Data = Literal["digits", "fashion-mnist"]
EPOCHS: dict[Data, int] = {"digits": 10, "fashion-mnist": 3}
"""Enough for 0.985 on digits within the minute, and for 0.9 on Fashion-MNIST in a few."""


@dataclass(frozen=True)
class DemoResult:
    """Where the files of the demonstration are, and its results.

    test_accuracy is of `test_images` images, with its 95 % interval.  example: an image, with its
    predicted label and probability.
    """

    images_folder: Path
    images: int
    run_folder: Path
    model_path: Path
    report_path: Path
    lens_path: Path
    test_accuracy: float
    test_interval: tuple[float, float]
    test_images: int
    example: Path
    label: str
    probability: float


def demo(
    data: Data = "digits", *, out: Path = Path("foveal-demo"), progress: Progress = silent
) -> DemoResult:
    """Run every verb on `data`; everything is written under `out`/`data`.

    Raises DataError where fashion-mnist is not installed, MissingExtra without the extra `train`.
    """
    for package in ("torch", "sklearn"):
        if find_spec(package) is None:
            raise MissingExtra("foveal demo", "train")
    from foveal.verbs.check import check
    from foveal.verbs.evaluate import evaluate
    from foveal.verbs.explain import explain
    from foveal.verbs.predict import predict
    from foveal.verbs.train import train

    images, count = _write_images(data, out / data / "images", progress)
    check(images, progress=progress)
    folder = _unused_folder(out / data)
    run = train(images, epochs=EPOCHS[data], out=folder, progress=progress)
    report = folder / "test-report.html"
    scores = evaluate(run.model_path, images, report=report, progress=progress)
    example = sorted(images.rglob("*.png"))[0]
    prediction = next(iter(predict(run.model_path, [example])))
    lens = folder / "lens.html"
    explain(run.model_path, example, out=lens, progress=progress)
    assert prediction.label is not None
    assert prediction.probability is not None
    return DemoResult(
        images_folder=images,
        images=count,
        run_folder=folder,
        model_path=run.model_path,
        report_path=report,
        lens_path=lens,
        test_accuracy=scores.accuracy,
        test_interval=scores.accuracy_interval,
        test_images=scores.n,
        example=example,
        label=prediction.label,
        probability=prediction.probability,
    )


def _unused_folder(folder: Path) -> Path:
    return next(path for n in itertools.count(1) if not (path := folder / f"run-{n}").exists())


def _write_images(data: Data, folder: Path, progress: Progress) -> tuple[Path, int]:
    """Write the images as PNG files, once; the file `.complete` marks that all are there."""
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
        pixels = _read_idx(FASHION_FOLDER / f"{prefix}-images-idx3-ubyte.gz").reshape(-1, 28, 28)
        targets = _read_idx(FASHION_FOLDER / f"{prefix}-labels-idx1-ubyte.gz")
        for index, (image, target) in enumerate(zip(pixels, targets, strict=True)):
            yield f"{split}/{FASHION_CLASSES[target]}/{index:05d}.png", image


def _read_idx(path: Path) -> np.ndarray:
    """The unsigned bytes of one IDX file, without its header of 4 + 4 bytes a dimension."""
    import numpy as np

    with gzip.open(path) as file:
        content = file.read()
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3])
