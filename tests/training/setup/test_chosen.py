"""What choices depend on, and that they leave alone what a person set."""

from dataclasses import replace

from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.training.setup.chosen import ChosenValue, choose_unset


def test_only_open_values_are_chosen():
    defaults = {"momentum": (0.9, "usual"), "weight_decay": (0.05, "usual")}
    assert choose_unset(Recipe(momentum=0.0), defaults) == [
        ChosenValue("weight_decay", 0.05, "usual")
    ]


def test_norms_count_inside_branches(recipe_context):
    branch = {"residual": [{"conv": 8}, "group_norm"]}
    network = Network(layers=[{"conv": 8}, branch, "global_avg_pool", "output"])
    assert replace(recipe_context(), network=network).has_norms
    assert not recipe_context(name="lenet5").has_norms


def test_images_are_large_from_64_pixels_on(recipe_context):
    assert not recipe_context(side=63).large_images
    assert recipe_context(side=64).large_images
