"""The training images nearest to each error: what the model may have taken it for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foveal.dataset.dataset import Dataset
from foveal.dataset.run_images import open_run_images
from foveal.dataset.sampling import even_sample
from foveal.errors import DataError
from foveal.evaluation.error_analysis import worst_error_rows
from foveal.evaluation.predictions import Predictions
from foveal.evaluation.report_images import THUMBNAIL_PIXELS, ReportImages
from foveal.images.resize import to_input_pixels
from foveal.images.thumbnail import thumbnail_uri
from foveal.neighbours import nearest, unit_rows
from foveal.network.cost import network_cost
from foveal.prediction.embeddings import embed_dataset
from foveal.prediction.predictor import Predictor
from foveal.processor import transfer_speeds
from foveal.progress import Progress, silent
from foveal.rundir import RunData, RunImage, read_run_data

MAX_ERRORS = 16
NEIGHBOURS = 4
SAME_DISTANCE = 1e-4
"""Up to which an image of the same path is the image itself: other DATA may have the path too."""
MIN_TRAINING_IMAGES, MAX_TRAINING_IMAGES = 100, 2000
"""Of more, as many are searched, evenly spread; with fewer, neighbours would say little."""


@dataclass(frozen=True, eq=False)
class TrainingImages:
    """Training images to search; the first axis is the same.

    units: embeddings float32 (N, D) of length 1.  pixels: those of an image by its place, uint8
    (H, W, C), or None where it can no longer be read.
    """

    paths: Sequence[str]
    labels: Sequence[tuple[str, ...]]
    units: np.ndarray
    pixels: Callable[[int], np.ndarray | None]


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
    return None if training is None else _search(predictor, rows, images, training)


def nearest_of_run(
    predictor: Predictor,
    predictions: Predictions,
    images: ReportImages,
    train: Sequence[RunImage],
    pixels: np.ndarray,
    *,
    seconds: float,
) -> dict[str, Any] | None:
    """`nearest_training_images` of a run that has the pixels uint8 (N, H, W, C) of `train`.

    As many are searched, evenly spread, as an estimated time of `seconds` allows; None where these
    are fewer than MIN_TRAINING_IMAGES of those there are.
    """
    rows = worst_error_rows(predictions)[:MAX_ERRORS]
    count = min(MAX_TRAINING_IMAGES, _images_within(seconds, predictor), len(train))
    if not len(rows) or count < min(MIN_TRAINING_IMAGES, len(train)):
        return None
    chosen = even_sample(len(train), count)
    training = TrainingImages(
        [train[row].path for row in chosen],
        [train[row].labels for row in chosen],
        unit_rows(predictor.features(np.asarray(pixels[chosen]))),
        lambda place: np.asarray(pixels[chosen[place]]),
    )
    return _search(predictor, rows, images, training)


def _images_within(seconds: float, predictor: Predictor) -> int:
    manifest = predictor.manifest
    cost = network_cost(manifest.network, len(manifest.labels), task=manifest.task)
    return int(seconds * transfer_speeds()[0] / max(cost.multiply_adds, 1))


def _search(
    predictor: Predictor, rows: np.ndarray, images: ReportImages, training: TrainingImages
) -> dict[str, Any]:
    pixels = images.pixels[images.cache_rows[rows]]
    units = unit_rows(predictor.features(pixels))
    distances, places = nearest(units, training.units, NEIGHBOURS + 1)
    return {
        "searched": len(training.paths),
        "errors": [
            {
                "path": images.paths[row],
                "nearest": _neighbours(training, images.paths[row], *found),
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
    rows = found.rows[same].tolist()
    return TrainingImages(
        [dataset.paths[row] for row in rows],
        [dataset.labels[row] for row in rows],
        unit_rows(found.vectors[same]),
        lambda place: _read_pixels(predictor, dataset, rows[place]),
    )


def _open(run_data: RunData) -> tuple[Dataset, np.ndarray]:
    """The training images, at most MAX_TRAINING_IMAGES, and their content hashes uint64 (N,)."""
    train = [run_data.train[row] for row in even_sample(len(run_data.train), MAX_TRAINING_IMAGES)]
    dataset, found = open_run_images(run_data.root, train)
    return dataset, np.array([image.content_hash or 0 for image in found], np.uint64)


def _neighbours(
    training: TrainingImages,
    path: str,
    distances: np.ndarray,
    places: np.ndarray,
) -> list[dict[str, Any]]:
    """Path, labels, distance and thumbnail of the nearest images; never of the image itself."""
    found = []
    for distance, place in zip(distances.tolist(), places.tolist(), strict=True):
        if training.paths[place] != path or distance > SAME_DISTANCE:
            pixels = training.pixels(place)
            found.append(
                {
                    "path": training.paths[place],
                    "labels": list(training.labels[place]),
                    "distance": round(distance, 4),
                    "thumbnail": "" if pixels is None else thumbnail_uri(pixels, THUMBNAIL_PIXELS),
                }
            )
    return found[:NEIGHBOURS]


def _read_pixels(predictor: Predictor, dataset: Dataset, row: int) -> np.ndarray | None:
    network = predictor.manifest.network
    try:
        return to_input_pixels(dataset.read(row), network.input, network.preprocess)
    except DataError:  # it has gone since it was embedded
        return None
