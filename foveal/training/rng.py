"""Randomness as a pure function: numbers from (seed, epoch, index, stream), never from a state.

Knows nothing of what the numbers are used for. SplitMix64 (Steele, Lea, Flood 2014) as a
counter-based hash: the same on every machine and every numpy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def splitmix64(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The SplitMix64 finaliser: uint64 of any shape to uint64 that look independent."""
    with np.errstate(over="ignore"):
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def derive_key(*words: int) -> np.uint64:
    """One 64-bit key of any number of whole numbers; their order matters."""
    state = np.zeros(1, np.uint64)
    for word in words:
        with np.errstate(over="ignore"):
            state = splitmix64(state + GOLDEN + splitmix64(np.array([word % 2**64], np.uint64)))
    return np.uint64(state[0])


def random_bits(index: NDArray[np.int64], *words: int) -> NDArray[np.uint64]:
    """64 random bits for every index, under the key of `words`."""
    with np.errstate(over="ignore"):
        return splitmix64(derive_key(*words) + (index.astype(np.uint64) + np.uint64(1)) * GOLDEN)


def uniform(index: NDArray[np.int64], count: int, *words: int) -> NDArray[np.float64]:
    """(N, count) numbers in [0, 1) for N indices, under the key of `words`."""
    columns = [random_bits(index, *words, column) >> np.uint64(11) for column in range(count)]
    return np.stack(columns, axis=1).astype(np.float64) * 2.0**-53


def permutation(count: int, *words: int) -> NDArray[np.int64]:
    """A permutation of 0..count-1, under the key of `words`."""
    return np.argsort(random_bits(np.arange(count), *words), kind="stable")
