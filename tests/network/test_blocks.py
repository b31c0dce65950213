"""Random networks of every layer: what the trace allows runs with the traced shapes."""

import importlib.util
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foveal.errors import SpecError
from foveal.network.build import build
from foveal.network.cost import network_cost
from foveal.network.shapes import trace
from foveal.spec.layers import Output
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
