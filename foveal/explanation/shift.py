"""How much every feature map of one image changes when the image moves a few pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from foveal.explanation.activations import Activations, forward_with_outputs
from foveal.network.shift import SHIFT_PIXELS, relative_change, shift_images


@dataclass(frozen=True)
class Shift:
    """The image moved to the right by `pixels`, its left edge repeated.

    map_changes: for each layer the relative change of each map, in per cent, float64 (C,).
    layer_changes: of all its maps together.  logits: (units,), of the moved image.
    """

    pixels: int
    map_changes: tuple[np.ndarray, ...]
    layer_changes: tuple[float, ...]
    logits: Tensor


@torch.no_grad()
def measure_shifts(module: nn.Module, activations: Activations) -> list[Shift]:
    """The changes for 1, 2 and 3 pixels."""
    image = activations.layers[0].output
    moved = torch.stack([shift_images(image, 0, pixels) for pixels in SHIFT_PIXELS])
    names = {layer.name for layer in activations.layers[1:]}
    logits, moved_outputs = forward_with_outputs(module, moved, names)
    moved_outputs["image"] = moved
    return [
        _shift(
            pixels,
            [(layer.output, moved_outputs[layer.name][row]) for layer in activations.layers],
            logits[row],
        )
        for row, pixels in enumerate(SHIFT_PIXELS)
    ]


def _shift(pixels: int, pairs: list[tuple[Tensor, Tensor]], logits: Tensor) -> Shift:
    return Shift(
        pixels,
        tuple(_change(before, after).numpy() for before, after in pairs),
        tuple(float(_change(before[None], after[None])) for before, after in pairs),
        logits,
    )


def _change(before: Tensor, after: Tensor) -> Tensor:
    """Relative change of each row in per cent."""
    if before.ndim == 1:
        before, after = before[:, None], after[:, None]
    return 100 * relative_change(before.double(), after.double())
