"""The images to look at: worst answers, labels that may be wrong, confused pairs, exemplars.

Knows nothing of pixels or pages: images are named by their paths.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from foveal.evaluation.predictions import Bools, Ints, Predictions
from foveal.evaluation.schema import (
    ConfusedPair,
    ErrorAnalysis,
    Exemplars,
    ImageScore,
    SuspectedLabel,
)

WORST = 100
SUSPECTS = 100
PAIRS = 20
EXEMPLARS = 6


def error_analysis(answers: Predictions, paths: Sequence[str]) -> ErrorAnalysis:
    """Everything worth a look; `paths` names each row of `answers`."""
    multi = answers.task == "multi"
    return ErrorAnalysis(
        worst=_images(answers, worst(answers)[:WORST], paths),
        suspects=() if multi else _suspects(answers, paths),
        confused=() if multi else confused(answers),
        classes={
            label: _exemplars(answers, place, paths) for place, label in enumerate(answers.labels)
        },
    )


def worst(answers: Predictions) -> Ints:
    """Rows of wrong answers, the truth held least probable first."""
    wrong = np.flatnonzero(~answers.correct)
    order = np.argsort(answers.true_probability[wrong], kind="stable")
    return np.asarray(wrong[order], np.int64)


def suspected(answers: Predictions) -> tuple[Bools, Ints]:
    """(N,) labels that are probably wrong, and (N,) the class each image is believed to be of.

    Confident learning (Northcutt et al. 2021): a class is believed of an image where its
    probability is at least the mean it has on the images labelled with it; a label is suspected
    where the most probable believed class is another one and the label is less probable than that.
    """
    k = len(answers.labels)
    count = np.bincount(answers.targets, minlength=k)
    total = np.bincount(answers.targets, answers.true_probability, minlength=k)
    usual = np.divide(total, count, out=np.full(k, np.inf), where=count > 0)
    believed = np.where(answers.probabilities >= usual, answers.probabilities, -1.0)
    best = believed.argmax(axis=1)
    sure = believed[np.arange(len(answers)), best]
    wrong = (sure > answers.true_probability) & (best != answers.targets)
    return np.asarray(wrong), np.asarray(best, np.int64)


def confused(answers: Predictions) -> tuple[ConfusedPair, ...]:
    """The pairs of classes most often confused, most images first."""
    k = len(answers.labels)
    cells = np.bincount(answers.targets * k + answers.predicted, minlength=k * k)
    there = np.bincount(answers.targets, minlength=k)
    cells[:: k + 1] = 0
    order = np.argsort(-cells, kind="stable")[:PAIRS]
    return tuple(
        ConfusedPair(
            true=answers.labels[cell // k],
            predicted=answers.labels[cell % k],
            n=int(cells[cell]),
            share=float(cells[cell] / there[cell // k]),
        )
        for cell in order
        if cells[cell]
    )


def _images(answers: Predictions, rows: Ints, paths: Sequence[str]) -> tuple[ImageScore, ...]:
    """Rows of `answers` as values; several labels are joined by '|'."""

    def names(value: Any) -> str:
        chosen = np.flatnonzero(value) if answers.task == "multi" else [int(value)]
        return "|".join(answers.labels[place] for place in chosen)

    said = answers.given if answers.task == "multi" else answers.predicted
    return tuple(
        ImageScore(
            path=paths[row],
            true=names(answers.targets[row]),
            predicted=names(said[row]),
            probability=float(answers.confidence[row]),
            true_probability=float(answers.true_probability[row]),
        )
        for row in rows
    )


def _suspects(answers: Predictions, paths: Sequence[str]) -> tuple[SuspectedLabel, ...]:
    wrong, believed = suspected(answers)
    rows = np.flatnonzero(wrong)
    sure = answers.probabilities[np.arange(len(answers)), believed]
    order = np.argsort(answers.true_probability[rows] - sure[rows], kind="stable")[:SUSPECTS]
    return tuple(
        SuspectedLabel(
            path=paths[row],
            true=answers.labels[answers.targets[row]],
            suggested=answers.labels[believed[row]],
            probability=float(sure[row]),
            true_probability=float(answers.true_probability[row]),
        )
        for row in rows[order]
    )


def _exemplars(answers: Predictions, place: int, paths: Sequence[str]) -> Exemplars:
    multi = answers.task == "multi"
    truth = answers.targets[:, place] if multi else answers.targets == place
    said = answers.given[:, place] if multi else answers.predicted == place
    rows = np.flatnonzero(truth & said)
    sure = answers.probabilities[rows, place]
    best = rows[np.argsort(-sure, kind="stable")[:EXEMPLARS]]
    middle = np.median(sure) if len(sure) else 0.0
    typical = rows[np.argsort(np.abs(sure - middle), kind="stable")[:EXEMPLARS]]
    return Exemplars(best=_images(answers, best, paths), typical=_images(answers, typical, paths))
