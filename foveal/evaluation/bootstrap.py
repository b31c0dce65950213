"""95 % intervals: the bootstrap over images or groups of them, exact ones where it sees little.

Knows nothing of what is scored: statistics are functions of sums over images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from foveal.evaluation.predictions import Floats, Ints
from foveal.intervals import CONFIDENCE_LEVEL, Interval, binomial_interval

RESAMPLES = 1000
FEW = 30
"""With fewer right or fewer wrong answers than this an interval is exact, not resampled.

The percentile bootstrap then leaves out 3.5 to 5 % on the worse side instead of 2.5 %, and with
three errors or fewer it says that there may be none at all; from 30 on the two hardly differ.
"""
_CELLS = 4_000_000
"""Numbers in one block of weights: 16 MB of float32."""


def weights(
    n: int, groups: Ints | None = None, *, resamples: int = RESAMPLES, seed: int = 0
) -> Iterator[npt.NDArray[np.float32]]:
    """Blocks (b, n) of how often each resample draws each image, `resamples` rows in all.

    Images are drawn with replacement, or whole groups where there are groups (the cluster
    bootstrap; Field and Welsh 2007).  The same arguments give the same draws, so that differences
    of two models are paired.
    """
    chance = np.random.default_rng(seed)
    units = n if groups is None else int(groups.max(initial=-1)) + 1
    block = max(1, min(resamples, _CELLS // max(units, n, 1)))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = chance.integers(units, size=(rows, units))
        drawn += np.arange(rows)[:, None] * units
        counts = np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units)
        drawn_weights = counts.astype(np.float32)
        yield drawn_weights if groups is None else drawn_weights[:, groups]


def resampled(
    sums: Any, n: int, groups: Ints | None, statistic: Callable[[Floats], Floats]
) -> Floats:
    """(resamples, ...) `statistic` of the weighted column sums of `sums`.

    sums: (n, m) array or sparse matrix, what each image adds to each sum.  statistic: from
    (b, m) sums to (b, ...) values; may give NaN where a resample has nothing to score.
    """
    across = sums.T
    return np.concatenate(
        [statistic(np.asarray(across @ block.T, np.float64).T) for block in weights(n, groups)]
    )


def percentile(values: Floats) -> Interval | None:
    """The middle 95 % of resampled values (percentile bootstrap); None where none is a number."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    tail = (1 - CONFIDENCE_LEVEL) / 2
    low, high = np.quantile(finite, (tail, 1 - tail))
    return float(low), float(high)


def share(values: Floats, hits: float, total: float, units: int) -> Interval | None:
    """The interval of a share `hits / total`: exact where right or wrong answers are few.

    values: the resampled share.  units: how many independent things were drawn; where they are
    fewer than `total`, the resampled variance says how many independent answers these are worth
    (the effective sample size; Korn and Graubard 1998).
    """
    if total <= 0:
        return None
    worth = _worth(values, hits / total, total, units)
    if min(hits, total - hits) * worth / total < FEW:
        return binomial_interval(hits / total * worth, worth)
    return percentile(values)


def weighted(parts: Floats, weight: float, square: float) -> Interval:
    """The gamma interval of a sum of few weighted counts (Tiwari, Clegg and Zou 2006).

    parts: what each independent thing adds, mostly 0.  weight, square: the mean weight of one
    more, and its mean square.  With equal weights it is the exact interval of a Poisson count.
    """
    from scipy.special import gammaincinv

    tail = (1 - CONFIDENCE_LEVEL) / 2
    total, spread = float(parts.sum()), float((parts**2).sum())
    more, wider = total + weight, spread + square
    low = gammaincinv(total**2 / spread, tail) * spread / total if total > 0 else 0.0
    return float(low), float(gammaincinv(more**2 / wider, 1 - tail) * wider / more)


def _worth(values: Floats, share: float, total: float, units: int) -> float:
    """How many independent answers `total` answers of `units` things are worth."""
    if units >= total or share in (0.0, 1.0):
        return units
    variance = float(np.var(values[np.isfinite(values)])) if np.isfinite(values).any() else 0.0
    return min(total, share * (1 - share) / variance) if variance > 0 else units
