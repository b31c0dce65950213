"""The flatbuffer gives torch's probabilities; a layer that cannot be converted is named."""

from __future__ import annotations

import copy
import dataclasses
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from foveal.errors import Error
from foveal.exporting.litert.convert import convert, pad_partial_windows
from foveal.model.model import Model
from foveal.prediction.predictor import Predictor

# the converter's own code warns
pytestmark = pytest.mark.filterwarnings("ignore")


class Determinant(nn.Module):
    """A layer no phone knows."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.linalg.eigvals(x[:, :, :8, :8]).real.sum()


def probabilities(content: bytes, pixels: np.ndarray) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(model_content=content).get_signature_runner()
    return np.concatenate([run(pixels=image[None])["probabilities"] for image in pixels])


def test_the_same_probabilities(model: Model, samples) -> None:
    pytest.importorskip("litert_torch")
    expected = Predictor(model).probabilities(samples.pixels)
    found = probabilities(convert(model), samples.pixels)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_layer_that_cannot_be_converted(model: Model) -> None:
    pytest.importorskip("litert_torch")
    layers = list(copy.deepcopy(model.module).named_children())
    layers.insert(2, ("odd", Determinant()))
    module = nn.Sequential(OrderedDict(layers))
    with pytest.raises(Error) as caught:
        convert(dataclasses.replace(model, module=module))
    message = str(caught.value)
    assert message.startswith("the LiteRT converter cannot take the layer 'odd' (Determinant): ")
    assert message.endswith("; use another layer, or export with --to onnx")
    assert "\n" not in message


@pytest.mark.parametrize("side", [7, 8, 9, 10])
def test_max_pools_with_partial_windows(side: int) -> None:
    pools = nn.Sequential(nn.MaxPool2d(3, 2, ceil_mode=True), nn.MaxPool2d(2))
    maps = torch.randn(2, 3, side, side + 1)
    padded = pad_partial_windows(pools)
    assert [type(pool).__name__ for pool in padded] == ["PaddedPool2d", "MaxPool2d"]
    assert torch.equal(padded(maps), pools(maps))
    assert isinstance(pools[0], nn.MaxPool2d)
