"""The interval of every score: each is a function of sums over pictures, resampled as a product.

Knows nothing of models or files.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from foveal.evaluation.answers import Answers, Floats
from foveal.evaluation.calibration import BINS, bin_of, statements
from foveal.evaluation.card import ClassScore, Interval
from foveal.evaluation.intervals import exact, percentile, resampled, share

TOP = (3, 5, 10)
_LEAST = 1e-12
"""Probabilities are clipped here in the log loss, so that one sure mistake stays a number."""
_PARTS = ("precision", "recall", "f1")


def losses(answers: Answers) -> Floats:
    """(N,) minus the log of the true class's probability; multi-label: the mean over labels."""
    if answers.task == "multi":
        right = np.where(answers.targets, answers.probabilities, 1 - answers.probabilities)
        return np.asarray(-np.log(np.clip(right, _LEAST, 1)).mean(axis=1))
    return np.asarray(-np.log(np.clip(answers.true_probability, _LEAST, 1)))


def squares(answers: Answers) -> Floats:
    """(N,) Brier score (1950): squared distance to the truth, summed over classes, 0..2.

    Multi-label: the mean over labels, 0..1.
    """
    if answers.task == "multi":
        return np.asarray(((answers.probabilities - answers.targets) ** 2).mean(axis=1))
    whole = (answers.probabilities**2).sum(axis=1)
    return np.asarray(whole - 2 * answers.true_probability + 1)


def top_hits(answers: Answers) -> dict[int, Floats]:
    """By k, (N,) 1 where the truth is among the k most probable; ties count against the model."""
    if answers.task == "multi":
        return {}
    own = answers.true_probability[:, None]
    ahead = (answers.probabilities >= own).sum(axis=1) - 1
    return {k: (ahead < k).astype(np.float64) for k in TOP if k < len(answers.labels)}


def intervals(answers: Answers, per_class: dict[str, ClassScore]) -> dict[str, Interval]:
    """The 95 % interval of every score by its name; of each class's as 'recall:<class>'."""
    from scipy import sparse

    tops = top_hits(answers)
    plain = np.column_stack([answers.correct, losses(answers), squares(answers), *tops.values()])
    parts = [np.ones((len(answers), 1)), plain, _class_sums(answers), _bin_sums(answers)]
    sums = sparse.hstack([sparse.csr_matrix(part, dtype=np.float32) for part in parts]).tocsr()
    width, size = plain.shape[1], len(answers.labels)

    def statistic(total: Floats) -> Floats:
        cuts = np.cumsum([1, width, size, size, size])
        n, means, hit, truth, said, bins = np.split(total, cuts, axis=1)
        return np.column_stack([means / n, _ece(bins), *_of_classes(hit, truth, said)])

    values = resampled(sums, len(answers), answers.groups, statistic)
    names = ["accuracy", "nll", "brier", *(f"top_{k}" for k in tops), "ece"]
    names += ["balanced_accuracy", "macro_f1"]
    names += [f"{part}:{label}" for part in _PARTS for label in per_class]
    columns = dict(zip(names, values.T, strict=True))
    found = {name: percentile(column) for name, column in columns.items() if ":" not in name}
    _mend_shares(answers, per_class, columns, found)
    return {name: pair for name, pair in found.items() if pair is not None}


def class_intervals(label: str, part: ClassScore, spread: dict[str, Interval]) -> ClassScore:
    """`part` with its intervals taken from `spread`."""
    return part.model_copy(
        update={f"{name}_interval": spread.get(f"{name}:{label}") for name in _PARTS}
    )


def _mend_shares(
    answers: Answers,
    per_class: dict[str, ClassScore],
    columns: dict[str, Floats],
    found: dict[str, Interval | None],
) -> None:
    """Fill in the class intervals, and exact ones where a share is 0 or 1 and resampling blind."""
    right, n = int(answers.correct.sum()), len(answers)
    found["accuracy"] = share(columns["accuracy"], right, n, answers.units)
    for k, hit in top_hits(answers).items():
        found[f"top_{k}"] = share(columns[f"top_{k}"], float(hit.sum()), n, answers.units)
    if right == n:
        found["balanced_accuracy"] = found["macro_f1"] = exact(answers.units, answers.units)
    for label, part in per_class.items():
        if not part.support:
            continue
        hits = round((part.recall or 0.0) * part.support)
        for name, total in (("recall", part.support), ("precision", part.predicted)):
            units = max(1, round(total * answers.units / n))
            column = columns[f"{name}:{label}"]
            found[f"{name}:{label}"] = share(column, hits, total, units)
        blind = part.f1 in (0.0, 1.0)
        f1 = found[f"recall:{label}"] if blind else percentile(columns[f"f1:{label}"])
        found[f"f1:{label}"] = f1


def _of_classes(hit: Floats, truth: Floats, said: Floats) -> list[Floats]:
    """Balanced accuracy, macro F1, and (b, K) precision, recall, F1; NaN where undefined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        recall, precision = hit / truth, hit / said
        f1 = np.where(truth > 0, 2 * hit / (truth + said), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        averages = [np.nanmean(recall, axis=1), np.nanmean(f1, axis=1)]
    return [*averages, precision, recall, f1]


def _class_sums(answers: Answers) -> Any:
    """(N, 3K) sparse: right answers, truths and answers of each class."""
    from scipy import sparse

    n, k = len(answers), len(answers.labels)
    if answers.task == "multi":
        truth = np.asarray(answers.targets, np.float32)
        said = answers.given.astype(np.float32)
        return sparse.csr_matrix(np.hstack([truth * said, truth, said]))
    rows, right = np.arange(n), np.flatnonzero(answers.correct)
    columns = [answers.targets[right], answers.targets + k, answers.predicted + 2 * k]
    places = np.concatenate([right, rows, rows])
    ones = np.ones(len(places), np.float32)
    return sparse.csr_matrix((ones, (places, np.concatenate(columns))), shape=(n, 3 * k))


def _bin_sums(answers: Answers) -> Any:
    """(N, 3 BINS) sparse: promised, kept and counted statements by reliability bin."""
    from scipy import sparse

    confidence, truth = statements(answers)
    rows = np.repeat(np.arange(len(answers)), len(confidence) // len(answers))
    place = bin_of(confidence)
    blocks = [
        sparse.csr_matrix((value, (rows, place)), shape=(len(answers), BINS))
        for value in (confidence, truth.astype(np.float64), np.ones(len(confidence)))
    ]
    return sparse.hstack(blocks)


def _ece(sums: Floats) -> Floats:
    promised, kept, counted = np.split(sums, 3, axis=1)
    return np.asarray(np.abs(promised - kept).sum(axis=1) / counted.sum(axis=1))
