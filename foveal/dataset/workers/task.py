"""What is done with the files of a chunk: they are looked at, or decoded for the store.

Knows nothing of threads, processes, caches or labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.scan.image_stats import (
    N_MEASURES,
    THUMBNAIL_SIDE,
    ImageStats,
    compute_image_stats,
    content_hash,
)
from foveal.errors import ImageError
from foveal.images.resize import to_input_pixels


@dataclass(frozen=True)
class ScanTask:
    """Look at each image; full: also how it is lit and how sharp it is."""

    full: bool


@dataclass(frozen=True)
class DecodeTask:
    """Bring each image to (height, width, channels), as `to_input_pixels` does."""

    height: int
    width: int
    channels: Literal[1, 3]
    fit: Literal["crop", "pad", "squash"]
    background: tuple[int, int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.height, self.width, self.channels


@dataclass(frozen=True, eq=False)
class ChunkResult:
    """What a chunk of files gave.

    arrays: one row an image that could be read; `places` int64 says which of the chunk it is.
    Looking: `content`, `pixel`, `size`, `measures` as in Scan, `drawn` bool, `thumbnails` uint8
    one for each drawn.  Decoding: `pixels` uint8 (n, H, W, C), `hashes`, `pixel_hashes` uint64.
    bad: place and reason of each file that could not be read.
    """

    arrays: Mapping[str, NDArray[Any]]
    failures: tuple[tuple[int, str], ...]


def run_task(task: ScanTask | DecodeTask, read: Callable[[int], bytes], count: int) -> ChunkResult:
    """The job on the files that read(0) to read(count - 1) give; read may raise ImageError."""
    return (
        _run_scan(task, read, count)
        if isinstance(task, ScanTask)
        else _run_decode(task, read, count)
    )


def _run_scan(job: ScanTask, read: Callable[[int], bytes], count: int) -> ChunkResult:
    places: list[int] = []
    looks: list[ImageStats] = []
    bad: list[tuple[int, str]] = []
    for place in range(count):
        try:
            looks.append(compute_image_stats(read(place), full=job.full))
            places.append(place)
        except ImageError as error:
            bad.append((place, error.reason))
    thumbnails = [one.thumbnail for one in looks if one.thumbnail is not None]
    arrays: dict[str, NDArray[Any]] = {
        "places": np.array(places, np.int64),
        "content": np.array([one.content_hash for one in looks], np.uint64),
        "pixel": np.array([one.pixel_hash for one in looks], np.uint64),
        "size": np.array([(one.width, one.height) for one in looks], np.int32).reshape(-1, 2),
        "measures": np.array([one.measures for one in looks], np.float32).reshape(-1, N_MEASURES),
        "drawn": np.array([one.thumbnail is not None for one in looks], np.bool_),
        "thumbnails": np.array(thumbnails, np.uint8).reshape(-1, THUMBNAIL_SIDE, THUMBNAIL_SIDE),
    }
    return ChunkResult(arrays, tuple(bad))


def _run_decode(job: DecodeTask, read: Callable[[int], bytes], count: int) -> ChunkResult:
    made = np.empty((count, *job.shape), np.uint8)
    places: list[int] = []
    hashes: list[int] = []
    pixel_hashes: list[int] = []
    bad: list[tuple[int, str]] = []
    for place in range(count):
        try:
            content = read(place)
            one = to_input_pixels(content, job, job)
        except ImageError as error:
            bad.append((place, error.reason))
            continue
        made[len(places)] = one
        places.append(place)
        hashes.append(content_hash(content))
        pixel_hashes.append(content_hash(one.data))
    arrays: dict[str, NDArray[Any]] = {
        "places": np.array(places, np.int64),
        "pixels": made[: len(places)],
        "hashes": np.array(hashes, np.uint64),
        "pixel_hashes": np.array(pixel_hashes, np.uint64),
    }
    return ChunkResult(arrays, tuple(bad))
