"""Several models on the same images: differences with paired intervals.

Knows nothing of models or files.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from foveal.errors import UsageError
from foveal.evaluation.bootstrap import percentile, resampled
from foveal.evaluation.predictions import Predictions
from foveal.evaluation.schema import ModelDifference
from foveal.evaluation.score_intervals import losses


def differences(answers: Mapping[str, Predictions]) -> tuple[ModelDifference, ...]:
    """Every model minus every later one, on the same rows in the same order.

    The interval is the paired bootstrap's: both models are scored on the same resamples, so what
    makes an image hard for both cancels out.  Raises UsageError where row counts differ.
    """
    return tuple(_difference(answers, one, two) for one, two in combinations(answers, 2))


def _difference(answers: Mapping[str, Predictions], one: str, two: str) -> ModelDifference:
    first, second = answers[one], answers[two]
    if len(first) != len(second):
        raise UsageError(
            f"{one} was scored on {len(first)} images and {two} on {len(second)}; "
            "models are compared on the same images only"
        )
    right = first.correct.astype(np.float64) - second.correct
    worse = losses(first) - losses(second)
    sums = np.column_stack([np.ones(len(right)), right, worse])
    values = resampled(sums, len(right), first.groups, lambda total: total[:, 1:] / total[:, :1])
    return ModelDifference(
        model=one,
        other=two,
        n=len(right),
        accuracy=float(right.mean()),
        accuracy_interval=percentile(values[:, 0]) or (-1.0, 1.0),
        nll=float(worse.mean()),
        nll_interval=percentile(values[:, 1]) or (0.0, 0.0),
    )
