"""Every operation against an independent plain reference, and every preset forward and back."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.signal import convolve, correlate

from foveal.errors import SpecError
from foveal.network.blocks import ResidualBlock
from foveal.network.build import build, whitening_convs
from foveal.network.cost import network_cost
from foveal.network.presets import load_preset, preset_names
from foveal.network.shapes import trace
from foveal.spec.layers import (
    LAYER_TYPES,
    AvgPool,
    Concat,
    Conv,
    Dense,
    Flatten,
    GlobalAvgPool,
    Layer,
    MaxPool,
    Output,
    Pad,
    Residual,
)
from foveal.spec.network import Network
from foveal.spec.preprocess import Input

_spec = importlib.util.spec_from_file_location(
    "references", Path(__file__).with_name("references.py")
)
plain = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(plain)

quick = settings(max_examples=40, deadline=None)
sides = st.integers(1, 9)
pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
four = st.tuples(*[st.integers(0, 3)] * 4)


def part(layer: Layer, height: int, width: int, channels: int = 2):
    """The built module of one layer (its padding step included) that sees `channels` maps."""
    layers = [Conv(channels, kernel=1), layer, Flatten(), Output()]
    network = Network(input=Input(height=height, width=width), layers=layers)
    module = build(network, 3).eval()
    following = trace(network, 3).layers[1].output_shape
    return module[2:-2], following


def maps(height, width, channels=2, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(2, channels, height, width)))


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
def test_convolution_is_scipys(size, kernel, stride, dilation, padding, mode, value, flip, bias):
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
def test_groups_see_their_own_maps(size, groups):
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
def test_pooling_is_the_naive_loops(size, window, stride, padding, ceil, function, count_padding):
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
def test_pad_is_the_naive_loops_for_any_amount(size, padding, mode):
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
def test_same_gives_ceil_of_length_over_stride(length, kernel, stride):
    _, after = part(Conv(1, kernel=(kernel, 1), stride=(stride, 1)), length, 1)
    assert after == (1, -(-length // stride), 1)
    _, after = part(MaxPool((kernel, 1), stride=(stride, 1), padding="same"), length, 1)
    assert after == (2, -(-length // stride), 1)


def test_a_4x4_map_with_padding_1_stays_4x4_under_a_3x3_filter():
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
def test_activations_are_their_formulas(kind):
    module, _ = part(LAYER_TYPES[kind](), 5, 4)
    x = 4 * maps(5, 4)
    np.testing.assert_allclose(module(x).numpy(), ACTIVATIONS[kind](x.numpy()), atol=1e-12)


def test_norms_are_their_formulas():
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


def test_global_pools_squeeze_excite_residual_and_concat():
    x = maps(5, 4, channels=4)
    for kind, function in (("global_max_pool", np.max), ("global_avg_pool", np.mean)):
        network = Network(layers=[LAYER_TYPES[kind](), Output()])
        got = build(network, 2)[1](x).numpy()
        np.testing.assert_allclose(got, function(x.numpy(), axis=(2, 3)))
    excite, _ = part(LAYER_TYPES["squeeze_excite"](2), 5, 4, channels=4)
    excite = excite.double()
    block = excite[0]
    hidden = np.maximum(
        x.mean((2, 3)).numpy() @ block.squeeze.weight.detach().numpy().T
        + block.squeeze.bias.detach().numpy(),
        0,
    )
    scale = hidden @ block.excite.weight.detach().numpy().T + block.excite.bias.detach().numpy()
    wanted = x.numpy() / (1 + np.exp(-scale))[:, :, None, None]
    np.testing.assert_allclose(excite(x).detach().numpy(), wanted, atol=1e-12)
    residual, _ = part(Residual(["relu"]), 5, 4, channels=4)
    np.testing.assert_allclose(residual(x).numpy(), x.numpy() + np.maximum(x.numpy(), 0))
    both, after = part(Concat([["relu"], ["tanh", "silu"]]), 5, 4, channels=4)
    assert after == (8, 5, 4)
    np.testing.assert_allclose(both(x).numpy()[:, :4], np.maximum(x.numpy(), 0))


@pytest.mark.parametrize("activation", ["relu", "silu"])
@pytest.mark.parametrize("gate", ["sigmoid", "hard_sigmoid"])
def test_squeeze_excite_has_the_functions_and_units_it_is_given(activation, gate):
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


def test_layer_scale_multiplies_maps_and_values():
    x = maps(5, 4, channels=4)
    module, after = part(LAYER_TYPES["layer_scale"](0.5), 5, 4, channels=4)
    assert after == (4, 5, 4)
    np.testing.assert_array_equal(module.double()(x).detach().numpy(), 0.5 * x.numpy())
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    for c, factor in enumerate((1, 2, 3, 4)):
        np.testing.assert_array_equal(module(x)[:, c].detach().numpy(), factor * x[:, c].numpy())
        got = module(x[:, :, 0, 0])[:, c].detach().numpy()
        np.testing.assert_array_equal(got, factor * x[:, c, 0, 0].numpy())


def test_stochastic_depth_leaves_the_layers_out_for_a_fraction_of_the_images():
    module, _ = part(Residual(["tanh"], stochastic_depth=0.25), 2, 1, channels=2)
    x = torch.rand(4000, 2, 2, 1, dtype=torch.float64) + 0.5
    np.testing.assert_array_equal(module.eval()(x).numpy(), (x + torch.tanh(x)).numpy())
    torch.manual_seed(0)
    added = (module.train()(x) - x).flatten(1).numpy()
    left_out = np.abs(added).max(axis=1) == 0
    assert 0.22 < left_out.mean() < 0.28  # four deviations of 4000 draws
    scaled = torch.tanh(x).flatten(1).numpy() / 0.75
    np.testing.assert_allclose(added[~left_out], scaled[~left_out], atol=1e-12)
    assert torch.equal(torch.manual_seed(1) and module(x), torch.manual_seed(1) and module(x))


def test_a_residual_projects_where_shapes_differ():
    inside = [Conv(6, stride=2, padding=1), "batch_norm"]
    network = Network(
        input=Input(height=9, width=8), layers=[Residual(inside), GlobalAvgPool(), Output()]
    )
    module = build(network, 2).eval().double()
    residual, x = module.residual_1, maps(9, 8, channels=3)
    projected = correlate(
        x[0].numpy(), residual.projection.conv.weight[2].detach().numpy(), mode="valid"
    )[0, ::2, ::2] / np.sqrt(1 + 1e-5)
    got = residual(x)[0, 2] - residual.layers(x)[0, 2]
    np.testing.assert_allclose(got.detach().numpy(), projected, atol=1e-9)


def test_identity_start_passes_the_maps_through():
    module, _ = part(Conv(5, init="identity", bias=False), 6, 6, channels=3)
    x = maps(6, 6, channels=3)
    np.testing.assert_allclose(module.double()(x)[:, :3].detach().numpy(), x.numpy(), atol=1e-6)


def test_whitening_convolutions_are_found_and_frozen():
    network = load_preset("swift-s", Input(height=28, width=28, channels=1))
    module = build(network, 10)
    ((name, conv),) = whitening_convs(network, module)
    assert name == "conv_1"
    assert conv.out_channels == 8
    assert not conv.weight.requires_grad
    assert not conv.bias.requires_grad


def test_normalisation_is_inside_and_levels_may_be_bytes_or_floats():
    network = Network(
        input=Input(height=4, width=4, channels=1),
        preprocess={"mean": (0.25,), "std": (0.5,)},
        layers=[Flatten(), Dense(3), Output()],
    )
    module = build(network, 2).eval()
    levels = torch.randint(0, 256, (2, 1, 4, 4), dtype=torch.uint8)
    np.testing.assert_allclose(
        module.normalise(levels).numpy(), (levels.numpy() / 255 - 0.25) / 0.5, atol=1e-6
    )
    torch.testing.assert_close(module(levels), module(levels.float()))


LARGE = ("vgg1", "resnet", "convnext", "mobilenet", "efficientnet")


def cases():
    """Every preset at a size that is quick, and at 28 and 64 where its maps do not vanish."""
    for name in preset_names():
        heavy = name.startswith(LARGE)
        sizes = [Input(height=64, width=64)] if heavy else [load_preset(name).input]
        if not heavy and name != "swift-l":
            sizes += [Input(height=72, width=56), Input(height=28, width=28, channels=1)]
        for size in sizes:
            if not trace(load_preset(name, size), 10).errors:
                yield pytest.param(name, size, id=f"{name}-{size.height}")


@pytest.mark.parametrize(("name", "size"), list(cases()))
def test_every_preset_is_finite_learns_everywhere_and_costs_what_is_said(name, size):
    network = load_preset(name, size)
    torch.manual_seed(0)
    module = build(network, 10).to(memory_format=torch.channels_last)
    spent = network_cost(network, 10)
    pixels = torch.randint(
        0, 256, (2, network.input.channels, network.input.height, network.input.width)
    ).to(torch.uint8)
    for block in module.modules():
        if isinstance(block, ResidualBlock):
            block.stochastic_depth = 0.0  # of two images none may be left out
    outputs = {}

    def note(name):
        def hook(_module, _inputs, output):
            outputs[name] = tuple(output.shape[1:])

        return hook

    for part_name, child in module.named_modules():
        child.register_forward_hook(note(part_name))
    logits = module(pixels)
    assert logits.shape == (2, 10)
    assert torch.isfinite(logits).all()
    (logits.square().sum()).backward()
    for key, weight in module.named_parameters():
        if weight.requires_grad:
            assert weight.grad is not None, key
            assert weight.grad.abs().sum() > 0 or key.endswith("bias"), key
    fixed_scales = sum(
        part.weight.numel()
        for part in module.modules()
        if isinstance(part, torch.nn.BatchNorm2d) and not part.weight.requires_grad
    )
    assert spent.weights == sum(p.numel() for p in module.parameters()) - fixed_scales
    for line in spent.layers:
        assert outputs[line.name] == line.output, line.name


def test_multiply_adds_are_those_counted_by_hooks():
    network = load_preset("mobilenet", Input(height=64, width=64, channels=3))
    module = build(network, 7).eval()
    counted = 0

    def count(layer, inputs, output):
        nonlocal counted
        if isinstance(layer, torch.nn.Conv2d):
            each = layer.weight[0].numel()
            counted += each * output.numel()
        elif isinstance(layer, torch.nn.Linear):
            counted += layer.in_features * output.numel()

    for child in module.modules():
        child.register_forward_hook(count)
    module(torch.zeros(1, 3, 64, 64))
    assert network_cost(network, 7).multiply_adds == counted


def test_a_design_with_errors_is_not_built():
    network = Network(
        input=Input(height=4, width=4), layers=[Conv(3, kernel=5, padding="valid"), Output()]
    )
    with pytest.raises(SpecError) as caught:
        build(network, 3)
    assert caught.value.problems == (
        "layer 1 (conv) leaves nothing of the map: its 5x5 window does not fit into 4x4 cells; "
        "set padding: same here (top 2, bottom 2, left 2, right 2), use a smaller kernel, or "
        "shrink the maps less before it",
        "layer 2 (output) needs a vector of values but receives 3 maps of 1x1; put flatten or "
        "global_avg_pool before it",
    )


def test_a_billion_weights_are_refused_before_memory_is_asked():
    layers = [Flatten(), Dense(60_000), Dense(60_000), Output()]
    with pytest.raises(SpecError) as caught:
        build(Network(layers=layers), 2)
    assert str(caught.value) == (
        "the network has 4,337,520,002 weights, more than the limit of 536,870,912; "
        "layer 3 (dense) has 3,600,060,000 of them: make it smaller"
    )
