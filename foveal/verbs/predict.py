"""`foveal predict`: predictions for images, in input order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveal.prediction.inputs import OnSkip
from foveal.prediction.prediction import Prediction
from foveal.prediction.predictor import DEFAULT_BATCH_SIZE, Predictor
from foveal.progress import Progress, images_per_second, silent
from foveal.verbs.load import named_weights

if TYPE_CHECKING:
    from foveal.model.model import Model


def predict(
    model: str | Path | Model | Predictor,
    images: Any,
    *,
    top: int | None = 5,
    on_skip: OnSkip | None = None,
    batch_size: int = DEFAULT_BATCH_SIZE,
    progress: Progress = silent,
) -> Iterator[Prediction]:
    """Iterate over one Prediction per image, in input order.

    model: a native or exported file, or what `foveal.load` returned.  images, top, on_skip: as
    Predictor.predict takes them.  batch_size: for a model that is opened here.  The model is
    opened at once, images are read as predictions are taken.  Raises ModelFileError.
    """
    if isinstance(model, str | Path):
        model = named_weights(model)
    predictor = model if isinstance(model, Predictor) else Predictor(model, batch_size=batch_size)
    return _with_progress(predictor.predict(images, top=top, on_skip=on_skip), progress)


def _with_progress(predictions: Iterator[Prediction], progress: Progress) -> Iterator[Prediction]:
    started = time.perf_counter()
    for done, prediction in enumerate(predictions, 1):
        yield prediction
        progress("predicting", done, None, images_per_second(done, started))
