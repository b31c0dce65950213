"""The whole evaluation of one model: scores, curves, slices, error analysis, robustness."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from foveal.errors import DataError, UsageError
from foveal.evaluation.collect import EvaluationSet
from foveal.evaluation.error_analysis import analyse_errors
from foveal.evaluation.image_properties import image_properties
from foveal.evaluation.inference import ModelOutput, OpenedModel, uncalibrated_predictions
from foveal.evaluation.metrics import compute_scores
from foveal.evaluation.predictions import Predictions
from foveal.evaluation.schema import OutOfDistributionScore, Scores, UnusableImage
from foveal.evaluation.selective import (
    coverage_curve,
    score_abstention,
    score_operating_points,
    score_out_of_distribution,
)
from foveal.evaluation.slices import score_slices
from foveal.model.manifest import Manifest
from foveal.progress import Progress
from foveal.text import plural

MIN_IMAGES_WITHOUT_NOTE = 100
"""Under so many images a note says how wide the intervals are."""


def check_others(others: str | Path | None) -> Path | None:
    """The folder of images of no known class; raises UsageError where it is none."""
    if others is None or Path(others).is_dir():
        return None if others is None else Path(others)
    raise UsageError(f"--others {others} is not a folder; give a folder of images")


def evaluate_model(
    model: OpenedModel,
    evaluation_set: EvaluationSet,
    output: ModelOutput,
    progress: Progress,
    *,
    others: Path | None = None,
    robustness: bool = False,
) -> Scores:
    """All scores of `output`.

    others: a folder of images of no known class, see `check_others`.  robustness: score corrupted
    images too.
    """
    out_of_distribution = None
    if others is not None:
        out_of_distribution = _score_folder(model, output.predictions, others, progress)
    progress("scores", 0, 3)
    scores = scores_with_thresholds(output, model.manifest, evaluation_set.split)
    progress("scores", 1, 3)
    slices = score_slices(output.predictions, *_attributes(evaluation_set))
    progress("scores", 2, 3)
    update: dict[str, Any] = {
        "model": model.name,
        "left_out": evaluation_set.left_out,
        "used_in_training": int(evaluation_set.used_in_training.sum()),
        "ignored_classes": evaluation_set.ignored_classes,
        "ms_per_image": output.ms_per_image,
        "unusable": tuple(
            UnusableImage(path=image.path, reason=image.reason) for image in evaluation_set.unusable
        ),
        "out_of_distribution": out_of_distribution,
        "slices": slices,
        "error_analysis": analyse_errors(output.predictions, evaluation_set.paths),
        "notes": (*evaluation_set.notes, *limitation_notes(output.predictions, model.manifest)),
    }
    progress("scores", 3, 3)
    if robustness:
        from foveal.evaluation.robustness import score_robustness

        update["robustness"] = score_robustness(
            model.predictor,
            evaluation_set.images,
            evaluation_set.targets,
            progress,
            model=model.native,
        )
    return scores.model_copy(update=update)


def scores_with_thresholds(output: ModelOutput, manifest: Manifest, split: str) -> Scores:
    """Metrics with calibration before and after, the coverage curve and the stored thresholds."""
    predictions = output.predictions
    scores = compute_scores(
        predictions,
        split=split,
        uncalibrated=uncalibrated_predictions(output.logits, manifest, predictions),
        temperature=manifest.temperature,
    )
    return scores.model_copy(
        update={
            "coverage_curve": coverage_curve(predictions),
            "abstention": score_abstention(predictions, manifest.thresholds.abstain),
            "operating_points": score_operating_points(predictions, manifest.thresholds),
        }
    )


def limitation_notes(predictions: Predictions, manifest: Manifest) -> tuple[str, ...]:
    """What limits the scores, as sentences."""
    notes = []
    if not manifest.finished:
        notes.append("the training of this model was not finished")
    if len(predictions) < MIN_IMAGES_WITHOUT_NOTE:
        notes.append(
            f"only {plural(len(predictions), 'image')} scored: the intervals are wide, and small "
            "differences are not significant"
        )
    return tuple(notes)


def _attributes(evaluation_set: EvaluationSet) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """What images are sliced by: their properties (n,), and DATA's extra columns (n,)."""
    dataset, rows = evaluation_set.dataset, evaluation_set.rows
    properties = image_properties(
        dataset, rows, evaluation_set.pixel_cache.pixels, evaluation_set.cache_rows
    )
    columns = {
        name: [column[row] for row in rows] for name, column in dataset.extra_columns.items()
    }
    return properties, columns


def _score_folder(
    model: OpenedModel, predictions: Predictions, folder: Path, progress: Progress
) -> OutOfDistributionScore:
    """The out-of-distribution score of the images in `folder`."""
    probabilities, unusable = [], 0
    for prediction in model.predictor.predict(folder, top=None):
        if prediction.error is None:
            probabilities.append([choice.probability for choice in prediction.top])
        else:
            unusable += 1
        progress("out-of-distribution images", len(probabilities), None)
    if not probabilities:
        raise DataError(f"no image in {folder} can be read; give a folder of images")
    threshold = model.manifest.thresholds.abstain
    # shortest decimals: as fp32 they are again what those of `predictions` are
    exact = np.array(probabilities, np.float32).astype(np.float64)
    return score_out_of_distribution(str(folder), exact, predictions, threshold, unusable)
