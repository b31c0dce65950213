"""Decodes images in threads ahead of the network, in input order and with bounded memory."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from foveal.errors import ImageError, MissingExtra
from foveal.images.resize import to_input_pixels
from foveal.prediction.inputs import ArchivedImage, DatasetImage, ImageInput, RemoteImage
from foveal.remote import address_of

if TYPE_CHECKING:
    from foveal.model.inference_manifest import InferenceNetwork
    from foveal.spec.network import Network

FETCH_THREADS = 16
"""Images at addresses fetched at a time: a store answers late, and each thread only waits."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class DecodedImage:
    """The preprocessed pixels of an image, uint8 (H, W, C), or None and the reason."""

    path: str | None
    pixels: np.ndarray | None
    error: str | None = None


def decode_ahead(
    inputs: Iterable[ImageInput], network: Network | InferenceNetwork, *, ahead: int
) -> Generator[DecodedImage]:
    """Decode `inputs` in order; at most `ahead` images are decoded or being decoded at a time."""
    return map_ahead(lambda item: decode_input(item, network), inputs, ahead=ahead)


def map_ahead(
    function: Callable[[ImageInput], Result], inputs: Iterable[ImageInput], *, ahead: int
) -> Generator[Result]:
    """What `function` returns for `inputs`, in order; at most `ahead` are there or under way.

    Files go to threads, those at addresses as bytes; an image in memory does not, as the caller
    may use its buffer again.
    """
    pending: deque[Future[Result]] = deque()
    threads = os.cpu_count() or 1
    with (
        closing(_fetch_ahead(inputs)) as remaining,
        ThreadPoolExecutor(threads, thread_name_prefix="foveal-decode") as pool,
    ):
        try:
            while True:
                for item in islice(remaining, ahead - len(pending)):
                    pending.append(_submit(pool, function, item))
                if not pending:
                    return
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _submit(
    pool: ThreadPoolExecutor, function: Callable[[ImageInput], Result], item: ImageInput
) -> Future[Result]:
    if item.is_file:
        return pool.submit(function, item)
    done: Future[Result] = Future()
    done.set_result(function(item))
    return done


def _fetch_ahead(inputs: Iterable[ImageInput]) -> Generator[ImageInput]:
    """`inputs` in order, images at addresses as bytes, which several connections fetch ahead."""
    pending: deque[Future[ImageInput]] = deque()
    with closing(_FetchThreads()) as threads:
        for item in inputs:
            is_remote = _is_remote(item)
            if is_remote:
                pending.append(threads.submit(item))
            while pending and (len(pending) >= 2 * FETCH_THREADS or not is_remote):
                yield pending.popleft().result()
            if not is_remote:
                yield item
        while pending:
            yield pending.popleft().result()


class _FetchThreads:
    """Fetches in threads that no end waits for: a store that stalls must not hold up Ctrl-C.

    The threads of a ThreadPoolExecutor are joined where it is closed, and at the interpreter's end.
    """

    def __init__(self) -> None:
        self._tasks: SimpleQueue[tuple[ImageInput, Future[ImageInput]] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._closed = False

    def submit(self, item: ImageInput) -> Future[ImageInput]:
        """The image as bytes, or its error."""
        future: Future[ImageInput] = Future()
        self._tasks.put((item, future))
        if len(self._threads) < FETCH_THREADS:
            thread = threading.Thread(target=self._work, name="foveal-fetch", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def close(self) -> None:
        """End the threads, each after what it fetches now; nothing else is fetched."""
        self._closed = True
        for _ in self._threads:
            self._tasks.put(None)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None and not self._closed:
            item, future = task
            try:
                future.set_result(_fetch(item))
            except BaseException as error:
                future.set_exception(error)


def _is_remote(item: ImageInput) -> bool:
    value = item.value
    if isinstance(value, DatasetImage):
        return address_of(value.dataset.root) is not None
    return isinstance(value, RemoteImage)


def _fetch(item: ImageInput) -> ImageInput:
    try:
        return ImageInput(item.path, item.value.read())
    except (ImageError, MissingExtra) as error:
        return ImageInput(item.path, error=str(error))


def batched(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """Lists of up to `size` items."""
    while batch := list(islice(items, size)):
        yield batch


def decode_input(item: ImageInput, network: Network | InferenceNetwork) -> DecodedImage:
    """Decode and preprocess one image; a failure is returned in `error`, never raised."""
    if item.error is not None:
        return DecodedImage(item.path, None, item.error)
    try:
        value = (
            item.value.read()
            if isinstance(item.value, ArchivedImage | DatasetImage)
            else item.value
        )
        return DecodedImage(item.path, to_input_pixels(value, network.input, network.preprocess))
    except ImageError as error:
        return DecodedImage(item.path, None, error.reason)
    except Exception as error:  # a PIL image opened by the caller may raise any type
        return DecodedImage(item.path, None, _foreign_reason(error))


def _foreign_reason(error: Exception) -> str:
    """What an error of another library says; its text may begin with a name and stays as it is."""
    system = getattr(error, "strerror", None)
    if system:
        return str(system)[0].lower() + str(system)[1:]
    return str(error) or type(error).__name__
