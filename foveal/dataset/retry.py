"""Faults that pass: a file that could not be opened for a moment must not stay left out for good.

Knows nothing of what is kept of the images that could be read.
"""

from __future__ import annotations

from collections.abc import Sequence

from foveal.dataset.dataset import Dataset
from foveal.dataset.types import UnusableFile
from foveal.errors import ImageError
from foveal.images.decode import decode_array

TRANSIENT_REASONS = ("cannot be opened", "needs more memory")
"""How the reasons begin that lie in the machine's moment, not in the image."""


def readable_again(listing: Dataset, unusable: Sequence[UnusableFile]) -> bool:
    """Whether an image that was left out for such a reason can be read now."""
    asked = {item.path for item in unusable if item.reason.startswith(TRANSIENT_REASONS)}
    return bool(asked) and any(
        _readable(listing, row) for row, path in enumerate(listing.paths) if path in asked
    )


def _readable(listing: Dataset, row: int) -> bool:
    try:
        decode_array(listing.read(row), channels=3)
    except ImageError:
        return False
    return True
