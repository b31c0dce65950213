"""Which images a step trains on: a pure function of (seed, epoch)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from foveal.training.rng import Stream, permutation

MIN_WINDOW_SHARDS, MIN_WINDOW_IMAGES = 8, 16_384
"""Of shards that are shuffled together where images are streamed."""
PARTITIONS = 8
"""Of the shards of an epoch: up to as many machines divide the bytes that are fetched."""


def steps_per_epoch(count: int, batch_size: int) -> int:
    """Steps in which every image is used once; batches differ by at most one image."""
    return max(1, -(-count // batch_size))


def epoch_order(
    count: int, seed: int, epoch: int, classes: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """`count` image indices in the order of the epoch.

    classes: the class of every image; where given, every class is sampled equally often
    (each class runs through its own shuffles), else every image comes exactly once.
    """
    if classes is None:
        return permutation(count, seed, Stream.EPOCH_ORDER, epoch)
    return _class_balanced_order(classes, seed, epoch)


def _class_balanced_order(classes: NDArray[np.int64], seed: int, epoch: int) -> NDArray[np.int64]:
    present = np.unique(classes)
    count = len(classes)
    shares = [len(part) for part in np.array_split(np.arange(count), len(present))]
    sampled = []
    for share, label in zip(shares, present, strict=True):
        members = np.flatnonzero(classes == label)
        # one endless run of shuffles a class; each epoch takes the next `share` of it
        places = np.arange(epoch * share, (epoch + 1) * share)
        for shuffle in np.unique(places // len(members)):
            order = permutation(len(members), seed, Stream.CLASS_ORDER, int(label), int(shuffle))
            offsets = places[places // len(members) == shuffle] % len(members)
            sampled.append(members[order[offsets]])
    return np.concatenate(sampled)[permutation(count, seed, Stream.EPOCH_ORDER, epoch)]


def streamed_batches(
    order: NDArray[np.int64], shards: NDArray[np.int64], steps: int, seed: int, epoch: int
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """The epoch's order as `steps` batches whose images come shard by shard; their windows.

    order: (N,) image indices.  shards: the shard of every image.  The shards, in an order of the
    epoch, are divided into PARTITIONS of as many images each; every batch has an equal share of
    each, one partition after the other, so that consecutive shares of a batch lie in few shards.
    A window is so many shards of every partition that together they hold MIN_WINDOW_SHARDS and
    MIN_WINDOW_IMAGES; the images of a partition's window are in the order of `order`.  Where one
    window holds all shards, so are the batches.
    """
    batches = split_batches(order, steps)
    count = int(shards.max(initial=-1)) + 1
    if window_shards(shards) == count:
        return batches, [np.zeros(len(batch), np.int64) for batch in batches]
    place = np.empty(count, np.int64)
    place[permutation(count, seed, Stream.SHARD_ORDER, epoch)] = np.arange(count)
    sizes = np.array([len(batch) for batch in batches], np.int64)
    shares = np.diff(np.arange(PARTITIONS + 1) * sizes[:, None] // PARTITIONS)
    by_shard = np.argsort(place[shards[order]], kind="stable")
    partitions = np.split(by_shard, np.cumsum(shares.sum(axis=0))[:-1])
    rows, windows = [], []
    for partition, share in zip(partitions, shares.T, strict=True):
        places = place[shards[order[partition]]]
        window = (places - places[:1]) // (window_shards(shards) // PARTITIONS)
        shuffled = np.lexsort((partition, window))
        ends = np.cumsum(share)[:-1]
        rows.append(np.split(order[partition[shuffled]], ends))
        windows.append(np.split(window[shuffled], ends))
    return _concatenated(rows), _concatenated(windows)


def window_shards(shards: NDArray[np.int64]) -> int:
    """How many shards a window has: all, or a multiple of PARTITIONS."""
    count = int(shards.max(initial=-1)) + 1
    least = max(MIN_WINDOW_SHARDS, -(-MIN_WINDOW_IMAGES * count // max(1, len(shards))))
    return count if count <= least else -(-least // PARTITIONS) * PARTITIONS


def _concatenated(partitions: list[list[NDArray[np.int64]]]) -> list[NDArray[np.int64]]:
    """The share of every partition in each batch as one array a batch."""
    return [np.concatenate(shares) for shares in zip(*partitions, strict=True)]


def window_imbalance(labels: NDArray[np.int64], windows: NDArray[np.int64]) -> float:
    """How much the class shares of a window differ from those of all images, 0..1.

    The total variation distance, mean over the windows weighted by their images.
    labels: (N,) class numbers or (N, classes) zeros and ones.
    """
    if not len(labels):
        return 0.0
    whole = _class_shares(labels)
    distances = [
        (np.mean(windows == window), _class_shares(labels[windows == window], len(whole)))
        for window in np.unique(windows)
    ]
    return float(sum(weight * np.abs(part - whole).sum() / 2 for weight, part in distances))


def _class_shares(labels: NDArray[np.int64], count: int = 0) -> NDArray[np.float64]:
    counts = np.bincount(labels, minlength=count) if labels.ndim == 1 else labels.sum(axis=0)
    return np.asarray(counts / max(1, counts.sum()), np.float64)


def proportional_order(labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """All image indices in an order of which every beginning is a sample.

    Of single labels it has every class's share of the images, and first one image of each class.
    labels: (N,) class numbers or (N, classes) zeros and ones.
    """
    shuffled = permutation(len(labels), seed, Stream.SAMPLE)
    if labels.ndim == 2:
        return shuffled
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    _, starts, counts = np.unique(labels[by_class], return_index=True, return_counts=True)
    shares = (np.arange(len(labels)) - np.repeat(starts, counts)) / np.repeat(counts, counts)
    return by_class[np.argsort(shares, kind="stable")]


def split_batches(order: NDArray[np.int64], steps: int) -> list[NDArray[np.int64]]:
    """The epoch's order as `steps` batches."""
    return np.array_split(order, steps)
