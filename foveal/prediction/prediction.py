"""From probabilities to an answer: best label, top k, labels above threshold, abstaining.

Knows nothing of images, files or networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from foveal.model.brief import Brief
    from foveal.model.manifest import Manifest

DEFAULT_THRESHOLD = 0.5
"""Probability from which a label of several is given where no threshold names it."""


@dataclass(frozen=True)
class LabelProbability:
    """A class and its probability, 0..1."""

    label: str
    probability: float

    def to_data(self) -> dict[str, Any]:
        """`{label, probability}`."""
        return {"label": self.label, "probability": self.probability}


@dataclass(frozen=True)
class Prediction:
    """The answer for one image, or why there is none.

    path: as given; None for an image that came as a value.  top: most probable first.
    abstained: the model is too unsure to answer; `label` stays the best class.  labels: with
    several labels an image, all above their threshold, most probable first; else None.
    """

    path: str | None
    label: str | None = None
    probability: float | None = None
    top: tuple[LabelProbability, ...] = ()
    abstained: bool = False
    error: str | None = None
    labels: tuple[str, ...] | None = None

    def to_data(self) -> dict[str, Any]:
        """The object `predict --format jsonl` prints."""
        data: dict[str, Any] = {
            "path": self.path,
            "label": self.label,
            "probability": self.probability,
            "top": [choice.to_data() for choice in self.top],
            "abstained": self.abstained,
            "error": self.error,
        }
        if self.labels is not None:
            data["labels"] = list(self.labels)
        return data


def probabilities(logits: np.ndarray, manifest: Manifest) -> np.ndarray:
    """Calibrated probabilities float32 (N, K) of logits (N, units): z / T, softmax or sigmoid.

    One unit for two classes: P(labels[1]) = sigmoid(z / T), P(labels[0]) = sigmoid(-z / T).
    """
    scaled = logits.astype(np.float64) / manifest.temperature
    if manifest.activation == "softmax":
        shifted = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), np.float32)
    if manifest.units == len(manifest.labels):
        return _sigmoid(scaled)
    return _sigmoid(np.concatenate([-scaled, scaled], axis=1))


def make_prediction(
    probability: np.ndarray, manifest: Manifest | Brief, path: str | None, top: int | None
) -> Prediction:
    """The Prediction of one row of probabilities (K,); top None gives all classes."""
    order = np.argsort(-probability, kind="stable")
    count = len(order) if top is None else min(top, len(order))
    choices = tuple(
        LabelProbability(manifest.labels[index], _figure(probability[index]))
        for index in order[:count]
    )
    best = _best(probability, manifest)
    return Prediction(
        path=path,
        label=manifest.labels[best],
        probability=_figure(probability[best]),
        top=choices,
        abstained=_abstains(probability, manifest),
        labels=_several(probability, order, manifest),
    )


def _best(probability: np.ndarray, manifest: Manifest | Brief) -> int:
    limits = manifest.thresholds
    if (
        manifest.task == "single"
        and len(manifest.labels) == 2
        and limits.positive_class is not None
        and limits.operating_point is not None
    ):
        positive = manifest.labels.index(limits.positive_class)
        return positive if probability[positive] >= limits.operating_point else 1 - positive
    return int(probability.argmax())


def _abstains(probability: np.ndarray, manifest: Manifest | Brief) -> bool:
    least = manifest.thresholds.abstain
    return least is not None and float(probability.max()) < least


def _several(
    probability: np.ndarray, order: np.ndarray, manifest: Manifest | Brief
) -> tuple[str, ...] | None:
    if manifest.task != "multi":
        return None
    limits = manifest.thresholds.per_label
    names = manifest.labels
    return tuple(
        names[i] for i in order if probability[i] >= limits.get(names[i], DEFAULT_THRESHOLD)
    )


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)), np.float32)


def _figure(value: np.floating[Any]) -> float:
    """The shortest decimal that is this float32, so that texts do not show noise."""
    return float(str(np.float32(value)))
