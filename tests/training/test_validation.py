"""Logits, loss, accuracy and temperature of the validation images."""

import math

import numpy as np
import pytest
import sklearn.metrics
import torch
import torch.nn.functional as F
from torch import nn

from foveal.training import validation
from foveal.training.tensors import LabelledImages

CPU = torch.device("cpu")


def _images(count=30):
    numbers = np.random.default_rng(0)
    pixels = numbers.integers(0, 256, (count, 4, 4, 1), dtype=np.uint8)
    return LabelledImages(pixels, numbers.integers(0, 3, count))


def _module():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(16), nn.Linear(16, 3)).train()


def test_logits_are_those_of_the_module_in_evaluation_and_its_mode_is_restored():
    images, module = _images(), _module()
    logits = validation.predict_logits(module, images, CPU, batch_size=7)
    assert module.training
    with torch.no_grad():
        expected = module.eval()(images.batch(np.arange(30), CPU).float())
    np.testing.assert_allclose(logits, expected.numpy(), rtol=1e-5, atol=1e-4)


def test_flip_is_the_mean_with_the_mirror_images():
    images, module = _images(), _module()
    mirrored = LabelledImages(images.pixels[:, :, ::-1].copy(), images.labels)
    both = [validation.predict_logits(module, one, CPU) for one in (images, mirrored)]
    averaged = validation.predict_logits(module, images, CPU, flip=True)
    np.testing.assert_allclose(averaged, (both[0] + both[1]) / 2, rtol=1e-5, atol=1e-4)


def test_negative_log_likelihood_is_torchs_cross_entropy():
    logits = np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32)
    labels = np.arange(20) % 4
    expected = F.cross_entropy(torch.from_numpy(logits).double() / 1.7, torch.from_numpy(labels))
    value = validation.negative_log_likelihood(logits, labels, "softmax", 1.7)
    assert value == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("units", [1, 4])
def test_negative_log_likelihood_is_torchs_binary_cross_entropy(units):
    logits = np.random.default_rng(1).normal(size=(20, units)).astype(np.float32)
    labels = np.random.default_rng(2).integers(0, 2, (20, units) if units > 1 else 20)
    expected = F.binary_cross_entropy_with_logits(
        torch.from_numpy(logits).double(), torch.from_numpy(labels.reshape(20, units)).double()
    )
    value = validation.negative_log_likelihood(logits, labels, "sigmoid")
    assert value == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize(("activation", "units"), [("softmax", 3), ("sigmoid", 1)])
def test_weights_count_images_as_often(activation, units):
    rng = np.random.default_rng(units)
    logits = rng.normal(0, 3, (20, units)).astype(np.float32)
    labels = rng.integers(0, max(2, units), 20)
    times = rng.integers(1, 5, 20)
    repeated = np.repeat(np.arange(20), times)
    weights = (times / 3).astype(np.float32)[:, None]
    loss = validation.negative_log_likelihood(logits, labels, activation, 1.5, weights)
    expected = validation.negative_log_likelihood(
        logits[repeated], labels[repeated], activation, 1.5
    )
    assert loss == pytest.approx(expected, abs=1e-6)
    temperature = validation.fit_temperature(logits, labels, activation, weights)
    nearby = [
        validation.negative_log_likelihood(logits, labels, activation, factor, weights)
        + math.log1p(math.log(factor) ** 2) / 20
        for factor in (temperature / 1.05, temperature, temperature * 1.05)
    ]
    assert nearby[1] == min(nearby)


def test_accuracy_of_one_label_two_classes_and_several_labels():
    assert validation.accuracy(np.eye(3, dtype=np.float32), np.array([0, 1, 1])) == 2 / 3
    assert validation.accuracy(np.float32([[1.0], [-1.0]]), np.array([1, 1])) == 0.5
    several = np.float32([[1.0, -1.0], [1.0, 1.0]])
    assert validation.accuracy(several, np.array([[1, 0], [0, 0]])) == 0.5


def test_the_score_of_an_epoch_is_the_accuracy_or_that_of_sklearn_balanced():
    numbers = np.random.default_rng(3)
    labels = numbers.choice(4, 200, p=[0.85, 0.1, 0.04, 0.01])
    logits = numbers.normal(size=(200, 4)) + 2 * np.eye(4)[labels]
    share, error = validation.selection_score(logits, labels, balanced=False)
    assert share == validation.accuracy(logits, labels)
    assert error == validation.standard_error(share, 200)
    balanced, error = validation.selection_score(logits, labels, balanced=True)
    reference = sklearn.metrics.balanced_accuracy_score(labels, logits.argmax(axis=1))
    assert balanced == pytest.approx(reference)
    assert error > validation.standard_error(balanced, 200)


def test_a_class_of_one_image_that_is_right_is_not_certain():
    labels, logits = np.array([0] * 99 + [1]), np.array([[2.0, 1.0]] * 99 + [[1.0, 2.0]])
    score, error = validation.selection_score(logits, labels, balanced=True)
    assert score == 1.0
    assert error == pytest.approx(math.sqrt((2 / 3 * 1 / 3) + 100 / 101 / 101 / 99) / 2)


def test_several_labels_an_image_are_not_balanced():
    labels, logits = np.array([[1, 0], [0, 0]]), np.array([[1.0, -1.0], [1.0, -1.0]])
    assert validation.selection_score(logits, labels, balanced=True)[0] == 0.75


def test_standard_error():
    assert validation.standard_error(0.8, 100) == pytest.approx(0.04)
    assert validation.standard_error(-1.0, 0) == 0.0


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_of_logits_that_were_scaled_is_found(temperature):
    numbers = np.random.default_rng(3)
    logits = numbers.normal(size=(4000, 5)) * 2
    labels = (logits + numbers.gumbel(size=logits.shape)).argmax(axis=1)
    found = validation.fit_temperature(np.float32(logits * temperature), labels, "softmax")
    assert found == pytest.approx(temperature, rel=0.06)


def _golden_section(function, low, high):
    ratio = (math.sqrt(5) - 1) / 2
    while high - low > 1e-6:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if function(left) <= function(right):
            high = right
        else:
            low = left
    return (low + high) / 2


@pytest.mark.parametrize(("activation", "units"), [("softmax", 4), ("sigmoid", 1), ("sigmoid", 3)])
def test_the_temperature_is_that_of_a_golden_section_search(activation, units):
    for seed in range(5):
        numbers = np.random.default_rng(seed)
        logits = np.float32(numbers.normal(size=(60, units)) * 3)
        shape = (60, units) if activation == "sigmoid" and units > 1 else 60
        labels = numbers.integers(0, 2 if activation == "sigmoid" else units, shape)

        def loss(log_temperature, values=(logits, labels, activation)):
            likelihood = validation.negative_log_likelihood(*values, math.exp(log_temperature))
            return likelihood + math.log1p(log_temperature**2) / 60  # a Cauchy prior of scale 1

        expected = math.exp(_golden_section(loss, math.log(0.05), math.log(1e4)))
        found = validation.fit_temperature(logits, labels, activation)
        assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("count", [1, 2, 16, 100])
def test_few_images_that_are_all_right_do_not_prove_certainty(count):
    labels = np.arange(count) % 2
    for margin in (5.0, 20.0):
        logits = np.float32(margin * (2 * labels[:, None] - 1))
        found = validation.fit_temperature(logits, labels, "sigmoid")
        assert found == pytest.approx(1.0, abs=0.5)


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e11])
@pytest.mark.parametrize("count", [6, 30])
def test_logits_of_a_run_that_diverged_are_divided_until_they_promise_little(scale, count):
    logits = np.float32(np.full((count, 1), 30.0 * scale))
    found = validation.fit_temperature(logits, np.arange(count) % 2, "sigmoid")
    assert 1 / (1 + math.exp(-30 * scale / found)) < 0.65


def test_thousands_of_images_decide_alone():
    numbers = np.random.default_rng(4)
    logits = numbers.normal(size=(5000, 5)) * 2
    labels = (logits + numbers.gumbel(size=logits.shape)).argmax(axis=1)
    values = (np.float32(logits * 3), labels, "softmax")
    found = validation.fit_temperature(*values)
    best = math.exp(
        _golden_section(
            lambda log: validation.negative_log_likelihood(*values, math.exp(log)), -3, 3
        )
    )
    assert found == pytest.approx(best, rel=1e-3)


def test_the_temperature_is_one_without_images_or_finite_logits():
    nothing = np.zeros((0, 2), np.float32), np.zeros(0, np.int64)
    assert validation.fit_temperature(*nothing, "softmax") == 1.0
    logits = np.full((9, 2), np.inf, np.float32)
    assert validation.fit_temperature(logits, np.zeros(9, int), "softmax") == 1.0
