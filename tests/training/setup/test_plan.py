"""The length of a run: steps that fit into the minutes, and whether images grow."""

import pytest

from foveal.errors import UsageError
from foveal.spec.layers import Flatten, Output
from foveal.training import loop
from foveal.training.setup.budget import Budget
from foveal.training.setup.chosen import ChosenValue

RESIZING = "progressive_resizing"


def test_images_grow_where_time_is_short(runs, wide):
    def chosen(**keys):
        session = runs.start(network=wide, **keys)
        reasons = [choice.reason for choice in session.chosen if choice.key == RESIZING]
        return session.task.recipe.progressive_resizing, *reasons

    assert chosen(budget=Budget(3.0), epochs=100_000.0) == (
        0.625,
        "time is short: images grow from 20 to 32 pixels for more steps",
    )
    assert chosen(budget=Budget(600.0), epochs=5.0) == (
        1.0,
        "the budget suffices for images of full size throughout",
    )
    assert chosen(epochs=5.0) == (1.0, "epochs are given, so there is no time to save")
    assert chosen(budget=Budget(3.0), epochs=100_000.0, progressive_resizing=1.0) == (1.0,)


def test_the_epochs_of_a_recipe_are_the_most_that_a_budget_is_spent_on(runs):
    session = runs.start(budget=Budget(600.0), epochs=5.0)
    reason = "the budget allows more than the 5 epochs of the recipe"
    assert ChosenValue("epochs", 5.0, reason) in session.chosen


def test_images_do_not_grow_where_it_would_not_work(runs, wide):
    session = runs.start(network=_flat(wide), budget=Budget(3.0), epochs=100_000.0)
    expected = ChosenValue(RESIZING, 1.0, "the network takes no smaller images")
    assert expected in session.chosen
    still = runs.start(network=wide, budget=Budget(3.0), epochs=100_000.0, translate=0.0)
    expected = ChosenValue(
        RESIZING, 1.0, "images that are not moved lose accuracy when they are resized"
    )
    assert expected in still.chosen
    with pytest.raises(UsageError) as caught:
        runs.start(network=_flat(wide), progressive_resizing=0.5)
    assert str(caught.value) == (
        "progressive_resizing 0.5 trains on smaller images first, but the network cannot "
        "compute images of 16x16 pixels: use global_avg_pool instead of flatten, a larger "
        "progressive_resizing, or 1"
    )


def test_images_do_not_grow_where_networks_are_compiled(runs, wide, monkeypatch):
    monkeypatch.setattr(loop, "training_module", lambda module, recipe: module)
    session = runs.start(network=wide, budget=Budget(3.0), epochs=100_000.0, compile="on")
    assert ChosenValue(RESIZING, 1.0, "every size would be compiled anew") in session.chosen


def test_few_pixels_are_not_made_fewer(runs):
    session = runs.start(budget=Budget(3.0), epochs=100_000.0, translate=0.1)
    expected = ChosenValue(RESIZING, 1.0, "images of 5 pixels at the start would be too small")
    assert expected in session.chosen


def _flat(network):
    return network.model_copy(update={"layers": (Flatten(), Output())})
