"""95 % confidence intervals of an accuracy, or of any binomial share (Clopper and Pearson 1934)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Interval = tuple[float, float]
CONFIDENCE_LEVEL = 0.95


def binomial_interval(
    successes: float, trials: float, *, confidence: float = CONFIDENCE_LEVEL
) -> Interval:
    """The exact two-sided interval of `successes / trials`; (0, 1) where `trials` is 0.

    Fractional counts are allowed: an effective sample size is rarely whole.
    """
    from scipy.special import betaincinv

    if trials == 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    failures = trials - successes
    low = float(betaincinv(successes, failures + 1, tail)) if successes > 0 else 0.0
    high = float(betaincinv(successes + 1, failures, 1 - tail)) if successes < trials else 1.0
    return low, high


def binomial_lower_bounds(
    successes: npt.NDArray[np.float64],
    trials: npt.NDArray[np.float64],
    *,
    confidence: float = CONFIDENCE_LEVEL,
) -> npt.NDArray[np.float64]:
    """One-sided exact lower bounds of `successes / trials`, elementwise; 0 without a success."""
    import numpy as np
    from scipy.special import betaincinv

    counts, totals = np.asarray(successes, np.float64), np.asarray(trials, np.float64)
    bounds = betaincinv(np.maximum(counts, 1), totals - counts + 1, 1 - confidence)
    return np.where(counts > 0, bounds, 0.0)
