"""The report page: a score card, its images, and what is known of the model, as one HTML file.

Knows nothing of how the page looks; every figure on it is one of the card's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np

from foveal.errors import Error
from foveal.evaluation.collect import predictions_of
from foveal.evaluation.error_analysis import error_analysis, worst
from foveal.evaluation.evaluate import notes
from foveal.evaluation.image_properties import brightness
from foveal.evaluation.metrics import score
from foveal.evaluation.predictions import Bools, Ints, Predictions
from foveal.evaluation.schema import Scores
from foveal.evaluation.selective import coverage_curve, seen_abstaining, seen_operating
from foveal.evaluation.slices import slices
from foveal.evaluation.thumbnails import PAGE_BYTES, thumbnails
from foveal.files import write_atomic
from foveal.model.manifest import Manifest
from foveal.network.cost import network_cost
from foveal.pages import render
from foveal.progress import Progress, silent

Lang = Literal["en", "ko"]
MOST = 50_000
"""Images listed on a page."""


def evaluation_report(
    path: Path,
    card: Scores,
    answers: Predictions,
    manifest: Manifest,
    pixels: np.ndarray,
    places: Ints,
    paths: Sequence[str],
    *,
    kind: Literal["test", "run"] = "test",
    told: Sequence[str] = (),
    lang: Lang = "en",
    progress: Progress = silent,
) -> None:
    """Write the page of `card` to `path`.

    answers, paths: row by row what the card was made of.  pixels, places: where row i's image
    lies, `pixels[places[i]]`.  kind: `run` is the report of a training, scored on val.
    told: sentences to show that do not follow from the card.
    """
    progress("report", 0, 2)
    data = card.to_data()
    data.update(kind=kind, told=list(told))
    data.update(about(manifest))
    try:
        base = len(json.dumps(data, ensure_ascii=False, allow_nan=False))
    except ValueError as error:
        raise Error(
            f"{path} was not written: a figure of the model's history is not a number; train it "
            "again with a smaller learning rate"
        ) from error
    data["images"] = images(answers, paths, pixels, places, PAGE_BYTES - base)
    progress("report", 1, 2)
    write_atomic(path, render("report", data, lang))
    progress("report", 2, 2)


def run_report(
    path: Path,
    manifest: Manifest,
    pixels: np.ndarray,
    logits: np.ndarray,
    targets: Ints | Bools,
    paths: Sequence[str],
    *,
    groups: Ints | None = None,
    told: Sequence[str] = (),
    lang: Lang = "en",
    progress: Progress = silent,
) -> Scores:
    """Write the report of a training run, scored on val; the card.

    manifest: of the model file, with its history, recipe, data and thresholds.  pixels: uint8
    (N, H, W, C) of val.  logits: (N, units) of the kept weights.  targets: int64 (N,) or
    bool (N, K).  told: sentences to show first.
    """
    wanted = np.asarray(targets, bool if manifest.task == "multi" else np.int64)
    answers = predictions_of(logits, manifest, wanted, paths, groups)
    cold = manifest.model_copy(update={"temperature": 1.0})
    before = predictions_of(logits, cold, wanted, paths, groups)
    card = score(answers, split="val", before=before, temperature=manifest.temperature)
    places = np.arange(len(pixels))
    card = card.model_copy(
        update={
            "coverage": coverage_curve(answers),
            "abstaining": seen_abstaining(answers, manifest.thresholds.abstain),
            "operating": seen_operating(answers, manifest.thresholds),
            "slices": slices(answers, {"brightness": brightness(pixels, places)}, {}),
            "error_analysis": error_analysis(answers, paths),
            "notes": (
                "these are val images: the epoch, the temperature and the thresholds were "
                "chosen on them, so the figures are a little too good; foveal evaluate scores test",
                *told,
                *notes(answers, manifest),
            ),
        }
    )
    evaluation_report(
        path, card, answers, manifest, pixels, places, paths,
        kind="run", told=told, lang=lang, progress=progress,
    )  # fmt: skip
    return card


def about(manifest: Manifest) -> dict[str, Any]:
    """What the page tells of the model: network table, recipe, history, data, versions."""
    spent = network_cost(manifest.network, len(manifest.labels), task=manifest.task)
    return {
        "network": {
            "input": manifest.network.input.model_dump(),
            "preprocess": manifest.network.preprocess.model_dump(mode="json"),
            "layers": [asdict(line) for line in spent.layers],
            "weights": spent.parameters,
            "multiply_adds": spent.multiply_adds,
        },
        "recipe": manifest.recipe,
        "history": list(manifest.history),
        "data": manifest.data,
        "versions": manifest.versions,
        "finished": manifest.finished,
        "weights_sha256": manifest.weights_sha256,
    }


def images(
    answers: Predictions, paths: Sequence[str], pixels: np.ndarray, places: Ints, room: int
) -> dict[str, Any]:
    """Columns of all images, most interesting first, with thumbnails while there is room."""
    order = _order(answers)[:MOST]
    multi = answers.task == "multi"
    true, said = (answers.targets, answers.given) if multi else (answers.targets, answers.predicted)
    columns: dict[str, Any] = {
        "path": [paths[row] for row in order],
        "true": [_labels(true[row]) for row in order],
        "predicted": [_labels(said[row]) for row in order],
        "probability": [round(float(answers.confidence[row]), 6) for row in order],
        "true_probability": [round(float(answers.true_probability[row]), 6) for row in order],
    }
    used = len(json.dumps(columns, ensure_ascii=False))
    thumbs = thumbnails(pixels, [int(places[row]) for row in order], room - used)
    return {
        **columns,
        "thumbnail": thumbs,
        "with_thumbnail": sum(1 for text in thumbs if text),
        "of": len(answers),
        "height": int(pixels.shape[1]),
        "width": int(pixels.shape[2]),
    }


def _order(answers: Predictions) -> list[int]:
    """Wrong answers, worst first; then the right ones, taken in turn from every class."""
    right = np.flatnonzero(answers.correct)
    if answers.task == "multi":
        return [*worst(answers).tolist(), *right.tolist()]
    by_class = right[np.argsort(answers.targets[right], kind="stable")]
    classes = answers.targets[by_class]
    first = np.searchsorted(classes, classes)
    turn = np.arange(len(classes)) - first
    return [*worst(answers).tolist(), *by_class[np.lexsort((classes, turn))].tolist()]


def _labels(value: Any) -> Any:
    """A class number, or the numbers of several labels."""
    return int(value) if np.ndim(value) == 0 else np.flatnonzero(value).tolist()
