"""Which network and naming a file has; files that fit none, or two."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from foveal.errors import ModelFileError, UsageError
from foveal.model.architecture import load_network
from foveal.network.build import build
from foveal.network.presets import load_preset
from foveal.pretrained.identification import identify

FILE = Path("w.pth")


@pytest.mark.parametrize("network", [None, "resnet18"])
@pytest.mark.parametrize("naming", ["torchvision", "huggingface"])
def test_network_and_naming_are_found(random_weights, network, naming) -> None:
    _, tensors = random_weights("resnet18", naming, 4)
    found = identify(tensors, FILE, network, None)
    assert (found.preset, found.naming.name, found.classes) == ("resnet18", naming, 4)


def test_own_names_are_found_for_any_network(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("layers: [{conv: 4}, relu, flatten, {output: softmax}]\n")
    module = build(load_preset("lenet5"), 3)
    found = identify(module.state_dict(), FILE, "lenet5", None)
    assert (found.preset, found.naming.name, found.classes) == ("lenet5", "foveal", 3)
    tensors = build(load_network(file), 3).state_dict()
    tensors["normalise.mean"] = torch.full((1, 3, 1, 1), 0.75)
    found = identify(tensors, FILE, str(file), None)
    assert (found.preset, found.classes) == (str(file), 3)
    assert found.network.preprocess.statistics(3) == ((0.75,) * 3, (0.25,) * 3)


def test_own_names_of_a_network_with_one_output(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("layers: [{conv: 4}, relu, flatten, {output: sigmoid}]\n")
    found = identify(build(load_network(file), 2).state_dict(), FILE, str(file), None)
    assert found.classes == 2


def test_two_sources_of_the_same_names_are_told_apart_by_the_user(random_weights) -> None:
    _, tensors = random_weights("efficientnet-lite0", "timm", 4)
    with pytest.raises(UsageError) as error:
        identify(tensors, FILE, "efficientnet-lite0", None)
    assert str(error.value) == (
        "the tensors of w.pth fit efficientnet-lite0 of two sources whose padding and epsilon "
        "differ, which no weights file shows: give --naming timm for weights whose name in timm "
        "does not start with tf_, --naming timm-tf for weights whose name in timm starts with tf_"
    )
    found = identify(tensors, FILE, "efficientnet-lite0", "timm-tf")
    assert found.naming.name == "timm-tf"


def test_what_is_missing_left_over_and_of_another_shape_is_listed(random_weights) -> None:
    _, tensors = random_weights("resnet18", "torchvision", 4)
    del tensors["bn1.weight"]
    tensors["aux.weight"] = torch.ones(3)
    tensors["fc.bias"] = torch.ones(5)
    with pytest.raises(ModelFileError) as error:
        identify(tensors, FILE, "resnet18", None)
    assert str(error.value) == (
        "w.pth does not fit resnet18 in the naming of torchvision: 1 tensor is missing "
        "(bn1.weight), 1 tensor is left over (aux.weight), 1 tensor is of another shape (fc.bias "
        "is (5,) and must be (4,)); nothing was written"
    )


def test_the_network_that_fits_is_named(random_weights) -> None:
    _, tensors = random_weights("resnet18", "torchvision", 4)
    with pytest.raises(ModelFileError) as error:
        identify(tensors, FILE, "resnet34", None)
    sentence = str(error.value)
    assert sentence.startswith(
        "w.pth does not fit resnet34 in the naming of torchvision: 80 tensors are missing "
        "(layer1.2.conv1.weight, "
    )
    assert sentence.endswith(
        "; its tensors are those of resnet18: give --network resnet18; nothing was written"
    )
    assert sentence.count(".running_var") == 16, "the list is full"


def test_a_file_of_something_else_is_refused_in_one_sentence() -> None:
    tensors = {f"encoder.{index}\x1b[2J.weight": torch.ones(1) for index in range(5)}
    with pytest.raises(ModelFileError) as error:
        identify(tensors, FILE, "resnet18", None)
    assert str(error.value) == (
        "no tensor of w.pth has a name of resnet18: its names are encoder.0\\x1b[2J.weight, "
        "encoder.1\\x1b[2J.weight, encoder.2\\x1b[2J.weight and 2 more, and those of resnet18 "
        "start with conv1.weight (torchvision); nothing was written"
    )
    with pytest.raises(ModelFileError) as error:
        identify(tensors, FILE, None, None)
    assert str(error.value).startswith("no tensor of w.pth has a name of a known network: its ")


def test_wrong_words_are_refused() -> None:
    with pytest.raises(UsageError) as error:
        identify({}, FILE, "resnet18", "tim")
    assert str(error.value) == (
        "--naming is 'tim' (did you mean 'timm'?); give one of torchvision, timm, timm-tf, "
        "huggingface, lukemelas, foveal"
    )
    with pytest.raises(UsageError) as error:
        identify({}, FILE, "resnet18", "lukemelas")
    assert str(error.value) == (
        "resnet18 has no naming 'lukemelas'; leave --naming out or give one of torchvision, "
        "huggingface, foveal"
    )
