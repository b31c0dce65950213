"""The fitted output layer: scikit-learn finds the same minimum, few images are enough."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from foveal.training.loss import compute_class_weights, encode_targets, loss_weights
from foveal.training.transfer import head
from foveal.training.transfer.head import DEFAULT_STRENGTH, STRENGTHS, HeadData, fit_head
from foveal.training.validation import fit_temperature, negative_log_likelihood

VALUES, LABELS = load_digits(return_X_y=True)
FEATURES = torch.from_numpy(VALUES.astype(np.float32))


def _one_hot(rows, classes=10):
    return encode_targets(LABELS[rows].astype(np.int64), classes, classes)


def _data(rows):
    return HeadData(FEATURES[rows], _one_hot(rows))


TRAIN, VAL, REST = slice(0, 600), slice(600, 900), slice(900, 1797)


def _accuracy(fitted, rows):
    logits = FEATURES[rows] @ fitted.weight.T + fitted.bias
    return float((logits.argmax(1).numpy() == LABELS[rows]).mean())


@pytest.mark.parametrize("strength", [0.3, 0.01])
def test_it_finds_the_minimum_that_scikit_learn_finds(monkeypatch, strength):
    monkeypatch.setattr(head, "SHRINKAGE_IMAGES", 0)
    monkeypatch.setattr(head, "RELATIVE_TOLERANCE", 1e-10)
    fitted = fit_head(_data(TRAIN), activation="softmax", strengths=(strength,))
    varies = VALUES[TRAIN].std(0) > 0
    deviation = np.where(varies, VALUES[TRAIN].std(0), 1)
    scaled = (VALUES - VALUES[TRAIN].mean(0)) / deviation
    reference = LogisticRegression(C=1 / (strength * 600), tol=1e-8, max_iter=5000)
    reference.fit(scaled[TRAIN], LABELS[TRAIN])
    logits = FEATURES[VAL] @ fitted.weight.T + fitted.bias
    np.testing.assert_allclose(
        logits.softmax(1).numpy(), reference.predict_proba(scaled[VAL]), atol=2e-3
    )


IMBALANCED = np.concatenate(
    [np.flatnonzero(LABELS[TRAIN] == one)[: 60 // (1 + one)] for one in range(10)]
)


def _weighted(rows, class_weights):
    targets = _one_hot(rows)
    return HeadData(FEATURES[rows], targets, loss_weights(targets, "softmax", class_weights))


def test_class_weights_give_the_minimum_that_scikit_learn_finds(monkeypatch):
    monkeypatch.setattr(head, "SHRINKAGE_IMAGES", 0)
    monkeypatch.setattr(head, "RELATIVE_TOLERANCE", 1e-10)
    rows, labels = IMBALANCED, LABELS[IMBALANCED]
    class_weights = compute_class_weights(labels.astype(np.int64), 10)
    fitted = fit_head(
        _weighted(rows, torch.from_numpy(class_weights)), activation="softmax", strengths=(0.1,)
    )
    shares = class_weights[labels] / class_weights[labels].sum()
    mean = np.average(VALUES[rows], axis=0, weights=shares)
    deviation = np.sqrt(np.average((VALUES[rows] - mean) ** 2, axis=0, weights=shares))
    scaled = (VALUES - mean) / np.where(deviation > 0, deviation, 1)
    reference = LogisticRegression(
        C=1 / (0.1 * len(rows)), class_weight="balanced", tol=1e-8, max_iter=5000
    )
    reference.fit(scaled[rows], labels)
    logits = FEATURES[VAL] @ fitted.weight.T + fitted.bias
    np.testing.assert_allclose(
        logits.softmax(1).numpy(), reference.predict_proba(scaled[VAL]), atol=2e-3
    )


def test_the_weight_of_an_image_is_how_often_it_counts(monkeypatch):
    monkeypatch.setattr(head, "SHRINKAGE_IMAGES", 0)
    monkeypatch.setattr(head, "RELATIVE_TOLERANCE", 1e-10)
    weights = torch.arange(1.0, 11.0)
    repeated = np.repeat(IMBALANCED, 1 + LABELS[IMBALANCED])
    mean = float(weights[torch.from_numpy(LABELS[IMBALANCED].astype(np.int64))].mean())
    weighted = _weighted(IMBALANCED, weights / mean)
    fitted, expected = (
        fit_head(data, activation="softmax", strengths=(0.1,))
        for data in (weighted, _data(repeated))
    )
    torch.testing.assert_close(fitted.weight, expected.weight, atol=2e-3, rtol=0)
    torch.testing.assert_close(fitted.bias, expected.bias, atol=2e-2, rtol=0)


def test_class_weights_of_several_labels_give_the_minimum_that_scikit_learn_finds(monkeypatch):
    monkeypatch.setattr(head, "SHRINKAGE_IMAGES", 0)
    monkeypatch.setattr(head, "RELATIVE_TOLERANCE", 1e-10)
    labels = np.stack([LABELS == 3, LABELS > 7], axis=1)[TRAIN].astype(np.int64)
    targets, class_weights = encode_targets(labels, 2, 2), torch.tensor([9.0, 4.0])
    weights = loss_weights(targets, "sigmoid", class_weights)
    data = HeadData(FEATURES[TRAIN], targets, weights)
    fitted = fit_head(data, activation="sigmoid", strengths=(0.1,))
    shares = (weights.mean(1) / weights.mean(1).sum()).numpy()
    mean = np.average(VALUES[TRAIN], axis=0, weights=shares)
    deviation = np.sqrt(np.average((VALUES[TRAIN] - mean) ** 2, axis=0, weights=shares))
    scaled = (VALUES - mean) / np.where(deviation > 0, deviation, 1)
    logits = FEATURES[VAL] @ fitted.weight.T + fitted.bias
    for unit, weight in enumerate((9, 4)):
        reference = LogisticRegression(
            C=1 / (0.1 * 600), class_weight={0: 1, 1: weight}, tol=1e-8, max_iter=5000
        )
        reference.fit(scaled[TRAIN], labels[:, unit])
        expected = reference.predict_proba(scaled[VAL])[:, 1]
        np.testing.assert_allclose(logits[:, unit].sigmoid().numpy(), expected, atol=2e-3)


def test_fewer_images_than_features_have_the_same_minimum():
    rows = np.arange(0, 600, 20)
    fitted = fit_head(_data(rows), activation="softmax", strengths=(0.1,))
    padded = HeadData(
        torch.cat([FEATURES[rows]] * 3), torch.cat([_one_hot(rows)] * 3), torch.ones(90, 1)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(head, "SHRINKAGE_IMAGES", 3 * head.SHRINKAGE_IMAGES)
        expected = fit_head(padded, activation="softmax", strengths=(0.1,))
    torch.testing.assert_close(fitted.weight, expected.weight, atol=2e-3, rtol=0)


def test_images_of_train_have_a_say_where_val_has_few():
    train, val = _data(slice(0, 150)), _data(slice(600, 620))
    chosen = fit_head(train, val, activation="softmax").strength
    losses = dict.fromkeys(STRENGTHS, 0.0)
    folds = head._folds(train.targets)
    for kept, out, count in [(folds != f, folds == f, (folds == f).sum()) for f in range(5)]:
        for strength in STRENGTHS:
            part = fit_head(
                train.rows(kept), train.rows(out), activation="softmax", strengths=(strength,)
            )
            labels = train.targets[out].argmax(1).numpy()
            losses[strength] += float(count) * _loss(part.val_logits.numpy(), labels)
    for strength in STRENGTHS:
        part = fit_head(train, val, activation="softmax", strengths=(strength,))
        losses[strength] += 20 * _loss(part.val_logits.numpy(), LABELS[600:620])
    assert losses[chosen] < min(losses.values()) + 1.0


def _loss(logits, labels):
    temperature = fit_temperature(logits, labels, "softmax")
    return negative_log_likelihood(logits, labels, "softmax", temperature)


def test_the_strength_has_the_least_loss_on_val():
    fitted = fit_head(_data(TRAIN), _data(VAL), activation="softmax")
    assert fitted.strength in STRENGTHS
    expected = FEATURES[VAL] @ fitted.weight.T + fitted.bias
    torch.testing.assert_close(fitted.val_logits, expected)
    losses = {}
    for strength in STRENGTHS:
        other = fit_head(_data(TRAIN), activation="softmax", strengths=(strength,))
        logits = (FEATURES[VAL] @ other.weight.T + other.bias).numpy()
        temperature = fit_temperature(logits, LABELS[VAL], "softmax")
        losses[strength] = negative_log_likelihood(logits, LABELS[VAL], "softmax", temperature)
    assert losses[fitted.strength] < min(losses.values()) + 2e-3
    assert _accuracy(fitted, REST) > 0.9


def test_without_val_images_are_left_out_in_turn():
    fitted = fit_head(_data(TRAIN), activation="softmax")
    assert fitted.strength in STRENGTHS
    assert fitted.val_logits.shape == (0, 10)
    assert _accuracy(fitted, REST) > 0.9
    empty = fit_head(_data(TRAIN), _data(slice(0, 0)), activation="softmax")
    assert empty.strength == fitted.strength


@pytest.mark.parametrize(("images", "least"), [(1, 0.55), (2, 0.6), (5, 0.74)])
def test_few_images_a_class(images, least):
    rows = np.concatenate([np.flatnonzero(LABELS[TRAIN] == one)[:images] for one in range(10)])
    fitted = fit_head(_data(rows), activation="softmax")
    assert _accuracy(fitted, REST) > least
    assert fitted.strength == DEFAULT_STRENGTH or images > 1


def test_two_classes_with_one_unit():
    rows = np.flatnonzero(np.isin(LABELS, (3, 8)))
    targets = encode_targets((LABELS[rows] == 8).astype(np.int64), 2, 1)
    train, val = rows[:200], rows[200:]
    fitted = fit_head(
        HeadData(FEATURES[train], targets[:200]),
        HeadData(FEATURES[val], targets[200:]),
        activation="sigmoid",
    )
    assert fitted.weight.shape == (1, 64)
    assert float(((fitted.val_logits > 0) == (targets[200:] > 0.5)).float().mean()) > 0.9


def test_several_labels_an_image():
    labels = np.stack([LABELS % 2 == 0, LABELS > 4, LABELS < 100], axis=1).astype(np.int64)
    targets = encode_targets(labels, 3, 3)
    fitted = fit_head(
        HeadData(FEATURES[TRAIN], targets[TRAIN]),
        HeadData(FEATURES[VAL], targets[VAL]),
        activation="sigmoid",
    )
    correct = (fitted.val_logits > 0) == (targets[VAL] > 0.5)
    assert correct.float().mean(0).min() > 0.8
    assert correct[:, 2].all()


def test_the_same_input_gives_the_same_bits():
    first, second = (fit_head(_data(TRAIN), _data(VAL), activation="softmax") for _ in range(2))
    assert torch.equal(first.weight, second.weight)
    assert torch.equal(first.bias, second.bias)


def test_inputs_are_not_changed():
    features = FEATURES[TRAIN].clone()
    fit_head(HeadData(features, _one_hot(TRAIN)), activation="softmax", strengths=(0.1,))
    assert torch.equal(features, FEATURES[TRAIN])


@settings(deadline=None, max_examples=20)
@given(
    rows=st.integers(1, 12),
    width=st.integers(1, 5),
    scale=st.sampled_from([0.0, 1e-20, 1.0, 1e6]),
    seed=st.integers(0, 99),
)
def test_any_finite_features_give_a_finite_head(rows, width, scale, seed):
    generator = torch.Generator().manual_seed(seed)
    features = scale * torch.randn(rows, width, generator=generator)
    labels = torch.randint(0, 3, (rows,), generator=generator).numpy()
    fitted = fit_head(HeadData(features, encode_targets(labels, 3, 3)), activation="softmax")
    assert fitted.weight.isfinite().all()
    assert fitted.bias.isfinite().all()


@pytest.mark.parametrize(("most", "threads"), [(10**9, {1}), (0, {3})])
def test_a_small_fit_is_made_by_one_thread_however_many_there_are(monkeypatch, most, threads):
    monkeypatch.setattr(head, "MAX_ONE_THREAD_PRODUCTS", most)
    seen, before = set(), torch.get_num_threads()
    evaluate = head._losses

    def losses(*arguments):
        seen.add(torch.get_num_threads())
        return evaluate(*arguments)

    monkeypatch.setattr(head, "_losses", losses)
    torch.set_num_threads(3)
    try:
        fit_head(_data(TRAIN), _data(VAL), activation="softmax", strengths=(0.1,))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert seen == threads
