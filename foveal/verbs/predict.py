"""`foveal predict`: answers for images, in input order.

Knows nothing of how answers are printed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveal.prediction.prediction import Prediction
from foveal.prediction.predictor import DEFAULT_BATCH_SIZE, Predictor
from foveal.progress import Progress, silent

if TYPE_CHECKING:
    from foveal.model.model import Model


def predict(
    model: str | Path | Model | Predictor,
    images: Any,
    *,
    top: int | None = 5,
    batch_size: int = DEFAULT_BATCH_SIZE,
    progress: Progress = silent,
) -> Iterator[Prediction]:
    """The answers of `model` for `images`, one an image and in order, as they come.

    images: as Predictor.predict takes them.  The model is opened at once, images are read as
    the answers are asked for.  Raises ModelFileError.
    """
    chosen = model if isinstance(model, Predictor) else Predictor(model, batch_size=batch_size)
    return _reported(chosen.predict(images, top=top), progress)


def _reported(answers: Iterator[Prediction], progress: Progress) -> Iterator[Prediction]:
    started = time.perf_counter()
    for done, answer in enumerate(answers, 1):
        yield answer
        seconds = time.perf_counter() - started
        progress("predicting", done, None, f"{done / max(seconds, 1e-9):,.0f} images/s")
