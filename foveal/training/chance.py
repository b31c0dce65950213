"""Whether the answers on val are better than chance."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from foveal.training.validation import Logits

MIN_DEVIATIONS = 1.645
"""Standard deviations above chance, one-sided at 5 %."""
FEW_IMAGES, MIN_DEVIATIONS_OF_FEW = 10, 0.99
"""With fewer images, less is asked: all of two images right is one deviation above chance."""
MAX_TESTED_IMAGES = 2000
"""Evenly taken from more; what 2,000 cannot show is not worth having."""


def is_at_chance(logits: Logits, labels: NDArray[np.int64]) -> bool:
    """Whether answers and labels agree no more than if the answers were dealt out anew.

    logits: (N, units).  labels: (N,) class numbers or (N, classes) zeros and ones.  A permutation
    test of the agreement (that of Cohen's kappa) in its normal approximation. So a constant answer
    is chance whatever its accuracy, and a rare class that is found counts. Logits that are not
    finite are chance; labels that are all the same show nothing.
    """
    if not len(labels) or not np.isfinite(logits).all():
        return bool(len(labels))
    answers, truth = _indicators(logits, labels)
    answers = answers - answers.mean(axis=0)
    truth = truth - truth.mean(axis=0)
    agreement = float((answers * truth).sum())
    variance = float(((answers.T @ answers) * (truth.T @ truth)).sum()) / max(len(truth) - 1, 1)
    if not truth.any():
        return False
    least = MIN_DEVIATIONS if len(truth) >= FEW_IMAGES else MIN_DEVIATIONS_OF_FEW
    return agreement <= 1e-9 or agreement < least * math.sqrt(variance)


def _indicators(
    logits: Logits, labels: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Answers and truth as zeros and ones, (n, columns), of at most MAX_TESTED_IMAGES images."""
    step = -(-len(labels) // MAX_TESTED_IMAGES)
    logits, labels = logits[::step], labels[::step]
    if labels.ndim == 2:
        return (logits > 0).astype(np.float64), (labels > 0).astype(np.float64)
    answers = logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(axis=1)
    _, numbers = np.unique(np.concatenate([answers.astype(np.int64), labels]), return_inverse=True)
    one_hot = np.eye(int(numbers.max()) + 1)[numbers]
    return one_hot[: len(labels)], one_hot[len(labels) :]
