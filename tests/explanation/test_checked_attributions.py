"""Which layer a class activation map is taken from, and how many passes are spent."""

import pytest

import foveal
from foveal.errors import UsageError
from foveal.explanation.checked_attributions import (
    AttributionSettings,
    attribution_settings,
    layers_with_maps,
)

pytestmark = pytest.mark.usefixtures("few_passes")


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            "conv_11",
            "the network has no layer 'conv_11' (did you mean 'conv_1'?); `foveal show MODEL` "
            "lists them",
        ),
        (
            "output",
            "the layer 'output' has no feature maps, so no class activation map can be taken from "
            "it; give one of {names}",
        ),
    ],
)
def test_a_layer_without_maps_is_refused(model, image, layer, message):
    explained = foveal.explain(model, image)
    names = [one.name for one in layers_with_maps(explained.activations)]
    with pytest.raises(UsageError) as caught:
        foveal.explain(model, image, layer=layer)
    assert str(caught.value) == message.format(names=", ".join(names[-5:]))


def test_a_given_layer_is_taken(model, image):
    name = layers_with_maps(foveal.explain(model, image).activations)[0].name
    attribution = foveal.explain(model, image, layer=name).attribution("cam")
    assert (attribution.layer, attribution.variant) == (name, "layer_cam")
    assert attribution.reason == f"{name} was given by name"


def test_large_networks_take_fewer_passes(monkeypatch):
    monkeypatch.undo()
    assert attribution_settings(10_000_000) == AttributionSettings(19, 10, 2, 7, 32)
    assert attribution_settings(10_000_001) == AttributionSettings(19, 6, 1, 5, 16)
    assert attribution_settings(500_000_001) == AttributionSettings(9, 6, 1, 5, 16)
