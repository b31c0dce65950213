"""The logit and the probability of one label, for one unit and for several."""

import pytest
import torch
from torch import nn

from foveal.explanation.target import MAX_BATCH_VALUES, Target, max_batch_images


@pytest.mark.parametrize("label_index", [0, 1])
def test_one_unit_stands_for_two_classes(label_index):
    target = Target(nn.Identity(), label_index, "sigmoid", 2.0, torch.zeros(1))
    logits = torch.tensor([[3.0], [-1.0]])
    sign = 1 if label_index else -1
    assert torch.equal(target.logit(logits), sign * logits[:, 0])
    assert torch.allclose(target.probability(logits), torch.sigmoid(sign * logits[:, 0] / 2))


def test_several_units_are_classes_or_independent_labels():
    logits = torch.tensor([[3.0, -1.0, 0.5]])
    single = Target(nn.Identity(), 2, "softmax", 2.0, torch.zeros(1))
    assert torch.equal(single.logit(logits), logits[:, 2])
    assert torch.allclose(single.probability(logits), torch.softmax(logits / 2, 1)[:, 2])
    multi = Target(nn.Identity(), 2, "sigmoid", 2.0, torch.zeros(1))
    assert torch.allclose(multi.probability(logits), torch.sigmoid(logits[:, 2] / 2))


def test_the_baseline_image_has_the_baseline_colour():
    target = Target(nn.Identity(), 0, "softmax", 1.0, torch.tensor([1.0, 2.0, 3.0]))
    baseline = target.baseline_image(torch.zeros(1, 3, 4, 5))
    assert baseline.shape == (1, 3, 4, 5)
    assert torch.equal(baseline[0, :, 2, 2], target.baseline)


def test_large_images_are_held_one_at_a_time():
    assert max_batch_images(torch.zeros(1, 3, 10, 10)) == MAX_BATCH_VALUES // 300
    assert max_batch_images(torch.zeros(1, 1, 2000, 2000)) == 1


@pytest.mark.parametrize("threads", [1, 2])
def test_logits_and_gradients_of_many_are_those_of_the_network(model, threads, monkeypatch):
    """Norms are folded, and each of several threads computes a part of the images."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    shape = model.manifest.network.input
    images = 255 * torch.rand(5, shape.channels, shape.height, shape.width)
    target = Target(model.module, 1, model.manifest.activation, 1.4, torch.zeros(shape.channels))
    inputs = images.clone().requires_grad_()
    logits = model.module(inputs)
    (gradients,) = torch.autograd.grad(target.logit(logits).sum(), inputs)
    assert torch.allclose(target.logits(images), logits, rtol=1e-4, atol=1e-4)
    found = target.gradients(images)
    assert torch.allclose(found, gradients, rtol=1e-3, atol=1e-4 * float(gradients.abs().max()))
    assert not images.requires_grad
