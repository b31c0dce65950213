"""The presets: each a file that says where it comes from, fitting at the sizes it is for."""

from importlib import resources
from pathlib import Path

import pytest
import torch

from foveal.errors import UsageError
from foveal.network.presets import load_preset, preset_names
from foveal.network.shapes import trace
from foveal.spec import yaml
from foveal.spec.layers import Conv
from foveal.spec.network import Network
from foveal.spec.preprocess import Input

ALL = (
    "alexnet",
    "convnext",
    "convnext-tiny",
    "efficientnet-b0",
    "efficientnet-lite0",
    "efficientnet-lite1",
    "efficientnet-lite2",
    "lenet5",
    "mobilenet",
    "mobilenet-v2",
    "mobilenet-v3-large",
    "mobilenet-v3-small",
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


PUBLISHED = Path(__file__).parents[1] / "data" / "published"
"""Names and shapes of the published tensors, by benchmarks/published_networks.py --names."""
FACTORS = ("layer_scale", "gamma")
"""ConvNeXt's layer scale, which stands before its block's layers there and after them here."""


def published_tensors(name):
    """(kind, shape without axes of length 1) of every published tensor, in the preset's order."""
    tensors, factor = [], None
    for line in (PUBLISHED / f"{name}.txt").read_text().splitlines():
        prefix, _, kind = line.partition(" ")[0].rpartition(".")
        shape = tuple(
            int(side) for side in line.partition(" ")[2].split("x") if side not in ("", "1")
        )
        if factor is not None and not prefix.startswith(factor[0]):
            tensors.append(("weight", factor[1]))
            factor = None
        if kind in FACTORS:
            factor = (f"{prefix}.", shape)
        else:
            tensors.append((kind, shape))
    return tensors


@pytest.mark.parametrize("name", sorted(path.stem for path in PUBLISHED.glob("*.txt")))
def test_tensors_are_the_published_ones_in_order(name):
    with torch.device("meta"):
        module = load_preset(name).build(1000)
    own = [
        (key.rpartition(".")[2], tuple(side for side in tensor.shape if side > 1))
        for key, tensor in module.state_dict().items()
        if not key.startswith("normalise.")
    ]
    assert own == published_tensors(name)


def test_every_published_network_is_listed():
    assert {path.stem for path in PUBLISHED.glob("*.txt")} == {
        "convnext-tiny",
        "efficientnet-b0",
        "efficientnet-lite0",
        "efficientnet-lite1",
        "efficientnet-lite2",
        "mobilenet-v2",
        "mobilenet-v3-large",
        "mobilenet-v3-small",
        "resnet18",
        "resnet34",
        "resnet50",
        "vgg16",
    }


IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
LITE = ((127 / 255,) * 3, (128 / 255,) * 3)


@pytest.mark.parametrize("name", [path.stem for path in PUBLISHED.glob("*.txt")])
def test_published_networks_have_the_preprocessing_of_their_weights(name):
    network = load_preset(name)
    wanted = LITE if "lite" in name else IMAGENET
    assert network.preprocess.statistics(3) == wanted
    side = {"efficientnet-lite1": 240, "efficientnet-lite2": 260}.get(name, 224)
    assert network.input.shape == (side, side, 3)
    smaller = load_preset(name, Input(height=96, width=64))
    assert smaller.preprocess.statistics(3) == wanted
    assert trace(smaller, 10).errors == ()
    grey = load_preset(name, Input(height=64, width=64, channels=1))
    assert (grey.preprocess.mean, grey.preprocess.std) == (None, None)  # train measures them
    assert trace(grey, 10).errors == ()


def test_a_variant_is_no_preset_but_a_name_may_end_in_large():
    assert load_preset("mobilenet-v3-large", Input(height=32, width=32)).layers[0] == Conv(
        16, stride=2, padding=1
    )
    with pytest.raises(UsageError):
        load_preset("swift-s-large")
