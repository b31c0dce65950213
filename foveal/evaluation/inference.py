"""Models opened for evaluation, and their predictions for an evaluation set."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from foveal.errors import UsageError
from foveal.evaluation.collect import EvaluationSet
from foveal.evaluation.predictions import BoolArray, IntArray, Predictions, require_finite
from foveal.model.manifest import Manifest
from foveal.prediction.prediction import label_thresholds, probabilities_from_logits
from foveal.prediction.predictor import Predictor
from foveal.progress import Progress

if TYPE_CHECKING:
    from foveal.model.model import Model

CHUNK_IMAGES = 1024


@dataclass(frozen=True, eq=False)
class OpenedModel:
    """A model under evaluation. path: None where it came as a value."""

    name: str
    path: Path | None
    predictor: Predictor

    @property
    def manifest(self) -> Manifest:
        """Classes, thresholds and preprocessing of the model."""
        return self.predictor.manifest

    @property
    def native(self) -> Model | None:
        """The torch module and its manifest; None for an exported file."""
        return None if self.manifest.exported is not None else self.predictor.native

    @property
    def train_hashes(self) -> npt.NDArray[np.uint64]:
        """Content hashes of the images it was fitted on; none where this is not recorded."""
        native = self.native
        return np.zeros(0, np.uint64) if native is None else native.train_hashes


@dataclass(frozen=True, eq=False)
class ModelOutput:
    """What a model gives for an evaluation set. logits: float32 (n, units)."""

    logits: npt.NDArray[np.float32]
    predictions: Predictions
    ms_per_image: float


def open_models(models: Sequence[str | Path | Model | Predictor]) -> list[OpenedModel]:
    """Model files or values opened; named by their path, or 'model 2' where they are values.

    Raises UsageError where a file is given twice.
    """
    names = [
        str(model) if isinstance(model, str | Path) else f"model {number}"
        for number, model in enumerate(models, start=1)
    ]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"the model {name} was given twice; give each model once")
    return [_open(model, name) for model, name in zip(models, names, strict=True)]


def run_model(model: OpenedModel, evaluation_set: EvaluationSet, progress: Progress) -> ModelOutput:
    """The model's predictions for the images of `evaluation_set`."""
    pixels, rows = evaluation_set.pixel_cache.pixels, evaluation_set.cache_rows
    logits, ms_per_image = timed_logits(model.predictor, pixels, rows, progress)
    predictions = to_predictions(
        logits,
        model.manifest,
        evaluation_set.targets,
        evaluation_set.paths,
        evaluation_set.groups,
    )
    return ModelOutput(logits, predictions, ms_per_image)


def timed_logits(
    predictor: Predictor, pixels: np.ndarray, cache_rows: IntArray, progress: Progress
) -> tuple[npt.NDArray[np.float32], float]:
    """Logits (n, units) of those rows of `pixels`, and the milliseconds per image."""
    chunks, seconds, compute = [], 0.0, predictor.logits_function()
    compute(pixels[cache_rows[: predictor.batch_size]])  # warm-up, not timed
    for start in range(0, len(cache_rows), CHUNK_IMAGES):
        chunk = np.ascontiguousarray(pixels[cache_rows[start : start + CHUNK_IMAGES]])
        started = time.perf_counter()
        chunks.append(compute(chunk))
        seconds += time.perf_counter() - started
        progress("scoring", min(start + CHUNK_IMAGES, len(cache_rows)), len(cache_rows))
    return np.concatenate(chunks), 1000 * seconds / len(cache_rows)


def to_predictions(
    logits: npt.NDArray[np.float32],
    manifest: Manifest,
    targets: IntArray | BoolArray,
    paths: Sequence[str],
    groups: IntArray | None = None,
) -> Predictions:
    """Calibrated predictions under the thresholds of `manifest`; Error where one is not finite."""
    require_finite(logits, paths)
    thresholds = manifest.thresholds
    positive = thresholds.positive_class if len(manifest.labels) == 2 else None
    return Predictions(
        probabilities=probabilities_from_logits(logits, manifest).astype(np.float64),
        targets=targets,
        labels=manifest.labels,
        task=manifest.task,
        groups=groups,
        positive_index=None if positive is None else manifest.labels.index(positive),
        operating_point=thresholds.operating_point,
        label_thresholds=label_thresholds(manifest).astype(np.float64),
    )


def uncalibrated_predictions(
    logits: npt.NDArray[np.float32], manifest: Manifest, calibrated: Predictions
) -> Predictions:
    """The same predicted classes with the probabilities of temperature 1."""
    uncalibrated = manifest.model_copy(update={"temperature": 1.0})
    point, thresholds = calibrated.operating_point, calibrated.label_thresholds

    def at_temperature_1(threshold: Any) -> Any:
        """The probability for the logit that has `threshold` at the model's temperature."""
        with np.errstate(divide="ignore", over="ignore"):  # infinite where it is 0 or 1
            logit = np.log(threshold) - np.log1p(-threshold)
            return 1 / (1 + np.exp(-manifest.temperature * logit))

    return replace(
        calibrated,
        probabilities=probabilities_from_logits(logits, uncalibrated).astype(np.float64),
        operating_point=None if point is None else float(at_temperature_1(point)),
        label_thresholds=None if thresholds is None else at_temperature_1(thresholds),
    )


def _open(model: Any, name: str) -> OpenedModel:
    path = Path(model) if isinstance(model, str | Path) else None
    predictor = model if isinstance(model, Predictor) else Predictor(model)
    return OpenedModel(name, path, predictor)
