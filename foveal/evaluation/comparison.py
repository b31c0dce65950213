"""Differences of several models on the same images, with paired intervals."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from foveal.errors import UsageError
from foveal.evaluation.bootstrap import percentile_interval, resample_statistic
from foveal.evaluation.image_scores import log_losses
from foveal.evaluation.predictions import Predictions
from foveal.evaluation.schema import ModelDifference


def model_differences(predictions: Mapping[str, Predictions]) -> tuple[ModelDifference, ...]:
    """Every model minus every later one, on the same rows in the same order.

    The interval is that of the paired bootstrap: both models are scored on the same resamples, so
    that what makes an image hard for both cancels out.  Raises UsageError where row counts differ.
    """
    return tuple(_difference(predictions, one, two) for one, two in combinations(predictions, 2))


def _difference(predictions: Mapping[str, Predictions], one: str, two: str) -> ModelDifference:
    first, second = predictions[one], predictions[two]
    if len(first) != len(second):
        raise UsageError(
            f"{one} was scored on {len(first)} images and {two} on {len(second)}; "
            "models are compared on the same images only"
        )
    accuracy = first.correct.astype(np.float64) - second.correct
    nll = log_losses(first) - log_losses(second)
    summands = np.column_stack([np.ones(len(first)), accuracy, nll])
    means = resample_statistic(
        summands, len(first), first.groups, lambda sums: sums[:, 1:] / sums[:, :1]
    )
    return ModelDifference(
        model=one,
        other=two,
        n=len(first),
        accuracy=float(accuracy.mean()),
        accuracy_interval=percentile_interval(means[:, 0]) or (-1.0, 1.0),
        nll=float(nll.mean()),
        nll_interval=percentile_interval(means[:, 1]) or (0.0, 0.0),
    )
