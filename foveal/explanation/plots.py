"""Images of maps: grey to colour, decisive pixels over the image, sheets of feature maps.

Plain numpy and Pillow; knows nothing of networks.
"""

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

LOW, GROUND, HIGH = (np.array(c, float) for c in ((186, 84, 12), (250, 250, 248), (17, 86, 160)))
"""Orange below zero, white at zero, blue above: the page's colours."""
GAP = 2


def colours(values: np.ndarray, most: float | None = None) -> np.ndarray:
    """(H, W) to uint8 (H, W, 3), orange to blue; `most` is the value of full colour."""
    reach = most or float(np.abs(values).max()) or 1.0
    share = np.clip(np.abs(values) / reach, 0, 1)[..., None] ** 0.8
    end = np.where((values < 0)[..., None], LOW, HIGH)
    return np.asarray(np.rint(GROUND + (end - GROUND) * share), np.uint8)


def overlay(pixels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The image (H, W, C) in grey with what speaks for the label in blue, against in orange."""
    grey = pixels.astype(float).mean(2, keepdims=True) * 0.6 + 90
    reach = float(np.abs(values).max()) or 1.0
    share = np.clip(np.abs(values) / reach, 0, 1)[..., None]
    end = np.where((values < 0)[..., None], LOW, HIGH)
    return np.asarray(np.rint(grey * (1 - share) + end * share), np.uint8)


def sheet(maps: np.ndarray, limit: int = 256) -> np.ndarray:
    """Maps (C, H, W) side by side in one colour range, at most `limit`: uint8 (h, w, 3)."""
    shown = maps[:limit]
    columns = int(np.ceil(np.sqrt(len(shown))))
    rows = -(-len(shown) // columns)
    height, width = shown.shape[1] + GAP, shown.shape[2] + GAP
    drawn = np.full((rows * height + GAP, columns * width + GAP, 3), 128, np.uint8)
    most = float(np.abs(shown).max())
    for at, one in enumerate(shown):
        top, left = at // columns * height + GAP, at % columns * width + GAP
        drawn[top : top + one.shape[0], left : left + one.shape[1]] = colours(one, most)
    return drawn


def png(pixels: np.ndarray, *, least: int = 0) -> bytes:
    """A uint8 (H, W, 1 or 3) image as PNG, enlarged by whole steps to `least` pixels a side."""
    out = io.BytesIO()
    enlarge(to_image(pixels), least).save(out, format="PNG")
    return out.getvalue()


def write(explanation: Explanation, folder: Path) -> Sequence[Path]:
    """Write the image, the decisive pixels and a sheet of maps a layer; the files written."""
    files = {"image.png": png(explanation.pixels, least=224)}
    for one in explanation.attributions:
        files[f"{one.method}.png"] = png(overlay(explanation.pixels, one.values), least=224)
    for at, node in enumerate(explanation.activations.nodes[1:], start=1):
        if len(node.shape) == 3:
            drawn = sheet(node.output.numpy())
            files[f"{at:03d}-{node.name}.png"] = png(drawn, least=224)
    written = []
    for name, content in files.items():
        write_atomic(folder / name, content)
        written.append(folder / name)
    return written
