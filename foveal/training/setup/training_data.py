"""Decode the train and val images of a run. Test images are never opened here."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.dataset import Dataset
from foveal.dataset.labels import encode_labels
from foveal.dataset.pixel_cache import PixelCache, build_pixel_cache
from foveal.dataset.types import UnusableFile
from foveal.doctor.trainable import unreadable_rows
from foveal.progress import Progress
from foveal.rundir import RunData, RunImage
from foveal.spec.network import Network
from foveal.training.setup.data import RequestedData, leave_out_unreadable
from foveal.training.tensors import LabelledImages


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


def decode_training_data(data: RequestedData, network: Network, progress: Progress) -> TrainingData:
    """Train and val as `network` sees them, from the pixel cache where it has them.

    Raises DataError where the images that can be read cannot be trained on, see `reading_errors`.
    """
    caches = {split: _decode_split(data, split, network, progress) for split in ("train", "val")}
    undecoded = [
        pair
        for split, cache in caches.items()
        for pair in unreadable_rows(
            data.dataset, _usable_rows(data, split).tolist(), cache.rows.tolist(), cache.unusable
        )
    ]
    kept = leave_out_unreadable(data, undecoded)
    if kept.classes != data.classes:
        caches["val"] = _decode_split(kept, "val", network, progress)
    train, val = (_labelled(kept, cache) for cache in caches.values())
    run_data = _run_data(kept, caches, [file for _, file in undecoded])
    return TrainingData(train, val, run_data)


def _decode_split(
    data: RequestedData, split: str, network: Network, progress: Progress
) -> PixelCache:
    rows = _usable_rows(data, split)
    return build_pixel_cache(
        data.dataset, rows, network.input, network.preprocess, progress=progress
    )


def _usable_rows(data: RequestedData, split: str) -> NDArray[np.int64]:
    """The rows of a split that have a class to learn (several labels an image: all rows)."""
    rows = data.rows(split)
    if data.dataset.task == "single":
        classes = set(data.classes)
        rows = [row for row in rows if classes.issuperset(data.dataset.labels[row])]
    return np.array(rows, np.int64)


def _labelled(data: RequestedData, cache: PixelCache) -> LabelledImages:
    labels = [data.dataset.labels[row] for row in cache.rows]
    encoded = encode_labels(labels, data.classes, data.dataset.task)
    return LabelledImages(cache.pixels, encoded.astype(np.int64, copy=False))


def _run_data(
    data: RequestedData, caches: dict[str, PixelCache], undecoded: Sequence[UnusableFile]
) -> RunData:
    dataset = data.dataset
    train, val = (
        tuple(
            RunImage(dataset.paths[row], dataset.labels[row], int(content_hash))
            for row, content_hash in zip(cache.rows, cache.content_hashes, strict=True)
        )
        for cache in (caches["train"], caches["val"])
    )
    test_rows = _usable_rows(data, "test")
    return RunData(
        root=dataset.absolute_root,
        classes=data.classes,
        task=dataset.task,
        train=train,
        val=val,
        test=tuple(RunImage(dataset.paths[row], dataset.labels[row]) for row in test_rows),
        unusable=tuple((image.path, image.reason) for image in (*dataset.unusable, *undecoded)),
        fingerprint=_fingerprint(dataset, caches),
        warnings=(*data.warnings, *_duplicate_warning(dataset, caches)),
    )


def _duplicate_warning(dataset: Dataset, caches: dict[str, PixelCache]) -> tuple[str, ...]:
    """A sentence about images that are in train and, pixel by pixel, in val too."""
    train, val = caches["train"], caches["val"]
    duplicates = np.flatnonzero(np.isin(val.pixel_hashes, train.pixel_hashes))
    if not len(duplicates):
        return ()
    first = duplicates[0]
    original = np.flatnonzero(train.pixel_hashes == val.pixel_hashes[first])[0]
    return (
        f"{len(duplicates)} of the {len(val.rows)} val images are in train too, so validation "
        f"accuracy is too high; the first pair is {dataset.paths[val.rows[first]]} and "
        f"{dataset.paths[train.rows[original]]}",
    )


def _fingerprint(dataset: Dataset, caches: dict[str, PixelCache]) -> str:
    """SHA-256 of what is fitted on: path, labels, split and content of every image."""
    digest = hashlib.sha256()
    for split, cache in caches.items():
        for row, content_hash in zip(cache.rows, cache.content_hashes, strict=True):
            labels = "\x1f".join(dataset.labels[row])
            line = f"{split}\x1e{dataset.paths[row]}\x1e{labels}\x1e{int(content_hash):016x}\n"
            digest.update(line.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
