"""What Foveal chooses itself, with the reason, and what it refuses."""

import math
from dataclasses import replace

import pytest

from foveal.errors import UsageError
from foveal.model.architecture import load_network
from foveal.spec.preprocess import Input
from foveal.spec.recipe import Recipe
from foveal.training.setup.defaults import (
    RecipeContext,
    choose_ema_decay,
    fill_defaults,
    muon_share,
)
from foveal.training.setup.invariance import Invariance

PHOTOS = Invariance(plain=0.4, mirrored=0.38, moved=0.39)


def _context(name="swift-s", side=32, images=50_000, invariance=PHOTOS, fast=False):
    network = load_network(name, Input(height=side, width=side, channels=3))
    return RecipeContext(network, images, 10, invariance, fast)


def _chosen(recipe=None, **keys):
    filled, chosen = fill_defaults(recipe or Recipe(), _context(**keys))
    return filled, {choice.key: choice for choice in chosen}


def test_nothing_a_person_set_is_changed():
    given = Recipe(
        batch_size=7,
        optimizer="adamw",
        learning_rate=0.5,
        momentum=0.1,
        weight_decay=0.2,
        bias_lr_scale=3.0,
        horizontal_flip="off",
        translate=0.1,
        random_crop=0.9,
        rotation_degrees=3.0,
        color_jitter=0.1,
        precision="bf16",
        compile="on",
        test_time_augmentation="flip",
    )
    whole, chosen = _chosen(given)
    assert whole == given
    assert chosen == {}


def test_a_factor_multiplies_what_was_chosen_and_nothing_else():
    plain, reasons = _chosen()
    factors = {"learning_rate": 0.5, "batch_size": 2.0}
    filled, chosen = fill_defaults(Recipe(), replace(_context(), factors=factors))
    assert filled.learning_rate == float(f"{0.5 * plain.learning_rate:.3g}")
    assert filled.batch_size == 2 * plain.batch_size
    assert type(filled.batch_size) is int
    changed = {"learning_rate": filled.learning_rate, "batch_size": filled.batch_size}
    assert filled == plain.model_copy(update=changed)
    (told,) = [choice for choice in chosen if choice.key == "batch_size"]
    before = reasons["batch_size"]
    assert told.reason == f"2 times {before.value}, as the search found; {before.reason}"
    given = Recipe(learning_rate=0.3, batch_size=7)
    kept, _ = fill_defaults(given, replace(_context(), factors=factors))
    assert (kept.learning_rate, kept.batch_size) == (0.3, 7)


def test_every_choice_has_a_reason_and_is_repeatable():
    whole, chosen = _chosen()
    assert all(choice.reason for choice in chosen.values())
    assert _chosen()[0] == whole
    assert [key for key, value in whole if value in (None, "auto")] == [
        "epochs",
        "ema_decay",
        "dropout",
        "linear_probe",
        "head_l2",
        "head_images",
        "fine_tune",
        "freeze",
        "layer_decay",
        "freeze_norms",
        "progressive_resizing",
        "early_stopping_epochs",
        "abstain_at_accuracy",
        "positive_class",
        "min_recall",
    ]


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
def test_batch_size(images, side, size):
    assert _chosen(images=images, side=side)[0].batch_size == size


@pytest.mark.parametrize(
    ("images", "side", "size", "learning_rate"),
    [
        (60_000, 32, 1024, 0.099),
        (20_000, 32, 256, 0.07),
        (1200, 32, 64, 0.07),
        (60_000, 224, 32, 0.07),
    ],
)
def test_batches_are_larger_on_a_gpu(images, side, size, learning_rate):
    context = replace(_context(images=images, side=side), gpu=True)
    recipe, chosen = fill_defaults(Recipe(optimizer="muon"), context)
    assert (recipe.batch_size, recipe.learning_rate) == (size, learning_rate)
    assert chosen[0].reason == (
        f"{math.ceil(images / size):,} steps an epoch of {images:,} images; the aim is 45, in "
        "batches of 64 to 1024, smaller where images are few or large"
    )


def test_muon_keeps_less_momentum_for_small_images():
    assert _chosen(Recipe(optimizer="muon"), side=32)[0].momentum == 0.6
    assert _chosen(Recipe(optimizer="muon"), side=96)[0].momentum == 0.85


def test_optimizer():
    assert _chosen()[0].optimizer == "muon"
    assert _chosen(name="lenet5")[0].optimizer == "adamw"
    few, chosen = _chosen(name="swift-m", side=16, images=1200)
    assert few.optimizer == "sgd"
    assert "not muon, as its matrices would cost" in chosen["optimizer"].reason
    network = load_network("swift-m", Input(height=16, width=16))
    assert muon_share(network, 10, 32) == pytest.approx(4 * muon_share(network, 10, 128))


def test_flip_and_test_time_augmentation_follow_the_neighbours():
    whole, chosen = _chosen(invariance=Invariance(0.99, 0.35, 0.9))
    assert (whole.horizontal_flip, whole.test_time_augmentation) == ("off", "none")
    assert chosen["horizontal_flip"].reason == (
        "nearest-neighbour accuracy is 99 %, and 35 % on mirrored images: left and right matter"
    )
    assert _chosen(invariance=Invariance(0.8, 0.6, 0.8))[0].horizontal_flip == "alternate"
    assert _chosen(invariance=None)[0].horizontal_flip == "off"
    assert (
        _chosen(Recipe(horizontal_flip="random"), invariance=None)[0].test_time_augmentation
        == "flip"
    )


def test_translate_follows_the_neighbours():
    whole, chosen = _chosen(invariance=Invariance(0.8, 0.6, 0.6))
    assert whole.translate == 0.0
    assert chosen["translate"].reason == (
        "nearest-neighbour accuracy is 80 %, and 60 % on shifted images: objects are aligned"
    )
    whole, chosen = _chosen(invariance=Invariance(0.8, 0.6, 0.7))
    assert whole.translate == 0.07
    assert chosen["translate"].reason == (
        "nearest-neighbour accuracy is 80 %, and 70 % on shifted images: positions vary"
    )
    assert _chosen(invariance=None)[0].translate == 0.07
    assert _chosen(side=64, invariance=Invariance(0.8, 0.6, 0.6))[0].translate == 0.0


def test_precision_follows_the_processor():
    assert _chosen()[0].precision == "fp32"
    assert _chosen(fast=True)[0].precision == "bf16"


def test_ema_needs_steps():
    assert choose_ema_decay(20).value == 0.0
    assert choose_ema_decay(1000).value == pytest.approx(0.98)
    assert choose_ema_decay(10**6).value == pytest.approx(0.998)


def test_clashes_are_refused():
    with pytest.raises(UsageError) as caught:
        _chosen(Recipe(schedule="trapezoid", warmup=0.6))
    assert str(caught.value) == (
        "warmup 0.6 and cooldown 0.5 are more than the whole run; together they may be at most 1"
    )
