"""The show verb: what it reads, and who set each hyperparameter."""

import numpy as np
import pytest

from foveal.errors import UsageError
from foveal.model.file import write_model_file
from foveal.model.manifest import Manifest
from foveal.network.presets import load_preset, preset_names
from foveal.network.provenance import designed_comment
from foveal.network.summary import Hyperparameter
from foveal.spec.network import Network
from foveal.spec.preprocess import Input
from foveal.spec.yaml import dump_yaml
from foveal.verbs.show import show, weights_origin

SMALL = Network(layers=["global_avg_pool", {"output": "sigmoid"}])


def test_a_network_value_is_summarised_with_the_default_number_of_classes():
    summary = show(SMALL)
    assert (summary.classes, summary.batch_size) == (2, 64)
    assert summary.cost.weights == 4
    assert show(SMALL, classes=5).cost.weights == 20
    assert summary.warnings == ()


def test_another_input_size_is_set_by_the_caller():
    summary = show(SMALL, input=Input(height=10, width=20))
    assert summary.hyperparameters[0] == Hyperparameter("input", "size", "10x20x3", "you")
    assert show(SMALL).hyperparameters[0].source == "default"
    assert show("lenet5").hyperparameters[0].source == "preset lenet5"


def test_a_file_says_whether_foveal_or_a_person_wrote_it(tmp_path):
    path = tmp_path / "network.yaml"
    text = dump_yaml(SMALL.to_data())
    for head, edited, source in (
        ("", text, "you"),
        (designed_comment(SMALL), text, "foveal design"),
        (designed_comment(SMALL), text.replace("sigmoid", "softmax"), "foveal design, then you"),
    ):
        path.write_text(head + edited)
        sources = {one.source for one in show(path).hyperparameters if one.layer == "input"}
        assert sources == {source}


@pytest.fixture
def model_file(tmp_path):
    manifest = Manifest(
        network=load_preset("lenet5"), labels=("a", "b", "c"), recipe={"batch_size": 32}
    )
    path = tmp_path / "model.safetensors"
    write_model_file(path, manifest, {"x": np.zeros(1, np.float32)})
    return path


def test_a_model_file_gives_classes_and_recipe(model_file):
    summary = show(model_file)
    assert summary.classes == 3
    assert Hyperparameter("1 conv", "channels", 6, "model file") in summary.hyperparameters
    assert summary.hyperparameters[-3:] == (
        Hyperparameter("recipe", "batch_size", 32, "training of the model file"),
        Hyperparameter("recipe", "learning_rate", None, "training (see --set)"),
        Hyperparameter("recipe", "epochs", None, "training (see --set)"),
    )


def test_the_drawing_is_written(tmp_path):
    show("lenet5", out=tmp_path / "lenet5.svg")
    assert (tmp_path / "lenet5.svg").read_text().startswith("<svg ")


def test_the_drawing_never_replaces_the_network(tmp_path):
    file = tmp_path / "network.yaml"
    file.write_text("layers: [flatten, output]\n")
    with pytest.raises(UsageError) as caught:
        show(file, out=file)
    assert str(caught.value) == (
        f"--out is the network itself, {file}, which is never altered; give another name"
    )
    assert file.read_text() == "layers: [flatten, output]\n"


def test_an_unknown_name_is_an_error():
    with pytest.raises(UsageError) as caught:
        show("lenet6")
    assert str(caught.value) == (
        "there is no network 'lenet6' (did you mean 'lenet5'?); give a YAML file, a model file, or "
        f"one of the presets {', '.join(preset_names())}"
    )


def test_where_the_weights_of_a_model_file_were_learned(model_file, tmp_path):
    assert weights_origin("lenet5") is None
    assert weights_origin(model_file) is None
    manifest = Manifest(network=SMALL, labels=("a", "b"), weights={"licence": "MIT\n"})
    write_model_file(tmp_path / "m.safetensors", manifest, {})
    assert weights_origin(tmp_path / "m.safetensors") == (
        "weights learned elsewhere: not named, source not recorded, licence MIT\\n"
    )
