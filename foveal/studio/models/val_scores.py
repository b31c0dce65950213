"""How a run's newest model does on val: the confusion matrix, and the images of each cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foveal.dataset.sampling import even_sample
from foveal.errors import DataError, UsageError
from foveal.intervals import binomial_interval
from foveal.prediction.prediction import NOT_FINITE, no_prediction
from foveal.prediction.predictor import Predictor
from foveal.progress import Progress, silent
from foveal.rundir import RunData, RunImage, read_run_data
from foveal.studio.models.merged import add_each_merged, merged_labels
from foveal.verbs.predict import predict

MAX_SCORED_IMAGES = 5000
"""Evenly spread over val; more say little more about which classes are confused."""


@dataclass(frozen=True)
class ScoredImage:
    """One image of val. true, predicted: indices of classes.  probability: of the predicted."""

    path: str
    true: int
    predicted: int
    probability: float
    true_probability: float


@dataclass(frozen=True)
class ValScores:
    """The scores of one model. unreadable: images of val that could not be read again."""

    labels: tuple[str, ...]
    images: tuple[ScoredImage, ...]
    unreadable: int

    @property
    def confusion(self) -> list[list[int]]:
        """Rows true, columns predicted, in the order of `labels`."""
        counts = np.zeros((len(self.labels), len(self.labels)), np.int64)
        for image in self.images:
            counts[image.true, image.predicted] += 1
        rows: list[list[int]] = counts.tolist()
        return rows

    def to_data(self, image_ids: Mapping[str, int]) -> dict[str, Any]:
        """The answer of the route; image_ids: path -> id, for the images that still have one."""
        correct, n = sum(image.true == image.predicted for image in self.images), len(self.images)
        return {
            "labels": list(self.labels),
            "confusion": self.confusion,
            "accuracy": correct / n if n else None,
            "accuracy_interval": list(binomial_interval(correct, n)),
            "n": n,
            "unreadable": self.unreadable,
            "images": [
                {
                    "id": image_ids.get(image.path),
                    "true": image.true,
                    "predicted": image.predicted,
                    "probability": image.probability,
                    "true_probability": image.true_probability,
                }
                for image in self.images
            ],
        }


def score_val(
    run: Path,
    predictor: Predictor,
    progress: Progress = silent,
    *,
    merged: Mapping[str, str] | None = None,
) -> ValScores:
    """Score a run's model on at most MAX_SCORED_IMAGES of its val images.

    merged: classes of the model that are one class today, to the name of that one.  Raises
    UsageError where the run has no list of its images or several labels an image, DataError where
    none of val can be read, Error where the model's output is not finite.
    """
    data = read_run_data(run)
    if data is None:
        raise UsageError("this run has no data.json, which lists its images: start a new run")
    if data.task == "multi":
        raise UsageError("images of this run have several labels: see its report instead")
    chosen = [data.val[index] for index in even_sample(len(data.val), MAX_SCORED_IMAGES)]
    known = [image for image in chosen if image.labels[0] in predictor.labels]
    scored = _score(predictor, data, known, merged or {}, progress)
    if not scored:
        raise DataError(
            f"none of the {len(chosen)} val images of this run can be read: are they still where "
            "they were?"
        )
    labels = merged_labels(predictor.labels, merged or {})
    return ValScores(labels, tuple(scored), len(chosen) - len(scored))


def _score(
    predictor: Predictor,
    data: RunData,
    images: list[RunImage],
    merged: Mapping[str, str],
    progress: Progress,
) -> list[ScoredImage]:
    labels = merged_labels(predictor.labels, merged)
    index = {label: number for number, label in enumerate(labels)}
    paths = [data.root / image.path for image in images]
    scored = []
    found = predict(predictor, paths, top=None, progress=progress)
    predictions = add_each_merged(found, merged, None)
    for image, path, prediction in zip(images, paths, predictions, strict=True):
        if prediction.error == NOT_FINITE:
            raise no_prediction(NOT_FINITE)
        if prediction.label is None or prediction.probability is None:
            continue
        probabilities = {item.label: item.probability for item in prediction.top}
        true = merged.get(image.labels[0], image.labels[0])
        scored.append(
            ScoredImage(
                str(path),
                index[true],
                index[prediction.label],
                prediction.probability,
                probabilities[true],
            )
        )
    return scored
