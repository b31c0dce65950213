"""What a run is put together from: a whole recipe, and whether images grow."""

import pytest
import torch

from foveal.errors import UsageError
from foveal.spec.layers import Flatten, Output
from foveal.spec.recipe import Recipe
from foveal.training import loop
from foveal.training.setup.budget import Budget
from foveal.training.setup.defaults import ChosenValue


def test_class_weights_and_dropout_reach_the_task(runs):
    made = runs.fresh(class_balance="class_weights", dropout=0.3)
    assert made.task.class_weights is not None
    assert [m.p for m in made.training.module.modules() if isinstance(m, torch.nn.Dropout)] == [0.3]


def test_the_recipe_is_whole(runs):
    recipe = runs.fresh().task.recipe
    assert isinstance(recipe, Recipe)
    assert [key for key, value in recipe if value in (None, "auto")] == [
        "dropout",
        "early_stopping_epochs",
        "abstain_at_accuracy",
        "positive_class",
        "min_recall",
    ]


def test_images_grow_where_time_is_short(runs, wide):
    def chosen(**keys):
        made = runs.fresh(network=wide, **keys)
        reasons = [choice.reason for choice in made.choices if choice.key == "progressive_resizing"]
        return made.task.recipe.progressive_resizing, *reasons

    assert chosen(budget=Budget(3.0), epochs=100_000.0) == (
        0.625,
        "time is short: images grow from 20 to 32 pixels for more steps",
    )
    assert chosen(budget=Budget(600.0), epochs=5.0) == (
        1.0,
        "the minutes suffice for whole images throughout",
    )
    assert chosen(epochs=5.0) == (1.0, "the epochs are given, no minutes to save")
    assert chosen(budget=Budget(3.0), epochs=100_000.0, progressive_resizing=1.0) == (1.0,)


def test_images_do_not_grow_where_it_would_not_work(runs, wide):
    made = runs.fresh(network=_flat(wide), budget=Budget(3.0), epochs=100_000.0)
    assert (
        ChosenValue("progressive_resizing", 1.0, "the network takes no smaller images")
        in made.choices
    )
    still = runs.fresh(network=wide, budget=Budget(3.0), epochs=100_000.0, translate=0.0)
    told = ChosenValue(
        "progressive_resizing", 1.0, "images that stay in place would lose by being resized"
    )
    assert told in still.choices
    with pytest.raises(UsageError) as caught:
        runs.fresh(network=_flat(wide), progressive_resizing=0.5)
    assert str(caught.value) == (
        "progressive_resizing 0.5 trains on smaller images first, but the network cannot "
        "compute images of 16x16 pixels: use global_avg_pool instead of flatten, a larger "
        "progressive_resizing, or 1"
    )


def test_images_do_not_grow_where_networks_are_compiled(runs, wide, monkeypatch):
    monkeypatch.setattr(loop, "compile_module", lambda module, recipe: module)
    made = runs.fresh(network=wide, budget=Budget(3.0), epochs=100_000.0, compile="on")
    assert (
        ChosenValue("progressive_resizing", 1.0, "every size would be compiled anew")
        in made.choices
    )


def test_few_pixels_are_not_made_fewer(runs):
    made = runs.fresh(budget=Budget(3.0), epochs=100_000.0, translate=0.1)
    told = ChosenValue("progressive_resizing", 1.0, "5 pixels to begin with would show too little")
    assert told in made.choices


def _flat(network):
    return network.model_copy(update={"layers": (Flatten(), Output())})
