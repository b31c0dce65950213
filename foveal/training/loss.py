"""The training loss: cross-entropy or binary cross-entropy, smoothed, class-weighted or focal."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from foveal.spec.recipe import Recipe
from foveal.spec.values import OutputActivation

FOCAL_GAMMA = 2.0
"""Exponent of the focal loss (Lin et al. 2017)."""
MAX_POSITIVE_WEIGHT = 100


def encode_targets(labels: NDArray[np.int64], classes: int, units: int) -> Tensor:
    """(N, units) float targets: one-hot, or the probability of the second class for one unit.

    labels: (N,) class numbers, or (N, classes) zeros and ones for several labels an image.
    """
    if labels.ndim == 2:
        return torch.from_numpy(labels.astype(np.float32))
    if units == 1:
        return torch.from_numpy(labels.astype(np.float32))[:, None]
    return F.one_hot(torch.from_numpy(labels), classes).float()


def compute_class_weights(labels: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """(classes,) weights inverse to how often a class occurs; their mean over images is 1.

    For several labels an image: the weight of a present label relative to an absent one.
    """
    if labels.ndim == 2:
        positives = np.maximum(labels.sum(axis=0), 1)
        positive_weights = np.clip((len(labels) - positives) / positives, 1, MAX_POSITIVE_WEIGHT)
        return np.asarray(positive_weights, np.float32)
    counts = np.bincount(labels, minlength=classes)
    present = counts > 0
    weights = np.where(present, len(labels) / (present.sum() * np.maximum(counts, 1)), 0.0)
    return np.asarray(weights, np.float32)


def loss_weights(target: Tensor, activation: OutputActivation, class_weights: Tensor) -> Tensor:
    """Factors of the losses of images, (N, 1), or of an image's units, (N, units).

    target: (N, units) in 0..1.  class_weights: (classes,) from `compute_class_weights`.
    """
    if activation == "softmax":
        return (target @ class_weights)[:, None]
    if target.shape[1] == 1 and len(class_weights) == 2:
        return target * class_weights[1] + (1 - target) * class_weights[0]
    return 1 + target * (class_weights - 1)


def classification_loss(
    logits: Tensor,
    target: Tensor,
    activation: OutputActivation,
    recipe: Recipe,
    weights: Tensor | None = None,
) -> Tensor:
    """Mean loss of a batch in nats, computed in fp32.

    logits, target: (N, units), targets in 0..1 (mixed images have mixed targets).
    weights: (classes,) from `compute_class_weights`; None: all equal.
    """
    losses = _cross_entropy if activation == "softmax" else _binary_cross_entropy
    return losses(logits.float(), target, recipe, weights).mean()


def _cross_entropy(
    logits: Tensor, target: Tensor, recipe: Recipe, weights: Tensor | None
) -> Tensor:
    """(N,) losses."""
    smoothing = recipe.label_smoothing
    log_probabilities = F.log_softmax(logits, dim=1)
    smoothed = target
    if smoothing:
        smoothed = target * (1 - smoothing) + smoothing / target.shape[1]
    losses = -(smoothed * log_probabilities).sum(dim=1)
    if recipe.class_balance == "focal":
        losses = losses * (1 - (target * log_probabilities).sum(dim=1).exp()) ** FOCAL_GAMMA
    if weights is not None:
        losses = losses * loss_weights(target, "softmax", weights)[:, 0]
    return losses


def _binary_cross_entropy(
    logits: Tensor, target: Tensor, recipe: Recipe, weights: Tensor | None
) -> Tensor:
    """(N,) losses, each the mean over the units."""
    smoothing = recipe.label_smoothing
    smoothed = target * (1 - smoothing) + smoothing / 2 if smoothing else target
    losses = F.binary_cross_entropy_with_logits(logits, smoothed, reduction="none")
    if recipe.class_balance == "focal":
        probability = torch.sigmoid(logits)
        error = target * (1 - probability) + (1 - target) * probability
        losses = losses * error**FOCAL_GAMMA
    if weights is not None:
        losses = losses * loss_weights(target, "sigmoid", weights)
    return losses.mean(dim=1)
