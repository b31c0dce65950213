"""The explanation as a value: the prediction, its mappings, its attribution maps."""

from dataclasses import replace

import numpy as np
import pytest

from foveal.errors import UsageError
from foveal.explanation.explain import explain
from foveal.explanation.lens.data import lens_data
from foveal.prediction.predictor import Predictor

pytestmark = pytest.mark.usefixtures("few_passes")


def test_label_and_probability_are_those_of_predict(model, image, explanation):
    prediction = next(iter(Predictor(model).predict([image])))
    assert (explanation.label, explanation.probability) == (
        prediction.label,
        prediction.probability,
    )


def test_mappings_by_layer_name(model, image, explanation):
    assert explanation.maps["output"].shape == (len(explanation.activations.logits),)
    weight = model.module.get_parameter("conv_1.weight").detach().numpy()
    assert np.array_equal(explanation.filters["conv_1"], weight)
    assert "conv_1" in explanation.contributions
    for name, contributions in explanation.contributions.items():
        assert np.abs(contributions).sum() == pytest.approx(100), name
    assert [shift.pixels for shift in explanation.shifts] == [1, 2, 3]
    assert (explanation.top_images, explanation.top_images_missing) == (None, "no_data_file")


def test_an_attribution_is_returned_by_its_method(image, explanation):
    assert explanation.attribution("occlusion").values.shape == image.shape[:2]
    with pytest.raises(UsageError) as caught:
        explanation.attribution("oclusion")
    assert str(caught.value) == (
        "there is no attribution map 'oclusion' (did you mean 'occlusion'?); this explanation has "
        "cam, integrated_gradients, occlusion"
    )


def test_a_notebook_shows_every_attribution(explanation):
    html = explanation._repr_html_()
    assert html.count("<img") == 3
    assert explanation.label in html
    for attribution in explanation.attributions:
        word = "faithful" if attribution.faithfulness.faithful else "not faithful"
        assert f"{attribution.method}: {word}; " in html


@pytest.mark.parametrize("model", ["odd"], indirect=True)
def test_multi_label(model, image):
    manifest = model.manifest
    labels = ("a", "b", "c")
    multi = replace(
        model,
        module=manifest.network.build(3, task="multi").eval(),
        manifest=manifest.model_copy(update={"task": "multi", "labels": labels}),
    )
    prediction = next(iter(Predictor(multi).predict([image])))
    data = lens_data(explain(multi, image, prediction, image_name="x"))
    assert data["task"] == "multi"
    assert data["layers"][-1]["shape"] == [3]
