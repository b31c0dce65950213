"""Opens images that a run was made of, by the paths in its data.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from foveal.dataset.dataset import Dataset
from foveal.dataset.open import holds_images_inside, open_dataset
from foveal.rundir import RunImage


def open_run_images(root: Path, images: Sequence[RunImage]) -> tuple[Dataset, tuple[RunImage, ...]]:
    """A dataset whose rows are `images` with their labels in the run, and these images.

    root: of the run's data.  Of an archive or shards only images that are still in it; files of a
    folder are found missing when they are read.  Raises DataError where it cannot be opened.
    """
    if not holds_images_inside(root):
        labels = tuple(image.labels for image in images)
        return Dataset(root, tuple(image.path for image in images), labels), tuple(images)
    whole = open_dataset(root)  # only opening it tells where they are
    places = {path: row for row, path in enumerate(whole.paths)}
    found = tuple(image for image in images if image.path in places)
    dataset = whole.subset([places[image.path] for image in found])
    return replace(dataset, labels=tuple(image.labels for image in found)), found
