"""How a run's newest model does on val: the confusion matrix, and the images of each cell."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foveal.dataset.sampling import even_sample
from foveal.errors import DataError, UsageError
from foveal.intervals import binomial_interval
from foveal.prediction.prediction import NOT_FINITE, Prediction, no_prediction
from foveal.prediction.predictor import Predictor
from foveal.progress import Progress, images_per_second, silent
from foveal.rundir import read_run_data
from foveal.studio.models.merged import add_each_merged, merged_labels
from foveal.verbs.predict import predict

MAX_SCORED_IMAGES = 5000
"""Evenly spread over val; more say little more about which classes are confused."""


@dataclass(frozen=True)
class ScoredImage:
    """One image. true, predicted: indices of classes.  probability: of the predicted one."""

    path: str
    true: int
    predicted: int
    probability: float
    true_probability: float


@dataclass(frozen=True)
class ValScores:
    """The scores of one model. unreadable: images that could not be read again."""

    labels: tuple[str, ...]
    images: tuple[ScoredImage, ...]
    unreadable: int

    @property
    def confusion(self) -> Counter[tuple[int, int]]:
        """How many images the pairs of a true and a predicted class have that have some.

        Of 10,000 classes the whole matrix would have 800 MB.
        """
        return Counter((image.true, image.predicted) for image in self.images)

    @property
    def recalls(self) -> list[float | None]:
        """Of each class; None where it has no image."""
        cells, images = self.confusion, Counter(image.true for image in self.images)
        classes = range(len(self.labels))
        return [cells[each, each] / images[each] if images[each] else None for each in classes]

    def summary(self) -> dict[str, Any]:
        """Plain data of all images together."""
        correct, n = sum(image.true == image.predicted for image in self.images), len(self.images)
        return {
            "labels": list(self.labels),
            "confusion": [[*cell, n] for cell, n in sorted(self.confusion.items())],
            "accuracy": correct / n if n else None,
            "accuracy_interval": list(binomial_interval(correct, n)),
            "n": n,
            "unreadable": self.unreadable,
        }

    def to_data(self, find_image: Callable[[str], int | None]) -> dict[str, Any]:
        """The same and each image; find_image: the id of a path that is still in the project."""
        images = [
            {
                "id": find_image(image.path),
                "true": image.true,
                "predicted": image.predicted,
                "probability": image.probability,
                "true_probability": image.true_probability,
            }
            for image in self.images
        ]
        return {**self.summary(), "images": images}


def score_val(
    run: Path,
    predictor: Predictor,
    progress: Progress = silent,
    *,
    merged: Mapping[str, str] | None = None,
    turns: AbstractContextManager[None] | None = None,
) -> ValScores:
    """Score a run's model on at most MAX_SCORED_IMAGES of its val images.

    merged: classes of the model that are one class today, to the name of that one.  turns: held
    while the predictor is used, and free in between.  Raises UsageError where the run has no list
    of its images or several labels an image, DataError where none of val can be read, Error where
    the model's output is not finite.
    """
    data = read_run_data(run)
    if data is None:
        raise UsageError("this run has no data.json, which lists its images: start a new run")
    if data.task == "multi":
        raise UsageError("images of this run have several labels: see its report instead")
    merged = {} if merged is None else merged
    chosen = [data.val[index] for index in even_sample(len(data.val), MAX_SCORED_IMAGES)]
    known = [image for image in chosen if image.labels[0] in predictor.labels]
    true = [merged.get(image.labels[0], image.labels[0]) for image in known]
    paths = [data.root / image.path for image in known]
    found = _in_turns(predict(predictor, paths, top=None), turns or contextlib.nullcontext())
    labels, started, scored = merged_labels(predictor.labels, merged), time.perf_counter(), []
    index = {label: number for number, label in enumerate(labels)}
    for row, prediction in enumerate(add_each_merged(found, merged, None)):
        if prediction.error == NOT_FINITE:
            raise no_prediction(NOT_FINITE)
        if prediction.label is not None and prediction.probability is not None:
            probabilities = {item.label: item.probability for item in prediction.top}
            scored.append(
                ScoredImage(
                    str(paths[row]),
                    index[true[row]],
                    index[prediction.label],
                    prediction.probability,
                    probabilities[true[row]],
                )
            )
        progress("predicting", row + 1, len(known), images_per_second(row + 1, started))
    if not scored:
        raise DataError(
            f"none of the {len(chosen)} val images of this run can be read: are they still where "
            "they were?"
        )
    return ValScores(labels, tuple(scored), len(chosen) - len(scored))


def _in_turns(
    predictions: Iterator[Prediction], turns: AbstractContextManager[None]
) -> Iterator[Prediction]:
    while True:
        with turns:
            prediction = next(predictions, None)
        if prediction is None:
            return
        yield prediction
