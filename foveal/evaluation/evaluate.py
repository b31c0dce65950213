"""The whole score card: scores, coverage, slices, findings, and what to know before reading it.

Knows nothing of files or pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from foveal.evaluation.collect import EvaluationSet, predictions_of
from foveal.evaluation.error_analysis import error_analysis
from foveal.evaluation.image_properties import measures
from foveal.evaluation.metrics import score
from foveal.evaluation.predictions import Predictions
from foveal.evaluation.schema import Scores
from foveal.evaluation.selective import coverage_curve, seen_abstaining, seen_operating
from foveal.evaluation.slices import slices
from foveal.model.manifest import Manifest
from foveal.prediction.predictor import Predictor
from foveal.progress import Progress

if TYPE_CHECKING:
    from foveal.model.model import Model

FEW = 100
"""Under so many images a sentence says how weak the figures are."""


def evaluate_predictions(
    answers: Predictions,
    logits: npt.NDArray,  # type: ignore[type-arg]
    manifest: Manifest,
    material: EvaluationSet,
    progress: Progress,
    *,
    predictor: Predictor | None = None,
    model: Model | None = None,
) -> Scores:
    """Everything there is to say of `answers`; robustness only where a predictor is given.

    model: the native model, where there is one: its maps are compared under shifts.
    """
    cold = manifest.model_copy(update={"temperature": 1.0})
    before = predictions_of(logits, cold, answers.targets, material.paths, answers.groups)
    progress("scores", 0, 3)
    card = score(answers, split=material.split, before=before, temperature=manifest.temperature)
    progress("scores", 1, 3)
    found = measures(material.dataset, material.rows, material.pixel_cache.pixels, material.places)
    columns = {
        name: [column[row] for row in material.rows]
        for name, column in material.dataset.extra_columns.items()
    }
    cut = slices(answers, found, columns)
    progress("scores", 2, 3)
    update: dict[str, Any] = {
        "coverage": coverage_curve(answers),
        "abstaining": seen_abstaining(answers, manifest.thresholds.abstain),
        "operating": seen_operating(answers, manifest.thresholds),
        "slices": cut,
        "error_analysis": error_analysis(answers, material.paths),
        "notes": (*material.notes, *notes(answers, manifest)),
    }
    progress("scores", 3, 3)
    if predictor is not None:
        from foveal.evaluation.robustness import robustness

        pixels, places = material.pixel_cache.pixels, material.places
        update["robustness"] = robustness(
            predictor, pixels, places, material.targets, progress, model=model
        )
    return card.model_copy(update=update)


def notes(answers: Predictions, manifest: Manifest) -> tuple[str, ...]:
    """Sentences a reader of the figures should have read first."""
    told = []
    if not manifest.finished:
        told.append("the training of this model was not finished")
    if len(answers) < FEW:
        were = "image was" if len(answers) == 1 else "images were"
        told.append(
            f"only {len(answers)} {were} scored: the intervals are wide, "
            "small differences mean nothing"
        )
    return tuple(told)
