"""The target of an explanation: the logit and the probability of one label of one network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

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

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """(N, C, H, W) to (N, units), batch by batch.

        Channels last: the convolutions of a network of 160 pixels take a quarter less time.
        """
        batch = max(1, max_batch_images(images) // 4)
        parts = torch.split(images, batch)
        layout = torch.channels_last
        return torch.cat([self.module(part.contiguous(memory_format=layout)) for part in parts])

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
