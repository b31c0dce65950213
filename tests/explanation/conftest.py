"""Small networks that together hold every kind of layer, with weights that are not special."""

import numpy as np
import pytest
import torch
from torch import nn

import foveal
from foveal.explanation.activations import Activations, record_activations
from foveal.explanation.explain import Explanation
from foveal.explanation.target import Target
from foveal.model.manifest import Manifest
from foveal.model.model import Model
from foveal.spec import layers as L
from foveal.spec.network import Network
from foveal.spec.preprocess import Input, Preprocess


def _conv(channels: int, **fields: object) -> tuple[L.Layer, ...]:
    return L.Conv(channels, **fields), L.BatchNorm(), L.Relu()


def networks() -> dict[str, Network]:
    """Every layer of the network room, residual and concat nested, every padding."""
    small = Input(height=14, width=12, channels=3)
    return {
        "plain": Network(
            input=small,
            preprocess=Preprocess(mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3)),
            layers=(
                L.Conv(6, kernel=(5, 3), stride=(2, 1), padding=(1, 1, 2, 0), padding_value=0.7),
                L.Gelu(),
                L.Relu6(),
                L.AvgPool(size=3, stride=2, padding=1),
                L.Conv(8, padding_mode="reflect"),
                L.LeakyRelu(0.2),
                L.MaxPool(2, ceil=True),
                L.Flatten(),
                L.Dense(9),
                L.Tanh(),
                L.Dropout(),
                L.Output(),
            ),
        ),
        "nested": Network(
            input=Input(height=12, width=12, channels=1),
            preprocess=Preprocess(flip_average=True),
            layers=(
                *_conv(8),
                L.Residual(layers=(*_conv(8), L.Conv(8), L.BatchNorm())),
                L.Silu(),
                L.Concat(
                    branches=(
                        (L.Residual(layers=_conv(6)), L.Relu()),
                        (
                            L.AvgPool(size=3, stride=1, padding=1, count_padding=False),
                            *_conv(4, kernel=1),
                        ),
                    )
                ),
                L.Residual(layers=(*_conv(12, stride=2),)),
                L.HardSwish(),
                L.HardSigmoid(),
                L.SqueezeExcite(4),
                L.SqueezeExcite(hidden=5, activation="silu", gate="hard_sigmoid"),
                L.Residual(layers=(L.Conv(12), L.LayerScale(0.6)), stochastic_depth=0.3),
                L.GroupNorm(4),
                L.Elu(),
                L.Conv(12, groups="depthwise", bias=True),
                L.Dropout2d(),
                L.GlobalAvgPool(),
                L.Output(),
            ),
        ),
        "odd": Network(
            input=Input(height=11, width=13, channels=3),
            layers=(
                L.Pad(padding=(1, 0, 2, 1), value=0.5),
                L.Conv(6, flip=True, padding_mode="circular"),
                L.LayerNorm(),
                L.Sigmoid(),
                L.Conv(8, groups=2, dilation=2, padding_mode="replicate"),
                L.MaxPool(3, padding="same"),
                L.AvgPool(size=2, ceil=True, count_padding=False),
                L.Conv(10, padding="valid", kernel=1),
                L.Relu(),
                L.GlobalMaxPool(),
                L.Dense(7, bias=False),
                L.LayerNorm(),
                L.Relu(),
                L.Output("sigmoid"),
            ),
        ),
    }


def random_model(network: Network, classes: int = 3, seed: int = 0) -> Model:
    """A model with random weights and norms that are not the identity."""
    torch.manual_seed(seed)
    module = network.build(classes).eval()
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.running_mean.uniform_(-0.5, 0.5)
                part.running_var.uniform_(0.5, 2)
                part.weight.uniform_(0.5, 1.5)
                part.bias.uniform_(-0.5, 0.5)
    labels = tuple(f"class {n}" for n in range(classes))
    return Model(module, Manifest(network=network, labels=labels, temperature=1.4))


@pytest.fixture(params=["plain", "nested", "odd"])
def model(request) -> Model:
    return random_model(networks()[request.param], 2 if request.param == "odd" else 3)


@pytest.fixture
def few_passes(monkeypatch) -> None:
    """The least forward passes: the checks themselves are tested in test_faithfulness."""
    monkeypatch.setattr("foveal.explanation.checked_attributions.LARGE_MULTIPLY_ADDS", 0)
    monkeypatch.setattr("foveal.explanation.checked_attributions.VERY_LARGE_MULTIPLY_ADDS", 0)


@pytest.fixture
def image(model) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, model.manifest.network.input.shape, np.uint8)


@pytest.fixture
def activations(model, image) -> Activations:
    """Of the label with index 1."""
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    return record_activations(model, pixels, 1)


def corner_network() -> nn.Module:
    """Two classes: the second is how bright the upper left quarter is; nothing else matters."""

    class Corner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 1)
            self.dense = nn.Linear(2 * 16 * 16, 2)
            with torch.no_grad():
                self.conv.weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
                self.conv.bias.zero_()
                self.dense.weight.zero_()
                self.dense.bias.zero_()
                self.dense.weight[1].view(2, 16, 16)[0, :8, :8] = 0.002

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.dense(torch.relu(self.conv(x)).flatten(1))

    return Corner().eval()


@pytest.fixture
def corner_target() -> Target:
    return Target(corner_network(), 1, "softmax", 1.0, torch.zeros(1))


@pytest.fixture
def bright_image() -> torch.Tensor:
    """(1, 1, 16, 16), no pixel of the baseline's colour."""
    return 60 + 100 * torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def explanation(model, image) -> Explanation:
    return foveal.explain(model, image)
