"""The parity check: how an exported model compares with the original on real images."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from foveal.intervals import Interval, binomial_interval
from foveal.model.manifest import Manifest
from foveal.prediction.prediction import label_thresholds, make_prediction


@dataclass(frozen=True)
class ParityLimits:
    """What an export must reach: agreement and probability gap 0..1, loss in accuracy points."""

    min_agreement: float = 0.999
    max_probability_gap: float = 1e-4
    max_accuracy_loss: float = 0.3


@dataclass(frozen=True)
class Parity:
    """How the predictions of two models for the same images compare.

    agreement: share of images with the same predicted class (the same set of labels for a
    multi-label model).  max_probability_gap: largest difference of a probability.
    accuracy_native, accuracy_exported: share of correct predictions, 0..1; None where the images
    have no label that the model knows.  accuracy_interval: 95 % of the exported one.  n: images.
    """

    agreement: float
    max_probability_gap: float
    accuracy_native: float | None
    accuracy_exported: float | None
    accuracy_interval: Interval | None
    n: int

    @property
    def accuracy_loss(self) -> float:
        """Points of accuracy lost, -100..100; without labels the most that can be lost."""
        if self.accuracy_native is None or self.accuracy_exported is None:
            return 100 * (1 - self.agreement)
        return 100 * (self.accuracy_native - self.accuracy_exported)

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON and for the manifest."""
        interval = self.accuracy_interval
        return {**asdict(self), "accuracy_interval": None if interval is None else list(interval)}


def measure_parity(
    native: np.ndarray, exported: np.ndarray, targets: np.ndarray | None, manifest: Manifest
) -> Parity:
    """Compare probabilities float32 (N, K).

    targets: int (N,), bool (N, K) for multi-label, or None for images without a known label.
    """
    native_labels, exported_labels = _decide(native, manifest), _decide(exported, manifest)
    agreement = float(_equal_rows(native_labels, exported_labels).mean())
    gap = float(np.abs(native - exported).max())
    if targets is None:
        return Parity(agreement, gap, None, None, None, len(native))
    native_correct = _equal_rows(native_labels, targets)
    exported_correct = _equal_rows(exported_labels, targets)
    return Parity(
        agreement=agreement,
        max_probability_gap=gap,
        accuracy_native=float(native_correct.mean()),
        accuracy_exported=float(exported_correct.mean()),
        accuracy_interval=binomial_interval(int(exported_correct.sum()), len(targets)),
        n=len(targets),
    )


def failures(parity: Parity, limits: ParityLimits, *, quantised: bool) -> tuple[str, ...]:
    """Every limit that is not met, in words; a quantised model has to meet its accuracy only."""
    problems = []
    if parity.accuracy_loss > limits.max_accuracy_loss:
        can_fall = "falls" if parity.accuracy_native is not None else "may fall"
        problems.append(
            f"accuracy {can_fall} by {parity.accuracy_loss:.2f} points "
            f"(limit {limits.max_accuracy_loss:g})"
        )
    if not quantised and parity.agreement < limits.min_agreement:
        problems.append(
            f"only {parity.agreement:.2%} of predictions agree (limit {limits.min_agreement:.2%})"
        )
    if not quantised and not parity.max_probability_gap <= limits.max_probability_gap:
        problems.append(
            f"probabilities differ by up to {parity.max_probability_gap:.2g} "
            f"(limit {limits.max_probability_gap:g})"
        )
    return tuple(problems)


def _decide(probabilities: np.ndarray, manifest: Manifest) -> np.ndarray:
    """Predicted classes int (N,), or labels bool (N, K), by the thresholds of the model.

    -1 where there is no prediction, as a probability is NaN.
    """
    if manifest.task == "multi":
        return np.asarray(probabilities >= label_thresholds(manifest))
    index = {label: number for number, label in enumerate(manifest.labels)}
    labels = [make_prediction(row, manifest, None, 1).label for row in probabilities]
    return np.array([-1 if label is None else index[label] for label in labels], np.int64)


def _equal_rows(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    equal = first == second
    return np.asarray(equal.all(axis=1) if equal.ndim == 2 else equal)
