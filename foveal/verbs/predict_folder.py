"""`foveal predict --out`: predictions for many images as a folder of files, in parts or on Ray."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from foveal.errors import UsageError
from foveal.files import refuse_file_name
from foveal.prediction.inputs import ImageInput, OnSkip, iter_inputs
from foveal.prediction.predictor import Predictor
from foveal.prediction.prefetch import batched
from foveal.pretrained.weights_file import file_sha256
from foveal.progress import Progress, images_per_second, silent
from foveal.scale.chunks import (
    CHUNK_IMAGES,
    ChunkFolder,
    Form,
    encode_predictions,
    open_chunk_folder,
)
from foveal.text import one_of
from foveal.verbs.load import named_weights

Engine = Literal["local", "ray"]


@dataclass(frozen=True)
class PredictionFolder:
    """A folder of predictions after a run.

    images: of the whole input.  written, unreadable: images of the chunks that this run wrote, and
    those among them that could not be read.  missing_chunks: those that other parts have to write.
    """

    path: Path
    images: int
    written: int
    unreadable: int
    missing_chunks: int


def predict_folder(
    model: str | Path,
    paths: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    form: Form = "parquet",
    part: tuple[int, int] = (1, 1),
    engine: Engine = "local",
    workers: int | None = None,
    top: int | None = 5,
    on_skip: OnSkip | None = None,
    chunk_images: int = CHUNK_IMAGES,
    progress: Progress = silent,
) -> PredictionFolder:
    """Write one prediction per image to files in `out`, in input order; what is there stays.

    paths: files, folders, archives, globs, addresses.  part: (i, n), this process writes the i-th
    of n parts.  engine: `ray` divides the chunks among actors, `workers` of them.  top: classes in
    each prediction, None for all.  Run again with the same arguments, it goes on.
    Raises ModelFileError, UsageError where `out` holds something else, MissingExtra.
    """
    number, parts = part
    if not 1 <= number <= parts:
        raise UsageError(f"--part is {number}/{parts}; give i/n with i from 1 to n, as 2/8")
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    if engine not in get_args(Engine):
        raise UsageError(f"--engine is '{engine}'; give {one_of(get_args(Engine))}")
    refuse_file_name(Path(out))
    source = named_weights(model)
    if engine == "ray":
        from foveal.scale.ray_engine import predict_on_ray, require_ray

        require_ray()
        if not isinstance(source, Path):
            raise UsageError("--engine ray needs a model file, not the name of pretrained weights")
    predictor = Predictor(source)
    identity = file_sha256(source) if isinstance(source, Path) else str(model)
    folder = open_chunk_folder(
        Path(out),
        iter_inputs(given, on_skip),
        model=identity,
        top=top,
        form=form,
        chunk_images=chunk_images,
    )
    wanted = folder.missing(part)
    chunks = (
        chunk
        for chunk in enumerate(batched(iter_inputs(given), folder.chunk_images))
        if chunk[0] in wanted
    )
    if engine == "ray":
        assert isinstance(source, Path)
        results = predict_on_ray(
            source, chunks, chunk_images=chunk_images, workers=workers, top=top, form=form
        )
    else:
        results = _predict_here(predictor, chunks, chunk_images, top, form)
    return _write(folder, results, progress)


def _predict_here(
    predictor: Predictor,
    chunks: Iterator[tuple[int, list[ImageInput]]],
    chunk_images: int,
    top: int | None,
    form: Form,
) -> Iterator[tuple[int, bytes, int, int]]:
    for index, items in chunks:
        seen = index * chunk_images
        predictions = list(predictor.predict_inputs(iter(items), top, seen=seen))
        unreadable = sum(prediction.error is not None for prediction in predictions)
        yield index, encode_predictions(predictions, form), len(items), unreadable


def _write(
    folder: ChunkFolder, results: Iterator[tuple[int, bytes, int, int]], progress: Progress
) -> PredictionFolder:
    written = unreadable = 0
    started = time.perf_counter()
    for index, content, images, failed in results:
        folder.write(index, content)
        written += images
        unreadable += failed
        progress("predicting", written, None, images_per_second(written, started))
    return PredictionFolder(folder.path, folder.images, written, unreadable, len(folder.missing()))
