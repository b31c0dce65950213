"""Shapes, counts, bytes and layers as text."""

import pytest

from foveal.network import formatting
from foveal.spec.layers import Concat, Conv, MaxPool, Output, Relu, Residual


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (36_900, "36.90 K"),
        (99_994, "99.99 K"),
        (99_999, "100 K"),
        (417_000, "417 K"),
        (11_689_512, "11.69 M"),
        (1_814_073_344, "1.81 G"),
        (3 * 10**12, "3.00 T"),
    ],
)
def test_counts_have_at_most_four_digits(number, text):
    assert formatting.format_count(number) == text


def test_shapes_are_height_width_channels():
    assert formatting.format_shape((6, 28, 30)) == "28x30x6"
    assert formatting.format_shape((10,)) == "10"


def test_layers_are_named_by_number_and_kind():
    assert formatting.layer_label((4, 2)) == "4.2"
    assert formatting.layer_reference((4,), "conv") == "layer 4 (conv)"


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Relu(), "relu"),
        (Conv(32), "conv 32"),
        (Conv(32, stride=(1, 2), flip=True), "conv 32, stride 1x2, flip true"),
        (MaxPool(2), "max_pool 2"),
        (Residual([Relu()]), "residual"),
        (Residual([Relu()], stochastic_depth=0.1), "residual stochastic_depth 0.1"),
        (Concat([[Relu()], [Relu()]]), "concat"),
        (Output("sigmoid"), "output sigmoid"),
    ],
)
def test_layers_show_what_is_not_at_its_default(layer, text):
    assert formatting.format_layer(layer) == text
