"""Pixels of small images that a scan decoded, kept in memory until the pixel cache takes them.

A small image takes longer to open than to copy: decoding it once is half of the work where val or
test is made from train, because the scan reads every image for the split.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.dataset import Dataset
from foveal.dataset.scan.image_stats import content_hash
from foveal.dataset.workers.pool import map_ordered, worker_pool
from foveal.dataset.workers.task import ChunkResult, DecodeTask, ScanTask
from foveal.images.resize import is_decoded_whole, to_input_pixels

MAX_KEPT_BYTES = 2**28
"""Of all kept pixels: 87,000 images of 32x32 in colour. Further images are decoded again."""


@dataclass(frozen=True, eq=False)
class _Decoded:
    """pixels: uint8 (H, W), or (H, W, 3) where the image has colour.  content_hash: of the file."""

    pixels: NDArray[np.uint8]
    content_hash: int


class DecodedImages:
    """Rows of one data set with their pixels; each is given away once."""

    def __init__(self, max_bytes: int = MAX_KEPT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._images: dict[int, _Decoded] = {}
        self._rule: object = None

    def add(self, rows: Sequence[int], result: ChunkResult, task: ScanTask) -> None:
        """Keep the small images of a scanned chunk, as long as there is room."""
        self._rule = (task.background, task.range)
        ends = result.arrays["kept_shapes"].prod(1).cumsum()
        for position, shape, value, end in zip(
            result.arrays["positions"].tolist(),
            result.arrays["kept_shapes"].tolist(),
            result.arrays["content_hashes"].tolist(),
            ends.tolist(),
            strict=True,
        ):
            height, width, channels = shape
            size = height * width * channels
            if not size or self._bytes + size > self._max_bytes:
                continue
            pixels = result.arrays["kept_pixels"][end - size : end]
            shaped = pixels.reshape(shape if channels == 3 else shape[:2])
            self._images[rows[position]] = _Decoded(shaped, value)
            self._bytes += size

    def holds(self, row: int, task: DecodeTask) -> bool:
        """Whether the row is kept, with the pixels that decoding its file for `task` would give."""
        if self._rule != (task.background, task.range) or row not in self._images:
            return False
        height, width = self._images[row].pixels.shape[:2]
        return is_decoded_whole((width, height), task, task)

    def pop(self, rows: Sequence[int], task: DecodeTask) -> tuple[ChunkResult, list[int]]:
        """The result of `task` on those of the rows that are kept, and the positions of the rest.

        Positions of the result are those in `rows`; its images are no longer kept.
        """
        images = {
            position: self._images.pop(row)
            for position, row in enumerate(rows)
            if self.holds(row, task)
        }
        pixels = np.empty((len(images), *task.shape), np.uint8)
        for index, image in enumerate(images.values()):
            pixels[index] = _input_pixels(image.pixels, task)
        arrays: dict[str, NDArray[Any]] = {
            "positions": np.array(list(images), np.int64),
            "pixels": pixels,
            "content_hashes": np.array([one.content_hash for one in images.values()], np.uint64),
            "pixel_hashes": np.array([content_hash(one.data) for one in pixels], np.uint64),
        }
        return ChunkResult(arrays, ()), [n for n in range(len(rows)) if n not in images]


def _input_pixels(pixels: NDArray[np.uint8], task: DecodeTask) -> NDArray[np.uint8]:
    """(H, W, C) of the task; where nothing is resized without going through Pillow."""
    if pixels.shape == task.shape and task.crop_fraction == 1:
        return pixels
    if pixels.shape == task.shape[:2] and task.crop_fraction == 1:
        return pixels[:, :, None]  # grey in all channels
    return to_input_pixels(pixels, task, task)


def decode_chunks(
    dataset: Dataset,
    task: DecodeTask,
    rows: Sequence[int],
    chunk_size: int,
    decoded: DecodedImages | None,
) -> Generator[tuple[Sequence[int], ChunkResult]]:
    """As `map_chunks`, without reading the files of images that `decoded` holds."""
    kept = decoded or DecodedImages()
    unread = sum(not kept.holds(row, task) for row in rows)
    with worker_pool(dataset, task, unread) as run_chunk:

        def decode(chunk: Sequence[int]) -> ChunkResult:
            return _decode_rest(chunk, task, kept, run_chunk)

        with contextlib.closing(map_ordered(decode, rows, chunk_size)) as results:
            yield from results


def _decode_rest(
    rows: Sequence[int],
    task: DecodeTask,
    kept: DecodedImages,
    run_chunk: Callable[[Sequence[int]], ChunkResult],
) -> ChunkResult:
    """The kept images of a chunk and, decoded now, the others."""
    taken, rest = kept.pop(rows, task)
    if not rest:
        return taken
    read = run_chunk([rows[position] for position in rest])
    failures = tuple((rest[position], reason) for position, reason in read.failures)
    places = np.array(rest, np.int64)[read.arrays["positions"]]
    order = np.concatenate([taken.arrays["positions"], places]).argsort()
    arrays = {
        name: np.concatenate([array, places if name == "positions" else read.arrays[name]])[order]
        for name, array in taken.arrays.items()
    }
    return ChunkResult(arrays, failures)
