"""The models a process serves, and how a new file takes the place of an old one.

Knows nothing of HTTP. A request keeps the model it began with; a file that does not load leaves
the old model in place. The new one is loaded, tried and only then put on the shelf.
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
from foveal.model.file import detect_format
from foveal.serving.batcher import Batcher, Rows
from foveal.serving.errors import RequestError
from foveal.serving.logs import Log
from foveal.serving.metrics import Metrics
from foveal.serving.settings import Settings

if TYPE_CHECKING:
    from foveal.prediction.predictor import Predictor

Signature = tuple[int, int, int]


@dataclass(frozen=True)
class ServedModel:
    """One model as it is served: its name, file, Predictor and queue."""

    name: str
    path: Path
    predictor: Predictor
    batcher: Batcher
    version: str
    """The first 12 digits of the SHA-256 of its weights."""
    native: bool


class Models:
    """The models of one process by name; the first is the default."""

    def __init__(self, settings: Settings, metrics: Metrics, log: Log) -> None:
        self._settings, self._metrics, self._log = settings, metrics, log
        self._seen = {name: signature(path) for name, path in settings.models.items()}
        self._served = {
            name: load(name, path, settings, metrics) for name, path in settings.models.items()
        }

    @property
    def models(self) -> Mapping[str, ServedModel]:
        """Name -> model, the default first."""
        return self._served

    def get(self, name: str | None) -> ServedModel:
        """The model of that name, or the default.  Raises Failure 404."""
        if name is None:
            return next(iter(self._served.values()))
        if name not in self._served:
            known = ", ".join(self._served)
            raise RequestError(404, f"there is no model of that name here; there is: {known}")
        return self._served[name]

    def busy_seconds(self) -> float:
        """How long the slowest batch under way has taken."""
        return max(served.batcher.busy_seconds() for served in self._served.values())

    async def watch(self) -> None:
        """Look at the files for ever; load one that has changed and stayed so for one look."""
        changed: dict[str, Signature | None] = {}
        while self._settings.watch_seconds:
            await asyncio.sleep(self._settings.watch_seconds)
            for name, path in self._settings.models.items():
                now = await asyncio.to_thread(signature, path)
                if now is None or now == self._seen[name]:
                    changed.pop(name, None)
                elif changed.get(name) == now:
                    await self.swap(name)
                else:
                    changed[name] = now

    async def swap_all(self) -> None:
        """Load every file anew."""
        for name in self._settings.models:
            await self.swap(name)

    async def swap(self, name: str) -> bool:
        """Load a model's file anew; on failure the old model stays and the log says why."""
        path = self._settings.models[name]
        self._seen[name] = await asyncio.to_thread(signature, path)
        began = time.monotonic()
        try:
            served = await asyncio.to_thread(load, name, path, self._settings, self._metrics)
        except Exception as error:
            reason = str(error) if isinstance(error, Error) else repr(error)
            self._metrics.swaps.labels(name, "kept").inc()
            self._log("model kept", level="error", model=name, reason=reason)
            return False
        self._served = {**self._served, name: served}
        self._metrics.swaps.labels(name, "swapped").inc()
        seconds = round(time.monotonic() - began, 3)
        self._log("model swapped", model=name, version=served.version, seconds=seconds)
        return True


def signature(path: Path) -> Signature | None:
    """What tells that a file was replaced: inode, size and time of change; None where missing."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def load(name: str, path: Path, settings: Settings, metrics: Metrics) -> ServedModel:
    """Load a model file and try it on a grey image; native ones answer one image at a time.

    Raises ModelFileError where it is not a model, is damaged, or gives no finite answer.
    """
    from foveal.prediction.predictor import Predictor

    limits = settings.limits
    predictor = Predictor(path, batch_size=limits.batch, threads=settings.network_threads)
    manifest = predictor.manifest
    native = detect_format(path) == "native"
    answer = predictor.probabilities if native else _answering(path, predictor, settings)
    batcher = Batcher(
        answer,
        # torch gives an image other last bits alone than in company (1e-6); onnxruntime does not.
        rows=1 if native else limits.batch,
        wait_seconds=limits.wait_seconds,
        sizes=metrics.batch.labels(name).observe,
    )
    for rows in (1, limits.batch):
        pixels = np.full((rows, *manifest.network.input.shape), 128, np.uint8)
        if not np.isfinite(answer(pixels)).all():
            raise ModelFileError(
                f"{path} answers a grey image with numbers that are not finite: train or "
                "export it again"
            )
    version = manifest.weights_sha256[:12]
    return ServedModel(name, path, predictor, batcher, version, native)


def _answering(path: Path, predictor: Predictor, settings: Settings) -> Callable[[Rows], Rows]:
    """An image that comes alone may use every core: the number of threads changes no bit."""
    from foveal.prediction.predictor import Predictor

    if settings.alone_threads <= settings.network_threads:
        return predictor.probabilities
    alone = Predictor(path, batch_size=1, threads=settings.alone_threads)

    def answer(pixels: Rows) -> Rows:
        return (alone if len(pixels) == 1 else predictor).probabilities(pixels)

    return answer
