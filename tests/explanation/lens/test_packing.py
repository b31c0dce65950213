"""Packed numbers are those of the forward pass, bit for bit, and add up to the outputs."""

import base64

import numpy as np
import pytest
import torch

from foveal.explanation.lens.packing import layers_data, pack
from foveal.explanation.lens.sampling import choose_maps
from foveal.explanation.shift import measure_shifts


def unpack(text: str, dtype: str = "<f4") -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype)


@pytest.fixture
def maps(activations) -> list[list[int]]:
    return choose_maps(activations, 0)


@pytest.fixture
def layers(model, activations, maps) -> list[dict]:
    return layers_data(activations, maps, measure_shifts(model.module, activations))


def test_packing_is_little_endian():
    assert unpack(pack(np.array([1.5, -2.0]))).tolist() == [1.5, -2.0]
    assert base64.b64decode(pack(torch.tensor([1]), "<i4")) == b"\x01\x00\x00\x00"


def test_values_are_those_of_the_forward_pass(image, activations, layers):
    assert layers[0]["uint8"] is True
    pixels = unpack(layers[0]["values"], "u1")
    assert np.array_equal(pixels, image.transpose(2, 0, 1).ravel())
    assert layers[1]["values"] == ""
    for layer, data in zip(activations.layers[2:], layers[2:], strict=True):
        expected = layer.output[data["maps"]].numpy().ravel()
        assert np.array_equal(unpack(data["values"]), expected), layer.name
        assert data["range"] == [float(layer.output.min()), float(layer.output.max())]
        assert "uint8" not in data


def test_contributions_are_per_cent_of_the_layer(activations, layers):
    assert layers[0]["contributions"] is None
    for layer, data in zip(activations.layers, layers, strict=True):
        if data["contributions"] and len(data["maps"]) == layer.shape[0]:
            assert sum(map(abs, data["contributions"])) == pytest.approx(100)


def test_dense_products_remainder_and_bias_add_up_to_the_logits(activations, layers):
    units = layers[-1]["units"]
    shape = (len(layers[-1]["maps"]), units["count"])
    products = unpack(units["weights"]).reshape(shape) * unpack(units["values"]).reshape(shape)
    bias = unpack(units["bias"]) if units["bias"] else 0
    total = products.sum(1) + unpack(units["remainder"]) + bias
    assert np.allclose(total, activations.logits[layers[-1]["maps"]].numpy(), atol=1e-4)


def test_norms_and_gates_reproduce_their_outputs(activations, layers):
    for layer, data in zip(activations.layers, layers, strict=True):
        if data["kind"] == "batch_norm" and len(layer.shape) == 3:
            source = activations.layers[layer.inputs[0]].output[data["maps"]].numpy()
            norm = {key: unpack(data["norm"][key])[:, None, None] for key in ("mean", "variance")}
            scale, shift = (
                unpack(data["norm"][key])[:, None, None] if data["norm"][key] else default
                for key, default in (("scale", 1), ("shift", 0))
            )
            result = (source - norm["mean"]) / np.sqrt(norm["variance"] + data["norm"]["epsilon"])
            expected = layer.output[data["maps"]].numpy()
            assert np.allclose(result * scale + shift, expected, atol=1e-4)
        if data["kind"] in ("squeeze_excite", "layer_scale"):
            source = activations.layers[layer.inputs[0]].output[data["maps"]].numpy()
            gate = unpack(data["gate"])[:, None, None]
            assert np.allclose(source * gate, layer.output[data["maps"]].numpy(), atol=1e-5)


def test_maps_of_a_concat_are_found_in_their_branch(activations, layers):
    for layer, data in zip(activations.layers, layers, strict=True):
        if data["kind"] == "concat":
            for channel, (branch, source) in zip(data["maps"], data["sources"], strict=True):
                inputs = activations.layers[layer.inputs[branch]]
                assert torch.equal(inputs.output[source], layer.output[channel])
