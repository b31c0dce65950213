"""How much every map changes when the image moves a few pixels.

Knows nothing of why: that pooling changes less is measured, not assumed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from foveal.explanation.activations import Activations, outputs

PIXELS = (1, 2, 3)


@dataclass(frozen=True)
class Shift:
    """The image moved to the right by `pixels`, its left edge repeated.

    maps: for each layer the change of each map in per cent of its mean size; layers: of all its
    maps together; logits (units,).
    """

    pixels: int
    maps: tuple[np.ndarray, ...]
    layers: tuple[float, ...]
    logits: Tensor


@torch.no_grad()
def shifts(module: nn.Module, recording: Activations) -> list[Shift]:
    """The changes for 1, 2 and 3 pixels."""
    image = recording.nodes[0].output
    moved = torch.stack([_moved(image, pixels) for pixels in PIXELS])
    logits, kept = outputs(module, moved, {node.name for node in recording.nodes[1:]})
    kept["image"] = moved
    found = []
    for at, pixels in enumerate(PIXELS):
        pairs = [(node.output, kept[node.name][at]) for node in recording.nodes]
        found.append(
            Shift(
                pixels,
                tuple(_change(old.flatten(1) if old.ndim == 3 else old[:, None],
                              new.flatten(1) if new.ndim == 3 else new[:, None])
                      for old, new in pairs),
                tuple(float(_change(old.reshape(1, -1), new.reshape(1, -1))[0])
                      for old, new in pairs),
                logits[at],
            )
        )  # fmt: skip
    return found


def _moved(image: Tensor, pixels: int) -> Tensor:
    width = image.shape[2]
    source = (torch.arange(width) - pixels).clamp(min=0)
    return image[:, :, source]


def _change(old: Tensor, new: Tensor) -> np.ndarray:
    """Mean absolute difference of each row in per cent of its mean absolute value."""
    scale = old.double().abs().mean(1)
    scale = torch.where(scale > 0, scale, new.double().abs().mean(1))
    change = (new.double() - old.double()).abs().mean(1)
    return torch.where(scale > 0, 100 * change / scale, 0.0).numpy()
