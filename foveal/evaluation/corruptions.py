"""Images changed on purpose, at stated strengths: light, blur, noise, compression, shifts.

Knows nothing of models.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Pixels = npt.NDArray[np.uint8]

BRIGHTNESS = (0.5, 0.75, 1.25, 1.5)
"""Factors every level is multiplied by."""
CONTRAST = (0.5, 0.75, 1.5)
"""Factors of the distance from the image's mean level."""
BLUR = (0.5, 1.0, 2.0)
"""Standard deviations of the Gaussian, in pixels of the input."""
NOISE = (5, 10, 20)
"""Standard deviations of the Gaussian noise, in levels of 0..255."""
JPEG = (75, 50, 20)
"""Quality of the JPEG compression of the input."""
SHIFTS = (1, 2, 3)
"""Pixels the image moves; the free edge repeats."""
COUNT = sum(map(len, (SHIFTS, BRIGHTNESS, CONTRAST, BLUR, NOISE, JPEG)))
"""Changes in all."""


def changes(pixels: Pixels) -> Iterator[tuple[str, str, Pixels]]:
    """(name, strength, changed pixels) for every change; pixels: uint8 (N, H, W, C)."""
    for count in SHIFTS:
        yield "shift", f"{count} px", shifted(pixels, 0, count)
    for factor in BRIGHTNESS:
        yield "brightness", f"×{factor:g}", scaled(pixels, factor, 0.0)
    mean = pixels.mean(axis=(1, 2, 3), keepdims=True)
    for factor in CONTRAST:
        yield "contrast", f"×{factor:g}", scaled(pixels, factor, mean)
    for sigma in BLUR:
        yield "blur", f"σ {sigma:g} px", _each(pixels, _blurred(sigma))
    for sigma in NOISE:
        yield "noise", f"σ {sigma:g}", noisy(pixels, sigma)
    for quality in JPEG:
        yield "jpeg", f"quality {quality}", _each(pixels, _compressed(quality))


def shifted(pixels: Pixels, down: int, right: int) -> Pixels:
    """Every image moved by whole pixels; the edge it leaves is repeated."""
    height, width = pixels.shape[1:3]
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return np.asarray(pixels[:, rows][:, :, columns])


def scaled(pixels: Pixels, factor: float, around: float | npt.NDArray[np.float64]) -> Pixels:
    """Levels moved away from `around` by `factor`."""
    values = around + factor * (pixels - around)
    return np.asarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def noisy(pixels: Pixels, sigma: float) -> Pixels:
    """Gaussian noise added, the same at every run."""
    chance = np.random.default_rng(0)
    values = pixels + chance.normal(0, sigma, pixels.shape)
    return np.asarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def _each(pixels: Pixels, change: Callable[[Image.Image], Image.Image]) -> Pixels:
    shape = pixels.shape[1:]
    images = (Image.fromarray(one[..., 0] if shape[2] == 1 else one) for one in pixels)
    return np.stack([np.asarray(change(image)).reshape(shape) for image in images])


def _blurred(sigma: float) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.filter(ImageFilter.GaussianBlur(sigma))


def _compressed(quality: int) -> Callable[[Image.Image], Image.Image]:
    def change(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return change
