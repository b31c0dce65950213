"""The forward pass of fine-tuning computes what the module does, and so do its gradients."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from foveal.model.model import load_model
from foveal.network.fused import batching
from foveal.spec.recipe import Recipe
from foveal.training import validation
from foveal.training.tensors import LabelledImages
from foveal.training.transfer import training
from foveal.training.transfer.training import (
    FoldedForward,
    max_images_of_pass,
    predict_logits,
    training_module,
)

CPU = torch.device("cpu")
FROZEN = Recipe(freeze_norms="on", compile="off")


@pytest.fixture
def module(tiny_pretrained):
    return load_model(tiny_pretrained).module


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(6, 3, 24, 24, generator=generator) * 255


def _gradients(module, forward, images):
    for parameter in module.parameters():
        parameter.grad = None
    F.cross_entropy(forward(images), torch.arange(6) % 4).backward()
    return {name: parameter.grad for name, parameter in module.named_parameters()}


def test_logits_and_gradients_are_those_of_the_module(module, images):
    module.eval()
    folded = FoldedForward(module)
    torch.testing.assert_close(folded(images), module(images), atol=1e-4, rtol=1e-4)
    expected = _gradients(module, module, images)
    expected = {name: value.clone() for name, value in expected.items()}
    found = _gradients(module, folded, images)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], atol=1e-4, rtol=1e-3, msg=name)


def test_a_step_moves_what_the_next_pass_computes_with(module, images):
    module.eval()
    folded = FoldedForward(module)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(1.1)
    torch.testing.assert_close(folded(images), module(images), atol=1e-4, rtol=1e-4)


def test_frozen_layers_have_no_gradient_and_the_weights_are_not_doubled(module, images):
    module.conv_1.weight.requires_grad_(False)
    folded = FoldedForward(module)
    assert list(folded.parameters()) == [*folded._folded.parameters()]
    found = _gradients(module, folded, images)
    assert found["conv_1.weight"] is None
    assert found["conv_2.weight"] is not None


def test_dropout_is_on_in_training_alone(module, images):
    folded = FoldedForward(module)
    module.train()
    torch.manual_seed(0)
    assert not torch.equal(folded(images), folded(images))
    module.eval()
    assert torch.equal(folded(images), folded(images))


def test_only_fixed_norms_are_folded(module):
    assert isinstance(training_module(module, FROZEN), FoldedForward)
    assert training_module(module, Recipe(compile="off")) is module


@pytest.mark.parametrize(
    ("recipe", "flags", "expected"),
    [
        (Recipe(precision="bf16"), ("avx512f", "amx_bf16"), True),
        (Recipe(precision="fp32"), ("avx512f", "amx_bf16"), False),
        (Recipe(precision="bf16"), ("avx512f", "avx512_bf16"), False),
        (Recipe(precision="bf16", freeze=1), ("avx512f", "amx_bf16"), False),
    ],
)
def test_images_lie_side_by_side_where_tiles_are_multiplied(
    module, monkeypatch, recipe, flags, expected
):
    monkeypatch.setattr(training, "cpu_flags", lambda: flags)
    found = training_module(module, recipe)
    assert (found is not module) == expected
    assert [*found.parameters()] == [*module.parameters()]


def test_logits_after_fine_tuning_are_those_of_the_module(module, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 24, 24, 3), dtype=np.uint8)
    images = LabelledImages(pixels, np.zeros(5, np.int64))
    expected = validation.predict_logits(module.eval(), images, CPU, flip=True)
    assert np.array_equal(predict_logits(module, Recipe(), images, CPU, flip=True), expected)
    folded = predict_logits(module, FROZEN, images, CPU, flip=True)
    np.testing.assert_allclose(folded, expected, rtol=1e-4, atol=1e-4)
    monkeypatch.setattr(batching, "MAX_MAP_BYTES", {"cpu": 1})
    single = predict_logits(module, FROZEN, images, CPU, flip=True)
    np.testing.assert_allclose(single, expected, rtol=1e-4, atol=1e-4)
    rounded = predict_logits(module, FROZEN, images, CPU, bf16=True)
    assert (
        np.abs(rounded - validation.predict_logits(module, images, CPU)).max()
        < 0.1 * np.abs(expected).max()
    )


def test_steps_compute_as_many_images_at_a_time_as_their_maps_allow(module, images, monkeypatch):
    monkeypatch.setattr(batching, "MAX_MAP_BYTES", {"cpu": 2 * 24 * 24 * 3 * 4})
    folded = FoldedForward(module)
    assert max_images_of_pass(folded, images) in (1, 2)
    monkeypatch.setattr(batching, "MAX_MAP_BYTES", {"cpu": 10**9})
    assert max_images_of_pass(folded, images) in (1, 2)  # measured once for each size
    assert max_images_of_pass(folded, images[:, :, :8, :8]) == batching.MAX_IMAGES
    assert max_images_of_pass(module, images) is None
