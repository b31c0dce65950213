"""Prepare a new module: whitening filters in its first convolution, dropout rates.

Whitening: the filters are the eigenvectors of patches of the training images (Keller Jordan,
arXiv 2404.00498).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foveal.network.build import whitening_convs
from foveal.spec.network import Network
from foveal.training.rng import Stream, permutation
from foveal.training.streaming import Pixels

MAX_WHITENING_IMAGES = 5000
EIGENVALUE_FLOOR = 5e-4
"""Added to every eigenvalue, so that directions without variance are not amplified."""
PATCH_CHUNK_IMAGES = 500
"""Images whose patches are taken at a time."""


@torch.no_grad()
def whiten(module: nn.Module, network: Network, pixels: Pixels) -> bool:
    """Set the filters of a first convolution with `init: whiten` from training images.

    pixels: (N, H, W, C) uint8.  Half of the filters are eigenvectors, the others their negatives;
    where there are more filters than that, the rest stay as they are.  False where the network
    has no such convolution.
    """
    convolutions = whitening_convs(network, module)
    if not convolutions:
        return False
    convolution = convolutions[0][1]
    rows = np.sort(permutation(len(pixels), Stream.WHITENING)[:MAX_WHITENING_IMAGES])
    mean, std = network.preprocess.statistics(network.input.channels)
    images = torch.from_numpy(pixels[rows]).permute(0, 3, 1, 2).double() / 255
    images = (images - _per_channel(mean)) / _per_channel(std)
    filters = eigenfilters(images, (convolution.kernel_size[0], convolution.kernel_size[1]))
    weight = convolution.weight
    count = min(len(filters), len(weight) // 2) if len(weight) > 1 else 1
    both_signs = torch.cat([filters[:count], -filters[:count]])[: len(weight)]
    weight[: len(both_signs)] = both_signs.to(weight)
    return True


def _per_channel(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None, None]


def eigenfilters(images: Tensor, kernel: tuple[int, int]) -> Tensor:
    """(C*kh*kw, C, kh, kw) filters, largest variance first, whose outputs have unit variance.

    The sign of each is fixed (its largest entry is positive), so that the result is repeatable.
    """
    channels = images.shape[1]
    size = channels * kernel[0] * kernel[1]
    total = torch.zeros(size, size, dtype=torch.float64)
    count = 0
    for chunk in torch.split(images, PATCH_CHUNK_IMAGES):
        patches = F.unfold(chunk, kernel).transpose(1, 2).reshape(-1, size)
        total += patches.T @ patches
        count += len(patches)
    values, vectors = torch.linalg.eigh(total / max(count, 1))
    vectors = vectors.flip(1).T / (values.flip(0).clamp_min(0)[:, None] + EIGENVALUE_FLOOR).sqrt()
    strongest = vectors.gather(1, vectors.abs().argmax(dim=1, keepdim=True))
    signed: Tensor = vectors * strongest.sign()
    return signed.reshape(size, channels, *kernel)


def set_dropout(module: nn.Module, rate: float) -> None:
    """Give every dropout layer this rate."""
    for layer in module.modules():
        if isinstance(layer, nn.modules.dropout._DropoutNd):
            layer.p = rate
