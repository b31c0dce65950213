"""Runs a native model file or a Model with torch, imported only when one is opened or run."""

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
    """A torch module ready for inference; fp32, on the device of its weights."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @property
    def manifest(self) -> Manifest:
        """The manifest of the model."""
        return self.model.manifest

    @property
    def inference_manifest(self) -> Manifest:
        """The same: a native file's manifest is always read whole."""
        return self.model.manifest

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (N, H, W, C) to float32 (N, units), averaged over the flip if `flip_average`."""
        import torch

        module, training = self.model.module, self.model.module.training
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


def open_torch_backend(model: Path | Model) -> TorchBackend:
    """The backend of a native model file or a Model; raises MissingExtra without torch."""
    if find_spec("torch") is None:
        raise MissingExtra("opening a native model file", "train")
    if isinstance(model, Path):
        from foveal.model.model import load_model

        return TorchBackend(load_model(model))
    return TorchBackend(model)
