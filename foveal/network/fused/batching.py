"""How many images are computed at a time so that their maps stay near the processor, and by
which threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor, nn

Part = TypeVar("Part")

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


def map_in_threads(
    compute: Callable[[Part], Tensor], parts: Sequence[Part], threads: int
) -> Iterator[Tensor]:
    """Results in order; each part has a thread, for 1.3 times the images of threads that share.

    Modes of torch that `compute` needs, such as without gradients, it enters itself.
    """
    if min(threads, len(parts)) <= 1:
        yield from map(compute, parts)
        return
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield from pool.map(compute, parts)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
