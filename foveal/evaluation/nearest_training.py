"""The training images nearest to each error: what the model may have taken it for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.dataset.sampling import even_sample
from foveal.errors import DataError
from foveal.evaluation.error_analysis import worst_error_rows
from foveal.evaluation.predictions import Predictions
from foveal.evaluation.report_images import THUMBNAIL_PIXELS, ReportImages
from foveal.images.resize import to_input_pixels
from foveal.images.thumbnail import thumbnail_uri
from foveal.neighbours import nearest, unit_rows
from foveal.prediction.embeddings import embed_dataset
from foveal.prediction.predictor import Predictor
from foveal.progress import Progress, silent
from foveal.rundir import RunData, read_run_data

MAX_ERRORS = 16
NEIGHBOURS = 4
MAX_TRAINING_IMAGES = 2000
"""Of more, as many are searched, evenly spread."""


@dataclass(frozen=True, eq=False)
class TrainingImages:
    """Images of a run whose files are unchanged: embeddings float32 (N, D) of `rows`."""

    dataset: Dataset
    rows: list[int]
    units: np.ndarray


def nearest_training_images(
    predictor: Predictor,
    model_path: Path,
    predictions: Predictions,
    images: ReportImages,
    *,
    progress: Progress = silent,
) -> dict[str, Any] | None:
    """What the report page shows beside the worst errors; None without errors or training images.

    predictor: of the native file at `model_path`, beside which the run's data.json lies.
    """
    rows = worst_error_rows(predictions)[:MAX_ERRORS]
    training = _training_images(predictor, model_path, progress) if len(rows) else None
    if training is None:
        return None
    pixels = images.pixels[images.cache_rows[rows]]
    units = unit_rows(predictor.features(pixels))
    distances, places = nearest(units, training.units, NEIGHBOURS + 1)
    return {
        "searched": len(training.rows),
        "errors": [
            {
                "path": images.paths[row],
                "nearest": _neighbours(predictor, training, images.paths[row], *found),
            }
            for row, *found in zip(rows.tolist(), distances, places, strict=True)
        ],
    }


def _training_images(
    predictor: Predictor, model_path: Path, progress: Progress
) -> TrainingImages | None:
    """Those that can be read and are the ones the model was trained on; None where there are none.

    The report does without them where data.json or DATA cannot be read.
    """
    try:
        run_data = read_run_data(model_path.parent)
        opened = None if run_data is None else _open(run_data)
    except DataError:
        return None
    if opened is None:
        return None
    dataset, hashes = opened
    found = embed_dataset(predictor, dataset, progress=progress)
    same = found.content_hashes == hashes[found.rows]
    if not same.any():
        return None
    return TrainingImages(dataset, found.rows[same].tolist(), unit_rows(found.vectors[same]))


def _open(run_data: RunData) -> tuple[Dataset, np.ndarray]:
    """The training images, at most MAX_TRAINING_IMAGES, and their content hashes uint64 (N,)."""
    train = [run_data.train[row] for row in even_sample(len(run_data.train), MAX_TRAINING_IMAGES)]
    if run_data.root.is_file():
        whole = open_dataset(run_data.root)
        place = {path: row for row, path in enumerate(whole.paths)}
        train = [image for image in train if image.path in place]
        dataset = whole.subset([place[image.path] for image in train])
    else:
        paths = tuple(image.path for image in train)
        dataset = Dataset(run_data.root, paths, tuple(image.labels for image in train))
    return dataset, np.array([image.content_hash or 0 for image in train], np.uint64)


def _neighbours(
    predictor: Predictor,
    training: TrainingImages,
    path: str,
    distances: np.ndarray,
    places: np.ndarray,
) -> list[dict[str, Any]]:
    """Path, labels, distance and thumbnail of the nearest images; never of the image itself."""
    found = []
    for distance, place in zip(distances.tolist(), places.tolist(), strict=True):
        row = training.rows[place]
        if training.dataset.paths[row] != path:
            found.append(
                {
                    "path": training.dataset.paths[row],
                    "labels": list(training.dataset.labels[row]),
                    "distance": round(distance, 4),
                    "thumbnail": _thumbnail(predictor, training.dataset, row),
                }
            )
    return found[:NEIGHBOURS]


def _thumbnail(predictor: Predictor, dataset: Dataset, row: int) -> str:
    network = predictor.manifest.network
    try:
        pixels = to_input_pixels(dataset.read(row), network.input, network.preprocess)
    except DataError:  # it has gone since it was embedded
        return ""
    return thumbnail_uri(pixels, THUMBNAIL_PIXELS)
