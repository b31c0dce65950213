"""What leaves nothing to train is refused before the first step."""

from dataclasses import replace

import pytest

from foveal.errors import DataError, UsageError
from foveal.spec.layers import BatchNorm, Conv, GlobalMaxPool, Output
from foveal.spec.network import Network
from foveal.spec.preprocess import Input
from foveal.spec.recipe import Recipe
from foveal.training.setup.checks import (
    check_batches,
    check_freeze,
    check_transfer,
    check_whitening,
)
from foveal.training.tensors import LabelledImages


def test_one_image_is_too_few_where_a_batch_norm_has_one_value_of_it(runs):
    layers = (Conv(4, kernel=8, padding="valid"), BatchNorm(), GlobalMaxPool(), Output())
    network = Network(input=Input(height=8, width=8, channels=1), layers=layers)
    task = runs.start(network=network).task
    check_batches(task)
    one = LabelledImages(task.train.pixels[:1], task.train.labels[:1])
    with pytest.raises(DataError) as caught:
        check_batches(replace(task, train=one))
    assert str(caught.value) == (
        "train has 1 image, but the network's batch_norm needs 2 where its maps have one cell; "
        "add images, or use group_norm"
    )


def test_the_last_layer_is_always_trained(runs):
    state = runs.start().state
    check_freeze(state, Recipe(freeze=2))
    with pytest.raises(UsageError) as caught:
        check_freeze(state, Recipe(freeze=3))
    assert str(caught.value).endswith("; give at most 2")


def test_what_starts_from_nothing_has_something_to_train(runs, digits_data):
    check_transfer(Recipe(), runs.network, digits_data, None)
    for keys in ({"fine_tune": "off"}, {"linear_probe": "on"}):
        with pytest.raises(UsageError):
            check_transfer(Recipe(**keys), runs.network, digits_data, None)


@pytest.mark.parametrize(
    ("layers", "reference", "patch"),
    [
        ((Conv(4), Conv(8, init="whiten")), "layer 2 (conv)", "3x3x4"),
        ((Conv(8, kernel=(3, 9), init="whiten"),), "layer 1 (conv)", "3x9x1"),
        ((Conv(4), Conv(4, groups=2, init="whiten")), "layer 2 (conv)", "3x3x2"),
    ],
)
def test_only_patches_that_images_have_can_be_whitened(runs, layers, reference, patch):
    size = Input(height=8, width=8, channels=1)
    check_whitening(Network(input=size, layers=(Conv(8, init="whiten"), GlobalMaxPool(), Output())))
    with pytest.raises(UsageError) as caught:
        runs.start(network=Network(input=size, layers=(*layers, GlobalMaxPool(), Output())))
    assert str(caught.value) == (
        f"{reference} has init: whiten, but images of 8x8x1 have no patches of {patch}; leave init "
        "out there"
    )
