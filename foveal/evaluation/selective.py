"""Saying "I do not know": accuracy against coverage, thresholds chosen with a bound, strangers.

Knows nothing of files, models or pages.
"""

from __future__ import annotations

import math

import numpy as np

from foveal.errors import Error, UsageError
from foveal.evaluation.predictions import Floats, Predictions
from foveal.evaluation.schema import (
    AbstainingScore,
    CoveragePoint,
    OperatingPoint,
    OutOfDistribution,
)
from foveal.intervals import CONFIDENCE_LEVEL, binomial_interval, binomial_lower_bounds
from foveal.model.manifest import Thresholds

POINTS = 101
"""Points of the coverage curve."""
CANDIDATES = 20
"""Coverages a threshold is chosen from: 5, 10 ... 100 %."""


def coverage_curve(answers: Predictions) -> tuple[CoveragePoint, ...]:
    """Accuracy of the answers that remain when only the surest are given; full coverage first."""
    order = np.argsort(-answers.max_probability, kind="stable")
    sure, right = answers.max_probability[order], np.cumsum(answers.correct[order])
    n, points = len(answers), []
    ends = sorted({_end(sure, round(n * k / (POINTS - 1))) for k in range(1, POINTS)}, reverse=True)
    scale = answers.units / n
    for end in ends:
        hits = int(right[end - 1])
        bound = binomial_lower_bounds(np.array([hits * scale]), np.array([end * scale]))[0]
        points.append(
            CoveragePoint(
                threshold=0.0 if end == n else float(sure[end - 1]),
                coverage=end / n,
                n=end,
                accuracy=hits / end,
                bound=float(bound),
            )
        )
    return tuple(points)


def choose_threshold(answers: Predictions, accuracy: float) -> float:
    """The least threshold whose answers are right with at least `accuracy`, surely.

    For 20 coverages the exact lower bound of the accuracy is computed at a confidence of
    1 - 0.05 / 20, so that with 95 % none of them promises too much (Clopper and Pearson 1934,
    with Bonferroni's correction, as Geifman and El-Yaniv 2017).  Groups count as one image each.
    Raises UsageError where `accuracy` is no share, Error where no threshold reaches it.
    """
    if not 0 < accuracy < 1:
        raise UsageError(
            f"abstain at accuracy is {accuracy:g}; give a share above 0 and below 1, like 0.99"
        )
    order = np.argsort(-answers.max_probability, kind="stable")
    sure, right = answers.max_probability[order], np.cumsum(answers.correct[order])
    n, scale = len(answers), answers.units / len(answers)
    wanted = [round(n * k / CANDIDATES) for k in range(1, CANDIDATES + 1)]
    ends = np.array(sorted({_end(sure, max(1, end)) for end in wanted}))
    level = 1 - (1 - CONFIDENCE_LEVEL) / CANDIDATES
    bounds = binomial_lower_bounds(right[ends - 1] * scale, ends * scale, confidence=level)
    passing = np.flatnonzero(bounds >= accuracy)
    if len(passing):
        end = int(ends[passing[-1]])
        return 0.0 if end == n else float(sure[end - 1])
    best = int(bounds.argmax())
    least = math.ceil(math.log((1 - CONFIDENCE_LEVEL) / CANDIDATES) / math.log(accuracy))
    raise Error(
        f"no threshold promises an accuracy of {accuracy:g} on these {n} images: the best lower "
        f"bound is {bounds[best]:.4f}, when {ends[best]} of them are answered; ask for less, or "
        f"give more images (at least {least} right answers are needed to promise it)"
    )


def choose_thresholds(
    answers: Predictions,
    *,
    abstain_at_accuracy: float | None = None,
    positive_class: str | None = None,
    min_recall: float | None = None,
) -> Thresholds:
    """The thresholds a recipe asks for, chosen on val.

    positive_class, min_recall: two classes: the largest operating point at which at least that
    share of the class is found.  Several labels an image: the same for `positive_class`, or for
    every label where it is None.  Raises UsageError for a class that is not there or a task with
    more than two classes, Error where val has no image of the class.
    """
    found = Thresholds()
    if min_recall is not None or positive_class is not None:
        found = _operating(answers, positive_class, 0.95 if min_recall is None else min_recall)
    if abstain_at_accuracy is not None:
        threshold = choose_threshold(answers, abstain_at_accuracy)
        found = found.model_copy(update={"abstain": threshold})
    return found


def operating_point(answers: Predictions, label: str, min_recall: float) -> float:
    """The largest probability of `label` from which `min_recall` of its images are found."""
    place = answers.labels.index(label)
    multi = answers.task == "multi"
    truth = answers.targets[:, place] if multi else answers.targets == place
    said = np.sort(answers.probabilities[truth, place])[::-1]
    if not len(said):
        raise Error(f"no image of '{label}' to choose its operating point on; add some to val")
    last = said[max(0, math.ceil(min_recall * len(said) - 1e-9) - 1)]
    return float(np.nextafter(np.float32(last), np.float32(0)))  # so that the last itself is found


def seen_operating(answers: Predictions, thresholds: Thresholds) -> tuple[OperatingPoint, ...]:
    """What the stored operating points do on these images."""
    points = dict(thresholds.per_label) if answers.task == "multi" else {}
    if thresholds.positive_class is not None and thresholds.operating_point is not None:
        points[thresholds.positive_class] = thresholds.operating_point
    return tuple(_seen(answers, label, point) for label, point in points.items())


def seen_abstaining(answers: Predictions, threshold: float | None) -> AbstainingScore | None:
    """What the stored threshold does on these images; None where none is stored."""
    if threshold is None:
        return None
    kept = answers.max_probability >= threshold
    n, hits = int(kept.sum()), int(answers.correct[kept].sum())
    return AbstainingScore(
        threshold=threshold,
        coverage=n / len(answers),
        n=n,
        accuracy=hits / n if n else None,
        accuracy_interval=binomial_interval(hits, n) if n else None,
    )


def out_of_distribution(
    folder: str, probabilities: Floats, answers: Predictions, threshold: float | None, unusable: int
) -> OutOfDistribution:
    """How strangers (images of no known class) are met; `probabilities` are theirs, (M, K)."""
    from sklearn.metrics import roc_auc_score

    sure, n = probabilities.max(axis=1), len(probabilities)
    away = None if threshold is None else int((sure < threshold).sum())
    known = np.concatenate([np.ones(len(answers)), np.zeros(n)])
    return OutOfDistribution(
        folder=folder,
        n=n,
        unusable=unusable,
        threshold=threshold,
        turned_away=None if away is None else away / n,
        turned_away_interval=None if away is None else binomial_interval(away, n),
        mean_probability=float(sure.mean()),
        roc_auc=float(roc_auc_score(known, np.concatenate([answers.max_probability, sure]))),
    )


def _operating(answers: Predictions, positive: str | None, min_recall: float) -> Thresholds:
    if positive is not None and positive not in answers.labels:
        raise UsageError(
            f"positive_class is '{positive}', which is not a class; "
            f"the classes are {', '.join(answers.labels[:20])}"
        )
    if not 0 < min_recall <= 1:
        raise UsageError(f"min_recall is {min_recall:g}; give a share above 0 and at most 1")
    if answers.task == "multi":
        named = answers.labels if positive is None else (positive,)
        points = {name: operating_point(answers, name, min_recall) for name in named}
        return Thresholds(per_label=points)
    if len(answers.labels) != 2:
        raise UsageError(
            f"an operating point needs two classes or several labels an image, here are "
            f"{len(answers.labels)} classes; leave positive_class and min_recall out"
        )
    chosen = answers.labels[1] if positive is None else positive
    point = operating_point(answers, chosen, min_recall)
    return Thresholds(positive_class=chosen, operating_point=point)


def _seen(answers: Predictions, label: str, point: float) -> OperatingPoint:
    place = answers.labels.index(label)
    multi = answers.task == "multi"
    truth = answers.targets[:, place] if multi else answers.targets == place
    said = answers.probabilities[:, place] >= point
    hits, there, given = int((truth & said).sum()), int(truth.sum()), int(said.sum())
    return OperatingPoint(
        label=label,
        threshold=point,
        precision=hits / given if given else None,
        recall=hits / there if there else None,
        recall_interval=binomial_interval(hits, there) if there else None,
    )


def _end(sure: Floats, end: int) -> int:
    """The number of images answered when the one at `end` is the last: ties go together."""
    end = min(max(end, 1), len(sure))
    return int(np.searchsorted(-sure, -sure[end - 1], side="right"))
