"""Reads every image file once for its statistics, hashes and thumbnail; results are cached."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from foveal import cache
from foveal.dataset.dataset import Dataset
from foveal.dataset.decoded_images import DecodedImages
from foveal.dataset.pixel_facts import find_pixel_facts
from foveal.dataset.retry import readable_again
from foveal.dataset.types import UnusableFile
from foveal.dataset.workers.pool import map_chunks
from foveal.dataset.workers.task import ChunkResult, ScanTask, run_task
from foveal.errors import Error
from foveal.files import write_atomic
from foveal.progress import Progress, images_per_second, silent

SCAN_FORMAT = 6
"""Part of the cache key: raise it when the statistics or the layout change."""
_FILE = "scan.safetensors"
_CHUNK_SIZE = 128


@dataclass(frozen=True, eq=False)
class Scan:
    """Statistics of N readable images; the first axis of the arrays is the same.

    rows: int64 (N,) rows of the data set.  content_hashes, pixel_hashes: uint64 (N,).
    sizes: int32 (N, 2) width and height in pixels.  measures: float32 (N, N_MEASURES), see
    `image_stats`.  thumbnails: uint8 (M, SIDE, SIDE) of the images at `thumbnail_indices`,
    int64 (M,) indices into (N,).  unusable: files that could not be read.
    """

    rows: NDArray[np.int64]
    content_hashes: NDArray[np.uint64]
    pixel_hashes: NDArray[np.uint64]
    sizes: NDArray[np.int32]
    measures: NDArray[np.float32]
    thumbnails: NDArray[np.uint8]
    thumbnail_indices: NDArray[np.int64]
    unusable: tuple[UnusableFile, ...]

    def of_rows(self, rows: Sequence[int]) -> Scan:
        """The scan of some of the rows; `unusable` stays that of all."""
        kept = np.isin(self.rows, np.asarray(rows, np.int64))
        shown = kept[self.thumbnail_indices]
        return Scan(
            rows=self.rows[kept],
            content_hashes=self.content_hashes[kept],
            pixel_hashes=self.pixel_hashes[kept],
            sizes=self.sizes[kept],
            measures=self.measures[kept],
            thumbnails=self.thumbnails[shown],
            thumbnail_indices=(np.cumsum(kept) - 1)[self.thumbnail_indices[shown]],
            unusable=self.unusable,
        )


def scan_images(
    dataset: Dataset,
    rows: Sequence[int],
    *,
    full: bool = False,
    decoded: DecodedImages | None = None,
    progress: Progress = silent,
) -> Scan:
    """Scan these rows, or read the cached scan of the same unchanged files.

    full: also measure brightness and sharpness, which only the doctor needs.
    decoded: keeps the pixels of small images that are scanned now.
    A cache that cannot be written is no error: the images are then scanned again next time.
    """
    rows = [int(row) for row in rows]
    fingerprint = dataset.fingerprint(rows)
    facts = find_pixel_facts(dataset)
    task = ScanTask(full, facts.background, facts.range)
    folder = _entry_folder(fingerprint, task)
    for candidate in (folder, _entry_folder(fingerprint, replace(task, full=True))):
        cached = _load(candidate)
        if cached is not None and not readable_again(dataset, cached.unusable):
            cache.touch(candidate)
            return cached
    scan = _scan(dataset, rows, task, decoded, progress)
    with contextlib.suppress(OSError, Error, SafetensorError):  # whose header ends at 100 MB
        _save(folder, scan, f"image statistics of {dataset.root}: {len(rows)} images")
    return scan


def _entry_folder(fingerprint: str, task: ScanTask) -> Path:
    key = json.dumps([SCAN_FORMAT, task.full, task.background, task.range, fingerprint])
    return cache.entry_folder("scan", cache.key_of(key))


def _scan(
    dataset: Dataset,
    rows: Sequence[int],
    task: ScanTask,
    decoded: DecodedImages | None,
    progress: Progress,
) -> Scan:
    task = replace(task, keep_pixels=decoded is not None)
    chunks: list[tuple[Sequence[int], ChunkResult]] = []
    began, count = time.perf_counter(), 0
    for chunk, result in map_chunks(dataset, task, rows, _CHUNK_SIZE):
        chunks.append((chunk, result if decoded is None else _kept(chunk, result, task, decoded)))
        count += len(chunk)
        progress("scanning images", count, len(rows), images_per_second(count, began))
    return _concatenate(dataset, chunks or [([], run_task(task, dataset.read, 0))])


def _kept(
    rows: Sequence[int], result: ChunkResult, task: ScanTask, decoded: DecodedImages
) -> ChunkResult:
    """The result without the pixels, which `decoded` keeps where it has room."""
    decoded.add(rows, result, task)
    arrays = {name: array for name, array in result.arrays.items() if name != "kept_pixels"}
    return replace(result, arrays=arrays)


def _concatenate(dataset: Dataset, chunks: Sequence[tuple[Sequence[int], ChunkResult]]) -> Scan:
    def column(name: str) -> NDArray[Any]:
        return np.concatenate([result.arrays[name] for _, result in chunks])

    return Scan(
        rows=np.concatenate(
            [np.array(rows, np.int64)[result.arrays["positions"]] for rows, result in chunks]
        ),
        content_hashes=column("content_hashes"),
        pixel_hashes=column("pixel_hashes"),
        sizes=column("sizes"),
        measures=column("measures"),
        thumbnails=column("thumbnails"),
        thumbnail_indices=np.flatnonzero(column("has_thumbnail")),
        unusable=tuple(
            UnusableFile(dataset.paths[rows[position]], reason)
            for rows, result in chunks
            for position, reason in result.failures
        ),
    )


def _save(folder: Path, scan: Scan, description: str) -> None:
    arrays = {name: value for name, value in vars(scan).items() if isinstance(value, np.ndarray)}
    cache.evict(sum(array.nbytes for array in arrays.values()))
    folder.mkdir(parents=True, exist_ok=True)
    metadata = {"unusable": json.dumps([[item.path, item.reason] for item in scan.unusable])}
    write_atomic(folder / _FILE, lambda path: save_file(arrays, path, metadata))
    cache.write_about(folder, description, checksum=_checksum(scan))


def _load(folder: Path) -> Scan | None:
    """The cached scan; None where there is none or it is damaged."""
    with contextlib.suppress(
        OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError
    ):
        about = cache.read_about(folder)
        path = cache.require_file(folder / _FILE)
        with safe_open(path, "numpy") as file:
            unusable = json.loads(file.metadata()["unusable"])
        scan = Scan(**load_file(path), unusable=tuple(UnusableFile(*item) for item in unusable))
        return scan if about["checksum"] == _checksum(scan) else None
    return None


def _checksum(scan: Scan) -> str:
    digest = blake2b(digest_size=16)
    for value in vars(scan).values():
        is_array = isinstance(value, np.ndarray)  # its buffer, as a copy may take a gigabyte
        digest.update(np.ascontiguousarray(value).data if is_array else repr(value).encode())
    return digest.hexdigest()
