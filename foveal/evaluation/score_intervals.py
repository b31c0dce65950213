"""The interval of every score: each is a function of sums over images, resampled as a product.

Knows nothing of models or files.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from foveal.evaluation.bootstrap import (
    FEW,
    percentile,
    resampled,
    share,
    weighted,
)
from foveal.evaluation.calibration import BINS, bin_of, statements
from foveal.evaluation.predictions import Floats, Predictions
from foveal.evaluation.schema import ClassScore
from foveal.intervals import Interval

TOP = (3, 5, 10)
_LEAST = 1e-12
"""Probabilities are clipped here in the log loss, so that one sure mistake stays a number."""
_PARTS = ("precision", "recall", "f1")


def losses(answers: Predictions) -> Floats:
    """(N,) minus the log of the true class's probability; multi-label: the mean over labels."""
    if answers.task == "multi":
        right = np.where(answers.targets, answers.probabilities, 1 - answers.probabilities)
        return np.asarray(-np.log(np.clip(right, _LEAST, 1)).mean(axis=1))
    return np.asarray(-np.log(np.clip(answers.true_probability, _LEAST, 1)))


def squares(answers: Predictions) -> Floats:
    """(N,) Brier score (1950): squared distance to the truth, summed over classes, 0..2.

    Multi-label: the mean over labels, 0..1.
    """
    if answers.task == "multi":
        return np.asarray(((answers.probabilities - answers.targets) ** 2).mean(axis=1))
    whole = (answers.probabilities**2).sum(axis=1)
    return np.asarray(whole - 2 * answers.true_probability + 1)


def top_hits(answers: Predictions) -> dict[int, Floats]:
    """By k, (N,) 1 where the truth is among the k most probable; ties count against the model."""
    if answers.task == "multi":
        return {}
    own = answers.true_probability[:, None]
    ahead = (answers.probabilities >= own).sum(axis=1) - 1
    return {k: (ahead < k).astype(np.float64) for k in TOP if k < len(answers.labels)}


def intervals(
    answers: Predictions, per_class: dict[str, ClassScore]
) -> tuple[dict[str, Interval], tuple[str, ...]]:
    """The 95 % interval of every score by its name, of each class's as 'recall:<class>'.

    Also the names of those that are not the bootstrap's, because right or wrong answers are few.
    """
    from scipy import sparse

    tops = top_hits(answers)
    labels = [_labels_right(answers)] if answers.task == "multi" else []
    plain = np.column_stack(
        [answers.correct, losses(answers), squares(answers), *tops.values(), *labels]
    )
    parts = [np.ones((len(answers), 1)), plain, _class_sums(answers), _bin_sums(answers)]
    sums = sparse.hstack([sparse.csr_matrix(part, dtype=np.float32) for part in parts]).tocsr()
    width, size = plain.shape[1], len(answers.labels)

    def statistic(total: Floats) -> Floats:
        cuts = np.cumsum([1, width, size, size, size])
        n, means, hit, truth, said, bins = np.split(total, cuts, axis=1)
        whole = [means / n, _ece(bins), _matthews(n[:, 0], hit, truth, said)]
        return np.column_stack([*whole, *_of_classes(hit, truth, said)])

    values = resampled(sums, len(answers), answers.groups, statistic)
    names = ["accuracy", "nll", "brier", *(f"top_{k}" for k in tops), *("hamming" for _ in labels)]
    names += ["ece", "matthews", "balanced_accuracy", "macro_f1"]
    names += [f"{part}:{label}" for part in _PARTS for label in per_class]
    columns = dict(zip(names, values.T, strict=True))
    if answers.task == "multi":
        del columns["matthews"]
    found = {name: percentile(column) for name, column in columns.items()}
    mended = {
        **_shares(answers, columns),
        **_averages(answers),
        **_class_shares(answers, per_class, columns),
    }
    if "matthews" in columns:
        mended |= _matthews_of_few(answers, mended["accuracy"], found["accuracy"])
    known = {name: pair for name, pair in (found | mended).items() if pair is not None}
    return known, tuple(name for name, pair in known.items() if pair != found[name])


def class_intervals(label: str, part: ClassScore, spread: dict[str, Interval]) -> ClassScore:
    """`part` with its intervals taken from `spread`."""
    return part.model_copy(
        update={f"{name}_interval": spread.get(f"{name}:{label}") for name in _PARTS}
    )


def _shares(answers: Predictions, columns: dict[str, Floats]) -> dict[str, Interval | None]:
    """The intervals of accuracy, top k and, with several labels an image, of all labels."""
    hits = {"accuracy": float(answers.correct.sum())}
    hits |= {f"top_{k}": float(hit.sum()) for k, hit in top_hits(answers).items()}
    found = {
        name: share(columns[name], hit, len(answers), answers.units) for name, hit in hits.items()
    }
    if answers.task == "multi":
        right = _labels_right(answers)
        total = right.size * len(answers.labels)
        found["hamming"] = share(
            columns["hamming"], float(right.mean()) * total, total, answers.units
        )
    return found


def _labels_right(answers: Predictions) -> Floats:
    """(N,) share of the labels that are right on each image; multi-label only."""
    return np.asarray((answers.given == answers.targets).mean(axis=1))


def _class_shares(
    answers: Predictions, per_class: dict[str, ClassScore], columns: dict[str, Floats]
) -> dict[str, Interval | None]:
    """The intervals of each class; None for a class without an image."""
    found: dict[str, Interval | None] = {}
    for label, part in per_class.items():
        hits = round((part.recall or 0.0) * part.support)
        totals = (part.predicted, part.support, part.support + part.predicted - hits)
        for name, total in zip(_PARTS, totals, strict=True):
            column = columns[f"{name}:{label}"]
            of_f1 = name == "f1"  # 2x / (1 + x) of x = right / (class or answer is this one)
            units = max(1, round(total * answers.units / len(answers)))
            pair = share(column / (2 - column) if of_f1 else column, hits, total, units)
            if of_f1 and pair is not None:
                pair = 2 * pair[0] / (1 + pair[0]), 2 * pair[1] / (1 + pair[1])
            found[f"{name}:{label}"] = pair if part.support else None
    return found


def _averages(answers: Predictions) -> dict[str, Interval | None]:
    """Balanced accuracy and macro F1 where few images are wrong, or few right.

    What they lack to 1 is a sum over mistakes, each weighing as much as its classes are rare.
    """
    sums = _class_sums(answers)
    _, truth, said = np.split(np.asarray(sums.sum(axis=0), np.float64).ravel(), 3)
    there = truth > 0
    found: dict[str, Interval | None] = {}
    for name, size, sides in (
        ("balanced_accuracy", truth, ((-1, 1, 0), (1, 0, 0))),
        ("macro_f1", truth + said, ((-2, 1, 1), (2, 0, 0))),
    ):
        weight = np.where(there, 1 / np.maximum(size, 1), 0) / max(1, there.sum())
        for wrong, signs in zip((True, False), sides, strict=True):
            parts = _by_unit(answers, sums @ np.concatenate([sign * weight for sign in signs]))
            if np.count_nonzero(parts) >= FEW:
                continue
            each = weight[there] * max(signs[0], sum(signs[1:])) * len(answers) / answers.units
            low, high = weighted(parts, float(each.mean()), float((each**2).mean()))
            found[name] = (max(0.0, 1 - high), 1 - low) if wrong else (low, min(1.0, high))
            break
    return found


def _by_unit(answers: Predictions, values: Floats) -> Floats:
    """`values` of images summed over the groups that were drawn as one."""
    summed = values if answers.groups is None else np.bincount(answers.groups, values)
    return np.asarray(summed, np.float64)


def _matthews_of_few(
    answers: Predictions, accuracy: Interval | None, resampled_accuracy: Interval | None
) -> dict[str, Interval | None]:
    """Matthews' interval where few are wrong: what it lacks to 1 grows as the share of errors.

    None where all images or all answers are of one class: the coefficient is not defined.
    """
    right, n = int(answers.correct.sum()), len(answers)
    size = len(answers.labels)
    truth = np.bincount(answers.targets, minlength=size).astype(np.float64)
    said = np.bincount(answers.predicted, minlength=size).astype(np.float64)
    if (truth == n).any() or (said == n).any():
        return {"matthews": None}
    if accuracy is None or accuracy == resampled_accuracy or 2 * right < n:
        return {}
    value = float(
        _matthews(np.array([float(n)]), np.array([[float(right)]]), truth[None], said[None])[0]
    )
    times = (1 - value) * n / (n - right) if right < n else n**2 / (n**2 - (truth**2).sum())
    low, high = (1 - times * (1 - bound) for bound in accuracy)
    return {"matthews": (max(-1.0, low), high)}


def _matthews(n: Floats, hit: Floats, truth: Floats, said: Floats) -> Floats:
    """(b,) Matthews' coefficient for several classes (Gorodkin 2004); 0 where undefined."""
    above = n * hit.sum(axis=1) - (truth * said).sum(axis=1)
    square = (n**2 - (truth**2).sum(axis=1)) * (n**2 - (said**2).sum(axis=1))
    out = np.zeros(len(above))
    return np.asarray(np.divide(above, np.sqrt(square.clip(0)), out=out, where=square > 0))


def _of_classes(hit: Floats, truth: Floats, said: Floats) -> list[Floats]:
    """Balanced accuracy, macro F1, and (b, K) precision, recall, F1; NaN where undefined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        recall, precision = hit / truth, hit / said
        f1 = np.where(truth > 0, 2 * hit / (truth + said), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        averages = [np.nanmean(recall, axis=1), np.nanmean(f1, axis=1)]
    return [*averages, precision, recall, f1]


def _class_sums(answers: Predictions) -> Any:
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


def _bin_sums(answers: Predictions) -> Any:
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
