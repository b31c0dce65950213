"""The store: images decoded once into one memory-mapped uint8 file, kept between runs.

Knows nothing of labels, batches or networks.

A store being made is a folder `<key>.part` with `pixels` (rows one after the other) and
`journal` (one line a chunk, written after the chunk's pixels). A killed process leaves both; the
next one drops what lies beyond the last line that is whole and has its pixels, and goes on. When
all rows are done the folder is renamed; `about.json` holds a checksum a block, verified on every
opening.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

import numpy as np
import PIL
from numpy.typing import NDArray

from foveal import cache
from foveal.dataset.dataset import Dataset
from foveal.dataset.retry import readable_again
from foveal.dataset.scan.image_stats import content_hash
from foveal.dataset.types import UnusableFile
from foveal.dataset.workers.pool import map_chunks
from foveal.dataset.workers.task import ChunkResult, DecodeTask
from foveal.errors import Error
from foveal.filelock import wait_for_lock
from foveal.files import fsync, write_atomic
from foveal.processor import available_cores
from foveal.progress import Progress, silent
from foveal.spec.preprocess import Input, Preprocess

CACHE_FORMAT = 1
"""Part of the key: raise it when decoding or the layout changes."""
_CHUNK_BYTES = 8 * 2**20
_BLOCK = 8 * 2**20
MAX_BYTES_FULLY_VERIFIED = 2 * 2**30
"""Up to so many bytes every block is verified on opening, beyond it every so-many-th one."""


@dataclass(frozen=True, eq=False)
class PixelCache:
    """Decoded images; the first axis of all arrays is the same.

    pixels: uint8 (N, H, W, C), memory-mapped, read-only.  rows: int64 (N,) rows of the listing.
    hashes: uint64 (N,) of the file's bytes.  pixel_hashes: uint64 (N,) of the stored pixels.
    unusable: the rows that could not be read, with the reason.
    """

    pixels: NDArray[np.uint8]
    rows: NDArray[np.int64]
    content_hashes: NDArray[np.uint64]
    pixel_hashes: NDArray[np.uint64]
    unusable: tuple[UnusableFile, ...]


@dataclass(frozen=True)
class _Chunk:
    """One finished chunk: how many rows were asked, which were read, their hashes, the others."""

    asked: int
    rows: list[int]
    hashes: list[int]
    pixel_hashes: list[int]
    unusable: list[tuple[str, str]]


def build_pixel_cache(
    listing: Dataset,
    rows: Sequence[int] | NDArray[np.int64],
    input: Input,
    preprocess: Preprocess,
    *,
    progress: Progress = silent,
) -> PixelCache:
    """The pixels of these rows at the input's size, decoded now or found in the cache.

    The key is made of the files' places, sizes and times, and of size, channels, fit and
    background; mean and deviation do not matter. Raises Error where the cache cannot be written.
    """
    wanted = [int(row) for row in rows]
    shape = input.shape
    key = _key(listing, wanted, input, preprocess)
    folder = cache.cache_folder() / key
    found = _open(folder, wanted, shape)
    if found is not None and readable_again(listing, found.unusable):
        cache.remove(folder)
        found = None
    if found is None:
        _make(folder, listing, wanted, input, preprocess, progress)
        found = _open(folder, wanted, shape)
    if found is None:
        raise Error(f"the cache {folder} is damaged as soon as it is written; check the disk")
    cache.touch(folder)
    return found


def _key(listing: Dataset, rows: Sequence[int], input: Input, preprocess: Preprocess) -> str:
    rule = json.dumps(  # another Pillow may decode other levels
        [
            CACHE_FORMAT,
            PIL.__version__,
            input.shape,
            preprocess.fit,
            preprocess.background,
            listing.fingerprint(rows),
        ]
    )
    return "pixels-" + blake2b(rule.encode(), digest_size=16).hexdigest()


def _make(
    folder: Path, listing: Dataset, rows: list[int], input: Input, preprocess: Preprocess,
    progress: Progress,
) -> None:  # fmt: skip
    part = folder.with_name(folder.name + ".part")
    wanted = int(np.prod(input.shape)) * len(rows)
    try:
        made = (part / "pixels").stat().st_size if (part / "pixels").is_file() else 0
        cache.evict(max(0, wanted - made), frozenset({folder.name, part.name}))
        with wait_for_lock(part, progress):
            if folder.is_dir() and _open(folder, rows, input.shape) is not None:
                part.rmdir()
                return  # another process made it while this one waited
            checksums = _fill(part, listing, rows, input, preprocess, progress)
            about = {
                "what": f"pixels of {listing.root}: {len(rows)} images at "
                f"{input.height}x{input.width}x{input.channels}, {preprocess.fit}",
                "blocks": checksums,
            }
            write_atomic(part / cache.ABOUT_FILE, json.dumps(about))
            if folder.exists():
                cache.remove(folder)
            part.rename(folder)
            fsync(folder.parent)
    except OSError as error:
        raise Error(
            f"cannot write the cache {folder.parent}: {error.strerror or error}; free space or "
            "set FOVEAL_CACHE to another place"
        ) from error


def _fill(
    part: Path, listing: Dataset, rows: list[int], input: Input, preprocess: Preprocess,
    progress: Progress,
) -> list[int]:  # fmt: skip
    """Decode what the journal does not hold yet; the checksums of all blocks."""
    row_bytes = int(np.prod(input.shape))
    size = max(1, min(512, _CHUNK_BYTES // row_bytes, -(-len(rows) // (4 * available_cores()))))
    done = list(_kept(part, row_bytes))
    start, kept = sum(chunk.asked for chunk in done), sum(len(chunk.rows) for chunk in done)
    began = time.monotonic()

    job = DecodeTask(
        input.height, input.width, input.channels, preprocess.fit, preprocess.background
    )
    with (part / "pixels").open("ab") as file, (part / "journal").open("ab") as journal:
        file.truncate(kept * row_bytes)
        journal.truncate(sum(len(_line(chunk)) for chunk in done))
        count = start
        for chunk, found in map_chunks(listing, job, rows[start:], size):
            file.write(found.arrays["pixels"].data)
            file.flush()
            _checkpoint(journal, _told(listing, chunk, found))
            count += len(chunk)
            rate = (count - start) / max(time.monotonic() - began, 1e-6)
            progress("decoding", count, len(rows), f"{rate:.0f} images/s")
        os.fsync(file.fileno())
        os.fsync(journal.fileno())
    return _checksums(part / "pixels")


def _checkpoint(journal: BinaryIO, told: _Chunk) -> None:
    # No fsync a chunk: a kill loses nothing of the page cache, and after a power cut the lines'
    # checksums and the pixels' hashes tell what is whole.
    journal.write(_line(told))
    journal.flush()


def _told(listing: Dataset, rows: Sequence[int], found: ChunkResult) -> _Chunk:
    return _Chunk(
        len(rows),
        [rows[place] for place in found.arrays["places"].tolist()],
        found.arrays["hashes"].tolist(),
        found.arrays["pixel_hashes"].tolist(),
        [(listing.paths[rows[place]], reason) for place, reason in found.failures],
    )


def _line(chunk: _Chunk) -> bytes:
    body = json.dumps([
        chunk.asked, chunk.rows, chunk.hashes, chunk.pixel_hashes, chunk.unusable
    ])  # fmt: skip
    return f"{zlib.crc32(body.encode()):08x} {body}\n".encode()


def _journal(path: Path) -> Iterator[_Chunk]:
    """The whole lines; reading stops at the first one that is not."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            checksum, _, body = line.rstrip(b"\n").partition(b" ")
            if not line.endswith(b"\n") or checksum != f"{zlib.crc32(body):08x}".encode():
                return
            asked, rows, hashes, pixel_hashes, unusable = json.loads(body)
            yield _Chunk(
                asked, rows, hashes, pixel_hashes, [(path, reason) for path, reason in unusable]
            )


def _kept(part: Path, row_bytes: int) -> Iterator[_Chunk]:
    """The chunks of broken-off work up to the first whose pixels are not those it had."""
    with contextlib.suppress(FileNotFoundError), (part / "pixels").open("rb") as file:
        for chunk in _journal(part / "journal"):
            if [content_hash(file.read(row_bytes)) for _ in chunk.rows] != chunk.pixel_hashes:
                return
            yield chunk


def _checksums(path: Path) -> list[int]:
    with path.open("rb") as file:
        return [zlib.crc32(block) for block in iter(lambda: file.read(_BLOCK), b"")]


def _open(folder: Path, rows: list[int], shape: tuple[int, int, int]) -> PixelCache | None:
    """The finished store; None where there is none or it is not what was written."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        about = json.loads((folder / cache.ABOUT_FILE).read_text("utf-8"))
        chunks = list(_journal(folder / "journal"))
        if sum(chunk.asked for chunk in chunks) != len(rows):
            return None
        taken = [row for chunk in chunks for row in chunk.rows]
        path = folder / "pixels"
        if path.stat().st_size != len(taken) * int(np.prod(shape)):
            return None
        if not _intact(path, about["blocks"]):
            return None
        return PixelCache(
            _mapped(path, (len(taken), *shape)),
            np.array(taken, np.int64),
            np.array([value for chunk in chunks for value in chunk.hashes], np.uint64),
            np.array([value for chunk in chunks for value in chunk.pixel_hashes], np.uint64),
            tuple(UnusableFile(*item) for chunk in chunks for item in chunk.unusable),
        )
    return None


def _mapped(path: Path, shape: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    if shape[0] == 0:  # an empty file cannot be mapped
        return np.empty(shape, np.uint8)
    return np.memmap(path, np.uint8, "r", shape=shape)


def _intact(path: Path, checksums: list[int]) -> bool:
    size = path.stat().st_size
    if len(checksums) != -(-size // _BLOCK):
        return False
    step = max(1, -(-size // MAX_BYTES_FULLY_VERIFIED))
    with path.open("rb") as file:
        for number in range(0, len(checksums), step):
            file.seek(number * _BLOCK)
            if zlib.crc32(file.read(_BLOCK)) != checksums[number]:
                return False
    return True
