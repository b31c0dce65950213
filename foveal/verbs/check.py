"""Check DATA: what is in it and what is wrong with it; nothing of the user's is changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.doctor.check import run_checks
from foveal.doctor.findings import CheckResult
from foveal.files import PAGE, refuse_overwriting, write_atomic
from foveal.progress import Progress, silent

if TYPE_CHECKING:
    from foveal.model.model import Model
    from foveal.prediction.predictor import Predictor


def check(
    data: str | Path | Dataset,
    *,
    root: str | Path | None = None,
    embeddings: bool = False,
    model: str | Path | Model | Predictor | None = None,
    report: str | Path | None = None,
    progress: Progress = silent,
) -> CheckResult:
    """What is in DATA: counts, images that cannot be used, findings with advice.

    data: a folder, table or archive, or a Dataset.  root: the folder of a table's
    images.  embeddings: also look for label errors, similar images and outliers with the embeddings
    of a network, which needs torch and takes longer; model: that network, as `foveal.embed` takes
    it, else installed pretrained weights.  report: where to write an HTML page with thumbnails.
    Raises DataError where DATA does not exist or cannot be opened, UsageError where no pretrained
    weights are installed.
    """
    refuse_overwriting(report, {"the data": data, "the model": model}, "--report", suffixes=PAGE)
    dataset = open_dataset(data, root=root, allow_empty=True)
    vectors = None
    if embeddings or model is not None:
        vectors = _embeddings(dataset, model, progress)
    result = run_checks(dataset, embeddings=vectors, progress=progress)
    if report is not None:
        from foveal.doctor.page import check_page

        write_atomic(Path(report), check_page(dataset, result))
    return result


def _embeddings(
    dataset: Dataset, model: str | Path | Model | Predictor | None, progress: Progress
) -> np.ndarray:
    """float32 (len(dataset), D), a row of NaN for an image that cannot be read."""
    from foveal.prediction.embeddings import embed_dataset
    from foveal.verbs.load import load_features

    predictor = load_features(model)
    found = embed_dataset(predictor, dataset, progress=progress)
    vectors = np.full((len(dataset), predictor.embedding_size), np.nan, np.float32)
    vectors[found.rows] = found.vectors
    return vectors
