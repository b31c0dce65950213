"""Suspected label errors, from embeddings and labels alone, before any training.

Every image is judged by a classifier fitted to all others. Its distances to the classes become
probabilities by a softmax with one scale, of labels that were replaced by others at some rate;
scale and rates are fitted by maximum likelihood, so that classes that look alike lower the scale
and are no errors. The posterior probability that a label was replaced follows by Bayes' rule, and
as many images are reported as keep the expected share of false alarms within a limit (the local
false discovery rate: Efron 2008).
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
MAX_FITTED_IMAGES, MAX_FITTED_VALUES = 5000, 2_500_000
"""Images, and images times classes, on which penalty and scale are chosen; all are judged."""
MAX_CANDIDATES = 20
"""Classes an image may belong to, the most probable ones; others count as impossible."""
_PENALTIES = 10.0 ** np.arange(-3, 4.0)
_MAX_LEVERAGE = 0.4
"""Beyond, a prediction without an image tells its label: by being far from it."""
_SCALES = np.geomspace(0.05, 3, 10)
"""Of the softmax; the best is refined between its neighbours."""
_EM_STEPS, _EM_GAIN = 40, 0.01
"""At most, and the gain of log likelihood below which no more are made."""
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
    """Of labels that were replaced: the log likelihood, and the posterior of the true class.

    wrong: (N,) that the label is not the true class.  suggested: (N,) the most probable other.
    """

    likelihood: float
    wrong: Float
    suggested: NDArray[np.int64]
    rate: float


@dataclass(frozen=True, eq=False)
class _Candidates:
    """Of N images, M classes each that are possible: columns int64 (N, M), one is the label.

    predicted: (N, M) probability of each before the label is seen.
    """

    columns: NDArray[np.int64]
    predicted: Float


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
    probabilities[judged] = found.wrong
    suggested[judged] = classes[found.suggested]
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
    sample = np.sort(np.array(even_sample(len(labels), limit), np.int64))
    given = labels[sample]

    def best(distances: Float, scales: Float) -> tuple[float, float]:
        """The highest likelihood with its scale."""
        logits = -distances / 2
        return max(
            (
                _replacements(
                    _candidates(scale * logits + prior, given), given, n_classes
                ).likelihood,
                scale,
            )
            for scale in scales.tolist()
        )

    penalties = [p for p in _PENALTIES.tolist() if classifier.mean_leverage(p) <= _MAX_LEVERAGE]
    penalties = penalties or [float(_PENALTIES[-1])]
    of_penalty = {penalty: classifier.distances(penalty, sample) for penalty in penalties}
    (_, scale), penalty = max((best(of_penalty[one], _SCALES), one) for one in penalties)
    step = _SCALES[1] / _SCALES[0]
    _, scale = best(of_penalty[penalty], scale * np.geomspace(1 / step, step, len(_SCALES)))
    parts, start = [], 0
    for block in classifier.iter_distances(penalty):
        own = labels[start : start + len(block)]
        parts.append(_candidates(-scale / 2 * block + prior, own))
        start += len(block)
    return _replacements(_join(parts), labels, n_classes)


def _candidates(logits: Float, labels: NDArray[np.int64]) -> _Candidates:
    """The most probable classes by a softmax, and the label."""
    places = np.arange(len(labels))[:, None]
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    predicted = exponentials / exponentials.sum(1, keepdims=True)
    count = predicted.shape[1]
    if count <= MAX_CANDIDATES:
        return _Candidates(np.broadcast_to(np.arange(count), predicted.shape), predicted)
    columns = np.argpartition(-predicted, MAX_CANDIDATES - 1, axis=1)[:, :MAX_CANDIDATES]
    missing = np.flatnonzero((columns != labels[:, None]).all(1))
    least = predicted[places, columns].argmin(1)[missing]
    columns[missing, least] = labels[missing]
    return _Candidates(columns, predicted[places, columns])


def _join(parts: list[_Candidates]) -> _Candidates:
    return _Candidates(
        np.concatenate([part.columns for part in parts]),
        np.concatenate([part.predicted for part in parts]),
    )


def _replacements(
    candidates: _Candidates, labels: NDArray[np.int64], n_classes: int
) -> _Replacements:
    """The rate at which labels were replaced, and by which, fitted by EM (Dawid and Skene 1979)."""
    columns = candidates.columns
    own = columns == labels[:, None]
    pairs = columns * n_classes + labels[:, None]  # true class and label
    rate, likelihood = 0.05, -np.inf
    different = 1 - np.eye(n_classes)
    by = different / (n_classes - 1)  # row: true class, column: its wrong label
    for _ in range(_EM_STEPS):
        joint = candidates.predicted * (rate * by.ravel()[pairs] + (1 - rate) * own)
        total = joint.sum(1, keepdims=True) + 1e-300
        true = joint / total
        rate = float((1 - true[own]).mean())
        errors = np.bincount(pairs.ravel(), true.ravel(), n_classes**2).reshape(by.shape)
        by = (errors + _PSEUDO_COUNT / (n_classes - 1)) * different
        by /= by.sum(1, keepdims=True)
        before, likelihood = likelihood, float(np.log(total).sum())
        if likelihood - before < _EM_GAIN:
            break
    others = np.where(own, -1, true).argmax(1)
    suggested = columns[np.arange(len(labels)), others]
    return _Replacements(likelihood, 1 - true[own], suggested, rate)
