"""Scores of labels and rankings, against scikit-learn."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from foveal.evaluation.classification_metrics import (
    average_precision,
    confusion_matrix,
    label_confusion_matrices,
    label_scores,
    matthews_corrcoef,
    roc_auc,
)

CLASSES = 4
labels = st.lists(
    st.tuples(st.integers(0, CLASSES - 1), st.integers(0, CLASSES - 1)), min_size=1, max_size=60
)
flags = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)
scored = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1)),
    min_size=2,
    max_size=60,
)


@pytest.mark.filterwarnings("ignore:A single label was found")
@given(labels)
def test_labels(pairs) -> None:
    true, predicted = np.array(pairs).T
    found = confusion_matrix(true, predicted, CLASSES)
    expected = metrics.confusion_matrix(true, predicted, labels=range(CLASSES))
    np.testing.assert_array_equal(found, expected)
    scores = label_scores(np.diag(found), found.sum(axis=1), found.sum(axis=0))
    *expected, support = metrics.precision_recall_fscore_support(
        true, predicted, labels=range(CLASSES), zero_division=0.0
    )
    np.testing.assert_allclose(scores[:3], expected, rtol=1e-14)
    np.testing.assert_array_equal(scores.support, support)
    np.testing.assert_array_equal(scores.predicted, np.bincount(predicted, minlength=CLASSES))
    matthews = metrics.matthews_corrcoef(true, predicted)
    assert matthews_corrcoef(found) == pytest.approx(matthews, abs=1e-12)


@given(flags)
def test_several_labels(pairs) -> None:
    true, predicted = (column.reshape(-1, 1) for column in np.array(pairs).T)
    true, predicted = np.hstack([true, ~true]), np.hstack([predicted, predicted])
    np.testing.assert_array_equal(
        label_confusion_matrices(true, predicted),
        metrics.multilabel_confusion_matrix(true, predicted),
    )


@given(scored)
def test_rankings_with_ties(pairs) -> None:
    truth, scores = (np.array(column) for column in zip(*pairs, strict=True))
    if truth.any():
        expected = metrics.average_precision_score(truth, scores)
        assert average_precision(truth, scores) == pytest.approx(expected, rel=1e-12)
    if truth.any() and not truth.all():
        expected = metrics.roc_auc_score(truth, scores)
        assert roc_auc(truth, scores) == pytest.approx(expected, rel=1e-12)


def test_scores_do_not_import_scikit_learn() -> None:
    code = (
        "import sys\nimport numpy as np\n"
        "from foveal.evaluation.metrics import compute_scores\n"
        "from foveal.evaluation.predictions import Predictions\n"
        "random = np.random.default_rng(0)\n"
        "probabilities = random.dirichlet(np.ones(3), 200)\n"
        "compute_scores(Predictions(probabilities, np.arange(200) % 3, ('a', 'b', 'c')))\n"
        "assert 'sklearn' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
