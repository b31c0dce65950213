"""The page's data: the prediction, the same at every run, at most 15 MB, top images."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import foveal
from foveal.explanation.activations import record_activations
from foveal.explanation.explain import Explanation
from foveal.explanation.lens.data import lens_data
from foveal.explanation.shift import measure_shifts
from foveal.explanation.top_activations import TOP_IMAGES_PER_FILTER
from foveal.model.manifest import Manifest
from foveal.model.model import Model
from foveal.network.presets import load_preset
from foveal.pages import render
from foveal.prediction.prediction import make_prediction
from foveal.prediction.predictor import Predictor
from foveal.spec import layers as L
from foveal.spec.network import Network
from foveal.spec.preprocess import Input

pytestmark = pytest.mark.usefixtures("few_passes")


def test_the_page_has_the_prediction_and_every_layer(model, image, explanation):
    prediction = next(iter(Predictor(model).predict([image])))
    data = lens_data(explanation)
    assert (data["label"], data["probability"]) == (prediction.label, prediction.probability)
    names = [layer.name for layer in explanation.activations.layers]
    assert [layer["name"] for layer in data["layers"]] == names
    assert data["layers"][data["initial_layer"]]["kind"] == "conv"
    assert data["model"]["layers"] == len(names) - 2
    assert data["map_sample"] is None
    assert (data["top_images"], data["top_images_missing"]) == (None, "no_data_file")
    assert len(data["shift_predictions"]) == 3
    assert [one["method"] for one in data["attributions"]] == [
        attribution.method for attribution in explanation.attributions
    ]


def test_it_is_the_same_at_every_run(model, image, explanation):
    again = lens_data(foveal.explain(model, image))
    assert json.dumps(again) == json.dumps(lens_data(explanation))


def test_the_output_gives_the_probabilities(model, image, explanation):
    data = lens_data(explanation)
    output = data["layers"][-1]["output"]
    assert output["activation"] == model.manifest.activation
    logits = explanation.activations.logits.double().numpy()
    if output["mirrored_logits"] is not None:
        logits = (logits + np.array(output["mirrored_logits"])) / 2
    if len(logits) > 1 and output["activation"] == "softmax":
        scaled = np.exp(logits / data["temperature"] - output["max_scaled_logit"])
        found = scaled / (scaled.sum() + output["remainder"])
        assert found.max() == pytest.approx(explanation.probability, abs=1e-6)


def test_large_maps_are_downsampled():
    from foveal.explanation.lens.data import MAX_ATTRIBUTION_SIDE, _downsample

    values = np.random.default_rng(0).normal(size=(500, 300)).astype(np.float32)
    small = _downsample(values)
    assert small.shape == (166, 100)
    assert max(small.shape) <= MAX_ATTRIBUTION_SIDE
    assert small[0, 0] == pytest.approx(values[:3, :3].mean(), abs=1e-6)
    assert _downsample(values[:224, :224]) is not None


def without_attributions(network: Network, pixels: np.ndarray) -> Explanation:
    """An explanation without attribution maps, which take long on large networks."""
    labels = ("a", "b", "c")
    model = Model(network.build(3).eval(), Manifest(network=network, labels=labels))
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    activations = record_activations(model, image, 0)
    row = Predictor(model).probabilities(pixels[None])[0]
    prediction = make_prediction(row, model.manifest, "x", 5)
    return Explanation(
        label=str(prediction.label),
        probability=float(prediction.probability or 0),
        prediction=prediction,
        image_name="x",
        model=model,
        pixels=pixels,
        label_index=0,
        activations=activations,
        shifts=tuple(measure_shifts(model.module, activations)),
        attributions=(),
        top_images=None,
        top_images_missing="no_data_file",
    )


WIDE = Network(
    input=Input(height=300, width=240),
    layers=(
        L.Conv(48, kernel=1),
        L.Relu(),
        L.Conv(64, kernel=1),
        L.Relu(),
        L.GlobalAvgPool(),
        L.Output(),
    ),
)


@pytest.mark.parametrize("network", [load_preset("resnet18"), WIDE], ids=["resnet18", "wide"])
def test_large_networks_fit_into_15_mb_and_the_page_says_what_is_left_out(network):
    pixels = np.random.default_rng(0).integers(0, 256, network.input.shape, np.uint8)
    explanation = without_attributions(network, pixels)
    data = lens_data(explanation)
    assert len(render("lens", data, "en").encode()) <= 15_000_000
    assert data["map_sample"]["shown"] < data["map_sample"]["total"]
    names = {layer.name for layer in explanation.activations.layers}
    assert {layer["name"] for layer in data["layers"]} == names


def test_every_filter_has_its_top_images_with_their_receptive_fields(tmp_path, model, image):
    rng = np.random.default_rng(1)
    height, width, channels = model.manifest.network.input.shape
    for number in range(6):
        file = tmp_path / "images" / "a" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (height, width, channels), np.uint8)
        Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels).save(file)
    explanation = foveal.explain(model, image, data=tmp_path / "images")
    data = lens_data(explanation)["top_images"]
    assert data["image_count"] == 6
    assert (data["height"], data["width"]) == (height, width)
    lost = next(iter(explanation.top_images.pixels))
    explanation.top_images.pixels.pop(lost)
    top = explanation.top_images.layers["conv_1"].images
    shown = lens_data(explanation)["top_images"]["filters"].get(
        str(explanation.activations.layer("conv_1").id), {}
    )
    for channel in range(top.shape[1]):  # none behind an image that is missing
        ranks = top[:, channel].tolist()
        before = ranks.index(lost) if lost in ranks else len(ranks)
        assert len(shown.get(str(channel), [])) == before
    layer = explanation.activations.layer("conv_1")
    rows = data["filters"][str(layer.id)]["0"]
    assert len(rows) == TOP_IMAGES_PER_FILTER
    for number, top, left, box_height, box_width, value in rows:
        assert data["images"][number]["uri"].startswith("data:image/")
        assert (box_height, box_width) == layer.receptive_field.size
        assert top < height
        assert left < width
        assert value <= rows[0][-1]
