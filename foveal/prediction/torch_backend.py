"""Runs a native model file or a Model value with torch, which is imported only here and only then.

Knows nothing of images or answers: uint8 pixels in, logits out.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from foveal.errors import MissingExtra

if TYPE_CHECKING:
    from foveal.model.manifest import Manifest
    from foveal.model.model import Model


class TorchBackend:
    """A module ready to score; fp32, on the device where its weights are."""

    def __init__(self, model: Model) -> None:
        self.manifest: Manifest = model.manifest
        self._module = model.module

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (N, H, W, C) to float32 (N, units), averaged over the mirror image if asked for."""
        import torch

        module, training = self._module, self._module.training
        device = next((weight.device for weight in module.parameters()), torch.device("cpu"))
        batch = torch.from_numpy(np.require(pixels, requirements=["C", "W"])).to(device)
        module.eval()
        try:
            with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
                batch = batch.permute(0, 3, 1, 2)
                logits = module(batch)
                if self.manifest.network.preprocess.flip_average:
                    logits = (logits + module(batch.flip(3))) / 2
        finally:
            module.train(training)
        return np.asarray(logits.float().cpu().numpy())


def open_native(source: Path | Model) -> TorchBackend:
    """The session of a model file or a Model; raises MissingExtra without torch."""
    if find_spec("torch") is None:
        raise MissingExtra("opening a native model file", "train")
    if isinstance(source, Path):
        from foveal.model.model import load

        return TorchBackend(load(source))
    return TorchBackend(source)
