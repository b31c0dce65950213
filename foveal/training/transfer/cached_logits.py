"""Predictions of a network of which only the output layer is new, from features in the cache.

Of a network of which a head is fitted again they are in the cache: for 460 photographs, each with
its mirror image, the network itself takes longer than all else in such a run.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from foveal.network.fused.extractor import FeatureExtractor, split_head
from foveal.training.tensors import LabelledImages
from foveal.training.transfer.feature_cache import Extract, with_cache
from foveal.training.validation import Logits

CHUNK_IMAGES = 512
"""Images that are read together."""


@torch.no_grad()
def predict_logits_cached(module: nn.Module, images: LabelledImages, *, flip: bool) -> Logits:
    """Logits float32 (N, units), on the CPU in fp32; features that are not cached are computed.

    flip: the mean over each image and its mirror image.
    """
    backbone, output = split_head(module)
    extractor = FeatureExtractor(backbone, torch.device("cpu"))

    def extract(pixels: NDArray[np.uint8]) -> Tensor:
        return torch.cat(list(extractor.iter_features(pixels)))

    def mirror(pixels: NDArray[np.uint8]) -> Tensor:
        return extract(np.ascontiguousarray(pixels[:, :, ::-1]))

    ways: list[Extract] = [with_cache(extract, backbone, output.in_features, "fp32")]
    if flip:
        ways.append(with_cache(mirror, backbone, output.in_features, "fp32 mirror image"))
    rows, found = np.arange(len(images)), []
    for start in range(0, len(images), CHUNK_IMAGES):
        pixels = images.pixels[rows[start : start + CHUNK_IMAGES]]
        features = torch.stack([way(pixels) for way in ways]).mean(dim=0)
        found.append(output(features).numpy())
    return np.concatenate(found)
