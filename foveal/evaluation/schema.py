"""The values of a score card, with the field names of `foveal evaluate --json`.

Knows nothing of how a figure is computed.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from foveal.evaluation.calibration import Calibration
from foveal.evaluation.predictions import Task
from foveal.intervals import Interval


class ScoreValue(BaseModel):
    """Frozen; a number that is not finite is refused."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return self.model_dump(mode="json")


class ClassScore(ScoreValue):
    """One class: precision, recall, F1 in 0..1 (None where nothing was there to score).

    support: images of the class.  predicted: images answered with it.  roc_auc,
    average_precision: the class against all others.  *_interval: 95 %.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    predicted: int
    roc_auc: float | None
    average_precision: float | None
    precision_interval: Interval | None = None
    recall_interval: Interval | None = None
    f1_interval: Interval | None = None


class CoveragePoint(ScoreValue):
    """Answering only from `threshold` on: share answered, and share of those that is right.

    bound: one-sided 95 % lower bound of the accuracy.  accuracy and bound are None where nothing
    is answered.
    """

    threshold: float
    coverage: float
    n: int
    accuracy: float | None
    bound: float | None


class AbstainingScore(ScoreValue):
    """What the threshold stored in the model does on these images."""

    threshold: float
    coverage: float
    n: int
    accuracy: float | None
    accuracy_interval: Interval | None


class OperatingPoint(ScoreValue):
    """The operating point stored in the model, seen on these images (two classes or a label)."""

    label: str
    threshold: float
    precision: float | None
    recall: float | None
    recall_interval: Interval | None


class OutOfDistribution(ScoreValue):
    """Strangers: images of no known class. turned_away: share the model abstains on.

    roc_auc: how well the top probability tells strangers from the scored images (0.5: not).
    """

    folder: str
    n: int
    unusable: int
    threshold: float | None
    turned_away: float | None
    turned_away_interval: Interval | None
    mean_probability: float
    roc_auc: float | None


class Slice(ScoreValue):
    """Accuracy on images that share something: a column's value, or a range of a measure."""

    by: str
    value: str
    n: int
    accuracy: float
    interval: Interval
    difference: float


class ConfusedPair(ScoreValue):
    """Two classes that are confused: n images of `true` were answered `predicted`."""

    true: str
    predicted: str
    n: int
    share: float


class ImageScore(ScoreValue):
    """One image: its truth, its answer, and how probable both were said to be."""

    path: str
    true: str
    predicted: str
    probability: float
    true_probability: float


class SuspectedLabel(ScoreValue):
    """A label that may be wrong: the model is as sure of `suggested` as it is of its members."""

    path: str
    true: str
    suggested: str
    probability: float
    true_probability: float


class Exemplars(ScoreValue):
    """The surest right answers of a class, and those nearest to its usual probability."""

    best: tuple[ImageScore, ...]
    typical: tuple[ImageScore, ...]


class ErrorAnalysis(ScoreValue):
    """What to look at: worst answers first, suspects, confused pairs, best and typical images."""

    worst: tuple[ImageScore, ...]
    suspects: tuple[SuspectedLabel, ...]
    confused: tuple[ConfusedPair, ...]
    classes: dict[str, Exemplars]


class CorruptionScore(ScoreValue):
    """Answers on changed images. unchanged: share with the answer they had before."""

    change: str
    strength: str
    accuracy: float
    accuracy_interval: Interval
    unchanged: float


class PoolShift(ScoreValue):
    """How much maps before and after one pooling change when the image moves, 0..2, 0: not.

    The change is the norm of the difference, cell by cell, over the mean of both norms.
    """

    layer: str
    kind: str
    pixels: int
    before: float
    after: float


class Robustness(ScoreValue):
    """Answers under change, on `n` images; `accuracy` is theirs without any change."""

    n: int
    accuracy: float
    changes: tuple[CorruptionScore, ...]
    pools: tuple[PoolShift, ...]
    why_no_pools: str | None = None


class UnusableImage(ScoreValue):
    """An image that could not be read, and why."""

    path: str
    reason: str


class Scores(ScoreValue):
    """How good one model is on one set of images; intervals are 95 %.

    split: train, val, test, all, or unseen (every usable image it was not fitted on).
    accuracy: with several labels an image, the share of images with every label right.
    confusion: rows true, columns predicted, in `labels` order; with several labels one
    [[tn, fp], [fn, tp]] a label.  hamming: share of all labels that are right, 1 minus the Hamming
    loss.  nll: natural log.  brier: 0..2.  ece: 0..1.  left_out: images
    not scored because the model was fitted on them.  seen: images scored although it was.
    ignored: class the model does not know -> images left out (or labels, with several an image).
    ms_per_image: of the network on this machine, decoding not counted.  notes: sentences to read
    before the figures.  intervals: of every score, by its name.  resampled: what the bootstrap
    draws, images or groups of them, and units how many there are.  exact: scores whose interval
    is not the bootstrap's but exact, because fewer than 30 answers are right or wrong.
    """

    split: str
    task: Task
    n: int
    labels: tuple[str, ...]
    accuracy: float
    accuracy_interval: Interval
    balanced_accuracy: float
    macro_f1: float
    matthews: float | None
    nll: float
    brier: float
    ece: float
    top_k: dict[str, float]
    exact_match: float | None
    hamming: float | None
    classes: dict[str, ClassScore]
    confusion: list[Any]
    intervals: dict[str, Interval]
    resampled: str
    units: int
    exact: tuple[str, ...] = ()
    calibration: Calibration
    model: str | None = None
    left_out: int = 0
    seen: int = 0
    ignored: dict[str, int] = {}
    ms_per_image: float | None = None
    notes: tuple[str, ...] = ()
    unusable: tuple[UnusableImage, ...] = ()
    coverage: tuple[CoveragePoint, ...] = ()
    abstaining: AbstainingScore | None = None
    operating: tuple[OperatingPoint, ...] = ()
    out_of_distribution: OutOfDistribution | None = None
    slices: tuple[Slice, ...] = ()
    error_analysis: ErrorAnalysis | None = None
    robustness: Robustness | None = None


class ModelDifference(ScoreValue):
    """A score of `model` minus that of `other` on the same images, with its paired interval."""

    model: str
    other: str
    n: int
    accuracy: float
    accuracy_interval: Interval
    nll: float
    nll_interval: Interval


class Comparison(ScoreValue):
    """Several models on the same images: a row each, and every pair's difference."""

    models: tuple[Scores, ...]
    differences: tuple[ModelDifference, ...]
