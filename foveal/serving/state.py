"""What the routes of one process share, and the one way from images to rows of probabilities.

Knows nothing of HTTP bodies or of how answers are written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from foveal.errors import ImageError
from foveal.images.resize import to_input_pixels
from foveal.serving.batcher import Threads
from foveal.serving.body import BodyReader
from foveal.serving.errors import busy
from foveal.serving.logs import Log
from foveal.serving.metrics import Metrics
from foveal.serving.models import Models, ServedModel
from foveal.serving.settings import Settings

Source = Callable[[], np.ndarray]
"""Gives uint8 pixels (n, H, W, C), or raises ImageError; called on a thread."""
Explain = Callable[[Path, bytes, str], str]
"""(model file, image, language) -> one HTML page; may take seconds."""


@dataclass(eq=False)
class ServerState:
    """One process: its settings, models, threads, numbers and log."""

    settings: Settings
    models: Models
    threads: Threads
    metrics: Metrics
    log: Log
    explain: Explain | None = None
    waiting: int = 0
    """Images accepted and not answered."""
    explaining: bool = False
    draining: bool = False
    bodies: BodyReader = field(init=False)

    def __post_init__(self) -> None:
        self.bodies = BodyReader(self.settings.limits)

    def admit(self) -> None:
        """Refuse at once what would only wait: before the body is read, and when it is here."""
        if self.waiting >= self.settings.limits.queue:
            self.metrics.shed.labels("queue full").inc()
            raise busy("too many images are waiting; try again")

    async def rows(
        self, served: ServedModel, sources: Sequence[Source]
    ) -> list[np.ndarray | ImageError]:
        """The probabilities of every source in order, or why it could not be read.

        Raises Failure 503 where the queue is full or the deadline has passed.
        """
        self.admit()
        count = len(sources)
        self.waiting += count
        self.metrics.waiting.inc(count)
        futures = [self.threads.submit(served.batcher, source) for source in sources]
        try:
            async with asyncio.timeout(self.settings.limits.deadline_seconds):
                return [await _outcome(future) for future in futures]
        except TimeoutError:
            self.metrics.shed.labels("deadline").inc()
            raise busy("there was no answer in time; try again", 2) from None
        finally:
            for future in futures:
                future.cancel()
            self.waiting -= count
            self.metrics.waiting.dec(count)


async def _outcome(future: asyncio.Future[np.ndarray]) -> np.ndarray | ImageError:
    try:
        return await future
    except ImageError as error:
        return error


def image(served: ServedModel, content: bytes) -> Source:
    """The source of one encoded image, prepared as this model was trained."""
    network = served.predictor.manifest.network
    return lambda: to_input_pixels(content, network.input, network.preprocess)[None]
