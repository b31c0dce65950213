"""Whole networks: every preset forward and back, their costs, and designs that are not built."""

import numpy as np
import pytest
import torch

from foveal.errors import SpecError
from foveal.network.blocks import ResidualBlock
from foveal.network.build import build, whitening_convs
from foveal.network.cost import network_cost
from foveal.network.presets import load_preset, preset_names
from foveal.network.shapes import trace
from foveal.spec.layers import Conv, Dense, Flatten, Output
from foveal.spec.network import Network
from foveal.spec.preprocess import Input


def test_identity_start_passes_the_maps_through():
    conv = Conv(5, init="identity", bias=False)
    network = Network(input=Input(height=6, width=6), layers=[conv, Flatten(), Output()])
    module = build(network, 3).conv_1.double()
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 6, 6)))
    np.testing.assert_allclose(module(x)[:, :3].detach().numpy(), x.numpy(), atol=1e-6)


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
