"""Embeddings of many images: computed once for each content of a file, kept in the cache."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from foveal.clusters import Clusters
from foveal.dataset.dataset import Dataset
from foveal.dataset.retry import readable_again
from foveal.dataset.scan.image_stats import content_hash
from foveal.dataset.types import UnusableFile
from foveal.errors import ImageError
from foveal.images.file_bytes import read_bytes
from foveal.prediction.embedding_cache import (
    EmbeddingCache,
    load_listing,
    open_cache,
    save_listing,
    save_vectors,
)
from foveal.prediction.inputs import ArchivedImage, DatasetImage, ImageInput
from foveal.prediction.prediction import NOT_FINITE
from foveal.prediction.predictor import Predictor
from foveal.prediction.prefetch import batched, decode_input, map_ahead
from foveal.progress import Progress, images_per_second, silent

SAVED_AT_A_TIME = 2048
"""Vectors that are saved together, so that little is lost where the work is interrupted."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """One image: path as passed, vector float32 (D,) or None and the reason in `error`.

    content_hash: 64 bits of its file's content; None for an image in memory.
    """

    path: str | None
    vector: NDArray[np.float32] | None
    error: str | None = None
    content_hash: int | None = None


@dataclass(frozen=True, eq=False)
class Embeddings:
    """The embeddings of N images that can be read, and the others with the reason.

    paths: as passed, None for an image in memory.  vectors: float32 (N, D).
    unusable: path and reason of each image that cannot be read.
    """

    paths: tuple[str | None, ...]
    vectors: NDArray[np.float32]
    unusable: tuple[tuple[str | None, str], ...]
    clusters: Clusters | None = None

    def cluster_names(self) -> list[str]:
        """`cluster-1` and so on for each image, with leading zeros; empty without clusters."""
        if self.clusters is None:
            return []
        width = len(str(int(self.clusters.indices.max()) + 1))
        return [f"cluster-{index + 1:0{width}d}" for index in self.clusters.indices.tolist()]


@dataclass(frozen=True, eq=False)
class DatasetEmbeddings:
    """The embeddings of a data set's images that can be read; the first axis is the same.

    rows: int64 (N,).  vectors: float32 (N, D).  content_hashes: uint64 (N,).
    unusable: the images that cannot be read.
    """

    rows: NDArray[np.int64]
    vectors: NDArray[np.float32]
    content_hashes: NDArray[np.uint64]
    unusable: tuple[UnusableFile, ...]


@dataclass(frozen=True, eq=False)
class _Prepared:
    """An image before the network: its pixels, or its cached vector, or the error."""

    path: str | None
    content_hash: int | None
    pixels: NDArray[np.uint8] | None = None
    vector: NDArray[np.float32] | None = None
    error: str | None = None


def iter_embeddings(
    predictor: Predictor, inputs: Iterable[ImageInput], cache: EmbeddingCache | None = None
) -> Generator[Embedding]:
    """One Embedding per input, in order; files whose content is in the cache are not decoded."""
    size = predictor.embedding_size
    cache = cache or open_cache(predictor.native, size)
    new: dict[int, NDArray[np.float32]] = {}
    compute = predictor.require_features().feature_function()
    prepare = partial(_prepare, predictor=predictor, cache=cache)
    try:
        with closing(map_ahead(prepare, inputs, ahead=3 * predictor.batch_size)) as prepared:
            for batch in batched(prepared, predictor.batch_size):
                for source, item in zip(batch, _embed_batch(compute, batch), strict=True):
                    key, vector = item.content_hash, item.vector
                    if source.pixels is not None and key is not None and vector is not None:
                        new[key] = vector
                    yield item
                if len(new) >= SAVED_AT_A_TIME:
                    save_vectors(cache, new)
                    new = {}
    finally:
        save_vectors(cache, new)


def embed_dataset(
    predictor: Predictor, dataset: Dataset, *, progress: Progress = silent
) -> DatasetEmbeddings:
    """The embeddings of all images of a data set; files that did not change are not read again."""
    size = predictor.embedding_size
    cache = open_cache(predictor.native, size)
    fingerprint = dataset.fingerprint(range(len(dataset)))
    listed = load_listing(cache.folder, fingerprint)
    if listed is not None:
        cached = _from_cache(dataset, cache, *listed)
        if cached is not None:
            return cached
    inputs = (
        ImageInput(path, DatasetImage(dataset, row)) for row, path in enumerate(dataset.paths)
    )
    found = []
    began = perf_counter()
    for item in iter_embeddings(predictor, inputs, cache):
        found.append(item)
        note = images_per_second(len(found), began)
        progress("computing embeddings", len(found), len(dataset), note)
    if not any(item.error == NOT_FINITE for item in found):
        hashes = [item.content_hash if item.error is None else None for item in found]
        save_listing(cache.folder, fingerprint, hashes, [item.error or "" for item in found])
    return _collect(dataset, found, size)


def _from_cache(
    dataset: Dataset, cache: EmbeddingCache, hashes: list[int | None], reasons: list[str]
) -> DatasetEmbeddings | None:
    """All from the cache; None where a vector is missing or a file can be read again."""
    found = [
        Embedding(path, None if one is None else cache.get(one), reason or None, one)
        for path, one, reason in zip(dataset.paths, hashes, reasons, strict=True)
    ]
    if any(item.vector is None and item.error is None for item in found):
        return None
    embeddings = _collect(dataset, found, cache.size)
    return None if readable_again(dataset, embeddings.unusable) else embeddings


def _collect(dataset: Dataset, found: list[Embedding], size: int) -> DatasetEmbeddings:
    readable = [row for row, item in enumerate(found) if item.vector is not None]
    vectors = np.empty((len(readable), size), np.float32)
    for place, row in enumerate(readable):
        vectors[place] = found[row].vector
    return DatasetEmbeddings(
        rows=np.array(readable, np.int64),
        vectors=vectors,
        content_hashes=np.array([found[row].content_hash for row in readable], np.uint64),
        unusable=tuple(
            UnusableFile(path, item.error)
            for path, item in zip(dataset.paths, found, strict=True)
            if item.error is not None
        ),
    )


def _prepare(item: ImageInput, predictor: Predictor, cache: EmbeddingCache) -> _Prepared:
    """Read the file; decode it unless the vector of its content is known."""
    found = None
    if item.error is None and item.is_file:
        try:
            content = _read(item.value)
        except ImageError as error:
            return _Prepared(item.path, None, error=error.reason)
        found = content_hash(content)
        vector = cache.get(found)
        if vector is not None:
            return _Prepared(item.path, found, vector=vector)
        item = ImageInput(item.path, content)
    decoded = decode_input(item, predictor.manifest.network)
    return _Prepared(item.path, found, decoded.pixels, error=decoded.error)


def _read(value: Path | bytes | ArchivedImage | DatasetImage) -> bytes:
    if isinstance(value, bytes):
        return value
    return read_bytes(value) if isinstance(value, Path) else value.read()


def _embed_batch(
    compute: Callable[[NDArray[np.uint8]], NDArray[np.float32]], batch: list[_Prepared]
) -> Iterator[Embedding]:
    pixels = [item.pixels for item in batch if item.pixels is not None]
    computed = iter(compute(np.stack(pixels)) if pixels else ())
    for item in batch:
        vector = item.vector if item.pixels is None else next(computed)
        error = item.error
        if vector is not None and not np.isfinite(vector).all():
            vector, error = None, NOT_FINITE
        yield Embedding(item.path, vector, error, item.content_hash)
