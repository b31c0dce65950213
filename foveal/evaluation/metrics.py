"""The score card of one model on one set of labelled images; scikit-learn computes what it has.

Knows nothing of models, files or pages.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from foveal.errors import MissingExtra
from foveal.evaluation.calibration import Calibration, ece, reliability, statements
from foveal.evaluation.predictions import Floats, Predictions
from foveal.evaluation.schema import ClassScore, Scores
from foveal.evaluation.score_intervals import class_intervals, intervals, losses, squares, top_hits


def score(
    answers: Predictions,
    *,
    split: str = "all",
    before: Predictions | None = None,
    temperature: float = 1.0,
) -> Scores:
    """All scores of `answers` (at least one image), with 95 % intervals.

    before: the same images without the temperature, for calibration before and after.
    Classes without an image have None; averages over classes leave them out.
    Raises MissingExtra without scikit-learn.
    """
    require_sklearn()
    multi = answers.task == "multi"
    per_class = _per_class(answers)
    scored = [part for part in per_class.values() if part.support]
    calibration = _calibration(answers, before, temperature)
    accuracy = float(answers.correct.mean())
    spread, exact = intervals(answers, per_class)
    return Scores(
        split=split,
        task=answers.task,
        n=len(answers),
        labels=answers.labels,
        accuracy=accuracy,
        accuracy_interval=spread["accuracy"],
        balanced_accuracy=_mean([part.recall for part in scored]),
        macro_f1=_mean([part.f1 for part in scored]),
        matthews=None if multi else _matthews(answers),
        nll=float(losses(answers).mean()),
        brier=float(squares(answers).mean()),
        ece=calibration.ece,
        top_k={str(k): float(hit.mean()) for k, hit in top_hits(answers).items()},
        exact_match=accuracy if multi else None,
        hamming=float((answers.given == answers.targets).mean()) if multi else None,
        classes={label: class_intervals(label, part, spread) for label, part in per_class.items()},
        confusion=confusion(answers),
        intervals={name: pair for name, pair in spread.items() if ":" not in name},
        resampled="images" if answers.groups is None else "groups",
        units=answers.units,
        exact=tuple(name for name in exact if ":" not in name),
        calibration=calibration,
    )


def require_sklearn() -> None:
    """Raise MissingExtra where scikit-learn is not installed."""
    if find_spec("sklearn") is None:
        raise MissingExtra("foveal evaluate", "eval")


def confusion(answers: Predictions) -> list[Any]:
    """Counts [true][predicted] in label order; multi-label: one [[tn, fp], [fn, tp]] a label."""
    from sklearn.metrics import confusion_matrix, multilabel_confusion_matrix

    if answers.task == "multi":
        matrices: list[Any] = multilabel_confusion_matrix(answers.targets, answers.given).tolist()
        return matrices
    every = list(range(len(answers.labels)))
    rows: list[Any] = confusion_matrix(answers.targets, answers.predicted, labels=every).tolist()
    return rows


def _matthews(answers: Predictions) -> float:
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(answers.targets, answers.predicted))


def _per_class(answers: Predictions) -> dict[str, ClassScore]:
    from sklearn.metrics import precision_recall_fscore_support

    multi = answers.task == "multi"
    said: Any = answers.given if multi else answers.predicted
    every = None if multi else list(range(len(answers.labels)))
    precision, recall, f1, support = precision_recall_fscore_support(
        answers.targets, said, labels=every, zero_division=0.0
    )
    predicted = said.sum(axis=0) if multi else np.bincount(said, minlength=len(answers.labels))
    ranks = _ranking(answers)
    return {
        label: ClassScore(
            precision=float(precision[k]) if support[k] and predicted[k] else None,
            recall=float(recall[k]) if support[k] else None,
            f1=float(f1[k]) if support[k] else None,
            support=int(support[k]),
            predicted=int(predicted[k]),
            roc_auc=ranks[k][0],
            average_precision=ranks[k][1],
        )
        for k, label in enumerate(answers.labels)
    }


def _ranking(answers: Predictions) -> list[tuple[float | None, float | None]]:
    """(ROC AUC, average precision) of each class against the rest; None without both sides."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    found: list[tuple[float | None, float | None]] = []
    for k in range(len(answers.labels)):
        truth = answers.targets[:, k] if answers.task == "multi" else answers.targets == k
        if truth.all() or not truth.any():
            found.append((None, None))
            continue
        said = answers.probabilities[:, k]
        found.append(
            (float(roc_auc_score(truth, said)), float(average_precision_score(truth, said)))
        )
    return found


def _calibration(
    answers: Predictions, before: Predictions | None, temperature: float
) -> Calibration:
    bins = reliability(*statements(answers))
    bins_before = None if before is None else reliability(*statements(before))
    return Calibration(
        temperature=temperature,
        bins=bins,
        ece=ece(bins),
        bins_before=bins_before,
        ece_before=None if bins_before is None else ece(bins_before),
    )


def _mean(values: list[float | None]) -> float:
    known: Floats = np.array([value for value in values if value is not None], np.float64)
    return float(known.mean()) if len(known) else 0.0
