"""Which images a step sees: a pure function of (seed, epoch), so resuming needs one integer.

Knows nothing of pixels or labels' names.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from foveal.training.rng import permutation, random_bits

ORDER, DRAW = 1, 2
"""Streams of chance used here."""


def steps_per_epoch(count: int, batch_size: int) -> int:
    """Steps in which every image is shown once; batches differ by at most one image."""
    return max(1, -(-count // batch_size))


def epoch_order(
    count: int, seed: int, epoch: int, classes: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """`count` positions in the order the epoch shows them.

    classes: the class of every position; where given, every class is drawn equally often
    (each class runs through its own shuffles), else every position comes exactly once.
    """
    if classes is None:
        return permutation(count, seed, ORDER, epoch)
    return _balanced(classes, seed, epoch)


def _balanced(classes: NDArray[np.int64], seed: int, epoch: int) -> NDArray[np.int64]:
    present = np.unique(classes)
    count = len(classes)
    shares = [len(part) for part in np.array_split(np.arange(count), len(present))]
    picked = []
    for share, label in zip(shares, present, strict=True):
        members = np.flatnonzero(classes == label)
        # one endless run of shuffles a class; each epoch takes the next `share` of it
        places = np.arange(epoch * share, (epoch + 1) * share)
        for turn in np.unique(places // len(members)):
            order = permutation(len(members), seed, DRAW, int(label), int(turn))
            picked.append(members[order[places[places // len(members) == turn] % len(members)]])
    chosen = np.concatenate(picked)
    return chosen[permutation(count, seed, ORDER, epoch)]


def split_batches(order: NDArray[np.int64], steps: int) -> list[NDArray[np.int64]]:
    """The epoch's order cut into `steps` batches."""
    return np.array_split(order, steps)


def mirrored_in_even_epochs(index: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Which images alternating flip mirrors in even epochs (the others in odd ones)."""
    return (random_bits(index, seed, DRAW) & np.uint64(1)).astype(bool)
