"""Suspected label errors, from embeddings and labels alone, before any training.

A classifier is fitted to all images and each is judged by the fit without it: ridge regression on
one-hot labels, whose leave-one-out predictions are exact in closed form (Allen 1974). Its
predictions become probabilities by a softmax with one scale, of labels of which a share is
replaced by any other class. Scale and share are fitted by maximum likelihood, so that classes that
look alike lower the scale and are no errors. The posterior probability that a label was replaced
follows by Bayes' rule, and as many images are reported as keep the expected share of false alarms
within a limit (the local false discovery rate: Efron 2008).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

MIN_CLASS_IMAGES = 5
"""Images of smaller classes are not judged: nothing is known of their class without them."""
FALSE_ALARM_RATE = 0.1
"""Expected share of correct labels among those that are reported."""
MAX_FEATURES = 2048
"""More features are projected to so many random directions, which keeps distances."""
_PENALTIES = 10.0 ** np.arange(-3, 4.0)
"""Of the ridge regression, in units of the mean eigenvalue."""
_SCALES = np.geomspace(0.5, 256, 10)
"""Of the softmax; the best is refined between its neighbours."""
_EM_STEPS = 60


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """What `find_label_errors` found in N images.

    probabilities: float64 (N,) posterior probability that the label is wrong; 0 where not judged.
    suggested: int64 (N,) the most probable other class.  rate: the estimated share of wrong labels.
    rows: int64 (M,) the images to report, the most probable first.
    """

    probabilities: Float
    suggested: NDArray[np.int64]
    rate: float
    rows: NDArray[np.int64]


def find_label_errors(
    units: NDArray[np.float32],
    labels: NDArray[np.int64],
    n_classes: int,
    *,
    false_alarm_rate: float = FALSE_ALARM_RATE,
) -> LabelErrors:
    """Judge the labels int64 (N,) of images with embeddings float32 (N, D), rows of `unit_rows`.

    The same input gives the same result. Classes with few images are left out of it.
    """
    counts = np.bincount(labels, minlength=n_classes)
    classes = np.flatnonzero(counts >= MIN_CLASS_IMAGES)
    probabilities, suggested = np.zeros(len(labels)), labels.astype(np.int64)
    judged = np.flatnonzero(np.isin(labels, classes))
    if len(classes) < 2:
        return LabelErrors(probabilities, suggested, 0.0, np.empty(0, np.int64))
    own = np.searchsorted(classes, labels[judged])
    posterior, rate = _label_model(_reduced(units[judged]), own, len(classes))
    given = _of_labels(posterior, own)
    probabilities[judged] = _replaced(given, rate, len(classes))
    posterior[np.arange(len(own)), own] = -1
    suggested[judged] = classes[posterior.argmax(1)]
    return LabelErrors(
        probabilities, suggested, rate, _within_rate(probabilities, false_alarm_rate)
    )


def _within_rate(probabilities: Float, rate: float) -> NDArray[np.int64]:
    """The most images for which the mean probability of a false alarm is within `rate`."""
    order = np.argsort(-probabilities, kind="stable")
    false_alarms = np.cumsum(1 - probabilities[order]) / np.arange(1, len(order) + 1)
    count = int(np.searchsorted(false_alarms, rate, side="right"))  # the means never fall
    return order[:count].astype(np.int64)


def _reduced(units: NDArray[np.float32]) -> Float:
    """float64 (N, at most MAX_FEATURES), centred."""
    values = units.astype(np.float64)
    size = values.shape[1]
    if size > MAX_FEATURES:
        random = np.random.default_rng(0)
        values = values @ random.normal(0, MAX_FEATURES**-0.5, (size, MAX_FEATURES))
    return np.asarray(values - values.mean(0))


def _label_model(features: Float, labels: NDArray[np.int64], n_classes: int) -> tuple[Float, float]:
    """Probabilities of the true classes (N, K), and the share of labels that were replaced.

    Penalty and scale are those with the highest likelihood.
    """
    prior = np.log(np.bincount(labels, minlength=n_classes) / len(labels))
    scores = _LeaveOneOut(features, labels, n_classes)

    def fit(penalty: float, scales: Float) -> tuple[float, float, float]:
        """The best likelihood with its penalty and scale."""
        values = scores.of(penalty)
        return max(
            (_likelihood(_softmax(scale * values + prior), labels), penalty, scale)
            for scale in scales.tolist()
        )

    _, penalty, scale = max(fit(penalty, _SCALES) for penalty in _PENALTIES.tolist())
    step = _SCALES[1] / _SCALES[0]
    _, _, scale = fit(penalty, scale * np.geomspace(1 / step, step, len(_SCALES)))
    posterior = _softmax(scale * scores.of(penalty) + prior)
    return posterior, _fit_rate(_of_labels(posterior, labels), n_classes)


def _likelihood(posterior: Float, labels: NDArray[np.int64]) -> float:
    """The logarithm, with the share of replaced labels that makes it highest."""
    given, n_classes = _of_labels(posterior, labels), posterior.shape[1]
    rate = _fit_rate(given, n_classes)
    return float(np.log(_mixture(given, rate, n_classes) + 1e-300).sum())


def _of_labels(posterior: Float, labels: NDArray[np.int64]) -> Float:
    return np.asarray(posterior[np.arange(len(labels)), labels])


class _LeaveOneOut:
    """Scores of each image by the fit without it; all classes weigh the same."""

    def __init__(self, features: Float, labels: NDArray[np.int64], n_classes: int) -> None:
        counts = np.bincount(labels, minlength=n_classes)
        self.weights = (len(labels) / n_classes / counts)[labels]
        self.targets = np.eye(n_classes)[labels] - 1 / n_classes
        weighted = self.weights[:, None] * features
        values, vectors = np.linalg.eigh(features.T @ weighted)
        self.values = values.clip(0)
        self.rotated = features @ vectors
        self.projected = self.rotated.T @ (self.weights[:, None] * self.targets)

    def of(self, penalty: float) -> Float:
        """Float64 (N, K); penalty: in units of the mean eigenvalue."""
        inverse = 1 / (self.values + penalty * max(self.values.mean(), 1e-12))
        fitted = self.rotated @ (inverse[:, None] * self.projected)
        leverage = (self.weights * (self.rotated**2 @ inverse))[:, None]
        return np.asarray((fitted - leverage * self.targets) / (1 - leverage).clip(1e-6))


def _softmax(logits: Float) -> Float:
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(1, keepdims=True))


def _mixture(given: Float, rate: float, n_classes: int) -> Float:
    """Likelihood of each label: kept, or one of the other classes that was replaced by it."""
    return (1 - rate) * given + rate * (1 - given) / (n_classes - 1)


def _replaced(given: Float, rate: float, n_classes: int) -> Float:
    """Posterior probability (N,) that the label was replaced; given: that of its class."""
    replaced = rate * (1 - given) / (n_classes - 1)
    return np.asarray(replaced / (_mixture(given, rate, n_classes) + 1e-300))


def _fit_rate(given: Float, n_classes: int) -> float:
    """The share of replaced labels with the highest likelihood, by EM."""
    rate = 0.1
    for _ in range(_EM_STEPS):
        rate = float(_replaced(given, rate, n_classes).mean())
    return rate
