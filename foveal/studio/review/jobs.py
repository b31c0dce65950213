"""The work behind findings, predictions and the queue, done in a process of its own."""

from __future__ import annotations

from functools import reduce
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from foveal.dataset.dataset import Dataset
from foveal.doctor.findings import Finding
from foveal.errors import Error, UsageError
from foveal.model.file import read_manifest
from foveal.prediction.prediction import NOT_FINITE, no_prediction
from foveal.progress import Progress
from foveal.studio.models.merged import add_each_merged
from foveal.verbs.check import check
from foveal.verbs.load import installed_weights, load, load_features
from foveal.verbs.predict import predict


def features_source(models: list[str]) -> str | None:
    """What gives embeddings: installed pretrained weights, else the newest model; None: nothing.

    models: model files, the newest first.
    """
    if find_spec("torch") is None:
        return None
    return installed_weights() or next(iter(models), None)


def proposing_sources(models: list[str]) -> list[str]:
    """What gives the embeddings that labels are proposed by: none, one or two.

    Installed pretrained weights, and the newest finished model that was trained beyond its output
    layer: the embeddings of others are those of what they started from, and a run that goes on has
    others with every epoch.  Without either, the newest model.
    models: model files, the newest first.
    """
    if find_spec("torch") is None:
        return []
    pretrained = installed_weights()
    trained = next((model for model in models if _is_fine_tuned(model)), None)
    found = [source for source in (pretrained, trained) if source is not None]
    return found or models[:1]


def _is_fine_tuned(model: str) -> bool:
    try:
        manifest = read_manifest(Path(model))
        return manifest.finished and manifest.recipe.get("fine_tune") != "off"
    except Error:  # damaged, or removed meanwhile
        return False


def check_job(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """`foveal check` of the table `table`, with embeddings where something gives them."""
    source = features_source(request["models"])
    result = check(request["table"], model=source, progress=progress)
    reasons = {item.path: item.reason for item in result.unusable}
    return {"findings": [_finding_data(finding, reasons) for finding in result.findings]}


def _finding_data(finding: Finding, reasons: dict[str, str]) -> dict[str, Any]:
    """Plain data with paths as they are, also those that are no text."""
    unusable = finding.kind == "unusable"
    return {
        "kind": finding.kind,
        "severity": finding.severity,
        "count": finding.count,
        "message": finding.advice,
        "files": list(finding.files),
        "pairs": [list(pair) for pair in finding.pairs],
        "details": [reasons[path] for path in finding.files] if unusable else list(finding.details),
        "suggested": list(finding.suggested),
    }


def queue_job(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Proposals for the images without a label: `paths` and `labels` (None) of all images.

    Raises UsageError where nothing gives embeddings.
    """
    sources = proposing_sources(request["models"])
    if not sources:
        raise UsageError(
            "labels are proposed by a network, and there is none yet: train once, or install "
            "pretrained weights (foveal pretrained lists them)"
        )
    from foveal.prediction.embeddings import embed_dataset
    from foveal.studio.review.proposals import propose

    labels = request["labels"]
    dataset = Dataset(
        root=Path(request["root"]),
        paths=tuple(request["paths"]),
        labels=tuple(() if label is None else (label,) for label in labels),
    )
    found = [embed_dataset(load_features(each), dataset, progress=progress) for each in sources]
    rows = reduce(np.intersect1d, [each.rows for each in found])  # one may give NaN for an image
    vectors = [each.vectors[np.searchsorted(each.rows, rows)] for each in found]
    classes = sorted({label for label in labels if label is not None})
    number = {name: index for index, name in enumerate(classes)}
    given = [number.get(labels[row], -1) for row in rows.tolist()]
    progress("ordering images", 0, None)
    proposals = propose(vectors, np.array(given, np.int64), len(classes))
    return {
        "model": ", ".join(
            each if Path(each).suffix == "" else Path(each).parent.name for each in sources
        ),
        "rows": rows[proposals.rows].tolist(),
        "proposed": [classes[index] for index in proposals.classes.tolist()],
        "probabilities": [round(value, 4) for value in proposals.probabilities.tolist()],
    }


def predict_job(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The best class of each of `paths` by the file `model`: columns, -1 where it is unreadable.

    groups: of each class the first class that is one class with it; their probabilities add up.
    Raises Error where the model's output is not finite.
    """
    predictor = load(request["model"])
    index = {label: number for number, label in enumerate(predictor.labels)}
    paths = [Path(request["root"], path) for path in request["paths"]]
    groups = dict(zip(predictor.labels, request["groups"], strict=True))
    merged = {name: predictor.labels[first] for name, first in groups.items()}
    apart = all(name == first for name, first in merged.items())
    found = predict(predictor, paths, top=1 if apart else None)
    predicted, probability = [], []
    for done, one in enumerate(add_each_merged(found, {} if apart else merged, 1), start=1):
        if one.error == NOT_FINITE:
            raise no_prediction(NOT_FINITE)
        best = one.top[0] if one.top else None
        predicted.append(-1 if best is None else index[best.label])
        probability.append(0 if best is None else round(100 * best.probability))
        progress("predicting all images", done, len(paths))
    return {"labels": list(predictor.labels), "predicted": predicted, "probability": probability}
