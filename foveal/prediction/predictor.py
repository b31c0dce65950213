"""The Predictor: one way to an answer, whichever file the model is in and however images come.

Knows nothing of training, evaluation or the formats of the answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foveal.errors import UsageError
from foveal.model.detect import detect_format
from foveal.prediction import prediction
from foveal.prediction.inputs import iter_inputs
from foveal.prediction.prediction import Prediction
from foveal.prediction.prefetch import DecodedImage, batches, decoded
from foveal.prediction.torch_backend import TorchBackend, open_native

if TYPE_CHECKING:
    from foveal.model.manifest import Manifest
    from foveal.model.model import Model
    from foveal.prediction.onnx_backend import OnnxBackend

DEFAULT_BATCH_SIZE = 64
"""Images scored at once unless asked otherwise."""


class Predictor:
    """Answers for images by a native file, an exported file or a Model; fp32 unless int8.

    The same pixels give the same label, and probabilities within 1e-5, for every batch size and
    every route.  An exported file needs no torch.
    """

    def __init__(
        self, model: str | Path | Model, *, batch_size: int = DEFAULT_BATCH_SIZE, threads: int = 0
    ) -> None:
        """Open `model`; raises ModelFileError for a file that cannot be trusted or read.

        threads: how many an exported file may use, 0 for every core; torch has its own setting.
        """
        if batch_size < 1:
            raise UsageError(f"batch_size is {batch_size}; give 1 or more")
        self.batch_size = batch_size
        self._session = _open(model, threads)

    @property
    def manifest(self) -> Manifest:
        """What the model says about itself; an exported file's is read whole when asked for."""
        return self._session.manifest

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities."""
        return self._session.manifest.labels

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Logits float32 (N, units) of uint8 (N, H, W, C), mirror averaging included."""
        return self._batched(self._session.logits, pixels, self._session.manifest.units)

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """Calibrated probabilities float32 (N, K) of uint8 pixels (N, H, W, C)."""
        if isinstance(self._session, TorchBackend):
            return prediction.probabilities(self.logits(pixels), self._session.manifest)
        return self._batched(self._session.probabilities, pixels, len(self.labels))

    def predict(self, given: Any, *, top: int | None = 5) -> Iterator[Prediction]:
        """The answers for `given`, in order, one an image; those that cannot be read have `error`.

        given: a path, folder or glob, bytes of an image file, a PIL image, a uint8 array, or any
        iterable of these.  Files and bytes are decoded in threads while the network runs, arrays
        and images when they are taken; at most four batches are in memory.  top: classes in `top`,
        None for all.
        """
        if top is not None and top < 1:
            raise UsageError(f"top is {top}; give 1 or more, or None for all classes")
        return self._predict(given, top)

    def _predict(self, given: Any, top: int | None) -> Iterator[Prediction]:
        ahead = 3 * self.batch_size
        images = decoded(iter_inputs(given), self._session.manifest.network, ahead=ahead)
        try:
            for batch in batches(images, self.batch_size):
                yield from self._answers(batch, top)
        finally:
            images.close()

    def _answers(self, batch: list[DecodedImage], top: int | None) -> Iterator[Prediction]:
        readable = [item.pixels for item in batch if item.pixels is not None]
        rows = iter(self.probabilities(np.stack(readable)) if readable else ())
        for item in batch:
            if item.pixels is None:
                yield Prediction(item.path, error=item.error)
                continue
            row = next(rows)
            if np.isfinite(row).all():
                yield prediction.make_prediction(row, self._session.manifest, item.path, top)
            else:
                yield Prediction(item.path, error="the network's answer is not a number")

    def _batched(self, score: Any, pixels: np.ndarray, width: int) -> np.ndarray:
        wanted = self._session.manifest.network.input.shape
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != wanted:
            raise UsageError(
                f"pixels are {pixels.dtype} {pixels.shape}, the network needs uint8 "
                f"(N, {wanted[0]}, {wanted[1]}, {wanted[2]}): use Predictor.predict for images"
            )
        out = np.empty((len(pixels), width), np.float32)
        for start in range(0, len(pixels), self.batch_size):
            part = slice(start, start + self.batch_size)
            out[part] = score(pixels[part])
        return out


def _open(model: str | Path | Model, threads: int) -> TorchBackend | OnnxBackend:
    if not isinstance(model, str | Path):
        return open_native(model)
    path = Path(model)
    if detect_format(path) == "onnx":
        from foveal.prediction.onnx_backend import open_exported

        return open_exported(path, threads)
    return open_native(path)
