"""The tasks that workers run on the files of a chunk: scan or decode them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from foveal.spec.preprocess import Input, Preprocess


@dataclass(frozen=True)
class ScanTask:
    """Compute the image statistics of each file; full: also brightness and sharpness.

    background, range: as in Preprocess.  keep_pixels: also return the pixels of small images.
    """

    full: bool
    background: tuple[int, int, int] = (0, 0, 0)
    range: tuple[float, float] | None = None
    keep_pixels: bool = False


@dataclass(frozen=True)
class DecodeTask:
    """Decode each file to (height, width, channels); has the fields `to_input_pixels` reads.

    pixel_hashes: whether they are wanted, which take 3 % of the time of a small photo.
    """

    height: int
    width: int
    channels: Literal[1, 3]
    fit: Literal["crop", "pad", "squash"]
    background: tuple[int, int, int]
    range: tuple[float, float] | None = None
    crop_fraction: float = 1.0
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    pixel_hashes: bool = True

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.height, self.width, self.channels


def decode_task(input: Input, preprocess: Preprocess) -> DecodeTask:
    """How images are decoded for a network of this input; mean and deviation do not matter."""
    return DecodeTask(
        input.height,
        input.width,
        input.channels,
        preprocess.fit,
        preprocess.background,
        preprocess.range,
        preprocess.crop_fraction,
        preprocess.interpolation,
    )


@dataclass(frozen=True, eq=False)
class ChunkResult:
    """The result of a task on a chunk of files.

    arrays: one row for each readable image; `positions` int64 is its position in the chunk.
    Scan: `content_hashes`, `pixel_hashes`, `sizes` and `measures` as in Scan, `has_thumbnail` bool,
    and `thumbnails` uint8, one for each that has one; with keep_pixels `kept_shapes` int32 (n, 3),
    height, width and channels or zeros, and `kept_pixels` uint8, of all these one after the other.
    Decode: `pixels` uint8 (n, H, W, C), `content_hashes` and, where wanted, `pixel_hashes` uint64.
    failures: position and reason of each file that could not be read.
    """

    arrays: Mapping[str, NDArray[Any]]
    failures: tuple[tuple[int, str], ...]


def run_task(task: ScanTask | DecodeTask, read: Callable[[int], bytes], count: int) -> ChunkResult:
    """Run the task on the files that read(0) to read(count - 1) return or raise ImageError for."""
    return _scan(task, read, count) if isinstance(task, ScanTask) else _decode(task, read, count)


def _scan(task: ScanTask, read: Callable[[int], bytes], count: int) -> ChunkResult:
    positions: list[int] = []
    stats: list[ImageStats] = []
    failures: list[tuple[int, str]] = []
    for position in range(count):
        try:
            stats.append(
                compute_image_stats(
                    read(position),
                    full=task.full,
                    background=task.background,
                    value_range=task.range,
                    keep_pixels=task.keep_pixels,
                )
            )
            positions.append(position)
        except ImageError as error:
            failures.append((position, error.reason))
    thumbnails = [one.thumbnail for one in stats if one.thumbnail is not None]
    arrays: dict[str, NDArray[Any]] = {
        "positions": np.array(positions, np.int64),
        "content_hashes": np.array([one.content_hash for one in stats], np.uint64),
        "pixel_hashes": np.array([one.pixel_hash for one in stats], np.uint64),
        "sizes": np.array([(one.width, one.height) for one in stats], np.int32).reshape(-1, 2),
        "measures": np.array([one.measures for one in stats], np.float32).reshape(-1, N_MEASURES),
        "has_thumbnail": np.array([one.thumbnail is not None for one in stats], np.bool_),
        "thumbnails": np.array(thumbnails, np.uint8).reshape(-1, THUMBNAIL_SIDE, THUMBNAIL_SIDE),
    }
    if task.keep_pixels:
        arrays.update(_kept([one.pixels for one in stats]))
    return ChunkResult(arrays, tuple(failures))


def _kept(images: Sequence[NDArray[np.uint8] | None]) -> dict[str, NDArray[Any]]:
    """The arrays `kept_shapes` and `kept_pixels`."""
    shapes = [(0, 0, 0) if image is None else (*image.shape, 1)[:3] for image in images]
    pixels = [image.reshape(-1) for image in images if image is not None]
    return {
        "kept_shapes": np.array(shapes, np.int32).reshape(-1, 3),
        "kept_pixels": np.concatenate([np.empty(0, np.uint8), *pixels]),
    }


def _decode(task: DecodeTask, read: Callable[[int], bytes], count: int) -> ChunkResult:
    pixels = np.empty((count, *task.shape), np.uint8)
    positions: list[int] = []
    content_hashes: list[int] = []
    pixel_hashes: list[int] = []
    failures: list[tuple[int, str]] = []
    for position in range(count):
        try:
            content = read(position)
            decoded = to_input_pixels(content, task, task)
        except ImageError as error:
            failures.append((position, error.reason))
            continue
        pixels[len(positions)] = decoded
        positions.append(position)
        content_hashes.append(content_hash(content))
        if task.pixel_hashes:
            pixel_hashes.append(content_hash(decoded.data))
    arrays: dict[str, NDArray[Any]] = {
        "positions": np.array(positions, np.int64),
        "pixels": pixels[: len(positions)],
        "content_hashes": np.array(content_hashes, np.uint64),
        "pixel_hashes": np.array(pixel_hashes, np.uint64),
    }
    return ChunkResult(arrays, tuple(failures))
