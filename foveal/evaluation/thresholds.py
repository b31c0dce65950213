"""Thresholds chosen on labelled images: for abstention at an accuracy, for recall of a class."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from foveal.errors import Error, UsageError
from foveal.evaluation.inference import to_predictions
from foveal.evaluation.predictions import BoolArray, IntArray, Predictions
from foveal.evaluation.selective import by_confidence, end_of_ties, threshold_at
from foveal.intervals import CONFIDENCE_LEVEL, binomial_lower_bounds
from foveal.model.manifest import Manifest, Thresholds
from foveal.text import MAX_LISTED_CLASSES, and_more

N_CANDIDATES = 20
"""Coverages an abstention threshold is chosen from: 5, 10 ... 100 %."""
DEFAULT_MIN_RECALL = 0.95
RECIPE_KEYS = ("abstain_at_accuracy", "positive_class", "min_recall")


def choose_recipe_thresholds(
    manifest: Manifest, logits: np.ndarray, targets: IntArray | BoolArray, paths: Sequence[str]
) -> tuple[Manifest, tuple[str, ...]]:
    """`manifest` with the thresholds its recipe asks for, and warnings where there are none.

    logits: (N, units) of val.  targets: int64 (N,), or (N, K) for several labels an image.
    A threshold that cannot be chosen is a warning, so that a finished training is never lost.
    """
    recipe = {key: manifest.recipe.get(key) for key in RECIPE_KEYS}
    if all(value is None for value in recipe.values()):
        return manifest, ()
    targets = np.asarray(targets, bool if manifest.task == "multi" else np.int64)
    try:
        # The operating point changes predictions, so the abstention threshold comes second.
        predictions = to_predictions(logits, manifest, targets, paths)
        limits = choose_class_thresholds(
            predictions, recipe["positive_class"], recipe["min_recall"]
        )
        manifest = manifest.model_copy(update={"thresholds": limits})
        accuracy = recipe["abstain_at_accuracy"]
        if accuracy is not None:
            predictions = to_predictions(logits, manifest, targets, paths)
            abstain = choose_abstention_threshold(predictions, accuracy)
            limits = limits.model_copy(update={"abstain": abstain})
        return manifest.model_copy(update={"thresholds": limits}), ()
    except Error as error:
        return manifest, (f"the recipe's thresholds were not all chosen: {error}",)


def choose_class_thresholds(
    predictions: Predictions, positive_class: str | None, min_recall: float | None
) -> Thresholds:
    """The largest thresholds with at least `min_recall` (None: 0.95), chosen on val.

    Two classes: the operating point of `positive_class` (None: of the second class).  Several
    labels an image: the threshold of `positive_class`, or of every label where it is None.  None
    at all where both are None.  Raises UsageError for an unknown class or a task with more than
    two classes, Error where val has no image of the class.
    """
    if positive_class is None and min_recall is None:
        return Thresholds()
    labels = predictions.labels
    recall = DEFAULT_MIN_RECALL if min_recall is None else min_recall
    if positive_class is not None and positive_class not in labels:
        raise UsageError(
            f"positive_class is '{positive_class}', which is not a class; "
            f"the classes are {and_more(labels, MAX_LISTED_CLASSES)}"
        )
    if not 0 < recall <= 1:
        raise UsageError(f"min_recall is {recall:g}; give a share above 0 and at most 1")
    if predictions.task == "multi":
        chosen = labels if positive_class is None else (positive_class,)
        points = {name: choose_operating_point(predictions, name, recall) for name in chosen}
        return Thresholds(per_label=points)
    if len(labels) != 2:
        raise UsageError(
            f"an operating point needs two classes or several labels an image, here are "
            f"{len(labels)} classes; leave positive_class and min_recall out"
        )
    positive = labels[1] if positive_class is None else positive_class
    point = choose_operating_point(predictions, positive, recall)
    return Thresholds(positive_class=positive, operating_point=point)


def choose_abstention_threshold(predictions: Predictions, accuracy: float) -> float:
    """The least threshold above which predictions have at least `accuracy`, with 95 % confidence.

    For 20 coverages the exact lower bound of the accuracy is computed at a confidence of
    1 - 0.05 / 20, so that with 95 % none of them is too high (Clopper and Pearson 1934, with
    Bonferroni's correction, as Geifman and El-Yaniv 2017).  Groups count as one image each.
    Raises UsageError where `accuracy` is not in (0, 1), Error where no threshold reaches it.
    """
    if not 0 < accuracy < 1:
        raise UsageError(
            f"abstain_at_accuracy is {accuracy:g}; give a share above 0 and below 1, like 0.99"
        )
    probability, n_correct = by_confidence(predictions)
    n, scale = len(predictions), predictions.n_units / len(predictions)
    candidate_ends = [round(n * k / N_CANDIDATES) for k in range(1, N_CANDIDATES + 1)]
    ends = np.array(sorted({end_of_ties(probability, max(1, end)) for end in candidate_ends}))
    level = 1 - (1 - CONFIDENCE_LEVEL) / N_CANDIDATES
    bounds = binomial_lower_bounds(n_correct[ends - 1] * scale, ends * scale, confidence=level)
    passing = np.flatnonzero(bounds >= accuracy)
    if len(passing):
        return threshold_at(probability, int(ends[passing[-1]]))
    best = int(bounds.argmax())
    needed = math.ceil(math.log((1 - CONFIDENCE_LEVEL) / N_CANDIDATES) / math.log(accuracy))
    raise Error(
        f"no threshold guarantees an accuracy of {accuracy:g} on these {n} images: the best lower "
        f"bound is {bounds[best]:.4f}, with {ends[best]} of them predicted; ask for a lower "
        f"accuracy, or give more images (at least {needed} correct predictions are needed)"
    )


def choose_operating_point(predictions: Predictions, label: str, min_recall: float) -> float:
    """The largest threshold of `label` with a recall of at least `min_recall`."""
    index = predictions.labels.index(label)
    probabilities = np.sort(predictions.probabilities[predictions.is_class(index), index])[::-1]
    if not len(probabilities):
        raise Error(f"no image of '{label}' to choose its operating point on; add some to val")
    last = probabilities[max(0, math.ceil(min_recall * len(probabilities) - 1e-9) - 1)]
    return float(np.nextafter(np.float32(last), np.float32(0)))  # so that the last is included
