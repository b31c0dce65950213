"""Properties of images apart from their class: size, aspect ratio, brightness."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from foveal.dataset.dataset import Dataset
from foveal.errors import ImageError
from foveal.evaluation.predictions import FloatArray, IntArray
from foveal.images.decode import open_image, upright_size

N_THREADS = 2
BATCH_IMAGES = 1024


def image_properties(
    dataset: Dataset, rows: IntArray, pixels: np.ndarray, cache_rows: IntArray
) -> dict[str, FloatArray]:
    """(n,) of each: `size` (shorter side, pixels), `aspect` (width / height), `brightness`.

    rows: of `dataset`.  cache_rows: of `pixels`, for the same images.  A property that is the same
    for all images is left out.
    """
    with ThreadPoolExecutor(N_THREADS) as pool:
        sizes = np.array(list(pool.map(lambda row: _size(dataset, int(row)), rows)), np.float64)
    properties = {
        "size": sizes.min(axis=1),
        "aspect": sizes[:, 0] / sizes[:, 1],
        "brightness": brightness(pixels, cache_rows),
    }
    return {name: values for name, values in properties.items() if np.ptp(values) > 0}


def brightness(pixels: np.ndarray, cache_rows: IntArray) -> FloatArray:
    """(n,) mean level of the network's input for each of `cache_rows`, 0..1."""
    batches = [
        pixels[cache_rows[start : start + BATCH_IMAGES]].mean(axis=(1, 2, 3), dtype=np.float64)
        / 255
        for start in range(0, len(cache_rows), BATCH_IMAGES)
    ]
    return np.concatenate(batches)


def _size(dataset: Dataset, row: int) -> tuple[int, int]:
    """(width, height) as displayed, by the file's header; (1, 1) where it can no longer be read."""
    try:
        with open_image(dataset.read(row)) as image:
            return upright_size(image)
    except ImageError:
        return 1, 1
