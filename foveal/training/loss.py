"""What training minimises: cross-entropy or binary cross-entropy, smoothed, weighted or focal.

Knows nothing of networks; logits and targets come in, one number goes out.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from foveal.spec.recipe import Recipe

FOCUS = 2.0
"""Exponent of the focal loss (Lin et al. 2017)."""


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

    For several labels an image: how much heavier a present label weighs than an absent one.
    """
    if labels.ndim == 2:
        present = np.maximum(labels.sum(axis=0), 1)
        heavier = np.clip((len(labels) - present) / present, 1, 100)
        return np.asarray(heavier, np.float32)
    counts = np.bincount(labels, minlength=classes)
    there = counts > 0
    weights = np.where(there, len(labels) / (there.sum() * np.maximum(counts, 1)), 0.0)
    return np.asarray(weights, np.float32)


def classification_loss(
    logits: Tensor,
    target: Tensor,
    function: Literal["softmax", "sigmoid"],
    recipe: Recipe,
    weights: Tensor | None = None,
) -> Tensor:
    """Mean loss of a batch in nats, computed in fp32.

    logits, target: (N, units), targets in 0..1 (mixed images have mixed targets).
    weights: (classes,) from `class_weights` where the recipe asks for them.
    """
    logits = logits.float()
    if function == "softmax":
        each = _softmax(logits, target, recipe, weights)
    else:
        each = _sigmoid(logits, target, recipe, weights)
    return each.mean()


def _softmax(logits: Tensor, target: Tensor, recipe: Recipe, weights: Tensor | None) -> Tensor:
    smooth = recipe.label_smoothing
    logs = F.log_softmax(logits, dim=1)
    soft = target * (1 - smooth) + smooth / target.shape[1] if smooth else target
    each = -(soft * logs).sum(dim=1)
    if recipe.class_balance == "focal":
        each = each * (1 - (target * logs).sum(dim=1).exp()) ** FOCUS
    if weights is not None:
        each = each * (target @ weights)
    return each


def _sigmoid(logits: Tensor, target: Tensor, recipe: Recipe, weights: Tensor | None) -> Tensor:
    smooth = recipe.label_smoothing
    soft = target * (1 - smooth) + smooth / 2 if smooth else target
    each = F.binary_cross_entropy_with_logits(logits, soft, reduction="none")
    if recipe.class_balance == "focal":
        sure = torch.sigmoid(logits)
        each = each * (target * (1 - sure) + (1 - target) * sure) ** FOCUS
    if weights is not None:
        if logits.shape[1] == 1 and len(weights) == 2:
            each = each * (target * weights[1] + (1 - target) * weights[0])
        else:
            each = each * (1 + target * (weights - 1))
    return each.mean(dim=1)
