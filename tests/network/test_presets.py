"""The presets: each a file that says where it comes from, fitting at the sizes it is for."""

from importlib import resources

import pytest

from foveal.errors import UsageError
from foveal.network.presets import load_preset, preset_names
from foveal.network.shapes import trace
from foveal.spec import yaml
from foveal.spec.network import Network
from foveal.spec.preprocess import Input

ALL = (
    "alexnet",
    "convnext",
    "efficientnet-lite0",
    "efficientnet-lite1",
    "efficientnet-lite2",
    "lenet5",
    "mobilenet",
    "resnet18",
    "resnet34",
    "resnet50",
    "swift-l",
    "swift-m",
    "swift-s",
    "swift-xs",
    "vgg-mini",
    "vgg11",
    "vgg16",
)


def test_names():
    assert preset_names() == ALL


@pytest.mark.parametrize("name", ALL)
def test_each_says_where_it_comes_from_and_round_trips(name):
    text = resources.files("foveal.network.presets").joinpath(f"{name}.yaml").read_text()
    assert text.startswith("# ")
    assert any(word in text for word in ("19", "20")), "no year of a source"
    network = load_preset(name)
    assert yaml.parse_yaml(yaml.dump_yaml(network.to_data()), Network) == network
    assert Network.model_validate(network.to_data()) == network


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [16, 28, 32, 48, 64, 96, 128, 224])
@pytest.mark.parametrize("name", ["swift-xs", "swift-s", "swift-m", "swift-l"])
def test_swift_makes_sense_from_16_to_224(name, side, channels):
    network = load_preset(name, Input(height=side, width=side, channels=channels))
    assert trace(network, 10).errors == ()
    assert network.input.shape == (side, side, channels)


def test_a_wrong_name_gives_the_nearest():
    with pytest.raises(UsageError) as caught:
        load_preset("resnet81")
    assert str(caught.value) == (
        "'resnet81' is not a preset (did you mean 'resnet18'?); choose one of " + ", ".join(ALL)
    )
