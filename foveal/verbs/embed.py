"""`foveal embed`: images as vectors, what the output layer of a network receives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foveal.errors import DataError, UsageError
from foveal.files import refuse_overwriting, refuse_overwriting_beside
from foveal.prediction.inputs import OnSkip, iter_inputs
from foveal.prediction.predictor import DEFAULT_BATCH_SIZE
from foveal.progress import Progress, images_per_second, silent
from foveal.text import plural, printable
from foveal.verbs.load import load_features

if TYPE_CHECKING:
    from foveal.model.model import Model
    from foveal.prediction.embeddings import Embedding, Embeddings
    from foveal.prediction.predictor import Predictor


def embed(
    model: str | Path | Model | Predictor | None,
    images: Any,
    *,
    out: str | Path | None = None,
    clusters: int | None = None,
    on_skip: OnSkip | None = None,
    batch_size: int = DEFAULT_BATCH_SIZE,
    progress: Progress = silent,
) -> Embeddings:
    """The embeddings of images, kept in the cache by the content of each file.

    model: a native model file, the name of pretrained weights, what `foveal.load` returned, or None
    for installed pretrained weights.  images, on_skip: as Predictor.predict takes them.
    out: where to write them, .parquet or .npy.  clusters: into how many clusters to divide the
    images; `out` may then be a .csv of path and label.
    Raises DataError where no image can be read, ModelFileError for an exported file.
    """
    from foveal.prediction.embedding_files import (
        check_embeddings_file,
        paths_file,
        write_embeddings,
    )
    from foveal.prediction.embeddings import iter_embeddings

    if clusters is not None and clusters < 1:
        raise UsageError(f"--clusters is {clusters}; give a whole number of 1 or more")
    if out is not None:
        check_embeddings_file(Path(out), clusters=clusters is not None)
        for source in (model, *(images if isinstance(images, list | tuple) else [images])):
            refuse_overwriting(out, {"what is read": source})
        if Path(out).suffix.lower() == ".npy":
            refuse_overwriting_beside(Path(out), paths_file(Path(out)))
    predictor = load_features(model, batch_size=batch_size)
    found = _with_progress(iter_embeddings(predictor, iter_inputs(images, on_skip)), progress)
    result = _collect(found)
    if clusters is not None:
        result = _with_clusters(result, clusters)
    if out is not None:
        write_embeddings(Path(out), result)
    return result


def _with_progress(found: Iterator[Embedding], progress: Progress) -> Iterator[Embedding]:
    started = time.perf_counter()
    for done, item in enumerate(found, 1):
        yield item
        progress("embedding", done, None, images_per_second(done, started))


def _collect(found: Iterator[Embedding]) -> Embeddings:
    from foveal.prediction.embeddings import Embeddings

    paths, vectors, unusable = [], [], []
    for item in found:
        if item.vector is None:
            unusable.append((item.path, item.error or ""))
        else:
            paths.append(item.path)
            vectors.append(item.vector)
    if not vectors:
        raise DataError(_no_image(unusable))
    return Embeddings(tuple(paths), np.stack(vectors), tuple(unusable))


def _no_image(unusable: list[tuple[str | None, str]]) -> str:
    if not unusable:
        return "no image is given; give files, folders, archives or patterns"
    path, reason = unusable[0]
    first = f"{printable(path or 'the first')}: {reason}"
    return f"no image can be read of {plural(len(unusable), 'image')} ({first}); give others"


def _with_clusters(embeddings: Embeddings, count: int) -> Embeddings:
    from foveal.clusters import find_clusters
    from foveal.neighbours import unit_rows

    return replace(embeddings, clusters=find_clusters(unit_rows(embeddings.vectors), count))
