"""The training images that activate each filter of a model most, found and cached.

The images are those of a run's data.json, or of DATA; a scan is cached by weights and images.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from foveal.cache import entry_folder, write_about
from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.dataset.run_images import open_run_images
from foveal.dataset.sampling import even_sample
from foveal.dataset.scan.image_stats import content_hash
from foveal.errors import DataError, Error
from foveal.explanation.top_activations import (
    TopActivations,
    TopImages,
    cache_key,
    find_top_activations,
    load_top_activations,
    save_top_activations,
    top_image_indices,
)
from foveal.images.resize import to_input_pixels
from foveal.model.model import Model
from foveal.progress import Progress
from foveal.rundir import RunData, read_run_data

MAX_SCANNED_IMAGES = 1000
BATCH_IMAGES = 50
CACHE_FILE = "top_activations.npz"
Missing = Literal["no_data_file", "images_unavailable"]


@dataclass(frozen=True)
class _ImageSource:
    """One image to scan: its path, its bytes when read, its content hash where known."""

    path: str
    read: Callable[[], bytes]
    content_hash: int | None


def find_top_images(
    model: Model,
    model_path: Path | None,
    data: str | Path | Dataset | None,
    progress: Progress,
    *,
    root: str | Path | None = None,
) -> tuple[TopImages | None, Missing | None]:
    """The top images of all convolutions, or why there are none.

    At most MAX_SCANNED_IMAGES are scanned, evenly spread: the training images of `data`, else
    those of the data.json beside `model_path`.  root: see `open_dataset`.  Raises DataError where
    that is damaged.
    """
    if data is not None:
        sources = _sources_of_data(data, root)
    else:
        run_data = None if model_path is None else read_run_data(model_path.parent)
        if run_data is None:
            return None, "no_data_file"
        sources = _sources_of_run(run_data)
    sample = [sources[index] for index in even_sample(len(sources), MAX_SCANNED_IMAGES)]
    checked = [source for source in map(_checked, sample) if source is not None]
    if not checked:
        return None, "images_unavailable"
    layers = _scan(model, checked, progress)
    shown = {index: _pixels(model, checked[index]) for index in top_image_indices(layers)}
    readable = {index: image for index, image in shown.items() if image is not None}
    return TopImages(tuple(source.path for source in checked), layers, readable), None


def _sources_of_data(data: str | Path | Dataset, root: str | Path | None) -> list[_ImageSource]:
    """The training images of DATA, all where it has no splits."""
    dataset = open_dataset(data, root=root)
    rows = [row for row, split in enumerate(dataset.splits) if split == "train"]
    return [
        _ImageSource(dataset.paths[row], partial(dataset.read, row), None)
        for row in (rows or range(len(dataset)))
    ]


def _sources_of_run(run_data: RunData) -> list[_ImageSource]:
    """The training images of a run; of an archive those that are still in it."""
    dataset, found = open_run_images(run_data.root, run_data.train)
    return [
        _ImageSource(image.path, partial(dataset.read, row), image.content_hash)
        for row, image in enumerate(found)
    ]


def _checked(source: _ImageSource) -> _ImageSource | None:
    """The image with its content hash; None where it is missing or has changed."""
    try:
        found = content_hash(source.read())
    except (OSError, DataError):
        return None
    return replace(source, content_hash=found) if source.content_hash in (None, found) else None


def _pixels(model: Model, source: _ImageSource) -> np.ndarray | None:
    """The image as the network's input; None where it cannot be read."""
    network = model.manifest.network
    try:
        return to_input_pixels(source.read(), network.input, network.preprocess)
    except (OSError, DataError):
        return None


def _scan(
    model: Model, sources: list[_ImageSource], progress: Progress
) -> dict[str, TopActivations]:
    """The top activations of every convolution, from the cache where they are in it."""
    names = sorted(
        name
        for name, module in model.module.named_modules()
        if type(module).__name__ in ("Conv2d", "FlippedConv2d")
    )
    weights = model.manifest.weights_sha256
    hashes = [f"{source.content_hash:016x}" for source in sources]
    folder = entry_folder("explain", cache_key(weights, hashes))
    cached = load_top_activations(folder / CACHE_FILE, names) if weights else None
    if cached is not None:
        return cached
    scanned: list[int] = []
    batches = _batches(model, sources, scanned, progress)
    found = find_top_activations(model.module, names, batches)
    indices = np.array(scanned, np.int64)
    layers = {name: replace(top, images=indices[top.images]) for name, top in found.items()}
    if weights:
        with contextlib.suppress(Error):  # what cannot be cached is found again next time
            save_top_activations(folder / CACHE_FILE, layers)
            write_about(folder, "top activations of a model's filters")
    return layers


def _batches(
    model: Model, sources: list[_ImageSource], scanned: list[int], progress: Progress
) -> Iterator[np.ndarray]:
    """The images that can be read, at most BATCH_IMAGES at a time; `scanned` gets their indices."""
    for start in range(0, len(sources), BATCH_IMAGES):
        batch = []
        end = min(start + BATCH_IMAGES, len(sources))
        for index in range(start, end):
            image = _pixels(model, sources[index])
            if image is not None:
                scanned.append(index)
                batch.append(image)
        if batch:
            yield np.stack(batch)
        progress("finding top activations", end, len(sources))
