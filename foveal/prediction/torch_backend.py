"""Runs a native model file or a Model with torch, imported only when one is opened or run."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from foveal.errors import MissingExtra

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from foveal.model.manifest import Manifest
    from foveal.model.model import Model

BatchFunction = Callable[[np.ndarray], np.ndarray]
"""uint8 (N, H, W, C) to float32 (N, values)."""
MIN_FAST_IMAGES, MIN_FAST_MULTIPLY_ADDS = 16, 5_000_000_000
"""From so many images, and so much work for them, on a network is folded: that costs 0.1 to 0.2 s
of processor time (the presets swift-xs to EfficientNet-Lite0), and saves a third or more."""


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
        return self._run(self.model.module, pixels)

    def features(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (N, H, W, C) to float32 (N, D): the input of the output layer.

        They are averaged over the flip as the logits are, and give them in the output layer.
        """
        return self._run(self._layers[:-1], pixels)

    def logits_function(self, seen: int = 0) -> BatchFunction:
        """What computes `logits` of batch after batch; on a CPU as `feature_function` does.

        seen: images of the same work before these, so that its parts have the bits of the whole.
        """
        if self._device.type != "cpu":
            return self.logits
        return self._for_batches(self.logits, self._fast_logits, seen)

    def feature_function(self) -> BatchFunction:
        """What computes `features` of batch after batch, from the weights as they are now.

        Where they are many it uses a copy with norms folded and operations joined: on a CPU it
        takes two thirds of the time of a small network and a quarter of that of a large one, and
        the values are equal up to fp32's rounding.
        """
        return self._for_batches(self.features, self._fast_features)

    def _for_batches(
        self, plain: BatchFunction, make_fast: Callable[[], BatchFunction], images: int = 0
    ) -> BatchFunction:
        fast: BatchFunction | None = None

        def compute(pixels: np.ndarray) -> np.ndarray:
            nonlocal fast, images
            images += len(pixels)
            if fast is None and (
                images < MIN_FAST_IMAGES or images * self._multiply_adds < MIN_FAST_MULTIPLY_ADDS
            ):
                return plain(pixels)
            fast = fast or make_fast()
            return fast(pixels)

        return compute

    @cached_property
    def _multiply_adds(self) -> int:
        """Of the network, for one image."""
        from foveal.network.cost import network_cost

        manifest = self.manifest
        return network_cost(manifest.network, len(manifest.labels), manifest.task).multiply_adds

    def _fast_logits(self) -> BatchFunction:
        import torch

        features, output, device = self._fast_features(), deepcopy(self._layers[-1]), self._device

        def compute(pixels: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                logits = output(torch.from_numpy(features(pixels)).to(device))
                return np.asarray(logits.cpu().numpy())

        return compute

    def _fast_features(self) -> BatchFunction:
        import torch

        from foveal.network.fused.extractor import FeatureExtractor

        extractor = FeatureExtractor(
            self._layers[:-1],
            self._device,
            flip_average=self.manifest.network.preprocess.flip_average,
        )

        def compute(pixels: np.ndarray) -> np.ndarray:
            with torch.backends.cudnn.flags(allow_tf32=False):
                parts = [part.numpy() for part in extractor.iter_features(pixels)]
            return np.concatenate(parts) if parts else np.empty((0, self.feature_count), np.float32)

        return compute

    @property
    def feature_count(self) -> int:
        """D: how many values the output layer receives."""
        weight = self._layers.get_parameter("output.weight")
        return int(weight.shape[1])

    @property
    def _layers(self) -> nn.Sequential:
        from torch import nn

        assert isinstance(self.model.module, nn.Sequential)
        return self.model.module

    @property
    def _device(self) -> torch.device:
        import torch

        parameters = self.model.module.parameters()
        return next((weight.device for weight in parameters), torch.device("cpu"))

    def _run(self, run: Callable[[Tensor], Tensor], pixels: np.ndarray) -> np.ndarray:
        import torch

        module, training = self.model.module, self.model.module.training
        batch = torch.from_numpy(np.require(pixels, requirements=["C", "W"])).to(self._device)
        module.eval()
        try:
            with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
                batch = batch.permute(0, 3, 1, 2)
                values = run(batch)
                if self.manifest.network.preprocess.flip_average:
                    values = (values + run(batch.flip(3))) / 2
        finally:
            module.train(training)
        return np.asarray(values.float().cpu().numpy())


def open_torch_backend(model: Path | Model) -> TorchBackend:
    """The backend of a native model file or a Model; raises MissingExtra without torch."""
    if find_spec("torch") is None:
        raise MissingExtra("opening a native model file", "train")
    if isinstance(model, Path):
        from foveal.model.model import load_model

        return TorchBackend(load_model(model))
    return TorchBackend(model)
