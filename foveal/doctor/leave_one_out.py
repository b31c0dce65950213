"""A linear classifier of embeddings that judges every image by the fit without it.

Ridge regression on one-hot labels, whose leave-one-out predictions are exact in closed form (Allen
1974); linear discriminant analysis among these scores turns them into distances to the classes
(optimal scoring: Hastie, Tibshirani and Buja 1994). Images pass in blocks: beside the features only
a block of scores is in memory.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Features = NDArray[np.floating]

MAX_FEATURES = 2048
"""More features are projected to so many random directions, which keeps distances."""
BLOCK_VALUES = 1 << 22
"""Features or scores computed at a time: 32 MiB."""
_MIN_REMAINING = 1e-6


def prepare_features(embeddings: Features) -> NDArray[np.float32]:
    """float32 (N, at most MAX_FEATURES), centred, of embeddings (N, D).

    Signed square roots of length 1, as few large values would otherwise decide (the Hellinger
    kernel: Arandjelovic and Zisserman 2012).
    """
    count, size = embeddings.shape
    directions = None
    if size > MAX_FEATURES:
        random = np.random.default_rng(0)
        directions = random.normal(0, MAX_FEATURES**-0.5, (size, MAX_FEATURES))
    features = np.empty((count, min(size, MAX_FEATURES)), np.float32)
    total = np.zeros(features.shape[1])
    for block in _blocks(count, size):
        values = np.asarray(embeddings[block], np.float64)
        values = np.sign(values) * np.sqrt(np.abs(values))
        if directions is not None:
            values = values @ directions
        lengths = np.linalg.norm(values, axis=1, keepdims=True)
        values /= np.where(lengths > 0, lengths, 1)
        total += values.sum(0)
        features[block] = values
    features -= (total / max(count, 1)).astype(np.float32)
    return features


def _blocks(count: int, values: int) -> Iterator[slice]:
    """Slices of `count` rows, each with BLOCK_VALUES values or fewer."""
    step = max(1, BLOCK_VALUES // max(values, 1))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


class LeaveOneOut:
    """The fit to features (N, D) and labels int64 (N,) of K classes, none without images.

    All classes weigh the same.  Features that are float32 are computed with as such.
    """

    def __init__(self, features: Features, labels: NDArray[np.int64], n_classes: int) -> None:
        self.labels, self.n_classes = labels, n_classes
        self.counts = np.bincount(labels, minlength=n_classes)
        self.weights = (len(labels) / n_classes / self.counts)[labels]
        size = features.shape[1]
        gram = np.zeros((size, size))
        for block in _blocks(len(features), size):
            values = np.asarray(features[block], np.float64)
            gram += values.T @ (self.weights[block, None] * values)
        eigenvalues, vectors = np.linalg.eigh(gram)
        self._values = eigenvalues.clip(0)
        self.mean_eigenvalue = max(float(self._values.mean()), 1e-12)
        self._rotated = np.empty_like(features)
        self._projected = np.zeros((size, n_classes))
        for block in _blocks(len(features), size + n_classes):
            self._rotated[block] = features[block] @ vectors.astype(features.dtype)
            weighted = self.weights[block, None] * self.targets(block)
            self._projected += self._rotated[block].T @ weighted

    def targets(self, rows: slice) -> Float:
        """(n, K) what the regression fits: 1 for the label's class, less 1 / K."""
        targets = np.full((len(self.labels[rows]), self.n_classes), -1 / self.n_classes)
        targets[np.arange(len(targets)), self.labels[rows]] += 1
        return targets

    def scores(self, penalty: float, rows: slice = slice(None)) -> Float:
        """Predictions (n, K), each by the fit without its image; penalty: in mean eigenvalues."""
        rotated, inverse = self._rotated[rows], self._inverse(penalty)
        coefficients = (inverse[:, None] * self._projected).astype(rotated.dtype)
        leverage = self.leverage(penalty, rows)[:, None]
        remaining = (1 - leverage).clip(_MIN_REMAINING)
        return np.asarray((rotated @ coefficients - leverage * self.targets(rows)) / remaining)

    def leverage(self, penalty: float, rows: slice = slice(None)) -> Float:
        """(n,) weight of an image's own label in its prediction by the fit with it, 0..1."""
        rotated = self._rotated[rows]
        inverse = self._inverse(penalty).astype(rotated.dtype)
        return np.asarray(self.weights[rows] * (rotated**2 @ inverse))

    def mean_leverage(self, penalty: float) -> float:
        """The mean over all images; it needs no pass over them."""
        squares = (self._values * self._inverse(penalty)).sum()  # the trace of the fit
        return float(squares / len(self.labels))

    def iter_distances(self, penalty: float) -> Iterator[Float]:
        """Squared Mahalanobis distances (n, K) of the scores to every class, block by block."""
        means, root = self._discriminants(penalty)
        means = means @ root
        for block in self._score_blocks():
            scores = self.scores(penalty, block) @ root
            distances = (scores**2).sum(1, keepdims=True) - 2 * scores @ means.T
            yield np.maximum(distances + (means**2).sum(1), 0)

    def distances(self, penalty: float, rows: NDArray[np.int64] | None = None) -> Float:
        """Those of some rows, in ascending order, or of all: (n, K)."""
        parts, start = [], 0
        for part in self.iter_distances(penalty):
            if rows is None:
                parts.append(part)
            else:
                inside = (rows >= start) & (rows < start + len(part))
                parts.append(part[rows[inside] - start])
            start += len(part)
        return np.concatenate(parts)

    def _discriminants(self, penalty: float) -> tuple[Float, Float]:
        """The class means (K, K) of the scores, and a root of the inverse within covariance."""
        sums = np.zeros((self.n_classes, self.n_classes))
        squares = np.zeros_like(sums)
        for block in self._score_blocks():
            scores = self.scores(penalty, block)
            order = np.argsort(self.labels[block], kind="stable")
            present, starts = np.unique(self.labels[block][order], return_index=True)
            sums[present] += np.add.reduceat(scores[order], starts, axis=0)
            squares += scores.T @ scores
        means = sums / self.counts[:, None]
        covariance = (squares - means.T @ (self.counts[:, None] * means)) / len(self.labels)
        covariance += 1e-6 * max(float(covariance.trace()), 1e-6) * np.eye(self.n_classes)
        return means, np.linalg.cholesky(np.linalg.inv(covariance))

    def _score_blocks(self) -> Iterator[slice]:
        return _blocks(len(self.labels), self.n_classes + self._rotated.shape[1])

    def _inverse(self, penalty: float) -> Float:
        return np.asarray(1 / (self._values + penalty * self.mean_eigenvalue))
