"""The features an output layer is fitted to: as many as the recipe, memory and time allow."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from foveal.network.fused.extractor import split_head
from foveal.progress import Progress
from foveal.training import sampler
from foveal.training.device import has_fast_bf16
from foveal.training.setup.chosen import ChosenValue
from foveal.training.setup.session import TrainSession
from foveal.training.streaming import Pixels
from foveal.training.task import TrainTask
from foveal.training.transfer.feature_cache import Extract, with_cache
from foveal.training.transfer.features import extract_features

MAX_FEATURE_BYTES = 2**29
"""Of features in memory, of train and of val, which the fit doubles; the output layer is fitted to
no more of them."""
MAX_BUDGET_SHARE = 0.5
"""Of the time that is left when features are begun, that they may take."""
MAX_MIRRORED_IMAGES = 500
"""Of train, up to which features are the mean with those of the mirror image, where predictions
are too: 0.4 points with 20 images a class (docs/design-notes.md); more images would cost too much
time."""
CHUNK_IMAGES = 512
"""Images between two looks at the clock."""


@dataclass(frozen=True)
class CollectedFeatures:
    """Features of images: rows of train, (n, D) fp32 of each, and of val's first ones.

    image_seconds: that one of train took.  chosen: how many of train they are, where they are not
    all.
    """

    rows: NDArray[np.int64]
    train: Tensor
    val: Tensor
    image_seconds: float = 0.0
    chosen: tuple[ChosenValue, ...] = ()


def collect_features(session: TrainSession, progress: Progress) -> CollectedFeatures:
    """Of all val images and of train, as many as the recipe, memory and time allow."""
    task, budget = session.task, session.budget
    backbone, output = split_head(session.state.module)
    most = max(task.class_count, MAX_FEATURE_BYTES // (4 * output.in_features))
    requested = task.recipe.head_images or len(task.train)
    count = min(requested, most, len(task.train))
    # in the order of the files, whose pixels lie side by side
    rows = sampler.proportional_order(task.train.labels, task.seed)[:count]
    every_row = count == len(task.train) and not budget.limited
    rows = np.sort(rows) if every_row else rows
    left = budget.remaining()

    def is_late() -> bool:
        return budget.remaining() < (1 - MAX_BUDGET_SHARE) * left

    def extract(pixels: NDArray[np.uint8]) -> Tensor:
        return extract_features(backbone, pixels, task.device)

    def extract_mean(pixels: NDArray[np.uint8]) -> Tensor:
        return (extract(pixels) + extract(np.ascontiguousarray(pixels[:, :, ::-1]))) / 2

    plain = own = _cached(task, extract, backbone, output.in_features)
    mirrored = task.recipe.test_time_augmentation == "flip" and count <= MAX_MIRRORED_IMAGES
    if mirrored:
        own = _cached(task, extract_mean, backbone, output.in_features, " mirrored")
    chunk = max(CHUNK_IMAGES, task.class_count)
    val_rows = np.arange(min(len(task.val), most))
    val = _in_chunks(plain, task.val.pixels, val_rows, chunk, "val", progress)
    started = time.perf_counter()
    train = _in_chunks(own, task.train.pixels, rows, chunk, "train", progress, is_late)
    seconds = (time.perf_counter() - started) / (len(train) * (1 + mirrored))
    chosen = _count_choice(task, len(train), requested, most)
    return CollectedFeatures(rows[: len(train)], train, val, seconds, chosen)


def mean_val_features(
    session: TrainSession, features: CollectedFeatures, progress: Progress
) -> Tensor:
    """(N, D) features of the val images that `features` has, as predictions take them.

    Where predictions are means over the image and its mirror image, the means of both: their logits
    are those of the predictions, as the output layer is linear.
    """
    task, val = session.task, features.val
    if task.recipe.test_time_augmentation != "flip" or not len(val):
        return val
    backbone, output = split_head(session.state.module)

    def mirror(pixels: NDArray[np.uint8]) -> Tensor:
        return extract_features(backbone, np.ascontiguousarray(pixels[:, :, ::-1]), task.device)

    extract = _cached(task, mirror, backbone, output.in_features, " mirror image")
    rows = np.arange(len(val))
    mirrored = _in_chunks(extract, task.val.pixels, rows, CHUNK_IMAGES, "val, mirrored", progress)
    return (val + mirrored) / 2


def _cached(
    task: TrainTask, extract: Extract, backbone: nn.Module, size: int, way: str = ""
) -> Extract:
    """`extract`, from the cache where nothing but a head is fitted, as to labels that were mended.

    size, way: as for `with_cache`, whose way also names the precision.
    """
    if task.recipe.fine_tune != "off":
        return extract
    precision = "bf16" if has_fast_bf16(task.device) else "fp32"
    return with_cache(extract, backbone, size, f"{precision}{way}")


def _in_chunks(
    extract: Extract,
    pixels: Pixels,
    rows: NDArray[np.int64],
    chunk: int,
    split: str,
    progress: Progress,
    is_late: Callable[[], bool] = lambda: False,
) -> Tensor:
    """(n, D) features of the rows, in their order; fewer where it gets late."""
    chunks: list[Tensor] = []
    for start in range(0, len(rows), chunk):
        if start and is_late():
            break
        progress(f"features of {split}", start, len(rows))
        chunks.append(extract(pixels[rows[start : start + chunk]]))
    progress(f"features of {split}", len(rows), len(rows))
    return torch.cat(chunks) if chunks else torch.zeros(0)


def _count_choice(
    task: TrainTask, count: int, requested: int, most: int
) -> tuple[ChosenValue, ...]:
    if count >= min(requested, len(task.train)):
        return ()
    reason = "features of more would take over half of the time left"
    if count == most:
        reason = f"features of more would take over {MAX_FEATURE_BYTES >> 20:,} MB of memory"
    return (ChosenValue("head_images", count, reason),)
