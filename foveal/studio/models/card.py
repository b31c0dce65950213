"""The facts of a model card: what the model is, what it was trained on, how good it is, its limits.

What a card should say: Mitchell et al., "Model Cards for Model Reporting", 2019.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from foveal.network.cost import network_cost
from foveal.prediction.predictor import Predictor
from foveal.rundir import MODEL_FILE, read_run_data
from foveal.studio.models.class_names import NamedRun
from foveal.studio.models.merged import merged_labels
from foveal.studio.models.val_scores import ValScores


def model_card(run: NamedRun, predictor: Predictor, scores: ValScores) -> dict[str, Any]:
    """Plain data in the classes of today; scores: of val.  Raises DataError for damaged files."""
    manifest, data = predictor.manifest, read_run_data(run.folder)
    cost = network_cost(manifest.network, len(manifest.labels), manifest.task)
    labels = merged_labels(manifest.labels, run.merged)
    images = () if data is None else data.train
    train = Counter(run.merged.get(label, label) for image in images for label in image.labels)
    classes = [{"name": label, "train": train[label]} for label in labels]
    return {
        "labels": list(labels),
        "finished": manifest.finished,
        "epochs": max((line.get("epoch", 0) for line in manifest.history), default=0),
        "input": manifest.network.input.model_dump(),
        "weights": cost.weights,
        "multiply_adds": cost.multiply_adds,
        "abstain": manifest.thresholds.abstain,
        "sha256": manifest.weights_sha256,
        "versions": manifest.versions,
        "pretrained": manifest.weights or None,
        "bytes": (run.folder / MODEL_FILE).stat().st_size,
        "counts": None if data is None else data.counts,
        "classes": None if data is None else classes,
        "warnings": [] if data is None else list(data.warnings),
        "val": {**scores.summary(), "recalls": scores.recalls},
    }
