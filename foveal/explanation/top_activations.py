"""What a filter looks for: the images, and the places in them, that excite it most.

Knows nothing of where the images come from; a scan is kept in a file so that it is done once.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from foveal.explanation.activations import outputs
from foveal.files import write_atomic

SHOWN = 4
"""Images a filter."""
_PARTS = ("values", "images", "cells")


@dataclass(frozen=True)
class TopActivations:
    """For one layer the strongest answers of each filter, best first.

    values: float32 (SHOWN, C).  images, cells: int64 (SHOWN, C), the image's number and the
    cell row * width + column where the answer was.
    """

    values: np.ndarray
    images: np.ndarray
    cells: np.ndarray


@dataclass(frozen=True)
class TopImages:
    """The scan of the images called `paths`: `peaks` by layer name.

    pixels: uint8 (H, W, C) of those images that excite some filter most, by number.
    """

    paths: tuple[str, ...]
    peaks: dict[str, TopActivations]
    pixels: dict[int, np.ndarray]


def winners(peaks: dict[str, TopActivations], limit: int = 200) -> list[int]:
    """Numbers of the images that excite filters most: every filter's best before its second."""
    ranks = max((len(one.images) for one in peaks.values()), default=0)
    numbers = [
        int(number)
        for rank in range(ranks)
        for one in peaks.values()
        if rank < len(one.images)
        for number in one.images[rank]
    ]
    return list(dict.fromkeys(numbers))[:limit]


def scan(
    module: nn.Module, names: Sequence[str], batches: Iterable[np.ndarray]
) -> dict[str, TopActivations]:
    """The strongest answers of the layers `names` (maps) to batches of uint8 (n, H, W, C).

    An image counts once a filter, with its strongest cell.
    """
    best: dict[str, tuple[Tensor, Tensor, Tensor]] = {}
    start = 0
    for batch in batches:
        part = torch.from_numpy(batch).permute(0, 3, 1, 2)
        with torch.no_grad():
            kept = outputs(module, part, set(names))[1]
        for name in names:
            values, cells = kept[name].flatten(2).max(2)
            numbers = (start + torch.arange(len(part)))[:, None].expand_as(cells)
            best[name] = _best(best.get(name), (values, numbers, cells))
        start += len(part)
    return {name: TopActivations(*(part.numpy() for part in found)) for name, found in best.items()}


def _best(
    old: tuple[Tensor, Tensor, Tensor] | None, new: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    joined = new if old is None else tuple(torch.cat(pair) for pair in zip(old, new, strict=True))
    values, at = joined[0].topk(min(SHOWN, len(joined[0])), dim=0)
    return values, joined[1].gather(0, at), joined[2].gather(0, at)


def keep(file: Path, peaks: dict[str, TopActivations]) -> None:
    """Write a scan to `file`, atomically."""
    arrays: dict[str, np.ndarray] = {
        f"{name}/{part}": getattr(one, part) for name, one in peaks.items() for part in _PARTS
    }

    def save(path: Path) -> None:
        with path.open("wb") as handle:
            np.savez(handle, allow_pickle=False, **arrays)

    write_atomic(file, save)


def kept(file: Path, names: Sequence[str]) -> dict[str, TopActivations] | None:
    """The scan in `file`; None where there is none or it is damaged."""
    try:
        with file.open("rb") as handle, np.load(handle, allow_pickle=False) as found:
            return {
                name: TopActivations(*(found[f"{name}/{part}"] for part in _PARTS))
                for name in names
            }
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, EOFError):
        return None


def key(weights_sha256: str, content: Sequence[str]) -> str:
    """The name of a scan: of these weights and images, by their content hashes in order."""
    return hashlib.sha256("\n".join([weights_sha256, *content]).encode()).hexdigest()[:32]
