"""What Foveal chooses itself, with the reason, and what it refuses."""

from dataclasses import replace

import pytest

from foveal.errors import UsageError
from foveal.spec.recipe import Recipe
from foveal.training.setup.defaults import fill_defaults


def test_nothing_a_person_set_is_changed(filled):
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
    whole, chosen = filled(given)
    assert whole == given
    assert chosen == {}


@pytest.mark.parametrize(
    ("gpu", "reason"),
    [
        (False, "measured: no gain on processors"),
        (True, "measured: no gain over steps recorded as CUDA graphs"),
    ],
)
def test_nothing_is_compiled_and_the_reason_is_that_of_the_device(recipe_context, gpu, reason):
    recipe, chosen = fill_defaults(Recipe(), replace(recipe_context(), gpu=gpu))
    assert recipe.compile == "off"
    assert [one.reason for one in chosen if one.key == "compile"] == [reason]


def test_a_factor_multiplies_what_was_chosen_and_nothing_else(filled, recipe_context):
    plain, reasons = filled()
    factors = {"learning_rate": 0.5, "batch_size": 2.0}
    whole, chosen = fill_defaults(Recipe(), replace(recipe_context(), factors=factors))
    assert whole.learning_rate == float(f"{0.5 * plain.learning_rate:.3g}")
    assert whole.batch_size == 2 * plain.batch_size
    assert type(whole.batch_size) is int
    changed = {"learning_rate": whole.learning_rate, "batch_size": whole.batch_size}
    assert whole == plain.model_copy(update=changed)
    (told,) = [choice for choice in chosen if choice.key == "batch_size"]
    before = reasons["batch_size"]
    assert told.reason == f"2 times {before.value}, as the search found; {before.reason}"
    given = Recipe(learning_rate=0.3, batch_size=7)
    kept, _ = fill_defaults(given, replace(recipe_context(), factors=factors))
    assert (kept.learning_rate, kept.batch_size) == (0.3, 7)


def test_every_choice_has_a_reason_and_is_repeatable(filled):
    whole, chosen = filled()
    assert all(choice.reason for choice in chosen.values())
    assert filled()[0] == whole
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


def test_precision_follows_the_processor(filled):
    assert filled()[0].precision == "fp32"
    assert filled(fast=True)[0].precision == "bf16"


def test_clashes_are_refused(filled):
    with pytest.raises(UsageError) as caught:
        filled(Recipe(schedule="trapezoid", warmup=0.6))
    assert str(caught.value) == (
        "warmup 0.6 and cooldown 0.5 are more than the whole run; together they may be at most 1"
    )
