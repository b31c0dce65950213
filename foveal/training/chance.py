"""Whether predictions are better than chance, by two exact tests of level LEVEL, one a claim.

What neither shows is undecided: of few images no test can tell a good model from one at chance.
"""

from __future__ import annotations

from itertools import permutations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from foveal.training.validation import Logits

Verdict = Literal["better", "chance", "undecided"]
Array = NDArray[np.float64]
LEVEL = 0.05
"""How often, at most, random predictions are called better, and a useful model chance."""
USEFUL_AGREEMENT = 0.5
"""A useful model agrees with the labels at least half-way between chance (0) and all correct (1),
as in Cohen's kappa: 75 % correct of two equal classes."""
MAX_TESTED_IMAGES = 2000
"""Of more, so many are taken evenly."""
MAX_ENUMERATED_IMAGES, DRAWS = 7, 1999
"""Up to 7 images all 5,040 permutations are counted, of more so many are drawn, of a fixed seed."""


def compare_with_chance(
    logits: Logits, labels: NDArray[np.int64], *, fitted: bool = False
) -> Verdict:
    """What the predictions show; fitted: the images are those of training.

    logits: (N, units).  labels: (N,) class numbers or (N, classes) zeros and ones.
    `better`: a permutation test of the agreement with the labels; drawn permutations keep its
    level (Phipson and Smyth 2010).  `chance`: else, where a model of USEFUL_AGREEMENT would hardly
    agree as little; so one class for all is chance whatever its accuracy.  Logits that are not
    finite are chance, and so is one class for all training images. Labels that are all the same
    show nothing.
    """
    if not len(labels):
        return "undecided"
    if not np.isfinite(logits).all():
        return "chance"
    predicted, true = _indicators(logits, labels)
    predicted, true = predicted - predicted.mean(axis=0), true - true.mean(axis=0)
    if not true.any():
        return "undecided"
    if fitted and not predicted.any():
        return "chance"
    agreement = float((predicted * true).sum())
    if _p_value_of_chance(agreement, predicted, true) <= LEVEL:
        return "better"
    return "chance" if _p_value_of_useful_model(agreement, true) <= LEVEL else "undecided"


def _p_value_of_chance(agreement: float, predicted: Array, true: Array) -> float:
    """How often permuted predictions agree as much; LEVEL where it is surely less."""
    count = len(true)
    variance = float(((predicted.T @ predicted) * (true.T @ true)).sum()) / max(count - 1, 1)
    if agreement > 0 and variance / (variance + agreement**2) <= LEVEL:
        return LEVEL  # by Cantelli's inequality; the variance is that of the permutations
    table = predicted @ true.T
    if count <= MAX_ENUMERATED_IMAGES:
        permuted = _sums(table, np.array(list(permutations(range(count)))))
        return float(np.mean(permuted >= agreement - 1e-9))
    permuted = _sums(table, _draw_permutations(count))
    return float((1 + np.sum(permuted >= agreement - 1e-9)) / (1 + DRAWS))


def _draw_permutations(count: int) -> NDArray[np.int64]:
    """(DRAWS, count), the same in every call."""
    rows = np.tile(np.arange(count), (DRAWS, 1))
    return np.random.default_rng(0).permuted(rows, axis=1)


def _p_value_of_useful_model(agreement: float, true: Array) -> float:
    """How often a useful model, right or as random as the labels of others, agrees as little."""
    useful = _sums(true @ true.T, _draw_useful_predictions(len(true)))
    return float((1 + np.sum(useful <= agreement + 1e-9)) / (1 + DRAWS))


def _draw_useful_predictions(count: int) -> NDArray[np.int64]:
    """(DRAWS, count) images whose labels are predicted, the same in every call."""
    rng = np.random.default_rng(1)
    known = rng.random((DRAWS, count)) < USEFUL_AGREEMENT
    others = rng.integers(0, count, (DRAWS, count))
    return np.where(known, np.arange(count), others)


def _sums(table: Array, columns: NDArray[np.int64]) -> Array:
    """Of a table (n, n) the sum over rows, each at the column that a line of `columns` says."""
    return np.asarray(table[np.arange(len(table)), columns].sum(axis=1))


def _indicators(logits: Logits, labels: NDArray[np.int64]) -> tuple[Array, Array]:
    """Predictions and labels as zeros and ones, (n, columns), of up to MAX_TESTED_IMAGES images."""
    step = -(-len(labels) // MAX_TESTED_IMAGES)
    logits, labels = logits[::step], labels[::step]
    if labels.ndim == 2:
        return (logits > 0).astype(np.float64), (labels > 0).astype(np.float64)
    predicted = logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(axis=1)
    _, numbers = np.unique(
        np.concatenate([predicted.astype(np.int64), labels]), return_inverse=True
    )
    one_hot = np.eye(int(numbers.max()) + 1)[numbers]
    return one_hot[: len(labels)], one_hot[len(labels) :]
