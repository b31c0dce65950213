"""Which images cannot be read, for what is decided before every image was decoded."""

from __future__ import annotations

from collections.abc import Sequence

from foveal.dataset.dataset import Dataset
from foveal.dataset.pixel_facts import find_pixel_facts
from foveal.dataset.sampling import even_sample
from foveal.dataset.scan.scan import scan_images
from foveal.dataset.types import UnusableFile
from foveal.dataset.workers.pool import map_chunks
from foveal.dataset.workers.task import ScanTask
from foveal.doctor.trainable import unreadable_rows
from foveal.progress import Progress

MAX_SAMPLED_IMAGES = 256
"""Were more than 5 % unreadable, none would be among so many once in 500,000 times."""
MAX_LISTED_SHARE = 0.01
"""Of files that listing DATA found unusable, for a sample to suffice."""
_CHUNK_SIZE = 16


def find_unreadable(
    dataset: Dataset, splits: Sequence[str], progress: Progress
) -> list[tuple[int, UnusableFile]]:
    """The rows of train and val that cannot be read, as `reading_errors` takes them.

    A sample is decoded, with an image of each class; only where one of it cannot be read every
    image is scanned, which `assign_splits` may have done and cached.
    """
    rows = [row for row, split in enumerate(dataset.splits) if split != "test"]
    few_listed = len(dataset.unusable) <= MAX_LISTED_SHARE * len(rows)
    if few_listed and _all_readable(dataset, _sample(dataset, splits, rows)):
        return []
    scan = scan_images(dataset, rows, progress=progress)
    used = [row for row in rows if splits[row] != "test"]
    return unreadable_rows(dataset, used, scan.rows.tolist(), scan.unusable)


def _sample(dataset: Dataset, splits: Sequence[str], rows: Sequence[int]) -> list[int]:
    """Rows spread over all, and the first one of each class of train and of val."""
    firsts: dict[tuple[str, str], int] = {}
    for row in rows:
        if splits[row] == "val":
            firsts.setdefault(("val", ""), row)
        elif splits[row] == "train":
            for label in dataset.labels[row]:
                firsts.setdefault(("train", label), row)
    spread = (rows[index] for index in even_sample(len(rows), MAX_SAMPLED_IMAGES))
    return sorted({*spread, *firsts.values()})


def _all_readable(dataset: Dataset, rows: Sequence[int]) -> bool:
    facts = find_pixel_facts(dataset)
    task = ScanTask(False, facts.background, facts.range)
    results = [result for _, result in map_chunks(dataset, task, rows, _CHUNK_SIZE)]
    return not any(result.failures for result in results)
