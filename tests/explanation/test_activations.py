"""Recorded activations against the forward pass, the cost table and plain arithmetic."""

import numpy as np
import pytest
import torch

from foveal.explanation.activations import forward_with_outputs
from foveal.network.cost import network_cost


def test_every_layer_of_the_cost_table_is_recorded_with_its_shape(model, activations):
    table = network_cost(model.manifest.network, len(model.labels))
    shapes = {layer.name: layer.shape for layer in activations.layers}
    for row in table.layers:
        assert shapes[row.name] == tuple(row.output)
    assert sum(layer.weights for layer in activations.layers) == table.weights
    assert sum(layer.multiply_adds for layer in activations.layers) == table.multiply_adds


def test_outputs_are_those_of_the_forward_pass(model, image, activations):
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None]
    names = {layer.name for layer in activations.layers[1:]}
    with torch.no_grad():
        logits, outputs = forward_with_outputs(model.module, pixels, names)
        assert torch.equal(logits, model.module(pixels))
    assert torch.equal(activations.logits, logits[0])
    assert torch.equal(activations.layers[0].output, pixels[0].float())
    for layer in activations.layers[1:]:
        assert torch.equal(layer.output, outputs[layer.name][0]), layer.name


def test_hooks_are_removed(model, image):
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None]
    _, outputs = forward_with_outputs(model.module, pixels, {"conv_1"})
    assert set(outputs) == {"conv_1"}
    outputs.clear()
    model.module(pixels)
    assert outputs == {}


def test_a_layer_is_returned_by_its_name(activations):
    assert activations.layer("conv_1").kind == "conv"
    assert activations.layer("image") is activations.layers[0]


def test_residuals_add_and_concats_stack_their_inputs(activations):
    for layer in activations.layers:
        inputs = [activations.layers[input_id].output for input_id in layer.inputs]
        if layer.kind == "residual":
            assert torch.allclose(layer.output, sum(inputs))
        if layer.kind == "concat":
            assert torch.equal(layer.output, torch.cat(inputs))


def test_gradients_are_of_the_target(activations):
    """Gradient times activation of the last layer is the logit less the bias, exactly."""
    output, before = activations.layers[-1], activations.layers[-2]
    unit = min(1, output.shape[0] - 1)
    expected = float(activations.logits[unit] - output.module.bias.detach()[unit])
    assert float((before.gradient * before.output).sum()) == pytest.approx(expected, abs=1e-4)
    assert before.contributions().sum() == pytest.approx(expected, abs=1e-4)


def test_contributions_are_summed_over_each_map(activations):
    assert activations.layers[0].contributions() is None
    layer = activations.layer("conv_1")
    expected = (layer.gradient.double() * layer.output.double()).sum((1, 2)).numpy()
    assert np.allclose(layer.contributions(), expected, atol=1e-6)
