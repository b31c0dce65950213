"""Every corruption keeps the shape, changes something, and leaves the original alone."""

from __future__ import annotations

import numpy as np
import pytest

from foveal.evaluation.corruptions import N_CORRUPTIONS, add_noise, corrupt, scale_levels


@pytest.mark.parametrize("channels", [1, 3])
def test_every_corruption_keeps_the_shape_and_changes_something(channels: int) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (6, 12, 10, channels), dtype=np.uint8)
    original = pixels.copy()
    corrupted_sets = list(corrupt(pixels))
    assert len(corrupted_sets) == N_CORRUPTIONS == 19
    for name, severity, corrupted in corrupted_sets:
        assert corrupted.shape == pixels.shape, name
        assert corrupted.dtype == np.uint8
        assert not np.array_equal(corrupted, pixels), (name, severity)
    assert np.array_equal(pixels, original)


def test_levels_are_scaled_and_clipped() -> None:
    pixels = np.array([[[[100], [200]]]], np.uint8)
    assert scale_levels(pixels, 1.5, 0.0).ravel().tolist() == [150, 255]
    assert scale_levels(pixels, 0.5, 150.0).ravel().tolist() == [125, 175]


def test_noise_is_the_same_at_every_run() -> None:
    pixels = np.full((2, 4, 4, 1), 128, np.uint8)
    assert np.array_equal(add_noise(pixels, 10), add_noise(pixels, 10))
