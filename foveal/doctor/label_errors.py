"""Suspected label errors, from embeddings and labels alone, before any training.

Every image is judged by a classifier fitted to all others. Its logits become probabilities by a
softmax with one scale, of labels that were replaced by others at some rate; scale and rates are
fitted by maximum likelihood, so that classes that look alike lower the scale and are no errors. The
posterior probability that a label was replaced follows by Bayes' rule, and as many images are
reported as keep the expected share of false alarms within a limit (the local false discovery rate:
Efron 2008).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.sampling import even_sample
from foveal.doctor.leave_one_out import Float, LeaveOneOut, prepare_features

MIN_CLASS_IMAGES = 5
"""Images of smaller classes are not judged: nothing is known of their class without them."""
FALSE_ALARM_RATE = 0.1
"""Expected share of correct labels among those that are reported."""
MAX_FITTED_IMAGES, MAX_FITTED_VALUES = 5000, 500_000
"""Images, and images times classes, on which penalty and scale are chosen; all are judged."""
_PENALTIES = 10.0 ** np.arange(-3, 4.0)
_MAX_LEVERAGE = 0.4
"""Beyond, a prediction without an image tells its label: by being far from it."""
_SCALES = np.geomspace(0.05, 3, 10)
"""Of the softmax; the best is refined between its neighbours."""
_EM_STEPS = 40
_PSEUDO_COUNT = 1.0
"""Errors supposed of each class before any is seen, spread evenly over the other classes."""


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


@dataclass(frozen=True, eq=False)
class _Replacements:
    """Of labels that were replaced: the log likelihood; true (N, K) posterior of the true class."""

    likelihood: float
    true: Float
    rate: float


def find_label_errors(
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int64],
    n_classes: int,
    *,
    false_alarm_rate: float = FALSE_ALARM_RATE,
) -> LabelErrors:
    """Judge the labels int64 (N,) of images with embeddings float32 (N, D).

    The same input gives the same result. Images of classes with few images are left out of it.
    """
    counts = np.bincount(labels, minlength=n_classes)
    classes = np.flatnonzero(counts >= MIN_CLASS_IMAGES)
    probabilities, suggested = np.zeros(len(labels)), labels.astype(np.int64)
    judged = np.flatnonzero(np.isin(labels, classes))
    if len(classes) < 2:
        return LabelErrors(probabilities, suggested, 0.0, np.empty(0, np.int64))
    own = np.searchsorted(classes, labels[judged])
    found = _fit(embeddings[judged], own, len(classes))
    places = np.arange(len(own))
    probabilities[judged] = 1 - found.true[places, own]
    others = found.true.copy()
    others[places, own] = -1
    suggested[judged] = classes[others.argmax(1)]
    return LabelErrors(
        probabilities, suggested, found.rate, _within_rate(probabilities, false_alarm_rate)
    )


def _within_rate(probabilities: Float, rate: float) -> NDArray[np.int64]:
    """The most images for which the mean probability of a false alarm is within `rate`."""
    order = np.argsort(-probabilities, kind="stable")
    false_alarms = np.cumsum(1 - probabilities[order]) / np.arange(1, len(order) + 1)
    count = int(np.searchsorted(false_alarms, rate, side="right"))  # the means never fall
    return order[:count].astype(np.int64)


def _fit(
    embeddings: NDArray[np.float32], labels: NDArray[np.int64], n_classes: int
) -> _Replacements:
    """The replacements under the penalty and scale with the highest likelihood."""
    prior = np.log(np.bincount(labels, minlength=n_classes) / len(labels))
    classifier = LeaveOneOut(prepare_features(embeddings), labels, n_classes)
    limit = min(MAX_FITTED_IMAGES, max(n_classes, MAX_FITTED_VALUES // n_classes))
    sample = even_sample(len(labels), limit)

    def best(penalty: float, scales: Float) -> tuple[float, float, float]:
        """The highest likelihood with its penalty and scale."""
        logits, given = classifier.logits(penalty)[sample], labels[sample]
        return max(
            (_replacements(_softmax(scale * logits + prior), given).likelihood, penalty, scale)
            for scale in scales.tolist()
        )

    penalties = [p for p in _PENALTIES.tolist() if classifier.leverage(p).mean() <= _MAX_LEVERAGE]
    _, penalty, scale = max(best(penalty, _SCALES) for penalty in penalties or [_PENALTIES[-1]])
    step = _SCALES[1] / _SCALES[0]
    _, _, scale = best(penalty, scale * np.geomspace(1 / step, step, len(_SCALES)))
    return _replacements(_softmax(scale * classifier.logits(penalty) + prior), labels)


def _softmax(logits: Float) -> Float:
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(1, keepdims=True))


def _replacements(predicted: Float, labels: NDArray[np.int64]) -> _Replacements:
    """The rate at which labels were replaced, and by which, fitted by EM (Dawid and Skene 1979).

    predicted: (N, K) probabilities of the true class before its label is seen.
    """
    count, n_classes = predicted.shape
    places = np.arange(count)
    rate = 0.05
    by = (1 - np.eye(n_classes)) / (n_classes - 1)  # row: true class, column: its wrong label
    for _ in range(_EM_STEPS):
        joint = predicted * (rate * by + (1 - rate) * np.eye(n_classes))[:, labels].T
        total = joint.sum(1, keepdims=True) + 1e-300
        true = joint / total
        rate = float((1 - true[places, labels]).mean())
        errors = _sum_by(labels, true, n_classes).T
        by = (errors + _PSEUDO_COUNT / (n_classes - 1)) * (1 - np.eye(n_classes))
        by /= by.sum(1, keepdims=True)
    return _Replacements(float(np.log(total).sum()), true, rate)


def _sum_by(labels: NDArray[np.int64], values: Float, n_classes: int) -> Float:
    """(K, K): for each label the sum of the rows of `values` (N, K) that have it."""
    sums = np.zeros((n_classes, n_classes))
    order = np.argsort(labels, kind="stable")
    present, starts = np.unique(labels[order], return_index=True)
    sums[present] = np.add.reduceat(values[order], starts, axis=0)
    return sums
