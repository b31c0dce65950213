"""Content hashes of images and which can be read, from an index or from one pass over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.dataset import Dataset
from foveal.dataset.scan.scan import scan_images
from foveal.dataset.shards.shard_image import ShardImage
from foveal.dataset.types import UnusableFile
from foveal.progress import Progress, silent


@dataclass(frozen=True, eq=False)
class FileFacts:
    """N readable images: rows int64 (N,), content_hashes and pixel_hashes uint64 (N,).

    Equal pixel hashes are equal images.  unusable: the files that cannot be read.
    """

    rows: NDArray[np.int64]
    content_hashes: NDArray[np.uint64]
    pixel_hashes: NDArray[np.uint64]
    unusable: tuple[UnusableFile, ...] = ()


def read_file_facts(
    dataset: Dataset, rows: NDArray[np.int64], progress: Progress = silent
) -> FileFacts:
    """The facts of these rows: of packed shards those in the index, as each image was decoded then.

    Else of a scan, which is cached.
    """
    known = [_known_hash(dataset, row) for row in rows.tolist()]
    hashes = [value for value in known if value is not None]
    if len(hashes) == len(rows):
        content = np.array(hashes, np.uint64)
        return FileFacts(rows, content, content)
    scan = scan_images(dataset, rows.tolist(), progress=progress)
    return FileFacts(scan.rows, scan.content_hashes, scan.pixel_hashes, scan.unusable)


def _known_hash(dataset: Dataset, row: int) -> int | None:
    member = dataset.archive_members[row] if dataset.archive_members else None
    return member.content_hash if isinstance(member, ShardImage) else None
