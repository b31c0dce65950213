"""Every lint warning, word by word."""

import pytest

from foveal.network.lint import lint
from foveal.spec.layers import Conv, MaxPool, Output, Residual
from foveal.spec.network import Network
from foveal.spec.preprocess import Input

END = ["global_avg_pool", Output()]


def messages(layers, *, size=(8, 8), images=None, end=END, **more):
    network = Network(input=Input(height=size[0], width=size[1]), layers=[*layers, *end], **more)
    return [(one.severity, one.text) for one in lint(network, 3, images=images)]


WARNINGS = [
    (
        [Conv(4, kernel=2, stride=3, padding="valid"), "relu", Conv(4, kernel=3)],
        {},
        "layer 1 (conv) has stride 3x3 and a window of 2x2, which skips the cells between "
        "windows; use a stride no larger than the window",
    ),
    (
        [Conv(4, kernel=3), "relu", MaxPool(3)],
        {},
        "layer 3 (max_pool) ignores the last 2 rows and 2 columns of its 8x8 map, because "
        "stride 3x3 does not divide it; use ceil: true",
    ),
    (
        [Conv(4), Conv(4), "relu", Conv(4), Conv(4)],
        {},
        "layer 2 (conv) follows a convolution without an activation between them, so that both "
        "together are one linear map; put relu before it (also layer 5)",
    ),
    (
        [Conv(4, padding_value=-9.0), "relu", Conv(4, padding_value=9.0)],
        {},
        "layer 1 (conv) pads with -9, outside the normalised image's range of -2.00 to 2.00; 0 "
        "is the mean",
    ),
    (
        [Conv(4)],
        {"size": (64, 64)},
        "a cell of the last map, after layer 1, has a receptive field of 3x3 of 64x64 pixels, "
        "so that larger shapes are never seen whole; add a pooling or more convolutions",
    ),
    (
        [Conv(4, kernel=33), "relu", Conv(4, kernel=33)],
        {"size": (8, 8)},
        "a cell of the last map, after layer 3, has a receptive field of 65x65 of 8x8 pixels, far "
        "more than the image has; remove a pooling or some convolutions",
    ),
    (
        [Conv(64), "relu", Conv(64)],
        {"end": ["flatten", {"dense": 1024}, Output()]},
        "layer 4 (flatten) outputs 4,096 values, so that the layer after it has 4,194,304 of "
        "4,237,123 weights; use global_avg_pool, or a pooling before it",
    ),
    (
        [Conv(64), "relu", Conv(64)],
        {"images": 7},
        "the network has 38,915 weights for 7 images, more than 5,000 per image, and may "
        "overfit; give more images, use fewer channels or units, or global_avg_pool in place of "
        "flatten",
    ),
]


@pytest.mark.parametrize(("layers", "more", "text"), WARNINGS)
def test_warnings(layers, more, text):
    assert messages(layers, **more) == [("warning", text)]


def test_a_sound_network_has_no_warnings():
    layers = [
        Conv(8, kernel=3),
        "relu",
        Residual([Conv(8), "batch_norm", "relu", Conv(16, stride=2)]),
        Conv(16, groups="depthwise"),
        Conv(8, kernel=1),
        "relu",
        MaxPool(3, stride=2, padding=1),
    ]
    assert messages(layers) == []


def test_a_padding_value_within_the_range_of_the_statistics_has_no_warning():
    fine = {"mean": (0.0, 0.0, 0.0), "std": (0.1, 0.1, 0.1)}
    layers = [Conv(4, padding_value=9.0), "relu", Conv(4)]
    assert messages(layers, preprocess=fine) == []


def test_a_dropped_border_that_convolutions_have_spread_has_no_warning():
    assert messages([Conv(4, kernel=5), "relu", MaxPool(3)]) == []
    assert any("ignores the last" in text for _, text in messages([MaxPool(3)]))
