"""The features a network gives its output layer, of many images, as fast as this machine can.

Norms are folded and convolutions joined with their neighbours; batches are as large as maps stay
near the processor, and each has a thread of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from foveal.network.fused.batching import images_per_pass, map_in_threads
from foveal.network.fused.folding import fold_norms
from foveal.network.fused.fusing import FusedConv2d, fuse_convolutions

MAX_GPU_IMAGES, GPU_BATCH_PIXELS = 256, 2**22
"""That a GPU computes at a time."""


def split_head(module: nn.Module) -> tuple[nn.Sequential, nn.Linear]:
    """The module without its output layer, and the output layer; both share their weights."""
    assert isinstance(module, nn.Sequential)
    backbone, head = module[:-1], module[-1]
    assert isinstance(backbone, nn.Sequential)
    assert isinstance(head, nn.Linear)
    return backbone, head


class FeatureExtractor:
    """Computes features with a copy of `backbone`, which `split_head` gives, on `device`.

    In fp32 they are those of the backbone up to rounding.  bf16: compute in 16 bits, for training,
    where it is faster.  flip_average: the mean of each image's features and its mirror image's.
    """

    def __init__(
        self,
        backbone: nn.Module,
        device: torch.device,
        *,
        bf16: bool = False,
        flip_average: bool = False,
    ) -> None:
        layout = torch.channels_last
        folded = fold_norms(backbone).to(device, memory_format=layout)  # type: ignore[call-overload]
        self._module = fuse_convolutions(folded)
        if bf16:
            _round_filters(self._module)
        self._device, self._bf16, self._flip_average = device, bf16, flip_average

    def iter_features(self, pixels: NDArray[np.uint8]) -> Iterator[Tensor]:
        """(n, D) fp32 on the CPU of (N, H, W, C) pixels, some images at a time, in order."""
        if self._device.type == "cuda":
            yield from self._iter_equal_batches(pixels)
            return
        threads = torch.get_num_threads() if self._device.type == "cpu" else 1
        with self._precision():
            most = images_per_pass(self._module, self._batch(pixels[:1])) if len(pixels) else 1
        size = min(most, max(1, math.ceil(len(pixels) / threads)))
        parts = [pixels[start : start + size] for start in range(0, len(pixels), size)]
        yield from map_in_threads(self._compute, parts, threads)

    def _iter_equal_batches(self, pixels: NDArray[np.uint8]) -> Iterator[Tensor]:
        """As `iter_features`; the last batch overlaps the one before it.

        For every further size a GPU's libraries prepare each convolution anew, for 50 ms.
        """
        most = max(1, GPU_BATCH_PIXELS // math.prod(pixels.shape[1:3]))
        size = min(len(pixels), most, MAX_GPU_IMAGES)
        for start in range(0, len(pixels), max(1, size)):
            first = min(start, len(pixels) - size)
            yield self._compute(pixels[first : first + size])[start - first :]

    def _compute(self, pixels: NDArray[np.uint8]) -> Tensor:
        # both modes belong to the thread that enters them
        with torch.inference_mode(), self._precision():
            images = self._batch(pixels)
            features = self._features(images)
            if self._flip_average:
                features = (features + self._features(images.flip(3))) / 2
            return features.cpu()

    def _features(self, images: Tensor) -> Tensor:
        features: Tensor = self._module(images).float().flatten(1)
        return features

    def _batch(self, pixels: NDArray[np.uint8]) -> Tensor:
        """(n, C, H, W) uint8, channels last in memory; a copy, as a memory map is read-only."""
        return torch.from_numpy(np.array(pixels)).to(self._device).permute(0, 3, 1, 2)

    def _precision(self) -> torch.autocast:
        return torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16)


def _round_filters(module: nn.Module) -> None:
    """Store fused filters in bf16, so that they are not rounded again for every batch."""
    for layer in module.modules():
        if isinstance(layer, FusedConv2d):
            layer.bfloat16()
