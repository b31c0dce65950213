"""The real images for parity check and calibration: from the run beside the model, or from DATA."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from foveal.dataset.dataset import Dataset
from foveal.dataset.labels import encode_labels
from foveal.dataset.run_images import open_run_images
from foveal.dataset.scan.image_stats import content_hash
from foveal.errors import DataError, ImageError
from foveal.images.resize import to_input_pixels
from foveal.model.manifest import Manifest
from foveal.rundir import DATA_FILE, RunData, read_run_data
from foveal.text import and_more

MAX_PARITY_IMAGES = 2000
MAX_CALIBRATION_IMAGES = 512
_USE_DATA = "name labelled images with --data"


@dataclass(frozen=True)
class ParitySamples:
    """Preprocessed images with their labels and files.

    pixels: uint8 (N, H, W, C).  targets: int64 (N,), bool (N, K) for multi-label, or None where the
    model knows no label of the images.  read: the bytes of the file of image i.
    """

    pixels: np.ndarray
    targets: np.ndarray | None
    read: Callable[[int], bytes]

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True)
class SampleRequest:
    """Rows of a dataset to sample from, the content hashes they must have, and the limit.

    labelled: the model knows the labels of the dataset.
    """

    dataset: Dataset
    rows: Sequence[int]
    hashes: Sequence[int | None] | None
    limit: int
    labelled: bool = True


def from_run(
    model: Path, manifest: Manifest, *, calibrate: bool = True
) -> tuple[ParitySamples, ParitySamples]:
    """(parity, calibration) samples: val and train of the data.json beside `model`.

    calibrate: whether the second are needed, else the first are given for them.
    Images that are gone or changed are left out; raises DataError where none is left.
    """
    data = read_run_data(model.parent)
    if data is None:
        raise DataError(f"there is no {DATA_FILE} beside {model}: {_USE_DATA}")
    parity = _split_samples(data, "val", manifest, MAX_PARITY_IMAGES, model)
    if not calibrate:
        return parity, parity
    calibration = _split_samples(data, "train", manifest, MAX_CALIBRATION_IMAGES, model)
    return parity, calibration


def from_data(
    dataset: Dataset, manifest: Manifest, train_hashes: np.ndarray, *, calibrate: bool = True
) -> tuple[ParitySamples, ParitySamples]:
    """(parity, calibration) samples of DATA: its val and train where it has splits.

    Else images the model was not trained on, and those it was; an empty group is replaced by the
    other.  calibrate: as of `from_run`.  A model of weights learned elsewhere takes images of
    unknown classes without their labels.  Raises DataError for a multi-label dataset and a
    single-label model, unknown classes, or no readable image.
    """
    labelled = not _knows_no_class(dataset, manifest)
    if labelled:
        _check_labels(dataset, manifest)
    parity_rows, calibration_rows = _split_rows(dataset, train_hashes)

    def sample(rows: list[int], limit: int) -> ParitySamples:
        return collect(SampleRequest(dataset, rows, None, limit, labelled), manifest)

    parity = calibration = sample(parity_rows or calibration_rows, MAX_PARITY_IMAGES)
    if calibrate:
        calibration = sample(calibration_rows or parity_rows, MAX_CALIBRATION_IMAGES)
    if not len(parity) or not len(calibration):
        raise DataError(f"no image of {dataset.root} can be read; see foveal check")
    return parity, calibration


def collect(request: SampleRequest, manifest: Manifest) -> ParitySamples:
    """Up to `limit` images of the request, in a fixed random order, decoded in threads."""
    order = np.random.default_rng(0).permutation(len(request.rows)).tolist()
    dataset, network = request.dataset, manifest.network

    def load(index: int) -> tuple[int, np.ndarray] | None:
        try:
            content = dataset.read(request.rows[index])
            if request.hashes is not None and content_hash(content) != request.hashes[index]:
                return None
            return request.rows[index], to_input_pixels(content, network.input, network.preprocess)
        except ImageError:
            return None

    loaded = list(islice(_map_in_chunks(load, order, request.limit), request.limit))
    rows = [row for row, _ in loaded]
    return ParitySamples(
        np.stack([image for _, image in loaded])
        if loaded
        else np.zeros((0, *network.input.shape), np.uint8),
        encode_labels([dataset.labels[row] for row in rows], manifest.labels, manifest.task)
        if request.labelled
        else None,
        lambda index: dataset.read(rows[index]),
    )


def _map_in_chunks(
    load: Callable[[int], tuple[int, np.ndarray] | None], order: list[int], size: int
) -> Iterator[tuple[int, np.ndarray]]:
    """What `load` returns but None, in order; in chunks: not all of a large DATA is read."""
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(order), size):
            yield from filter(None, pool.map(load, order[start : start + size]))


def _knows_no_class(dataset: Dataset, manifest: Manifest) -> bool:
    """Whether the weights were learned elsewhere, on other classes than all of the dataset's."""
    learned_elsewhere = bool(manifest.weights) and not manifest.history
    return learned_elsewhere and not set(dataset.classes) & set(manifest.labels)


def _check_labels(dataset: Dataset, manifest: Manifest) -> None:
    if dataset.task == "multi" and manifest.task == "single":
        raise DataError(
            f"{dataset.root} has several labels per image, the model predicts one: "
            "use images with one label each"
        )
    unknown = sorted(set(dataset.classes) - set(manifest.labels))
    if unknown:
        raise DataError(
            f"{dataset.root} has classes the model does not have: "
            f"{and_more(map(repr, unknown), 5)}; "
            f"those of the model are {and_more(map(repr, manifest.labels), 10)}"
        )


def _split_samples(
    data: RunData, split: Literal["train", "val"], manifest: Manifest, limit: int, model: Path
) -> ParitySamples:
    images = [image for image in data.split(split) if _is_labelled(image.labels, manifest)]
    if not images:
        raise DataError(
            f"no {split} image of the model's classes is listed in {model.parent / DATA_FILE}: "
            f"{_USE_DATA}"
        )
    dataset, found = open_run_images(data.root, images)
    hashes = [image.content_hash for image in found]
    samples = collect(SampleRequest(dataset, range(len(found)), hashes, limit), manifest)
    if not len(samples):
        raise DataError(
            f"none of the {len(images):,} {split} images listed in {model.parent / DATA_FILE} "
            f"exists unchanged: {_USE_DATA}"
        )
    return samples


def _split_rows(dataset: Dataset, train_hashes: np.ndarray) -> tuple[list[int], list[int]]:
    """Rows for (parity, calibration)."""
    rows = range(len(dataset))
    if any(dataset.splits):
        return (
            [row for row in rows if dataset.splits[row] == "val"]
            or [row for row in rows if dataset.splits[row] != "train"],
            [row for row in rows if dataset.splits[row] == "train"],
        )
    order = np.random.default_rng(0).permutation(len(dataset))[: 4 * MAX_PARITY_IMAGES].tolist()
    hashes = {row: _hash_of(dataset, row) for row in order}
    trained = set(train_hashes.tolist())
    return (
        [row for row in order if hashes[row] is not None and hashes[row] not in trained],
        [row for row in order if hashes[row] in trained],
    )


def _hash_of(dataset: Dataset, row: int) -> int | None:
    try:
        return content_hash(dataset.read(row))
    except ImageError:
        return None


def _is_labelled(labels: tuple[str, ...], manifest: Manifest) -> bool:
    return set(labels) <= set(manifest.labels) and (manifest.task == "multi" or len(labels) == 1)
