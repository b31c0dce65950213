"""Proposals: right where the classes are clear, uncertain and different images first."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.neighbours import unit_rows
from foveal.studio.review import proposals as module
from foveal.studio.review.proposals import combined, diverse_order, fit_probabilities, propose


def clusters(per_class, spread, seed=0, n_classes=3, size=16):
    random = np.random.default_rng(seed)
    centres = random.normal(size=(n_classes, size))
    truth = np.repeat(np.arange(n_classes), per_class)
    return (centres[truth] + spread * random.normal(size=(len(truth), size))).astype("f4"), truth


def test_of_clear_clusters_every_proposal_is_right():
    embeddings, truth = clusters(30, 0.1)
    labels = np.where(np.arange(len(truth)) % 10 == 0, truth, -1)
    found = propose([embeddings], labels, 3)
    assert sorted(found.rows.tolist()) == np.flatnonzero(labels < 0).tolist()
    np.testing.assert_array_equal(found.classes, truth[found.rows])
    assert (found.probabilities > 1 / 3).all()


def test_probabilities_agree_with_a_reference():
    from sklearn.linear_model import LogisticRegression

    embeddings, truth = clusters(40, 1.5)
    units = unit_rows(embeddings)
    labels = np.where(np.arange(len(truth)) % 2 == 0, truth, -1)
    rows = np.flatnonzero(labels < 0)
    found = fit_probabilities(units, labels, 3, rows)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-9)
    reference = LogisticRegression(C=10, max_iter=1000).fit(units[labels >= 0], truth[labels >= 0])
    agree = (reference.predict(units[rows]) == found.argmax(1)).mean()
    assert agree > 0.9


def test_networks_together_are_right_where_each_is_blind_for_one_class():
    embeddings, truth = clusters(30, 0.1)
    first, second = embeddings.copy(), embeddings[:, :8].copy()
    first[truth == 0], second[truth == 2] = first[truth == 1][:30], second[truth == 1][:30]
    labels = np.where(np.arange(len(truth)) % 10 == 0, truth, -1)

    def accuracy(*networks):
        found = propose(networks, labels, 3)
        return np.mean(found.classes == truth[found.rows])

    assert max(accuracy(first), accuracy(second)) < 0.9
    assert accuracy(first, second) == 1


def test_combined_probabilities_are_the_geometric_mean():
    found = combined([np.array([[0.8, 0.2]]), np.array([[0.5, 0.5]])])
    np.testing.assert_allclose(found, [[2 / 3, 1 / 3]])
    np.testing.assert_allclose(combined([np.array([[1.0, 0.0]])]), [[1, 0]], atol=1e-9)


def test_an_image_between_two_classes_comes_before_clear_ones():
    embeddings, truth = clusters(20, 0.05, n_classes=2)
    middle = embeddings[truth == 0].mean(0) + embeddings[truth == 1].mean(0)
    vectors = np.vstack([embeddings, middle[None]]).astype("f4")
    labels = np.append(np.where(np.arange(len(truth)) % 4 == 0, truth, -1), -1)
    assert propose([vectors], labels, 2).rows[0] == len(truth)


def test_copies_of_one_image_do_not_stand_together():
    vectors = unit_rows(np.array([[1, 0.0], [1, 0.001], [1, 0.002], [0, 1.0]]))
    order = diverse_order(vectors, np.array([1, 1, 1, 0.9]))
    assert order[:2].tolist() == [0, 3]


@given(st.integers(1, 12), st.integers(0, 1000))
def test_the_order_is_that_of_a_plain_loop(count, seed):
    random = np.random.default_rng(seed)
    units = unit_rows(random.normal(size=(count, 3)))
    weights = random.random(count)
    left, wanted, rest = np.ones(count), [], set(range(count))
    while rest:
        row = max(sorted(rest), key=lambda each: weights[each] * left[each])
        wanted.append(row)
        rest.remove(row)
        for other in range(count):
            left[other] = min(left[other], max(1e-3, float(1 - units[other] @ units[row])))
    assert diverse_order(units, weights).tolist() == wanted


@pytest.mark.parametrize("labels", [[-1, -1, -1], [0, -1, 0], [0, 1, 1]])
def test_without_two_classes_or_open_images_there_are_none(labels):
    vectors = np.eye(3, dtype="f4")
    assert len(propose([vectors], np.array(labels), 2).rows) == 0


def test_the_number_is_limited(monkeypatch):
    monkeypatch.setattr(module, "MAX_PROPOSALS", 5)
    embeddings, truth = clusters(30, 0.1)
    labels = np.where(np.arange(len(truth)) % 10 == 0, truth, -1)
    assert len(propose([embeddings], labels, 3).rows) == 5
