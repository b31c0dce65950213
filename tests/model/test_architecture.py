"""The network of a preset, a YAML file or a model file."""

import pytest

from foveal.errors import SpecError, UsageError
from foveal.model.architecture import load_network
from foveal.network.presets import load_preset, preset_names
from foveal.spec import yaml
from foveal.spec.layers import LAYER_TYPES
from foveal.spec.preprocess import Input


def test_a_preset_a_file_and_another_size(tmp_path):
    size = Input(height=28, width=28, channels=1)
    assert load_network("swift-s", size) == load_preset("swift-s", size)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.dump_yaml(load_preset("lenet5").to_data()))
    assert load_network(path) == load_preset("lenet5")
    assert load_network(str(path), size).input == size


def test_channels_that_change_drop_the_statistics(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("preprocess: {mean: [0.1, 0.2, 0.3]}\nlayers: [global_avg_pool, output]\n")
    assert load_network(path).preprocess.mean == (0.1, 0.2, 0.3)
    assert load_network(path, Input(channels=1)).preprocess.mean is None


def test_what_is_not_there():
    with pytest.raises(UsageError) as caught:
        load_network("resnet81")
    assert str(caught.value) == (
        "there is no network 'resnet81' (did you mean 'resnet18'?); give a YAML file, a model "
        f"file, or one of the presets {', '.join(preset_names())}"
    )


def test_a_name_that_is_too_long_is_no_file():
    with pytest.raises(UsageError) as caught:
        load_network("a" * 300)
    assert str(caught.value) == (
        f"there is no network '{'a' * 300}'; give a YAML file, a model file, or one of the presets "
        f"{', '.join(preset_names())}"
    )


def test_a_file_with_mistakes(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("layers:\n  - relux\n  - output\n")
    with pytest.raises(SpecError) as caught:
        load_network(path)
    assert str(caught.value) == (
        f"{path}:2: layer 1: received 'relux' (did you mean 'relu'?); allowed are "
        f"{', '.join(LAYER_TYPES)}"
    )


@pytest.mark.parametrize("name", preset_names())
def test_a_model_files_architecture(name, tmp_path):
    import numpy as np

    from foveal.model.file import write_model_file
    from foveal.model.manifest import Manifest

    made = load_preset(name)
    path = tmp_path / "model.safetensors"
    write_model_file(
        path, Manifest(network=made, labels=("a", "b")), {"x": np.zeros(1, np.float32)}
    )
    assert load_network(path) == made


@pytest.mark.parametrize("suffix", ["onnx", "html"])
def test_an_exported_file_names_the_model_to_give(tmp_path, suffix):
    file = tmp_path / f"model.{suffix}"
    file.touch()
    with pytest.raises(UsageError) as caught:
        load_network(file)
    assert str(caught.value) == (
        f"{file} is an exported file, which holds no network; give the "
        "model.safetensors it was made from"
    )
