"""Files that failed for a passing reason: a later run must not leave them out for good."""

from __future__ import annotations

from collections.abc import Sequence

from foveal.dataset.dataset import Dataset
from foveal.dataset.sampling import even_sample
from foveal.dataset.types import UnusableFile
from foveal.errors import ImageError
from foveal.images.decode import decode_array
from foveal.images.signatures import HEIC_REASON
from foveal.remote import STORE_REASONS

FILE_REASON = "cannot be opened"
TRANSIENT_REASONS = (FILE_REASON, "needs more memory", HEIC_REASON, *STORE_REASONS)
"""What is in reasons that do not lie in the image itself."""
MAX_TRIED_IMAGES = 16
"""Left out for one reason: all but FILE_REASON pass for most images of it, or for none."""


def readable_again(dataset: Dataset, unusable: Sequence[UnusableFile]) -> bool:
    """Whether an image that was left out for such a reason can be read now."""
    reasons = {
        item.path: reason
        for item in unusable
        if (reason := next((one for one in TRANSIENT_REASONS if one in item.reason), None))
    }
    rows: dict[str, list[int]] = {}
    for row, path in enumerate(dataset.paths if reasons else ()):
        if path in reasons:
            rows.setdefault(reasons[path], []).append(row)
    return any(
        _readable(dataset, of_reason[index])
        for reason, of_reason in rows.items()
        for index in even_sample(
            len(of_reason), len(of_reason) if reason == FILE_REASON else MAX_TRIED_IMAGES
        )
    )


def _readable(dataset: Dataset, row: int) -> bool:
    try:
        decode_array(dataset.read(row), channels=3)
    except ImageError:
        return False
    return True
