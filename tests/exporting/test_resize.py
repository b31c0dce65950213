"""The preprocess inside the graph gives Pillow's pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from foveal.exporting.resize import ResizeToInput
from foveal.images.resize import resize_to_input
from foveal.spec.preprocess import Input, Preprocess

SIZES = ((24, 33), (1, 1), (5, 7), (37, 100), (301, 222), (8, 8), (24, 34), (200, 300), (700, 900))


def smooth(height: int, width: int, channels: int) -> Image.Image:
    """Something like an image: noise, enlarged."""
    small = np.random.default_rng(0).integers(0, 256, (6, 6, channels), dtype=np.uint8)
    image = Image.fromarray(small[:, :, 0] if channels == 1 else small)
    return image.resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize(
    "rule",
    [
        {"fit": "crop"},
        {"fit": "pad"},
        {"fit": "squash"},
        {"crop_fraction": 0.875},
        {"crop_fraction": 0.3, "interpolation": "bilinear"},
        {"fit": "pad", "interpolation": "bilinear"},
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_same_levels_as_pillow(rule: dict[str, Any], channels: int, size: tuple[int, int]) -> None:
    target = Input(height=24, width=33, channels=channels)
    preprocess = Preprocess(background=(10, 200, 30), **rule)
    image = smooth(*size, channels)
    truth = resize_to_input(image, target, preprocess).astype(int)
    given = torch.from_numpy(np.asarray(image).reshape(1, *size, channels).copy())
    ours = ResizeToInput(target, preprocess)(given)[0].permute(1, 2, 0).numpy()
    difference = np.abs(ours - truth)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.1


def test_a_tall_image_differs_by_little() -> None:
    """Pillow takes the other axis first here, so its rounding between the axes is another."""
    target, preprocess = Input(height=24, width=33, channels=3), Preprocess()
    image = smooth(120, 37, 3)
    truth = resize_to_input(image, target, preprocess).astype(int)
    given = torch.from_numpy(np.asarray(image)[None].copy())
    ours = ResizeToInput(target, preprocess)(given)[0].permute(1, 2, 0).numpy()
    assert np.abs(ours - truth).max() <= 2


def test_an_image_of_the_input_size_is_unchanged() -> None:
    target = Input(height=9, width=6, channels=3)
    for fit in ("crop", "pad", "squash"):
        given = torch.randint(0, 256, (2, 9, 6, 3), dtype=torch.uint8)
        out = ResizeToInput(target, Preprocess(fit=fit))(given)
        torch.testing.assert_close(out.permute(0, 2, 3, 1), given.float(), rtol=0, atol=0)
