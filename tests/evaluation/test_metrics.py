"""Every score against scikit-learn's own or a plain loop."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

import foveal.evaluation.metrics as module
from foveal.errors import MissingExtra
from foveal.evaluation.error_analysis import analyse_errors
from foveal.evaluation.metrics import compute_scores, require_scipy
from foveal.evaluation.predictions import Predictions
from foveal.evaluation.selective import coverage_curve


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 8), st.integers(0, 10_000), st.floats(0, 4))
def test_scores_are_those_of_scikit_learn(single_label, k: int, seed: int, strength: float) -> None:
    predictions = single_label(n=120, k=k, seed=seed, strength=strength)
    true, predicted = predictions.targets, predictions.predicted
    scores = compute_scores(predictions)
    present = np.unique(true)
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(true, predicted))
    macro = {"labels": present, "average": "macro", "zero_division": 0}
    recall = metrics.recall_score(true, predicted, **macro)
    assert scores.balanced_accuracy == pytest.approx(recall)
    assert scores.macro_f1 == pytest.approx(metrics.f1_score(true, predicted, **macro))
    matthews = metrics.matthews_corrcoef(true, predicted)
    assert scores.matthews_corrcoef == pytest.approx(matthews)
    log_loss = metrics.log_loss(true, predictions.probabilities, labels=range(k))
    assert scores.nll == pytest.approx(log_loss)
    brier = ((predictions.probabilities - np.eye(k)[true]) ** 2).sum(axis=1).mean()
    assert scores.brier == pytest.approx(brier)
    expected = metrics.confusion_matrix(true, predicted, labels=range(k)).tolist()
    assert scores.confusion == expected
    if k > 3:
        top_3 = metrics.top_k_accuracy_score(true, predictions.probabilities, k=3, labels=range(k))
        assert scores.top_k_accuracy["3"] == pytest.approx(top_3)


def test_each_class_against_the_rest(single_label) -> None:
    predictions = single_label()
    scores = compute_scores(predictions)
    for index, label in enumerate(predictions.labels):
        true, part = predictions.targets == index, scores.classes[label]
        probability = predictions.probabilities[:, index]
        assert part.roc_auc == pytest.approx(metrics.roc_auc_score(true, probability))
        precision = metrics.average_precision_score(true, probability)
        assert part.average_precision == pytest.approx(precision)
        assert part.support == true.sum()
        assert part.predicted == (predictions.predicted == index).sum()
        assert part.recall_interval[0] <= part.recall <= part.recall_interval[1]


def test_a_class_without_images_has_no_scores_and_moves_no_average(single_label) -> None:
    whole = single_label(k=3)
    mask = whole.targets != 2
    scores = compute_scores(
        Predictions(whole.probabilities[mask], whole.targets[mask], whole.labels)
    )
    empty = scores.classes["class 2"]
    assert (empty.precision, empty.recall, empty.f1, empty.support) == (None, None, None, 0)
    assert empty.roc_auc is None
    present = [scores.classes["class 0"], scores.classes["class 1"]]
    assert scores.macro_f1 == pytest.approx(np.mean([part.f1 for part in present]))
    assert scores.balanced_accuracy == pytest.approx(np.mean([part.recall for part in present]))
    assert None not in [scores.accuracy, scores.nll, scores.ece]


def test_several_labels_an_image(multi_label) -> None:
    predictions = multi_label()
    true, predicted = predictions.targets, predictions.probabilities >= 0.5
    scores = compute_scores(predictions)
    assert scores.accuracy == scores.exact_match
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(true, predicted))
    assert scores.hamming_score == pytest.approx(1 - metrics.hamming_loss(true, predicted))
    f1 = metrics.f1_score(true, predicted, average="macro")
    assert scores.macro_f1 == pytest.approx(f1)
    expected = metrics.confusion_matrix(true[:, 1], predicted[:, 1]).tolist()
    assert scores.confusion[1] == expected
    assert scores.top_k_accuracy == {}
    assert scores.matthews_corrcoef is None


def test_a_lower_operating_point_raises_recall(single_label) -> None:
    lower = compute_scores(single_label(k=2, positive_index=1, operating_point=0.1))
    default = compute_scores(single_label(k=2))
    assert lower.classes["class 1"].recall > default.classes["class 1"].recall


def test_without_scipy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="foveal evaluate needs the extra 'eval'"):
        require_scipy()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_undefined_scores_are_none_without_a_warning(data: st.DataObject) -> None:
    """Few images of few classes; any warning of a library fails the test."""
    n, k = data.draw(st.integers(1, 4)), data.draw(st.integers(2, 4))
    draw = st.lists(st.integers(0, k - 1), min_size=n, max_size=n)
    true, predicted = np.array(data.draw(draw)), np.array(data.draw(draw))
    probabilities = np.full((n, k), 0.3 / (k - 1))
    probabilities[np.arange(n), predicted] = 0.7
    predictions = Predictions(probabilities, true, tuple("abcd"[:k]))
    scores = compute_scores(predictions)
    defined = len(set(true.tolist())) > 1 and len(set(predicted.tolist())) > 1
    assert (scores.matthews_corrcoef is not None) == defined
    assert ("matthews_corrcoef" in scores.intervals) == defined
    assert "NaN" not in json.dumps(scores.to_data())
    analyse_errors(predictions, [str(row) for row in range(n)])
    coverage_curve(predictions)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3), st.integers(1, 3), st.data())
def test_several_labels_without_any_positive_are_undefined(
    n: int, k: int, data: st.DataObject
) -> None:
    cells = st.lists(st.booleans(), min_size=n * k, max_size=n * k)
    true, predicted = (np.array(data.draw(cells)).reshape(n, k) for _ in range(2))
    probabilities = np.where(predicted, 0.9, 0.2)
    predictions = Predictions(probabilities, true, tuple("abc"[:k]), task="multi")
    scores = compute_scores(predictions)
    assert (scores.balanced_accuracy is None, scores.macro_f1 is None) == (not true.any(),) * 2
    assert ("macro_f1" in scores.intervals) == bool(true.any())
    assert [part.support for part in scores.classes.values()] == true.sum(axis=0).tolist()
    assert [table[1][1] for table in scores.confusion] == (true & predicted).sum(axis=0).tolist()
    assert "NaN" not in json.dumps(scores.to_data())
    analyse_errors(predictions, [str(row) for row in range(n)])
    coverage_curve(predictions)
