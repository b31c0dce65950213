"""Nearest neighbours against scikit-learn, and what has no direction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from foveal import neighbours
from foveal.neighbours import nearest, unit_rows


@pytest.mark.parametrize("block", [1 << 24, 100, 7])
def test_the_same_as_scikit_learn(monkeypatch, block):
    monkeypatch.setattr(neighbours, "_BLOCK_VALUES", block)
    monkeypatch.setattr(neighbours, "_BLOCK_ROWS", block)
    random = np.random.default_rng(0)
    vectors, queries = random.normal(size=(60, 9)), random.normal(size=(25, 9))
    reference = NearestNeighbors(n_neighbors=4, metric="cosine").fit(vectors)
    expected, rows = reference.kneighbors(queries)
    distances, indices = nearest(unit_rows(queries), unit_rows(vectors), 4)
    np.testing.assert_allclose(distances, expected, atol=1e-6)
    np.testing.assert_array_equal(indices, rows)
    expected, rows = reference.kneighbors()
    distances, indices = nearest(unit_rows(vectors), unit_rows(vectors), 4, same=True)
    np.testing.assert_allclose(distances, expected, atol=1e-6)
    np.testing.assert_array_equal(indices, rows)


def test_equal_ones_come_in_order():
    units = unit_rows(np.array([[1.0, 0], [0, 1], [2, 0], [0, 3], [5, 0]]))
    distances, indices = nearest(units[:1], units, 3)
    assert indices.tolist() == [[0, 2, 4]]
    assert distances.tolist() == [[0, 0, 0]]


def test_opposite_and_zero():
    units = unit_rows(np.array([[3.0, 4], [-3, -4], [0, 0]]))
    np.testing.assert_allclose(units, [[0.6, 0.8], [-0.6, -0.8], [0, 0]], atol=1e-7)
    distances, _ = nearest(units[:1], units, 3)
    np.testing.assert_allclose(distances, [[0, 1, 2]], atol=1e-6)


@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 6), st.booleans())
def test_shapes(queries, vectors, count, same):
    units = unit_rows(np.arange(vectors * 2.0).reshape(-1, 2))
    asked = units if same else unit_rows(np.ones((queries, 2)))
    distances, indices = nearest(asked, units, count, same=same)
    expected = (len(asked), max(0, min(count, vectors - same)))
    assert distances.shape == indices.shape == expected
    if same:
        assert all(row not in others for row, others in enumerate(indices.tolist()))
