"""Blocks of layers: random ones run with the traced shapes, others as their formulas say."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.signal import correlate

from foveal.errors import SpecError
from foveal.network.build import build
from foveal.network.cost import network_cost
from foveal.network.shapes import trace
from foveal.spec.layers import LAYER_TYPES, Concat, Conv, GlobalAvgPool, Output, Residual
from foveal.spec.network import Network
from foveal.spec.preprocess import Input

_path = Path(__file__).parents[1] / "spec" / "test_layers.py"
_spec = importlib.util.spec_from_file_location("layer_strategies", _path)
strategies = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(strategies)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    layers=st.lists(strategies.layer(), max_size=4),
    end=st.sampled_from(["flatten", "global_avg_pool", "global_max_pool"]),
    height=st.integers(3, 14),
    width=st.integers(3, 14),
)
def test_what_the_trace_allows_runs_with_its_shapes(layers, end, height, width):
    network = Network(input=Input(height=height, width=width), layers=[*layers, end, Output()])
    traced = trace(network, 3)
    if traced.errors:
        with pytest.raises(SpecError):
            build(network, 3)
        return
    module = build(network, 3)
    shapes = {}

    def note(name):
        def hook(_module, _inputs, output):
            shapes[name] = tuple(output.shape[1:])

        return hook

    for name, child in module.named_modules():
        child.register_forward_hook(note(name))
    logits = module(torch.randint(0, 256, (3, 3, height, width), dtype=torch.uint8))
    assert torch.isfinite(logits).all()
    for step in traced.walk():
        assert shapes[step.name] == step.output_shape, step.name
    learned = sum(
        parameter.numel()
        for part in module.modules()
        for parameter in part.parameters(recurse=False)
        if parameter.requires_grad or isinstance(part, torch.nn.Conv2d)  # frozen ones count
    )
    assert network_cost(network, 3).weights == learned


def test_global_pools_squeeze_excite_residual_and_concat(part, maps):
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


def test_layer_scale_multiplies_maps_and_values(part, maps):
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


def test_stochastic_depth_leaves_the_layers_out_for_a_fraction_of_the_images(part):
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


def test_a_residual_projects_where_shapes_differ(maps):
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
