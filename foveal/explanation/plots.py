"""Plots as images: colour maps, attribution maps over the image, grids of feature maps."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from foveal.files import write_atomic
from foveal.images.thumbnail import enlarge, to_image

if TYPE_CHECKING:
    from foveal.explanation.explain import Explanation

NEGATIVE, ZERO, POSITIVE = (
    np.array(rgb, float) for rgb in ((186, 84, 12), (250, 250, 248), (17, 86, 160))
)
"""Orange below zero, white at zero, blue above: the page's colours."""
GAP_PX = 2
"""Pixels between two maps of a grid."""
MIN_PLOT_SIDE = 224
"""Plots are written at least this large."""


def colour_map(values: np.ndarray, max_abs: float | None = None) -> np.ndarray:
    """(H, W) to uint8 (H, W, 3), orange to blue; `max_abs` is the value of full colour."""
    scale = max_abs or float(np.abs(values).max()) or 1.0
    strength = np.clip(np.abs(values) / scale, 0, 1)[..., None] ** 0.8
    end = np.where((values < 0)[..., None], NEGATIVE, POSITIVE)
    return np.asarray(np.rint(ZERO + (end - ZERO) * strength), np.uint8)


def overlay(pixels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The image (H, W, C) in grey, positive attributions in blue, negative ones in orange."""
    grey = pixels.astype(float).mean(2, keepdims=True) * 0.6 + 90
    scale = float(np.abs(values).max()) or 1.0
    strength = np.clip(np.abs(values) / scale, 0, 1)[..., None]
    end = np.where((values < 0)[..., None], NEGATIVE, POSITIVE)
    return np.asarray(np.rint(grey * (1 - strength) + end * strength), np.uint8)


def map_grid(maps: np.ndarray, limit: int = 256) -> np.ndarray:
    """The first `limit` maps of (C, H, W) in a grid, in one colour range: uint8 (h, w, 3)."""
    maps = maps[:limit]
    columns = int(np.ceil(np.sqrt(len(maps))))
    rows = -(-len(maps) // columns)
    height, width = maps.shape[1] + GAP_PX, maps.shape[2] + GAP_PX
    grid = np.full((rows * height + GAP_PX, columns * width + GAP_PX, 3), 128, np.uint8)
    max_abs = float(np.abs(maps).max())
    for index, values in enumerate(maps):
        top, left = index // columns * height + GAP_PX, index % columns * width + GAP_PX
        cell = np.s_[top : top + values.shape[0], left : left + values.shape[1]]
        grid[cell] = colour_map(values, max_abs)
    return grid


def png(pixels: np.ndarray, *, min_side: int = 0) -> bytes:
    """A uint8 (H, W, 1 or 3) image as PNG, enlarged by whole factors to `min_side` pixels."""
    out = io.BytesIO()
    enlarge(to_image(pixels), min_side).save(out, format="PNG")
    return out.getvalue()


def write_plots(explanation: Explanation, folder: Path) -> Sequence[Path]:
    """Write the image, the attribution maps and each layer's feature maps; the files written."""
    plots = {"image.png": explanation.pixels}
    for attribution in explanation.attributions:
        plots[f"{attribution.method}.png"] = overlay(explanation.pixels, attribution.values)
    for layer in explanation.activations.layers[1:]:
        if len(layer.shape) == 3:
            plots[f"{layer.id:03d}-{layer.name}.png"] = map_grid(layer.output.numpy())
    written = []
    for name, pixels in plots.items():
        write_atomic(folder / name, png(pixels, min_side=MIN_PLOT_SIDE))
        written.append(folder / name)
    return written
