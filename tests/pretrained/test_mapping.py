"""Weights go over by name and give the same outputs; every mismatch is listed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from foveal.errors import ModelFileError
from foveal.network.build import build
from foveal.network.presets import load_preset
from foveal.pretrained.mapping import Mismatch, build_module, compare, own_naming
from foveal.pretrained.naming import named_networks, namings
from foveal.pretrained.variant import network_variant

FILE = Path("w.pth")
NAMED = [
    (preset, naming)
    for preset in named_networks()
    if preset != "vgg16"  # half a gigabyte; its layers are as the others'
    for naming in namings(preset)
]


def candidate(preset: str, tensors: dict[str, torch.Tensor], index: int = 0):
    naming = namings(preset)[index]
    return compare(preset, naming, network_variant(preset, naming), tensors)


@pytest.mark.parametrize(("preset", "naming"), NAMED, ids=[f"{p}-{n.name}" for p, n in NAMED])
def test_the_module_has_the_outputs_of_the_source(random_weights, preset, naming) -> None:
    module, tensors = random_weights(preset, naming.name, 7)
    found = compare(preset, naming, network_variant(preset, naming), tensors)
    assert not found.mismatch
    assert found.classes == 7
    pixels = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        assert torch.equal(build_module(found, tensors, FILE)(pixels), module(pixels))


def test_nothing_is_drawn_from_the_random_generator(random_weights) -> None:
    _, tensors = random_weights("resnet18", "torchvision", 3)
    before = torch.get_rng_state()
    build_module(candidate("resnet18", tensors), tensors, FILE)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_weights_are_copies_and_trainable(random_weights) -> None:
    _, tensors = random_weights("resnet18", "torchvision", 3)
    module = build_module(candidate("resnet18", tensors), tensors, FILE)
    assert not module.training
    assert all(value.requires_grad for value in module.parameters())
    tensors["fc.weight"].fill_(9)
    assert not bool((module.state_dict()["output.weight"] == 9).any())


def test_counters_of_batch_norms_may_be_there(random_weights) -> None:
    _, tensors = random_weights("resnet18", "torchvision", 3)
    tensors["bn1.num_batches_tracked"] = torch.tensor(5)
    assert not candidate("resnet18", tensors).mismatch


def test_dense_layers_and_convolutions_of_their_size_are_the_same() -> None:
    """timm writes VGG's dense layer over 512 maps of 7x7 as a convolution of 7x7."""
    naming = next(one for one in namings("vgg16") if one.name == "timm")
    network = network_variant("vgg16", naming)
    tensors = {
        "pre_logits.fc1.weight": torch.empty(4096, 512, 7, 7, device="meta"),
        "pre_logits.fc2.weight": torch.empty(4096, 4096, 1, 1, device="meta"),
    }
    assert compare("vgg16", naming, network, tensors).mismatch.shapes == ()


def test_every_mismatch_is_listed(random_weights) -> None:
    _, tensors = random_weights("resnet18", "torchvision", 3)
    del tensors["bn1.weight"], tensors["layer1.0.conv1.weight"]
    tensors["extra\n.weight"] = torch.ones(1)
    tensors["conv1.weight"] = torch.ones(64, 1, 7, 7)
    tensors["bn1.bias"] = torch.ones(8)
    found = candidate("resnet18", tensors).mismatch
    assert found == Mismatch(
        ("bn1.weight", "layer1.0.conv1.weight"),
        ("extra\\n.weight",),
        (
            "conv1.weight is (64, 1, 7, 7) and must be (64, 3, 7, 7)",
            "bn1.bias is (8,) and must be (64,)",
        ),
    )
    assert str(found) == (
        "2 tensors are missing (bn1.weight, layer1.0.conv1.weight), 1 tensor is left over "
        "(extra\\n.weight), 2 tensors are of another shape (conv1.weight is (64, 1, 7, 7) and must "
        "be (64, 3, 7, 7), bn1.bias is (8,) and must be (64,))"
    )


def test_half_precision_becomes_single(random_weights) -> None:
    _, tensors = random_weights("resnet18", "torchvision", 3)
    tensors = {name: value.half() for name, value in tensors.items()}
    module = build_module(candidate("resnet18", tensors), tensors, FILE)
    assert {value.dtype for value in module.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            torch.zeros(64, dtype=torch.int8),
            "tensor bn1.weight of w.pth holds int8 numbers, and weights are floating-point "
            "numbers; give the file before quantisation",
        ),
        (
            torch.full((64,), torch.nan),
            "tensor bn1.weight of w.pth holds a number that is infinite or not a number; the file "
            "is damaged: download it again",
        ),
    ],
    ids=["int8", "nan"],
)
def test_values_that_are_no_weights_are_refused(random_weights, value, message) -> None:
    _, tensors = random_weights("resnet18", "torchvision", 3)
    tensors["bn1.weight"] = value
    with pytest.raises(ModelFileError) as error:
        build_module(candidate("resnet18", tensors), tensors, FILE)
    assert str(error.value) == message


def test_a_view_of_one_number_is_not_made_large(random_weights) -> None:
    """A tensor that claims 2**40 numbers by strides of 0 has another shape, and is not copied."""
    _, tensors = random_weights("resnet18", "torchvision", 3)
    tensors["bn1.weight"] = torch.ones(1).expand(1 << 40)
    assert candidate("resnet18", tensors).mismatch.shapes == (
        "bn1.weight is (1099511627776,) and must be (64,)",
    )


def test_own_names() -> None:
    network = load_preset("lenet5")
    tensors = build(network, 4).state_dict()
    tensors = {name: value for name, value in tensors.items() if not name.startswith("normalise")}
    found = compare("lenet5", own_naming(network), network, tensors)
    assert not found.mismatch
    assert found.classes == 4
