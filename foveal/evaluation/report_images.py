"""The images of the report page: their order, and thumbnails as many as the page's size allows."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from foveal.evaluation.error_analysis import worst_error_rows
from foveal.evaluation.predictions import IntArray, Predictions
from foveal.images.thumbnail import thumbnail_uri

MAX_PAGE_BYTES = 20_000_000
MAX_PAGE_IMAGES = 50_000
THUMBNAIL_PIXELS = 96
"""Longest side of a thumbnail."""
THUMBNAIL_JPEG_QUALITY = 80
_BLOCK_IMAGES, _PART_IMAGES = 512, 64
"""Thumbnails between two looks at the bytes that are left, and those a thread makes at a time."""
_N_THREADS = 2
_JSON_BYTES = 3
"""Quotes and comma around a thumbnail."""


@dataclass(frozen=True, eq=False)
class ReportImages:
    """The images of a report: row i is `pixels[cache_rows[i]]`, uint8 (H, W, C), at `paths[i]`."""

    pixels: np.ndarray
    cache_rows: IntArray
    paths: Sequence[str]


def image_table(predictions: Predictions, images: ReportImages, max_bytes: int) -> dict[str, Any]:
    """Columns of all images, most interesting first, with thumbnails up to `max_bytes` in all."""
    order = _display_order(predictions)[:MAX_PAGE_IMAGES]
    multi = predictions.task == "multi"
    predicted = predictions.predicted_labels if multi else predictions.predicted
    columns: dict[str, Any] = {
        "path": [images.paths[row] for row in order],
        "true": [_class_indices(predictions.targets[row]) for row in order],
        "predicted": [_class_indices(predicted[row]) for row in order],
        "probability": [round(float(predictions.confidence[row]), 6) for row in order],
        "true_probability": [round(float(predictions.true_probability[row]), 6) for row in order],
    }
    used = len(json.dumps(columns, ensure_ascii=False))
    rows = [int(images.cache_rows[row]) for row in order]
    uris = thumbnails(images.pixels, rows, max_bytes - used)
    return {
        **columns,
        "thumbnail": uris,
        "n_thumbnails": sum(1 for uri in uris if uri),
        "n_images": len(predictions),
        "height": int(images.pixels.shape[1]),
        "width": int(images.pixels.shape[2]),
    }


def thumbnails(pixels: np.ndarray, rows: Sequence[int], max_bytes: int) -> list[str]:
    """A data URI for each of `rows` of uint8 (N, H, W, C), '' once `max_bytes` are used up."""
    uris: list[str] = []

    def some(part: Sequence[int]) -> list[str]:
        return [_thumbnail(pixels[row]) for row in part]

    with ThreadPoolExecutor(_N_THREADS) as pool:
        for start in range(0, len(rows), _BLOCK_IMAGES):
            block = rows[start : start + _BLOCK_IMAGES]
            parts = [block[at : at + _PART_IMAGES] for at in range(0, len(block), _PART_IMAGES)]
            for uri in itertools.chain.from_iterable(pool.map(some, parts)):
                max_bytes -= len(uri) + _JSON_BYTES
                if max_bytes < 0:
                    return uris + [""] * (len(rows) - len(uris))
                uris.append(uri)
    return uris


def _thumbnail(pixels: np.ndarray) -> str:
    quality = THUMBNAIL_JPEG_QUALITY
    return thumbnail_uri(pixels, THUMBNAIL_PIXELS, max_png_pixels=0, quality=quality)


def _display_order(predictions: Predictions) -> list[int]:
    """Wrong predictions, worst first; then the correct ones, one of every class in turn."""
    wrong = worst_error_rows(predictions).tolist()
    correct = np.flatnonzero(predictions.correct)
    if predictions.task == "multi":
        return [*wrong, *correct.tolist()]
    by_class = correct[np.argsort(predictions.targets[correct], kind="stable")]
    classes = predictions.targets[by_class]
    turn = np.arange(len(classes)) - np.searchsorted(classes, classes)
    return [*wrong, *by_class[np.lexsort((classes, turn))].tolist()]


def _class_indices(value: Any) -> Any:
    """A class index, or the indices of several labels."""
    return int(value) if np.ndim(value) == 0 else np.flatnonzero(value).tolist()
