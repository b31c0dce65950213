"""The images, and the positions in them, that activate each filter of a layer most."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from foveal.cache import require_file
from foveal.explanation.activations import forward_with_outputs
from foveal.files import write_atomic
from foveal.prediction.embedding_cache import NPY_ERRORS

TOP_IMAGES_PER_FILTER = 4
_ARRAYS = ("values", "images", "cells")


@dataclass(frozen=True)
class TopActivations:
    """The largest activations of each filter of one layer, largest first.

    values: float32 (TOP_IMAGES_PER_FILTER, C).  images, cells: int64 of the same shape, the
    image's index and the cell row * width + column of the activation.
    """

    values: np.ndarray
    images: np.ndarray
    cells: np.ndarray


@dataclass(frozen=True)
class TopImages:
    """The top activations over the images called `paths`.

    layers: by layer name.  pixels: uint8 (H, W, C) by index, of those images that are among the
    top images of some filter.
    """

    paths: tuple[str, ...]
    layers: dict[str, TopActivations]
    pixels: dict[int, np.ndarray]


def top_image_indices(layers: dict[str, TopActivations], limit: int = 200) -> list[int]:
    """Indices of at most `limit` top images: every filter's first before any filter's second."""
    ranks = max((len(top.images) for top in layers.values()), default=0)
    indices = [
        int(index)
        for rank in range(ranks)
        for top in layers.values()
        if rank < len(top.images)
        for index in top.images[rank]
    ]
    return list(dict.fromkeys(indices))[:limit]


def find_top_activations(
    module: nn.Module, names: Sequence[str], batches: Iterable[np.ndarray]
) -> dict[str, TopActivations]:
    """The top activations of the layers `names` over batches of uint8 (n, H, W, C).

    An image counts once a filter, with its largest activation.
    """
    top: dict[str, tuple[Tensor, Tensor, Tensor]] = {}
    start = 0
    for batch in batches:
        images = torch.from_numpy(batch).permute(0, 3, 1, 2)
        with torch.no_grad():
            _, largest = forward_with_outputs(module, images, set(names), _largest)
        for name in names:
            values, cells = largest[name]
            indices = (start + torch.arange(len(images)))[:, None].expand_as(cells)
            top[name] = _merge(top.get(name), (values, indices, cells))
        start += len(images)
    return {name: TopActivations(*(one.numpy() for one in arrays)) for name, arrays in top.items()}


def _largest(output: Tensor) -> tuple[Tensor, Tensor]:
    """The largest value of every map (N, C) and its cell, all that is kept of large outputs."""
    values, cells = output.flatten(2).max(2)
    return values, cells


def _merge(
    old: tuple[Tensor, Tensor, Tensor] | None, new: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    joined = new if old is None else tuple(torch.cat(pair) for pair in zip(old, new, strict=True))
    values, order = joined[0].topk(min(TOP_IMAGES_PER_FILTER, len(joined[0])), dim=0)
    return values, joined[1].gather(0, order), joined[2].gather(0, order)


def save_top_activations(file: Path, layers: dict[str, TopActivations]) -> None:
    """Write the top activations of all layers to `file`, atomically."""
    arrays: dict[str, np.ndarray] = {
        f"{name}/{array}": getattr(top, array) for name, top in layers.items() for array in _ARRAYS
    }

    def save(path: Path) -> None:
        with path.open("wb") as handle:
            np.savez(handle, allow_pickle=False, **arrays)

    write_atomic(file, save)


def load_top_activations(file: Path, names: Sequence[str]) -> dict[str, TopActivations] | None:
    """The top activations in `file`; None where it is missing or damaged."""
    try:
        with require_file(file).open("rb") as handle, np.load(handle, allow_pickle=False) as arrays:
            return {
                name: TopActivations(*(arrays[f"{name}/{array}"] for array in _ARRAYS))
                for name in names
            }
    except (*NPY_ERRORS, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return None


def cache_key(weights_sha256: str, content_hashes: Sequence[str]) -> str:
    """The name of a cache entry: of these weights and images, by their hashes in order."""
    return hashlib.sha256("\n".join([weights_sha256, *content_hashes]).encode()).hexdigest()[:32]
