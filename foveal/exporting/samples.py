"""The real images an export is judged and calibrated on: from the run beside it, or from DATA.

Knows nothing of graphs; every image is verified or labelled by name before it counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from foveal.dataset.dataset import Dataset
from foveal.dataset.labels import encode_labels
from foveal.dataset.scan.image_stats import content_hash
from foveal.errors import DataError, ImageError
from foveal.images.resize import to_input_pixels
from foveal.model.manifest import Manifest
from foveal.rundir import DATA_FILE, RunData, RunImage, read_run_data

MOST_JUDGED = 2000
MOST_CALIBRATED = 512
_ASK = "give labelled images with --data"


@dataclass(frozen=True)
class ParitySamples:
    """Images as the network sees them, their true classes and their files.

    pixels: uint8 (N, H, W, C).  targets: int64 (N,), or bool (N, K) for several labels.
    contents: the bytes of file i.
    """

    pixels: np.ndarray
    targets: np.ndarray
    contents: Callable[[int], bytes]

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True)
class Wanted:
    """A listing's rows to be used, the content hashes they must have (or None), and how many."""

    listing: Dataset
    rows: Sequence[int]
    hashes: Sequence[int | None] | None
    most: int


def from_run(model: Path, manifest: Manifest) -> tuple[ParitySamples, ParitySamples]:
    """(val to judge on, train to calibrate on) named in the data.json beside `model`.

    Images that are gone or changed are left out; raises DataError where none is left.
    """
    data = _read_run_data(model)
    judged = _split(data, "val", manifest, MOST_JUDGED, model)
    calibrated = _split(data, "train", manifest, MOST_CALIBRATED, model)
    return judged, calibrated


def from_data(
    listing: Dataset, manifest: Manifest, train_hashes: np.ndarray
) -> tuple[ParitySamples, ParitySamples]:
    """(to judge on, to calibrate on) of DATA: val and train where it says so.

    Else the images the model was not fitted on, and those it was; what is missing is replaced
    by the other.  Raises DataError for several labels an image where the model gives one, classes
    it does not know, or no usable image.
    """
    if listing.task == "multi" and manifest.task == "single":
        raise DataError(
            f"{listing.root} has several labels an image, the model gives one: "
            "give images with one label each"
        )
    unknown = sorted(set(listing.classes) - set(manifest.labels))
    if unknown:
        raise DataError(
            f"the model does not know {', '.join(map(repr, unknown[:5]))} in {listing.root}; "
            f"it knows {', '.join(map(repr, manifest.labels[:10]))}"
        )
    judged, calibrated = _parts(listing, train_hashes)
    pair = (
        Wanted(listing, judged or calibrated, None, MOST_JUDGED),
        Wanted(listing, calibrated or judged, None, MOST_CALIBRATED),
    )
    found = tuple(gather(wanted, manifest) for wanted in pair)
    if not len(found[0]) or not len(found[1]):
        raise DataError(f"no image of {listing.root} can be read; see foveal check")
    return found[0], found[1]


def gather(wanted: Wanted, manifest: Manifest) -> ParitySamples:
    """Up to `most` of the wanted images, a fixed random choice, decoded in threads."""
    order = np.random.default_rng(0).permutation(len(wanted.rows)).tolist()
    listing, network = wanted.listing, manifest.network

    def look(place: int) -> tuple[int, np.ndarray] | None:
        try:
            content = listing.read(wanted.rows[place])
            if wanted.hashes is not None and content_hash(content) != wanted.hashes[place]:
                return None
            return wanted.rows[place], to_input_pixels(content, network.input, network.preprocess)
        except ImageError:
            return None

    found = list(islice(_found(look, order, wanted.most), wanted.most))
    rows = [row for row, _ in found]
    return ParitySamples(
        np.stack([shown for _, shown in found])
        if found
        else np.zeros((0, *network.input.shape), np.uint8),
        encode_labels([listing.labels[row] for row in rows], manifest.labels, manifest.task),
        lambda place: listing.read(rows[place]),
    )


def _found(
    look: Callable[[int], tuple[int, np.ndarray] | None], order: list[int], most: int
) -> Iterator[tuple[int, np.ndarray]]:
    """What is found, in order; looked for in portions so that not all of a large DATA is read."""
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(order), most):
            yield from filter(None, pool.map(look, order[start : start + most]))


def _read_run_data(model: Path) -> RunData:
    data = read_run_data(model.parent)
    if data is None:
        raise DataError(f"there is no data.json beside {model}: {_ASK}")
    return data


def _split(
    data: RunData, split: Literal["train", "val"], manifest: Manifest, most: int, model: Path
) -> ParitySamples:
    images = [image for image in data.split(split) if _named(image.labels, manifest)]
    listing, rows = _listing(data.root, images)
    images_there = [image for image in images if image.path in rows]
    hashes = [image.content_hash for image in images_there]
    wanted = Wanted(listing, [rows[image.path] for image in images_there], hashes, most)
    evidence = gather(wanted, manifest)
    if not len(evidence):
        raise DataError(
            f"none of the {len(images):,} {split} images named in {model.parent / DATA_FILE} "
            f"is still there unchanged: {_ASK}"
        )
    return evidence


def _listing(root: Path, images: Sequence[RunImage]) -> tuple[Dataset, dict[str, int]]:
    """A listing that reads the images with their labels, and the row of each path."""
    paths = {image.path: image.labels for image in images}
    if root.is_file():  # an archive: only the listing knows where members lie
        from foveal.dataset.open import open_dataset

        found = open_dataset(root)
        pairs = zip(found.paths, found.labels, strict=True)
        then = tuple(paths.get(path, now) for path, now in pairs)
        return replace(found, labels=then), {path: row for row, path in enumerate(found.paths)}
    return (
        Dataset(root, tuple(paths), tuple(paths.values())),
        {path: row for row, path in enumerate(paths)},
    )


def _parts(listing: Dataset, train_hashes: np.ndarray) -> tuple[list[int], list[int]]:
    rows = range(len(listing))
    if any(listing.splits):
        return (
            [row for row in rows if listing.splits[row] == "val"]
            or [row for row in rows if listing.splits[row] != "train"],
            [row for row in rows if listing.splits[row] == "train"],
        )
    order = np.random.default_rng(0).permutation(len(listing))[: 4 * MOST_JUDGED].tolist()
    known = {row: _hash(listing, row) for row in order}
    fitted = set(train_hashes.tolist())
    return (
        [row for row in order if known[row] is not None and known[row] not in fitted],
        [row for row in order if known[row] in fitted],
    )


def _hash(listing: Dataset, row: int) -> int | None:
    try:
        return content_hash(listing.read(row))
    except ImageError:
        return None


def _named(labels: tuple[str, ...], manifest: Manifest) -> bool:
    return set(labels) <= set(manifest.labels) and (manifest.task == "multi" or len(labels) == 1)
