"""The target of an explanation: the logit and the probability of one label of one network."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from foveal.network.fused.batching import map_in_threads
from foveal.network.fused.folding import fold_norms
from foveal.network.fused.fusing import fuse_convolutions
from foveal.spec.values import OutputActivation

MAX_BATCH_VALUES = 3_000_000
"""Input values held at a time; a forward pass takes a quarter of them, so that its activations
stay in the processor's cache."""


@dataclass(frozen=True)
class Target:
    """One label of one network; `module` maps (N, C, H, W) in 0..255 to (N, units) logits.

    baseline: (C,) in 0..255, the colour that stands for a missing image: the training images'
    mean, which the network normalises to zero.
    """

    module: nn.Module
    label_index: int
    function: OutputActivation
    temperature: float
    baseline: Tensor

    def logit(self, logits: Tensor) -> Tensor:
        """(N, units) to (N,): the label's logit."""
        return logit_of(self.label_index, logits)

    def probability(self, logits: Tensor) -> Tensor:
        """(N, units) to (N,): the label's calibrated probability."""
        if logits.shape[1] == 1 or self.function == "sigmoid":
            return torch.sigmoid(self.logit(logits) / self.temperature)
        return torch.softmax(logits / self.temperature, 1)[:, self.label_index]

    @cached_property
    def fused(self) -> nn.Module:
        """A copy of the module for many images: the same logits, up to rounding, in fewer passes.

        Channels last; its inputs have gradients, its weights none.
        """
        folded = fold_norms(self.module).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return fuse_convolutions(folded).requires_grad_(False)

    def logits(self, images: Tensor) -> Tensor:
        """(N, C, H, W) to (N, units), a few images at a time."""
        fused = self.fused

        @torch.no_grad()
        def compute(part: Tensor) -> Tensor:
            logits: Tensor = fused(part.contiguous(memory_format=torch.channels_last))
            return logits

        return _map_batches(compute, images)

    def gradients(self, images: Tensor) -> Tensor:
        """(N, C, H, W) to the gradient of each image's logit by its values, in the same shape."""
        fused = self.fused

        @torch.enable_grad()
        def compute(part: Tensor) -> Tensor:
            inputs = part.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
            (gradient,) = torch.autograd.grad(self.logit(fused(inputs)).sum(), inputs)
            return gradient

        return _map_batches(compute, images)

    def baseline_image(self, image: Tensor) -> Tensor:
        """An image (1, C, H, W) of the baseline colour, as large as `image`."""
        return self.baseline[None, :, None, None].expand_as(image)


def logit_of(label_index: int, logits: Tensor) -> Tensor:
    """(N, units) to (N,): a label's logit; minus the one unit's for the first of two classes."""
    if logits.shape[1] == 1:
        return logits[:, 0] if label_index == 1 else -logits[:, 0]
    return logits[:, label_index]


def max_batch_images(image: Tensor) -> int:
    """How many images as large as (1, C, H, W) are held at a time, so that memory is bounded."""
    return max(1, MAX_BATCH_VALUES // image[0].numel())


def _map_batches(compute: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """What `compute` gives for batches of the images, joined; as many at a time as there are
    threads.
    """
    threads = torch.get_num_threads()
    size = min(max(1, max_batch_images(images) // 4), math.ceil(len(images) / threads))
    return torch.cat(list(map_in_threads(compute, torch.split(images, size), threads)))
