"""What images are like apart from their class: size, aspect, brightness.

Knows nothing of classes or scores.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from foveal.dataset.dataset import Dataset
from foveal.errors import ImageError
from foveal.evaluation.predictions import Floats, Ints
from foveal.images.decode import open_image, upright_size


def measures(listing: Dataset, rows: Ints, pixels: np.ndarray, places: Ints) -> dict[str, Floats]:
    """(n,) of each: `size` (shorter side in pixels), `aspect` (width / height), `brightness`.

    brightness: mean of the network's input, 0..1.  A measure that is the same for all is left out.
    """
    with ThreadPoolExecutor(2) as pool:
        sizes = np.array(list(pool.map(lambda row: _size(listing, int(row)), rows)), np.float64)
    found = {
        "size": sizes.min(axis=1),
        "aspect": sizes[:, 0] / sizes[:, 1],
        "brightness": brightness(pixels, places),
    }
    return {name: values for name, values in found.items() if np.ptp(values) > 0}


def brightness(pixels: np.ndarray, places: Ints) -> Floats:
    """(n,) mean of the pixels of each image, 0..1."""
    parts = [
        pixels[places[start : start + 1024]].mean(axis=(1, 2, 3), dtype=np.float64) / 255
        for start in range(0, len(places), 1024)
    ]
    return np.concatenate(parts)


def _size(listing: Dataset, row: int) -> tuple[int, int]:
    """(width, height) as shown, by the file's header; (1, 1) where it no longer can be read."""
    try:
        image = open_image(listing.read(row))
    except ImageError:
        return 1, 1
    with image:
        return upright_size(image)
