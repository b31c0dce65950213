"""Numbers that files from elsewhere hold."""

from __future__ import annotations

import sys


def is_finite(number: float) -> bool:
    """Whether a float can hold it; of an integer of 400 digits math.isfinite raises an error."""
    return abs(number) <= sys.float_info.max
