"""The leave-one-out classifier against plain fits of scikit-learn."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge

from foveal.doctor import leave_one_out
from foveal.doctor.leave_one_out import LeaveOneOut, prepare_features


@pytest.fixture
def classifier():
    """9, 14 and 5 images of three classes with 6 features."""
    random = np.random.default_rng(0)
    labels = np.array([0] * 9 + [1] * 14 + [2] * 5)
    features = random.normal(size=(28, 6)) + np.eye(3, 6)[labels]
    return features, LeaveOneOut(features, labels, 3)


def test_scores_are_a_fit_without_the_image(classifier):
    features, fitted = classifier
    scores, targets = fitted.scores(0.3), fitted.targets(slice(None))
    for row in range(28):
        others = np.arange(28) != row
        plain = Ridge(0.3 * fitted.mean_eigenvalue, fit_intercept=False)
        plain.fit(features[others], targets[others], fitted.weights[others])
        np.testing.assert_allclose(scores[row], plain.predict(features[row : row + 1])[0])


def test_logits_are_discriminants_of_the_scores(classifier):
    _, fitted = classifier
    scores = fitted.scores(0.3)[:, :2]  # the three sum to about 0, so two say all
    plain = LinearDiscriminantAnalysis(solver="lsqr", priors=[1 / 3] * 3)
    plain.fit(scores, fitted.labels)
    # scikit-learn weighs the covariances of the classes by their priors
    classes = [scores[fitted.labels == k] for k in range(3)]
    pooled = sum(np.cov(part.T, bias=True) * len(part) for part in classes) / 28
    means = plain.means_
    expected = -0.5 * np.array(
        [[(s - m) @ np.linalg.inv(pooled) @ (s - m) for m in means] for s in scores]
    )
    logits = -fitted.distances(0.3) / 2
    for values in (logits, expected):
        values -= values.mean(1, keepdims=True)
    np.testing.assert_allclose(logits, expected, rtol=0.02, atol=0.05)


def test_blocks_and_32_bits_change_nothing(classifier, monkeypatch):
    features, fitted = classifier
    expected = fitted.distances(0.3)
    assert fitted.mean_leverage(0.3) == pytest.approx(fitted.leverage(0.3).mean())
    monkeypatch.setattr(leave_one_out, "BLOCK_VALUES", 30)
    again = LeaveOneOut(features, fitted.labels, 3)
    np.testing.assert_allclose(again.distances(0.3), expected)
    rows = np.array([0, 3, 4, 17, 27])
    np.testing.assert_allclose(again.distances(0.3, rows), expected[rows])
    assert [len(part) for part in again.iter_distances(0.3)] == [3] * 9 + [1]
    short = LeaveOneOut(features.astype(np.float32), fitted.labels, 3)
    np.testing.assert_allclose(short.distances(0.3), expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(
        prepare_features(features), prepare_features(features.astype(np.float32)), atol=1e-6
    )


def test_features_have_one_length_and_no_mean():
    random = np.random.default_rng(0)
    embeddings = random.normal(size=(20, 5)).astype(np.float32)
    features = prepare_features(embeddings)
    roots = np.sign(embeddings) * np.sqrt(np.abs(embeddings.astype(float)))
    roots /= np.linalg.norm(roots, axis=1, keepdims=True)
    np.testing.assert_allclose(features, roots - roots.mean(0), atol=1e-7)
    assert (prepare_features(np.zeros((3, 2))) == 0).all()


def test_many_features_are_projected(monkeypatch):
    embeddings = np.random.default_rng(0).normal(size=(30, 900))
    whole = prepare_features(embeddings)
    monkeypatch.setattr(leave_one_out, "MAX_FEATURES", 600)
    projected = prepare_features(embeddings)
    assert projected.shape == (30, 600)
    np.testing.assert_allclose(projected @ projected.T, whole @ whole.T, atol=0.25)
