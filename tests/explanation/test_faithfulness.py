"""Faithfulness checks on a network of which it is known which pixels matter."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from foveal.explanation.attribution import (
    cam,
    integrated_gradients,
    occlusion,
    upsample,
)
from foveal.explanation.faithfulness import (
    _block_numbers,
    check_faithfulness,
    random_baseline,
    randomise_weights,
    rank_correlation,
)
from foveal.explanation.target import Target

ATTRIBUTE = {
    "cam": lambda target, image: upsample(cam(target, image, "conv", "hires_cam"), 16, 16),
    "integrated_gradients": integrated_gradients,
    "occlusion": occlusion,
}


@pytest.mark.parametrize("method", ATTRIBUTE)
def test_a_map_of_the_pixels_that_matter_is_faithful(corner_target, bright_image, method):
    attribute = ATTRIBUTE[method]
    values = attribute(corner_target, bright_image)
    assert (values.dtype, values.shape) == (np.float32, (16, 16))
    assert np.abs(values[:8, :8]).sum() / np.abs(values).sum() > 0.75
    check = check_faithfulness(
        corner_target,
        bright_image,
        values,
        lambda target: attribute(target, bright_image),
        random_baseline(corner_target, bright_image),
    )
    assert check.faithful, check.reason
    assert check.random_orders_beaten == check.random_orders == 19


def test_a_map_of_other_pixels_is_not_faithful(corner_target, bright_image):
    wrong = np.zeros((16, 16), np.float32)
    wrong[8:, 8:] = np.arange(64).reshape(8, 8)
    baseline = random_baseline(corner_target, bright_image)
    check = check_faithfulness(corner_target, bright_image, wrong, lambda _: wrong, baseline)
    assert not check.faithful
    assert check.random_orders_beaten < 19
    assert check.randomised_correlation == pytest.approx(1)
    assert check.reason == (
        f"deletion and insertion: better than {check.random_orders_beaten} of 19 random orders; "
        "rank correlation after weight randomisation: 1.00 (must be below 0.5)"
    )


def test_a_correct_map_that_does_not_depend_on_the_weights_is_not_faithful(
    corner_target, bright_image
):
    values = integrated_gradients(corner_target, bright_image)
    baseline = random_baseline(corner_target, bright_image)
    check = check_faithfulness(corner_target, bright_image, values, lambda _: values, baseline)
    assert check.random_orders_beaten == 19
    assert not check.faithful


def test_maps_of_opposite_signs_do_not_cancel(corner_target, bright_image):
    values = integrated_gradients(corner_target, bright_image)
    other = iter((values, -values))
    baseline = random_baseline(corner_target, bright_image)
    check = check_faithfulness(
        corner_target, bright_image, values, lambda _: next(other), baseline, randomisations=2
    )
    assert (check.faithful, check.randomised_correlation) == (False, pytest.approx(1))


def test_a_constant_map_is_not_faithful(corner_target, bright_image):
    constant = np.zeros((16, 16), np.float32)
    baseline = random_baseline(corner_target, bright_image)
    check = check_faithfulness(corner_target, bright_image, constant, lambda _: constant, baseline)
    assert check.constant
    assert not check.faithful
    assert check.reason == "the map has the same value everywhere"


def test_curves_begin_and_end_with_the_image_and_the_baseline(corner_target, bright_image):
    curves = random_baseline(corner_target, bright_image, random_orders=3, steps=4).curves
    with torch.no_grad():
        image, empty = (
            float(corner_target.probability(corner_target.module(pixels)))
            for pixels in (bright_image, corner_target.baseline_image(bright_image))
        )
    assert curves.deletion[0] == pytest.approx(image)
    assert curves.deletion[-1] == pytest.approx(empty)
    assert curves.insertion[0] == pytest.approx(empty)
    assert curves.insertion[-1] == pytest.approx(image)


def test_curves_are_those_of_a_plain_loop(corner_target, bright_image):
    """Image by image, in the orders of the seed."""
    found = random_baseline(corner_target, bright_image, random_orders=3, steps=5)
    blocks = _block_numbers(bright_image)
    count, rng = blocks.max() + 1, np.random.default_rng(0)
    orders = [rng.permutation(count) for _ in range(3)]
    empty = corner_target.baseline_image(bright_image)
    curves = []
    for order in orders:
        for background, pixels in ((empty, bright_image), (bright_image, empty)):
            curve = []
            for step in range(6):
                gone = np.isin(blocks, order[: int(np.round(count * step / 5))])
                mixed = torch.where(torch.from_numpy(gone), background, pixels)
                curve.append(float(corner_target.probability(corner_target.logits(mixed))))
            curves.append(curve)
    deletion, insertion = np.array(curves[::2]), np.array(curves[1::2])
    np.testing.assert_allclose(found.curves.deletion, deletion.mean(0), rtol=1e-5)
    np.testing.assert_allclose(found.curves.insertion, insertion.mean(0), rtol=1e-5)
    areas = np.trapezoid(insertion, dx=1 / 5) - np.trapezoid(deletion, dx=1 / 5)
    np.testing.assert_allclose(found.auc_differences, areas, rtol=1e-4, atol=1e-6)


def test_few_images_are_held_at_a_time(corner_target, bright_image, monkeypatch):
    """A large image must not be held once for every patch and every step."""

    def compute():
        baseline = random_baseline(corner_target, bright_image)
        return occlusion(corner_target, bright_image), baseline.auc_differences

    at_once = compute()
    limit = 12 * bright_image.numel()
    monkeypatch.setattr("foveal.explanation.target.MAX_BATCH_VALUES", limit)
    held, passed = [], []
    original = Target.logits

    def logits(self, images):
        held.append(len(images))
        return original(self, images)

    monkeypatch.setattr(Target, "logits", logits)
    handle = corner_target.fused.register_forward_hook(
        lambda _module, inputs, _output: passed.append(len(inputs[0]))
    )
    in_batches = compute()
    handle.remove()
    assert max(held) <= 24  # deletion and insertion together
    assert max(passed) <= 3
    assert np.allclose(in_batches[0], at_once[0], atol=1e-5)
    assert np.allclose(in_batches[1], at_once[1], atol=1e-5)


def test_rank_correlation_is_that_of_scipy():
    rng = np.random.default_rng(0)
    for first in (rng.integers(0, 9, (6, 7)), rng.normal(size=(6, 7)), np.arange(42)):
        second = rng.normal(size=first.shape).round(1)
        expected = spearmanr(first.ravel(), second.ravel()).statistic
        assert rank_correlation(first, second) == pytest.approx(expected, abs=1e-12)
    assert rank_correlation(np.ones(5), np.arange(5)) == 0


def test_randomised_weights_are_shuffled_in_a_copy(corner_target):
    before = corner_target.module.dense.weight.clone()
    randomised = randomise_weights(corner_target, 0)
    assert torch.equal(corner_target.module.dense.weight, before)
    after = randomised.module.dense.weight
    assert not torch.equal(after, before)
    assert torch.equal(after.flatten().sort().values, before.flatten().sort().values)
