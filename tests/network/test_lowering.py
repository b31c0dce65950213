"""Every layer that is built against an independent plain reference."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.signal import convolve, correlate

from foveal.spec.layers import (
    LAYER_TYPES,
    AvgPool,
    Conv,
    MaxPool,
    Pad,
)

_spec = importlib.util.spec_from_file_location(
    "references", Path(__file__).with_name("references.py")
)
plain = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(plain)

quick = settings(max_examples=40, deadline=None)
sides = st.integers(1, 9)
pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
four = st.tuples(*[st.integers(0, 3)] * 4)


def spread(sides_or_word, size, window, stride):
    if sides_or_word == "valid":
        return (0, 0, 0, 0)
    if sides_or_word == "same":
        return (
            *plain.same(size[0], window[0], stride[0]),
            *plain.same(size[1], window[1], stride[1]),
        )
    return sides_or_word


@quick
@given(
    size=st.tuples(sides, sides),
    kernel=pair,
    stride=pair,
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    padding=st.one_of(st.just("same"), st.just("valid"), four),
    mode=st.sampled_from(["constant", "reflect", "replicate", "circular"]),
    value=st.sampled_from([0.0, 0.0, -1.5, 3.0]),
    flip=st.booleans(),
    bias=st.booleans(),
)
def test_convolution_is_scipys(
    size, kernel, stride, dilation, padding, mode, value, flip, bias, part, maps
):
    window = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    around = spread(padding, size, window, stride)
    assume(size[0] + sum(around[:2]) >= window[0] and size[1] + sum(around[2:]) >= window[1])
    if mode == "reflect":
        assume(max(around[:2]) < size[0] and max(around[2:]) < size[1])
    layer = Conv(
        3,
        kernel=kernel,
        stride=stride,
        dilation=dilation,
        padding=padding,
        padding_mode=mode,
        padding_value=value,
        flip=flip,
        bias=bias,
    )
    module, after = part(layer, *size)
    module = module.double()
    x = maps(*size)
    conv = module[-1]
    got = module(x).detach().numpy()
    assert got.shape[1:] == after
    for filter_ in range(3):
        wanted = np.zeros(())
        for channel in range(2):
            padded = plain.pad(x[1, channel].numpy(), around, mode, value)
            weights = conv.weight[filter_, channel].detach().numpy()
            spaced = np.zeros(window)
            spaced[:: dilation[0], :: dilation[1]] = weights
            slide = convolve if flip else correlate
            full = slide(padded, spaced, mode="valid")
            wanted = wanted + full[:: stride[0], :: stride[1]]
        if bias:
            wanted = wanted + conv.bias[filter_].item()
        np.testing.assert_allclose(got[1, filter_], wanted, atol=1e-9)


@quick
@given(size=st.tuples(sides, sides), groups=st.sampled_from([1, 2, 4, "depthwise"]))
def test_groups_see_their_own_maps(size, groups, part, maps):
    module, after = part(Conv(8, groups=groups, bias=False), *size, channels=4)
    module = module.double()
    x, weights = maps(*size, channels=4), module[-1].weight.detach().numpy()
    got = module(x).detach().numpy()
    count = 4 if groups == "depthwise" else groups
    for filter_ in range(8):
        first = (filter_ // (8 // count)) * (4 // count)
        wanted = sum(
            correlate(x[0, first + place].numpy(), weights[filter_, place], mode="same")
            for place in range(4 // count)
        )
        np.testing.assert_allclose(got[0, filter_], wanted, atol=1e-9)
    assert got.shape[1:] == after


@quick
@given(
    size=st.tuples(sides, sides),
    window=pair,
    stride=pair,
    padding=st.one_of(st.just("same"), st.just("valid"), four),
    ceil=st.booleans(),
    function=st.sampled_from(["max", "avg"]),
    count_padding=st.booleans(),
)
def test_pooling_is_the_naive_loops(
    size, window, stride, padding, ceil, function, count_padding, part, maps
):
    around = spread(padding, size, window, stride)
    if not isinstance(padding, str):
        assume(max(around[:2]) < window[0] and max(around[2:]) < window[1])
    assume(size[0] + sum(around[:2]) >= window[0] and size[1] + sum(around[2:]) >= window[1])
    if function == "max":
        layer = MaxPool(window, stride=stride, padding=padding, ceil=ceil)
    else:
        layer = AvgPool(
            window, stride=stride, padding=padding, ceil=ceil, count_padding=count_padding
        )
    module, after = part(layer, *size)
    x = maps(*size)
    got = module(x).numpy()
    assert got.shape[1:] == after
    for channel in range(2):
        wanted = plain.pool(
            x[1, channel].numpy(),
            window,
            stride,
            around,
            function=function,
            ceil=ceil and padding != "same",
            count_padding=count_padding,
        )
        np.testing.assert_allclose(got[1, channel], wanted, atol=1e-9)


@quick
@given(
    size=st.tuples(sides, sides),
    padding=st.tuples(*[st.integers(0, 12)] * 4),
    mode=st.sampled_from(["constant", "reflect", "replicate", "circular"]),
)
def test_pad_is_the_naive_loops_for_any_amount(size, padding, mode, part, maps):
    if mode == "reflect":
        assume(max(padding[:2]) < size[0] and max(padding[2:]) < size[1])
    module, after = part(Pad(padding, mode=mode, value=7.0 if mode == "constant" else 0.0), *size)
    x = maps(*size)
    got = module(x).numpy()
    assert got.shape[1:] == after
    for channel in range(2):
        wanted = plain.pad(x[0, channel].numpy(), padding, mode, 7.0)
        np.testing.assert_array_equal(got[0, channel], wanted)


@quick
@given(length=st.integers(1, 40), kernel=st.integers(1, 9), stride=st.integers(1, 9))
def test_same_gives_ceil_of_length_over_stride(length, kernel, stride, part):
    _, after = part(Conv(1, kernel=(kernel, 1), stride=(stride, 1)), length, 1)
    assert after == (1, -(-length // stride), 1)
    _, after = part(MaxPool((kernel, 1), stride=(stride, 1), padding="same"), length, 1)
    assert after == (2, -(-length // stride), 1)


def test_a_4x4_map_with_padding_1_stays_4x4_under_a_3x3_filter(part):
    assert part(Conv(1, kernel=3, padding=1), 4, 4)[1] == (1, 4, 4)


ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.minimum(np.maximum(x, 0), 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(__import__("math").erf)(x / np.sqrt(2))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "hard_sigmoid": lambda x: np.minimum(np.maximum(x + 3, 0), 6) / 6,
    "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
}


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_activations_are_their_formulas(kind, part, maps):
    module, _ = part(LAYER_TYPES[kind](), 5, 4)
    x = 4 * maps(5, 4)
    np.testing.assert_allclose(module(x).numpy(), ACTIVATIONS[kind](x.numpy()), atol=1e-12)


def test_norms_are_their_formulas(part, maps):
    x = maps(5, 4, channels=4)
    values = x.numpy()

    def normal(over, epsilon):
        mean = values.mean(over, keepdims=True)
        return (values - mean) / np.sqrt(values.var(over, keepdims=True) + epsilon)

    batch, _ = part(LAYER_TYPES["batch_norm"](), 5, 4, channels=4)
    got = batch.double().train()(x).detach().numpy()
    np.testing.assert_allclose(got, normal((0, 2, 3), 1e-5), atol=1e-9)
    layer, _ = part(LAYER_TYPES["layer_norm"](), 5, 4, channels=4)
    np.testing.assert_allclose(layer.double()(x).detach().numpy(), normal(1, 1e-6), atol=1e-9)
    group, _ = part(LAYER_TYPES["group_norm"](4), 5, 4, channels=4)
    got = group.double()(x).detach().numpy()
    np.testing.assert_allclose(got, normal((2, 3), 1e-5), atol=1e-9)


@pytest.mark.parametrize("activation", ["relu", "silu"])
@pytest.mark.parametrize("gate", ["sigmoid", "hard_sigmoid"])
def test_squeeze_excite_has_the_functions_and_units_it_is_given(activation, gate, part, maps):
    x = maps(5, 4, channels=4)
    layer = LAYER_TYPES["squeeze_excite"](hidden=3, activation=activation, gate=gate)
    module, _ = part(layer, 5, 4, channels=4)
    block = module.double()[0]
    first, second = (
        (layer.weight.detach().numpy(), layer.bias.detach().numpy())
        for layer in (block.squeeze, block.excite)
    )
    assert first[0].shape == (3, 4)
    wanted = np.empty(x.shape)
    for image, channels in enumerate(x.numpy()):
        means = np.array([channels[c].sum() / 20 for c in range(4)])
        hidden = ACTIVATIONS[activation](first[0] @ means + first[1])
        factors = ACTIVATIONS[gate](second[0] @ hidden + second[1])
        for c in range(4):
            wanted[image, c] = channels[c] * factors[c]
    np.testing.assert_allclose(module(x).detach().numpy(), wanted, atol=1e-12)
