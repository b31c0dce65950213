"""The gate: an exported file must answer as the original does, on real images.

Knows nothing of how files are made or where images come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from foveal.model.manifest import Manifest
from foveal.prediction.prediction import DEFAULT_THRESHOLD, make_prediction


@dataclass(frozen=True)
class ParityLimits:
    """What an export must keep: shares 0..1, probabilities 0..1, percentage points of accuracy."""

    agreement: float = 0.999
    gap: float = 1e-4
    loss: float = 0.3


@dataclass(frozen=True)
class Parity:
    """How two sets of answers for the same images compare.

    agreement: share with the same top class (all the same labels where there are several).
    max_probability_gap: largest difference of a probability.  accuracy_*: share that is right,
    0..1; accuracy_interval: 95 % of the exported one (Wilson 1927).  n: images.
    """

    agreement: float
    max_probability_gap: float
    accuracy_native: float
    accuracy_exported: float
    accuracy_interval: tuple[float, float]
    n: int

    @property
    def loss(self) -> float:
        """Percentage points of accuracy lost."""
        return 100 * (self.accuracy_native - self.accuracy_exported)

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON and for the file."""
        return {
            "agreement": self.agreement,
            "max_probability_gap": self.max_probability_gap,
            "accuracy_native": self.accuracy_native,
            "accuracy_exported": self.accuracy_exported,
            "accuracy_interval": list(self.accuracy_interval),
            "n": self.n,
        }


def compare(
    native: np.ndarray, exported: np.ndarray, targets: np.ndarray, manifest: Manifest
) -> Parity:
    """Compare probabilities float32 (N, K); targets int (N,), or bool (N, K) for several labels."""
    ours, theirs = _given(native, manifest), _given(exported, manifest)
    same = _rows(ours == theirs)
    right = _rows(ours == targets), _rows(theirs == targets)
    return Parity(
        agreement=float(same.mean()),
        max_probability_gap=float(np.abs(native - exported).max()),
        accuracy_native=float(right[0].mean()),
        accuracy_exported=float(right[1].mean()),
        accuracy_interval=wilson(int(right[1].sum()), len(targets)),
        n=len(targets),
    )


def shortfalls(parity: Parity, limits: ParityLimits, *, quantised: bool) -> tuple[str, ...]:
    """What keeps the export from being written; int8 is held to its accuracy alone."""
    found = []
    if parity.loss > limits.loss:
        found.append(f"accuracy falls by {parity.loss:.2f} points (limit {limits.loss:g})")
    if not quantised and parity.agreement < limits.agreement:
        found.append(f"only {parity.agreement:.2%} of answers agree (limit {limits.agreement:.2%})")
    if not quantised and not parity.max_probability_gap <= limits.gap:
        found.append(
            f"probabilities differ by up to {parity.max_probability_gap:.2g} (limit {limits.gap:g})"
        )
    return tuple(found)


def wilson(right: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    z = 1.959964
    share, spread = right / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z * sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def _given(probabilities: np.ndarray, manifest: Manifest) -> np.ndarray:
    """The class (N,), or the labels given (N, K), by the model's own thresholds."""
    if manifest.task == "multi":
        limits = manifest.thresholds.per_label
        return probabilities >= np.array(
            [limits.get(label, DEFAULT_THRESHOLD) for label in manifest.labels]
        )
    places = {label: place for place, label in enumerate(manifest.labels)}
    labels = [make_prediction(row, manifest, None, 1).label for row in probabilities]
    return np.array([places[str(label)] for label in labels], np.int64)


def _rows(equal: np.ndarray) -> np.ndarray:
    return np.asarray(equal.all(axis=1) if equal.ndim == 2 else equal)
