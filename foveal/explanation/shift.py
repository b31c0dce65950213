"""How much every feature map of one image changes when the image moves a few pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from foveal.explanation.activations import Activations, forward_with_outputs
from foveal.network.shift import SHIFT_PIXELS, change_of_norms, shift_images


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
    changes = [_changes(layer.output, moved_outputs[layer.name]) for layer in activations.layers]
    return [
        Shift(
            pixels,
            tuple(maps[row].numpy() for maps, _ in changes),
            tuple(float(whole[row]) for _, whole in changes),
            logits[row],
        )
        for row, pixels in enumerate(SHIFT_PIXELS)
    ]


def _changes(before: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
    """Of (C, ...) and (N, C, ...), in per cent: of each map (N, C), of all maps together (N,).

    The norm of a layer is that of the norms of its maps.
    """
    first = _maps(before)
    rows = [_norms(first, _maps(after)) for after in moved]
    distance, size = (torch.stack(norms) for norms in zip(*rows, strict=True))
    own = first.norm(dim=1).expand_as(size)
    whole = change_of_norms(*(norms.norm(dim=1) for norms in (distance, own, size)))
    return 100 * change_of_norms(distance, own, size), 100 * whole


def _maps(output: Tensor) -> Tensor:
    """(C, ...) to (C, values) in float64."""
    return output.double().view(len(output), -1)


def _norms(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """(C,) each: of the differences, and of `after`."""
    return (before - after).norm(dim=1), after.norm(dim=1)
