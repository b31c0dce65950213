"""Predicts chunks of images on Ray: actors that each hold the model, on one machine or many."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from foveal.errors import Error, MissingExtra
from foveal.prediction.inputs import ImageInput
from foveal.scale.chunks import Form, encode_predictions

MAX_TASK_RETRIES = 3
"""Of a chunk whose actor died, as from too little memory."""
CHUNKS_AHEAD = 2
"""Chunks given to an actor at a time: it never waits, and little is lost with it."""

Chunk = tuple[int, list[ImageInput]]


def require_ray() -> None:
    """Raise MissingExtra without Ray."""
    if find_spec("ray") is None:
        raise MissingExtra("--engine ray", "ray")


def predict_on_ray(
    model: Path,
    chunks: Iterator[Chunk],
    *,
    chunk_images: int,
    workers: int | None,
    top: int | None,
    form: Form,
) -> Iterator[tuple[int, bytes, int, int]]:
    """Yield (index, content of the file, images, unreadable images) of each chunk as it is done.

    chunks: of chunk_images images each, the last of fewer.
    Ray is joined where it runs (RAY_ADDRESS), else started here.  workers: actors, one processor
    each; None: one per processor of the cluster.  Every machine must see `model` and the images at
    the same paths.  Raises Error where a chunk kills its actor again and again.
    """
    import ray

    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    joined = ray.is_initialized()
    if not joined:
        ray.init(log_to_driver=False, logging_level="error", configure_logging=False)
    try:
        count = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        remote = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=MAX_TASK_RETRIES)(_Actor)
        actors = [remote.remote(str(model.absolute()), top, form) for _ in range(count)]
        yield from _run(ray, actors, chunks, chunk_images)
    finally:
        if not joined:
            ray.shutdown()


def _run(ray: Any, actors: list[Any], chunks: Iterator[Chunk], chunk_images: int) -> Iterator[Any]:
    """Give every actor the next chunk when it has finished one."""
    running: dict[Any, tuple[int, Any]] = {}
    waiting = [actor for actor in actors for _ in range(CHUNKS_AHEAD)]
    while True:
        while waiting and (chunk := next(chunks, None)) is not None:
            actor = waiting.pop(0)
            index, items = chunk
            running[actor.predict.remote(items, index * chunk_images)] = index, actor
        if not running:
            return
        (done,), _ = ray.wait(list(running), num_returns=1)
        index, actor = running.pop(done)
        try:
            yield index, *ray.get(done)
        except ray.exceptions.RayActorError as error:
            raise Error(
                f"chunk {index} ended its worker {MAX_TASK_RETRIES + 1} times, most likely for "
                "want of memory: give fewer --workers; what is written stays"
            ) from error
        waiting.append(actor)


class _Actor:
    """The model in a process of its own, on one thread."""

    def __init__(self, model: str, top: int | None, form: Form) -> None:
        from foveal.prediction.predictor import Predictor

        self._predictor = Predictor(model, threads=1)
        if "torch" in sys.modules:  # as the model is a native file
            sys.modules["torch"].set_num_threads(1)
        self._top, self._form = top, form

    def predict(self, items: list[ImageInput], seen: int) -> tuple[bytes, int, int]:
        predictions = list(self._predictor.predict_inputs(iter(items), self._top, seen=seen))
        unreadable = sum(prediction.error is not None for prediction in predictions)
        return encode_predictions(predictions, self._form), len(items), unreadable
