"""Attribution maps: class activation maps, integrated gradients and occlusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from foveal.explanation.activations import forward_with_outputs
from foveal.explanation.target import Target, max_batch_images

Method = Literal["cam", "integrated_gradients", "occlusion"]
CamVariant = Literal["grad_cam", "hires_cam", "layer_cam"]

MIN_CAM_SIDE = 4
"""Smallest side of the feature maps a class activation map is taken from, where there are any."""


@dataclass(frozen=True)
class MapLayer:
    """A layer with feature maps: its name and the size of its maps."""

    name: str
    height: int
    width: int


@dataclass(frozen=True)
class CamLayer:
    """The layer and the variant of a class activation map, and why they were chosen."""

    layer: str
    height: int
    width: int
    variant: CamVariant
    reason: str


def choose_cam_layer(layers: Sequence[MapLayer], global_average: bool) -> CamLayer | None:
    """The deepest layer whose maps are at least 4 x 4, else the deepest of the largest maps.

    layers: in the order they are computed.  global_average: the last maps are averaged before the
    output; of those one weight per map is exact (Grad-CAM, Selvaraju 2017), of others each position
    keeps its own gradient (HiResCAM, Draelos and Carin 2020).  None where all maps are 1 x 1.
    """
    spatial = [layer for layer in layers if layer.height * layer.width > 1]
    if not spatial:
        return None
    large = [layer for layer in spatial if min(layer.height, layer.width) >= MIN_CAM_SIDE]
    most_cells = max(layer.height * layer.width for layer in spatial)
    largest = [layer for layer in spatial if layer.height * layer.width == most_cells]
    best = (large or largest)[-1]
    size = f"{best.height} x {best.width}"
    if large:
        side = f"{MIN_CAM_SIDE} x {MIN_CAM_SIDE}"
        reason = f"{best.name} ({size}) is the deepest layer with feature maps of at least {side}"
    else:
        reason = f"{best.name} ({size}) is the deepest layer with the largest feature maps"
    if global_average and best == layers[-1]:
        reason += "; the maps are averaged before the output, so each map has one weight"
        return CamLayer(best.name, best.height, best.width, "grad_cam", reason)
    reason += "; later layers weight each position separately, so each keeps its own gradient"
    return CamLayer(best.name, best.height, best.width, "hires_cam", reason)


def cam(target: Target, image: Tensor, layer: str, variant: CamVariant) -> np.ndarray:
    """The class activation map of the layer called `layer`, at its own size: float32 (h, w), >= 0.

    grad_cam: maps weighted by their mean gradient.  hires_cam: maps times gradient, position by
    position.  layer_cam: the same with negative gradients set to 0 (Jiang 2021).
    """
    with torch.enable_grad():
        pixels = image.detach().requires_grad_()
        logits, outputs = forward_with_outputs(target.module, pixels, {layer})
        (gradient,) = torch.autograd.grad(target.logit(logits).sum(), outputs[layer])
    maps: Tensor = outputs[layer].detach()[0]
    weights: Tensor = gradient[0]
    if variant == "grad_cam":
        weights = weights.mean((1, 2), keepdim=True)
    elif variant == "layer_cam":
        weights = weights.clamp(min=0)
    return (weights * maps).sum(0).clamp(min=0).numpy().astype(np.float32)


def integrated_gradients(target: Target, image: Tensor, steps: int = 32) -> np.ndarray:
    """Each pixel's part of logit(image) - logit(baseline): float32 (H, W), signed.

    The gradient is averaged along the straight path from the baseline colour to the image
    (Sundararajan 2017), at the midpoints of `steps` equal steps; the parts sum to the difference
    up to the error of that midpoint rule.
    """
    baseline = target.baseline_image(image)
    midpoints = (torch.arange(steps) + 0.5) / steps
    path = baseline + midpoints[:, None, None, None] * (image - baseline)
    total = target.gradients(path).sum(0, keepdim=True)
    parts = (image - baseline) * total / steps
    return parts.sum(1)[0].numpy().astype(np.float32)


def occlusion(target: Target, image: Tensor, patches_per_side: int = 7) -> np.ndarray:
    """The fall of the logit where a patch is covered: float32 (H, W), signed.

    The patch is 1 / patches_per_side of the side, moves by about half of its own and has the
    baseline colour (Zeiler and Fergus 2014); a pixel gets the mean over the patches that covered
    it.
    """
    height, width = image.shape[2:]
    rows, columns = _patch_spans(height, patches_per_side), _patch_spans(width, patches_per_side)
    boxes = [(top, bottom, left, right) for top, bottom in rows for left, right in columns]
    uncovered = target.logit(target.logits(image))
    total, counts = np.zeros((height, width)), np.zeros((height, width))
    batch_size = max_batch_images(image)
    for start in range(0, len(boxes), batch_size):
        batch = boxes[start : start + batch_size]
        covered = image.repeat(len(batch), 1, 1, 1)
        for copy, (top, bottom, left, right) in zip(covered, batch, strict=True):
            copy[:, top:bottom, left:right] = target.baseline[:, None, None]
        falls = (uncovered - target.logit(target.logits(covered))).numpy()
        for fall, (top, bottom, left, right) in zip(falls, batch, strict=True):
            total[top:bottom, left:right] += fall
            counts[top:bottom, left:right] += 1
    return (total / counts).astype(np.float32)


def _patch_spans(side: int, patches: int) -> list[tuple[int, int]]:
    """(start, end) of patches that together cover a side, evenly spread."""
    length = min(side, max(2, -(-side // patches)))
    step = max(1, length // 2)
    count = round((side - length) / step) + 1
    starts = np.linspace(0, side - length, count).round().astype(int).tolist()
    return [(start, start + length) for start in starts]


def upsample(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """A map at another size, bilinear: float32 (height, width)."""
    resized = nn.functional.interpolate(
        torch.from_numpy(values)[None, None], (height, width), mode="bilinear", align_corners=False
    )
    return resized[0, 0].numpy()
