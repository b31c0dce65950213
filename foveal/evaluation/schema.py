"""The results of an evaluation, with the field names of `foveal evaluate --json`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from foveal.evaluation.calibration import Calibration
from foveal.intervals import Interval
from foveal.spec.values import Task


class ScoreValue(BaseModel):
    """Frozen; a number that is NaN or infinite is refused."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return self.model_dump(mode="json")


class ClassScore(ScoreValue):
    """One class: precision, recall and F1 in 0..1 (None where they are undefined).

    support: images of the class.  predicted: images predicted as it.  roc_auc,
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
    """Predicting only where the largest probability is at least `threshold`.

    coverage: share of images predicted, `n` of them.  accuracy: of those.
    accuracy_lower_bound: one-sided 95 %.  Both are None where no image is predicted.
    """

    threshold: float
    coverage: float
    n: int
    accuracy: float | None
    accuracy_lower_bound: float | None


class AbstentionScore(ScoreValue):
    """The abstention threshold stored in the model, applied to these images."""

    threshold: float
    coverage: float
    n: int
    accuracy: float | None
    accuracy_interval: Interval | None


class OperatingPoint(ScoreValue):
    """A class threshold stored in the model, applied to these images (two classes or a label)."""

    label: str
    threshold: float
    precision: float | None
    recall: float | None
    recall_interval: Interval | None


class OutOfDistributionScore(ScoreValue):
    """Images of no known class.

    threshold: the stored abstention threshold.  rejection_rate: share of the images below it.
    roc_auc: how well the largest probability separates the scored images from these (0.5: not
    at all).
    """

    folder: str
    n: int
    unusable: int
    threshold: float | None
    rejection_rate: float | None
    rejection_rate_interval: Interval | None
    mean_max_probability: float
    roc_auc: float | None


class Slice(ScoreValue):
    """Accuracy on the images that share a value of a column, or a range of an image property.

    attribute: name of the column or property.  difference: to the accuracy on all images.
    """

    attribute: str
    value: str
    n: int
    accuracy: float
    accuracy_interval: Interval
    difference: float


class ConfusedPair(ScoreValue):
    """n images of class `true`, a share of all images of that class, predicted as `predicted`."""

    true: str
    predicted: str
    n: int
    share: float


class ImagePrediction(ScoreValue):
    """One image with its true and predicted class and the probability of both."""

    path: str
    true: str
    predicted: str
    probability: float
    true_probability: float


class LabelIssue(ScoreValue):
    """A label that may be wrong, and the class the model suggests for the image."""

    path: str
    true: str
    suggested: str
    probability: float
    true_probability: float


class ClassExemplars(ScoreValue):
    """Correct predictions of a class: the most confident, and those of median confidence."""

    most_confident: tuple[ImagePrediction, ...]
    typical: tuple[ImagePrediction, ...]


class ErrorAnalysis(ScoreValue):
    """Images to look at.

    worst_errors: wrong predictions, least probability of the true class first.
    """

    worst_errors: tuple[ImagePrediction, ...]
    label_issues: tuple[LabelIssue, ...]
    confused_pairs: tuple[ConfusedPair, ...]
    exemplars: dict[str, ClassExemplars]


class CorruptionScore(ScoreValue):
    """Accuracy on corrupted images. consistency: share whose prediction stays the same."""

    corruption: str
    severity: str
    accuracy: float
    accuracy_interval: Interval
    consistency: float


class PoolingShift(ScoreValue):
    """Relative change (0..2) of the input and the output of a pooling layer when images move."""

    layer: str
    kind: str
    shift_pixels: int
    input_change: float
    output_change: float


class Robustness(ScoreValue):
    """Accuracy on `n` images under corruption; `accuracy` is that of the unchanged images.

    pooling_note: why there are no pooling shifts.
    """

    n: int
    accuracy: float
    corruptions: tuple[CorruptionScore, ...]
    pooling_shifts: tuple[PoolingShift, ...]
    pooling_note: str | None = None


class UnusableImage(ScoreValue):
    """An image that could not be read, and why."""

    path: str
    reason: str


class Scores(ScoreValue):
    """The scores of one model on one set of images; intervals are 95 %.

    None: not defined by these images (Matthews' coefficient: all images or all predictions are of
    one class, or several labels an image; averages over classes: no image has a label).
    split: train, val, test, all, or unseen (every usable image the model was not fitted on).
    accuracy: with several labels an image, the share of images with every label correct.
    confusion: rows true, columns predicted, in `labels` order; with several labels one
    [[tn, fp], [fn, tp]] a label.  hamming_score: share of all labels that are correct.  nll:
    natural log.  brier: 0..2.  ece: 0..1.
    intervals: of every score, by its name.  bootstrap_unit, n_bootstrap_units: what the bootstrap
    draws, and how many there are.  exact_intervals: scores whose interval is exact instead,
    because fewer than 30 predictions are correct or wrong.
    left_out: images not scored because the model was fitted on them, or one that it is compared
    with was or does not know their class.  used_in_training: images scored although it was.
    ignored_classes: class the model does not know -> images left out (with several labels an
    image: labels).  ms_per_image: of the network on this machine, decoding not counted.  notes:
    what limits the scores.
    """

    split: str
    task: Task
    n: int
    labels: tuple[str, ...]
    accuracy: float
    accuracy_interval: Interval
    balanced_accuracy: float | None
    macro_f1: float | None
    matthews_corrcoef: float | None
    nll: float
    brier: float
    ece: float
    top_k_accuracy: dict[str, float]
    exact_match: float | None
    hamming_score: float | None
    classes: dict[str, ClassScore]
    confusion: list[Any]
    intervals: dict[str, Interval]
    bootstrap_unit: Literal["images", "groups"]
    n_bootstrap_units: int
    exact_intervals: tuple[str, ...] = ()
    calibration: Calibration
    model: str | None = None
    left_out: int = 0
    used_in_training: int = 0
    ignored_classes: dict[str, int] = {}
    ms_per_image: float | None = None
    notes: tuple[str, ...] = ()
    unusable: tuple[UnusableImage, ...] = ()
    coverage_curve: tuple[CoveragePoint, ...] = ()
    abstention: AbstentionScore | None = None
    operating_points: tuple[OperatingPoint, ...] = ()
    out_of_distribution: OutOfDistributionScore | None = None
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
    """Several models on the same images: the scores of each, and the difference of every pair."""

    models: tuple[Scores, ...]
    differences: tuple[ModelDifference, ...]
