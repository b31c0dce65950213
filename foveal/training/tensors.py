"""Decoded images with their labels, as batches of tensors; the pixels are usually a memory map."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foveal.processor import available_cores
from foveal.training.device import send
from foveal.training.streaming import Pixels, StreamedPixels

STATISTICS_CHUNK_PIXELS, MAX_STATISTICS_THREADS = 2**17, 4


@dataclass(frozen=True)
class LabelledImages:
    """pixels: (N, H, W, C) uint8, in memory, mapped or streamed.

    labels: (N,) class numbers or (N, classes) zeros and ones.
    device_pixels: the same pixels on the GPU, where they fit there.
    """

    pixels: Pixels
    labels: NDArray[np.int64]
    device_pixels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, indices: NDArray[np.int64], device: torch.device) -> Tensor:
        """(n, C, H, W) uint8, channels last in memory, on `device`."""
        if self.device_pixels is not None:
            pixels = self.device_pixels[send(torch.from_numpy(indices), device)]
        else:
            pixels = send(torch.from_numpy(self.pixels[indices]), device)
        return pixels.permute(0, 3, 1, 2)

    @property
    def array(self) -> NDArray[np.uint8]:
        """The pixels of images that are not streamed, as those of val."""
        assert isinstance(self.pixels, np.ndarray)
        return self.pixels

    def single_labels(self) -> NDArray[np.int64] | None:
        """(N,) class numbers where every image has one label."""
        return self.labels if self.labels.ndim == 1 else None


def cache_on_device(images: LabelledImages, device: torch.device) -> LabelledImages:
    """The same images with their pixels on the GPU if four times their size is free there."""
    if device.type != "cuda" or isinstance(images.pixels, StreamedPixels):
        return images
    free_bytes, _ = torch.cuda.mem_get_info(device)
    if images.pixels.nbytes * 4 > free_bytes:
        return images
    device_pixels = torch.from_numpy(np.array(images.pixels)).to(device)  # a map is read-only
    return LabelledImages(images.pixels, images.labels, device_pixels)


def channel_statistics(pixels: Pixels) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of every channel, in 0..1, from exact integer sums.

    Rounded to six digits, so that they are the same on every machine. A constant channel has the
    deviation 1/255.  Of streamed pixels those of a sample.
    """
    if isinstance(pixels, StreamedPixels):
        pixels = pixels[pixels.sample()]
    channels = pixels.shape[3]
    count = max(1, pixels.shape[0] * pixels.shape[1] * pixels.shape[2])
    images = max(1, STATISTICS_CHUNK_PIXELS // (pixels.shape[1] * pixels.shape[2]))

    def chunk_sums(start: int) -> NDArray[np.int64]:
        """Of values and of their squares: whole numbers, which are exact in double precision."""
        chunk = np.asarray(pixels[start : start + images])
        values = chunk.reshape(-1, channels).astype(np.float64)
        squares = (values.T @ values).diagonal()
        return np.stack([np.ones(len(values)) @ values, squares]).astype(np.int64)

    sums, square_sums = np.zeros((2, channels), np.int64)
    with ThreadPoolExecutor(min(available_cores(), MAX_STATISTICS_THREADS)) as threads:
        for chunk in threads.map(chunk_sums, range(0, len(pixels), images)):
            sums, square_sums = sums + chunk[0], square_sums + chunk[1]
    mean = sums / count / 255
    std = np.sqrt(np.maximum(square_sums / count / 255**2 - mean**2, (1 / 255) ** 2))
    return (
        tuple(round(float(value), 6) for value in mean),
        tuple(round(float(value), 6) for value in std),
    )
