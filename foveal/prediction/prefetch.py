"""Decodes images in threads ahead of the network, in order and with bounded memory.

Knows nothing of networks or answers.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from foveal.errors import ImageError
from foveal.images.resize import pixels
from foveal.prediction.inputs import ImageInput

if TYPE_CHECKING:
    from foveal.model.brief import BriefNetwork
    from foveal.spec.network import Network


@dataclass(frozen=True)
class DecodedImage:
    """An image's pixels, uint8 (H, W, C), or None and the reason."""

    path: str | None
    pixels: np.ndarray | None
    error: str | None = None


def decoded(
    sources: Iterable[ImageInput], network: Network | BriefNetwork, *, ahead: int
) -> Generator[DecodedImage]:
    """Every source decoded, in order; at most `ahead` images are held or under way."""
    waiting: deque[Future[DecodedImage]] = deque()
    todo = iter(sources)
    with ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="foveal-decode") as pool:
        try:
            while True:
                for source in islice(todo, ahead - len(waiting)):
                    waiting.append(_begun(pool, source, network))
                if not waiting:
                    return
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _begun(
    pool: ThreadPoolExecutor, source: ImageInput, network: Network | BriefNetwork
) -> Future[DecodedImage]:
    """An image in memory is taken at once: its giver may use the array or image for the next."""
    if isinstance(source.value, Path | bytes):
        return pool.submit(decode, source, network)
    done: Future[DecodedImage] = Future()
    done.set_result(decode(source, network))
    return done


def batches(items: Iterator[DecodedImage], size: int) -> Iterator[list[DecodedImage]]:
    """Lists of up to `size` items."""
    while batch := list(islice(items, size)):
        yield batch


def decode(source: ImageInput, network: Network | BriefNetwork) -> DecodedImage:
    """One source decoded; what goes wrong with an image is its answer, never an exception."""
    if source.error is not None:
        return DecodedImage(source.path, None, source.error)
    try:
        return DecodedImage(
            source.path, pixels(source.value, network.input, network.preprocess), None
        )
    except ImageError as error:
        return DecodedImage(source.path, None, error.reason)
    except Exception as error:  # an image opened by others raises what its reader likes
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return DecodedImage(source.path, None, reason[0].lower() + reason[1:])
