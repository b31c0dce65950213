"""Every error and warning of the checker, word by word."""

import pytest

from foveal.network.lint import lint
from foveal.network.presets import load_preset, preset_names
from foveal.spec.layers import Concat, Conv, MaxPool, Output, Pad, Residual
from foveal.spec.network import Network
from foveal.spec.preprocess import Input

END = ["global_avg_pool", Output()]


def found(layers, classes=3, task="single", *, size=(8, 8), images=None, end=END, **more):
    network = Network(input=Input(height=size[0], width=size[1]), layers=[*layers, *end], **more)
    return [(one.severity, one.text) for one in lint(network, classes, task, images=images)]


def texts(severity, *args, **more):
    return [text for kind, text in found(*args, **more) if kind == severity]


ERRORS = [
    (
        [Pad(8192), Pad(8192)],
        {},
        "layer 2 (pad) gives out 3,222,798,528 values for one image, more than the 536,870,912 "
        "allowed: make the input, its padding or its channels smaller",
    ),
    (
        [Conv(4), "relu", Conv(4, kernel=9, padding="valid")],
        {},
        "layer 3 (conv) shrinks the map to nothing: its 9x9 window does not fit into 8x8 cells; "
        "set padding: same here (top 4, bottom 4, left 4, right 4), use a smaller kernel, or "
        "shrink the maps less before it",
    ),
    (
        [Conv(4), MaxPool(9)],
        {},
        "layer 2 (max_pool) has a 9x9 window, wider than its padded map of 8x8 cells; use size 8, "
        "remove this pooling, or shrink the maps less before it",
    ),
    (
        [Conv(4, padding=8, padding_mode="reflect")],
        {},
        "layer 1 (conv) reflects 8 cells, but the map is only 8x8 and reflect padding must be "
        "smaller than the map; pad less, or use padding_mode replicate",
    ),
    (
        [Pad(9, mode="reflect"), Conv(4)],
        {},
        "layer 1 (pad) reflects 9 cells, but the map is only 8x8 and reflect padding must be "
        "smaller than the map; pad less, or use padding_mode replicate",
    ),
    (
        [Conv(4)],
        {"classes": 1},
        "layer 3 (output) is softmax over one class, with nothing to tell apart; give two or more "
        "classes",
    ),
    (
        [Conv(4)],
        {"classes": 3, "end": ["global_avg_pool", Output("sigmoid")]},
        "layer 3 (output) is sigmoid, which tells two classes apart, but there are 3 and every "
        "image has one; write output: softmax",
    ),
    (
        [Conv(4)],
        {"task": "multi"},
        "layer 3 (output) is softmax, which gives exactly one label, but the images have "
        "several; write output: sigmoid",
    ),
    (
        [Conv(6, groups=4)],
        {},
        "layer 1 (conv) splits 3 input maps and 6 filters into 4 groups, which does not divide "
        "both; choose channels that are a multiple of the groups",
    ),
    (
        [Concat([[Conv(2)], [Conv(2, stride=2)]])],
        {},
        "layer 1 (concat) stacks branches of different sizes: 2 maps of 8x8, 2 maps of 4x4; give "
        "every branch the same strides and padding: same",
    ),
    (
        [Residual([Conv(4, padding="valid")])],
        {},
        "layer 1 (residual) turns 8x8 into 6x6, but its input passed on with stride 1x1 is 8x8; "
        "use padding: same in the layers inside",
    ),
    (
        [Residual([Conv(4), Concat([["relu"], [MaxPool(9)]])])],
        {},
        "layer 1.2.2.1 (max_pool) has a 9x9 window, wider than its padded map of 8x8 cells; use "
        "size 8, remove this pooling, or shrink the maps less before it",
    ),
]


@pytest.mark.parametrize(("layers", "more", "text"), ERRORS)
def test_errors(layers, more, text):
    assert texts("error", layers, **more)[0] == text


WARNINGS = [
    (
        [Conv(4, kernel=2, stride=3, padding="valid"), "relu", Conv(4, kernel=3)],
        {},
        "layer 1 (conv) moves 3x3 cells with a window of 2x2, so that cells between are never "
        "seen; use a stride not larger than the window",
    ),
    (
        [Conv(4, kernel=3), "relu", MaxPool(3)],
        {},
        "layer 3 (max_pool) never sees the last 2 rows and 2 columns of its 8x8 map, because "
        "stride 3x3 does not divide it; use ceil: true",
    ),
    (
        [Conv(4), Conv(4), "relu", Conv(4), Conv(4)],
        {},
        "layer 2 (conv) follows a convolution with nothing between, so that the two are no more "
        "than one; put relu before it (also layer 5)",
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
        "a cell of the last map, after layer 1, sees 3x3 of 64x64 pixels, so that larger shapes "
        "are not seen as one; add a pooling or more convolutions",
    ),
    (
        [Conv(4, kernel=33), "relu", Conv(4, kernel=33)],
        {"size": (8, 8)},
        "a cell of the last map, after layer 3, sees 65x65 of 8x8 pixels, far more than there is; "
        "remove a pooling or some convolutions",
    ),
    (
        [Conv(64), "relu", Conv(64)],
        {"end": ["flatten", {"dense": 1024}, Output()]},
        "layer 4 (flatten) gives 4,096 values, so that the layer after it has 4,194,304 of "
        "4,237,123 weights; use global_avg_pool, or a pooling before it",
    ),
    (
        [Conv(64), "relu", Conv(64)],
        {"images": 7},
        "the network has 38,915 weights for 7 images, more than 5,000 an image: it may learn "
        "them by heart; use fewer channels or units, or global_avg_pool in place of flatten",
    ),
]


@pytest.mark.parametrize(("layers", "more", "text"), WARNINGS)
def test_warnings(layers, more, text):
    assert texts("error", layers, **more) == []
    assert texts("warning", layers, **more) == [text]


def test_what_is_right_is_not_warned_about():
    layers = [
        Conv(8, kernel=3), "relu", Residual([Conv(8), "batch_norm", "relu", Conv(16, stride=2)]),
        Conv(16, groups="depthwise"), Conv(8, kernel=1), "relu", MaxPool(3, stride=2, padding=1),
    ]  # fmt: skip
    assert found(layers) == []


def test_a_padding_value_within_the_given_statistics_is_right():
    fine = {"mean": (0.0, 0.0, 0.0), "std": (0.1, 0.1, 0.1)}
    layers = [Conv(4, padding_value=9.0), "relu", Conv(4)]
    assert found(layers, preprocess=fine) == []


@pytest.mark.parametrize("name", preset_names())
def test_presets_at_their_published_size(name):
    network = load_preset(name)
    classes = 1000 if network.input.height >= 200 else 10
    remarks = lint(network, classes)
    assert [one for one in remarks if one.severity == "error"] == []
    assert len(remarks) <= 2


def test_a_border_that_the_convolution_before_has_seen_is_no_loss():
    assert texts("warning", [Conv(4, kernel=5), "relu", MaxPool(3)]) == []
    assert any("never sees" in one for one in texts("warning", [MaxPool(3)]))


@pytest.mark.parametrize("name", ["swift-xs", "swift-s", "swift-m", "swift-l"])
@pytest.mark.parametrize("side", [16, 28, 32, 48, 64, 128])
def test_foveals_own_networks_are_not_warned_of(name, side):
    network = load_preset(name, Input(height=side, width=side, channels=3))
    assert lint(network, 10, "single") == ()
