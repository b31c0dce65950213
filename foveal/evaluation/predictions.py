"""Predicted probabilities beside the true labels: the input of every score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from foveal.errors import Error
from foveal.prediction.prediction import DEFAULT_THRESHOLD, NOT_FINITE, TRAIN_AGAIN
from foveal.spec.values import Task

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Predictions:
    """Calibrated probabilities and true labels, one row an image.

    probabilities: (N, K) in 0..1.  targets: int64 (N,) class indices, or bool (N, K) for several
    labels an image.  groups: int64 (N,), images that belong together share a number; None: each
    image is its own group.  positive_index, operating_point: with two classes, class
    `positive_index` is predicted from probability `operating_point` on.  label_thresholds: (K,)
    the probability from which each label is predicted, multi-label only (None: 0.5).
    """

    probabilities: FloatArray
    targets: IntArray | BoolArray
    labels: tuple[str, ...]
    task: Task = "single"
    groups: IntArray | None = None
    positive_index: int | None = None
    operating_point: float | None = None
    label_thresholds: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.probabilities)

    @cached_property
    def predicted(self) -> IntArray:
        """(N,) the predicted class; single-label only."""
        if self.positive_index is not None and self.operating_point is not None:
            is_positive = self.probabilities[:, self.positive_index] >= self.operating_point
            classes = np.where(is_positive, self.positive_index, 1 - self.positive_index)
            return np.asarray(classes, np.int64)
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @cached_property
    def predicted_labels(self) -> BoolArray:
        """(N, K) the predicted labels; multi-label only."""
        given = self.label_thresholds
        thresholds = DEFAULT_THRESHOLD if given is None else given
        return np.asarray(self.probabilities >= thresholds)

    @cached_property
    def correct(self) -> BoolArray:
        """(N,) whether the prediction is the truth; multi-label: every label of the image."""
        if self.task == "multi":
            return np.asarray((self.predicted_labels == self.targets).all(axis=1))
        return np.asarray(self.predicted == self.targets)

    @cached_property
    def confidence(self) -> FloatArray:
        """(N,) probability of the prediction; multi-label: of its least probable label."""
        if self.task == "multi":
            per_label = np.where(self.predicted_labels, self.probabilities, 1 - self.probabilities)
            return np.asarray(per_label.min(axis=1))
        return np.asarray(self.probabilities[np.arange(len(self)), self.predicted])

    @cached_property
    def max_probability(self) -> FloatArray:
        """(N,) the largest probability, which the abstention threshold is compared with."""
        return np.asarray(self.probabilities.max(axis=1))

    @cached_property
    def true_probability(self) -> FloatArray:
        """(N,) probability of the true class; multi-label: of its least probable true label."""
        if self.task == "multi":
            return np.asarray(self.target_probabilities.min(axis=1))
        return np.asarray(self.probabilities[np.arange(len(self)), self.targets])

    @property
    def target_probabilities(self) -> FloatArray:
        """(N, K) the probability of the truth of each label; multi-label only."""
        return np.where(self.targets, self.probabilities, 1 - self.probabilities)

    def is_class(self, index: int) -> BoolArray:
        """(N,) whether the image truly is of class (or has label) `index`."""
        if self.task == "multi":
            return np.asarray(self.targets[:, index], bool)
        return np.asarray(self.targets == index)

    @property
    def n_units(self) -> int:
        """How many independent units there are: groups, or images where there are no groups."""
        return len(self) if self.groups is None else int(self.groups.max(initial=-1)) + 1


def require_finite(values: npt.NDArray[np.floating], paths: Sequence[str]) -> None:
    """Raise Error naming an image where a row of `values` (N, units) is NaN or infinite."""
    bad_rows = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad_rows):
        raise Error(
            f"{NOT_FINITE} for {len(bad_rows)} of {len(values)} images, first "
            f"{paths[int(bad_rows[0])]}; nothing was scored: {TRAIN_AGAIN}"
        )


def encode_groups(groups: Sequence[str | None]) -> IntArray | None:
    """Group names as numbers from 0; None where no image has a group.

    An image without a group gets a number of its own.
    """
    if not any(groups):
        return None
    numbers: dict[str, int] = {}
    encoded = np.empty(len(groups), np.int64)
    count = 0
    for row, name in enumerate(groups):
        if name is not None and name in numbers:
            encoded[row] = numbers[name]
            continue
        if name is not None:
            numbers[name] = count
        encoded[row] = count
        count += 1
    return encoded
