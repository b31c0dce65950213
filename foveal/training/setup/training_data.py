"""Decode the train and val images of a run. Test images are never opened here."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from foveal import cache
from foveal.dataset.dataset import Dataset
from foveal.dataset.file_facts import read_file_facts
from foveal.dataset.labels import encode_labels
from foveal.dataset.pixel_cache import build_pixel_cache
from foveal.dataset.shards.shard_table import ShardTable, can_stream, shard_table
from foveal.dataset.types import UnusableFile
from foveal.dataset.workers.task import decode_task
from foveal.doctor.trainable import unreadable_rows
from foveal.errors import DataError
from foveal.progress import Progress
from foveal.rundir import RunData, RunImage
from foveal.spec.network import Network
from foveal.text import format_bytes, plural
from foveal.training.sampler import (
    epoch_order,
    streamed_batches,
    window_imbalance,
    window_shards,
)
from foveal.training.setup.data import RequestedData, leave_out_unreadable
from foveal.training.streaming import Pixels, StreamedPixels
from foveal.training.tensors import LabelledImages

MAX_IMBALANCE_PERCENT = 20.0
"""Of the class shares of streamed windows; packed shards of ten classes have about 2."""


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


@dataclass(frozen=True)
class _Split:
    """The images of a split that can be used: as PixelCache, with pixels that may be streamed."""

    pixels: Pixels
    rows: NDArray[np.int64]
    content_hashes: NDArray[np.uint64]
    pixel_hashes: NDArray[np.uint64]
    unusable: tuple[UnusableFile, ...]


def decode_training_data(
    data: RequestedData, network: Network, progress: Progress, *, streamed: bool | None = None
) -> TrainingData:
    """Train and val as `network` sees them, from the pixel cache where it has them.

    streamed: whether train is decoded from its shards in every epoch; None: where the cache may
    not hold it.  Raises DataError where the images that can be read cannot be trained on, see
    `reading_errors`.
    """
    if streamed is None:
        streamed = _is_beyond_cache(data, network)
    read_train = _stream_split if streamed else _decode_split
    caches = {
        "train": read_train(data, "train", network, progress),
        "val": _decode_split(data, "val", network, progress),
    }
    undecoded = [
        pair
        for split, found in caches.items()
        for pair in unreadable_rows(
            data.dataset, _usable_rows(data, split).tolist(), found.rows.tolist(), found.unusable
        )
    ]
    kept = leave_out_unreadable(data, undecoded)
    if kept.classes != data.classes:
        caches["val"] = _decode_split(kept, "val", network, progress)
    if streamed:
        caches["val"] = _with_hashes_of_files(kept, caches["val"], progress)
    train, val = (_labelled(kept, cache) for cache in caches.values())
    run_data = _run_data(kept, caches, [file for _, file in undecoded])
    if isinstance(train.pixels, StreamedPixels):
        line, warnings = _describe_stream(train.pixels, train.labels)
        progress.message(line)
        run_data = replace(run_data, warnings=(*run_data.warnings, *warnings))
    return TrainingData(train, val, run_data)


def _describe_stream(
    pixels: StreamedPixels, labels: NDArray[np.int64]
) -> tuple[str, tuple[str, ...]]:
    """How the images are shuffled, and a warning where the windows are no samples of them."""
    unit, order = pixels.shards.unit, epoch_order(len(pixels), seed=0, epoch=0)
    ((rows,), (windows,)) = streamed_batches(order, pixels.shards.numbers, 1, seed=0, epoch=0)
    count = int(windows.max(initial=0)) + 1
    imbalance = 100 * window_imbalance(labels[rows], windows)
    line = (
        f"streaming: {len(pixels):,} training images of {plural(pixels.shards.count, unit)} are "
        f"decoded in every epoch (decoded {format_bytes(pixels.nbytes)}, cache limit "
        f"{format_bytes(cache.size_limit_bytes())}) and shuffled in {plural(count, 'window')} of "
        f"{unit}s, whose class shares are {imbalance:.1f} % off those of train on average"
    )
    if imbalance <= MAX_IMBALANCE_PERCENT:
        return line, ()
    return line, (
        f"the {unit}s are sorted by class: a window of them is {imbalance:.0f} % off the class "
        "shares of train, so that batches are no samples of it; write them anew with foveal pack, "
        "which mixes them, or raise --cache-limit",
    )


def _is_beyond_cache(data: RequestedData, network: Network) -> bool:
    """Whether the decoded images of train are more than the cache may hold, and can be streamed."""
    size = len(data.rows("train")) * math.prod(network.input.shape)
    return size > cache.size_limit_bytes() and can_stream(data.dataset)


def _decode_split(data: RequestedData, split: str, network: Network, progress: Progress) -> _Split:
    rows = _usable_rows(data, split)
    found = build_pixel_cache(
        data.dataset,
        rows,
        network.input,
        network.preprocess,
        decoded=data.decoded,
        what=f"decoding {split}",
        progress=progress,
    )
    return _Split(
        found.pixels, found.rows, found.content_hashes, found.pixel_hashes, found.unusable
    )


def _stream_split(data: RequestedData, split: str, network: Network, progress: Progress) -> _Split:
    facts = read_file_facts(data.dataset, _usable_rows(data, split), progress)
    table = shard_table(data.dataset, facts.rows)
    _require_cache(table)
    task = decode_task(network.input, network.preprocess)
    pixels = StreamedPixels(data.dataset, facts.rows, facts.content_hashes, task, table)
    return _Split(pixels, facts.rows, facts.content_hashes, facts.pixel_hashes, facts.unusable)


def _require_cache(table: ShardTable) -> None:
    """Raise DataError where the cache may not hold the row groups, which are read from there."""
    if table.unit != "row group":
        return
    sizes = sorted((copy.size for copy in table.copies or ()), reverse=True)
    needed = sum(sizes[: 2 * window_shards(table.numbers)])
    limit = cache.size_limit_bytes()
    if needed > limit:
        raise DataError(
            f"streaming from Parquet needs {format_bytes(needed)} of the cache for the row groups "
            f"of two windows, and it may hold {format_bytes(limit)}: raise --cache-limit, or write "
            "the images with foveal pack, which needs no such copies"
        )


def _with_hashes_of_files(data: RequestedData, split: _Split, progress: Progress) -> _Split:
    """The split with the pixel hashes that streamed images have, so that duplicates are found."""
    facts = read_file_facts(data.dataset, split.rows, progress)
    known = dict(zip(facts.rows.tolist(), facts.pixel_hashes.tolist(), strict=True))
    hashes = [known.get(row, 0) for row in split.rows.tolist()]
    return replace(split, pixel_hashes=np.array(hashes, np.uint64))


def _usable_rows(data: RequestedData, split: str) -> NDArray[np.int64]:
    """The rows of a split that have a class to learn (several labels an image: all rows)."""
    rows = data.rows(split)
    if data.dataset.task == "single":
        classes = set(data.classes)
        rows = [row for row in rows if classes.issuperset(data.dataset.labels[row])]
    return np.array(rows, np.int64)


def _labelled(data: RequestedData, cache: _Split) -> LabelledImages:
    labels = [data.dataset.labels[row] for row in cache.rows]
    encoded = encode_labels(labels, data.classes, data.dataset.task)
    return LabelledImages(cache.pixels, encoded.astype(np.int64, copy=False))


def _run_data(
    data: RequestedData, caches: dict[str, _Split], undecoded: Sequence[UnusableFile]
) -> RunData:
    dataset = data.dataset
    train, val = (
        tuple(
            RunImage(dataset.paths[row], dataset.labels[row], int(content_hash))
            for row, content_hash in zip(found.rows, found.content_hashes, strict=True)
        )
        for found in (caches["train"], caches["val"])
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


def _duplicate_warning(dataset: Dataset, caches: dict[str, _Split]) -> tuple[str, ...]:
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


def _fingerprint(dataset: Dataset, caches: dict[str, _Split]) -> str:
    """SHA-256 of what is fitted on: path, labels, split and content of every image."""
    digest = hashlib.sha256()
    for split, found in caches.items():
        for row, content_hash in zip(found.rows, found.content_hashes, strict=True):
            labels = "\x1f".join(dataset.labels[row])
            line = f"{split}\x1e{dataset.paths[row]}\x1e{labels}\x1e{int(content_hash):016x}\n"
            digest.update(line.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
