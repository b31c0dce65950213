"""The thresholds a recipe asks for, chosen on val when a training ends.

Knows nothing of files; a wish that cannot be met becomes a sentence, never a lost run.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foveal.errors import Error
from foveal.evaluation.collect import predictions_of
from foveal.evaluation.predictions import Bools, Ints
from foveal.evaluation.selective import choose_thresholds
from foveal.model.manifest import Manifest

KEYS = ("abstain_at_accuracy", "positive_class", "min_recall")


def choose_on_val(
    manifest: Manifest, logits: np.ndarray, targets: Ints | Bools, paths: Sequence[str]
) -> tuple[Manifest, tuple[str, ...]]:
    """`manifest` with the thresholds its recipe asks for, and what could not be had.

    logits: (N, units) of val.  targets: int64 (N,), or (N, K) for several labels an image.
    """
    wanted = {key: manifest.recipe.get(key) for key in KEYS}
    if all(value is None for value in wanted.values()):
        return manifest, ()
    truth = np.asarray(targets, bool if manifest.task == "multi" else np.int64)
    try:
        # The operating point changes answers, so abstaining is chosen on the answers it gives.
        points = {**wanted, "abstain_at_accuracy": None}
        answers = predictions_of(logits, manifest, truth, paths)
        manifest = _with(manifest, choose_thresholds(answers, **points))
        answers = predictions_of(logits, manifest, truth, paths)
        abstain = {"abstain_at_accuracy": wanted["abstain_at_accuracy"]}
        least = choose_thresholds(answers, **abstain).abstain
        limits = manifest.thresholds.model_copy(update={"abstain": least})
        return _with(manifest, limits), ()
    except Error as error:
        return manifest, (f"not all thresholds of the recipe were chosen: {error}",)


def _with(manifest: Manifest, thresholds: object) -> Manifest:
    return manifest.model_copy(update={"thresholds": thresholds})
