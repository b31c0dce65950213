"""A linear classifier of embeddings that judges every image by the fit without it.

Ridge regression on one-hot labels, whose leave-one-out predictions are exact in closed form (Allen
1974); linear discriminant analysis among these scores turns them into logits (optimal scoring:
Hastie, Tibshirani and Buja 1994).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

MAX_FEATURES = 2048
"""More features are projected to so many random directions, which keeps distances."""
_MIN_REMAINING = 1e-6


def prepare_features(embeddings: NDArray[np.floating]) -> Float:
    """float64 (N, at most MAX_FEATURES), centred, of embeddings (N, D).

    Signed square roots of length 1, as few large values would otherwise decide (the Hellinger
    kernel: Arandjelovic and Zisserman 2012).
    """
    values = np.asarray(embeddings, np.float64)
    values = np.sign(values) * np.sqrt(np.abs(values))
    size = values.shape[1]
    if size > MAX_FEATURES:
        random = np.random.default_rng(0)
        values = values @ random.normal(0, MAX_FEATURES**-0.5, (size, MAX_FEATURES))
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    values = values / np.where(lengths > 0, lengths, 1)
    return np.asarray(values - values.mean(0))


class LeaveOneOut:
    """The fit to features float64 (N, D) and labels int64 (N,) of K classes, none without images.

    All classes weigh the same.
    """

    def __init__(self, features: Float, labels: NDArray[np.int64], n_classes: int) -> None:
        counts = np.bincount(labels, minlength=n_classes)
        self.labels, self.n_classes = labels, n_classes
        self.weights = (len(labels) / n_classes / counts)[labels]
        self.targets = np.eye(n_classes)[labels] - 1 / n_classes
        values, vectors = np.linalg.eigh(features.T @ (self.weights[:, None] * features))
        self._values = values.clip(0)
        self.mean_eigenvalue = max(float(self._values.mean()), 1e-12)
        self._rotated = features @ vectors
        self._projected = self._rotated.T @ (self.weights[:, None] * self.targets)

    def scores(self, penalty: float) -> Float:
        """Predictions (N, K), each by the fit without its image; penalty: in mean eigenvalues."""
        inverse = 1 / (self._values + penalty * self.mean_eigenvalue)
        fitted = self._rotated @ (inverse[:, None] * self._projected)
        leverage = self.leverage(penalty)[:, None]
        remaining = (1 - leverage).clip(_MIN_REMAINING)
        return np.asarray((fitted - leverage * self.targets) / remaining)

    def leverage(self, penalty: float) -> Float:
        """(N,) weight of an image's own label in its prediction by the fit with it, 0..1."""
        inverse = 1 / (self._values + penalty * self.mean_eigenvalue)
        return np.asarray(self.weights * (self._rotated**2 @ inverse))

    def logits(self, penalty: float) -> Float:
        """(N, K) minus half the squared Mahalanobis distance of the scores to each class."""
        scores = self.scores(penalty)
        means = np.stack([scores[self.labels == k].mean(0) for k in range(self.n_classes)])
        within = scores - means[self.labels]
        covariance = within.T @ within / len(scores)
        covariance += 1e-6 * max(float(covariance.trace()), 1e-6) * np.eye(self.n_classes)
        root = np.linalg.cholesky(np.linalg.inv(covariance))
        scores, means = scores @ root, means @ root
        return np.asarray(scores @ means.T - (means**2).sum(1) / 2)
