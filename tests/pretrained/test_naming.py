"""The names of every source: as many as the preset has layers, each once, known ones in place."""

from __future__ import annotations

import pytest
import torch

from foveal.network.build import build
from foveal.pretrained.catalog import CATALOG
from foveal.pretrained.mapping import COUNTER
from foveal.pretrained.naming import named_networks, namings
from foveal.pretrained.variant import network_variant

NAMED = [(preset, naming) for preset in named_networks() for naming in namings(preset)]
IDS = [f"{preset}-{naming.name}" for preset, naming in NAMED]


@pytest.mark.parametrize(("preset", "naming"), NAMED, ids=IDS)
def test_a_name_for_every_layer_with_weights(preset, naming) -> None:
    with torch.device("meta"):
        module = build(network_variant(preset, naming), 1000)
    layers = {
        name.rpartition(".")[0]
        for name in module.state_dict()
        if not name.endswith(COUNTER) and not name.startswith("normalise.")
    }
    assert len(naming.layers) == len(set(naming.layers)) == len(layers)


def test_the_catalog_has_every_named_network() -> None:
    assert set(named_networks()) == {known.preset for known in CATALOG.values()}


def test_an_unknown_network_has_no_naming() -> None:
    assert namings("swift-m") == ()


KNOWN = {
    ("resnet18", "torchvision"): ("conv1", "layer2.0.downsample.0", "layer4.1.bn2", "fc"),
    ("resnet18", "huggingface"): (
        "resnet.embedder.embedder.convolution",
        "resnet.encoder.stages.1.layers.0.shortcut.convolution",
        "resnet.encoder.stages.3.layers.1.layer.1.normalization",
        "classifier.1",
    ),
    ("resnet50", "torchvision"): ("layer1.0.downsample.0", "layer3.5.conv3", "layer4.2.bn3"),
    ("mobilenet-v2", "torchvision"): (
        "features.1.conv.0.0",
        "features.1.conv.2",
        "features.17.conv.3",
        "features.18.1",
        "classifier.1",
    ),
    ("mobilenet-v2", "timm"): ("blocks.0.0.conv_dw", "blocks.6.0.bn3", "conv_head", "bn2"),
    ("mobilenet-v3-small", "torchvision"): (
        "features.1.block.1.fc1",
        "features.2.block.2.0",
        "features.11.block.3.1",
        "features.12.0",
        "classifier.0",
        "classifier.3",
    ),
    ("mobilenet-v3-large", "torchvision"): ("features.1.block.1.1", "features.16.1"),
    ("mobilenet-v3-large", "timm"): ("blocks.2.0.se.conv_reduce", "blocks.6.0.bn1", "conv_head"),
    ("efficientnet-b0", "torchvision"): (
        "features.1.0.block.1.fc1",
        "features.7.0.block.3.1",
        "features.8.1",
    ),
    ("efficientnet-b0", "lukemelas"): ("_blocks.0._se_reduce", "_blocks.15._bn2", "_fc"),
    ("efficientnet-lite0", "lukemelas"): ("_conv_stem", "_bn0", "_blocks.15._project_conv"),
    ("efficientnet-lite0", "timm"): ("blocks.0.0.conv_pw", "blocks.5.3.conv_pwl", "classifier"),
    ("efficientnet-lite1", "lukemelas"): ("_blocks.20._bn2",),
    ("convnext-tiny", "torchvision"): (
        "=features.1.0.layer_scale",
        "features.7.2.block.5",
        "features.6.1",
        "classifier.0",
        "classifier.2",
    ),
    ("convnext-tiny", "timm"): ("stem.1", "stages.1.downsample.0", "=stages.2.blocks.8.gamma"),
    ("convnext-tiny", "huggingface"): (
        "convnext.encoder.stages.3.downsampling_layer.1",
        "=convnext.encoder.stages.3.layers.2.layer_scale_parameter",
        "convnext.layernorm",
    ),
    ("vgg16", "torchvision"): ("features.28", "classifier.6"),
    ("vgg16", "timm"): ("pre_logits.fc1", "head.fc"),
}


@pytest.mark.parametrize("key", KNOWN, ids="-".join)
def test_published_names_are_there(key: tuple[str, str]) -> None:
    preset, name = key
    layers = next(one.layers for one in namings(preset) if one.name == name)
    assert set(KNOWN[key]) <= set(layers)
