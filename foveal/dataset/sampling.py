"""A sample spread evenly over a list."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def even_sample(count: int, limit: int) -> NDArray[np.int64]:
    """At most `limit` of the indices 0 to count - 1, evenly spread, rising: int64 (n,)."""
    return np.linspace(0, count - 1, min(count, limit)).astype(np.int64)
