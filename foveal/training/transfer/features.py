"""The features a network gives its output layer, of many images, as fast as this machine can.

Norms are folded, convolutions joined with their neighbours, and computed in bf16 where the
processor multiplies it; batches are as large as maps stay near the processor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from foveal.errors import TrainingError
from foveal.progress import Progress, silent
from foveal.text import plural
from foveal.training.device import has_fast_bf16, to_device
from foveal.training.tensors import LabelledImages
from foveal.training.transfer.batching import images_per_pass
from foveal.training.transfer.folding import fold_norms
from foveal.training.transfer.fusing import FusedConv2d, fuse_convolutions

FIRST = np.zeros(1, np.int64)


def split_head(module: nn.Module) -> tuple[nn.Sequential, nn.Linear]:
    """The module without its output layer, and the output layer; both share their weights."""
    assert isinstance(module, nn.Sequential)
    backbone, head = module[:-1], module[-1]
    assert isinstance(backbone, nn.Sequential)
    assert isinstance(head, nn.Linear)
    return backbone, head


@torch.inference_mode()
def extract_features(
    backbone: nn.Module,
    pixels: NDArray[np.uint8],
    device: torch.device,
    progress: Progress = silent,
) -> Tensor:
    """(N, D) fp32 on the CPU of (N, H, W, C) pixels; `backbone` as `split_head` gives it.

    Raises TrainingError where values are not finite.
    """
    module = fuse_convolutions(to_device(fold_norms(backbone), device))
    bf16 = has_fast_bf16(device)
    if bf16:
        _round_filters(module)
    images = LabelledImages(pixels, np.zeros(len(pixels), np.int64))
    threads = torch.get_num_threads() if device.type == "cpu" else 1

    def compute(indices: NDArray[np.int64]) -> Tensor:
        # both modes belong to the thread that enters them
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            features: Tensor = module(images.batch(indices, device)).float().flatten(1).cpu()
            return features

    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        most = images_per_pass(module, images.batch(FIRST, device)) if len(pixels) else 1
    size = min(most, max(1, math.ceil(len(pixels) / threads)))
    parts = [np.arange(i, min(i + size, len(pixels))) for i in range(0, len(pixels), size)]
    batches: list[Tensor] = []
    for batch in _map_in_threads(compute, parts, threads):
        progress("features", len(batches) * size, len(pixels))
        batches.append(batch)
    progress("features", len(pixels), len(pixels))
    features = torch.cat(batches) if batches else torch.empty(0, 0)
    _check_finite(features)
    return features


def _map_in_threads(
    compute: Callable[[NDArray[np.int64]], Tensor], parts: list[NDArray[np.int64]], threads: int
) -> Iterator[Tensor]:
    """Results in order; each part has a thread, for 1.3 times the images of threads that share."""
    if threads == 1:
        yield from map(compute, parts)
        return
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield from pool.map(compute, parts)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def _round_filters(module: nn.Module) -> None:
    """Store fused filters in bf16, so that they are not rounded again for every batch."""
    for layer in module.modules():
        if isinstance(layer, FusedConv2d):
            layer.bfloat16()


def _check_finite(features: Tensor) -> None:
    bad = (~features.isfinite().all(dim=1)).nonzero()[:, 0].tolist()
    if bad:
        raise TrainingError(
            f"the features of {plural(len(bad), 'image')} of {len(features):,} are not finite, "
            f"those of image {bad[0] + 1} first; the weights that training starts from are damaged "
            "or far too large: take others with --from, or --from scratch"
        )
