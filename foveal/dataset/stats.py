"""Facts about the images that a network is designed from: how many, how large, which colours.

Knows nothing of networks and nothing of test: it looks at training images only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foveal.dataset.dataset import Dataset
from foveal.dataset.sampling import even_sample
from foveal.dataset.scan.image_stats import is_grey
from foveal.dataset.types import Task
from foveal.dataset.workers.pool import map_ordered
from foveal.errors import DataError, ImageError
from foveal.images.decode import decode_opened, open_image, upright_size

MAX_SAMPLED_IMAGES = 512
"""Images whose header is read, evenly spread over the dataset."""
MAX_DECODED_IMAGES = 64
"""Of those, images that are decoded to see whether they are grey."""


@dataclass(frozen=True)
class Stats:
    """images: how many.  classes: name -> images, in the dataset's order.

    width, height, aspect (width / height): tenth, fiftieth and ninetieth percentile of the
    sample.  grey: all images looked at are grey.  sampled: how many were looked at.
    """

    images: int
    classes: dict[str, int]
    task: Task
    width: tuple[int, int, int]
    height: tuple[int, int, int]
    aspect: tuple[float, float, float]
    grey: bool
    sampled: int


def compute_stats(dataset: Dataset, rows: Sequence[int] | None = None) -> Stats:
    """Facts over these rows; without `rows`, over all that are not val or test.

    Raises DataError where no image of the sample can be read.
    """
    if rows is None:
        rows = [row for row, split in enumerate(dataset.splits) if split in (None, "train")]
    chosen = [int(rows[place]) for place in even_sample(len(rows), MAX_SAMPLED_IMAGES)]
    coloured = {chosen[place] for place in even_sample(len(chosen), MAX_DECODED_IMAGES)}
    seen = [
        one
        for _, part in map_ordered(lambda c: _seen(dataset, c, coloured), chosen, 32)
        for one in part
    ]
    if not seen:
        raise DataError(
            f"none of {len(chosen)} images of {dataset.root} can be read; see foveal check"
        )
    sizes = np.array([one[:2] for one in seen])
    looked = [one[2] for one in seen if one[2] is not None]
    counts = Counter(label for row in rows for label in dataset.labels[row])
    return Stats(
        images=len(rows),
        classes={name: counts[name] for name in dataset.classes if counts[name]},
        task=dataset.task,
        width=_whole(sizes[:, 0]),
        height=_whole(sizes[:, 1]),
        aspect=_percentiles(sizes[:, 0] / sizes[:, 1]),
        grey=bool(looked) and all(looked),
        sampled=len(seen),
    )


def _seen(
    dataset: Dataset, rows: Sequence[int], coloured: set[int]
) -> list[tuple[int, int, bool | None]]:
    """(width, height, grey or None where not looked) of the images that can be read."""
    found: list[tuple[int, int, bool | None]] = []
    for row in rows:
        try:
            image = open_image(dataset.read(row))
            width, height = upright_size(image)
            grey = (
                is_grey(decode_opened(image, channels=3, min_size=(64, 64)))
                if row in coloured
                else None
            )
        except ImageError:
            continue
        found.append((width, height, grey))
    return found


def _percentiles(values: np.ndarray) -> tuple[float, float, float]:
    low, middle, high = np.percentile(values, [10, 50, 90])
    return round(float(low), 4), round(float(middle), 4), round(float(high), 4)


def _whole(values: np.ndarray) -> tuple[int, int, int]:
    low, middle, high = _percentiles(values)
    return round(low), round(middle), round(high)
