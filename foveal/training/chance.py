"""Whether answers are better than chance, by two exact tests of level LEVEL: one for each claim.

What neither shows is undecided: of few images no test can tell a good model from a guessing one.
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
"""How often, at most, guesses are called better, and a useful model is called chance."""
USEFUL_AGREEMENT = 0.5
"""A useful model agrees with the labels at least half-way between guesses (0) and all right (1),
as in Cohen's kappa: 75 % right of two equal classes."""
MAX_TESTED_IMAGES = 2000
"""Evenly taken from more; what 2,000 cannot show is not worth having."""
MAX_ENUMERATED_IMAGES, N_DRAWS = 7, 1999
"""Up to 7 images all 5,040 permutations are counted, of more so many are drawn, of a fixed seed."""


def compare_with_chance(
    logits: Logits, labels: NDArray[np.int64], *, fitted: bool = False
) -> Verdict:
    """What the answers show; fitted: the images are those of training.

    logits: (N, units).  labels: (N,) class numbers or (N, classes) zeros and ones.
    `better`: a permutation test of the agreement with the labels; drawn permutations keep its
    level (Phipson and Smyth 2010).  `chance`: else, where a model of USEFUL_AGREEMENT would hardly
    agree as little; so one answer to all is chance whatever its accuracy.  Logits that are not
    finite are chance, and so is one answer to all training images. Labels that are all the same
    show nothing.
    """
    if not len(labels):
        return "undecided"
    if not np.isfinite(logits).all():
        return "chance"
    answers, truth = _indicators(logits, labels)
    answers, truth = answers - answers.mean(axis=0), truth - truth.mean(axis=0)
    if not truth.any():
        return "undecided"
    if fitted and not answers.any():
        return "chance"
    agreement = float((answers * truth).sum())
    if _p_of_guesses(agreement, answers, truth) <= LEVEL:
        return "better"
    return "chance" if _p_of_useful(agreement, truth) <= LEVEL else "undecided"


def _p_of_guesses(agreement: float, answers: Array, truth: Array) -> float:
    """How often answers that are dealt out anew agree as much; LEVEL where it is surely less."""
    count = len(truth)
    variance = float(((answers.T @ answers) * (truth.T @ truth)).sum()) / max(count - 1, 1)
    if agreement > 0 and variance / (variance + agreement**2) <= LEVEL:
        return LEVEL  # by Cantelli's inequality; the variance is that of the permutations
    table = answers @ truth.T
    if count <= MAX_ENUMERATED_IMAGES:
        dealt = _sums(table, np.array(list(permutations(range(count)))))
        return float(np.mean(dealt >= agreement - 1e-9))
    dealt = _sums(table, _drawn_permutations(count))
    return float((1 + np.sum(dealt >= agreement - 1e-9)) / (1 + N_DRAWS))


def _drawn_permutations(count: int) -> NDArray[np.int64]:
    """(N_DRAWS, count), the same in every call."""
    rows = np.tile(np.arange(count), (N_DRAWS, 1))
    return np.random.default_rng(0).permuted(rows, axis=1)


def _p_of_useful(agreement: float, truth: Array) -> float:
    """How often a useful model agrees as little: it knows a label, or answers as a random image."""
    useful = _sums(truth @ truth.T, _drawn_useful_answers(len(truth)))
    return float((1 + np.sum(useful <= agreement + 1e-9)) / (1 + N_DRAWS))


def _drawn_useful_answers(count: int) -> NDArray[np.int64]:
    """(N_DRAWS, count) images whose labels the answers are, the same in every call."""
    numbers = np.random.default_rng(1)
    known = numbers.random((N_DRAWS, count)) < USEFUL_AGREEMENT
    others = numbers.integers(0, count, (N_DRAWS, count))
    return np.where(known, np.arange(count), others)


def _sums(table: Array, columns: NDArray[np.int64]) -> Array:
    """Of a table (n, n) the sum over rows, each at the column that a line of `columns` says."""
    return np.asarray(table[np.arange(len(table)), columns].sum(axis=1))


def _indicators(logits: Logits, labels: NDArray[np.int64]) -> tuple[Array, Array]:
    """Answers and truth as zeros and ones, (n, columns), of at most MAX_TESTED_IMAGES images."""
    step = -(-len(labels) // MAX_TESTED_IMAGES)
    logits, labels = logits[::step], labels[::step]
    if labels.ndim == 2:
        return (logits > 0).astype(np.float64), (labels > 0).astype(np.float64)
    answers = logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(axis=1)
    _, numbers = np.unique(np.concatenate([answers.astype(np.int64), labels]), return_inverse=True)
    one_hot = np.eye(int(numbers.max()) + 1)[numbers]
    return one_hot[: len(labels)], one_hot[len(labels) :]
