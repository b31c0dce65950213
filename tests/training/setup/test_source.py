"""The model a run starts from, as it is named, and whether a network can take its weights."""

import pytest

from foveal.errors import UsageError
from foveal.model.model import load_model
from foveal.network.build import build
from foveal.spec.layers import Conv
from foveal.training.setup.source import describe_source, load_source, missing_weights


def test_a_file_with_weights_from_elsewhere_is_pretrained(tiny_pretrained, digits_run):
    source = load_source(tiny_pretrained)
    assert source.pretrained
    assert source.labels == ("3", "cat", "dog", "tree")
    assert describe_source(source) == {
        "name": str(tiny_pretrained),
        "sha256": load_model(tiny_pretrained).manifest.weights_sha256,
        "weights": {"name": "tiny", "licence": "CC0-1.0", "sha256": "5" * 64},
    }
    own = load_source(digits_run / "model.safetensors")
    assert not own.pretrained
    assert describe_source(own)["weights"] == {"name": "model.safetensors", "sha256": own.sha256}
    assert describe_source(None) == {"name": "scratch"}


def test_what_is_neither_name_nor_file_is_refused():
    with pytest.raises(UsageError) as caught:
        load_source("nowhere.safetensors")
    assert str(caught.value).startswith(
        "--from received 'nowhere.safetensors', which is neither a model file nor a pretrained "
        "network; give auto, scratch, a model file or one of efficientnet-lite0, "
    )


def test_missing_weights_are_those_of_another_name_or_shape(tiny_pretrained):
    source = load_source(tiny_pretrained)
    network = source.network
    assert missing_weights(network, 7, "single", source) == ()
    other = network.model_copy(
        update={"layers": (*network.layers[:-6], Conv(14), *network.layers[-5:])}
    )
    missing = missing_weights(other, 7, "single", source)
    shapes = {name: value.shape for name, value in build(other, 7).state_dict().items()}
    assert missing == tuple(
        name
        for name, shape in shapes.items()
        if not name.startswith(("output.", "normalise.")) and source.weights[name].shape != shape
    )
    assert "conv_3.weight" in missing
