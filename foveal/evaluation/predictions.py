"""What a model said about labelled images: the one material every score is made of.

Knows nothing of models, files or how images are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from foveal.errors import Error

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Task = Literal["single", "multi"]


@dataclass(frozen=True)
class Predictions:
    """Probabilities beside the truth, one row an image.

    probabilities: (N, K) in 0..1, calibrated.  targets: int64 (N,) class indices, or bool (N, K)
    for several labels an image.  groups: int64 (N,), images that belong together share a
    number; None: each stands alone.  positive, point: with two classes, class `positive` is
    answered from probability `point` on.  per_label: (K,) the probability from which each label
    is given, multi-label only.
    """

    probabilities: Floats
    targets: Ints | Bools
    labels: tuple[str, ...]
    task: Task = "single"
    groups: Ints | None = None
    positive: int | None = None
    operating_point: float | None = None
    per_label: Floats | None = None

    def __len__(self) -> int:
        return len(self.probabilities)

    @cached_property
    def predicted(self) -> Ints:
        """(N,) the answered class; single-label only."""
        if self.positive is not None and self.operating_point is not None:
            yes = self.probabilities[:, self.positive] >= self.operating_point
            return np.asarray(np.where(yes, self.positive, 1 - self.positive), np.int64)
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @cached_property
    def given(self) -> Bools:
        """(N, K) the labels answered; multi-label only."""
        points = 0.5 if self.per_label is None else self.per_label
        return np.asarray(self.probabilities >= points)

    @cached_property
    def correct(self) -> Bools:
        """(N,) whether the answer is the truth; multi-label: every label of the image."""
        if self.task == "multi":
            return np.asarray((self.given == self.targets).all(axis=1))
        return np.asarray(self.predicted == self.targets)

    @cached_property
    def confidence(self) -> Floats:
        """(N,) the probability of the answer; multi-label: of the least sure label."""
        if self.task == "multi":
            sure = np.where(self.given, self.probabilities, 1 - self.probabilities)
            return np.asarray(sure.min(axis=1))
        return np.asarray(self.probabilities[np.arange(len(self)), self.predicted])

    @cached_property
    def max_probability(self) -> Floats:
        """(N,) the largest probability: what a model abstains by."""
        return np.asarray(self.probabilities.max(axis=1))

    @cached_property
    def true_probability(self) -> Floats:
        """(N,) the probability of the truth; multi-label: of the truth of its worst label."""
        if self.task == "multi":
            right = np.where(self.targets, self.probabilities, 1 - self.probabilities)
            return np.asarray(right.min(axis=1))
        return np.asarray(self.probabilities[np.arange(len(self)), self.targets])

    @property
    def units(self) -> int:
        """How many independent things were drawn: groups, or images where there are none."""
        return len(self) if self.groups is None else int(self.groups.max(initial=-1)) + 1


def require_finite(probabilities: npt.NDArray[np.floating], paths: Sequence[str]) -> None:
    """Raise Error naming an image where a probability is not a number or infinite."""
    wrong = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))
    if len(wrong):
        raise Error(
            f"the model gives probabilities that are not finite for {len(wrong)} of "
            f"{len(probabilities)} images, first {paths[int(wrong[0])]}; nothing was scored: "
            "train it again with a smaller learning rate"
        )


def group_numbers(groups: Sequence[str | None]) -> Ints | None:
    """Group names as numbers from 0; an image without one stands alone; None where none has."""
    if not any(groups):
        return None
    known: dict[str, int] = {}
    numbers = np.empty(len(groups), np.int64)
    count = 0
    for row, name in enumerate(groups):
        if name is not None and name in known:
            numbers[row] = known[name]
            continue
        if name is not None:
            known[name] = count
        numbers[row] = count
        count += 1
    return numbers
