"""Accuracy on slices by columns and image properties."""

from __future__ import annotations

import numpy as np
import pytest

from foveal.evaluation.predictions import Predictions
from foveal.evaluation.slices import quantile_ranges, score_slices


def test_the_weak_slice_comes_first() -> None:
    rng = np.random.default_rng(0)
    n = 400
    place = np.where(np.arange(n) < 100, "dark room", "outside")
    correct = np.where(place == "dark room", rng.random(n) < 0.5, rng.random(n) < 0.95)
    probabilities = np.where(correct[:, None], [[0.9, 0.1]], [[0.1, 0.9]])
    predictions = Predictions(probabilities, np.zeros(n, np.int64), ("x", "y"))
    columns = {"place": place.tolist(), "id": [str(row) for row in range(n)]}
    slices = score_slices(predictions, {"size": np.arange(n, dtype=float)}, columns)
    assert (slices[0].attribute, slices[0].n) in {("place", 100), ("id", 100), ("size", 100)}
    room = next(part for part in slices if part.value == "dark room")
    assert room.accuracy == pytest.approx(correct[:100].mean())
    assert room.accuracy_interval[0] < room.accuracy < room.accuracy_interval[1]
    assert room.difference == pytest.approx(correct[:100].mean() - correct.mean())
    assert sum(part.n for part in slices if part.attribute == "size") == n
    assert [part.value for part in slices if part.attribute == "id"]


def test_small_slices_and_constant_columns_are_left_out(mislabelled) -> None:
    predictions, _ = mislabelled(60, 0)
    columns = {"same": ["x"] * 60, "rare": ["x"] * 55 + ["y"] * 5}
    assert [part.value for part in score_slices(predictions, {}, columns)] == ["x"]


def test_a_column_of_many_texts_is_left_out(mislabelled) -> None:
    predictions, _ = mislabelled(60, 0)
    assert score_slices(predictions, {}, {"name": [f"image {row}" for row in range(60)]}) == ()


def test_ranges_hold_about_equally_many_images() -> None:
    ranges = quantile_ranges(np.arange(100, dtype=float))
    assert [text for text, _ in ranges] == [
        "0 to 24.75",
        "24.75 to 49.5",
        "49.5 to 74.25",
        "74.25 to 99",
    ]
    assert [mask.sum() for _, mask in ranges] == [25, 25, 25, 25]
    assert quantile_ranges(np.ones(5)) == []
