"""Compares the predictions for the same images over different routes: batch sizes, input types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from foveal.errors import Error, MissingExtra
from foveal.prediction.prediction import Prediction
from foveal.prediction.predictor import Predictor

TOLERANCE = 1e-5
"""Largest difference of a probability, fp32."""
_SAMPLE_IMAGES = 24

Route = Callable[[], Iterator[tuple[int, Prediction]]]
"""Yields the index of an image and the prediction for it."""


class RouteSkipped(Exception):
    """The route cannot be tested here; the text says why."""


@dataclass(frozen=True)
class RouteResult:
    """How the predictions over one route compare with the reference.

    images: number compared.  different_labels: images with another label.  skipped: why the route
    was not tested, or None.  error: why it gave no predictions, or None.  tolerance: largest
    probability gap that passes; None where predictions may differ, as those of int8 do.
    """

    name: str
    images: int = 0
    different_labels: int = 0
    max_probability_gap: float = 0.0
    skipped: str | None = None
    error: str | None = None
    tolerance: float | None = TOLERANCE

    @property
    def passed(self) -> bool:
        """Whether all predictions equal the reference, or the route was skipped."""
        if self.error is not None or self.tolerance is None:
            return self.error is None
        return self.different_labels == 0 and self.max_probability_gap <= self.tolerance


def compare_route(
    name: str, reference: list[Prediction], route: Route, tolerance: float | None = TOLERANCE
) -> RouteResult:
    """Run `route` and compare it with `reference`, which is indexed by image."""
    images = different_labels = 0
    gap = 0.0
    try:
        for index, prediction in route():
            images += 1
            different_labels += prediction.label != reference[index].label
            gap = max(gap, _probability_gap(reference[index], prediction))
    except (RouteSkipped, MissingExtra) as reason:
        return RouteResult(name, skipped=str(reason))
    except Error as error:
        return RouteResult(name, images, error=str(error))
    return RouteResult(name, images, different_labels, gap, tolerance=tolerance)


def predictor_routes(predictor: Predictor, paths: list[Path]) -> list[tuple[str, Route]]:
    """Every way to pass the images at `paths` to `predictor`; changes its batch size."""
    not_jpeg = [index for index, path in enumerate(paths) if not _is_jpeg(path)]

    def predict(images: Any, batch_size: int = 64) -> Iterator[tuple[int, Prediction]]:
        predictor.batch_size = batch_size
        yield from enumerate(predictor.predict(images, top=None))

    def predict_in_memory(*, arrays: bool) -> Iterator[tuple[int, Prediction]]:
        if not not_jpeg:
            raise RouteSkipped("all images are JPEG, which is decoded at reduced size from files")
        indices = not_jpeg
        if arrays:
            indices = [index for index in not_jpeg if _is_plain(_open_image(paths[index]))]
        if not indices:
            raise RouteSkipped("no image but JPEG is upright and grey, RGB or RGBA as an array is")
        images = (_open_image(paths[index]) for index in indices)
        inputs = map(np.asarray, images) if arrays else images
        yield from zip(indices, predictor.predict(inputs, top=None), strict=True)

    return [
        ("batch of 1", lambda: predict(paths, 1)),
        ("batch of 7", lambda: predict(paths, 7)),
        ("path strings", lambda: predict(map(str, paths))),
        ("bytes", lambda: predict(path.read_bytes() for path in paths)),
        ("Pillow images", lambda: predict_in_memory(arrays=False)),
        ("arrays", lambda: predict_in_memory(arrays=True)),
    ]


def write_sample_images(folder: Path) -> Path:
    """Write images of several sizes, modes and formats into the new `folder`, always the same."""
    from PIL import Image

    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(_SAMPLE_IMAGES):
        mode = ("RGB", "L", "RGBA")[number % 3]
        colors = rng.integers(0, 256, (6, 5, len(mode)), dtype=np.uint8)
        size = (40 + 37 * number, 900 - 31 * number)
        image = Image.fromarray(colors[:, :, 0] if mode == "L" else colors).resize(size)
        suffix = "png" if number % 2 or mode == "RGBA" else "jpg"
        image.save(folder / f"{number:02d}.{suffix}")
    return folder


def _probability_gap(first: Prediction, second: Prediction) -> float:
    ours = {item.label: item.probability for item in first.top}
    theirs = {item.label: item.probability for item in second.top}
    if ours.keys() != theirs.keys():
        return float("inf")
    return max(abs(ours[label] - theirs[label]) for label in ours)


def _is_jpeg(path: Path) -> bool:
    """A large JPEG is decoded at reduced size from a path and bytes, but not from an array."""
    with path.open("rb") as file:
        return file.read(2) == b"\xff\xd8"


def _is_plain(image: Any) -> bool:
    """Whether its pixels as they are stored are all that it says: no palette, nothing to turn."""
    from PIL import ExifTags

    upright = image.getexif().get(ExifTags.Base.Orientation, 1) == 1
    return image.mode in ("L", "RGB", "RGBA") and upright and "transparency" not in image.info


def _open_image(path: Path) -> Any:
    from PIL import Image

    return Image.open(BytesIO(path.read_bytes()))
