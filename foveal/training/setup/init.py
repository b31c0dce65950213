"""What happens to a fresh module before the first step: whitening filters, dropout rates.

Knows nothing of the loop. Whitening: the first convolution's filters are the eigenvectors of the
training images' patches (Keller Jordan, arXiv 2404.00498).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from foveal.network.build import whitening_convs
from foveal.spec.network import Network
from foveal.training.rng import Stream, permutation

MOST = 5000
"""Images whose patches are looked at."""
FLOOR = 5e-4
"""Added to every eigenvalue: directions without variance are not blown up."""


@torch.no_grad()
def whiten(module: nn.Module, network: Network, pixels: NDArray[np.uint8]) -> bool:
    """Set the filters of a first convolution with `init: whiten` from training images.

    pixels: (N, H, W, C) uint8.  Half of the filters are eigenvectors, the others their negatives;
    where there are more filters than that, the rest keep their start.  False where the network
    asks for none.
    """
    convolutions = whitening_convs(network, module)
    if not convolutions:
        return False
    convolution = convolutions[0][1]
    chosen = np.sort(permutation(len(pixels), Stream.WHITENING)[:MOST])
    mean, std = network.preprocess.statistics(network.input.channels)
    batch = torch.from_numpy(pixels[chosen]).permute(0, 3, 1, 2).double() / 255
    batch = (batch - _column(mean)) / _column(std)
    filters = eigenfilters(batch, (convolution.kernel_size[0], convolution.kernel_size[1]))
    weight = convolution.weight
    count = min(len(filters), len(weight) // 2) if len(weight) > 1 else 1
    both = torch.cat([filters[:count], -filters[:count]])[: len(weight)]
    weight[: len(both)] = both.to(weight)
    return True


def _column(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None, None]


def eigenfilters(images: Tensor, kernel: tuple[int, int]) -> Tensor:
    """(C*kh*kw, C, kh, kw) filters, largest variance first, whose outputs have unit variance.

    The sign of each is fixed (its largest entry is positive), so that the result is repeatable.
    """
    channels = images.shape[1]
    size = channels * kernel[0] * kernel[1]
    total = torch.zeros(size, size, dtype=torch.float64)
    count = 0
    for part in torch.split(images, 500):
        patches = F.unfold(part, kernel).transpose(1, 2).reshape(-1, size)
        total += patches.T @ patches
        count += len(patches)
    values, vectors = torch.linalg.eigh(total / max(count, 1))
    vectors = vectors.flip(1).T / (values.flip(0).clamp_min(0)[:, None] + FLOOR).sqrt()
    strongest = vectors.gather(1, vectors.abs().argmax(dim=1, keepdim=True))
    signed: Tensor = vectors * strongest.sign()
    return signed.reshape(size, channels, *kernel)


def set_dropout(module: nn.Module, rate: float) -> None:
    """Give every dropout layer this rate."""
    for part in module.modules():
        if isinstance(part, nn.modules.dropout._DropoutNd):
            part.p = rate
