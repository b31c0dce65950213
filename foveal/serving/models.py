"""The models a process serves and how their files are reloaded.

A request keeps the model it began with. A new file is loaded and run once before it replaces the
old model; one that does not load leaves the old model in place.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from foveal.errors import Error, ModelFileError
from foveal.model.detect import detect_format
from foveal.prediction.prediction import NOT_FINITE
from foveal.serving.batcher import Batcher, Rows
from foveal.serving.errors import RequestError
from foveal.serving.logs import Log
from foveal.serving.metrics import Metrics
from foveal.serving.settings import Settings

if TYPE_CHECKING:
    from foveal.prediction.predictor import Predictor

FileSignature = tuple[int, int, int]
"""Inode, size in bytes and time of modification in ns."""
_TEST_GREY = 128


@dataclass(frozen=True)
class ServedModel:
    """One loaded model: its name, file, Predictor and queue."""

    name: str
    path: Path
    predictor: Predictor
    batcher: Batcher
    version: str
    """The first 12 hex digits of the SHA-256 of its weights."""
    native: bool


class Models:
    """The models of one process by name; the first is the default."""

    def __init__(self, settings: Settings, metrics: Metrics, log: Log) -> None:
        self._settings, self._metrics, self._log = settings, metrics, log
        self._signatures = {name: file_signature(path) for name, path in settings.models.items()}
        self._served = {
            name: load_served_model(name, path, settings, metrics)
            for name, path in settings.models.items()
        }
        self._reload_lock = asyncio.Lock()

    @property
    def by_name(self) -> Mapping[str, ServedModel]:
        """Name -> model, the default first."""
        return self._served

    def get(self, name: str | None) -> ServedModel:
        """The model of that name, or the default.  Raises RequestError 404."""
        if name is None:
            return next(iter(self._served.values()))
        if name not in self._served:
            raise RequestError(404, f"unknown model; this server has: {', '.join(self._served)}")
        return self._served[name]

    def running_seconds(self) -> float:
        """How long the slowest batch that is running has taken."""
        return max(served.batcher.running_seconds() for served in self._served.values())

    async def watch(self) -> None:
        """Poll the files for ever; reload one that has changed and is the same at the next poll."""
        changed: dict[str, FileSignature | None] = {}
        while self._settings.reload_interval_seconds:
            await asyncio.sleep(self._settings.reload_interval_seconds)
            for name, path in self._settings.models.items():
                current = await asyncio.to_thread(file_signature, path)
                if current is None or current == self._signatures[name]:
                    changed.pop(name, None)
                elif changed.get(name) == current:
                    await self.reload(name)
                else:
                    changed[name] = current

    async def reload_all(self) -> None:
        """Reload every file."""
        for name in self._settings.models:
            await self.reload(name)

    async def reload(self, name: str) -> bool:
        """Reload a model's file; on failure the old model stays and the reason is logged."""
        async with self._reload_lock:  # else one that began earlier could end later
            return await self._reload(name)

    async def _reload(self, name: str) -> bool:
        path = self._settings.models[name]
        self._signatures[name] = await asyncio.to_thread(file_signature, path)
        started = time.monotonic()
        try:
            served = await asyncio.to_thread(
                load_served_model, name, path, self._settings, self._metrics
            )
        except Exception as error:
            reason = str(error) if isinstance(error, Error) else repr(error)
            self._metrics.reloads.labels(name, "failed").inc()
            self._log("model reload failed", level="error", model=name, reason=reason)
            return False
        self._served = {**self._served, name: served}
        self._metrics.reloads.labels(name, "reloaded").inc()
        seconds = round(time.monotonic() - started, 3)
        self._log("model reloaded", model=name, version=served.version, seconds=seconds)
        return True


def file_signature(path: Path) -> FileSignature | None:
    """Changes when a file is replaced or written; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def load_served_model(name: str, path: Path, settings: Settings, metrics: Metrics) -> ServedModel:
    """Load a model file and run it on a grey image; native models predict one image at a time.

    Raises ModelFileError where it is not a model, is damaged, or its output is not finite.
    """
    from foveal.prediction.predictor import Predictor

    limits = settings.limits
    predictor = Predictor(path, batch_size=limits.batch_size, threads=settings.inference_threads)
    manifest = predictor.manifest
    native = detect_format(path) == "native"
    infer = predictor.probabilities if native else _onnx_inference(path, predictor, settings)
    # torch changes the last bits (1e-6) of a row with the batch size; onnxruntime does not.
    max_rows = 1 if native else limits.batch_size
    batcher = Batcher(
        infer,
        max_rows=max_rows,
        wait_seconds=limits.batch_wait_seconds,
        on_batch=metrics.batch_rows.labels(name).observe,
    )
    for rows in sorted({1, max_rows}):
        pixels = np.full((rows, *manifest.network.input.shape), _TEST_GREY, np.uint8)
        if not np.isfinite(infer(pixels)).all():
            raise ModelFileError(
                f"{NOT_FINITE} for a grey image, so {path} is not served; train or export it again"
            )
    version = manifest.weights_sha256[:12]
    return ServedModel(name, path, predictor, batcher, version, native)


def _onnx_inference(path: Path, predictor: Predictor, settings: Settings) -> Callable[[Rows], Rows]:
    """A batch of one image may use every core: the number of threads changes no bit."""
    from foveal.prediction.predictor import Predictor

    if settings.single_image_threads <= settings.inference_threads:
        return predictor.probabilities
    single = Predictor(path, batch_size=1, threads=settings.single_image_threads)

    def infer(pixels: Rows) -> Rows:
        return (single if len(pixels) == 1 else predictor).probabilities(pixels)

    return infer
