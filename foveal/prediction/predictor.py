"""Predictor: predictions and probabilities for images from a native or an exported model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foveal.errors import DataError, ModelFileError, UsageError
from foveal.model.detect import detect_format
from foveal.prediction.inputs import ImageInput, OnSkip, iter_inputs
from foveal.prediction.prediction import Prediction, make_prediction, probabilities_from_logits
from foveal.prediction.prefetch import DecodedImage, batched, decode_ahead
from foveal.prediction.torch_backend import BatchFunction, TorchBackend, open_torch_backend

if TYPE_CHECKING:
    from torch import nn

    from foveal.model.manifest import Manifest
    from foveal.model.model import Model
    from foveal.prediction.litert_backend import LitertBackend
    from foveal.prediction.onnx_backend import OnnxBackend

DEFAULT_BATCH_SIZE = 64


class Predictor:
    """A trained model that is ready for inference, native or exported; what `foveal.load` returns.

    Precision is fp32 unless the file is int8.  The label of an image does not depend on the batch
    size or on how the image is passed, and its probabilities agree within 1e-5.
    """

    def __init__(
        self, model: str | Path | Model, *, batch_size: int = DEFAULT_BATCH_SIZE, threads: int = 0
    ) -> None:
        """Open a model file (native: needs torch; .onnx: onnxruntime; .tflite: LiteRT) or a Model.

        threads: of the runtime for an exported file, 0 for one per core; torch has its own
        setting.  Raises ModelFileError for a file that is damaged, modified or of another kind.
        """
        if batch_size < 1:
            raise UsageError(f"batch_size is {batch_size}; give 1 or more")
        self.batch_size = batch_size
        self._backend = _open_backend(model, threads)

    @property
    def manifest(self) -> Manifest:
        """The whole manifest; that of an exported file is parsed on first use."""
        return self._backend.manifest

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities."""
        return self._backend.inference_manifest.labels

    @property
    def native(self) -> Model:
        """The Model (torch module and manifest) of a native file; ModelFileError if exported."""
        if isinstance(self._backend, TorchBackend):
            return self._backend.model
        raise ModelFileError(
            f"{self._backend.path} is an exported file, which holds no torch module; "
            "give the model.safetensors it was exported from"
        )

    @property
    def module(self) -> nn.Module:
        """The torch module of a native file, uint8 or float (N, C, H, W) in 0..255 to logits."""
        return self.native.module

    def predict(
        self, images: Any, *, top: int | None = 5, on_skip: OnSkip | None = None
    ) -> Iterator[Prediction]:
        """Iterate over one Prediction per image, in input order.

        images: a path, folder, archive or glob, bytes of an image file, a PIL image, a uint8 array
        (H, W), (H, W, C) or (N, H, W, C), or any iterable of these.  An image that cannot be read
        gives a Prediction with `error`.  top: number of classes in `Prediction.top`, None for all.
        on_skip: called with (path, reason) for each file of a folder or archive that is no image.

        Files and bytes are decoded in threads while the network runs; at most four batches are in
        memory.
        """
        if top is not None and top < 1:
            raise UsageError(f"top is {top}; give 1 or more, or None for all classes")
        return self.predict_inputs(iter_inputs(images, on_skip), top)

    def predict_inputs(
        self, inputs: Iterator[ImageInput], top: int | None, *, seen: int = 0
    ) -> Iterator[Prediction]:
        """As `predict`, for what `iter_inputs` gives; seen: as `logits_function` takes it."""
        manifest = self._backend.inference_manifest
        for item, row in self._iter_rows(inputs, self._probability_function(seen)):
            if row is None:
                yield Prediction(item.path, error=item.error)
            else:
                yield make_prediction(row, manifest, item.path, top)

    def predict_proba(self, images: Any) -> np.ndarray:
        """Calibrated probabilities float32 (N, K), one row per image, columns as `labels`.

        images: as `predict` takes them.  Raises DataError where one cannot be read.
        """
        inputs = self._iter_rows(iter_inputs(images), self._probability_function())
        return _stack_rows(inputs, "predict", len(self.labels))

    def embed(self, images: Any) -> np.ndarray:
        """Embeddings float32 (N, D), one row per image: what the output layer receives.

        images: as `predict` takes them.  Raises DataError where one cannot be read,
        ModelFileError for an exported file, which holds no such output.
        """
        run = self.require_features().feature_function()
        return _stack_rows(
            self._iter_rows(iter_inputs(images), run), "foveal.embed", self.embedding_size
        )

    @property
    def embedding_size(self) -> int:
        """D of `embed`; raises ModelFileError for an exported file."""
        return self.require_features().feature_count

    def features(self, pixels: np.ndarray) -> np.ndarray:
        """What the output layer receives, float32 (N, D), for preprocessed uint8 (N, H, W, C).

        It is averaged over the flipped image where the network has `flip_average`.
        """
        backend = self.require_features()
        return self._run_batched(backend.feature_function(), pixels, backend.feature_count)

    def require_features(self) -> TorchBackend:
        """The backend of a native file; raises ModelFileError for an exported one."""
        if isinstance(self._backend, TorchBackend):
            return self._backend
        raise ModelFileError(
            f"{self._backend.path} is an exported file, which gives probabilities and no "
            "embeddings; give the model.safetensors it was exported from"
        )

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Logits float32 (N, units) of preprocessed uint8 pixels (N, H, W, C).

        They are averaged over the flipped image where the network has `flip_average`.
        """
        return self.logits_function()(pixels)

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """Calibrated probabilities float32 (N, K) of preprocessed uint8 pixels (N, H, W, C)."""
        return self._probability_function()(pixels)

    def logits_function(self, seen: int = 0) -> BatchFunction:
        """What computes `logits` of batch after batch, made ready once.

        seen: images of the same work before these, so that its parts have the bits of the whole.
        """
        backend, units = self._backend, self._backend.inference_manifest.units
        run = backend.logits_function(seen) if isinstance(backend, TorchBackend) else backend.logits
        return lambda pixels: self._run_batched(run, pixels, units)

    def _probability_function(self, seen: int = 0) -> BatchFunction:
        """What computes `probabilities` of batch after batch, made ready once."""
        backend = self._backend
        if isinstance(backend, TorchBackend):
            logits = self.logits_function(seen)
            return lambda pixels: probabilities_from_logits(logits(pixels), backend.manifest)
        return lambda pixels: self._run_batched(backend.probabilities, pixels, len(self.labels))

    def _iter_rows(
        self, inputs: Iterator[ImageInput], run: BatchFunction
    ) -> Iterator[tuple[DecodedImage, np.ndarray | None]]:
        """Every image with its row of what `run` gives, None where it cannot be read."""
        network = self._backend.inference_manifest.network
        with closing(decode_ahead(inputs, network, ahead=3 * self.batch_size)) as decoded:
            for batch in batched(decoded, self.batch_size):
                pixels = [item.pixels for item in batch if item.pixels is not None]
                rows = iter(run(np.stack(pixels)) if pixels else ())
                for item in batch:
                    yield item, None if item.pixels is None else next(rows)

    def _run_batched(self, run: BatchFunction, pixels: np.ndarray, outputs: int) -> np.ndarray:
        expected = self._backend.inference_manifest.network.input.shape
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != expected:
            raise UsageError(
                f"pixels are {pixels.dtype} {pixels.shape}, the network needs uint8 "
                f"(N, {expected[0]}, {expected[1]}, {expected[2]}): "
                "use Predictor.predict for images"
            )
        out = np.empty((len(pixels), outputs), np.float32)
        for start in range(0, len(pixels), self.batch_size):
            batch = slice(start, start + self.batch_size)
            out[batch] = run(pixels[batch])
        return out


def _stack_rows(
    images: Iterator[tuple[DecodedImage, np.ndarray | None]], alternative: str, columns: int
) -> np.ndarray:
    """float32 (N, columns); DataError where an image cannot be read.

    alternative: what goes on after such an image.
    """
    rows: list[np.ndarray] = []
    for item, row in images:
        if row is None:
            name = item.path or f"image {len(rows)}"
            raise DataError(
                f"{name} cannot be read: {item.error}; remove it, or use {alternative}, which "
                "reports such images and goes on"
            )
        rows.append(row)
    return np.stack(rows) if rows else np.empty((0, columns), np.float32)


def _open_backend(
    model: str | Path | Model, threads: int
) -> TorchBackend | OnnxBackend | LitertBackend:
    if not isinstance(model, str | Path):
        return open_torch_backend(model)
    path = Path(model)
    file_format = detect_format(path)
    if file_format in ("onnx", "page"):
        from foveal.prediction.onnx_backend import open_onnx_backend

        return open_onnx_backend(path, threads)
    if file_format == "litert":
        from foveal.prediction.litert_backend import open_litert_backend

        return open_litert_backend(path, threads)
    return open_torch_backend(path)
