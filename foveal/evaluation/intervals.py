"""95 % intervals by the bootstrap over pictures, or over groups of pictures that belong together.

Knows nothing of what is scored: statistics are functions of sums over pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from foveal.evaluation.answers import Floats, Ints

RESAMPLES = 1000
LEVEL = 0.95
Interval = tuple[float, float]
_CELLS = 4_000_000
"""Numbers in one block of weights: 16 MB of float32."""


def weights(
    n: int, groups: Ints | None = None, *, resamples: int = RESAMPLES, seed: int = 0
) -> Iterator[npt.NDArray[np.float32]]:
    """Blocks (b, n) of how often each resample draws each picture, `resamples` rows in all.

    Pictures are drawn with replacement, or whole groups where there are groups (the cluster
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

    sums: (n, m) array or sparse matrix, what each picture adds to each sum.  statistic: from
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
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(finite, (tail, 1 - tail))
    return float(low), float(high)


def share(values: Floats, hits: float, total: float, units: int) -> Interval | None:
    """The interval of a share `hits / total`.

    Where all or none are right every resample says the same and the bootstrap is blind; then it
    is the exact binomial interval for `units` independent draws.
    """
    if total <= 0:
        return None
    if 0 < hits < total:
        return percentile(values)
    return exact(units if hits >= total else 0, units)


def exact(hits: int, total: int, *, level: float = LEVEL) -> Interval:
    """Clopper and Pearson's interval (1934) of a binomial share; (0, 1) where `total` is 0."""
    from scipy.special import betaincinv

    if total == 0:
        return 0.0, 1.0
    tail = (1 - level) / 2
    low = float(betaincinv(hits, total - hits + 1, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, total - hits, 1 - tail)) if hits < total else 1.0
    return low, high


def lower_bounds(hits: Floats, totals: Floats, *, confidence: float = LEVEL) -> Floats:
    """One-sided exact lower bounds of binomial shares, elementwise; 0 where there is no hit."""
    from scipy.special import betaincinv

    hit, total = np.asarray(hits, np.float64), np.asarray(totals, np.float64)
    bounds = betaincinv(np.maximum(hit, 1), total - hit + 1, 1 - confidence)
    return np.where(hit > 0, bounds, 0.0)
