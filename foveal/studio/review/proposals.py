"""Labels proposed for images without one, in the order in which an answer teaches most.

A regularised logistic regression is fitted to the labels so far on the embeddings of each network;
their probabilities are multiplied (a product of experts: Hinton 2002). An image comes early
where the two most probable classes are close (margin sampling: Scheffer, Decomain and Wrobel 2001)
and where no image like it stands before it (greedy k-centre: Sener and Savarese 2018): the product
of both, chosen one by one. The distance to labelled images does not count: with it, answers taught
less (benchmarks/label_queue.py, docs/design-notes.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveal.neighbours import unit_rows

MAX_PROPOSALS = 500
MAX_CANDIDATES = 5000
"""The least certain images, among which the order is chosen."""
MAX_FITTED_IMAGES = 20_000
MIN_PROBABILITY = 1e-12
_MIN_DISTANCE = 1e-3


@dataclass(frozen=True, eq=False)
class Proposals:
    """rows: int64 (M,) of the embeddings, in order.  classes: int64 (M,).  probabilities: (M,)."""

    rows: NDArray[np.int64]
    classes: NDArray[np.int64]
    probabilities: NDArray[np.float32]


def propose(
    embeddings: Sequence[NDArray[np.float32]], labels: NDArray[np.int64], n_classes: int
) -> Proposals:
    """Proposals for the images whose label is -1; labels: int64 (N,) of K classes.

    embeddings: (N, D) of each network, whose D may differ.  Empty where fewer than two classes have
    labels: nothing can be told apart then.
    """
    labelled, open_rows = np.flatnonzero(labels >= 0), np.flatnonzero(labels < 0)
    if len(np.unique(labels[labelled])) < 2 or not len(open_rows):
        return Proposals(open_rows[:0], open_rows[:0], np.empty(0, np.float32))
    views = [unit_rows(each) for each in embeddings]
    fits = [fit_probabilities(units, labels, n_classes, open_rows) for units in views]
    probabilities = combined(fits)
    units = unit_rows(np.hstack(views))
    uncertain = 1 - _margins(probabilities)
    candidates = np.argsort(-uncertain, kind="stable")[:MAX_CANDIDATES]
    order = candidates[diverse_order(units[open_rows[candidates]], uncertain[candidates])]
    best = probabilities[order].argmax(1)
    chosen = np.take_along_axis(probabilities[order], best[:, None], 1)[:, 0]
    return Proposals(open_rows[order], best.astype(np.int64), chosen.astype(np.float32))


def combined(fits: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Probabilities (N, K): the geometric mean of those of each fit, adding up to 1."""
    logs = sum(np.log(each.clip(MIN_PROBABILITY)) for each in fits) / len(fits)
    found = np.exp(logs - np.max(logs, axis=1, keepdims=True))
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def diverse_order(units: NDArray[np.float32], weights: NDArray[np.floating]) -> NDArray[np.int64]:
    """Rows, at most MAX_PROPOSALS: each time that of the largest weight times distance.

    The distance is that to the nearest row that was taken, at most 1.
    """
    left = np.ones(len(units))
    weights = np.asarray(weights, np.float64).clip(1e-9)
    order = []
    for _ in range(min(MAX_PROPOSALS, len(units))):
        row = int((weights * left).argmax())
        order.append(row)
        left = np.minimum(left, (1 - units @ units[row]).clip(_MIN_DISTANCE))
        left[row] = 0
    return np.array(order, np.int64)


def fit_probabilities(
    units: NDArray[np.float32],
    labels: NDArray[np.int64],
    n_classes: int,
    rows: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Probabilities float64 (len(rows), K) by the regression on the labelled images."""
    import torch

    from foveal.training.transfer.head import DEFAULT_STRENGTH, HeadData, fit_head

    known = np.flatnonzero(labels >= 0)
    known = known[:: max(1, len(known) // MAX_FITTED_IMAGES)]
    targets = torch.from_numpy(np.eye(n_classes, dtype=np.float32)[labels[known]])
    features = torch.from_numpy(units[known])
    # one strength: choosing it by folds took 20 s instead of 1 s for 12 images, and an order needs
    # no calibrated probabilities
    known_data = HeadData(features, targets)
    head = fit_head(known_data, activation="softmax", strengths=(DEFAULT_STRENGTH,))
    logits = units[rows] @ head.weight.numpy().T + head.bias.numpy()
    exponentials = np.exp(logits - logits.max(1, keepdims=True), dtype=np.float64)
    return np.asarray(exponentials / exponentials.sum(1, keepdims=True))


def _margins(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probability of the best class less that of the second, (N,)."""
    two = np.partition(probabilities, -2, axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0])
