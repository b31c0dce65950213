"""Logits of the validation images and what is computed from them: loss, accuracy, temperature."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from foveal.spec.values import OutputActivation
from foveal.training.tensors import LabelledImages

Logits = NDArray[np.float32]

BATCH_IMAGES, GPU_BATCH_PIXELS = 256, 2**21
"""That are predicted at a time."""
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 1e30
"""A temperature is found between these; logits of a run that diverged need large ones."""
TEMPERATURE_SCALE = 1.0
"""Of the Cauchy prior on its logarithm: the one with which few images do least harm
(benchmarks/temperature.py, docs/design-notes.md)."""


@torch.inference_mode()
def predict_logits(
    module: nn.Module,
    images: LabelledImages,
    device: torch.device,
    *,
    batch_size: int | None = None,
    flip: bool = False,
    bf16: bool = False,
) -> Logits:
    """(N, units) fp32; with `flip` the mean over each image and its mirror image.

    batch_size: images at a time; None: BATCH_IMAGES, on a GPU of small images more.
    """
    if batch_size is None:
        batch_size = BATCH_IMAGES
        if device.type == "cuda":
            batch_size = max(batch_size, GPU_BATCH_PIXELS // math.prod(images.pixels.shape[1:3]))
    was_training = module.training
    module.eval()
    batches = []
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        for start in range(0, len(images), batch_size):
            first = start
            if device.type == "cuda":  # its libraries take long to prepare a smaller last batch
                first = max(0, min(start, len(images) - batch_size))
            indices = np.arange(first, min(start + batch_size, len(images)))
            batch = images.batch(indices, device).float()
            logits = module(batch).float()
            if flip:
                logits = (logits + module(batch.flip(3)).float()) / 2
            batches.append(logits[start - first :])
    module.train(was_training)
    return np.asarray(torch.cat(batches).cpu().numpy())


def negative_log_likelihood(
    logits: Logits,
    labels: NDArray[np.int64],
    activation: OutputActivation,
    temperature: float = 1.0,
    weights: NDArray[np.float32] | None = None,
) -> float:
    """Mean in nats at a temperature, in double precision.

    weights: (N, 1) of images or (N, units), of a weighted mean; None: all equal.
    """
    scaled = logits.astype(np.float64) / temperature
    if activation == "softmax":
        highest = scaled.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(scaled - highest).sum(axis=1)) + highest[:, 0]
        losses = (log_sum - scaled[np.arange(len(labels)), labels])[:, None]
    else:
        target = labels if labels.ndim == 2 else labels[:, None]
        losses = np.logaddexp(0, scaled) - target * scaled
    if weights is None:
        return float(losses.mean())
    return float((losses * weights).mean() / np.mean(weights, dtype=np.float64))


def accuracy(logits: Logits, labels: NDArray[np.int64]) -> float:
    """Share of correct predictions, of all (image, class) pairs for several labels an image."""
    return float(image_accuracies(logits, labels).mean())


def image_accuracies(logits: Logits, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N,) 1 where the prediction is correct, else 0; for several labels their correct share."""
    if labels.ndim == 2:
        return np.asarray(((logits > 0) == (labels > 0)).mean(axis=1))
    if logits.shape[1] == 1:
        return np.asarray((logits[:, 0] > 0) == (labels > 0), np.float64)
    return np.asarray(logits.argmax(axis=1) == labels, np.float64)


def standard_error(share: float, count: int) -> float:
    """Standard error of a share measured on `count` images."""
    return math.sqrt(max(share * (1 - share), 0.0) / max(count, 1))


def selection_score(
    logits: Logits, labels: NDArray[np.int64], *, balanced: bool
) -> tuple[float, float]:
    """Accuracy and its standard error; with `balanced` of the mean over the classes that occur.

    A class of few images that are all right has an error too: its share is taken as if one more
    image were right and one more wrong.
    """
    correct = image_accuracies(logits, labels)
    if not balanced or labels.ndim == 2:
        share = float(correct.mean())
        return share, standard_error(share, len(labels))
    classes = [correct[labels == label] for label in np.unique(labels)]
    variances = [standard_error((one.sum() + 1) / (len(one) + 2), len(one)) ** 2 for one in classes]
    mean = float(np.mean([one.mean() for one in classes]))
    return mean, math.sqrt(sum(variances)) / len(classes)


def fit_temperature(
    logits: Logits,
    labels: NDArray[np.int64],
    activation: OutputActivation,
    weights: NDArray[np.float32] | None = None,
) -> float:
    """The temperature in 0.05..1e30 for the logits (Guo et al. 2017), to five digits.

    The maximum a posteriori under a Cauchy prior around 1 (heavy tails: Gelman et al. 2008): few
    images that are all right say nothing for a temperature near 0, many decide alone, and logits
    that are far too large are still divided. 1 where they are not finite.
    weights: as for `negative_log_likelihood`.
    """
    if not len(labels) or not np.isfinite(logits).all():
        return 1.0
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        temperature = math.exp(log_temperature)
        likelihood = negative_log_likelihood(logits, labels, activation, temperature, weights)
        return likelihood + math.log1p((log_temperature / TEMPERATURE_SCALE) ** 2) / len(labels)

    # at a hundred times the largest logit all classes are alike
    high = math.log(min(max(100.0 * float(np.abs(logits).max()), 20.0), MAX_TEMPERATURE))
    low = math.log(MIN_TEMPERATURE)
    starts = np.linspace(low, high, 2 + round(high - low))  # the sum may have two minima
    best = int(np.argmin([loss(start) for start in starts]))
    fit = minimize_scalar(
        loss,
        bounds=(starts[max(best - 1, 0)], starts[min(best + 1, len(starts) - 1)]),
        method="bounded",
        options={"xatol": 1e-7},
    )
    return float(f"{math.exp(fit.x):.5g}")
