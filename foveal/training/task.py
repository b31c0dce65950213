"""What is trained on what, and the batches of it: augmented, resized, with their targets."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from foveal.spec.recipe import Recipe
from foveal.training import progressive_resizing, sampler
from foveal.training.augment import augment
from foveal.training.interrupts import InterruptGuard
from foveal.training.loss import encode_targets
from foveal.training.tensors import LabelledImages
from foveal.training.validation import OutputActivation


@dataclass(frozen=True)
class TrainTask:
    """A recipe without gaps and the images it is applied to.

    activation: of the output.  class_weights: (classes,), None: all equal.
    interrupts: holds signals back while state is being changed or saved.
    """

    recipe: Recipe
    train: LabelledImages
    val: LabelledImages
    class_count: int
    activation: OutputActivation
    seed: int
    device: torch.device
    class_weights: NDArray[np.float32] | None = None
    interrupts: InterruptGuard = field(default_factory=InterruptGuard)

    @property
    def image_size(self) -> progressive_resizing.Size:
        """Height and width of full images."""
        return self.train.pixels.shape[1], self.train.pixels.shape[2]

    @property
    def start_scale(self) -> float:
        """Fraction of the side at which training starts."""
        return self.recipe.progressive_resizing or 1.0

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every training image is used once."""
        assert self.recipe.batch_size is not None
        return sampler.steps_per_epoch(len(self.train), self.recipe.batch_size)

    @property
    def units(self) -> int:
        """Outputs of the network: one for two classes with sigmoid, else one per class."""
        is_binary = self.activation == "sigmoid" and self.class_count == 2
        return 1 if is_binary and self.train.labels.ndim == 1 else self.class_count


def epoch_batches(task: TrainTask, epoch: int) -> list[NDArray[np.int64]]:
    """The image indices of every step of an epoch."""
    balanced = task.train.single_labels() if task.recipe.class_balance == "sampling" else None
    order = sampler.epoch_order(len(task.train), task.seed, epoch, balanced)
    return sampler.split_batches(order, task.steps_per_epoch)


def prepare_batch(
    task: TrainTask, indices: NDArray[np.int64], epoch: int, progress: float
) -> tuple[Tensor, Tensor]:
    """Augmented (n, C, H, W) images in 0..255 and (n, units) targets of a batch."""
    batch = task.train.batch(indices, task.device)
    target = encode_targets(task.train.labels[indices], task.class_count, task.units)
    images, target = augment(batch, target.to(task.device), indices, task.recipe, task.seed, epoch)
    size = progressive_resizing.training_size(task.image_size, task.start_scale, progress)
    if size != task.image_size:
        images = F.interpolate(images, size=size, mode="area")
    return images.contiguous(memory_format=torch.channels_last), target
