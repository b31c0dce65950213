"""Proves a mapping by its answers: the outputs for one fixed image against stored ones.

Names and shapes prove nothing: a tensor read with the wrong strides, another padding or epsilon
gives confident garbage of the right shape.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from foveal.errors import ModelFileError
from foveal.pretrained.catalog import PretrainedModel

if TYPE_CHECKING:
    from torch import nn

REFERENCE_OUTPUTS = 8
"""Outputs that are stored and compared: those of the first classes."""
TOLERANCE = 1e-2
"""Largest difference of an output; outputs are about 1, and processors differ by 1e-4."""


def reference_image(side_px: int) -> np.ndarray:
    """The fixed image, uint8 (side, side, 3): ramps and a product, in integers only."""
    y, x, channel = np.mgrid[:side_px, :side_px, :3]
    values = x * (1 + channel) + y * (3 - channel) + x * y // 32
    return np.asarray(values % 256, np.uint8)


def reference_logits(module: nn.Module, side_px: int) -> tuple[float, ...]:
    """The first outputs of a module in evaluation mode for the fixed image."""
    import torch

    batch = torch.from_numpy(reference_image(side_px)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        return tuple(module(batch)[0, :REFERENCE_OUTPUTS].tolist())


def verify_outputs(module: nn.Module, known: PretrainedModel, path: Path) -> None:
    """Raise ModelFileError unless the outputs are those stored in the catalog."""
    outputs = reference_logits(module, known.input_side_px)
    gap = max(abs(a - b) for a, b in zip(outputs, known.reference_logits, strict=True))
    if not gap <= TOLERANCE:
        raise ModelFileError(
            f"the weights of {known.name} from {path} give other outputs than published: they "
            f"differ by {gap:.2g} where {TOLERANCE:g} is allowed; update Foveal and torch"
        )
