"""Labelled images as training sees them: uint8 pixels, labels, and which image each is.

Knows nothing of folders, splits or decoding; the pixels are usually a memory map.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

CHUNK = 4096


@dataclass(frozen=True)
class LabelledImages:
    """pixels: (N, H, W, C) uint8.  labels: (N,) class numbers or (N, classes) zeros and ones.

    resident: the same pixels on the GPU where they fit there.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    device_pixels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, positions: NDArray[np.int64], device: torch.device) -> Tensor:
        """(n, C, H, W) uint8, channels last in memory, on `device`."""
        if self.device_pixels is not None:
            chosen = self.device_pixels[torch.from_numpy(positions).to(device)]
        else:
            chosen = torch.from_numpy(self.pixels[positions]).to(device)
        return chosen.permute(0, 3, 1, 2)

    def single_labels(self) -> NDArray[np.int64] | None:
        """(N,) class numbers where every image has one label."""
        return self.labels if self.labels.ndim == 1 else None


def cache_on_device(images: LabelledImages, device: torch.device) -> LabelledImages:
    """The same images with their pixels on a GPU that has room for them four times over."""
    if device.type != "cuda":
        return images
    free, _ = torch.cuda.mem_get_info(device)
    if images.pixels.nbytes * 4 > free:
        return images
    whole = torch.from_numpy(np.ascontiguousarray(images.pixels)).to(device)
    return LabelledImages(images.pixels, images.labels, whole)


def channel_statistics(pixels: NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of every channel, in units of 0..1, by exact whole numbers.

    Six digits are kept, so that the numbers are the same on every machine. A channel that is
    one flat value has the deviation 1/255.
    """
    channels = pixels.shape[3]
    count = max(1, pixels.shape[0] * pixels.shape[1] * pixels.shape[2])
    histogram = np.zeros((channels, 256), np.int64)
    for start in range(0, len(pixels), CHUNK):
        part = np.asarray(pixels[start : start + CHUNK])
        for channel in range(channels):
            histogram[channel] += np.bincount(part[..., channel].ravel(), minlength=256)
    values = np.arange(256)
    total, square = histogram @ values, histogram @ values**2
    mean = total / count / 255
    spread = np.sqrt(np.maximum(square / count / 255**2 - mean**2, (1 / 255) ** 2))
    return (
        tuple(round(float(x), 6) for x in mean),
        tuple(round(float(x), 6) for x in spread),
    )
