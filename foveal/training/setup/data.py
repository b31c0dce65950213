"""From a listing and its splits to the images and labels a run is fitted on.

Knows nothing of networks' layers, recipes or time. Test images are never opened here.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.dataset import Dataset
from foveal.dataset.labels import encode_labels
from foveal.dataset.pixel_cache import PixelCache, build_pixel_cache
from foveal.errors import DataError
from foveal.progress import Progress
from foveal.rundir import RunData, RunImage
from foveal.spec.preprocess import Input, Preprocess
from foveal.text import printable
from foveal.training.tensors import LabelledImages

SHOWN = 5


@dataclass(frozen=True)
class TrainingData:
    """Decoded train and val images, and the record of where they are from.

    run_data: what data.json will hold; its train and val name the images row by row.
    """

    train: LabelledImages
    val: LabelledImages
    run_data: RunData

    @property
    def classes(self) -> tuple[str, ...]:
        """Names in the order of the outputs."""
        return self.run_data.classes

    @property
    def task(self) -> Literal["single", "multi"]:
        """One label an image, or several."""
        return self.run_data.task

    def content_hashes(self) -> NDArray[np.uint64]:
        """Of all of train and val: what the model was fitted on."""
        images = (*self.run_data.train, *self.run_data.val)
        return np.array([image.content_hash for image in images], np.uint64)


def classes(
    listing: Dataset, splits: Sequence[str], *, ignore_unknown: bool = False
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The classes of train in the listing's order, and warnings.

    Raises DataError for classes that only val or test have, unless they are to be ignored.
    """
    there: dict[str, set[str]] = {"train": set(), "val": set(), "test": set()}
    for labels, split in zip(listing.labels, splits, strict=True):
        there[split].update(labels)
    known = tuple(name for name in listing.classes if name in there["train"])
    unknown = [
        name for name in listing.classes if name not in there["train"]
        and name in there["val"] | there["test"]
    ]  # fmt: skip
    if unknown and not ignore_unknown:
        raise DataError(
            f"{_named(unknown)} in val or test but not in train: add images of them to train, "
            "or leave them out with --ignore-unknown-classes"
        )
    if len(known) < 2 and listing.task == "single":
        raise DataError(
            f"train has {len(known)} class{'es' if len(known) != 1 else ''}, at least 2 are "
            "needed; give one sub-folder a class"
        )
    if (odd := next((name for name in known if not _is_text(name)), None)) is not None:
        raise DataError(
            f"the class {printable(odd)} has a name that is not text (UTF-8), which no model file "
            "can hold; rename its folder"
        )
    told = [f"{_named(unknown)} not in train and left out"] if unknown else []
    for split in ("val", "test"):
        missing = [name for name in known if name not in there[split]]
        if missing and there[split]:
            told.append(f"{_named(missing)} not in {split}, so {split} says nothing about them")
    return known, tuple(told)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (
        f"class{'es' if len(names) > 1 else ''} {shown}{more} {'are' if len(names) > 1 else 'is'}"
    )


def prepare(
    listing: Dataset,
    splits: Sequence[str],
    names: tuple[str, ...],
    input: Input,
    preprocess: Preprocess,
    progress: Progress,
    warnings: tuple[str, ...] = (),
) -> TrainingData:
    """Decode train and val (once: the store remembers) and number their labels.

    Raises DataError where no training image can be read.
    """
    number = {name: index for index, name in enumerate(names)}
    rows = {
        split: np.array(
            [
                row
                for row, (labels, where) in enumerate(zip(listing.labels, splits, strict=True))
                if where == split and _usable(labels, number, listing.task)
            ],
            np.int64,
        )
        for split in ("train", "val", "test")
    }
    stores = {
        split: build_pixel_cache(listing, rows[split], input, preprocess, progress=progress)
        for split in ("train", "val")
    }
    if not len(stores["train"].rows):
        raise DataError(
            f"none of the {len(rows['train'])} training images of {listing.root} can be read; "
            "see foveal check"
        )
    train, val = (
        LabelledImages(
            found.pixels,
            encode_labels([listing.labels[row] for row in found.rows], names, listing.task).astype(
                np.int64, copy=False
            ),
        )
        for found in stores.values()
    )
    absent = set(names) - _present(train, names)
    if absent:
        raise DataError(
            f"no image of {_named(sorted(absent))} in train that can be read; see foveal check"
        )
    warnings = (*warnings, *_twins(listing, stores))
    return TrainingData(train, val, _run_data(listing, rows["test"], stores, names, warnings))


def _twins(listing: Dataset, stores: dict[str, PixelCache]) -> tuple[str, ...]:
    """A sentence about images that are in train and, pixel by pixel, in val too."""
    train, val = stores["train"], stores["val"]
    same = np.flatnonzero(np.isin(val.pixel_hashes, train.pixel_hashes))
    if not len(same):
        return ()
    first = same[0]
    twin = np.flatnonzero(train.pixel_hashes == val.pixel_hashes[first])[0]
    return (
        f"{len(same)} of the {len(val.rows)} val images are in train too, so val looks better "
        f"than it is; the first pair is {listing.paths[val.rows[first]]} and "
        f"{listing.paths[train.rows[twin]]}",
    )


def _usable(labels: tuple[str, ...], number: dict[str, int], task: str) -> bool:
    return task == "multi" or all(label in number for label in labels)


def _present(images: LabelledImages, names: tuple[str, ...]) -> set[str]:
    labels = images.labels
    numbers = np.unique(labels) if labels.ndim == 1 else np.flatnonzero(labels.any(axis=0))
    return {names[number] for number in numbers}


def _run_data(
    dataset: Dataset,
    test_rows: NDArray[np.int64],
    caches: dict[str, PixelCache],
    classes: tuple[str, ...],
    warnings: tuple[str, ...],
) -> RunData:
    train, val = (
        tuple(
            RunImage(dataset.paths[row], dataset.labels[row], int(content_hash))
            for row, content_hash in zip(cache.rows, cache.content_hashes, strict=True)
        )
        for cache in (caches["train"], caches["val"])
    )
    unread = (image for cache in caches.values() for image in cache.unusable)
    return RunData(
        root=dataset.root.resolve(),
        classes=classes,
        task=dataset.task,
        train=train,
        val=val,
        test=tuple(RunImage(dataset.paths[row], dataset.labels[row]) for row in test_rows),
        unusable=tuple((image.path, image.reason) for image in (*dataset.unusable, *unread)),
        fingerprint=_fingerprint(dataset, caches),
        warnings=warnings,
    )


def _fingerprint(listing: Dataset, stores: dict[str, PixelCache]) -> str:
    """SHA-256 of what is fitted on: path, labels, split and content of every image."""
    digest = hashlib.sha256()
    for split, found in stores.items():
        for row, content in zip(found.rows, found.content_hashes, strict=True):
            labels = "\x1f".join(listing.labels[row])
            line = f"{split}\x1e{listing.paths[row]}\x1e{labels}\x1e{int(content):016x}\n"
            digest.update(line.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def counts(labels: NDArray[np.int64], number: int) -> tuple[int, int]:
    """Images of the rarest and of the commonest class."""
    if labels.ndim == 2:
        each = labels.sum(axis=0)
    else:
        tally = Counter(labels.tolist())
        each = np.array([tally.get(index, 0) for index in range(number)])
    return int(each.min()), int(each.max())
