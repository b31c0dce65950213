"""What is trained on what, and the batches of it: augmented, resized, with their targets."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from foveal.network.shapes import trace
from foveal.spec.layers import BatchNorm
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.spec.values import OutputActivation
from foveal.training import progressive_resizing, sampler
from foveal.training.augment import augment
from foveal.training.device import send
from foveal.training.interrupts import InterruptGuard
from foveal.training.loss import encode_targets
from foveal.training.processes.process_group import ALONE, ProcessGroup
from foveal.training.streaming import StreamedPixels, Upcoming
from foveal.training.tensors import LabelledImages


@dataclass(frozen=True)
class TrainTask:
    """A recipe without gaps and the images it is applied to.

    activation: of the output.  class_weights: (classes,), None: all equal.
    interrupts: holds signals back while state is being changed or saved.  network: as it is
    built, where its batches may need more than one image.  processes: that train together, each on
    its share of every batch.
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
    network: Network | None = None
    processes: ProcessGroup = ALONE

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
        count = len(self.train)
        steps = sampler.steps_per_epoch(count, self.recipe.batch_size)
        return max(1, min(steps, count // self.min_batch_images))

    @cached_property
    def min_batch_images(self) -> int:
        """2 where a batch norm has one value a channel and image, whose deviation is 0; else 1."""
        if self.network is None:
            return 1
        height, width = progressive_resizing.training_size(self.image_size, self.start_scale, 0.0)
        size = self.network.input.model_copy(update={"height": height, "width": width})
        traced = trace(self.network.resized(size), self.class_count)
        norms = (step for step in traced.walk() if isinstance(step.layer, BatchNorm))
        return 2 if any(math.prod(step.input_shape[1:]) == 1 for step in norms) else 1

    @property
    def units(self) -> int:
        """Outputs of the network: one for two classes with sigmoid, else one per class."""
        is_binary = self.activation == "sigmoid" and self.class_count == 2
        return 1 if is_binary and self.train.labels.ndim == 1 else self.class_count


def epoch_batches(task: TrainTask, epoch: int) -> list[NDArray[np.int64]]:
    """The image indices of every step of an epoch."""
    if isinstance(task.train.pixels, StreamedPixels):
        return _streamed_batches(task, task.train.pixels, epoch)[0]
    return sampler.split_batches(_epoch_order(task, epoch), task.steps_per_epoch)


def _epoch_order(task: TrainTask, epoch: int) -> NDArray[np.int64]:
    balanced = task.train.single_labels() if task.recipe.class_balance == "sampling" else None
    return sampler.epoch_order(len(task.train), task.seed, epoch, balanced)


def _streamed_batches(
    task: TrainTask, pixels: StreamedPixels, epoch: int
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """The batches of an epoch and the windows of shards of their images."""
    order = _epoch_order(task, epoch)
    steps = task.steps_per_epoch
    return sampler.streamed_batches(order, pixels.shards.numbers, steps, task.seed, epoch)


def upcoming_batches(task: TrainTask, pixels: StreamedPixels, step: int) -> Iterator[Upcoming]:
    """This process's shares of the batches from a step on, without end.

    With each come the shards of the window after its own, from which its images will be; the first
    of an epoch has those of its own window too.
    """
    first = step % task.steps_per_epoch
    for epoch in itertools.count(step // task.steps_per_epoch):
        batches, windows = _streamed_batches(task, pixels, epoch)
        own = [task.processes.rows(batch) for batch in batches[first:]]
        own_windows = [task.processes.rows(window) for window in windows[first:]]
        every_shard = pixels.shards.numbers[np.concatenate(own)]
        every_window = np.concatenate(own_windows)
        announced = -1
        for batch, window in zip(batches[first:], own_windows, strict=True):
            last = int(window.max(initial=0)) + 1
            shards: list[int] = []
            if last > announced:
                following = (every_window > announced) & (every_window <= last)
                shards, announced = np.unique(every_shard[following]).tolist(), last
            yield Upcoming(_rows_to_read(task, batch), shards)
        first = 0


def _rows_to_read(task: TrainTask, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """This process's share of a batch and, where images are mixed, the partner of the last one."""
    mixes = bool(task.recipe.mixup_alpha or task.recipe.cutmix_alpha)
    return task.processes.rows(indices, following=int(mixes))


def prepare_batch(
    task: TrainTask, indices: NDArray[np.int64], epoch: int, progress: float
) -> tuple[Tensor, Tensor]:
    """Augmented (n, C, H, W) images in 0..255 and (n, units) targets of this process's share.

    Images are those that one process would have in these places of the batch.
    """
    own = task.processes.rows(indices)
    rows = _rows_to_read(task, indices)
    batch = task.train.batch(rows, task.device)
    target = encode_targets(task.train.labels[rows], task.class_count, task.units)
    images, target = augment(batch, send(target, task.device), rows, task.recipe, task.seed, epoch)
    images, target = images[: len(own)], target[: len(own)]
    size = progressive_resizing.training_size(task.image_size, task.start_scale, progress)
    if size != task.image_size:
        images = F.interpolate(images, size=size, mode="area")
    return images.contiguous(memory_format=torch.channels_last), target
