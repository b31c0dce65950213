"""A run that starts from weights: side, fit, output and normalisation, each with its reason."""

from dataclasses import replace

import pytest

from foveal.dataset.stats import Stats
from foveal.network.presets import load_preset
from foveal.pretrained.design import design_pretrained

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
LITE0 = load_preset("efficientnet-lite0")


def _design(stats=PHOTOS, minutes=None, **keys):
    return design_pretrained(
        stats, minutes, LITE0, "efficientnet-lite0", speeds=(60e9, 36e9), **keys
    )


def test_what_belongs_to_the_weights_stays():
    result = _design()
    assert result.network.preprocess.mean == LITE0.preprocess.mean
    assert result.network.preprocess.std == LITE0.preprocess.std
    assert result.network.layers[:-1] == LITE0.layers[:-1]
    assert result.network.output.function == "sigmoid"
    assert result.start_from == "efficientnet-lite0"
    assert "preprocess.mean and std: those of efficientnet-lite0" in result.reasons


MOST = "at most 1.5 times the median image's shorter side (250)"


@pytest.mark.parametrize(
    ("minutes", "side", "reason"),
    [
        (
            60,
            224,
            f"{MOST}; of 3586 s, features take an estimated 9 s here, 1.5 epochs of fine-tuning "
            "22 s",
        ),
        (0.7, 192, None),
        (0.35, 192, f"{MOST}; of 7 s, features take an estimated 7 s here"),
        (0.05, 128, "the smallest that serves, as time is short"),
    ],
)
def test_the_side_leaves_time_for_fine_tuning_else_for_features(minutes, side, reason):
    result = _design(minutes=minutes)
    assert result.network.input.height == side
    assert reason is None or f"input {side}x{side}: {reason}" in result.reasons


def test_estimates_of_few_images_do_not_read_as_nothing():
    assert (
        f"input 224x224: {MOST}; of 588 s, features take an estimated less than 1 s here, "
        "1.5 epochs of fine-tuning less than 1 s"
    ) in _design(replace(PHOTOS, images=30)).reasons


def test_a_side_that_was_asked_for_is_taken():
    assert _design(minutes=60, side_px=100).network.input.height == 100


@pytest.mark.parametrize(("median", "side"), [(32, 128), (90, 128), (107, 160), (300, 224)])
def test_the_side_is_not_far_above_that_of_the_images(median, side):
    sides = (median, median, median)
    stats = replace(PHOTOS, width=sides, height=sides)
    assert _design(stats, minutes=600).network.input.height == side


def test_grey_images_get_the_three_channels_of_the_weights():
    result = _design(replace(PHOTOS, grey=True))
    assert result.network.input.channels == 3
    assert result.reasons[0] == (
        "input.channels 3: grey images are repeated to the three channels of the weights"
    )
    assert _design().reasons[0] == "input.channels 3: as the weights were trained"


@pytest.mark.parametrize(
    ("aspect", "fit"),
    [
        ((0.75, 0.75, 1.0), "crop"),
        ((0.55, 0.8, 1.5), "squash"),
        ((0.3, 1.0, 3.0), "pad"),
    ],
)
def test_images_are_cropped_unless_two_fifths_would_be_lost(aspect, fit):
    result = _design(replace(PHOTOS, aspect=aspect))
    assert result.network.preprocess.fit == fit


def test_features_of_a_large_side_are_preferred_to_fine_tuning_at_128_pixels():
    """At 128 pixels 1.5 epochs would fit, at 160 no longer."""
    few = replace(PHOTOS, images=1000)
    assert _design(few, minutes=0.36).network.input.height == 224
