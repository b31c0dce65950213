"""Worst errors, label issues, confused pairs and exemplars against plain loops."""

from __future__ import annotations

import numpy as np

from foveal.evaluation.error_analysis import (
    analyse_errors,
    find_label_issues,
    worst_error_rows,
)
from foveal.evaluation.predictions import Predictions


def test_changed_labels_are_found_and_few_others(mislabelled) -> None:
    predictions, changed = mislabelled()
    is_issue, _ = find_label_issues(predictions)
    assert is_issue[changed].mean() > 0.7
    assert is_issue[~changed].mean() < 0.03


def test_label_issues_are_those_of_the_paper_by_a_plain_loop(mislabelled) -> None:
    predictions, _ = mislabelled()
    probabilities, targets = predictions.probabilities, predictions.targets
    thresholds = [probabilities[targets == k, k].mean() for k in range(3)]
    is_issue, suggested = find_label_issues(predictions)
    analysis = analyse_errors(predictions, [str(row) for row in range(600)])
    listed = {issue.path: issue for issue in analysis.label_issues}
    for row in range(600):
        candidates = [k for k in range(3) if probabilities[row, k] >= thresholds[k]]
        best = max(candidates, key=lambda k: probabilities[row, k], default=None)
        expected = (
            best is not None
            and best != targets[row]
            and probabilities[row, best] > probabilities[row, targets[row]]
        )
        assert is_issue[row] == expected
        assert (str(row) in listed) == expected
        if expected:
            assert suggested[row] == best
            assert listed[str(row)].suggested == predictions.labels[best]


def test_a_class_below_its_threshold_is_not_suggested() -> None:
    """The most probable class may be less probable than it is for its own images."""
    probabilities = np.array([[0.9, 0.1, 0], [0.1, 0.3, 0.6], [0.1, 0.3, 0.6], [0.5, 0.4, 0.1]])
    predictions = Predictions(probabilities, np.array([0, 1, 1, 2]), ("a", "b", "c"))
    issues = analyse_errors(predictions, list("1234")).label_issues
    assert {issue.path: issue.suggested for issue in issues} == {"2": "c", "3": "c", "4": "b"}


def test_worst_errors_come_first_and_exemplars_are_correct(mislabelled) -> None:
    predictions, _ = mislabelled()
    analysis = analyse_errors(predictions, [f"{row}.png" for row in range(len(predictions))])
    true_probabilities = [image.true_probability for image in analysis.worst_errors]
    assert true_probabilities == sorted(true_probabilities)
    assert all(image.true != image.predicted for image in analysis.worst_errors)
    assert len(worst_error_rows(predictions)) == (~predictions.correct).sum()
    for label, exemplars in analysis.exemplars.items():
        assert len(exemplars.most_confident) == len(exemplars.typical) == 6
        assert {image.true for image in exemplars.most_confident} == {label}
        probabilities = [image.probability for image in exemplars.most_confident]
        assert probabilities == sorted(probabilities, reverse=True)


def test_confused_pairs_come_by_count(mislabelled) -> None:
    predictions, _ = mislabelled()
    pairs = analyse_errors(predictions, [""] * len(predictions)).confused_pairs
    counts = {(pair.true, pair.predicted): pair.n for pair in pairs}
    assert list(counts.values()) == sorted(counts.values(), reverse=True)
    true, predicted = predictions.targets, predictions.predicted
    assert counts["b", "a"] == ((true == 1) & (predicted == 0)).sum()
    share = {(pair.true, pair.predicted): pair.share for pair in pairs}["b", "a"]
    assert share == counts["b", "a"] / (true == 1).sum()


def test_several_labels_are_joined(multi_label) -> None:
    predictions = multi_label(n=40)
    analysis = analyse_errors(predictions, [str(row) for row in range(40)])
    image = analysis.worst_errors[0]
    true_labels = predictions.targets[int(image.path)]
    labels = [label for label, is_true in zip("abcd", true_labels, strict=True) if is_true]
    assert image.true == "|".join(labels)
    assert analysis.label_issues == analysis.confused_pairs == ()
