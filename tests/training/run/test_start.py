"""A run starts from a model file, from a pretrained network or from scratch, and says so."""

import json
import shutil
import zipfile

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from foveal.errors import UsageError
from foveal.model.model import load_model
from foveal.pretrained.start import installed_names
from foveal.verbs.explain import explain
from foveal.verbs.train import train


def test_starting_from_a_model(finished, digits, tiny_network, tmp_path, messages):
    tiny_network.write_text(tiny_network.read_text().replace("conv: 12", "conv: 10"))
    train(
        digits,
        network=tiny_network,
        start_from=tmp_path / "run" / "model.safetensors",
        epochs=1,
        out=tmp_path / "two",
        progress=messages,
    )
    lines = [line for line in messages.texts if line.startswith("not loaded from")]
    assert len(lines) == 1
    assert "conv_2.weight" in lines[0]
    assert "conv_1.weight" not in lines[0]


def test_starting_from_a_model_of_other_classes(finished, digits, tmp_path, messages):
    model = tmp_path / "run" / "model.safetensors"
    other = tmp_path / "other"
    for new, old in {"0first": "7", "3": "3", "5": "5"}.items():
        shutil.copytree(digits / old, other / new)
    run = train(
        other,
        start_from=model,
        epochs=0.05,
        overrides={"learning_rate": 1e-9},
        out=tmp_path / "three",
        progress=messages,
    )
    left = "'0', '1', '2', '4', '6', '7', '8', '9'"
    assert f"classes, by name: kept '3', '5'; new '0first'; left {left}" in messages.texts
    before, after = (load_file(path) for path in (model, run.model_path))
    for row, name in ((1, 3), (2, 5)):
        kept, old = (tensors["output.weight"] for tensors in (after, before))
        np.testing.assert_allclose(kept[row], old[name], atol=1e-4)


def _counts(folder):
    return json.loads((folder / "data.json").read_text())["counts"]


def test_starting_from_a_pretrained_network(
    digits, transferred, tiny_pretrained, tmp_path, messages
):
    run = transferred(tmp_path / "run", progress=messages)
    texts = messages.texts
    assert (
        "design: input.channels 3: grey images are repeated to the three channels of the weights"
        in texts
    )
    source = f"{tiny_pretrained} (licence CC0-1.0)"
    assert f"from {source}: 24 of 24 tensors loaded; the output layer is new" in texts
    head, epoch = run.history
    assert (head["epoch"], head["stage"], head["selected"]) == (0, "head", True)
    assert (epoch["epoch"], epoch["stage"]) == (1, "training")
    said = [text for text in texts if text.startswith("model file after ")]
    assert said[0].endswith(
        f" s: validation accuracy {100 * head['val_accuracy']:.2f} % (n={run.val_images}), the "
        f"output layer fitted to features of {_counts(tmp_path / 'run')['train']} images"
    )
    model, source = load_model(run.model_path), load_model(tiny_pretrained)
    assert model.manifest.weights == source.manifest.weights
    preprocess = model.manifest.network.preprocess
    assert (preprocess.mean, preprocess.std) == ((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    for name, value in source.module.state_dict().items():
        if "running" in name:
            assert torch.equal(model.module.state_dict()[name], value)
    recipe = (tmp_path / "run" / "recipe.yaml").read_text()
    assert 'linear_probe: "on"  # features of the pretrained network' in recipe
    assert 'optimizer: "adamw"' in recipe
    assert run.report_path.is_file()
    lens = tmp_path / "lens.html"
    explain(run.model_path, sorted(digits.rglob("*.png"))[0], out=lens)
    assert lens.is_file()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"start_from": "efficientnet-light0"},
            "--from received 'efficientnet-light0' (did you mean 'efficientnet-lite0'?), which is "
            "neither a model file nor a pretrained network; give auto, scratch, a model file or "
            "one of efficientnet-lite0, ",
        ),
        (
            {"start_from": ""},
            "--from received '', which is neither a model file nor a pretrained network; give "
            "auto, scratch, a model file or one of efficientnet-lite0, ",
        ),
        (
            {"start_from": "scratch", "overrides": {"linear_probe": "on"}},
            "linear_probe is on, but the run starts from random weights, whose features say "
            "little; name a pretrained network or a model file with --from",
        ),
        (
            {"start_from": "scratch", "overrides": {"fine_tune": "off"}},
            "fine_tune is off and there is no linear_probe, so nothing would be trained; start "
            "from a pretrained network with --from, or leave fine_tune out",
        ),
        (
            {"start_from": "scratch", "overrides": {"freeze": 3}},
            "freeze is 3, but the network has 3 layers with weights, of which the last is always "
            "trained; give at most 2",
        ),
    ],
    ids=str,
)
def test_a_start_that_cannot_be_is_one_sentence(digits, tiny_network, tmp_path, keys, words):
    with pytest.raises(UsageError) as caught:
        train(digits, network=tiny_network, epochs=1, out=tmp_path / "run", **keys)
    assert str(caught.value).startswith(words)


def test_a_linear_probe_needs_the_network_of_the_weights(
    digits, tiny_network, tiny_pretrained, tmp_path, messages
):
    keys = {"network": tiny_network, "epochs": 1, "start_from": tiny_pretrained}
    with pytest.raises(UsageError) as caught:
        train(digits, out=tmp_path / "a", overrides={"linear_probe": "on"}, **keys)
    assert str(caught.value) == (
        f"linear_probe is on, but 6 tensors of the network cannot be those of {tiny_pretrained}, "
        "the first is conv_1.weight; leave --network out to train the network of the weights, or "
        "set linear_probe to off"
    )


def test_a_model_of_ones_own_can_be_probed(finished, digits, tmp_path):
    other = tmp_path / "other"
    for new, old in {"seven": "7", "3": "3", "five": "5"}.items():
        shutil.copytree(digits / old, other / new)
    model = tmp_path / "run" / "model.safetensors"
    run = train(
        other,
        start_from=model,
        epochs=1,
        overrides={"linear_probe": "on"},
        out=tmp_path / "probed",
    )
    assert [line.get("stage") for line in run.history] == ["head"]  # too few images to go on
    assert run.val_accuracy > 0.6


def test_small_images_start_from_scratch_and_say_why(digits, tmp_path, messages):
    train(digits, epochs=0.2, out=tmp_path / "run", progress=messages)
    assert messages.texts[0] == (
        "design: start from scratch: grey images of 8x8 pixels are smaller than the 64 from which "
        "on features of photographs serve"
    )


@pytest.mark.realdata
def test_photos_start_from_an_installed_network(realdata, tmp_path, messages):
    if "efficientnet-lite0" not in installed_names():
        pytest.skip("needs the extra 'pretrained'")
    photos = tmp_path / "photos"
    with zipfile.ZipFile(realdata("catdog.zip")) as archive:
        names = [name for name in archive.namelist() if "/train/" in f"/{name}" and name[-1] != "/"]
        archive.extractall(photos, names[:50] + names[-50:])
    run = train(photos / "train", minutes=2, out=tmp_path / "run", size=160, progress=messages)
    assert messages.texts[0].startswith(
        "design: start from efficientnet-lite0: its ImageNet weights"
    )
    assert [line.get("stage") for line in run.history] == ["head"]
    assert run.val_accuracy > 0.7
    assert load_model(run.model_path).manifest.weights["licence"] == "Apache-2.0"
