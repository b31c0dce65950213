"""How much of the best trial's validation accuracy comes from having chosen it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HALVINGS = 1000
MIN_IMAGES = 20


@dataclass(frozen=True)
class SelectionBias:
    """Estimates in 0..1, by halves of val: trials are compared on one, scored on the other.

    bias: what the best trial's accuracy on val is too high by.  gain: its accuracy on images that
    it was not chosen by, minus that of the first trial.  low, high: the central 95 % of the gain
    over the halvings.  standard_error: of the difference of the best trial and the first, image by
    image of whole val.
    """

    bias: float
    gain: float
    low: float
    high: float
    standard_error: float

    @property
    def exceeds_error(self) -> bool:
        """Whether the gain is more than one standard error (Breiman and others 1984, 3.4.3)."""
        return self.gain > self.standard_error


def estimate_selection_bias(accuracies: NDArray[np.float64], seed: int = 0) -> SelectionBias | None:
    """Of trials (T, N): the accuracy 0..1 on each image of val; the first is the default.

    Split-half estimate: a random half chooses the trial, the other half scores it.  The difference
    shrinks with the root of the number of images, so that of whole val is 1 / sqrt(2) of it.
    None for less than two trials or 20 images.
    """
    trials, images = accuracies.shape
    if trials < 2 or images < MIN_IMAGES:
        return None
    rng = np.random.default_rng(seed)
    biases, gains = np.empty(HALVINGS), np.empty(HALVINGS)
    for turn in range(HALVINGS):
        order = rng.permutation(images)
        choosing, scoring = accuracies[:, order[: images // 2]], accuracies[:, order[images // 2 :]]
        best = int(choosing.mean(axis=1).argmax())
        score = scoring[best].mean()
        biases[turn] = choosing[best].mean() - score
        gains[turn] = score - scoring[0].mean()
    low, high = np.quantile(gains, (0.025, 0.975))
    bias = max(0.0, float(biases.mean()) / math.sqrt(2))
    differences = accuracies[accuracies.mean(axis=1).argmax()] - accuracies[0]
    error = float(differences.std(ddof=1)) / math.sqrt(images)
    return SelectionBias(bias, float(gains.mean()), float(low), float(high), error)
