"""Augmentation follows what the nearest neighbours say of mirrored and shifted images."""

from foveal.spec.recipe import Recipe
from foveal.training.setup.invariance import Invariance


def test_flip_and_test_time_augmentation_follow_the_neighbours(filled):
    whole, chosen = filled(invariance=Invariance(0.99, 0.35, 0.9))
    assert (whole.horizontal_flip, whole.test_time_augmentation) == ("off", "none")
    assert chosen["horizontal_flip"].reason == (
        "nearest-neighbour accuracy is 99 %, and 35 % on mirrored images: left and right matter"
    )
    assert filled(invariance=Invariance(0.8, 0.6, 0.8))[0].horizontal_flip == "alternate"
    assert filled(invariance=None)[0].horizontal_flip == "off"
    assert (
        filled(Recipe(horizontal_flip="random"), invariance=None)[0].test_time_augmentation
        == "flip"
    )


def test_translate_follows_the_neighbours(filled):
    whole, chosen = filled(invariance=Invariance(0.8, 0.6, 0.6))
    assert whole.translate == 0.0
    assert chosen["translate"].reason == (
        "nearest-neighbour accuracy is 80 %, and 60 % on shifted images: objects are aligned"
    )
    whole, chosen = filled(invariance=Invariance(0.8, 0.6, 0.7))
    assert whole.translate == 0.07
    assert chosen["translate"].reason == (
        "nearest-neighbour accuracy is 80 %, and 70 % on shifted images: positions vary"
    )
    assert filled(invariance=None)[0].translate == 0.07
    assert filled(side=64, invariance=Invariance(0.8, 0.6, 0.6))[0].translate == 0.0
