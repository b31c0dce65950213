"""Weights rounded for a layer's output, against plain rounding and torch's convolution."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from foveal.exporting import gptq, quantise
from foveal.exporting.onnx import export_graph
from foveal.exporting.seal import seal_graph
from foveal.model.manifest import Manifest
from foveal.model.model import Model
from foveal.prediction.onnx_backend import OnnxBackend
from foveal.prediction.predictor import Predictor
from foveal.spec.layers import BatchNorm, Conv, Gelu, GlobalAvgPool, MaxPool, Output
from foveal.spec.network import Network
from foveal.spec.preprocess import Input

LAYER = gptq._WeightedLayer(
    "x", "w", None, (3, 2), (2, 1), (1, 0, 2, 1), (1, 2), np.zeros((1, 1, 1))
)


def test_windows_are_what_the_convolution_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gptq, "_WINDOWS_PER_IMAGE", 10_000)
    random = np.random.default_rng(0)
    maps = random.normal(size=(2, 3, 9, 8)).astype(np.float32)
    weight = random.normal(size=(5, 3, 3, 2)).astype(np.float32)
    padded = torch.nn.functional.pad(torch.from_numpy(maps), (0, 1, 1, 2))
    expected = torch.nn.functional.conv2d(
        padded, torch.from_numpy(weight), stride=(2, 1), dilation=(1, 2)
    ).numpy()
    rows = gptq._sample_windows(maps, LAYER, random)
    actual = rows @ weight.reshape(5, -1).T
    np.testing.assert_allclose(
        np.sort(actual, axis=0),
        np.sort(expected.transpose(0, 2, 3, 1).reshape(-1, 5), axis=0),
        atol=1e-4,
    )


def test_the_output_is_nearer_than_with_plain_rounding() -> None:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(4000, 8)) @ random.normal(size=(8, 40)) + 1
    inputs += 0.1 * random.normal(size=inputs.shape)
    ones = np.concatenate([inputs, np.ones((4000, 1))], 1)
    weights = random.normal(0, 3, (6, 40))
    (integers,), (gain,) = gptq._gptq_round(weights[None], (ones.T @ ones)[None])
    plain = np.abs(inputs @ (np.round(weights) - weights).T).mean()
    ours = np.abs(inputs @ (integers - weights).T + gain).mean()
    assert ours < plain / 2
    assert np.abs(integers - weights).max() < 4
    np.testing.assert_array_equal(integers, np.round(integers))


def test_groups_are_rounded_each_by_its_own_moments() -> None:
    random = np.random.default_rng(0)
    inputs = random.normal(1, 1, (5, 200, 7)) @ random.normal(size=(5, 7, 7))
    moments = inputs.transpose(0, 2, 1) @ inputs
    weights = random.normal(0, 9, (5, 3, 6))
    together = gptq._gptq_round(weights, moments)
    for group in range(5):
        alone = gptq._gptq_round(weights[[group]], moments[[group]])
        np.testing.assert_array_equal(together[0][[group]], alone[0])
        np.testing.assert_allclose(together[1][[group]], alone[1])


def test_inputs_that_are_always_zero_and_large_weights() -> None:
    integers, gain = gptq._gptq_round(np.full((1, 2, 3), 90.0), np.zeros((1, 4, 4)))
    np.testing.assert_array_equal(integers, np.full((1, 2, 3), gptq.MAX_WEIGHT))
    assert np.isfinite(gain).all()


@pytest.fixture(scope="module")
def model() -> Model:
    network = Network(
        input=Input(height=20, width=20, channels=3),
        layers=(
            Conv(16, bias=False),
            MaxPool(2),
            BatchNorm(),
            Gelu(),
            Conv(24),
            BatchNorm(),
            Gelu(),
            Conv(24, groups=2),
            Gelu(),
            GlobalAvgPool(),
            Output(),
        ),
    )
    with torch.random.fork_rng():
        torch.manual_seed(3)
        module = network.build(5).eval()
        for part in module.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.5)
                part.running_var.uniform_(0.05, 3)
        module.output.weight.data.mul_(6)
    return Model(module, Manifest(network=network, labels=tuple("abcde")))


def smooth(count: int, seed: int) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (count, 5, 5, 3))
    return small.repeat(4, 1).repeat(4, 2).astype(np.uint8)


def test_int8_is_nearer_to_the_model(model: Model) -> None:
    graph, pixels, test_pixels = export_graph(model), smooth(64, 0), smooth(200, 1)
    truth = Predictor(model).probabilities(test_pixels)
    rounded = gptq.round_weights(graph, pixels)
    assert len(rounded) == 4
    gaps = []
    for given in (None, rounded):
        quantised = quantise.quantise_graph(graph, pixels, quantise.VARIANTS[0], (), given)
        session = OnnxBackend(seal_graph(quantised.SerializeToString(), model.manifest), "x")
        gaps.append(np.abs(session.probabilities(test_pixels) - truth).mean())
    assert gaps[1] < 0.8 * gaps[0]


def test_a_filter_that_is_almost_zero_leaves_the_others_rounded(model: Model) -> None:
    from onnx import numpy_helper

    graph, pixels = export_graph(model), smooth(16, 0)
    weight = next(t for t in graph.graph.initializer if tuple(t.dims) == (24, 16, 3, 3))
    values = numpy_helper.to_array(weight).copy()
    values[5] *= 1e-9  # onnxruntime enlarges its scale, so that the bias fits into 32 bits
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    rounded = gptq.round_weights(graph, pixels)[weight.name]
    quantised = quantise.quantise_graph(
        graph, pixels, quantise.VARIANTS[0], (), {weight.name: rounded}
    )
    initializers = {t.name: numpy_helper.to_array(t) for t in quantised.graph.initializer}
    scale = initializers[f"{weight.name}_scale"]
    assert scale[5] > 10 * rounded.scale[5]
    stored = initializers[f"{weight.name}_quantized"]
    np.testing.assert_array_equal(np.delete(stored, 5, 0), np.delete(rounded.weights, 5, 0))
    assert np.abs(stored[5] * scale[5]).max() < np.abs(values).max() / 1000


def test_a_network_without_a_layer_to_round_is_rounded_plainly(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gptq, "MAX_GPTQ_INPUTS", 5)
    assert gptq.round_weights(export_graph(model), smooth(8, 0)) == {}


def test_gelu_stays_whole_and_its_range_is_cut(model: Model) -> None:
    from onnx import numpy_helper

    quantised = quantise.quantise_graph(
        export_graph(model),
        smooth(64, 0),
        quantise.QuantisationVariant("min-max", False, fp32_gelu=True),
    )
    makers = {name: node for node in quantised.graph.node for name in node.output}
    initializers = {t.name: numpy_helper.to_array(t) for t in quantised.graph.initializer}
    gelus = [node for node in quantised.graph.node if node.op_type == "Gelu"]
    assert len(gelus) == 3
    for node in gelus:
        before = makers[node.input[0]]
        assert before.op_type == "DequantizeLinear"
        step, zero = initializers[before.input[1]], initializers[before.input[2]]
        assert -float(zero) * step > quantise.GELU_FLOOR - step
