"""The features of a run's images, computed once: in bf16 where the processor multiplies it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from foveal.errors import TrainingError
from foveal.network.fused.extractor import FeatureExtractor
from foveal.text import plural
from foveal.training.device import has_fast_bf16


def extract_features(
    backbone: nn.Module, pixels: NDArray[np.uint8], device: torch.device
) -> Tensor:
    """(N, D) fp32 on the CPU of (N, H, W, C) pixels; `backbone` as `split_head` gives it.

    Raises TrainingError where values are not finite.
    """
    extractor = FeatureExtractor(backbone, device, bf16=has_fast_bf16(device))
    batches = list(extractor.iter_features(pixels))
    features = torch.cat(batches) if batches else torch.empty(0, 0)
    _check_finite(features)
    return features


def _check_finite(features: Tensor) -> None:
    bad = (~features.isfinite().all(dim=1)).nonzero()[:, 0].tolist()
    if bad:
        raise TrainingError(
            f"the features of {plural(len(bad), 'image')} of {len(features):,} are not finite, "
            f"those of image {bad[0] + 1} first; the weights that training starts from are damaged "
            "or far too large: take others with --from, or --from scratch"
        )
