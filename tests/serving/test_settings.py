"""What a server is told reaches its workers whole; models get names that fit an address."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foveal.errors import UsageError
from foveal.serving.settings import ServerLimits, Settings, name_models, settings_from


def test_settings_survive_json() -> None:
    settings = Settings(
        models={"a": Path("/x/a.onnx")}, host="::1", port=1, workers=3, hosts=("h",),
        origins=("o",), token="t", limits=ServerLimits(queue=5, wait_seconds=0.5),
    )  # fmt: skip
    assert settings_from(json.loads(json.dumps(settings.to_data()))) == settings


def test_names(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "leaves 7" / "model.safetensors"
    assert name_models(["bees.onnx", Path("x/cats.v2.safetensors"), "dogs=y/z.onnx", run]) == {
        "bees": Path("bees.onnx"),
        "cats.v2": Path("x/cats.v2.safetensors"),
        "dogs": Path("y/z.onnx"),
        "leaves-7": run,
    }


def test_a_file_with_an_equals_sign_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a=b.onnx"
    path.touch()
    assert name_models([str(path)]) == {"a-b": path}


def test_two_models_of_one_name() -> None:
    with pytest.raises(UsageError) as caught:
        name_models(["x/a.onnx", "y/a.onnx"])
    assert str(caught.value) == (
        "two models are called 'a', x/a.onnx and y/a.onnx: give one of them another name with "
        "NAME=FILE"
    )


@pytest.mark.parametrize("name", ["a/b", "", "..", "a b", "x" * 65])
def test_a_name_that_fits_no_address(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        name_models([f"{name}=m.onnx"])
    assert str(caught.value) == (
        f"the model name '{name}' of m.onnx does not fit into an address: give NAME=m.onnx with a "
        "NAME of at most 64 letters, digits, '.', '_' and '-'"
    )
