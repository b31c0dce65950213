"""Small networks and weights files in the naming of torchvision, made without torchvision."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from foveal.network.build import build
from foveal.pretrained.catalog import CATALOG, find_installed
from foveal.pretrained.mapping import compare
from foveal.pretrained.naming import Naming, namings
from foveal.pretrained.variant import network_variant


def _named(preset: str, naming: str) -> Naming:
    return next(one for one in namings(preset) if one.name == naming)


def _random_weights(
    preset: str, naming: str, classes: int = 1000, seed: int = 0
) -> tuple[torch.nn.Module, dict[str, torch.Tensor]]:
    """A module with random weights, and these weights in the names of `naming`."""
    torch.manual_seed(seed)
    names = _named(preset, naming)
    network = network_variant(preset, names)
    module = build(network, classes).eval()
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if name.endswith(("running_mean", "bias")):
                value.normal_(0, 0.1)
            elif name.endswith("running_var"):
                value.uniform_(0.5, 1.5)
    sources = compare(preset, names, network, {}).sources
    state = module.state_dict()
    return module, {source: state[target].clone() for target, source in sources.items()}


@pytest.fixture(scope="session")
def random_weights():
    """`random_weights(preset, naming, classes)`: a module and its weights in these names."""
    return _random_weights


@pytest.fixture
def resnet18_file(tmp_path: Path) -> Path:
    """A weights file of ResNet-18 with 5 classes in torchvision's names."""
    file = tmp_path / "resnet18.pth"
    torch.save(_random_weights("resnet18", "torchvision", 5)[1], file)
    return file


@pytest.fixture
def lite0() -> Path:
    """The packaged weights file of EfficientNet-Lite0; the test is named as not run without.

    With CI=true it fails: the extra `pretrained` is part of [all].
    """
    path = find_installed("efficientnet-lite0")
    if path is None and os.environ.get("CI") == "true":
        pytest.fail(f"needs {CATALOG['efficientnet-lite0'].package}", pytrace=False)
    if path is None:
        pytest.skip(f"needs {CATALOG['efficientnet-lite0'].package}")
    return path
