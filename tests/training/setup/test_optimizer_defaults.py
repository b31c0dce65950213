"""Batch size, optimizer and its values follow images, network and device."""

import math
from dataclasses import replace

import pytest

from foveal.model.architecture import load_network
from foveal.spec.preprocess import Input
from foveal.spec.recipe import Recipe
from foveal.training.setup.defaults import fill_defaults
from foveal.training.setup.optimizer_defaults import choose_ema_decay, muon_share


@pytest.mark.parametrize(
    ("images", "side", "size"),
    [
        (60, 32, 8),
        (300, 32, 16),
        (1200, 32, 64),
        (6000, 32, 64),
        (20_000, 32, 128),
        (60_000, 32, 256),
        (200_000, 32, 512),
        (60_000, 128, 128),
        (60_000, 224, 32),
        (100, 512, 8),
    ],
)
def test_batch_size(filled, images, side, size):
    assert filled(images=images, side=side)[0].batch_size == size


@pytest.mark.parametrize(
    ("images", "side", "size", "learning_rate"),
    [
        (60_000, 32, 1024, 0.099),
        (20_000, 32, 256, 0.07),
        (1200, 32, 64, 0.07),
        (60_000, 224, 32, 0.07),
    ],
)
def test_batches_are_larger_on_a_gpu(recipe_context, images, side, size, learning_rate):
    context = replace(recipe_context(images=images, side=side), gpu=True)
    recipe, chosen = fill_defaults(Recipe(optimizer="muon"), context)
    assert (recipe.batch_size, recipe.learning_rate) == (size, learning_rate)
    assert chosen[0].reason == (
        f"{math.ceil(images / size):,} steps an epoch of {images:,} images; the aim is 45, in "
        "batches of 64 to 1024, smaller where images are few or large"
    )


def test_muon_keeps_less_momentum_for_small_images(filled):
    assert filled(Recipe(optimizer="muon"), side=32)[0].momentum == 0.6
    assert filled(Recipe(optimizer="muon"), side=96)[0].momentum == 0.85


def test_optimizer(filled):
    assert filled()[0].optimizer == "muon"
    assert filled(name="lenet5")[0].optimizer == "adamw"
    few, chosen = filled(name="swift-m", side=16, images=1200)
    assert few.optimizer == "sgd"
    assert "not muon, as its matrices would cost" in chosen["optimizer"].reason
    network = load_network("swift-m", Input(height=16, width=16))
    assert muon_share(network, 10, 32) == pytest.approx(4 * muon_share(network, 10, 128))


def test_ema_needs_steps():
    assert choose_ema_decay(20).value == 0.0
    assert choose_ema_decay(1000).value == pytest.approx(0.98)
    assert choose_ema_decay(10**6).value == pytest.approx(0.998)
