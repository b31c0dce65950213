"""Filters and maps of a run's newest checkpoint, against a plain forward pass."""

import base64
import json
import shutil

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

from foveal.errors import DataError
from foveal.images.resize import to_input_pixels
from foveal.network.build import build
from foveal.spec.network import Network
from foveal.studio.runs import live as live_module
from foveal.studio.runs import snapshot as snapshot_module
from foveal.studio.runs.live import LiveNetworks
from foveal.training import checkpoint


@pytest.fixture(scope="module")
def networks():
    return LiveNetworks()


@pytest.fixture
def module(finished):
    written = checkpoint.load_newest(finished / "checkpoint")
    plan = written.metadata["plan"]
    module = build(Network.model_validate(plan["network"]), len(plan["classes"]))
    module.load_state_dict(
        {
            name.removeprefix("module."): value
            for name, value in written.tensors.items()
            if name.startswith("module.")
        }
    )
    return module.eval()


def _values(packed):
    numbers = np.frombuffer(base64.b64decode(packed["values"]), np.int8)
    return numbers.reshape(packed["shape"]) * (packed["max_abs"] / 127)


def test_maps_filters_and_prediction_are_those_of_the_network(networks, finished, module, digits):
    image = sorted(digits.rglob("*.png"))[7]
    seen = networks.look(finished, None, image)
    network = Network.model_validate(
        checkpoint.load_newest(finished / "checkpoint").metadata["plan"]["network"]
    )
    pixels = torch.from_numpy(to_input_pixels(image, network.input, network.preprocess).copy())
    kept = []
    module.conv_1.register_forward_hook(lambda *parts: kept.append(parts[2][0]))
    with torch.inference_mode():
        logits = module(pixels.permute(2, 0, 1)[None].float())[0]
    assert seen["layer"] == "conv_1"
    assert seen["image"] == image.name
    weight = module.conv_1.state_dict()["weight"].numpy()
    for packed, expected in ((seen["maps"], kept[0].numpy()), (seen["filters"], weight)):
        end = np.percentile(np.abs(expected), 99)
        assert packed["max_abs"] == pytest.approx(end)
        np.testing.assert_allclose(_values(packed), expected.clip(-end, end), atol=end / 250)
    probabilities = torch.softmax(logits, 0)
    assert [row["label"] for row in seen["prediction"]] == [
        str(int(index)) for index in probabilities.argsort(descending=True)[:3]
    ]
    assert seen["prediction"][0]["probability"] == pytest.approx(float(probabilities.max()))


def test_the_first_image_of_val_is_shown_where_none_is_chosen(networks, finished):
    seen = networks.look(finished, "residual_1.layers.conv_1", None)
    assert seen["image"].endswith(".png")
    assert seen["maps"]["shape"] == [8, 4, 4]
    assert seen["filters"]["total"] == [8, 8]
    assert seen["filters"]["shape"] == [8, 4, 3, 3]
    assert networks.look(finished, "output", None)["maps"]["shape"] == [10, 1, 1]


def test_what_there_is_not_is_said(networks, finished, tmp_path):
    with pytest.raises(DataError) as caught:
        networks.look(finished, "conv_9", None)
    assert str(caught.value) == "the network of this run has no layer 'conv_9'; choose another"
    with pytest.raises(DataError) as caught:
        networks.look(tmp_path, None, None)
    assert str(caught.value) == (
        "the run has not saved a step yet; its filters appear in a few seconds"
    )


def test_logits_that_overflowed_predict_nothing(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "run")
    for path in (folder / "checkpoint").glob("*.safetensors"):
        with safe_open(path, framework="np") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        for name, value in tensors.items():
            if name.startswith("module.output"):
                value.fill(np.inf)
        save_file(tensors, path, metadata)
    seen = LiveNetworks().look(folder, None, None)
    assert seen["prediction"] == []
    assert json.loads(json.dumps(seen, allow_nan=False)) == seen


def test_threads_are_as_before(networks, finished):
    before = torch.get_num_threads()
    networks.look(finished, None, None)
    assert torch.get_num_threads() == before


def test_weights_are_read_once_while_the_checkpoint_is_the_same(finished, monkeypatch):
    networks, read = LiveNetworks(), []

    def module_weights(snapshot):
        read.append(snapshot.path)
        return snapshot_module.module_weights(snapshot)

    monkeypatch.setattr(live_module, "module_weights", module_weights)
    first = networks.look(finished, None, None)
    assert networks.look(finished, None, None)["maps"] == first["maps"]
    assert len(read) == 1


def test_classes_that_were_merged_are_predicted_as_one(networks, finished):
    apart = networks.look(finished, None, None)["prediction"]
    names = {one["label"] for one in apart[:2]}
    seen = networks.look(finished, None, None, lambda label: "x" if label in names else label)
    labels = [one["label"] for one in seen["prediction"]]
    assert (labels[0], len(set(labels))) == ("x", 3)
    together = apart[0]["probability"] + apart[1]["probability"]
    assert seen["prediction"][0]["probability"] == pytest.approx(together)
