"""Models come back from their file as they were, and a file cannot ask for more than it holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from foveal.errors import ModelFileError
from foveal.model import file as model_file
from foveal.model.manifest import Manifest
from foveal.model.model import Model, load_model, save_model
from foveal.spec.layers import BatchNorm, Conv, Dense, Flatten, GlobalAvgPool, Output, Relu
from foveal.spec.network import Network
from foveal.spec.preprocess import Input


@pytest.fixture
def model() -> Model:
    network = Network(
        input=Input(height=6, width=5, channels=3),
        layers=(Conv(4), BatchNorm(), Relu(), Flatten(), Dense(7), Output()),
    )
    manifest = Manifest(network=network, labels=("a", "b", "c"))
    return Model(network.build(3).eval(), manifest, np.array([2**64 - 1, 3], np.uint64))


def test_round_trip(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_model(path, model)
    back = load_model(path)
    assert back.train_hashes.tolist() == [3, 2**64 - 1]
    assert back.labels == ("a", "b", "c")
    assert not back.module.training
    batch = torch.randint(0, 256, (2, 3, 6, 5), dtype=torch.uint8)
    torch.testing.assert_close(back.module(batch), model.module(batch), rtol=0, atol=0)
    save_model(tmp_path / "again.safetensors", back)
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_gradients_flow_again(model: Model, tmp_path: Path) -> None:
    save_model(tmp_path / "m.safetensors", model)
    back = load_model(tmp_path / "m.safetensors")
    assert all(weight.requires_grad for weight in back.module.parameters())


def refusal(path: Path, manifest: Manifest, tensors: dict[str, np.ndarray]) -> str:
    model_file.write_model_file(path, manifest, tensors)
    with pytest.raises(ModelFileError) as caught:
        load_model(path)
    return str(caught.value).replace(str(path), "FILE")


def test_weights_of_another_network(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_model(path, model)
    manifest, tensors = model_file.read_model_file(path)
    wrong = tensors | {"output.weight": np.zeros((3, 8), np.float32)}
    assert refusal(path, manifest, wrong) == (
        "FILE is damaged: tensor output.weight must be float32 (3, 7), the file has "
        "float32 (3, 8); use the original file"
    )
    wrong = tensors | {"output.weight": tensors["output.weight"].astype(np.float64)}
    assert "must be float32 (3, 7), the file has float64 (3, 7)" in refusal(path, manifest, wrong)
    wrong = tensors | {"more": np.zeros(1)}
    assert "tensor more must be absent, the file has float64 (1,)" in refusal(path, manifest, wrong)
    wrong = tensors | {"train_hashes": np.zeros((1, 1))}
    assert refusal(path, manifest, wrong) == (
        "FILE is damaged: its tensor train_hashes is not valid"
    )


def test_a_small_file_cannot_ask_for_gigabytes(tmp_path: Path) -> None:
    network = Network(layers=(Conv(65_536), Conv(65_536), GlobalAvgPool(), Output()))
    text = refusal(tmp_path / "m.safetensors", Manifest(network=network, labels=("a", "b")), {})
    assert text.startswith("FILE is damaged: its network ")


def test_a_network_that_shrinks_to_nothing(tmp_path: Path) -> None:
    network = Network(
        input=Input(height=4, width=4),
        layers=(Conv(4, padding="valid"), Conv(4, padding="valid"), Flatten(), Output()),
    )
    text = refusal(tmp_path / "m.safetensors", Manifest(network=network, labels=("a", "b")), {})
    assert text.startswith("FILE is damaged: its network is not valid: ")
    assert "\n" not in text


def test_an_error_without_a_word_is_named_by_its_type(tmp_path: Path, monkeypatch) -> None:
    def fail(*_arguments, **_options):
        raise RuntimeError

    network = Network(layers=(GlobalAvgPool(), Output()))
    monkeypatch.setattr("foveal.model.model.build", fail)
    text = refusal(tmp_path / "m.safetensors", Manifest(network=network, labels=("a", "b")), {})
    assert text == "FILE is damaged: its network is not valid: RuntimeError"


def test_an_exported_file_holds_no_module(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"\x08\x0a\x12\x00" + b"x" * 40)
    with pytest.raises(ModelFileError) as caught:
        load_model(path)
    assert str(caught.value) == (
        f"{path} is an exported file, which holds no torch module; give the model.safetensors it "
        "was exported from"
    )
