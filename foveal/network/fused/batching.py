"""How many images are computed at a time so that their maps stay near the processor."""

from __future__ import annotations

import torch
from torch import Tensor, nn

MAX_MAP_BYTES = {"cpu": 20_000_000, "cuda": 500_000_000, "mps": 100_000_000}
"""Of the largest maps of a batch; on the CPU fewer images a second were measured beyond it."""
MAX_IMAGES = 512


@torch.no_grad()
def images_per_pass(module: nn.Module, images: Tensor) -> int:
    """Images of the size of `images` (1 or more) whose largest maps have MAX_MAP_BYTES together.

    The first image passes the module, whose random layers are to be in evaluation mode.
    """
    largest = 1

    def measure(_layer: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal largest
        largest = max(largest, output.nbytes)

    handles = [layer.register_forward_hook(measure) for layer in module.modules()]
    module(images[:1])
    for handle in handles:
        handle.remove()
    return min(max(1, MAX_MAP_BYTES[images.device.type] // largest), MAX_IMAGES)
