"""Files that failed for a passing reason: a later run must not leave them out for good."""

from __future__ import annotations

from collections.abc import Sequence

from foveal.dataset.dataset import Dataset
from foveal.dataset.types import UnusableFile
from foveal.errors import ImageError
from foveal.images.decode import decode_array
from foveal.images.signatures import HEIC_REASON

TRANSIENT_REASONS = ("cannot be opened", "needs more memory", HEIC_REASON)
"""How the reasons begin that do not lie in the image itself."""


def readable_again(dataset: Dataset, unusable: Sequence[UnusableFile]) -> bool:
    """Whether an image that was left out for such a reason can be read now."""
    paths = {item.path for item in unusable if item.reason.startswith(TRANSIENT_REASONS)}
    return bool(paths) and any(
        _readable(dataset, row) for row, path in enumerate(dataset.paths) if path in paths
    )


def _readable(dataset: Dataset, row: int) -> bool:
    try:
        decode_array(dataset.read(row), channels=3)
    except ImageError:
        return False
    return True
