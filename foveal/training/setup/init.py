"""The state before the first step: weights of the seed, whitening filters, another model's weights.

Whitening: the filters are the eigenvectors of patches of the training images (Keller Jordan,
arXiv 2404.00498).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foveal.network.build import build, whitening_convs
from foveal.spec.network import Network
from foveal.training.device import to_device
from foveal.training.optimizers import optim
from foveal.training.optimizers.parameter_groups import freeze_layers, make_parameter_groups
from foveal.training.position import RunPosition
from foveal.training.rng import Stream, permutation, torch_seed
from foveal.training.setup.training_data import TrainingData
from foveal.training.state import TrainingState
from foveal.training.streaming import Pixels
from foveal.training.task import TrainTask
from foveal.training.transfer.matching import SourceModel, Transfer, load_matching_weights

MAX_WHITENING_IMAGES = 5000
EIGENVALUE_FLOOR = 5e-4
"""Added to every eigenvalue, so that directions without variance are not amplified."""
PATCH_CHUNK_IMAGES = 500
"""Images whose patches are taken at a time."""


def seeded_state(network: Network, data: TrainingData, task: TrainTask) -> TrainingState:
    """The module with the weights of its seed, before any of the data is looked at."""
    torch.manual_seed(torch_seed(task.seed, Stream.INIT))
    module: nn.Module = build(network, len(data.classes), task=data.task)
    if task.recipe.dropout is not None:
        set_dropout(module, task.recipe.dropout)
    freeze_layers(module, task.recipe.freeze or 0)
    module = to_device(module, task.device)
    groups = make_parameter_groups(module, task.recipe)
    average = {name: value.clone() for name, value in module.state_dict().items()}
    average = average if task.recipe.ema_decay != 0 else {}
    return TrainingState(
        module, groups, optim.initial_state(groups), average, {}, {}, RunPosition()
    )


def starting_state(
    network: Network, data: TrainingData, task: TrainTask, source: SourceModel | None
) -> tuple[TrainingState, Transfer]:
    """The state before the first step, and what came from `source`."""
    state = seeded_state(network, data, task)
    whiten(state.module, network, data.train.pixels)
    transfer = Transfer()
    if source is not None:
        transfer = load_matching_weights(state.module, data.classes, source)
    state.restart_optimizer()
    return state, transfer


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
        if isinstance(layer, nn.Dropout | nn.Dropout2d):
            layer.p = rate
