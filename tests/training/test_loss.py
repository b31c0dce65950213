"""The loss against torch's own and against plain formulas."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_class_weight

from foveal.spec.recipe import Recipe
from foveal.training.loss import classification_loss, compute_class_weights, encode_targets

LOGITS = torch.randn(32, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float32) * 3
LABELS = np.arange(32) % 5


def test_softmax_is_cross_entropy_with_smoothing():
    target = encode_targets(LABELS, 5, 5)
    expected = F.cross_entropy(LOGITS, torch.from_numpy(LABELS), label_smoothing=0.1)
    torch.testing.assert_close(classification_loss(LOGITS, target, "softmax", Recipe()), expected)


def test_no_smoothing():
    target = encode_targets(LABELS, 5, 5)
    expected = F.cross_entropy(LOGITS, torch.from_numpy(LABELS))
    got = classification_loss(LOGITS, target, "softmax", Recipe(label_smoothing=0.0))
    torch.testing.assert_close(got, expected)


def test_one_unit_is_binary_cross_entropy():
    labels = LABELS % 2
    target = encode_targets(labels, 2, 1)
    expected = F.binary_cross_entropy_with_logits(LOGITS[:, :1], target * 0.9 + 0.05)
    torch.testing.assert_close(
        classification_loss(LOGITS[:, :1], target, "sigmoid", Recipe()), expected
    )


def test_focal_weighs_hard_images_more():
    target = encode_targets(LABELS, 5, 5)
    recipe = Recipe(class_balance="focal", label_smoothing=0.0)
    sure = LOGITS.softmax(1)[torch.arange(32), torch.from_numpy(LABELS)]
    expected = (-((1 - sure) ** 2) * sure.log()).mean()
    torch.testing.assert_close(classification_loss(LOGITS, target, "softmax", recipe), expected)


def test_class_weights_are_scikit_learns_balanced():
    labels = np.array([0] * 90 + [1] * 9 + [3])
    weights = compute_class_weights(labels, 4)
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=labels)
    np.testing.assert_allclose(weights[[0, 1, 3]], expected, rtol=1e-6)
    assert weights[2] == 0


def test_weighted_softmax():
    weights = torch.tensor([1.0, 2, 3, 4, 5])
    target = encode_targets(LABELS, 5, 5)
    each = F.cross_entropy(LOGITS, torch.from_numpy(LABELS), reduction="none")
    expected = (each * weights[torch.from_numpy(LABELS)]).mean()
    recipe = Recipe(label_smoothing=0.0, class_balance="class_weights")
    torch.testing.assert_close(
        classification_loss(LOGITS, target, "softmax", recipe, weights), expected
    )


def test_several_labels_weigh_the_present_ones():
    labels = (np.arange(160).reshape(32, 5) % 7 == 0).astype(np.int64)
    weights = torch.from_numpy(compute_class_weights(labels, 5))
    target = encode_targets(labels, 5, 5)
    expected = F.binary_cross_entropy_with_logits(LOGITS, target, pos_weight=weights)
    recipe = Recipe(label_smoothing=0.0, class_balance="class_weights")
    torch.testing.assert_close(
        classification_loss(LOGITS, target, "sigmoid", recipe, weights), expected
    )


@pytest.mark.parametrize("balance", ["none", "focal"])
def test_mixed_targets_are_allowed(balance):
    target = encode_targets(LABELS, 5, 5)
    mixed = 0.7 * target + 0.3 * target.roll(1, 0)
    assert classification_loss(LOGITS, mixed, "softmax", Recipe(class_balance=balance)).isfinite()
