"""Random numbers as a pure function of (seed, stream, epoch, index), never of a hidden state.

SplitMix64 (Steele, Lea, Flood 2014) as a counter-based hash: the same on every machine and with
every version of numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)


class Stream(IntEnum):
    """What random numbers are used for: one stream each, so that none moves another."""

    EPOCH_ORDER = 1
    CLASS_ORDER = 2
    SHARD_ORDER = 3
    FLIP = 11
    TRANSLATE = 12
    RANDOM_CROP = 13
    ROTATION = 14
    COLOR_JITTER = 15
    RANDOM_ERASING = 16
    MIX = 17
    MIX_BETA = 18
    RANDAUGMENT = 19
    INVARIANCE = 21
    WHITENING = 22
    SAMPLE = 23
    DROPOUT = 31
    INIT = 41


def splitmix64(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The SplitMix64 finaliser: uint64 of any shape to uint64 that look independent."""
    with np.errstate(over="ignore"):
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def derive_key(*parts: int) -> np.uint64:
    """One 64-bit key of any number of integers; their order matters."""
    state = np.zeros(1, np.uint64)
    for part in parts:
        with np.errstate(over="ignore"):
            state = splitmix64(
                state + GOLDEN_GAMMA + splitmix64(np.array([part % 2**64], np.uint64))
            )
    return np.uint64(state[0])


def random_bits(index: NDArray[np.int64], *key_parts: int) -> NDArray[np.uint64]:
    """64 random bits for every index, under the key of `key_parts`."""
    with np.errstate(over="ignore"):
        counter = (index.astype(np.uint64) + np.uint64(1)) * GOLDEN_GAMMA
        return splitmix64(derive_key(*key_parts) + counter)


def uniform(index: NDArray[np.int64], count: int, *key_parts: int) -> NDArray[np.float64]:
    """(N, count) numbers in [0, 1) for N indices, under the key of `key_parts`."""
    columns = [random_bits(index, *key_parts, column) >> np.uint64(11) for column in range(count)]
    return np.stack(columns, axis=1).astype(np.float64) * 2.0**-53


@dataclass(frozen=True)
class BatchRng:
    """Random numbers of each image of a batch in one epoch; index: int64 (N,), of the images."""

    index: NDArray[np.int64]
    seed: int
    epoch: int

    def uniform(self, count: int, stream: Stream) -> NDArray[np.float64]:
        """(N, count) numbers in [0, 1)."""
        return uniform(self.index, count, self.seed, stream, self.epoch)


def permutation(count: int, *key_parts: int) -> NDArray[np.int64]:
    """A permutation of 0..count-1, under the key of `key_parts`."""
    return np.argsort(random_bits(np.arange(count), *key_parts), kind="stable")


def torch_seed(*key_parts: int) -> int:
    """A seed for torch's own generator, 63 bits, under the key of `key_parts`."""
    return int(derive_key(*key_parts) >> np.uint64(1))
