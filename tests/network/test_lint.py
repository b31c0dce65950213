"""Every lint error, word by word; presets have none."""

import pytest

from foveal.network.lint import lint
from foveal.network.presets import load_preset, preset_names
from foveal.spec.layers import Concat, Conv, MaxPool, Output, Pad, Residual
from foveal.spec.network import Network
from foveal.spec.preprocess import Input

END = ["global_avg_pool", Output()]


def errors(layers, classes=3, task="single", *, end=END):
    network = Network(input=Input(height=8, width=8), layers=[*layers, *end])
    messages = lint(network, classes, task)
    return [message.text for message in messages if message.severity == "error"]


ERRORS = [
    (
        [Pad(8192), Pad(8192)],
        {},
        "layer 2 (pad) outputs 3,222,798,528 values per image, more than the limit of 536,870,912; "
        "reduce the size of the input, its padding or its channels",
    ),
    (
        [Conv(4), "relu", Conv(4, kernel=9, padding="valid")],
        {},
        "layer 3 (conv) leaves nothing of the map: its 9x9 window does not fit into 8x8 cells; "
        "set padding: same here (top 4, bottom 4, left 4, right 4), use a smaller kernel, or "
        "shrink the maps less before it",
    ),
    (
        [Conv(4), MaxPool(9)],
        {},
        "layer 2 (max_pool) has a 9x9 window, larger than its padded map of 8x8 cells; use size 8, "
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
        "layer 3 (output) is softmax over one class; give two or more classes",
    ),
    (
        [Conv(4)],
        {"classes": 3, "end": ["global_avg_pool", Output("sigmoid")]},
        "layer 3 (output) is sigmoid, which separates two classes, but there are 3 and every "
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
        "layer 1 (concat) concatenates branches of different sizes: 2 maps of 8x8, 2 maps of 4x4; "
        "give every branch the same strides and padding: same",
    ),
    (
        [Residual([Conv(4, padding="valid")])],
        {},
        "layer 1 (residual) turns 8x8 into 6x6, but its input projected with stride 1x1 is 8x8; "
        "use padding: same in the layers inside",
    ),
    (
        [Residual([Conv(4), Concat([["relu"], [MaxPool(9)]])])],
        {},
        "layer 1.2.2.1 (max_pool) has a 9x9 window, larger than its padded map of 8x8 cells; use "
        "size 8, remove this pooling, or shrink the maps less before it",
    ),
]


@pytest.mark.parametrize(("layers", "more", "text"), ERRORS)
def test_errors(layers, more, text):
    assert errors(layers, **more)[0] == text


@pytest.mark.parametrize("name", preset_names())
def test_presets_at_their_published_size(name):
    network = load_preset(name)
    classes = 1000 if network.input.height >= 200 else 10
    messages = lint(network, classes)
    assert [one for one in messages if one.severity == "error"] == []
    assert len(messages) <= 2


@pytest.mark.parametrize("name", ["swift-xs", "swift-s", "swift-m", "swift-l"])
@pytest.mark.parametrize("side", [16, 28, 32, 48, 64, 128])
def test_foveals_own_networks_are_not_warned_of(name, side):
    network = load_preset(name, Input(height=side, width=side, channels=3))
    assert lint(network, 10, "single") == ()


def test_warnings_of_one_kind_are_one_message_with_the_labels_of_all():
    layers = [Conv(4), Conv(4), "relu", Conv(4), Conv(4), *END]
    (message,) = lint(Network(input=Input(height=8, width=8), layers=layers), 3)
    assert message.to_data() == {
        "severity": "warning",
        "kind": "linear",
        "layers": ["2", "5"],
        "text": message.text,
    }
    assert message.text.endswith("put relu before it (also layer 5)")
