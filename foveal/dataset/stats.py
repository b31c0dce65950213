"""Statistics of the training images that a network is designed from: counts, sizes, colours.

Test images are never opened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from foveal.dataset.dataset import Dataset
from foveal.dataset.pixel_facts import PixelFacts, find_pixel_facts
from foveal.dataset.sampling import even_sample
from foveal.dataset.scan.image_stats import is_grey
from foveal.dataset.types import Task
from foveal.dataset.workers.pool import map_ordered
from foveal.errors import DataError, ImageError
from foveal.images.decode import decode_opened, open_image, upright_size

MAX_SAMPLED_IMAGES = 512
"""Images whose header is read, evenly spread over the data set."""
MAX_DECODED_IMAGES = 64
"""Of those, images that are decoded to test whether they are grey."""
_CHUNK_SIZE = 32


@dataclass(frozen=True)
class Stats:
    """images: how many.  classes: name -> images, in the order of the data set's classes.

    width, height, aspect (width / height): 10th, 50th and 90th percentile of the sample.
    grey: whether all decoded images are grey.  sampled: images in the sample.
    pixels: the value range and the background.
    """

    images: int
    classes: dict[str, int]
    task: Task
    width: tuple[int, int, int]
    height: tuple[int, int, int]
    aspect: tuple[float, float, float]
    grey: bool
    sampled: int
    pixels: PixelFacts = field(default_factory=PixelFacts)


def compute_stats(dataset: Dataset, rows: Sequence[int] | None = None) -> Stats:
    """Statistics of these rows; without `rows`, of all that are not val or test.

    Raises DataError where no image of the sample can be read.
    """
    if rows is None:
        rows = [row for row, split in enumerate(dataset.splits) if split in (None, "train")]
    sample = [int(rows[index]) for index in even_sample(len(rows), MAX_SAMPLED_IMAGES)]
    decoded = {sample[index] for index in even_sample(len(sample), MAX_DECODED_IMAGES)}

    def measure(chunk: Sequence[int]) -> list[tuple[int, int, bool | None]]:
        return _measure(dataset, chunk, decoded)

    measured = [
        image for _, images in map_ordered(measure, sample, _CHUNK_SIZE) for image in images
    ]
    if not measured:
        raise DataError(
            f"none of {len(sample)} images of {dataset.root} can be read; see foveal check"
        )
    sizes = np.array([(width, height) for width, height, _ in measured])
    grey = [flag for _, _, flag in measured if flag is not None]
    counts = Counter(label for row in rows for label in dataset.labels[row])
    return Stats(
        images=len(rows),
        classes={name: counts[name] for name in dataset.classes if counts[name]},
        task=dataset.task,
        width=_int_percentiles(sizes[:, 0]),
        height=_int_percentiles(sizes[:, 1]),
        aspect=_percentiles(sizes[:, 0] / sizes[:, 1]),
        grey=bool(grey) and all(grey),
        sampled=len(measured),
        pixels=find_pixel_facts(dataset),
    )


def measure_sample(
    dataset: Dataset, rows: Sequence[int], most: int
) -> list[tuple[int, int, bool | None]]:
    """(width, height, grey) of at most so many of these rows; those that can be read."""
    sample = [int(rows[index]) for index in even_sample(len(rows), most)]

    def measure(chunk: Sequence[int]) -> list[tuple[int, int, bool | None]]:
        return _measure(dataset, chunk, set(chunk))

    return [one for _, images in map_ordered(measure, sample, _CHUNK_SIZE) for one in images]


def _measure(
    dataset: Dataset, rows: Sequence[int], decoded: set[int]
) -> list[tuple[int, int, bool | None]]:
    """(width, height, grey or None where not decoded) of the images that can be read."""
    measured: list[tuple[int, int, bool | None]] = []
    for row in rows:
        try:
            image = open_image(dataset.read(row))
            width, height = upright_size(image)
            grey = None
            if row in decoded:
                grey = is_grey(decode_opened(image, channels=3, min_size=(64, 64)))
        except ImageError:
            continue
        measured.append((width, height, grey))
    return measured


def _percentiles(values: np.ndarray) -> tuple[float, float, float]:
    low, middle, high = np.percentile(values, [10, 50, 90])
    return round(float(low), 4), round(float(middle), 4), round(float(high), 4)


def _int_percentiles(values: np.ndarray) -> tuple[int, int, int]:
    low, middle, high = _percentiles(values)
    return round(low), round(middle), round(high)
