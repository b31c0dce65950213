"""The results keep the fields that `evaluate --json` promises."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import ValidationError

from foveal.evaluation.metrics import compute_scores
from foveal.evaluation.schema import ConfusedPair, Scores

PROMISED = {
    "n",
    "accuracy",
    "accuracy_interval",
    "balanced_accuracy",
    "macro_f1",
    "classes",
    "confusion",
    "labels",
    "nll",
    "ece",
    "ms_per_image",
    "split",
    "left_out",
}


def test_the_promised_fields_are_there(single_label) -> None:
    data = compute_scores(single_label(n=40)).to_data()
    assert set(data) >= PROMISED
    assert set(data["classes"]["class 0"]) >= {"precision", "recall", "f1", "support"}


def test_scores_are_read_back_from_their_json(single_label) -> None:
    scores = compute_scores(single_label(n=40))
    assert Scores.model_validate(json.loads(json.dumps(scores.to_data()))) == scores


def test_values_are_frozen_and_finite() -> None:
    pair = ConfusedPair(true="a", predicted="b", n=1, share=0.5)
    with pytest.raises(ValidationError):
        pair.n = 2
    with pytest.raises(ValidationError):
        ConfusedPair(true="a", predicted="b", n=1, share=np.nan)
