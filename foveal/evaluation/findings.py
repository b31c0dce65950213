"""The pictures to look at: worst answers, labels that may be wrong, confused pairs, exemplars.

Knows nothing of pixels or pages: pictures are named by their paths.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foveal.evaluation.answers import Answers, Bools, Floats, Ints
from foveal.evaluation.card import Exemplars, Findings, Pair, Picture, Suspect

WORST = 100
SUSPECTS = 100
PAIRS = 20
EXEMPLARS = 6


def findings(answers: Answers, paths: Sequence[str]) -> Findings:
    """Everything worth a look; `paths` names each row of `answers`."""
    pictures = _Pictures(answers, paths)
    multi = answers.task == "multi"
    return Findings(
        worst=tuple(pictures[row] for row in worst(answers)[:WORST]),
        suspects=() if multi else _suspects(answers, paths),
        confused=() if multi else confused(answers),
        classes={
            label: _exemplars(answers, place, pictures)
            for place, label in enumerate(answers.labels)
        },
    )


def picture(answers: Answers, row: int, path: str) -> Picture:
    """One row of `answers` as a value; several labels are joined by '|'."""
    if answers.task == "multi":
        true = "|".join(np.array(answers.labels)[answers.targets[row]])
        said = "|".join(np.array(answers.labels)[answers.given[row]])
    else:
        true = answers.labels[int(answers.targets[row])]
        said = answers.labels[int(answers.predicted[row])]
    return Picture(
        path=path,
        true=true,
        predicted=said,
        probability=float(answers.confidence[row]),
        true_probability=float(answers.true_probability[row]),
    )


def worst(answers: Answers) -> Ints:
    """Rows of wrong answers, the truth held least probable first."""
    wrong = np.flatnonzero(~answers.correct)
    order = np.argsort(answers.true_probability[wrong], kind="stable")
    return np.asarray(wrong[order], np.int64)


def suspected(answers: Answers) -> Bools:
    """(N,) labels that are probably wrong: confident learning (Northcutt et al. 2021).

    A class is believed of a picture where its probability is at least the mean probability it has
    on the pictures labelled with it; a label is suspected where the most probable believed class
    is another one and the label itself is less probable than that.
    """
    k = len(answers.labels)
    count = np.bincount(answers.targets, minlength=k)
    total = np.bincount(answers.targets, answers.true_probability, minlength=k)
    usual = np.divide(total, count, out=np.full(k, np.inf), where=count > 0)
    believed = np.where(answers.probabilities >= usual, answers.probabilities, -1.0)
    best = believed.argmax(axis=1)
    sure = believed[np.arange(len(answers)), best]
    return np.asarray((sure > answers.true_probability) & (best != answers.targets))


def confused(answers: Answers) -> tuple[Pair, ...]:
    """The pairs of classes most often confused, most pictures first."""
    k = len(answers.labels)
    cells = np.bincount(answers.targets * k + answers.predicted, minlength=k * k)
    there = np.bincount(answers.targets, minlength=k)
    cells[:: k + 1] = 0
    order = np.argsort(-cells, kind="stable")[:PAIRS]
    return tuple(
        Pair(
            true=answers.labels[cell // k],
            predicted=answers.labels[cell % k],
            n=int(cells[cell]),
            share=float(cells[cell] / there[cell // k]),
        )
        for cell in order
        if cells[cell]
    )


class _Pictures:
    """Rows as Picture values."""

    def __init__(self, answers: Answers, paths: Sequence[str]) -> None:
        self._answers, self._paths = answers, paths

    def __getitem__(self, row: int) -> Picture:
        return picture(self._answers, int(row), self._paths[int(row)])


def _suspects(answers: Answers, paths: Sequence[str]) -> tuple[Suspect, ...]:
    rows = np.flatnonzero(suspected(answers))
    best: Floats = answers.probabilities.max(axis=1)
    order = np.argsort(answers.true_probability[rows] - best[rows], kind="stable")[:SUSPECTS]
    return tuple(
        Suspect(
            path=paths[row],
            true=answers.labels[answers.targets[row]],
            suggested=answers.labels[int(answers.probabilities[row].argmax())],
            probability=float(best[row]),
            true_probability=float(answers.true_probability[row]),
        )
        for row in rows[order]
    )


def _exemplars(answers: Answers, place: int, pictures: _Pictures) -> Exemplars:
    multi = answers.task == "multi"
    truth = answers.targets[:, place] if multi else answers.targets == place
    said = answers.given[:, place] if multi else answers.predicted == place
    rows = np.flatnonzero(truth & said)
    sure = answers.probabilities[rows, place]
    best = rows[np.argsort(-sure, kind="stable")[:EXEMPLARS]]
    middle = np.median(sure) if len(sure) else 0.0
    typical = rows[np.argsort(np.abs(sure - middle), kind="stable")[:EXEMPLARS]]
    return Exemplars(
        best=tuple(pictures[row] for row in best),
        typical=tuple(pictures[row] for row in typical),
    )
