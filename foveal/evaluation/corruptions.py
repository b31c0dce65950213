"""Corrupted images at several severities: shifts, brightness, contrast, blur, noise, JPEG."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from foveal.network.shift import SHIFT_PIXELS, shift_images

Pixels = npt.NDArray[np.uint8]

BRIGHTNESS_FACTORS = (0.5, 0.75, 1.25, 1.5)
CONTRAST_FACTORS = (0.5, 0.75, 1.5)
"""Factors of the distance from the image's mean level."""
BLUR_SIGMAS = (0.5, 1.0, 2.0)
"""Standard deviations of the Gaussian kernel, in pixels of the network's input."""
NOISE_SIGMAS = (5, 10, 20)
"""Standard deviations of the Gaussian noise, in levels of 0..255."""
JPEG_QUALITIES = (75, 50, 20)
N_CORRUPTIONS = sum(
    map(
        len,
        (
            SHIFT_PIXELS,
            BRIGHTNESS_FACTORS,
            CONTRAST_FACTORS,
            BLUR_SIGMAS,
            NOISE_SIGMAS,
            JPEG_QUALITIES,
        ),
    )
)


def corrupt(pixels: Pixels) -> Iterator[tuple[str, str, Pixels]]:
    """(name, severity, corrupted pixels) of every corruption; pixels: uint8 (N, H, W, C)."""
    for count in SHIFT_PIXELS:
        yield "shift", f"{count} px", shift_images(pixels, 0, count)
    for factor in BRIGHTNESS_FACTORS:
        yield "brightness", f"×{factor:g}", scale_levels(pixels, factor, 0.0)
    mean = pixels.mean(axis=(1, 2, 3), keepdims=True)
    for factor in CONTRAST_FACTORS:
        yield "contrast", f"×{factor:g}", scale_levels(pixels, factor, mean)
    for sigma in BLUR_SIGMAS:
        yield "blur", f"σ {sigma:g} px", _map_images(pixels, _blur(sigma))
    for sigma in NOISE_SIGMAS:
        yield "noise", f"σ {sigma:g}", add_noise(pixels, sigma)
    for quality in JPEG_QUALITIES:
        yield "jpeg", f"quality {quality}", _map_images(pixels, _jpeg(quality))


def scale_levels(pixels: Pixels, factor: float, centre: float | npt.NDArray[np.float64]) -> Pixels:
    """Distances of the levels from `centre` multiplied by `factor`, clipped to 0..255."""
    values = centre + factor * (pixels - centre)
    return np.asarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def add_noise(pixels: Pixels, sigma: float) -> Pixels:
    """Gaussian noise added, the same at every run."""
    rng = np.random.default_rng(0)
    values = pixels + rng.normal(0, sigma, pixels.shape)
    return np.asarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def _map_images(pixels: Pixels, corruption: Callable[[Image.Image], Image.Image]) -> Pixels:
    shape = pixels.shape[1:]
    images = (Image.fromarray(one[..., 0] if shape[2] == 1 else one) for one in pixels)
    return np.stack([np.asarray(corruption(image)).reshape(shape) for image in images])


def _blur(sigma: float) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.filter(ImageFilter.GaussianBlur(sigma))


def _jpeg(quality: int) -> Callable[[Image.Image], Image.Image]:
    def compress(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return compress
