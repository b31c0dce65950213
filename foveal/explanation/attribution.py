"""Which pixels decided: class activation maps, integrated gradients, occlusion.

Knows nothing of whether a map tells the truth; that is `faithfulness`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from foveal.explanation.target import Target, images_held

Method = Literal["cam", "integrated_gradients", "occlusion"]
Variant = Literal["grad_cam", "hires_cam", "layer_cam"]
METHODS: tuple[Method, ...] = ("cam", "integrated_gradients", "occlusion")


@dataclass(frozen=True)
class LayerSize:
    """A layer a class activation map can be taken from: its name and its maps' size."""

    name: str
    height: int
    width: int


@dataclass(frozen=True)
class CamLayer:
    """The layer and the variant of a class activation map, and why."""

    layer: str
    height: int
    width: int
    variant: Variant
    reason: str


def choose_cam_layer(places: Sequence[LayerSize], averaged: bool) -> CamLayer | None:
    """The layer to look at: the deepest whose maps still have 4 x 4 places, else the finest.

    places: the layers with maps, in order.  averaged: global average pooling ends the maps; then
    the mean gradient is exact (Grad-CAM, Selvaraju 2017), else each place keeps its own gradient
    (HiResCAM, Draelos and Carin 2020).  None where no layer has more than one place.
    """
    spread = [place for place in places if place.height * place.width > 1]
    if not spread:
        return None
    wide = [place for place in spread if min(place.height, place.width) >= 4]
    finest = max(place.height * place.width for place in spread)
    pool = wide or [place for place in spread if place.height * place.width == finest]
    best = pool[-1]
    which = "layer whose maps still show" if wide else "of the layers with the finest maps,"
    where = f"{best.name} is the deepest {which} {best.height} x {best.width} places"
    if averaged:
        return CamLayer(
            best.name, best.height, best.width, "grad_cam",
            f"{where}; the maps are averaged before the decision, so each map has one weight",
        )  # fmt: skip
    return CamLayer(
        best.name, best.height, best.width, "hires_cam",
        f"{where}; the decision weighs every place apart, so each place keeps its own gradient",
    )  # fmt: skip


def cam(decision: Target, image: Tensor, layer: nn.Module, variant: Variant) -> np.ndarray:
    """The class activation map of `layer` at its own size: float32 (h, w), not negative.

    grad_cam: maps weighted by their mean gradient.  hires_cam: maps times gradient, place by
    place.  layer_cam: the same with negative gradients left out (Jiang 2021).
    """
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _given: object, output: Tensor) -> None:
        kept.append(output)

    handle = layer.register_forward_hook(keep)
    try:
        with torch.enable_grad():
            score = decision.score(decision.module(image.detach().requires_grad_())).sum()
            (gradient,) = torch.autograd.grad(score, kept[0])
    finally:
        handle.remove()
    maps = kept[0].detach()[0]
    weights = gradient[0]
    if variant == "grad_cam":
        weights = weights.mean((1, 2), keepdim=True)
    elif variant == "layer_cam":
        weights = weights.clamp(min=0)
    return (weights * maps).sum(0).clamp(min=0).numpy().astype(np.float32)


def integrated_gradients(decision: Target, image: Tensor, steps: int = 32) -> np.ndarray:
    """Each pixel's part of score(image) - score(background): float32 (H, W), signed.

    The gradient is averaged along the straight way from the background colour to the image
    (Sundararajan 2017), at the middles of `steps` pieces; the parts sum to the difference but
    for the pieces' coarseness.
    """
    nothing = decision.nothing(image)
    total = torch.zeros_like(image)
    shares = (torch.arange(steps) + 0.5) / steps
    for part in torch.split(shares, 16):
        way = nothing + part[:, None, None, None] * (image - nothing)
        way.requires_grad_()
        with torch.enable_grad():
            score = decision.score(decision.module(way)).sum()
            (gradient,) = torch.autograd.grad(score, way)
        total += gradient.sum(0, keepdim=True)
    parts = (image - nothing) * total / steps
    return parts.sum(1)[0].numpy().astype(np.float32)


def occlusion(decision: Target, image: Tensor, patches: int = 7) -> np.ndarray:
    """How much the score falls where a patch is covered: float32 (H, W), signed.

    The patch is a `patches`-th of the side, moves by half of it and has the background colour
    (Zeiler and Fergus 2014); a pixel gets the mean over the patches that covered it.
    """
    height, width = image.shape[2:]
    rows, columns = _starts(height, patches), _starts(width, patches)
    boxes = [(top, top + high, left, left + wide) for top, high in rows for left, wide in columns]
    full = decision.score(decision.logits(image))
    total, seen = np.zeros((height, width)), np.zeros((height, width))
    part = images_held(image)
    for start in range(0, len(boxes), part):
        some = boxes[start : start + part]
        covered = image.repeat(len(some), 1, 1, 1)
        for one, (top, bottom, left, right) in zip(covered, some, strict=True):
            one[:, top:bottom, left:right] = decision.background[:, None, None]
        falls = (full - decision.score(decision.logits(covered))).numpy()
        for fall, (top, bottom, left, right) in zip(falls, some, strict=True):
            total[top:bottom, left:right] += fall
            seen[top:bottom, left:right] += 1
    return (total / seen).astype(np.float32)


def _starts(side: int, patches: int) -> list[tuple[int, int]]:
    """(start, length) of patches that together cover a side."""
    length = min(side, max(2, -(-side // patches)))
    step = max(1, length // 2)
    starts = list(range(0, side - length + 1, step))
    if starts[-1] + length < side:
        starts.append(side - length)
    return [(start, length) for start in starts]


def enlarge(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """A map drawn at another size, bilinear: float32 (height, width)."""
    grown = nn.functional.interpolate(
        torch.from_numpy(values)[None, None], (height, width), mode="bilinear", align_corners=False
    )
    return grown[0, 0].numpy()
