"""Logits of a split and what is chosen on it: loss, accuracy, temperature.

Knows nothing of training steps; test images never come here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from foveal.training.tensors import LabelledImages

Activation = Literal["softmax", "sigmoid"]
Logits = NDArray[np.float32]


@torch.inference_mode()
def compute_logits(
    module: nn.Module,
    images: LabelledImages,
    device: torch.device,
    *,
    batch_size: int = 256,
    flip: bool = False,
    bf16: bool = False,
) -> Logits:
    """(N, units) fp32; with `flip` the mean over each image and its mirror image."""
    was_training = module.training
    module.eval()
    parts = []
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        for start in range(0, len(images), batch_size):
            positions = np.arange(start, min(start + batch_size, len(images)))
            batch = images.batch(positions, device).float()
            part = module(batch).float()
            if flip:
                part = (part + module(batch.flip(3)).float()) / 2
            parts.append(part.cpu())
    module.train(was_training)
    return np.concatenate([part.numpy() for part in parts])


def negative_log_likelihood(
    values: Logits, labels: NDArray[np.int64], function: Activation, heat: float = 1.0
) -> float:
    """Mean negative log likelihood in nats at temperature `heat`, in double precision."""
    scaled = values.astype(np.float64) / heat
    if function == "softmax":
        highest = scaled.max(axis=1, keepdims=True)
        total = np.log(np.exp(scaled - highest).sum(axis=1)) + highest[:, 0]
        return float((total - scaled[np.arange(len(labels)), labels]).mean())
    target = labels if labels.ndim == 2 else labels[:, None]
    return float((np.logaddexp(0, scaled) - target * scaled).mean())


def accuracy(values: Logits, labels: NDArray[np.int64]) -> float:
    """Share of right answers; of right yes or no answers where there are several labels."""
    if labels.ndim == 2:
        return float(((values > 0) == (labels > 0)).mean())
    if values.shape[1] == 1:
        return float(((values[:, 0] > 0) == (labels > 0)).mean())
    return float((values.argmax(axis=1) == labels).mean())


def standard_error(share: float, count: int) -> float:
    """Of a share measured on `count` images."""
    return math.sqrt(max(share * (1 - share), 0.0) / max(count, 1))


def fit_temperature(values: Logits, labels: NDArray[np.int64], function: Activation) -> float:
    """The temperature in 0.05..20 with the smallest nll (Guo et al. 2017), five digits.

    1 where there are under 10 images: nothing can be said on so few.
    """
    if len(labels) < 10:
        return 1.0
    low, high = math.log(0.05), math.log(20.0)
    best = golden(
        lambda heat: negative_log_likelihood(values, labels, function, math.exp(heat)), low, high
    )
    return float(f"{math.exp(best):.5g}")


def golden(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one minimum in low..high is smallest, within 1e-6."""
    ratio = (math.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > 1e-6:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = function(right)
    return (low + high) / 2
