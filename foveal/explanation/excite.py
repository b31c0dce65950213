"""What a filter looks for: the pictures, and the places in them, that excite it most.

Knows nothing of where the pictures come from; a scan is kept in a file so that it is done once.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from foveal.explanation.trace import outputs
from foveal.files import write_atomic
from foveal.progress import Progress, silent

SHOWN = 4
"""Pictures a filter."""
BATCH = 50


@dataclass(frozen=True)
class Peaks:
    """For one layer the strongest answers of each filter, best first.

    values: float32 (SHOWN, C).  pictures, cells: int64 (SHOWN, C), the picture's number and the
    cell row * width + column where the answer was.
    """

    values: np.ndarray
    pictures: np.ndarray
    cells: np.ndarray


@dataclass(frozen=True)
class Excited:
    """The scan of some pictures: `pixels` uint8 (N, H, W, C), `peaks` by layer name."""

    paths: tuple[str, ...]
    pixels: np.ndarray
    peaks: dict[str, Peaks]


def scan(
    module: nn.Module, names: Sequence[str], pixels: np.ndarray, *, progress: Progress = silent
) -> dict[str, Peaks]:
    """The strongest answers of the layers `names` (maps) to uint8 pictures (N, H, W, C).

    A picture counts once a filter, with its strongest cell.
    """
    best: dict[str, tuple[Tensor, Tensor, Tensor]] = {}
    for start in range(0, len(pixels), BATCH):
        part = torch.from_numpy(np.array(pixels[start : start + BATCH])).permute(0, 3, 1, 2)
        with torch.no_grad():
            kept = outputs(module, part, set(names))[1]
        for name in names:
            values, cells = kept[name].flatten(2).max(2)
            numbers = (start + torch.arange(len(part)))[:, None].expand_as(cells)
            best[name] = _best(best.get(name), (values, numbers, cells))
        progress("looking for what excites each filter", start + len(part), len(pixels))
    return {name: Peaks(*(part.numpy() for part in found)) for name, found in best.items()}


def _best(
    old: tuple[Tensor, Tensor, Tensor] | None, new: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    joined = new if old is None else tuple(torch.cat(pair) for pair in zip(old, new, strict=True))
    values, at = joined[0].topk(min(SHOWN, len(joined[0])), dim=0)
    return values, joined[1].gather(0, at), joined[2].gather(0, at)


def cached(
    file: Path,
    module: nn.Module,
    names: Sequence[str],
    pixels: np.ndarray,
    *,
    progress: Progress = silent,
) -> dict[str, Peaks]:
    """The scan kept in `file`, else done now and kept there; a damaged file is made anew."""
    known = _read(file, names)
    if known is not None:
        return known
    found = scan(module, names, pixels, progress=progress)
    arrays = {
        f"{name}/{part}": getattr(peaks, part)
        for name, peaks in found.items()
        for part in ("values", "pictures", "cells")
    }

    def save(path: Path) -> None:
        with path.open("wb") as handle:
            np.savez(handle, **arrays)

    write_atomic(file, save)
    return found


def _read(file: Path, names: Sequence[str]) -> dict[str, Peaks] | None:
    try:
        with np.load(file, allow_pickle=False) as kept:
            return {
                name: Peaks(*(kept[f"{name}/{part}"] for part in ("values", "pictures", "cells")))
                for name in names
            }
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, EOFError):
        return None


def key(weights_sha256: str, content: Sequence[str]) -> str:
    """The name of a scan: of these weights and pictures, by their content hashes in order."""
    return hashlib.sha256("\n".join([weights_sha256, *content]).encode()).hexdigest()[:32]
