"""What Foveal chooses for a network and images, as the tests of defaults ask for it."""

import pytest

from foveal.model.architecture import load_network
from foveal.spec.preprocess import Input
from foveal.spec.recipe import Recipe
from foveal.training.setup.chosen import RecipeContext
from foveal.training.setup.defaults import fill_defaults
from foveal.training.setup.invariance import Invariance

PHOTOS = Invariance(plain=0.4, mirrored=0.38, moved=0.39)


@pytest.fixture
def recipe_context():
    def make(name="swift-s", side=32, images=50_000, invariance=PHOTOS, fast=False):
        network = load_network(name, Input(height=side, width=side, channels=3))
        return RecipeContext(network, images, 10, invariance, fast)

    return make


@pytest.fixture
def filled(recipe_context):
    """A function that gives the recipe without gaps, and what was chosen by key."""

    def fill(recipe=None, **keys):
        whole, chosen = fill_defaults(recipe or Recipe(), recipe_context(**keys))
        return whole, {choice.key: choice for choice in chosen}

    return fill
