"""Clusters: found where they are, numbered by size, the same every time."""

import sys

import numpy as np
import pytest

from foveal.clusters import find_clusters
from foveal.errors import MissingExtra, UsageError
from foveal.neighbours import unit_rows


def groups(*sizes: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors around as many directions, in mixed order, and the group of each."""
    random = np.random.default_rng(0)
    labels = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return unit_rows(
        np.eye(len(sizes))[labels] + random.normal(0, 0.05, (len(labels), len(sizes)))
    ), labels


def test_groups_are_found_and_numbered_by_size():
    units, labels = groups(20, 50, 30)
    found = find_clusters(units, 3)
    assert found.indices.tolist() == np.array([2, 0, 1])[labels].tolist()
    centre = unit_rows(units[labels == 1].mean(0)[None])[0]
    np.testing.assert_allclose(
        found.distances[labels == 1], 1 - units[labels == 1] @ centre, atol=1e-6
    )
    again = find_clusters(units, 3)
    assert again.indices.tolist() == found.indices.tolist()


def test_of_equal_sizes_the_earlier_image_comes_first():
    found = find_clusters(unit_rows(np.array([[0.0, 1], [1, 0], [0, 1], [1, 0]])), 2)
    assert found.indices.tolist() == [0, 1, 0, 1]
    assert found.distances.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("count", [0, 3, 5])
def test_more_clusters_than_different_images(count):
    units = unit_rows(np.array([[0.0, 1], [1, 0], [0, 1], [1, 0]]))
    with pytest.raises(UsageError) as error:
        find_clusters(units, count)
    assert str(error.value) == (
        f"--clusters is {count}, and 4 images can be read, 2 of them different; give a whole "
        "number from 1 to 2"
    )


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(MissingExtra) as error:
        find_clusters(np.eye(2, dtype=np.float32), 1)
    assert str(error.value).startswith("finding clusters needs the extra 'eval': ")
