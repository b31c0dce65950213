"""From logits and probabilities to a Prediction: label, top k, thresholds, abstention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from foveal.errors import Error

if TYPE_CHECKING:
    from foveal.model.inference_manifest import InferenceManifest
    from foveal.model.manifest import Manifest

DEFAULT_THRESHOLD = 0.5
"""Probability from which a label of a multi-label model is predicted without its own threshold."""
NOT_FINITE = "the model's output is NaN or infinite"
"""Why an image has no prediction, embedding or score though it can be read."""
TRAIN_AGAIN = "train the model again with a smaller learning rate"
"""What to do then."""


def no_prediction(reason: str, name: str = "image") -> Error:
    """The Error where the image `name` has no prediction: it or the model is to blame."""
    if reason == NOT_FINITE:
        return Error(f"{NOT_FINITE}; {TRAIN_AGAIN}")
    return Error(f"the {name} cannot be read ({reason}); give another")


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
    """The prediction for one image, or the error why there is none.

    path: as given; None for an image in memory.  top: most probable first.  abstained: the highest
    probability is below the threshold `abstain`; `label` is the best class all the same.  labels:
    of a multi-label model, all above their threshold, most probable first; else None.
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
            "top": [item.to_data() for item in self.top],
            "abstained": self.abstained,
            "error": self.error,
        }
        if self.labels is not None:
            data["labels"] = list(self.labels)
        return data


def probabilities_from_logits(logits: np.ndarray, manifest: Manifest) -> np.ndarray:
    """Calibrated probabilities float32 (N, K) of logits (N, units): z / T, softmax or sigmoid.

    One unit for two classes: P(labels[1]) = sigmoid(z / T), P(labels[0]) = sigmoid(-z / T).
    Infinite logits of softmax give NaN.
    """
    scaled = logits.astype(np.float64) / manifest.temperature
    if manifest.activation == "softmax":
        with np.errstate(invalid="ignore"):
            shifted = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), np.float32)
    if manifest.units == len(manifest.labels):
        return _sigmoid(scaled)
    return _sigmoid(np.concatenate([-scaled, scaled], axis=1))


def logits_from_probabilities(probabilities: np.ndarray, manifest: Manifest) -> np.ndarray:
    """Logits float32 (N, units) that give these calibrated probabilities (N, K) again.

    Softmax forgets a number that is added to all logits of an image: here it is one that makes
    exp(z / T) the probabilities.  Probabilities of exactly 0 and 1 give logits that are finite.
    """
    values = probabilities.astype(np.float64).clip(1e-38, 1.0)
    if manifest.activation == "softmax":
        scaled = np.log(values)
    elif manifest.units == len(manifest.labels):
        below_one = values.clip(None, 1 - 2**-25)
        scaled = np.log(below_one) - np.log1p(-below_one)
    else:
        scaled = np.log(values[:, 1:]) - np.log(values[:, :1])
    return np.asarray(scaled * manifest.temperature, np.float32)


def make_prediction(
    probability: np.ndarray,
    manifest: Manifest | InferenceManifest,
    path: str | None,
    top: int | None,
) -> Prediction:
    """The Prediction of one row of probabilities (K,); `top` None gives all classes.

    It has the error NOT_FINITE where one of them is NaN or infinite.
    """
    if not np.isfinite(probability).all():
        return Prediction(path, error=NOT_FINITE)
    order = np.argsort(-probability, kind="stable")
    count = len(order) if top is None else min(top, len(order))
    predicted = predicted_index(probability, manifest)
    return Prediction(
        path=path,
        label=manifest.labels[predicted],
        probability=_shortest_float(probability[predicted]),
        top=tuple(
            LabelProbability(manifest.labels[index], _shortest_float(probability[index]))
            for index in order[:count]
        ),
        abstained=_abstains(probability, manifest),
        labels=_labels_above_threshold(probability, order, manifest),
    )


def predicted_index(probability: np.ndarray, manifest: Manifest | InferenceManifest) -> int:
    """The predicted class of one row of probabilities (K,), by the operating point if there is."""
    thresholds = manifest.thresholds
    if (
        manifest.task == "single"
        and len(manifest.labels) == 2
        and thresholds.positive_class is not None
        and thresholds.operating_point is not None
    ):
        positive = manifest.labels.index(thresholds.positive_class)
        return positive if probability[positive] >= thresholds.operating_point else 1 - positive
    return int(probability.argmax())


def _abstains(probability: np.ndarray, manifest: Manifest | InferenceManifest) -> bool:
    threshold = manifest.thresholds.abstain
    return threshold is not None and float(probability.max()) < threshold


def _labels_above_threshold(
    probability: np.ndarray, order: np.ndarray, manifest: Manifest | InferenceManifest
) -> tuple[str, ...] | None:
    if manifest.task != "multi":
        return None
    above = probability >= label_thresholds(manifest)
    return tuple(manifest.labels[index] for index in order if above[index])


def label_thresholds(manifest: Manifest | InferenceManifest) -> np.ndarray:
    """float32 (K,): the probability from which each label of a multi-label model is predicted."""
    thresholds = manifest.thresholds.per_label
    values = [thresholds.get(label, DEFAULT_THRESHOLD) for label in manifest.labels]
    return np.array(values, np.float32)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)), np.float32)


def _shortest_float(value: np.floating[Any]) -> float:
    """The float of the shortest decimal that rounds to this float32: JSON shows no noise digits."""
    return float(str(np.float32(value)))
