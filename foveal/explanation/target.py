"""What is asked of a network: the score and the probability of one label for some images.

Knows nothing of layers, files or maps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

BATCH_CELLS = 3_000_000
"""Input numbers held at a time; a forward pass takes a quarter of them, so that its activations
stay in cache."""


@dataclass(frozen=True)
class Target:
    """One label of one network; `module` maps (N, C, H, W) in 0..255 to (N, units) logits.

    target: the label's index.  background: (C,) in 0..255, the colour that stands for "nothing
    there": the training images' mean, which the network normalises to zero.
    """

    module: nn.Module
    label_index: int
    function: Literal["softmax", "sigmoid"]
    temperature: float
    background: Tensor

    def score(self, logits: Tensor) -> Tensor:
        """(N, units) to (N,): the label's logit; minus the logit for the first of two classes."""
        if logits.shape[1] == 1:
            return logits[:, 0] if self.label_index == 1 else -logits[:, 0]
        return logits[:, self.label_index]

    def probability(self, logits: Tensor) -> Tensor:
        """(N, units) to (N,): the label's calibrated probability."""
        if logits.shape[1] == 1 or self.function == "sigmoid":
            return torch.sigmoid(self.score(logits) / self.temperature)
        return torch.softmax(logits / self.temperature, 1)[:, self.label_index]

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """(N, C, H, W) to (N, units), a part at a time."""
        part = max(1, images_held(images) // 4)
        return torch.cat([self.module(piece) for piece in torch.split(images, part)])

    def nothing(self, image: Tensor) -> Tensor:
        """An image (1, C, H, W) of the background colour, as large as `image`."""
        return self.background[None, :, None, None].expand_as(image)


def images_held(image: Tensor) -> int:
    """How many images as large as (1, C, H, W) are made at a time, so that memory is bounded."""
    return max(1, BATCH_CELLS // image[0].numel())
