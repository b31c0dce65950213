"""Randomness as a pure function: known answers, independence, uniformity."""

import numpy as np
from scipy import stats

from foveal.training.rng import (
    GOLDEN_GAMMA,
    derive_key,
    permutation,
    random_bits,
    splitmix64,
    uniform,
)


def test_mix_is_splitmix64():
    # the first outputs of the reference C code seeded with 1234567
    with np.errstate(over="ignore"):
        states = np.uint64(1234567) + np.arange(1, 6, dtype=np.uint64) * GOLDEN_GAMMA
    assert splitmix64(states).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_numbers_do_not_depend_on_which_others_are_asked_for():
    alone = uniform(np.array([7]), 3, 5, 2)
    among = uniform(np.arange(100), 3, 5, 2)
    assert np.array_equal(alone[0], among[7])


def test_every_word_of_the_key_matters_and_so_does_their_order():
    keys = {
        int(derive_key(*words))
        for words in [(1, 2), (2, 1), (1,), (2,), (0, 1, 2), (1, 2, 0), (-1,)]
    }
    assert len(keys) == 7


def test_uniform_is_uniform_and_uncorrelated():
    numbers = uniform(np.arange(20_000), 4, 3, 1)
    for column in numbers.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3
    between = np.corrcoef(numbers.T)
    assert np.abs(between - np.eye(4)).max() < 0.03
    assert abs(np.corrcoef(numbers[:-1, 0], numbers[1:, 0])[0, 1]) < 0.03


def test_shuffled_is_a_permutation_that_changes_with_the_key():
    first, second = permutation(1000, 1), permutation(1000, 2)
    assert sorted(first.tolist()) == list(range(1000))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, permutation(1000, 1))


def test_bits_differ():
    assert len(np.unique(random_bits(np.arange(100_000), 1))) == 100_000
