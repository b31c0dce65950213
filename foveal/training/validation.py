"""Logits of the validation images and what is computed from them: loss, accuracy, temperature."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from foveal.training.tensors import LabelledImages

OutputActivation = Literal["softmax", "sigmoid"]
Logits = NDArray[np.float32]

MIN_TEMPERATURE_IMAGES = 10
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0


@torch.inference_mode()
def predict_logits(
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
    batches = []
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        for start in range(0, len(images), batch_size):
            indices = np.arange(start, min(start + batch_size, len(images)))
            batch = images.batch(indices, device).float()
            logits = module(batch).float()
            if flip:
                logits = (logits + module(batch.flip(3)).float()) / 2
            batches.append(logits.cpu())
    module.train(was_training)
    return np.concatenate([batch.numpy() for batch in batches])


def negative_log_likelihood(
    logits: Logits,
    labels: NDArray[np.int64],
    activation: OutputActivation,
    temperature: float = 1.0,
) -> float:
    """Mean in nats at a temperature, in double precision."""
    scaled = logits.astype(np.float64) / temperature
    if activation == "softmax":
        highest = scaled.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(scaled - highest).sum(axis=1)) + highest[:, 0]
        return float((log_sum - scaled[np.arange(len(labels)), labels]).mean())
    target = labels if labels.ndim == 2 else labels[:, None]
    return float((np.logaddexp(0, scaled) - target * scaled).mean())


def accuracy(logits: Logits, labels: NDArray[np.int64]) -> float:
    """Share of correct predictions, of all (image, class) pairs for several labels an image."""
    if labels.ndim == 2:
        return float(((logits > 0) == (labels > 0)).mean())
    if logits.shape[1] == 1:
        return float(((logits[:, 0] > 0) == (labels > 0)).mean())
    return float((logits.argmax(axis=1) == labels).mean())


def standard_error(share: float, count: int) -> float:
    """Standard error of a share measured on `count` images."""
    return math.sqrt(max(share * (1 - share), 0.0) / max(count, 1))


def fit_temperature(
    logits: Logits, labels: NDArray[np.int64], activation: OutputActivation
) -> float:
    """The temperature in 0.05..20 with the smallest loss (Guo et al. 2017), to five digits.

    1 for fewer than 10 images, which are too few to fit it.
    """
    if len(labels) < MIN_TEMPERATURE_IMAGES:
        return 1.0
    from scipy.optimize import minimize_scalar

    fit = minimize_scalar(
        lambda log_temperature: negative_log_likelihood(
            logits, labels, activation, math.exp(log_temperature)
        ),
        bounds=(math.log(MIN_TEMPERATURE), math.log(MAX_TEMPERATURE)),
        method="bounded",
        options={"xatol": 1e-7},
    )
    return float(f"{math.exp(fit.x):.5g}")
