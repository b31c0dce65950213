"""What the routes of one process share, and how images become rows of probabilities."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from foveal.errors import ImageError
from foveal.images.resize import to_input_pixels
from foveal.serving.batcher import InferencePool
from foveal.serving.body import BodyReader
from foveal.serving.errors import unavailable
from foveal.serving.logs import Log
from foveal.serving.metrics import Metrics
from foveal.serving.models import Models, ServedModel
from foveal.serving.settings import Settings

if TYPE_CHECKING:
    from foveal.model.model import Model

PixelSource = Callable[[], np.ndarray]
"""Returns uint8 pixels (n, H, W, C), or raises ImageError; called on a thread."""
ExplainFunction = Callable[["Model", bytes, str], str]
"""(model, image, language) -> one HTML page; may take seconds."""
_DEADLINE_RETRY_SECONDS = 2


@dataclass(eq=False)
class ServerState:
    """One process: its settings, models, threads, metrics and log.

    queued_images: accepted and not answered.  explanation_running: at most one at a time.
    draining: the server is stopping and answers only open requests.
    """

    settings: Settings
    models: Models
    pool: InferencePool
    metrics: Metrics
    log: Log
    explain: ExplainFunction | None = None
    queued_images: int = 0
    explanation_running: bool = False
    draining: bool = False
    body_reader: BodyReader = field(init=False)

    def __post_init__(self) -> None:
        self.body_reader = BodyReader(self.settings.limits)

    def check_queue(self) -> None:
        """Reject a request at once where the queue is full, before and after its body is read."""
        if self.queued_images >= self.settings.limits.queue_images:
            self.metrics.rejected.labels("queue full").inc()
            raise unavailable("the queue is full; try again")

    async def predict_rows(
        self, served: ServedModel, sources: Sequence[PixelSource]
    ) -> list[np.ndarray | ImageError]:
        """The probabilities of every source in order, or why it could not be read.

        Half of what the queue takes wait at once, so that others come in between.  Raises
        RequestError 503 where it is full or the deadline has passed.
        """
        self.check_queue()
        most, results = max(1, self.settings.limits.queue_images // 2), []
        try:
            async with asyncio.timeout(self.settings.limits.deadline_seconds):
                for start in range(0, len(sources), most):
                    results += await self._queued_rows(served, sources[start : start + most])
        except TimeoutError:
            self.metrics.rejected.labels("deadline").inc()
            raise unavailable("the request timed out; try again", _DEADLINE_RETRY_SECONDS) from None
        return results

    async def _queued_rows(
        self, served: ServedModel, sources: Sequence[PixelSource]
    ) -> list[np.ndarray | ImageError]:
        count = len(sources)
        self.queued_images += count
        self.metrics.queued_images.inc(count)
        futures = [self.pool.submit(served.batcher, source) for source in sources]
        try:
            return [await _rows_or_error(future) for future in futures]
        finally:
            for future in futures:
                future.cancel()
            self.queued_images -= count
            self.metrics.queued_images.dec(count)


async def _rows_or_error(future: asyncio.Future[np.ndarray]) -> np.ndarray | ImageError:
    try:
        return await future
    except ImageError as error:
        return error


def image_source(served: ServedModel, content: bytes) -> PixelSource:
    """The source of one encoded image, preprocessed as in the model's training."""
    network = served.predictor.manifest.network
    return lambda: to_input_pixels(content, network.input, network.preprocess)[None]
