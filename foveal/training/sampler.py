"""Which images a step trains on: a pure function of (seed, epoch)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from foveal.training.rng import Stream, permutation

MIN_WINDOW_SHARDS, MIN_WINDOW_IMAGES = 8, 16_384
"""Of shards that are shuffled together where images are streamed."""


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


def windows_of_shards(shards: NDArray[np.int64], seed: int, epoch: int) -> NDArray[np.int64]:
    """(N,) the window of the epoch in which each image comes, for the shard (N,) of each.

    A window is so many shards, at random, that it holds MIN_WINDOW_SHARDS and MIN_WINDOW_IMAGES.
    """
    count = int(shards.max(initial=-1)) + 1
    images = len(shards) / max(1, count)
    size = max(MIN_WINDOW_SHARDS, int(np.ceil(MIN_WINDOW_IMAGES / max(1.0, images))))
    place = np.empty(count, np.int64)
    place[permutation(count, seed, Stream.SHARD_ORDER, epoch)] = np.arange(count)
    return place[shards] // size


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
