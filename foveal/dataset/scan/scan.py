"""One pass over the files of a listing: what each image shows, kept in the cache.

Knows nothing of labels, splits or findings.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from foveal import cache
from foveal.dataset.dataset import Dataset
from foveal.dataset.retry import readable_again
from foveal.dataset.types import UnusableFile
from foveal.dataset.workers.pool import map_chunks
from foveal.dataset.workers.task import ChunkResult, ScanTask, run_task
from foveal.errors import Error
from foveal.files import write_atomic
from foveal.progress import Progress, silent

SCAN_FORMAT = 4
_CHUNK = 128


@dataclass(frozen=True, eq=False)
class Scan:
    """What the readable images show; the first axis of all arrays is the same.

    rows: int64 (N,) rows of the listing.  content, pixel: uint64 (N,) hashes.
    size: int32 (N, 2) width and height.  measures: float32 (N, MEASURES), see `look`.
    thumbnails: uint8 (M, SIDE, SIDE) of the images `drawn` int64 (M,) counts into (N,).
    """

    rows: NDArray[np.int64]
    content_hashes: NDArray[np.uint64]
    pixel_hashes: NDArray[np.uint64]
    sizes: NDArray[np.int32]
    measures: NDArray[np.float32]
    thumbnails: NDArray[np.uint8]
    thumbnail_indices: NDArray[np.int64]
    unusable: tuple[UnusableFile, ...]


def scan_images(
    listing: Dataset,
    rows: Sequence[int],
    *,
    full: bool = False,
    progress: Progress = silent,
) -> Scan:
    """Look at these rows, or take what was seen of the same files before.

    full: also measure light and sharpness, which only the doctor needs.
    A cache that cannot be written is no error: the images are then looked at again next time.
    """
    wanted = [int(row) for row in rows]
    fingerprint = listing.fingerprint(wanted)
    folder = _folder(fingerprint, full)
    for place in dict.fromkeys((folder, _folder(fingerprint, True))):
        kept = _kept(place)
        if kept is not None and not readable_again(listing, kept.unusable):
            cache.touch(place)
            return kept
    found = _look(listing, wanted, full, progress)
    with contextlib.suppress(OSError, Error):
        _keep(folder, found, f"looks of {listing.root}: {len(wanted)} images")
    return found


def _folder(fingerprint: str, full: bool) -> Path:
    rule = json.dumps([SCAN_FORMAT, full, fingerprint])
    return cache.cache_folder() / ("scan-" + blake2b(rule.encode(), digest_size=16).hexdigest())


def _look(listing: Dataset, rows: Sequence[int], full: bool, progress: Progress) -> Scan:
    parts: list[tuple[Sequence[int], ChunkResult]] = []
    began, count = time.monotonic(), 0
    for chunk, seen in map_chunks(listing, ScanTask(full), rows, _CHUNK):
        parts.append((chunk, seen))
        count += len(chunk)
        rate = count / max(time.monotonic() - began, 1e-6)
        progress("looking", count, len(rows), f"{rate:.0f} images/s")
    return _joined(listing, parts or [([], run_task(ScanTask(full), listing.read, 0))])


def _joined(listing: Dataset, parts: Sequence[tuple[Sequence[int], ChunkResult]]) -> Scan:
    def whole(name: str) -> NDArray[Any]:
        return np.concatenate([seen.arrays[name] for _, seen in parts])

    rows = [np.array(chunk, np.int64)[seen.arrays["places"]] for chunk, seen in parts]
    return Scan(
        np.concatenate(rows), whole("content"), whole("pixel"), whole("size"), whole("measures"),
        whole("thumbnails"), np.flatnonzero(whole("drawn")),
        tuple(
            UnusableFile(listing.paths[chunk[place]], reason)
            for chunk, seen in parts for place, reason in seen.failures
        ),
    )  # fmt: skip


def _keep(folder: Path, found: Scan, what: str) -> None:
    arrays = {name: value for name, value in vars(found).items() if isinstance(value, np.ndarray)}
    cache.evict(sum(array.nbytes for array in arrays.values()))
    folder.mkdir(parents=True, exist_ok=True)
    unusable = json.dumps([[item.path, item.reason] for item in found.unusable])
    told = {"unusable": unusable}
    write_atomic(folder / "looks.safetensors", lambda path: save_file(arrays, path, told))
    write_atomic(folder / cache.ABOUT_FILE, json.dumps({"what": what, "sum": _sum(found)}))


def _kept(folder: Path) -> Scan | None:
    """What was kept; None where there is nothing or it is not what was written."""
    from safetensors import SafetensorError, safe_open

    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, SafetensorError):
        about = json.loads((folder / cache.ABOUT_FILE).read_text("utf-8"))
        path = folder / "looks.safetensors"
        with safe_open(path, "numpy") as file:
            told = json.loads(file.metadata()["unusable"])
        found = Scan(**load_file(path), unusable=tuple(UnusableFile(*item) for item in told))
        return found if about["sum"] == _sum(found) else None
    return None


def _sum(found: Scan) -> str:
    digest = blake2b(digest_size=16)
    for value in vars(found).values():
        digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return digest.hexdigest()
