"""The even sample over a list."""

import pytest

from foveal.dataset.sampling import even_sample


@pytest.mark.parametrize(
    ("count", "limit", "indices"),
    [
        (0, 5, []),
        (1, 5, [0]),
        (3, 10, [0, 1, 2]),
        (10, 10, list(range(10))),
        (1000, 5, [0, 249, 499, 749, 999]),
    ],
)
def test_indices_are_spread_evenly(count, limit, indices):
    sample = even_sample(count, limit)
    assert sample.dtype == "int64"
    assert sample.tolist() == indices


def test_no_index_comes_twice():
    for count in range(1, 200):
        for limit in range(1, count + 1):
            sample = even_sample(count, limit).tolist()
            assert len(set(sample)) == limit == len(sample)
            assert sample[-1] == (count - 1 if limit > 1 else 0)
