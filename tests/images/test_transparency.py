"""Opacity, and the background under it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from foveal.images import transparency
from foveal.images.transparency import alpha_channel, may_be_transparent, over_background


def noise(channels: int) -> np.ndarray:
    shape = (31, 17, channels)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


@pytest.mark.parametrize("strip_pixels", [2**24, 100, 1])
def test_an_image_over_its_background_is_the_mean_by_opacity(monkeypatch, strip_pixels: int):
    monkeypatch.setattr(transparency, "_STRIP_PIXELS", strip_pixels)
    values, under = noise(4), (9, 99, 199)
    opacity = values[..., 3:] / 255
    expected = opacity * values[..., :3] + (1 - opacity) * np.array(under)
    result = over_background(Image.fromarray(values), under)
    assert result.mode == "RGB"
    assert np.abs(np.asarray(result) - expected).max() <= 1


def test_only_an_opacity_that_hides_something_is_a_channel():
    values = noise(4)
    assert np.array_equal(np.asarray(alpha_channel(Image.fromarray(values))), values[..., 3])
    values[..., 3] = 255
    image = Image.fromarray(values)
    assert may_be_transparent(image)
    assert alpha_channel(image) is None
    assert alpha_channel(Image.fromarray(noise(3))) is None


def test_a_transparent_colour_counts_in_8_bits_only():
    for mode, transparent in (("P", True), ("L", True), ("RGB", True), ("I;16", False)):
        image = Image.new(mode, (2, 2))
        assert not may_be_transparent(image)
        image.info["transparency"] = 0
        assert may_be_transparent(image) is transparent
