"""One pass over the files of a listing: what each picture shows, kept in the cache.

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

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from foveal.dataset import home
from foveal.dataset.crew import chunked
from foveal.dataset.listing import Listing, Unusable
from foveal.dataset.look import MEASURES, SIDE, Look, look
from foveal.errors import Error, PictureError
from foveal.files import write_atomic
from foveal.progress import Progress, silent

FORMAT = 2
_CHUNK = 64


@dataclass(frozen=True, eq=False)
class Scan:
    """What the readable pictures show; the first axis of all arrays is the same.

    rows: int64 (N,) rows of the listing.  content, pixel: uint64 (N,) hashes.
    size: int32 (N, 2) width and height.  measures: float32 (N, MEASURES), see `look`.
    thumbnails: uint8 (M, SIDE, SIDE) of the pictures `drawn` int64 (M,) counts into (N,).
    """

    rows: NDArray[np.int64]
    content: NDArray[np.uint64]
    pixel: NDArray[np.uint64]
    size: NDArray[np.int32]
    measures: NDArray[np.float32]
    thumbnails: NDArray[np.uint8]
    drawn: NDArray[np.int64]
    unusable: tuple[Unusable, ...]


def scan(
    listing: Listing,
    rows: Sequence[int],
    *,
    full: bool = False,
    progress: Progress = silent,
) -> Scan:
    """Look at these rows, or take what was seen of the same files before.

    full: also measure sharpness, which only the doctor needs.
    A cache that cannot be written is no error: the pictures are then looked at again next time.
    """
    wanted = [int(row) for row in rows]
    print_ = listing.fingerprint(wanted)
    folder = _folder(print_, full)
    found = _kept(folder)
    if found is None and not full:
        found = _kept(_folder(print_, True))
    if found is None:
        found = _look(listing, wanted, full, progress)
        with contextlib.suppress(OSError, Error):
            _keep(folder, found, f"looks of {listing.root}: {len(wanted)} pictures")
    home.touch(folder)
    return found


def _folder(print_: str, full: bool) -> Path:
    rule = json.dumps([FORMAT, full, print_])
    return home.home() / ("scan-" + blake2b(rule.encode(), digest_size=16).hexdigest())


def _look(listing: Listing, rows: Sequence[int], full: bool, progress: Progress) -> Scan:
    taken: list[int] = []
    looks: list[Look] = []
    unusable: list[Unusable] = []
    began, count = time.monotonic(), 0
    for chunk, seen in chunked(lambda part: _each(listing, part, full), rows, _CHUNK):
        for row, one in zip(chunk, seen, strict=True):
            if isinstance(one, Look):
                taken.append(row)
                looks.append(one)
            else:
                unusable.append(Unusable(listing.paths[row], one))
        count += len(chunk)
        rate = count / max(time.monotonic() - began, 1e-6)
        progress("looking", count, len(rows), f"{rate:.0f} pictures/s")
    return _arrays(taken, looks, tuple(unusable))


def _each(listing: Listing, rows: Sequence[int], full: bool) -> list[Look | str]:
    found: list[Look | str] = []
    for row in rows:
        try:
            found.append(look(listing.read(row), full=full))
        except PictureError as error:
            found.append(error.reason)
    return found


def _arrays(rows: list[int], looks: list[Look], unusable: tuple[Unusable, ...]) -> Scan:
    drawn = [place for place, one in enumerate(looks) if one.thumbnail is not None]
    thumbnails = np.empty((len(drawn), SIDE, SIDE), np.uint8)
    for place, index in enumerate(drawn):
        one = looks[index].thumbnail
        assert one is not None
        thumbnails[place] = one
    measures = np.array([one.measures for one in looks], np.float32)
    return Scan(
        np.array(rows, np.int64),
        np.array([one.content for one in looks], np.uint64),
        np.array([one.pixel for one in looks], np.uint64),
        np.array([(one.width, one.height) for one in looks], np.int32).reshape(-1, 2),
        measures.reshape(-1, MEASURES),
        thumbnails,
        np.array(drawn, np.int64),
        unusable,
    )


def _keep(folder: Path, found: Scan, what: str) -> None:
    arrays = {name: value for name, value in vars(found).items() if isinstance(value, np.ndarray)}
    home.make_room(sum(array.nbytes for array in arrays.values()))
    folder.mkdir(parents=True, exist_ok=True)
    unusable = json.dumps([[item.path, item.reason] for item in found.unusable])
    told = {"unusable": unusable}
    write_atomic(folder / "looks.safetensors", lambda path: save_file(arrays, path, told))
    write_atomic(folder / home.ABOUT, json.dumps({"what": what, "sum": _sum(found)}))


def _kept(folder: Path) -> Scan | None:
    """What was kept; None where there is nothing or it is not what was written."""
    from safetensors import SafetensorError, safe_open

    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, SafetensorError):
        about = json.loads((folder / home.ABOUT).read_text("utf-8"))
        path = folder / "looks.safetensors"
        with safe_open(path, "numpy") as file:
            told = json.loads(file.metadata()["unusable"])
        found = Scan(**load_file(path), unusable=tuple(Unusable(*item) for item in told))
        return found if about["sum"] == _sum(found) else None
    return None


def _sum(found: Scan) -> str:
    digest = blake2b(digest_size=16)
    for value in vars(found).values():
        digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return digest.hexdigest()
