"""The pixel cache: images decoded once into one memory-mapped uint8 file, kept between runs.

A cache being built is a folder `<key>.part` with the pixels, one row after the other, and a journal
(see `pixel_journal`), from which a later process resumes. When all rows are decoded the folder is
renamed; `about.json` holds a checksum a block, verified on every opening.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray

from foveal import cache
from foveal.dataset.dataset import Dataset
from foveal.dataset.decoded_images import DecodedImages, decode_chunks
from foveal.dataset.pixel_journal import (
    JOURNAL_FILE,
    PIXELS_FILE,
    Chunk,
    append_chunk,
    read_journal,
    verified_chunks,
)
from foveal.dataset.retry import readable_again
from foveal.dataset.types import UnusableFile
from foveal.dataset.workers.task import ChunkResult, DecodeTask, decode_task
from foveal.errors import Error
from foveal.filelock import wait_for_lock
from foveal.processor import available_cores
from foveal.progress import Progress, images_per_second, silent
from foveal.spec.preprocess import Input, Preprocess

CACHE_FORMAT = 2
"""Part of the key: raise it when decoding or the layout changes."""
_MAX_CHUNK_BYTES = 8 * 2**20
_MAX_CHUNK_ROWS = 512
_BLOCK_BYTES = 8 * 2**20
MAX_BYTES_FULLY_VERIFIED = 2 * 2**30
"""Up to this size every block is verified on opening, beyond it about as many bytes, evenly."""
_MAX_BUILDS = 3
"""Of one cache: another process may evict it before it is opened."""


@dataclass(frozen=True, eq=False)
class PixelCache:
    """N decoded images; the first axis of the arrays is the same.

    pixels: uint8 (N, H, W, C), memory-mapped, read-only.  rows: int64 (N,) rows of the data set.
    content_hashes, pixel_hashes: uint64 (N,) of the files and of the cached pixels.
    unusable: the rows that could not be read.
    """

    pixels: NDArray[np.uint8]
    rows: NDArray[np.int64]
    content_hashes: NDArray[np.uint64]
    pixel_hashes: NDArray[np.uint64]
    unusable: tuple[UnusableFile, ...]


def build_pixel_cache(
    dataset: Dataset,
    rows: Sequence[int] | NDArray[np.int64],
    input: Input,
    preprocess: Preprocess,
    *,
    decoded: DecodedImages | None = None,
    what: str = "decoding",
    progress: Progress = silent,
) -> PixelCache:
    """The pixels of these rows at the input's size, decoded now or read from the cache.

    The key covers the files' paths, sizes and times, the input's shape and how images are resized
    to it; mean and deviation do not matter.
    decoded: what a scan of the data set kept; its images are taken from there, not read again.
    what: is told as progress.  Raises Error where the cache cannot be written.
    """
    rows = [int(row) for row in rows]
    task = decode_task(input, preprocess)
    folder = cache.entry_folder("pixels", _key(dataset, rows, task))
    opened = _open(folder, rows, input.shape)
    if opened is not None and readable_again(dataset, opened.unusable):
        cache.remove(folder)
        opened = None
    builds = 0
    while opened is None:
        if builds == _MAX_BUILDS:
            raise Error(f"the cache {folder} is damaged right after writing; check the disk")
        _build(folder, dataset, rows, task, decoded, what, progress)
        opened = _open(folder, rows, input.shape)
        builds += 1
    cache.touch(folder)
    return opened


def _key(dataset: Dataset, rows: Sequence[int], task: DecodeTask) -> str:
    key = json.dumps(  # another version of Pillow may decode other values
        [
            CACHE_FORMAT,
            PIL.__version__,
            task.shape,
            task.fit,
            task.background,
            task.range,
            *_resizing(task),
            dataset.fingerprint(rows),
        ]
    )
    return cache.key_of(key)


def _resizing(task: DecodeTask) -> tuple[float | str, ...]:
    """What differs from the usual, so that pixels of the usual keep their key."""
    usual = (task.crop_fraction, task.interpolation) == (1.0, "bicubic")
    return () if usual else (task.crop_fraction, task.interpolation)


def _build(
    folder: Path,
    dataset: Dataset,
    rows: list[int],
    task: DecodeTask,
    decoded: DecodedImages | None,
    what: str,
    progress: Progress,
) -> None:
    part = cache.unfinished(folder)
    pixels = part / PIXELS_FILE
    total = int(np.prod(task.shape)) * len(rows)
    try:
        present = pixels.stat().st_size if pixels.is_file() else 0
        cache.evict(max(0, total - present), frozenset({folder.name, part.name}))
        with wait_for_lock(part, progress):
            if folder.is_dir() and _open(folder, rows, task.shape) is not None:
                part.rmdir()
                return  # another process built it meanwhile
            cache.remove_all_but_files(part)
            _decode_missing(part, dataset, rows, task, decoded, what, progress)
            cache.write_about(
                part,
                f"pixels of {dataset.root}: {len(rows)} images at "
                f"{task.height}x{task.width}x{task.channels}, {task.fit}",
                checksums=_block_checksums(pixels),
            )
            cache.finish(folder)
    except OSError as error:
        raise Error(
            f"cannot write the cache {folder.parent}: {error.strerror or error}; free space or "
            "set FOVEAL_CACHE to another place"
        ) from error


def _decode_missing(
    part: Path,
    dataset: Dataset,
    rows: list[int],
    task: DecodeTask,
    decoded: DecodedImages | None,
    what: str,
    progress: Progress,
) -> None:
    """Decode the rows that the journal does not hold yet."""
    row_bytes = int(np.prod(task.shape))
    chunks = list(verified_chunks(part, row_bytes))
    start, written = sum(chunk.size for chunk in chunks), sum(len(chunk.rows) for chunk in chunks)
    began = time.perf_counter()
    with (part / PIXELS_FILE).open("ab") as file, (part / JOURNAL_FILE).open("ab") as journal:
        file.truncate(written * row_bytes)
        journal.truncate(sum(len(chunk.to_line()) for chunk in chunks))
        count = start
        for chunk_rows, result in decode_chunks(
            dataset, task, rows[start:], _chunk_size(len(rows), row_bytes), decoded
        ):
            file.write(result.arrays["pixels"].data)
            file.flush()
            append_chunk(journal, _to_chunk(dataset, chunk_rows, result))
            count += len(chunk_rows)
            note = images_per_second(count - start, began)
            progress(what, count, len(rows), note)
        os.fsync(file.fileno())
        os.fsync(journal.fileno())


def _chunk_size(count: int, row_bytes: int) -> int:
    """Rows a chunk: several chunks a core, each within the limits."""
    return max(
        1, min(_MAX_CHUNK_ROWS, _MAX_CHUNK_BYTES // row_bytes, -(-count // (4 * available_cores())))
    )


def _to_chunk(dataset: Dataset, rows: Sequence[int], result: ChunkResult) -> Chunk:
    return Chunk(
        size=len(rows),
        rows=[rows[position] for position in result.arrays["positions"].tolist()],
        content_hashes=result.arrays["content_hashes"].tolist(),
        pixel_hashes=result.arrays["pixel_hashes"].tolist(),
        unusable=[(dataset.paths[rows[position]], reason) for position, reason in result.failures],
    )


def _block_checksums(path: Path) -> list[int]:
    with path.open("rb") as file:
        return [zlib.crc32(block) for block in iter(lambda: file.read(_BLOCK_BYTES), b"")]


def _open(folder: Path, rows: list[int], shape: tuple[int, int, int]) -> PixelCache | None:
    """The finished cache of these rows; None where there is none or it is damaged."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        about = cache.read_about(folder)
        chunks = list(read_journal(folder / JOURNAL_FILE))
        if sum(chunk.size for chunk in chunks) != len(rows):
            return None
        decoded = [row for chunk in chunks for row in chunk.rows]
        path = cache.require_file(folder / PIXELS_FILE)
        if path.stat().st_size != len(decoded) * int(np.prod(shape)):
            return None
        if not _matches(path, about["checksums"]):
            return None
        content_hashes = [value for chunk in chunks for value in chunk.content_hashes]
        pixel_hashes = [value for chunk in chunks for value in chunk.pixel_hashes]
        return PixelCache(
            pixels=_map_pixels(path, (len(decoded), *shape)),
            rows=np.array(decoded, np.int64),
            content_hashes=np.array(content_hashes, np.uint64),
            pixel_hashes=np.array(pixel_hashes, np.uint64),
            unusable=tuple(UnusableFile(*item) for chunk in chunks for item in chunk.unusable),
        )
    return None


def _map_pixels(path: Path, shape: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    if shape[0] == 0:  # an empty file cannot be mapped
        return np.empty(shape, np.uint8)
    return np.memmap(path, np.uint8, "r", shape=shape)


def _matches(path: Path, checksums: list[int]) -> bool:
    size = path.stat().st_size
    if len(checksums) != -(-size // _BLOCK_BYTES):
        return False
    step = max(1, -(-size // MAX_BYTES_FULLY_VERIFIED))
    with path.open("rb") as file:
        for number in range(0, len(checksums), step):
            file.seek(number * _BLOCK_BYTES)
            if zlib.crc32(file.read(_BLOCK_BYTES)) != checksums[number]:
                return False
    return True
