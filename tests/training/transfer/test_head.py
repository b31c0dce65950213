"""The fitted output layer: scikit-learn finds the same minimum, few images are enough."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from foveal.training.loss import encode_targets
from foveal.training.transfer import head
from foveal.training.transfer.head import DEFAULT_STRENGTH, STRENGTHS, fit_head
from foveal.training.validation import fit_temperature, negative_log_likelihood

VALUES, LABELS = load_digits(return_X_y=True)
FEATURES = torch.from_numpy(VALUES.astype(np.float32))


def _one_hot(rows, classes=10):
    return encode_targets(LABELS[rows].astype(np.int64), classes, classes)


TRAIN, VAL, REST = slice(0, 600), slice(600, 900), slice(900, 1797)


def _accuracy(fitted, rows):
    logits = FEATURES[rows] @ fitted.weight.T + fitted.bias
    return float((logits.argmax(1).numpy() == LABELS[rows]).mean())


@pytest.mark.parametrize("strength", [0.3, 0.01])
def test_it_finds_the_minimum_that_scikit_learn_finds(monkeypatch, strength):
    monkeypatch.setattr(head, "SHRINKAGE_IMAGES", 0)
    monkeypatch.setattr(head, "RELATIVE_TOLERANCE", 1e-10)
    fitted = fit_head(FEATURES[TRAIN], _one_hot(TRAIN), activation="softmax", strengths=(strength,))
    varies = VALUES[TRAIN].std(0) > 0
    deviation = np.where(varies, VALUES[TRAIN].std(0), 1)
    scaled = (VALUES - VALUES[TRAIN].mean(0)) / deviation
    reference = LogisticRegression(C=1 / (strength * 600), tol=1e-8, max_iter=5000)
    reference.fit(scaled[TRAIN], LABELS[TRAIN])
    logits = FEATURES[VAL] @ fitted.weight.T + fitted.bias
    np.testing.assert_allclose(
        logits.softmax(1).numpy(), reference.predict_proba(scaled[VAL]), atol=2e-3
    )


def test_the_strength_has_the_least_loss_on_val():
    fitted = fit_head(
        FEATURES[TRAIN], _one_hot(TRAIN), FEATURES[VAL], _one_hot(VAL), activation="softmax"
    )
    assert fitted.strength in STRENGTHS
    expected = FEATURES[VAL] @ fitted.weight.T + fitted.bias
    torch.testing.assert_close(fitted.val_logits, expected)
    losses = {}
    for strength in STRENGTHS:
        other = fit_head(
            FEATURES[TRAIN], _one_hot(TRAIN), activation="softmax", strengths=(strength,)
        )
        logits = (FEATURES[VAL] @ other.weight.T + other.bias).numpy()
        temperature = fit_temperature(logits, LABELS[VAL], "softmax")
        losses[strength] = negative_log_likelihood(logits, LABELS[VAL], "softmax", temperature)
    assert losses[fitted.strength] < min(losses.values()) + 2e-3
    assert _accuracy(fitted, REST) > 0.9


def test_without_val_images_are_left_out_in_turn():
    fitted = fit_head(FEATURES[TRAIN], _one_hot(TRAIN), activation="softmax")
    assert fitted.strength in STRENGTHS
    assert fitted.val_logits.shape == (0, 10)
    assert _accuracy(fitted, REST) > 0.9
    assert (
        fit_head(
            FEATURES[TRAIN],
            _one_hot(TRAIN),
            FEATURES[:0],
            _one_hot(slice(0, 0)),
            activation="softmax",
        ).strength
        == fitted.strength
    )


@pytest.mark.parametrize(("images", "least"), [(1, 0.55), (2, 0.6), (5, 0.74)])
def test_few_images_a_class(images, least):
    rows = np.concatenate([np.flatnonzero(LABELS[TRAIN] == one)[:images] for one in range(10)])
    fitted = fit_head(FEATURES[rows], _one_hot(rows), activation="softmax")
    assert _accuracy(fitted, REST) > least
    assert fitted.strength == DEFAULT_STRENGTH or images > 1


def test_two_classes_with_one_unit():
    rows = np.flatnonzero(np.isin(LABELS, (3, 8)))
    targets = encode_targets((LABELS[rows] == 8).astype(np.int64), 2, 1)
    train, val = rows[:200], rows[200:]
    fitted = fit_head(
        FEATURES[train], targets[:200], FEATURES[val], targets[200:], activation="sigmoid"
    )
    assert fitted.weight.shape == (1, 64)
    assert float(((fitted.val_logits > 0) == (targets[200:] > 0.5)).float().mean()) > 0.9


def test_several_labels_an_image():
    labels = np.stack([LABELS % 2 == 0, LABELS > 4, LABELS < 100], axis=1).astype(np.int64)
    targets = encode_targets(labels, 3, 3)
    fitted = fit_head(
        FEATURES[TRAIN], targets[TRAIN], FEATURES[VAL], targets[VAL], activation="sigmoid"
    )
    correct = (fitted.val_logits > 0) == (targets[VAL] > 0.5)
    assert correct.float().mean(0).min() > 0.8
    assert correct[:, 2].all()


def test_the_same_input_gives_the_same_bits():
    first, second = (
        fit_head(
            FEATURES[TRAIN], _one_hot(TRAIN), FEATURES[VAL], _one_hot(VAL), activation="softmax"
        )
        for _ in range(2)
    )
    assert torch.equal(first.weight, second.weight)
    assert torch.equal(first.bias, second.bias)


def test_inputs_are_not_changed():
    features = FEATURES[TRAIN].clone()
    fit_head(features, _one_hot(TRAIN), activation="softmax", strengths=(0.1,))
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
    fitted = fit_head(features, encode_targets(labels, 3, 3), activation="softmax")
    assert fitted.weight.isfinite().all()
    assert fitted.bias.isfinite().all()
