"""The facts of a model card: what the model is, what it was trained on, how good it is, its limits.

What a card should say: Mitchell et al., "Model Cards for Model Reporting", 2019.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from foveal.network.cost import network_cost
from foveal.prediction.predictor import Predictor
from foveal.rundir import MODEL_FILE, RunImage, read_run_data
from foveal.studio.models.val_scores import ValScores


def model_card(run: Path, predictor: Predictor, scores: ValScores | None) -> dict[str, Any]:
    """Plain data; scores: of val, where they could be had.  Raises DataError for damaged files."""
    manifest = predictor.manifest
    data = read_run_data(run)
    cost = network_cost(manifest.network, len(manifest.labels), manifest.task)
    return {
        "labels": list(manifest.labels),
        "finished": manifest.finished,
        "epochs": max((line.get("epoch", 0) for line in manifest.history), default=0),
        "input": manifest.network.input.model_dump(),
        "weights": cost.weights,
        "multiply_adds": cost.multiply_adds,
        "layers": len(manifest.network.layers),
        "temperature": manifest.temperature,
        "abstain": manifest.thresholds.abstain,
        "sha256": manifest.weights_sha256,
        "versions": manifest.versions,
        "pretrained": manifest.weights or None,
        "bytes": (run / MODEL_FILE).stat().st_size,
        "counts": None if data is None else data.counts,
        "classes": None if data is None else _class_counts(data.train, manifest.labels),
        "warnings": [] if data is None else list(data.warnings),
        "fingerprint": None if data is None else data.fingerprint,
        "val": None if scores is None else _without_images(scores),
    }


def _class_counts(images: tuple[RunImage, ...], labels: tuple[str, ...]) -> list[dict[str, Any]]:
    counts = Counter(label for image in images for label in image.labels)
    return [{"name": label, "train": counts[label]} for label in labels]


def _without_images(scores: ValScores) -> dict[str, Any]:
    data = scores.to_data({})
    confusion = scores.confusion
    recalls = [row[at] / sum(row) if sum(row) else None for at, row in enumerate(confusion)]
    return {key: value for key, value in data.items() if key != "images"} | {"recalls": recalls}
