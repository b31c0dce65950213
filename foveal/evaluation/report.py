"""The report page: scores, images and the model's record, as one HTML file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np

from foveal.errors import Error
from foveal.evaluation.error_analysis import analyse_errors
from foveal.evaluation.evaluate import (
    MIN_IMAGES_WITHOUT_NOTE,
    limitation_notes,
    scores_with_thresholds,
)
from foveal.evaluation.image_properties import brightness
from foveal.evaluation.inference import ModelOutput, to_predictions
from foveal.evaluation.predictions import BoolArray, IntArray, Predictions
from foveal.evaluation.report_images import MAX_PAGE_BYTES, ReportImages, image_table
from foveal.evaluation.schema import Scores
from foveal.evaluation.slices import score_slices
from foveal.files import write_atomic
from foveal.intervals import binomial_interval
from foveal.model.manifest import Manifest
from foveal.network.cost import network_cost
from foveal.pages import render
from foveal.prediction.prediction import TRAIN_AGAIN
from foveal.progress import Progress, silent
from foveal.text import plural

Language = Literal["en", "ko"]
VAL_NOTE = (
    "scored on val, on which the epoch, the temperature and the thresholds were chosen, so that "
    "the scores are slightly too high; foveal evaluate scores test"
)
CHANCE_ADVICE = (
    "so do not use this model; look at the data with foveal check, or train again with a smaller "
    "learning rate or longer"
)


def write_evaluation_report(
    path: Path,
    scores: Scores,
    predictions: Predictions,
    manifest: Manifest,
    images: ReportImages,
    *,
    kind: Literal["evaluation", "training"] = "evaluation",
    notices: Sequence[str] = (),
    nearest_training: dict[str, Any] | None = None,
    lang: Language = "en",
    progress: Progress = silent,
) -> None:
    """Write the page of `scores` to `path`.

    predictions, images: row by row what the scores were computed from.  kind: `training` is the
    report of a run, scored on val.  notices: sentences to show that do not follow from the scores.
    nearest_training: what `nearest_training_images` found.
    Raises Error where the training history holds a number that is not finite.
    """
    progress("report", 0, 2)
    data = {
        **scores.to_data(),
        **model_record(manifest),
        "kind": kind,
        "notices": list(notices),
        "nearest_training": nearest_training,
    }
    try:
        used = len(json.dumps(data, ensure_ascii=False, allow_nan=False))
    except ValueError as error:
        raise Error(
            f"{path} was not written: the model's training history holds a number that is NaN or "
            f"infinite; {TRAIN_AGAIN}"
        ) from error
    data["images"] = image_table(predictions, images, MAX_PAGE_BYTES - used)
    progress("report", 1, 2)
    write_atomic(path, render("report", data, lang))
    progress("report", 2, 2)


def write_training_report(
    path: Path,
    manifest: Manifest,
    *,
    logits: np.ndarray,
    pixels: np.ndarray,
    targets: IntArray | BoolArray,
    paths: Sequence[str],
    notices: Sequence[str] = (),
    nearest: Callable[[Predictions, ReportImages], dict[str, Any] | None] | None = None,
) -> Scores:
    """Write the report of a training run, scored on val, to `path`; returns the scores.

    manifest: of the model file, with its history, recipe, data and thresholds.  The images of val,
    row by row: logits (N, units), pixels uint8 (N, H, W, C), targets int64 (N,) or bool (N, K) and
    paths.  notices: sentences to show first.  nearest: finds the training images nearest to errors.
    """
    truth = np.asarray(targets, bool if manifest.task == "multi" else np.int64)
    predictions = to_predictions(logits, manifest, truth, paths)
    scores = scores_with_thresholds(ModelOutput(logits, predictions, 0.0), manifest, "val")
    images = ReportImages(pixels, np.arange(len(pixels)), paths)
    properties = {"brightness": brightness(pixels, images.cache_rows)}
    scores = scores.model_copy(
        update={
            "slices": score_slices(predictions, properties, {}),
            "error_analysis": analyse_errors(predictions, paths),
            "notes": (VAL_NOTE, *notices, *limitation_notes(predictions, manifest)),
        }
    )
    write_evaluation_report(
        path,
        scores,
        predictions,
        manifest,
        images,
        kind="training",
        notices=notices,
        nearest_training=None if nearest is None else nearest(predictions, images),
    )
    return scores


def validation_notices(manifest: Manifest) -> Iterator[str]:
    """What the run's own scores on val say against it: chance, and too few images to choose on."""
    val = manifest.data["val"]
    count, share = val["val_images"], val["val_accuracy"]
    if val.get("at_chance"):
        yield (
            f"the run ended at chance: {100 * share:.1f} % right of {plural(count, 'val image')} "
            f"{chance_finding(val.get('judged_on', 'val'))}, {CHANCE_ADVICE}"
        )
    if count >= MIN_IMAGES_WITHOUT_NOTE:
        return
    images = plural(count, "val image")
    if manifest.task == "multi":
        yield f"the epoch and the temperature were chosen on {images} only, which prove little"
        return
    right = round(share * count)
    low, high = binomial_interval(right, count)
    yield (
        f"the epoch and the temperature were chosen on {images} only: {right} right may be an "
        f"accuracy of {100 * low:.0f} % to {100 * high:.0f} % (95 %), so they do not prove a "
        f"probability above {100 * low:.0f} %"
    )


def chance_finding(judged_on: str) -> str:
    """What an accuracy at chance shows, as the end of a sentence; judged_on: val or train."""
    if judged_on == "train":
        return "shows nothing, and not even the training images are told apart"
    return "is no better than guessing"


def model_record(manifest: Manifest) -> dict[str, Any]:
    """What the page shows of the model: layers, recipe, history, data, versions."""
    network = manifest.network
    cost = network_cost(network, len(manifest.labels), task=manifest.task)
    return {
        "network": {
            "input": network.input.model_dump(),
            "preprocess": network.preprocess.model_dump(mode="json"),
            "layers": [asdict(layer) for layer in cost.layers],
            "weights": cost.weights,
            "multiply_adds": cost.multiply_adds,
        },
        "recipe": manifest.recipe,
        "history": list(manifest.history),
        "data": manifest.data,
        "versions": manifest.versions,
        "finished": manifest.finished,
        "weights": manifest.weights,
        "weights_sha256": manifest.weights_sha256,
    }
